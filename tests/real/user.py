"""A person with a home directory of her own who runs the real command line, in pipes or at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.fakes.terminal import FakeTerminal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.process import Account

PROGRAM = (sys.executable, "-m", "postboat")
PATIENCE = 60.0

OFFLINEIMAPRC = """\
[general]
accounts = MyMail
{general}

[Account MyMail]
localrepository = MyMailLocal
remoterepository = MyMailRemote
{account}

[Repository MyMailLocal]
type = Maildir
localfolders = ~/MyMail
{local}

[Repository MyMailRemote]
type = IMAP
remotehost = {at.host}
remoteport = {at.port}
remoteuser = {at.user}
ssl = no
starttls = no
{remote}
"""
"""The article's basic example with its gaps filled for a server on this machine."""


def offlineimaprc(at: Account, *, general: str = "", account: str = "", local: str = "", remote: str = "") -> str:
    """The basic example for a test's account, with its password unless `remote` names another source."""
    if "remotepass" not in remote:
        remote += f"\nremotepass = {at.password}"
    return OFFLINEIMAPRC.format(at=at, general=general, account=account, local=local, remote=remote)


@dataclass(frozen=True)
class Ran:
    """What one run of the program gave."""

    code: int
    out: str
    err: str

    def assert_in_sync(self) -> Self:
        """It ended well and found nothing to complain about."""
        assert (self.code, self.err) == (0, ""), self
        return self


class User:
    """A user with an empty home directory and an environment of her own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.mail = home / "MyMail"
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    def write(self, name: str, text: str) -> Path:
        """Write a file that is nobody else's business."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    def start(self, *words: object, env: dict[str, str] | None = None, **streams: object) -> subprocess.Popen[str]:
        """Start the program; what is not said about its streams: empty input, output into pipes."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
            [*PROGRAM, *map(str, words)],
            env=self.environment | (env or {}),
            cwd=self.home,
            encoding="utf-8",
            errors="surrogateescape",
            **pipes,
        )

    def run(self, *words: object, env: dict[str, str] | None = None, **streams: object) -> Ran:
        """Run the program to its end."""
        with self.start(*words, env=env, **streams) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ran(process.returncode, out, err)

    def at_terminal(self, *words: object, env: dict[str, str] | None = None) -> Terminal:
        """Run the program as a person does who sits at a terminal."""
        return Terminal([*PROGRAM, *map(str, words)], self.environment | (env or {}), self.home)

    def drop(self, message: bytes, folder: str = "INBOX", name: str = "1.local") -> Path:
        """Put a message into a folder below ~/MyMail, as another program does."""
        for part in ("cur", "new", "tmp"):
            (self.mail / folder / part).mkdir(parents=True, exist_ok=True)
        path = self.mail / folder / "new" / name
        path.write_bytes(message.replace(b"\r\n", b"\n"))
        return path

    def folders(self) -> dict[str, int]:
        """Local folders below ~/MyMail by name, and how many messages each holds."""
        roots = sorted(path.parent for path in self.mail.rglob("cur"))
        return {
            str(root.relative_to(self.mail)): sum(len(list((root / part).iterdir())) for part in ("new", "cur"))
            for root in roots
        }

    def everything(self) -> set[str]:
        """Every file and directory in the home directory."""
        return {str(path.relative_to(self.home)) for path in self.home.rglob("*")}


class Terminal:
    """A pseudo-terminal with the program in it as its foreground process."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: Path) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd
        )
        os.close(slave)
        self._seen = b""

    def wait_for(self, pattern: str, *, times: int = 1) -> None:
        """Return when `pattern` was shown `times` times."""
        deadline = time.monotonic() + PATIENCE
        while len(re.findall(pattern, self.text)) < times:
            assert time.monotonic() < deadline and self._read(1.0), f"{pattern!r} did not appear:\n{self.text}"

    def type(self, line: str) -> None:
        """Type a line and the return key."""
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Type Ctrl-C."""
        os.write(self._master, b"\x03")

    @property
    def echoes(self) -> bool:
        """Whether what is typed now would be seen."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def wait(self) -> int:
        """Read to the end of the program; return its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(1.0) and time.monotonic() < deadline:
            pass
        return self._process.wait(5)

    @property
    def text(self) -> str:
        """Everything that was written to the terminal, as it was written."""
        return self._seen.decode(errors="replace")

    @property
    def screen(self) -> list[str]:
        """The rows that a person sees; fails for any control sequence that we do not want to send."""
        terminal = FakeTerminal()
        terminal.write(self.text)
        return terminal.screen

    def _read(self, seconds: float) -> bool:
        """Read what comes within `seconds`; False at the end, which a terminal without a program tells by EIO."""
        if not select.select([self._master], [], [], seconds)[0]:
            return self._process.poll() is None
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self._seen += data
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        os.close(self._master)
