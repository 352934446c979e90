"""One end of a crossing, as another program has it: a user's mailboxes on a server, or a tree of Maildirs.

Both do the same things under the same names, and share no code with Postboat. Folders are named with "/" between levels
and without the prefix that a server wants. Flags are spelt as IMAP spells them.
"""

from __future__ import annotations

import email.utils
import imaplib
import itertools
import os
import re
import shutil
import time
from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING

from tests.real.voyage import LETTERS, append, dial, digest, folders_of, wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.process import Account

FLAGS = {letter: flag for flag, letter in LETTERS.items()}
_SAID = re.compile(rb"FLAGS \(([^)]*)\)")
_UID = re.compile(rb"UID (\d+)")
_DATE = re.compile(rb'INTERNALDATE "([^"]+)"')

Census = Counter[tuple[bytes, frozenset[str]]]
"""Digest and flags of messages, and how many there are of each."""


class End(ABC):
    """The mail of one side."""

    @abstractmethod
    def deliver(self, *messages: bytes, folder: str = "INBOX", flags: str = "", date: float | None = None) -> None:
        """Messages arrive; the folder is there."""

    @abstractmethod
    def flag(self, *messages: bytes, add: str = "", remove: str = "", folder: str = "INBOX") -> None:
        """Somebody changes flags."""

    @abstractmethod
    def delete(self, *messages: bytes, folder: str = "INBOX") -> None:
        """Somebody deletes messages."""

    @abstractmethod
    def move(self, *messages: bytes, to: str, folder: str = "INBOX") -> None:
        """Somebody moves messages into another folder."""

    @abstractmethod
    def create(self, *folders: str) -> None:
        """Somebody makes folders."""

    @abstractmethod
    def remove(self, folder: str) -> None:
        """Somebody deletes a folder with all that is in it."""

    @abstractmethod
    def rename(self, folder: str, to: str) -> None:
        """Somebody renames a folder."""

    @abstractmethod
    def folders(self) -> set[str]:
        """The folders that hold mail."""

    @abstractmethod
    def census(self, folder: str = "INBOX") -> Census:
        """What a folder holds, nothing if it is not there."""

    @abstractmethod
    def dates(self, folder: str = "INBOX") -> dict[bytes, int]:
        """Digest of each message, and when it arrived, in seconds since the epoch."""

    @abstractmethod
    def renumber(self, folder: str = "INBOX") -> None:
        """The folder becomes another one with the same messages: a new UIDVALIDITY, a restored copy."""

    def holds(self, folder: str = "INBOX") -> dict[bytes, frozenset[str]]:
        """Digest of each message and its flags; none is there twice."""
        census = self.census(folder)
        held = dict(census.keys())
        assert len(held) == census.total(), f"{folder}: something is there twice: {census}"
        return held

    def empty(self, folder: str = "INBOX") -> None:
        """All of a folder goes."""
        self.delete(folder=folder)


