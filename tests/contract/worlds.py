"""Folders for the replica contract: each world has the replica under test and, beside it, another program.

The other program shares no code with Postboat: plain files for a Maildir, and `imaplib` for servers (`imap_world`).
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.fakes.memory_replica import MemoryReplica

from postboat.maildir.mailbox import MaildirMailbox
from postboat.maildir.names import NameMaker
from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, NO_FLAGS, SEEN, Changes, Flags, Side, Stored

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from postboat.model import Key
    from postboat.sync.ports import Replica

LETTERS = {DRAFT: "D", FORWARDED: "P", FLAGGED: "F", ANSWERED: "R", SEEN: "S", DELETED: "T"}
DATE = 1_000_000_000.0


@dataclass(frozen=True)
class Held:
    """A message as another program sees it."""

    wire: bytes
    flags: Flags
    date: float | None


@dataclass
class Baseline:
    """What was agreed on, as the ledger would tell it."""

    flags_by_key: dict[Key, Flags] = field(default_factory=dict)
    marks_by_key: dict[Key, str] = field(default_factory=dict)
    validity: str | None = None
    checkpoint: str | None = None

    async def count(self) -> int:
        return len(self.flags_by_key)

    async def flags(self) -> Mapping[Key, Flags]:
        return dict(self.flags_by_key)

    async def flags_of(self, keys: Collection[Key]) -> Mapping[Key, Flags]:
        return {key: self.flags_by_key[key] for key in keys if key in self.flags_by_key}

    async def marks(self, keys: Collection[Key]) -> Mapping[Key, str]:
        return {key: self.marks_by_key[key] for key in keys if key in self.marks_by_key}

    def agree(self, changes: Changes) -> None:
        """All that `changes` tells becomes what is agreed on."""
        for key, message in changes.appeared.items():
            self.flags_by_key[key], self.marks_by_key[key] = message.flags, message.mark
        self.flags_by_key.update(changes.reflagged)
        for key in changes.vanished:
            del self.flags_by_key[key]
        self.checkpoint = changes.checkpoint

    def agree_stored(self, stored: Stored, flags: Flags) -> None:
        """A copy was made and recorded."""
        self.flags_by_key[stored.key], self.marks_by_key[stored.key] = flags, stored.mark


class World(ABC):
    """A folder that is empty at first."""

    side = Side.REMOTE
    unstorable: bytes | None = b""
    """A message that this kind of folder refuses; None when it takes all."""
    only_marks = False
    r"""Whether a deletion without expunging leaves the message, marked \Deleted."""

    @abstractmethod
    def replica(self) -> Replica:
        """A replica as a new run makes it."""

    @abstractmethod
    async def deliver(self, wires: Sequence[bytes], flags: Flags = NO_FLAGS, date: float = DATE) -> None:
        """Another program puts messages into the folder."""

    async def deliver_many(self, count: int) -> None:
        """Another program puts that many messages into the folder."""
        await self.deliver([b"Subject: number %d\r\n\r\nHello.\r\n" % number for number in range(count)])

    @abstractmethod
    async def set_flags(self, keys: Collection[Key], flags: Flags) -> None:
        """Another program replaces the flags of messages."""

    @abstractmethod
    async def remove(self, keys: Collection[Key]) -> None:
        """Another program removes messages."""

    @abstractmethod
    async def held(self) -> dict[Key, Held]:
        """What another program sees in the folder."""


class MemoryWorld(World):
    unstorable = b"Subject: not this\r\n\r\n"

    def __init__(self, naming: str = "uid") -> None:
        self._replica = MemoryReplica(naming=naming)  # type: ignore[arg-type]
        self._replica.refuse_store = lambda wire: "not this" if wire == self.unstorable else None
        self.only_marks = naming == "uid"
        if naming == "name":
            self.side = Side.LOCAL

    def replica(self) -> Replica:
        return self._replica

    async def deliver(self, wires: Sequence[bytes], flags: Flags = NO_FLAGS, date: float = DATE) -> None:
        for wire in wires:
            self._replica.put(wire, flags, date=date)

    async def set_flags(self, keys: Collection[Key], flags: Flags) -> None:
        for key in keys:
            self._replica.set_flags(key, flags)

    async def remove(self, keys: Collection[Key]) -> None:
        for key in keys:
            self._replica.remove(key)

    async def held(self) -> dict[Key, Held]:
        return {key: Held(held.wire, held.flags, held.date) for key, held in self._replica.messages.items()}


class MaildirWorld(World):
    side = Side.LOCAL
    unstorable = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0
        for name in ("cur", "new", "tmp"):
            (path / name).mkdir(parents=True)

    def replica(self) -> Replica:
        return MaildirMailbox(self.path, names=NameMaker(time.time, os.getpid(), "here"), fsync=False)

    async def deliver(self, wires: Sequence[bytes], flags: Flags = NO_FLAGS, date: float = DATE) -> None:
        for wire in wires:
            self._count += 1
            name = f"{int(date)}.M{self._count:06}P1.elsewhere"
            draft = self.path / "tmp" / name
            draft.write_bytes(wire.replace(b"\r\n", b"\n"))
            os.utime(draft, (date, date))
            draft.rename(self.path / "cur" / f"{name}:2,{self._letters(flags)}" if flags else self.path / "new" / name)

    async def set_flags(self, keys: Collection[Key], flags: Flags) -> None:
        for key in keys:
            self._file(key).rename(self.path / "cur" / f"{key}:2,{self._letters(flags)}")

    async def remove(self, keys: Collection[Key]) -> None:
        for key in keys:
            self._file(key).unlink()

    async def held(self) -> dict[Key, Held]:
        found = {}
        for file in [*(self.path / "new").iterdir(), *(self.path / "cur").iterdir()]:
            key, _, letters = file.name.partition(":2,")
            flags = frozenset(flag for flag, letter in LETTERS.items() if letter in letters)
            found[key] = Held(file.read_bytes().replace(b"\n", b"\r\n"), flags, file.stat().st_mtime)
        return found

    def _file(self, key: Key) -> Path:
        (file,) = [f for sub in ("new", "cur") for f in (self.path / sub).iterdir() if f.name.partition(":")[0] == key]
        return file

    def _letters(self, flags: Flags) -> str:
        return "".join(sorted(LETTERS[flag] for flag in flags))
