"""People who do as they like with one mailbox while it is being synced, on the server and on the disk at once.

Whatever they wanted to touch may be gone when they reach for it; then nothing happens. They count what they did and no
more. Who loses the line to the server in the middle of something cannot know whether it was done: then it may be or not.
"""

from __future__ import annotations

import imaplib
import itertools
import shutil
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.real.voyage import append, wire
from tests.worlds.sides import FLAGS, Sides, number_of, numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from random import Random


FOLDERS = ("INBOX", "Lists", "Sent", "Archive/2024")
FOLDERS_IN_ALL = 12
ENOUGH = 40
"""Messages of a folder beyond which people rather delete than write."""
LETTERS = ("", "", "S", "F", "RS")
DEEDS = ("arrive", "arrive", "arrive", "flag", "flag", "flag", "remove", "move", "copy", "burst", "make")
DISCONNECTED = (OSError, imaplib.IMAP4.abort)


class Neighbours(Sides):
    """Everybody else who has to do with the mailbox."""

    server_is_up = True

    def __init__(self, home: Path, account: object, dice: Random, folders: tuple[str, ...] = FOLDERS) -> None:
        super().__init__(home, account)  # type: ignore[arg-type]
        self._dice, self.folders = dice, folders
        self._numbers = itertools.count(1)  # type: ignore[assignment]
        self._names = itertools.count(1)
        self.journal: list[str] = []
        """What everybody did, in order."""

    def act(self) -> None:
        """Somebody does something somewhere."""
        side = self._dice.choice(("local", "remote"))
        if side == "remote" and not self.server_is_up:
            return
        deed, folder = self._dice.choice(DEEDS), self._dice.choice(self.folders)
        self.note(f"{deed} {side} in {folder}")
        try:
            getattr(self, f"{deed}_{side}")(folder)
            self.facts["deeds"] += 1
        except DISCONNECTED:
            self.hang_up()
        except FileNotFoundError:
            pass  # a sync was faster

    def write(self) -> None:
        """A message comes on either side."""
        for put in (self.arrive_remote, self.arrive_local):
            put(self._dice.choice(FOLDERS))

    # ---- on the server

    def arrive_remote(self, folder: str) -> None:
        """A message comes."""
        if folder not in self.server_folders():
            return None
        if len(self._all_remote(folder)) > ENOUGH:
            return self.remove_remote(folder)
        number, text = self.written()
        try:
            append(self.phone, folder, text, " ".join(FLAGS[letter] for letter in self._dice.choice(LETTERS)))
        except BaseException:
            self.removed[number] += 1  # it may be there or not
            raise

    def burst_remote(self, folder: str) -> None:
        """Several come."""
        for _ in range(self._dice.randint(2, 8)):
            self.arrive_remote(folder)

    def flag_remote(self, folder: str) -> None:
        """A message is read, or marked."""
        for uid, (number, letters) in self._one_remote(folder):
            letter = self._dice.choice("SFR")
            self.note(f"  {number} is UID {uid} and gets {letter}")
            self.phone.uid("STORE", uid, "-FLAGS" if letter in letters else "+FLAGS", f"({FLAGS[letter]})")

    def remove_remote(self, folder: str) -> None:
        """A message is deleted for good."""
        for uid, (number, _) in self._one_remote(folder):
            self.removed[number] += 1
            self.note(f"  {number} is UID {uid}")
            self._expunge(uid)

    def move_remote(self, folder: str) -> None:
        """A message is filed elsewhere."""
        for uid, (number, _) in self._one_remote(folder):
            self.made[number] += 1
            self.removed[number] += 1
            goal = self._another(folder)
            self.note(f"  {number} is UID {uid} and goes to {goal}")
            self.phone.uid("MOVE", uid, wire(goal))

    def copy_remote(self, folder: str) -> None:
        """A message is also filed elsewhere."""
        for uid, (number, _) in self._one_remote(folder):
            goal = self._another(folder)
            self.note(f"  {number} is UID {uid} and goes to {goal}")
            self._copied(number)
            self.phone.uid("COPY", uid, wire(goal))

    def make_remote(self, _folder: str) -> None:
        """A folder is made."""
        if name := self._new_name():
            self.phone.create(wire(name))

    def _one_remote(self, folder: str) -> list[tuple[str, tuple[int, str]]]:
        found = self._all_remote(folder)
        return [self._dice.choice(found)] if found else []

    # ---- on the disk

    def arrive_local(self, folder: str) -> None:
        """A mail program puts a message there, as the Maildir's rules want it."""
        files = self._all_local(folder)
        if len(files) > ENOUGH:
            return self.remove_local(folder)
        _, text = self.written()
        letters = self._dice.choice(LETTERS)
        name = f"{next(self._names)}.made"
        self._put(text.replace(b"\r\n", b"\n"), folder, f"cur/{name}:2,{letters}" if letters else f"new/{name}")

    def burst_local(self, folder: str) -> None:
        """It puts several there."""
        for _ in range(self._dice.randint(2, 8)):
            self.arrive_local(folder)

    def flag_local(self, folder: str) -> None:
        """A message is read, or marked."""
        for file in self._one_local(folder):
            unique, _, letters = file.name.partition(":2,")
            turned = "".join(sorted({self._dice.choice("SFR")} ^ set(letters)))
            goal = file.parent.parent / "cur" / f"{unique}:2,{turned}"
            self.note(f"  {number_of(file.read_bytes())} was {file.name}, is {goal.name}")
            file.rename(goal)

    def remove_local(self, folder: str) -> None:
        """A file is removed."""
        for file in self._one_local(folder):
            number = number_of(file.read_bytes())
            file.unlink()
            self.removed[number] += 1
            self.note(f"  {number} was {file.name}")

    def move_local(self, folder: str) -> None:
        """A file is moved, under its name or a new one."""
        for file in self._one_local(folder):
            number = number_of(file.read_bytes())
            goal = self._goal(file, folder, keep=self._dice.random() < 0.5)
            file.rename(goal)
            self.note(f"  {number} was {file.name}, is {goal.parent.parent.name}/{goal.name}")
            self.made[number] += 1
            self.removed[number] += 1

    def copy_local(self, folder: str) -> None:
        """A file is copied under a new name."""
        for file in self._one_local(folder):
            number = number_of(file.read_bytes())
            goal = self._goal(file, folder, keep=False)
            under_way = goal.parent.parent / "tmp" / goal.name
            shutil.copyfile(file, under_way)
            under_way.rename(goal)
            self.note(f"  {number} is {goal.parent.parent.name}/{goal.name}")
            self._copied(number)

    def make_local(self, _folder: str) -> None:
        """A Maildir is made."""
        if name := self._new_name():
            for part in ("tmp", "new", "cur"):
                (self.voyage.folder(name) / part).mkdir(parents=True)

    def _one_local(self, folder: str) -> list[Path]:
        found = self._all_local(folder)
        return [self._dice.choice(found)] if found else []

    def _goal(self, file: Path, folder: str, *, keep: bool) -> Path:
        unique, _, letters = file.name.partition(":2,")
        name = unique if keep else f"{next(self._names)}.moved"
        return self.voyage.folder(self._another(folder)) / "cur" / f"{name}:2,{letters}"

    def _put(self, text: bytes, folder: str, name: str) -> None:
        place = self.voyage.folder(folder)
        under_way = place / "tmp" / name.rpartition("/")[2]
        try:
            under_way.write_bytes(text)
            under_way.rename(place / name)
        except BaseException:
            under_way.unlink(missing_ok=True)
            self.removed[number_of(text)] += 1  # the disk is full
            raise

    # ---- what they know

    @property
    def is_calling(self) -> bool:
        """Whether they have a connection to the server."""
        return self._phone is not None

    def change_password(self, password: str) -> None:
        """Sign in with another password from now on."""
        self.voyage.account = replace(self.voyage.account, password=password)

    def written(self) -> tuple[int, bytes]:
        """A new message, which is about to be put somewhere."""
        number = next(self._numbers)
        self.made[number] += 1
        self.facts["messages"] += 1
        self.note(f"  {number} is new")
        text = f"Message-ID: <{number}@soak>\r\nSubject: message {number}\r\n\r\n{'word ' * (number % 300)}\r\n"
        return number, text.encode()

    def _copied(self, number: int) -> None:
        """Two who copy one message to one folder, each on his side, may find that they made one message of it."""
        self.made[number] += 1
        self.removed[number] += 1

    def _new_name(self) -> str:
        """A name for a folder, now and then."""
        if len(self.folders) >= FOLDERS_IN_ALL or self._dice.random() < 0.8:
            return ""
        name = f"Made/{len(self.folders)}"
        self.note(f"  {name} is made")
        self.folders = (*self.folders, name)
        return name

    def _another(self, folder: str) -> str:
        return self._dice.choice([name for name in self.folders if name != folder])

    def note(self, words: str) -> None:
        """Add to the journal."""
        self.journal.append(f"{time.monotonic():.3f} {words}")

    def told_of(self, numbers: Iterable[int]) -> str:
        """What the journal says of messages."""
        wanted = set(map(str, numbers))
        return "\n".join(line for line in self.journal if wanted & set(line.split()[1:2]))

    def difference(self) -> dict[str, tuple[list, list]]:
        """What either side has and the other has not, by folder; empty when they are in step."""
        try:
            local, remote = self.census("local"), self.census("remote")
        except FileNotFoundError:
            return {"": ([], [])}  # a sync is under way
        nothing: Counter[tuple[int, str]] = Counter()
        there = {name.replace("/", "."): messages for name, messages in remote.items()}
        return {
            name: (sorted((here - far).elements()), sorted((far - here).elements()))
            for name in {*local, *there}
            if (here := local.get(name, nothing)) != (far := there.get(name, nothing))
            or (name in local) != (name in there)
        }

    def assert_none_lost_or_doubled(self) -> None:
        """What nobody removed is there, and nothing more often than somebody put it there."""
        there = numbers_in(self.census("remote"))
        lost = {n for n, count in self.made.items() if count > self.removed[n] and not there[n]}
        doubled = {n: count for n, count in there.items() if count > self.made[n]}
        assert not lost and not doubled, f"lost: {sorted(lost)}, doubled: {doubled}\n{self.told_of(lost | {*doubled})}"
