"""The fake keeps the promises of the port: what is tested against it would otherwise prove nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.fakes.memory_replica import Fuse, MemoryReplica, header_of

from postboat.errors import ConnectionLost
from postboat.model import (
    DELETED,
    FLAGGED,
    MAILDIR_FLAGS,
    SEEN,
    Content,
    Flags,
    FlagsHeld,
    Gone,
    Intent,
    Marked,
    Reflagging,
    Refused,
    Side,
    Stored,
    Unreadable,
    Unsettled,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.sync.ports import Agreed, Replica

WIRE = b"Subject: hello\r\n\r\nbody\r\n"


@dataclass
class Known:
    """What was agreed on, as plain dictionaries."""

    flags_by_key: dict[str, Flags] = field(default_factory=dict)
    marks_by_key: dict[str, str] = field(default_factory=dict)
    validity: str | None = "1"
    checkpoint: str | None = None

    async def count(self) -> int:
        return len(self.flags_by_key)

    async def flags(self) -> Mapping[str, Flags]:
        return self.flags_by_key

    async def flags_of(self, keys: Collection[str]) -> Mapping[str, Flags]:
        return {key: self.flags_by_key[key] for key in keys if key in self.flags_by_key}

    async def marks(self, keys: Collection[str]) -> Mapping[str, str]:
        return {key: self.marks_by_key[key] for key in keys if key in self.marks_by_key}


def content(key: str, wire: bytes = WIRE, flags: Flags = frozenset()) -> Content:
    return Content(key, flags, None, len(wire), wire)


def test_it_is_a_replica() -> None:
    replica: Replica = MemoryReplica()
    known: Agreed = Known()
    assert replica and known


async def test_a_look_tells_new_reflagged_and_vanished_messages() -> None:
    replica = MemoryReplica()
    new, marked, same = replica.put(WIRE, {SEEN}), replica.put(WIRE, {FLAGGED}), replica.put(WIRE)
    seen = await replica.changes(Known({marked: frozenset(), same: frozenset(), "77": frozenset()}))
    assert seen.appeared.keys() == {new} and seen.appeared[new].flags == {SEEN}
    assert seen.reflagged == {marked: {FLAGGED}}
    assert seen.vanished == {"77"}
    assert seen.complete


async def test_a_flag_that_cannot_be_held_is_not_missed() -> None:
    replica = MemoryReplica(holds=FlagsHeld(MAILDIR_FLAGS - {FLAGGED}))
    key = replica.put(WIRE, {SEEN, FLAGGED})
    assert (await replica.changes(Known({key: frozenset({SEEN, FLAGGED, "$Label1"})}))).nothing


async def test_what_did_not_change_since_the_checkpoint_is_not_looked_at() -> None:
    replica = MemoryReplica()
    old = replica.put(WIRE)
    checkpoint = (await replica.changes(Known())).checkpoint
    new = replica.put(WIRE)
    seen = await replica.changes(Known(checkpoint=checkpoint))
    assert seen.appeared.keys() == {new}, "whoever saves a checkpoint without applying what it covers loses mail"
    replica.set_flags(old, {SEEN})
    seen = await replica.changes(Known({old: frozenset(), new: frozenset()}, checkpoint=checkpoint))
    assert seen.reflagged == {old: {SEEN}}


async def test_a_partial_look_reports_no_absence_and_no_checkpoint() -> None:
    replica = MemoryReplica()
    replica.partial = True
    seen = await replica.changes(Known({"5": frozenset()}))
    assert (seen.vanished, seen.complete, seen.checkpoint) == (frozenset(), False, None)


async def test_a_renamed_message_is_neither_gone_nor_new() -> None:
    replica = MemoryReplica(naming="name")
    old = replica.put(WIRE)
    mark = replica.messages[old].mark
    new = replica.rename(old)
    seen = await replica.changes(Known({old: frozenset()}, {old: mark}))
    assert seen.renamed.keys() == {old} and seen.renamed[old].key == new
    assert not seen.vanished and not seen.appeared


async def test_keys_are_never_used_again() -> None:
    replica = MemoryReplica()
    first = replica.put(WIRE)
    replica.remove(first)
    assert replica.put(WIRE) != first


@pytest.mark.parametrize("naming", ["uid", "name"])
async def test_an_interrupted_store_is_found_by_its_tokens(naming: str) -> None:
    replica = MemoryReplica(naming=naming)  # type: ignore[arg-type]
    replica.put(WIRE)
    contents = [content("a"), content("b"), content("c", WIRE + b"more\r\n")]
    tokens = await replica.intend(contents)
    replica.fuse = Fuse(at=3)  # before, after, before, after: dies when the second is stored
    with pytest.raises(ConnectionLost):
        await replica.store(contents, tokens)
    intents = [Intent(Side.REMOTE, c.key, t, frozenset()) for c, t in zip(contents, tokens, strict=True)]
    found = await replica.find(intents)
    assert found.keys() == {"a", "b"}
    assert len({stored.key for stored in found.values()}) == 2
    assert replica.effects == 2


async def test_intending_changes_nothing() -> None:
    replica = MemoryReplica(naming="name")
    tokens = await replica.intend([content("a")])
    assert not replica.messages
    assert await replica.find([Intent(Side.LOCAL, "a", tokens[0], frozenset())]) == {}


async def test_reading_answers_every_key_once_and_streams_the_long_ones() -> None:
    replica = MemoryReplica(whole=30)
    short, long, broken = replica.put(WIRE), replica.put(WIRE * 9000), replica.put(WIRE)
    replica.unreadable[broken] = "I/O error"
    answers = {}
    async for answer in replica.read([long, short, "99", broken]):
        if isinstance(answer, Content) and answer.chunks is not None:
            chunks = [chunk async for chunk in answer.chunks()]
            assert len(chunks) > 1 and b"".join(chunks) == WIRE * 9000
        answers[answer.key] = answer
    assert answers["99"] == Gone("99")
    assert answers[broken] == Unreadable(broken, "I/O error")
    assert isinstance(answers[short], Content) and answers[short].data == WIRE


async def test_a_stream_is_over_once_the_next_message_is_asked_for() -> None:
    replica = MemoryReplica(whole=1)
    keys = [replica.put(WIRE), replica.put(WIRE)]
    late = [answer async for answer in replica.read(keys)]
    with pytest.raises(AssertionError):
        _ = [chunk async for chunk in late[0].chunks()]  # type: ignore[union-attr, misc]


async def test_what_is_refused_leaves_no_trace() -> None:
    replica = MemoryReplica()
    replica.refuse_store = lambda wire: "too large" if len(wire) > 100 else None
    outcomes = await replica.store([content("a", WIRE * 9), content("b")], ["[1, 0, null]", "[1, 0, null]"])
    assert outcomes == [Refused("a", "too large"), Stored("b", "1")]
    assert len(replica.messages) == 1


async def test_a_withheld_key_is_found_by_the_token() -> None:
    replica = MemoryReplica()
    replica.withhold_key = lambda wire: True
    tokens = await replica.intend([content("a")])
    (outcome,) = await replica.store([content("a")], tokens)
    assert isinstance(outcome, Unsettled) and outcome.key == "a"
    found = await replica.find([Intent(Side.REMOTE, "a", tokens[0], frozenset())])
    assert found["a"].key in replica.messages


async def test_a_look_tells_that_nothing_can_be_written() -> None:
    replica = MemoryReplica()
    replica.readonly = True
    assert (await replica.changes(Known())).readonly


async def test_contents_that_are_not_in_wire_form_are_a_defect_of_the_caller() -> None:
    with pytest.raises(AssertionError):
        await MemoryReplica().store([content("a", b"Subject: x\n\n")], ["[1, 0, null]"])


async def test_flags_are_added_and_removed_and_gone_is_no_error() -> None:
    replica = MemoryReplica()
    key = replica.put(WIRE, {SEEN})
    await replica.reflag(
        [Reflagging(key, frozenset({FLAGGED}), frozenset({SEEN})), Reflagging("99", frozenset({SEEN}))]
    )
    assert replica.messages[key].flags == {FLAGGED}


async def test_without_expunge_a_mailbox_marks_and_a_maildir_removes() -> None:
    for naming, left in (("uid", [(WIRE, {DELETED})]), ("name", [])):
        replica = MemoryReplica(naming=naming)  # type: ignore[arg-type]
        key = replica.put(WIRE)
        outcomes = await replica.delete([key, "99"], expunge=False)
        assert outcomes == ([Marked(key)] if left else [])
        assert replica.contents() == left


async def test_a_blown_fuse_stays_blown() -> None:
    replica = MemoryReplica()
    key = replica.put(WIRE)
    replica.fuse = Fuse(at=0)
    for _ in range(2):
        with pytest.raises(ConnectionLost):
            await replica.delete([key], expunge=True)
    assert key in replica.messages


@pytest.mark.parametrize(
    ("wire", "header"),
    [(WIRE, b"Subject: hello\r\n"), (b"\r\nbody", b""), (b"A: b\r\n", b"A: b\r\n"), (b"A: b\r\n\r\n", b"A: b\r\n")],
)
def test_the_header_ends_before_the_first_empty_line(wire: bytes, header: bytes) -> None:
    assert header_of(wire) == header
