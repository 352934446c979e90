"""Two people who do as they like with one mailbox, one on the server and one on the disk.

What cannot be done here and now is not done: no operation fails.
"""

from __future__ import annotations

import shutil
from collections import Counter

from tests.real.voyage import append, wire
from tests.worlds.sides import FLAGS, Sides, number_of


class People(Sides):
    """What the two people do."""

    def arrive(self, side: str, folder: str, letters: str) -> None:
        """A new message."""
        number = next(self._numbers)
        text = f"Message-ID: <{number}@world>\r\nSubject: message {number}\r\n\r\nbody of {number}\r\n".encode()
        if side == "remote":
            if folder not in self.server_folders():
                return
            append(self.phone, folder, text, " ".join(FLAGS[letter] for letter in letters))
        else:
            self.voyage.drop(text, f"{number}.made", folder=folder, flags=letters or None)
        self.made[number] += 1
        self.facts["messages"] += 1

    def flag(self, side: str, folder: str, pick: int, letter: str) -> None:
        """Set a flag, or clear it."""
        if side == "local":
            for file in self._local(folder, pick):
                letters = set(file.name.partition(":2,")[2]) ^ {letter}
                unique = file.name.partition(":")[0]
                file.rename(file.parent.parent / "cur" / f"{unique}:2,{''.join(sorted(letters))}")
        else:
            for uid, (_, letters) in self._remote(folder, pick):
                self.phone.uid("STORE", uid, "-FLAGS" if letter in letters else "+FLAGS", f"({FLAGS[letter]})")

    def remove(self, side: str, folder: str, pick: int) -> None:
        """Delete a message for good."""
        if side == "local":
            for file in self._local(folder, pick):
                self.removed[number_of(file.read_bytes())] += 1
                file.unlink()
        else:
            for uid, (number, _) in self._remote(folder, pick):
                self._expunge(uid)
                self.removed[number] += 1

    def transfer(self, side: str, source: str, target: str, pick: int, how: str) -> None:
        """Move (`how` rename or copy and delete) or copy a message to another folder."""
        if side == "local":
            self._transfer_files(source, target, pick, how)
        elif target in self.server_folders():
            for uid, (number, _) in self._remote(source, pick):
                if how == "rename":
                    self.phone.uid("MOVE", uid, wire(target))
                else:
                    self.phone.uid("COPY", uid, wire(target))
                    if how == "copy and delete":
                        self._expunge(uid)
                self._count_transfer(number, how)

    def _transfer_files(self, source: str, target: str, pick: int, how: str) -> None:
        place = self.voyage.folder(target) / "cur"
        for file in self._local(source, pick):
            if not place.is_dir():
                return
            number = number_of(file.read_bytes())
            unique = file.name.partition(":")[0] if how == "rename" else f"{next(self._numbers)}.copied"
            goal = place / f"{unique}:2,{file.name.partition(':2,')[2]}"
            if how == "rename":
                file.rename(goal)
            else:
                shutil.copyfile(file, goal)
                if how == "copy and delete":
                    file.unlink()
            self._count_transfer(number, how)

    def _count_transfer(self, number: int, how: str) -> None:
        self.made[number] += 1
        if how != "copy":
            self.removed[number] += 1

    def empty(self, side: str, folder: str) -> None:
        """Delete all messages of a folder for good."""
        if side == "local":
            for file in self._all_local(folder):
                self.removed[number_of(file.read_bytes())] += 1
                file.unlink()
        else:
            for uid, (number, _) in self._all_remote(folder):
                self._expunge(uid)
                self.removed[number] += 1

    def make_folder(self, side: str, folder: str) -> None:
        """A new folder without messages."""
        if side == "remote":
            self.phone.create(wire(folder))
        else:
            for part in ("cur", "new", "tmp"):
                (self.voyage.folder(folder) / part).mkdir(parents=True, exist_ok=True)

    def rename_folder(self, side: str, folder: str, name: str) -> None:
        """Give a folder another name that is free."""
        if folder == "INBOX":
            return
        numbers = [number for number, _ in self.census(side).get(folder, Counter()).elements()]
        if side == "remote":
            self._leave()
            done = self.phone.rename(wire(folder), wire(name))[0] == "OK"
        else:
            done = self.voyage.folder(folder).is_dir() and not self.voyage.folder(name).exists()
            if done:
                self.voyage.folder(folder).rename(self.voyage.folder(name))
        if done:
            self.made.update(numbers)
            self.removed.update(numbers)

    def remove_folder(self, side: str, folder: str) -> None:
        """Delete a folder with all that is in it."""
        if folder == "INBOX":
            return
        numbers = [number for number, _ in self.census(side).get(folder, Counter()).elements()]
        if side == "remote":
            self._leave()
            if self.phone.delete(wire(folder))[0] == "OK":
                self.removed.update(numbers)
        elif self.voyage.folder(folder).is_dir():
            shutil.rmtree(self.voyage.folder(folder))
            self.removed.update(numbers)
