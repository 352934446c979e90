"""What befalls servers, disks and state directories."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter

from tests.real.voyage import append, wire
from tests.worlds.sides import FLAGS, Sides, fetched, letters_of, number_of

from postboat.ledger.files import ledger_file


class Accidents(Sides):
    """What nobody meant."""

    def rebuild(self, folder: str) -> None:
        """The server's mailbox is made anew: another UIDVALIDITY, other UIDs in another order."""
        if folder == "INBOX" or folder not in self.server_folders():
            return
        kept = []
        self.phone.select(wire(folder), readonly=True)
        for said, text in fetched(self.phone, "(FLAGS BODY.PEEK[])"):
            kept.append((text, " ".join(FLAGS[letter] for letter in letters_of(said))))
        self._leave()
        if self.phone.delete(wire(folder))[0] != "OK":
            return  # Cyrus does not do it twice in a second
        assert self.phone.create(wire(folder))[0] == "OK"
        for text, flags in reversed(kept):
            append(self.phone, folder, text, flags)

    def lose_indexes(self, folder: str) -> None:
        """Somebody removes the server's index files: HIGHESTMODSEQ falls."""
        if (place := self._server_folder(folder)) is not None:
            self.hang_up()
            for file in place.glob("dovecot.index*"):
                file.unlink(missing_ok=True)

    def lose_store(self, folder: str) -> None:
        """The server loses a mailbox's messages, and not the mailbox."""
        place = self._server_folder(folder)
        if place is None:
            return
        local = Counter(number for counted in self.census("local").values() for number, _ in counted.elements())
        lost = [number for number, _ in self.census("remote")[folder].elements()]
        self.hang_up()
        for part in ("cur", "new"):
            for file in (place / part).iterdir():
                file.unlink()
        self.accident = True
        self.removed.update(number for number in lost if not local[number])

    def lose_ledger(self) -> None:
        """The state directory is gone; what was removed before stays in the quarantine."""
        for file in self.voyage.state.glob("*.ledger*"):
            file.unlink()
        self._remembers = False

    def copy_ledger(self) -> None:
        """Somebody makes a backup of the state directory."""
        for file in self.voyage.state.glob("*.ledger"):
            self._old_ledger = file.read_bytes()

    def old_ledger(self) -> None:
        """The backup of the ledger is put back, which knows nothing of what was done since."""
        if self._old_ledger:
            for file in self.voyage.state.glob("*.ledger*"):
                file.unlink()
            ledger_file(self.voyage.state, self.voyage.name).write_bytes(self._old_ledger)

    def copy_folder(self, folder: str) -> None:
        """Somebody makes a backup of a Maildir."""
        if self.voyage.folder(folder).is_dir():
            self._backups[folder] = self.voyage.mail.with_name(f"backup {folder}")
            shutil.rmtree(self._backups[folder], ignore_errors=True)
            shutil.copytree(self.voyage.folder(folder), self._backups[folder])

    def old_folder(self, folder: str) -> None:
        """The backup of a Maildir is put back in its place."""
        backup = self._backups.get(folder)
        if backup is not None and self.voyage.mail.is_dir():
            self.removed.update(number_of(file.read_bytes()) for file in self._all_local(folder))
            shutil.rmtree(self.voyage.folder(folder), ignore_errors=True)
            shutil.copytree(backup, self.voyage.folder(folder))
            self.made.update(number_of(file.read_bytes()) for file in self._all_local(folder))

    def damage_ledger(self, at: int) -> None:
        """The disk returns something else than was written."""
        for file in self.voyage.state.glob("*.ledger"):
            data = bytearray(file.read_bytes())
            if data:
                at %= len(data)
                data[at : at + 512] = b"\xa5" * min(512, len(data) - at)
                file.write_bytes(data)
        self._remembers = False

    def unmounted(self) -> None:
        """A run while the disk with the Maildirs is not there."""
        if self._remembers and self.voyage.mail.is_dir():
            away = self.voyage.mail.with_name("away")
            self.voyage.mail.rename(away)
            asyncio.run(self.voyage.sync())
            assert not self.voyage.mail.exists(), "nothing is made in the place of a disk that is missing"
            away.rename(self.voyage.mail)
            self.assert_nothing_lost()
