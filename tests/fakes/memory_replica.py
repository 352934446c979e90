"""A replica in memory: every promise of `sync.ports.Replica`, no disk and no wire, and knobs that break things.

It plays either shore. `naming="uid"` behaves as an IMAP mailbox: keys count upwards and are never used again, a token
only helps to recognise what was stored, a deletion may be a mark. `naming="name"` behaves as a Maildir: a token is
the name the message will get, sizes are not known before reading, and a message may be renamed by someone else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from postboat import likeness
from postboat.errors import ConnectionLost
from postboat.model import (
    DELETED,
    NO_FLAGS,
    Changes,
    Content,
    Fingerprint,
    Flags,
    FlagsHeld,
    Glance,
    Gone,
    Intent,
    Key,
    Marked,
    Message,
    Reflagging,
    Refused,
    Stored,
    Unreadable,
    Unsettled,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

    from postboat.sync.ports import Agreed

CHUNK = 1 << 14
MAILDIR_HOLDS = FlagsHeld()
SERVER_HOLDS = FlagsHeld(keywords=True)
Naming = Literal["uid", "name"]


@dataclass
class Fuse:
    """Counts the points it passes, and at number `at` (from 0) and ever after raises: the process is dead by then.

    With `at=None` it only counts, so that a test learns how many points there are to die at.
    """

    at: int | None = None
    error: Callable[[str], BaseException] = ConnectionLost
    points: list[str] = field(default_factory=list)

    def __call__(self, point: str) -> None:
        self.points.append(point)
        if self.blown:
            raise self.error(point)

    @property
    def blown(self) -> bool:
        """Whether it has raised."""
        return self.at is not None and len(self.points) > self.at


def never(point: str) -> None:
    """The fuse that never blows."""


@dataclass(frozen=True)
class Held:
    """A message as the replica holds it."""

    flags: Flags
    wire: bytes
    date: float | None
    modseq: int
    mark: str = ""


class MemoryReplica:
    """One side of a folder. Attributes may be changed by tests between (and during) calls."""

    def __init__(
        self,
        name: str = "memory",
        *,
        naming: Naming = "uid",
        holds: FlagsHeld = MAILDIR_HOLDS,
        identity: str = "1",
        first: int = 1,
        whole: int = 1 << 16,
    ) -> None:
        self.name, self.naming, self.holds, self.identity = name, naming, holds, identity
        self.whole = whole
        """Contents longer than this are read in chunks."""
        self.messages: dict[Key, Held] = {}
        self.unreadable: dict[Key, str] = {}
        """Keys that cannot be read, with the reason."""
        self.refuse_store: Callable[[bytes], str | None] = lambda wire: None
        self.full = False
        """Whether what is refused is refused for lack of room."""
        self.refuse_reflag: Callable[[Reflagging], str | None] = lambda reflagging: None
        self.refuse_delete: Callable[[Key], str | None] = lambda key: None
        self.readonly = False
        """Whether looks report that nothing can be written here."""
        self.withhold_key: Callable[[bytes], bool] = lambda wire: False
        """Of which contents the key is not told once they are stored (a server without UIDPLUS)."""
        self.can_move = self.can_copy = True
        """Whether messages can be moved to other folders, or if not, copied there."""
        self.partial = False
        """Whether looks see only a part, so that absence proves nothing."""
        self.incremental = True
        """Whether a checkpoint spares looking at messages that did not change since (CONDSTORE)."""
        self.fuse: Callable[[str], None] = never
        """Called before and after each effect, and at each look and read; may raise."""
        self.effects = 0
        self.commands: Counter[str] = Counter()
        self._next, self._modseq = first, 0

    # ---- what other programs do -------------------------------------------------------------------------------

    def put(self, wire: bytes, flags: Iterable[str] = NO_FLAGS, *, date: float | None = None) -> Key:
        """A message arrives; its key is returned. Flags that the replica does not hold are dropped."""
        return self._add(wire, frozenset(flags), date, self._name())

    def remove(self, key: Key) -> None:
        """Someone removes a message."""
        del self.messages[key]
        self._modseq += 1

    def set_flags(self, key: Key, flags: Iterable[str]) -> None:
        """Someone sets a message's flags to `flags`."""
        self._change(key, frozenset(flags))

    def rename(self, key: Key) -> Key:
        """Someone gives a message another key: the mark shows that it is the same (Maildir)."""
        assert self.naming == "name", "a UID never changes"
        renamed = self._name()
        self._modseq += 1
        self.messages[renamed] = replace(self.messages.pop(key), modseq=self._modseq)
        return renamed

    def renumber(self, identity: str) -> None:
        """All keys change, as when a server makes up a new UIDVALIDITY."""
        held, self.messages, self.identity = list(self.messages.values()), {}, identity
        for message in held:
            self.put(message.wire, message.flags, date=message.date)

    # ---- what tests ask ---------------------------------------------------------------------------------------

    def contents(self) -> list[tuple[bytes, Flags]]:
        """What is held, keys left out: equal on both sides when they are in step."""
        return sorted(((m.wire, m.flags) for m in self.messages.values()), key=lambda c: (c[0], sorted(c[1])))

    @property
    def mutations(self) -> int:
        """How many commands were given that may change something."""
        return sum(self.commands[name] for name in ("store", "reflag", "delete", "move"))

    @property
    def reads_freely(self) -> bool:
        return self.naming == "name"

    @property
    def arrives_late(self) -> bool:
        return self.naming == "uid"

    @property
    def numbers_in_order(self) -> bool:
        return self.naming == "uid"

    @property
    def checkpoints_only_grow(self) -> bool:
        return self.naming == "uid"

    # ---- the port ---------------------------------------------------------------------------------------------

    async def validity(self) -> str:
        self._command("validity")
        return self.identity

    async def changes(self, agreed: Agreed) -> Changes:
        self._command("changes")
        self.fuse("look")
        await asyncio.sleep(0)
        known = await agreed.flags()
        marks = await agreed.marks(known.keys() - self.messages.keys()) if self.naming == "name" else {}
        since = self._since(agreed)
        fresh = {key: held for key, held in self.messages.items() if held.modseq > since}
        appeared = {key: self._shown(key) for key in fresh if key not in known}
        reflagged = {k: m.flags for k, m in fresh.items() if k in known and m.flags != self.holds.mask(known[k])}
        renamed = self._renamed(marks, appeared)
        for message in renamed.values():
            del appeared[message.key]
        vanished = frozenset() if self.partial else frozenset(known.keys() - self.messages.keys() - renamed.keys())
        checkpoint = None if self.partial else json.dumps([self.identity, self._modseq])
        return Changes(appeared, reflagged, vanished, renamed, self.holds, checkpoint, not self.partial, self.readonly)

    async def glances(self, keys: Collection[Key]) -> Mapping[Key, Glance]:
        self._command("glances")
        await asyncio.sleep(0)
        return {key: glance(self.messages[key]) for key in keys if key in self.messages}

    async def fingerprints(self, keys: Collection[Key]) -> Mapping[Key, Fingerprint]:
        self._command("fingerprints")
        await asyncio.sleep(0)
        return {key: fingerprint(self.messages[key].wire) for key in keys if key in self.messages}

    async def headers(self, keys: Collection[Key]) -> Mapping[Key, bytes]:
        self._command("headers")
        await asyncio.sleep(0)
        return {key: header_of(self.messages[key].wire) for key in keys if key in self.messages}

    async def read(self, keys: Sequence[Key]) -> AsyncIterator[Content | Gone | Unreadable]:
        self._command("read")
        turn = [0]
        for key in sorted(keys, key=_natural):  # in its own order, as a server answers
            self.fuse("read")
            await asyncio.sleep(0)
            turn[0] += 1
            if key not in self.messages:
                yield Gone(key)
            elif key in self.unreadable:
                yield Unreadable(key, self.unreadable[key])
            else:
                yield self._content(key, turn)
        turn[0] += 1

    async def intend(self, contents: Sequence[Content]) -> Sequence[str]:
        self._command("intend")
        await asyncio.sleep(0)
        if self.naming == "name":
            return [self._name() for _ in contents]
        return [json.dumps([self._next, c.size, _digest(c.data)]) for c in contents]

    async def store(self, contents: Sequence[Content], tokens: Sequence[str]) -> Sequence[Stored | Refused | Unsettled]:
        self._command("store")
        assert len(contents) == len(tokens), "every content has its token"
        return [await self._store(content, token) for content, token in zip(contents, tokens, strict=True)]

    def weight(self, mark: str) -> int | None:
        """As a Maildir's mark tells it; a server's tells nothing."""
        return next((len(held.wire) for held in self.messages.values() if mark and held.mark == mark), None)

    async def intend_move(self, keys: Collection[Key], to: MemoryReplica) -> Mapping[Key, str]:
        self._command("intend_move")
        await asyncio.sleep(0)
        here = [key for key in keys if key in self.messages]
        if self.naming == "name":
            return {key: to._name() for key in here}
        wires = {key: self.messages[key].wire for key in here}
        return {key: json.dumps([to._next, len(wire), _digest(wire)]) for key, wire in wires.items()}

    async def move(
        self, keys: Sequence[Key], to: MemoryReplica, tokens: Sequence[str]
    ) -> Sequence[Stored | Unsettled | Refused | Gone]:
        self._command("move")
        return [await self._move(key, to, token) for key, token in zip(keys, tokens, strict=True)]

    async def _move(self, key: Key, to: MemoryReplica, token: str) -> Stored | Unsettled | Refused | Gone:
        if not (self.can_move or self.can_copy):
            return Refused(key, "cannot move")
        if key not in self.messages:
            return Gone(key)
        await self._before("move")
        if key not in self.messages:
            return Gone(key)
        held = self.messages[key]
        if self.can_move:
            self.remove(key)
        new = to._add(held.wire, held.flags, held.date, token if self.naming == "name" else to._name(), held.mark)
        self._after("move")
        if to.withhold_key(held.wire):
            return Unsettled(key, "the key is not known yet")
        return Stored(key, new, held.mark, copied=not self.can_move)

    async def find(self, intents: Sequence[Intent], paired: Collection[Key] = ()) -> Mapping[Key, Stored]:
        self._command("find")
        await asyncio.sleep(0)
        found: dict[Key, Stored] = {}
        claimed: set[Key] = set(paired)
        for intent in intents:
            key = next((k for k in self.messages if k not in claimed and self._is(k, intent.token)), None)
            if key is not None:
                claimed.add(key)
                found[intent.origin] = Stored(intent.origin, key, self.messages[key].mark)
        return found

    async def reflag(self, reflaggings: Sequence[Reflagging]) -> Sequence[Refused | Gone]:
        self._command("reflag")
        refused: list[Refused | Gone] = []
        for wanted in reflaggings:
            if (reason := self.refuse_reflag(wanted)) is not None:
                refused.append(Refused(wanted.key, reason))
                continue
            await self._before("reflag")
            if wanted.key in self.messages:
                self._change(wanted.key, (self.messages[wanted.key].flags | wanted.add) - wanted.remove)
            else:
                refused.append(Gone(wanted.key))
            self._after("reflag")
        return refused

    async def delete(self, keys: Sequence[Key], *, expunge: bool) -> Sequence[Refused | Marked]:
        self._command("delete")
        refused: list[Refused | Marked] = []
        for key in keys:
            if (reason := self.refuse_delete(key)) is not None:
                refused.append(Refused(key, reason))
                continue
            await self._before("delete")
            if key in self.messages and (expunge or self.naming == "name"):
                self.remove(key)
            elif key in self.messages:
                self._change(key, self.messages[key].flags | {DELETED})
                refused.append(Marked(key))
            self._after("delete")
        return refused

    # ---- inside -----------------------------------------------------------------------------------------------

    def _command(self, name: str) -> None:
        self.commands[name] += 1

    async def _before(self, effect: str) -> None:
        await asyncio.sleep(0)
        self.fuse(f"before {effect}")

    def _after(self, effect: str) -> None:
        self.effects += 1
        self.fuse(f"after {effect}")

    def _name(self) -> Key:
        """The next key; taken at once when keys are names, since nobody else may get it then."""
        if self.naming == "uid":
            return str(self._next)
        self._next += 1
        return f"{self._next - 1:06}.{self.name}"

    def _add(self, wire: bytes, flags: Flags, date: float | None, key: Key, mark: str = "") -> Key:
        assert key not in self.messages, "a key names one message for ever"
        if self.naming == "uid":
            self._next += 1
        self._modseq += 1
        if self.naming == "name":
            mark = mark or f"inode {self.name} {self._modseq}"
        self.messages[key] = Held(self.holds.mask(flags), wire, date, self._modseq, mark)
        return key

    def _change(self, key: Key, flags: Flags) -> None:
        held = self.messages[key]
        if held.flags != self.holds.mask(flags):
            self._modseq += 1
            self.messages[key] = replace(held, flags=self.holds.mask(flags), modseq=self._modseq)

    def _since(self, agreed: Agreed) -> int:
        if agreed.checkpoint is None or not self.incremental:
            return 0
        identity, modseq = json.loads(agreed.checkpoint)
        return int(modseq) if identity == self.identity else 0

    def _shown(self, key: Key) -> Message:
        held = self.messages[key]
        return Message(key, held.flags, len(held.wire) if self.naming == "uid" else None, held.mark)

    @staticmethod
    def _renamed(marks: Mapping[Key, str], appeared: Mapping[Key, Message]) -> dict[Key, Message]:
        present = {message.mark: message for message in appeared.values()}
        return {key: present[mark] for key, mark in marks.items() if mark and mark in present}

    def _content(self, key: Key, turn: list[int]) -> Content:
        held, mine = self.messages[key], turn[0]
        if len(held.wire) <= self.whole:
            return Content(key, held.flags, held.date, len(held.wire), held.wire)

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(held.wire), CHUNK):
                assert turn[0] == mine, "a streamed content is consumed before the next one is asked for"
                await asyncio.sleep(0)
                yield held.wire[start : start + CHUNK]

        return Content(key, held.flags, held.date, len(held.wire), chunks=chunks)

    async def _store(self, content: Content, token: str) -> Stored | Refused | Unsettled:
        wire = content.data
        if wire is None:
            assert content.chunks is not None, "a content has data or chunks"
            wire = b"".join([chunk async for chunk in content.chunks()])
        assert len(wire) == content.size, "the size is exact: it becomes a literal's length"
        assert wire.count(b"\n") == wire.count(b"\r\n"), "contents travel in wire form"
        if (reason := self.refuse_store(wire)) is not None:
            return Refused(content.key, reason, own_fault=self.full)
        await self._before("store")
        key = self._add(wire, content.flags, content.date, token if self.naming == "name" else self._name())
        self._after("store")
        if self.withhold_key(wire):
            return Unsettled(content.key, "the key is not known yet")
        return Stored(content.key, key, self.messages[key].mark)

    def _is(self, key: Key, token: str) -> bool:
        """Whether the message may be the one that a token was made for."""
        if self.naming == "name":
            return key == token
        first, size, digest = json.loads(token)
        wire = self.messages[key].wire
        return int(key) >= first and len(wire) == size and digest in (None, _digest(wire))


def header_of(wire: bytes) -> bytes:
    """The header with the line end of its last line, without the empty line (RFC 5322 section 2.1)."""
    if wire.startswith(b"\r\n"):
        return b""
    end = wire.find(b"\r\n\r\n")
    return wire if end < 0 else wire[: end + 2]


def glance(held: Held) -> Glance:
    """What any copy of the message of the same date shows at a glance."""
    return Glance(len(held.wire), None if held.date is None else int(held.date), likeness.name_in(held.wire))


def fingerprint(wire: bytes) -> Fingerprint:
    """What any copy of the message shows."""
    return likeness.fingerprint(wire, len(wire))


def _digest(wire: bytes | None) -> str | None:
    return None if wire is None else hashlib.sha256(wire).hexdigest()


def _natural(key: Key) -> tuple[int, Key]:
    return (int(key), "") if key.isdecimal() else (0, key)