class ServerEnd(End):
    """The mailboxes of an account."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def phone(self, folder: str | None = None) -> imaplib.IMAP4:
        """Another client of the account, signed in, with `folder` selected."""
        client = dial(self.account)
        if folder is not None:
            status, answer = client.select(self._wire(folder))
            assert status == "OK", answer
        return client

    def deliver(self, *messages, folder="INBOX", flags="", date=None) -> None:
        said = None if date is None else imaplib.Time2Internaldate(date)
        with self.phone() as phone:
            for each in messages:
                append(phone, self.name(folder), each, flags, said)

    def flag(self, *messages, add="", remove="", folder="INBOX") -> None:
        with self.phone(folder) as phone:
            for item, flags in (("+FLAGS", add), ("-FLAGS", remove)):
                if flags:
                    self._uid(phone, "STORE", self._uids(phone, messages), item, f"({flags})")

    def delete(self, *messages, folder="INBOX") -> None:
        with self.phone(folder) as phone:
            self._expunge(phone, self._uids(phone, messages))

    def move(self, *messages, to, folder="INBOX") -> None:
        with self.phone(folder) as phone:
            uids = self._uids(phone, messages)
            if self._can(phone, "MOVE"):
                self._uid(phone, "MOVE", uids, self._wire(to))
            else:
                self._uid(phone, "COPY", uids, self._wire(to))
                self._expunge(phone, uids)

    def create(self, *folders) -> None:
        with self.phone() as phone:
            for folder in folders:
                self._ok(phone.create(self._wire(folder)))

    def remove(self, folder) -> None:
        with self.phone() as phone:
            self._ok(phone.delete(self._wire(folder)))

    def rename(self, folder, to) -> None:
        with self.phone() as phone:
            self._ok(phone.rename(self._wire(folder), self._wire(to)))

    def folders(self) -> set[str]:
        with self.phone() as phone:
            listed = folders_of(phone)
        return {
            name.removeprefix(self.account.prefix).replace(self.account.delimiter, "/")
            for name in listed
            if not name.endswith("Trash")  # Courier makes it
        }

    def census(self, folder="INBOX") -> Census:
        with self.phone() as phone:
            if phone.select(self._wire(folder), readonly=True)[0] != "OK":
                return Counter()
            return Counter(
                (digest(body), frozenset(_SAID.search(said)[1].decode().split()) - {"\\Recent"})
                for said, body in self._fetched(phone, "(UID FLAGS BODY.PEEK[])")
            )

    def dates(self, folder="INBOX") -> dict[bytes, int]:
        with self.phone(folder) as phone:
            return {
                digest(body): int(email.utils.mktime_tz(email.utils.parsedate_tz(_DATE.search(said)[1].decode())))
                for said, body in self._fetched(phone, "(UID INTERNALDATE BODY.PEEK[])")
            }

    def renumber(self, folder="INBOX") -> None:
        """By putting everything into a new folder that gets its name; INBOX cannot be replaced so."""
        with self.phone() as phone:
            self._ok(phone.create(self._wire("renumbered")))
            self._ok(phone.select(self._wire(folder)))
            self._uid(phone, "COPY", "1:*", self._wire("renumbered"))
            phone.select("INBOX")
            self._ok(phone.delete(self._wire(folder)))
            self._ok(phone.rename(self._wire("renumbered"), self._wire(folder)))

    @property
    def moves(self) -> bool:
        """Whether the server can move; else messages are copied, and deleted where they were."""
        with self.phone() as phone:
            return self._can(phone, "MOVE")

    def _can(self, phone: imaplib.IMAP4, what: str) -> bool:
        return what in phone.capability()[1][0].decode().split()

    def name(self, folder: str) -> str:
        """What the server calls a folder."""
        prefix = "" if folder == "INBOX" else self.account.prefix
        return prefix + folder.replace("/", self.account.delimiter)

    def _wire(self, folder: str) -> str:
        return wire(self.name(folder))

    def _uids(self, phone: imaplib.IMAP4, messages: tuple[bytes, ...]) -> str:
        """The UIDs of messages, all of them without any."""
        if not messages:
            return "1:*"
        wanted = {digest(each) for each in messages}
        fetched = self._fetched(phone, "(UID BODY.PEEK[])")
        found = [_UID.search(said)[1].decode() for said, body in fetched if digest(body) in wanted]
        assert len(found) == len(wanted), f"{len(found)} of {len(wanted)} messages are there"
        return ",".join(found)

    def _expunge(self, phone: imaplib.IMAP4, uids: str) -> None:
        self._uid(phone, "STORE", uids, "+FLAGS", r"(\Deleted)")
        self._uid(phone, "EXPUNGE", uids)

    def _fetched(self, phone: imaplib.IMAP4, items: str) -> Iterator[tuple[bytes, bytes]]:
        """What was said of each message, and its body."""
        parts = phone.uid("FETCH", "1:*", items)[1]
        for head, after in itertools.pairwise(parts):
            if isinstance(head, tuple):
                yield head[0] + after, head[1]

    def _uid(self, phone: imaplib.IMAP4, *words: str) -> None:
        self._ok(phone.uid(*words))

    def _ok(self, said: tuple[str, list]) -> None:
        status, answer = said
        assert status == "OK", answer


class CourierEnd(ServerEnd):
    """Mailboxes on Courier, which rests for two seconds whenever it deletes or renames one; its disk is at hand."""

    def __init__(self, account: Account, maildir: Path) -> None:
        super().__init__(account)
        self._maildir = maildir

    def remove(self, folder) -> None:
        shutil.rmtree(self._at(folder))

    def renumber(self, folder="INBOX") -> None:
        """By losing the list of UIDs."""
        listed = self._at(folder) / "courierimapuiddb"
        version, validity, *_ = listed.read_text().split()
        listed.write_text(f"{version} {int(validity) + 7} 100\n")

    def _at(self, folder: str) -> Path:
        return self._maildir / ("" if folder == "INBOX" else "." + folder.replace("/", "."))


class TreeEnd(End):
    """Maildirs in the flat layout below `root`."""

    _numbers = itertools.count(1)

    def __init__(self, root: Path) -> None:
        self.root = root

    def deliver(self, *messages, folder="INBOX", flags="", date=None) -> None:
        self.create(folder)
        letters = "".join(sorted(LETTERS[flag] for flag in flags.split()))
        for each in messages:
            name = f"{next(self._numbers)}.elsewhere"
            path = self._at(folder) / ("cur" if letters else "new") / (f"{name}:2,{letters}" if letters else name)
            path.write_bytes(each.replace(b"\r\n", b"\n"))
            if date is not None:
                os.utime(path, (date, date))

    def flag(self, *messages, add="", remove="", folder="INBOX") -> None:
        gained, lost = ({LETTERS[flag] for flag in flags.split()} for flags in (add, remove))
        for file in self._files(folder, messages):
            base, _, letters = file.name.partition(":2,")
            now = "".join(sorted((set(letters) | gained) - lost))
            file.rename(file.parent.parent / "cur" / f"{base}:2,{now}")

    def delete(self, *messages, folder="INBOX") -> None:
        for file in self._files(folder, messages):
            file.unlink()

    def move(self, *messages, to, folder="INBOX") -> None:
        for file in self._files(folder, messages):
            file.rename(self._at(to) / file.parent.name / file.name)

    def create(self, *folders) -> None:
        for folder, part in itertools.product(folders, ("cur", "new", "tmp")):
            (self._at(folder) / part).mkdir(parents=True, exist_ok=True)

    def remove(self, folder) -> None:
        shutil.rmtree(self._at(folder))

    def rename(self, folder, to) -> None:
        self._at(folder).rename(self._at(to))

    def folders(self) -> set[str]:
        return {path.name.replace(".", "/") for path in self.root.iterdir() if (path / "cur").is_dir()}

    def census(self, folder="INBOX") -> Census:
        if not self._at(folder).exists():
            return Counter()
        assert not list((self._at(folder) / "tmp").iterdir()), f"{folder}: something is left in tmp"
        return Counter(
            (digest(file.read_bytes()), frozenset(FLAGS[letter] for letter in file.name.partition(":2,")[2]))
            for file in self._files(folder)
        )

    def dates(self, folder="INBOX") -> dict[bytes, int]:
        return {digest(file.read_bytes()): int(file.stat().st_mtime) for file in self._files(folder)}

    def renumber(self, folder="INBOX") -> None:
        """By putting a copy of it with other names of files into its place."""
        old = self._at(folder).rename(self.root / "renumbered")
        self.create(folder)
        for part in ("cur", "new"):
            for file in (old / part).iterdir():
                times = file.stat()
                _, mark, letters = file.name.partition(":2,")
                copy = self._at(folder) / part / f"{next(self._numbers)}.again{mark}{letters}"
                copy.write_bytes(file.read_bytes())
                os.utime(copy, (times.st_atime, times.st_mtime))
        shutil.rmtree(old)

    def _at(self, folder: str) -> Path:
        return self.root / folder.replace("/", ".")

    def _files(self, folder: str, messages: tuple[bytes, ...] = ()) -> list[Path]:
        """The files of messages, all of them without any."""
        found = [file for part in ("new", "cur") for file in sorted((self._at(folder) / part).iterdir())]
        if not messages:
            return found
        wanted = {digest(each) for each in messages}
        found = [file for file in found if digest(file.read_bytes()) in wanted]
        assert len(found) == len(wanted), f"{len(found)} of {len(wanted)} messages are there"
        return found


def long_ago(days: float) -> float:
    """A time in whole seconds, so many days before now."""
    return float(int(time.time() - days * 86_400))
