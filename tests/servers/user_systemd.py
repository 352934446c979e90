"""A systemd that manages one user's services, where one can be had: this machine's own, in namespaces of its own.

It refuses to run where the machine was not booted with it, and wants a part of the cgroup tree: a mount namespace shows
it the one and a cgroup namespace the other. A PID namespace ends with it, and everything that it started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.process import START_SECONDS, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEMD = "/lib/systemd/systemd"
CGROUPS = Path("/sys/fs/cgroup")
NAMESPACES = ("unshare", "--mount", "--cgroup", "--pid", "--fork", "--kill-child")
BOOT = f"""
set -e
mount --make-rprivate /
mount --make-rshared /
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
if [ -d {CGROUPS}/unified ]; then
  mount -t tmpfs tmpfs {CGROUPS}
  mkdir {CGROUPS}/systemd {CGROUPS}/unified
  mount -t cgroup -o none,name=systemd cgroup {CGROUPS}/systemd
  mount -t cgroup2 cgroup2 {CGROUPS}/unified
else
  mount -t cgroup2 cgroup2 {CGROUPS}
fi
{SYSTEMD} --user --log-target=console
"""


def can_run() -> bool:
    """Whether this machine has a systemd, and lets us make the namespaces for it."""
    if os.geteuid() != 0 or not all(map(shutil.which, (SYSTEMD, "systemctl", "unshare", "nsenter", "setpriv"))):
        return False
    mounts = f"mount --make-rprivate / && mount -t tmpfs tmpfs /run && test -w {CGROUPS}"
    return subprocess.run([*NAMESPACES, "sh", "-c", mounts], capture_output=True, check=False).returncode == 0


class UserSystemd:
    """The manager. `environment` makes a program talk to it and take `home` for the user's own directory."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._runtime = Path(tempfile.mkdtemp(prefix="pb-run-", dir="/tmp"))
        self._cgroups = [root / self._runtime.name for root in _hierarchies()]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What a login would set; the first `systemctl` of its PATH goes to where the manager is."""
        path = f"{self._runtime}/bin:{os.environ['PATH']}"
        return {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self._runtime), "PATH": path}

    def __enter__(self) -> Self:
        with _ready_socket() as (ready, address), (self.home / "systemd.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, "sh", "-c", BOOT],
                env={**self.environment, "NOTIFY_SOCKET": address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self._enter_cgroups,
            )
            ready.settimeout(START_SECONDS)
            try:
                while b"READY=1" not in ready.recv(4096).split(b"\n"):
                    pass
            except TimeoutError:
                self.__exit__()
                raise ServerFailed((self.home / "systemd.log").read_text(errors="replace")) from None
        systemctl = self._runtime / "bin" / "systemctl"
        systemctl.parent.mkdir()
        systemctl.write_text(f'#!/bin/sh\nexec nsenter -m -p -C -t {self._first()} {shutil.which("systemctl")} "$@"\n')
        systemctl.chmod(0o755)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            if (first := self._first()) is not None:
                os.kill(first, signal.SIGKILL)  # with which all others of its namespace end
            self._process.wait()
        for cgroup in self._cgroups:
            for directory, _below, _files in os.walk(cgroup, topdown=False):
                os.rmdir(directory)
        shutil.rmtree(self._runtime, ignore_errors=True)

    def systemctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `systemctl --user`."""
        return subprocess.run(
            [self._runtime / "bin" / "systemctl", "--user", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def show(self, unit: str, fact: str) -> str:
        """One property of a unit."""
        return self.systemctl("show", f"--property={fact}", "--value", unit).stdout.strip()

    def cgroups_of(self, unit: str) -> list[Path]:
        """Where a unit's processes are, as this process sees them."""
        return [path for cgroup in self._cgroups for path in cgroup.rglob(unit)]

    def _first(self) -> int | None:
        """The first process of the namespace."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else None

    def _enter_cgroups(self) -> None:
        for cgroup in self._cgroups:
            cgroup.mkdir()
            (cgroup / "cgroup.procs").write_text("0")


def _hierarchies() -> list[Path]:
    both = [CGROUPS / "systemd", CGROUPS / "unified"]
    return both if both[1].is_dir() else [CGROUPS]


@contextlib.contextmanager
def _ready_socket():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind("")  # a name that Linux makes up
        yield ready, "@" + ready.getsockname()[1:].decode()
