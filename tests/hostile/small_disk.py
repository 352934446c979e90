"""A small file system of our own, in a mount namespace that ends with the test; no privilege is needed for it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


@dataclass
class Disk:
    """A tmpfs that only its holder's namespace has mounted.

    Everybody gets at it through /proc, but for SQLite, which resolves paths by itself: that must `enter`.
    """

    holder: int
    """The process that keeps the namespace."""
    point: Path

    @property
    def path(self) -> Path:
        """Its root, as seen from here."""
        return Path(f"/proc/{self.holder}/root{self.point}")

    @property
    def enter(self) -> list[str]:
        """What runs a command where it is mounted."""
        return ["nsenter", "-t", str(self.holder), "-U", "-m", "--preserve-credentials"]

    def remount(self, options: str) -> None:
        """Change its options: `ro`, `size=…`, `nr_inodes=…`."""
        subprocess.run([*self.enter, "mount", "-o", f"remount,{options}", self.point], check=True)

    def fill(self, left: int = 0) -> None:
        """Leave `left` octets free."""
        with (self.path / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(b"\0" * 4096)
            except OSError:
                pass
            ballast.truncate(max(0, ballast.tell() // 4096 * 4096 - left))

    def free(self) -> None:
        """Give the room back."""
        (self.path / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(point: Path, options: str = "size=8m") -> Iterator[Disk]:
    """Mount a tmpfs at `point`, which must be there."""
    script = f"mount -t tmpfs -o {options},mode=700 none '{point}' && echo && exec sleep infinity"
    command = ["unshare", "-r", "-m", "setpriv", "--pdeathsig", "KILL", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n", "no file system can be mounted"
        try:
            yield Disk(holder.pid, point)
        finally:
            holder.kill()
