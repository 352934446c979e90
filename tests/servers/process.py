"""What every server of the tests shares: accounts, private directories, an unprivileged user, start and stop."""

from __future__ import annotations

import grp
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.install import SERVERS, library_path

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
PASSWORD = "pw"  # every account of every server has it, and no other is accepted
START_SECONDS = 20.0
STOP_SECONDS = 5.0


class ServerFailed(Exception):
    """A server is not installed, did not start or ended too early."""


@dataclass(frozen=True)
class Account:
    """Where and how one test signs in; `preauth` means that the greeting already did it."""

    host: str
    port: int
    user: str
    password: str
    preauth: bool = False
    tls_port: int | None = None
    ca: Path | None = None
    delimiter: str = "/"
    prefix: str = ""


class AccountNames:
    """Gives out user names that no test had before."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """Return a name used for the first time."""
        return f"user{next(self._numbers)}"


@dataclass(frozen=True)
class Owner:
    """The unprivileged user as whom servers run and who owns their files: nobody when the tests run as root."""

    user: str
    group: str
    uid: int
    gid: int

    @classmethod
    def current(cls) -> Owner:
        """Return the user who runs the tests, or nobody in place of root."""
        uid, gid = os.geteuid(), os.getegid()
        if uid == 0:
            nobody = pwd.getpwnam("nobody")
            uid, gid = nobody.pw_uid, nobody.pw_gid
        return cls(pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name, uid, gid)

    def take(self, *paths: Path) -> None:
        """Give files and whole directories made by a test to the server."""
        if os.geteuid() != 0:
            return
        for path in paths:
            for inner in (path, *path.rglob("*")):
                os.chown(inner, self.uid, self.gid, follow_symlinks=False)

    def command(self, *command: str | Path) -> list[str]:
        """Return `command` run as this user and ended with the thread that started it, however that ends."""
        drop = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", "--pdeathsig", "TERM", *drop, *map(str, command)]


class Home:
    """A short private directory below /tmp, where a server keeps everything: sockets allow 107 bytes of path."""

    def __init__(self, server: str) -> None:
        self.owner = Owner.current()
        self.path = Path(tempfile.mkdtemp(prefix=f"pb-{server}-", dir="/tmp"))
        self.path.chmod(0o755)
        self.owner.take(self.path)
        self.programs = self._reachable(server)

    def _reachable(self, server: str) -> Path:
        """Return the unpacked server, copied here if the server's user cannot reach the repository."""
        unpacked = SERVERS / server
        if not (unpacked / "installed").is_file():
            self.remove()
            raise ServerFailed(f"{server} is not in {SERVERS}: run `make servers`")
        seen = subprocess.run(self.owner.command("test", "-r", unpacked / "installed"), check=False)
        if seen.returncode == 0:
            return unpacked
        copy = self.path / "programs"
        shutil.copytree(unpacked, copy, symlinks=True)
        return copy

    @property
    def environment(self) -> dict[str, str]:
        """Return the whole environment in which the server's programs run: nothing of the tests' own."""
        return {
            "LD_LIBRARY_PATH": library_path(self.programs),
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            # Makes fsync() do nothing: Cyrus waits for the disk several times a message, and no test pulls the plug.
            "LD_PRELOAD": ":".join(map(str, self.programs.glob("usr/lib/*/libeatmydata.so"))),
            "SASL_PATH": ":".join(map(str, self.programs.glob("usr/lib/*/sasl2"))),
        }

    def directory(self, name: str) -> Path:
        """Make a directory that belongs to the server."""
        path = self.path / name
        path.mkdir(parents=True, exist_ok=True)
        self.owner.take(path)
        return path

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file that belongs to the server."""
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.owner.take(path)
        return path

    def run(self, *command: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> str:
        """Run one of the server's tools to its end and return its output; raise ServerFailed with its words."""
        done = subprocess.run(
            self.owner.command(*command),
            input=stdin,
            env=self.environment,
            cwd=cwd or self.path,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"{command}: exit status {done.returncode}: {(done.stderr + done.stdout).decode()}")
        return done.stdout.decode()

    def daemon(self, *command: str | Path, cwd: Path | None = None) -> Daemon:
        """Start the server's program as its user."""
        return Daemon(self.owner.command(*command), cwd=cwd or self.path, env=self.environment)

    def remove(self) -> None:
        """Remove the directory and all mail in it."""
        shutil.rmtree(self.path, ignore_errors=True)


class Daemon:
    """A server process in the foreground, up once its port sends a greeting."""

    def __init__(
        self, command: list[str], *, cwd: Path, env: dict[str, str] | None = None, pass_fds: tuple[int, ...] = ()
    ) -> None:
        self._console = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill()
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=self._console,
            start_new_session=True,
            pass_fds=pass_fds,
        )

    def wait_for_greeting(self, port: int) -> None:
        """Return when the server greets on `port`; raise ServerFailed if it ends or START_SECONDS pass."""
        self.wait_until(lambda: greets(port), f"greeting on port {port}")

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Return when `ready` says so; raise ServerFailed if the server ends before or START_SECONDS pass."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self.console()
                self.kill()
                raise ServerFailed(f"no {what}: {said}")
            time.sleep(0.02)

    def console(self) -> str:
        """Return what the server wrote to its standard output and error."""
        self._console.seek(0)
        return self._console.read().decode(errors="replace")

    def stop(self) -> None:
        """Ask the server to end, wait for it, and end whatever is left of it."""
        try:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        self.kill()

    def kill(self) -> None:
        """End the server and everything it started, at once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._console.close()


def greets(port: int) -> bool:
    """Say whether somebody on `port` sends the first bytes of an IMAP greeting."""
    try:
        with socket.create_connection((HOST, port), timeout=2.0) as connection:
            return connection.recv(2) == b"* "
    except OSError:
        return False


def free_port() -> int:
    """Return a port nobody listens on, outside the range from which the kernel takes those of clients."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            return port
