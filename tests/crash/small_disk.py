"""A small disk of its own for a test, made full or read-only by real means: a tmpfs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path


@cache
def can_mount() -> bool:
    """Whether this machine lets us mount disks: root may, unless a container forbids it."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as place:
        tried = subprocess.run(
            ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False
        )
    return tried.returncode == 0


class SmallDisk:
    """A file system of so many octets."""

    def __init__(self, path: Path, size: str) -> None:
        path.mkdir()
        self.path = path
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], check=True)

    def free(self) -> int:
        """How many octets there is room for."""
        info = os.statvfs(self.path)
        return info.f_bavail * info.f_frsize

    def fill(self, leaving: int) -> None:
        """Put a file on it that leaves so many octets of room."""
        with (self.path / "filling").open("ab") as file:
            file.write(bytes(max(0, self.free() - leaving)))

    def empty(self) -> None:
        """Take that file away."""
        (self.path / "filling").unlink(missing_ok=True)

    def protect(self) -> bool:
        """Make it read-only, as a kernel does that found it damaged; whether that worked: not with files being written."""
        return self._remount("ro") == 0

    def unprotect(self) -> None:
        """Make it writable."""
        self._remount("rw")

    def _remount(self, option: str) -> int:
        command = ["mount", "-o", f"remount,{option}", str(self.path)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)
