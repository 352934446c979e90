"""Word beside a ledger that a run changes it without making anything durable, and since when the machine is up.

Without fsync a power cut may leave a ledger that tells of messages whose files are lost: they would look as if the
user had deleted them. So the word itself is durable before the ledger changes, and goes when everything is on the disk,
at the end of the run. One that is left from before the machine was started means that the ledger cannot be believed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from postboat.ledger.files import sync_directory

CUT_OFF = "the machine went down while a run wrote to it with fsync = false"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def boot() -> str:
    """What names the time since the machine was started; "" where the system does not tell."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


class Unsynced:
    """The word about the ledger `path`."""

    def __init__(self, path: Path) -> None:
        """Touch nothing."""
        self._file = path.with_name(f"{path.name}.unsynced")
        self._is_given = False

    @property
    def is_cut_off(self) -> bool:
        """Whether the machine was started anew since the word was given. Raises OSError."""
        return self._file.exists() and self._file.read_text("ascii", "replace").strip() != boot()

    def give(self) -> None:
        """Give the word, durably. Raises OSError."""
        if self._is_given:
            return
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{boot()}\n")
            file.flush()
            os.fsync(file.fileno())
        sync_directory(self._file.parent)
        self._is_given = True

    def settle(self) -> None:
        """Make all that was written durable, then take the word back; it stays where it cannot be removed."""
        if self._file.exists():
            os.sync()
            self.forget()

    def forget(self) -> None:
        """Take the word back: there is no such ledger any more."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
        self._is_given = False
