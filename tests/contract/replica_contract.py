"""What every replica promises (`sync.ports.Replica`), whatever it is made of: one suite for all of them."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from tests.contract.worlds import DATE, Baseline
from tests.fakes.memory_replica import fingerprint

from postboat.likeness import name_in
from postboat.model import (
    ANSWERED,
    DELETED,
    FLAGGED,
    FORWARDED,
    NO_FLAGS,
    SEEN,
    Content,
    Flags,
    Glance,
    Gone,
    Intent,
    Marked,
    Reflagging,
    Refused,
    Stored,
    Unreadable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.contract.worlds import World

    from postboat.model import Changes, Key
    from postboat.sync.ports import Replica

MANY = 2000


def mail(subject: str, body: str = "Hello.\r\n") -> bytes:
    return f"From: a@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n{body}".encode()


ONE, TWO, THREE = mail("one"), mail("two"), mail("three", "A line\r\n.\r\nand a dot\r\n")
LARGE = mail("large", "0123456789abcdef" * 4 + "\r\n") + (b"x" * 70 + b"\r\n") * 43_000


def content(key: Key, wire: bytes, flags: Flags = NO_FLAGS, date: float | None = DATE) -> Content:
    return Content(key, flags, date, len(wire), wire)


def streamed(key: Key, wire: bytes) -> Content:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(wire), 60_000):
            yield wire[start : start + 60_000]

    return Content(key, NO_FLAGS, DATE, len(wire), chunks=chunks)


async def look(world: World) -> Changes:
    """All that is in the folder, as a run without a ledger sees it."""
    return await world.replica().changes(Baseline())


async def agreed(world: World) -> Baseline:
    """A baseline of all that is in the folder."""
    replica = world.replica()
    baseline = Baseline(validity=await replica.validity())
    baseline.agree(await replica.changes(baseline))
    return baseline


async def read(replica: Replica, keys: Sequence[Key]) -> dict[Key, Content | Gone | Unreadable]:
    """Read messages, streams gathered into data; each must come once."""
    found: dict[Key, Content | Gone | Unreadable] = {}
    async with aclosing(replica.read(keys)) as items:  # type: ignore[type-var]
        async for item in items:
            assert item.key not in found, "every message once"
            if isinstance(item, Content) and item.data is None:
                assert item.chunks is not None
                data = b"".join([chunk async for chunk in item.chunks()])
                item = Content(item.key, item.flags, item.date, item.size, data)
            found[item.key] = item
    return found


async def store(replica: Replica, contents: Sequence[Content]) -> list[Stored]:
    """Store contents that are known to be acceptable."""
    outcomes = await replica.store(contents, await replica.intend(contents))
    stored = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
    assert len(stored) == len(contents), outcomes
    return stored


async def key_of(world: World, wire: bytes) -> Key:
    """The key under which the other program sees a message."""
    (key,) = [key for key, held in (await world.held()).items() if held.wire == wire]
    return key


def intents(world: World, contents: Sequence[Content], tokens: Sequence[str]) -> list[Intent]:
    return [Intent(world.side, c.key, token, c.flags) for c, token in zip(contents, tokens, strict=True)]


class ReplicaContract:
    """Subclasses give a fixture `world`."""

    # ---- looking

    async def test_an_empty_folder_shows_nothing(self, world: World) -> None:
        changes = await look(world)

        assert changes.nothing
        assert changes.complete

    async def test_its_validity_lasts(self, world: World) -> None:
        before = await world.replica().validity()
        await world.deliver([ONE])

        assert before != ""
        assert await world.replica().validity() == before

    async def test_what_another_program_delivered_appears(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        await world.deliver([THREE], frozenset({SEEN, FLAGGED}))

        changes = await look(world)

        held = await world.held()
        assert changes.appeared.keys() == held.keys()
        assert {key: message.flags for key, message in changes.appeared.items()} == {
            k: h.flags for k, h in held.items()
        }
        assert all(m.size in (None, len(held[key].wire)) for key, m in changes.appeared.items())
        assert changes.complete

    async def test_only_what_is_not_agreed_on_appears(self, world: World) -> None:
        await world.deliver([ONE])
        baseline = await agreed(world)
        await world.deliver([TWO])

        changes = await world.replica().changes(baseline)

        assert set(changes.appeared) == {await key_of(world, TWO)}
        assert not changes.reflagged
        assert not changes.vanished

    async def test_flags_that_another_program_changed_show(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        baseline = await agreed(world)
        key = await key_of(world, ONE)
        await world.set_flags([key], frozenset({SEEN, ANSWERED}))

        changes = await world.replica().changes(baseline)

        assert changes.reflagged == {key: {SEEN, ANSWERED}}
        assert not changes.appeared
        assert not changes.vanished

    async def test_a_flag_taken_away_shows(self, world: World) -> None:
        await world.deliver([ONE], frozenset({SEEN, FLAGGED}))
        baseline = await agreed(world)
        key = await key_of(world, ONE)
        await world.set_flags([key], frozenset({FLAGGED}))

        assert (await world.replica().changes(baseline)).reflagged == {key: {FLAGGED}}

    async def test_what_another_program_removed_vanishes(self, world: World) -> None:
        await world.deliver([ONE, TWO, THREE])
        baseline = await agreed(world)
        key = await key_of(world, TWO)
        await world.remove([key])

        changes = await world.replica().changes(baseline)

        assert changes.complete
        assert changes.vanished == {key}
        assert not changes.appeared
        assert not changes.reflagged

    async def test_an_emptied_folder_shows_all_as_vanished(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        baseline = await agreed(world)
        await world.remove(list(baseline.flags_by_key))

        changes = await world.replica().changes(baseline)

        assert changes.complete
        assert changes.vanished == baseline.flags_by_key.keys()

    async def test_nothing_shows_while_nothing_changes(self, world: World) -> None:
        await world.deliver([ONE, TWO], frozenset({SEEN}))
        baseline = await agreed(world)

        first = await world.replica().changes(baseline)
        baseline.checkpoint = first.checkpoint
        second = await world.replica().changes(baseline)

        assert first.nothing
        assert second.nothing
        assert second.complete
        assert second.holds == first.holds

    async def test_a_checkpoint_hides_no_later_change(self, world: World) -> None:
        await world.deliver([ONE, TWO, THREE])
        baseline = await agreed(world)
        flagged, removed = await key_of(world, ONE), await key_of(world, TWO)
        await world.set_flags([flagged], frozenset({FLAGGED}))
        baseline.agree(await world.replica().changes(baseline))
        await world.set_flags([flagged], frozenset({SEEN}))
        await world.remove([removed])
        await world.deliver([mail("four")])

        changes = await world.replica().changes(baseline)

        assert changes.reflagged == {flagged: {SEEN}}
        assert changes.vanished == {removed}
        assert set(changes.appeared) == {await key_of(world, mail("four"))}

    async def test_one_replica_may_look_again(self, world: World) -> None:
        replica = world.replica()
        baseline = Baseline(validity=await replica.validity())
        baseline.agree(await replica.changes(baseline))
        await world.deliver([ONE])

        assert set((await replica.changes(baseline)).appeared) == {await key_of(world, ONE)}

    # ---- reading

    async def test_a_message_is_read_as_it_is(self, world: World) -> None:
        odd = b"Subject: caf\xc3\xa9\r\n\tfolded\r\nX: \xff\xfe\r\n\r\nFrom here\r\n>From there\r\nno end"
        await world.deliver([THREE, odd], frozenset({ANSWERED}))
        held = await world.held()

        found = await read(world.replica(), list(held))

        assert found.keys() == held.keys()
        for key, item in found.items():
            assert isinstance(item, Content)
            assert (item.data, item.flags, item.size) == (held[key].wire, {ANSWERED}, len(held[key].wire))
            assert item.date is not None
            assert abs(item.date - DATE) < 1

    async def test_a_message_that_went_is_gone_and_the_others_are_read(self, world: World) -> None:
        await world.deliver([ONE, TWO, THREE])
        keys = list((await look(world)).appeared)
        gone = await key_of(world, TWO)
        replica = world.replica()
        await replica.validity()
        await world.remove([gone])

        found = await read(replica, keys)

        assert found.pop(gone) == Gone(gone)
        assert sorted(item.data for item in found.values() if isinstance(item, Content) and item.data) == [ONE, THREE]

    async def test_nothing_is_read_when_nothing_is_asked_for(self, world: World) -> None:
        assert await read(world.replica(), []) == {}

    async def test_reading_may_be_broken_off(self, world: World) -> None:
        await world.deliver([ONE, TWO, LARGE])
        replica = world.replica()
        keys = list((await replica.changes(Baseline())).appeared)
        for seen in range(1, 3):
            async with aclosing(replica.read(keys)) as items:  # type: ignore[type-var]
                for _ in range(seen):
                    await anext(items)

        assert (await read(replica, keys)).keys() == set(keys)

    async def test_a_stream_may_be_broken_off(self, world: World) -> None:
        await world.deliver([LARGE])
        replica = world.replica()
        keys = list((await replica.changes(Baseline())).appeared)
        async with aclosing(replica.read(keys)) as items:  # type: ignore[type-var]
            item = await anext(items)
            if isinstance(item, Content) and item.chunks is not None:
                async with aclosing(item.chunks()) as chunks:  # type: ignore[type-var]
                    await anext(chunks)

        (found,) = (await read(replica, keys)).values()
        assert isinstance(found, Content)
        assert found.data == LARGE

    async def test_fingerprints_are_those_of_every_other_copy(self, world: World) -> None:
        await world.deliver([ONE, THREE, LARGE])
        held = await world.held()

        prints = await world.replica().fingerprints(list(held))

        assert prints == {key: fingerprint(message.wire) for key, message in held.items()}

    async def test_glances_are_those_of_every_other_copy(self, world: World) -> None:
        await world.deliver([ONE, TWO, ONE, b"Subject: no name\r\n\r\nbody\r\n"])
        keys = list((await look(world)).appeared)
        held = await world.held()
        glances = await world.replica().glances([*keys, *keys[:1]])
        assert glances == {
            key: Glance(len(message.wire), int(message.date or 0), name_in(message.wire))
            for key, message in held.items()
        }
        assert sorted(glance.name for glance in glances.values()) == [b"", b"<one@x>", b"<one@x>", b"<two@x>"]
        await world.remove(keys[:1])
        assert set(await world.replica().glances(keys)) == set(keys[1:])
        assert await world.replica().glances([]) == {}

    async def test_headers_tell_sender_subject_and_date(self, world: World) -> None:
        await world.deliver([ONE, b"X-Else: z\r\nsubject: two\r\n lines\r\n\r\nSubject: of the body\r\n"])
        keys = list((await look(world)).appeared)
        headers = await world.replica().headers(keys)
        one, two = sorted(headers.values())
        assert b"From: a@example.org\r\n" in one
        assert b"Subject: one\r\n" in one
        assert b"subject: two\r\n lines\r\n" in two
        assert b"of the body" not in one + two
        assert await world.replica().headers([]) == {}

    async def test_fingerprints_leave_out_what_is_gone(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        keys = list((await look(world)).appeared)
        gone = await key_of(world, ONE)
        await world.remove([gone])

        assert set(await world.replica().fingerprints(keys)) == set(keys) - {gone}
        assert await world.replica().fingerprints([]) == {}

    # ---- storing

    async def test_a_stored_message_is_what_it_was(self, world: World) -> None:
        contents = [content("a", ONE, frozenset({SEEN, FLAGGED})), content("b", THREE), content("c", TWO, frozenset())]

        stored = await store(world.replica(), contents)

        held = await world.held()
        assert [s.origin for s in stored] == ["a", "b", "c"]
        assert [held[s.key].wire for s in stored] == [ONE, THREE, TWO]
        assert [held[s.key].flags for s in stored] == [{SEEN, FLAGGED}, NO_FLAGS, NO_FLAGS]
        for one in stored:
            date = held[one.key].date
            assert date is not None
            assert abs(date - DATE) < 1

    async def test_a_stored_message_is_read_back(self, world: World) -> None:
        replica = world.replica()
        (stored,) = await store(replica, [content("a", THREE, frozenset({ANSWERED}))])

        (found,) = (await read(replica, [stored.key])).values()

        assert isinstance(found, Content)
        assert (found.data, found.flags) == (THREE, {ANSWERED})

    async def test_what_was_stored_and_agreed_on_is_no_change(self, world: World) -> None:
        await world.deliver([ONE])
        baseline = await agreed(world)
        replica = world.replica()
        for stored in await store(
            replica, [content("a", TWO, frozenset({SEEN})), content("b", THREE, frozenset({SEEN}))]
        ):
            baseline.agree_stored(stored, frozenset({SEEN}))

        assert (await world.replica().changes(baseline)).nothing
        assert (await replica.changes(baseline)).nothing

    async def test_a_message_without_a_date_is_stored(self, world: World) -> None:
        await store(world.replica(), [content("a", ONE, date=None)])

        assert [held.wire for held in (await world.held()).values()] == [ONE]

    async def test_two_identical_messages_are_two(self, world: World) -> None:
        replica = world.replica()
        first, second = await store(replica, [content("a", ONE), content("b", ONE)])
        (third,) = await store(replica, [content("c", ONE)])

        assert len({first.key, second.key, third.key}) == 3
        assert {key: held.wire for key, held in (await world.held()).items()} == dict.fromkeys(
            (first.key, second.key, third.key), ONE
        )

    async def test_one_refused_message_holds_up_no_other(self, world: World) -> None:
        bad = ONE if world.unstorable is None else world.unstorable
        contents = [content("a", TWO), content("bad", bad), content("b", THREE)]
        replica = world.replica()

        outcomes = await replica.store(contents, await replica.intend(contents))

        assert isinstance(outcomes[1], Stored if world.unstorable is None else Refused)
        assert isinstance(outcomes[0], Stored)
        assert isinstance(outcomes[2], Stored)
        held = await world.held()
        assert (held[outcomes[0].key].wire, held[outcomes[2].key].wire) == (TWO, THREE)
        assert len(held) == (3 if world.unstorable is None else 2)

    async def test_a_large_message_is_streamed_both_ways(self, world: World) -> None:
        assert len(LARGE) > 3_000_000
        replica = world.replica()
        stored = [(await store(replica, [streamed("a", LARGE)]))[0], (await store(replica, [content("b", ONE)]))[0]]

        found = await read(world.replica(), [one.key for one in stored])

        large, small = (found[one.key] for one in stored)
        assert isinstance(large, Content)
        assert (large.data == LARGE, large.size) == (True, len(LARGE))
        assert isinstance(small, Content)
        assert small.data == ONE

    # ---- intents

    async def test_a_token_tells_that_its_message_was_stored(self, world: World) -> None:
        await world.deliver([TWO])
        contents = [content("a", ONE), content("b", THREE, frozenset({SEEN}))]
        replica = world.replica()
        tokens = await replica.intend(contents)
        stored = await replica.store(contents, tokens)

        found = await world.replica().find(intents(world, contents, tokens))

        assert {origin: one.key for origin, one in found.items()} == {
            one.origin: one.key for one in stored if isinstance(one, Stored)
        }

    async def test_a_token_tells_that_its_message_was_not_stored(self, world: World) -> None:
        await world.deliver([ONE])
        contents = [content("a", ONE), content("b", TWO)]
        tokens = await world.replica().intend(contents)
        await world.deliver([THREE])

        assert await world.replica().find(intents(world, contents, tokens)) == {}

    async def test_intending_changes_nothing(self, world: World) -> None:
        baseline = await agreed(world)

        await world.replica().intend([content("a", ONE), streamed("b", LARGE)])

        assert await world.held() == {}
        assert (await world.replica().changes(baseline)).nothing

    async def test_a_streamed_message_is_found_too(self, world: World) -> None:
        contents = [streamed("a", LARGE)]
        replica = world.replica()
        tokens = await replica.intend(contents)
        await replica.store(contents, tokens)

        assert set(await world.replica().find(intents(world, contents, tokens))) == {"a"}

    async def test_one_message_is_found_for_one_token_only(self, world: World) -> None:
        contents = [content("a", ONE), content("b", ONE)]
        replica = world.replica()
        tokens = await replica.intend(contents)
        await replica.store(contents[1:], tokens[1:])

        found = await world.replica().find(intents(world, contents, tokens))

        assert [one.key for one in found.values()] == list(await world.held())

    async def test_a_token_for_a_move_tells_the_message_once_it_came(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        replica = world.replica()
        keys = [await key_of(world, ONE), await key_of(world, TWO)]
        made = await replica.intend_move(keys, replica)
        tokens = [made[key] for key in keys]
        contents = [content(keys[0], ONE), content(keys[1], TWO)]
        assert await world.replica().find(intents(world, contents, tokens), keys) == {}

        stored = await replica.store(contents[:1], tokens[:1])

        found = await world.replica().find(intents(world, contents, tokens), keys)
        assert [one.key for one in found.values()] == [one.key for one in stored if isinstance(one, Stored)]

    async def test_nothing_is_found_when_nothing_was_begun(self, world: World) -> None:
        await world.deliver([ONE])

        assert await world.replica().find([]) == {}

    # ---- flags

    async def test_flags_are_added_and_removed_and_others_stay(self, world: World) -> None:
        await world.deliver([ONE, TWO], frozenset({FLAGGED, ANSWERED}))
        first, second = await key_of(world, ONE), await key_of(world, TWO)
        work = [
            Reflagging(first, add=frozenset({SEEN}), remove=frozenset({FLAGGED})),
            Reflagging(second, add=frozenset({SEEN})),
        ]

        for _ in range(2):
            assert not await world.replica().reflag(work)

        held = await world.held()
        assert held[first].flags == {SEEN, ANSWERED}
        assert held[second].flags == {SEEN, FLAGGED, ANSWERED}

    async def test_flags_of_a_message_that_went_are_told_to_have_nobody(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        gone, kept = await key_of(world, ONE), await key_of(world, TWO)
        await world.remove([gone])

        refused = await world.replica().reflag([Reflagging(k, add=frozenset({SEEN})) for k in (gone, kept)])

        assert refused == [Gone(gone)]
        assert {key: held.flags for key, held in (await world.held()).items()} == {kept: {SEEN}}
        assert not await world.replica().reflag([])

    async def test_flags_that_were_set_and_agreed_on_are_no_change(self, world: World) -> None:
        await world.deliver([ONE])
        baseline = await agreed(world)
        (key,) = baseline.flags_by_key
        await world.replica().reflag([Reflagging(key, add=frozenset({SEEN, ANSWERED}))])
        baseline.flags_by_key[key] = frozenset({SEEN, ANSWERED})

        assert (await world.replica().changes(baseline)).nothing

    async def test_the_forwarded_mark_is_kept_where_it_can_be(self, world: World) -> None:
        await world.deliver([ONE])
        baseline = await agreed(world)
        (key,) = baseline.flags_by_key
        replica = world.replica()
        kept = (await replica.changes(baseline)).holds.mask(frozenset({FORWARDED}))

        assert not await replica.reflag([Reflagging(key, add=frozenset({FORWARDED, SEEN}))])
        (stored,) = await store(replica, [content("a", TWO, frozenset({FORWARDED}))])

        held = await world.held()
        assert held[key].flags == {SEEN, *kept}
        assert held[stored.key].flags == kept
        baseline.flags_by_key[key] = frozenset({SEEN, FORWARDED})
        baseline.agree_stored(stored, frozenset({FORWARDED}))
        assert (await world.replica().changes(baseline)).nothing

    # ---- deleting

    async def test_only_the_messages_named_are_deleted(self, world: World) -> None:
        await world.deliver([ONE, TWO, THREE])
        keys = [await key_of(world, ONE), await key_of(world, THREE)]

        for _ in range(2):
            assert not await world.replica().delete(keys, expunge=True)

        assert [held.wire for held in (await world.held()).values()] == [TWO]
        assert not await world.replica().delete([], expunge=True)

    async def test_what_others_marked_as_deleted_is_left_alone(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        theirs, ours = await key_of(world, ONE), await key_of(world, TWO)
        await world.set_flags([theirs], frozenset({DELETED}))

        outcomes = await world.replica().delete([ours], expunge=True)

        held = await world.held()
        assert held[theirs].flags == {DELETED}
        assert outcomes in ([], [Marked(ours)])
        assert (ours in held) == bool(outcomes)

    async def test_a_deletion_without_expunging_marks(self, world: World) -> None:
        await world.deliver([ONE, TWO])
        key, gone = await key_of(world, ONE), await key_of(world, TWO)
        await world.remove([gone])

        outcomes = await world.replica().delete([key, gone], expunge=False)

        held = await world.held()
        if world.only_marks:
            assert outcomes == [Marked(key)]
            assert held[key].flags == {DELETED}
        else:
            assert not outcomes
            assert held == {}

    # ---- several at once

    async def test_batches_may_be_stored_and_read_at_the_same_time(self, world: World) -> None:
        replica = world.replica()
        wires = [[mail(f"batch {batch} number {number}") for number in range(20)] for batch in range(4)]

        async def up(batch: Sequence[bytes]) -> list[bytes]:
            stored = await store(replica, [content(wire.decode(), wire) for wire in batch])
            found = await read(replica, [one.key for one in stored])
            return [item.data or b"" for one in stored if isinstance(item := found[one.key], Content)]

        assert await asyncio.gather(*(up(batch) for batch in wires)) == wires
        assert sorted(held.wire for held in (await world.held()).values()) == sorted(chain(*wires))

    # ---- size

    @pytest.mark.slow
    async def test_a_folder_of_many_messages(self, world: World) -> None:
        await world.deliver_many(MANY)
        baseline = await agreed(world)
        keys = list(baseline.flags_by_key)
        assert len(keys) == MANY
        replica = world.replica()

        found = await read(replica, keys[:500])
        refused = await replica.reflag([Reflagging(key, add=frozenset({SEEN})) for key in keys[::2]])
        outcomes = await replica.delete(keys[::4], expunge=True)

        assert all(isinstance(item, Content) for item in found.values())
        assert len(found) == 500
        assert not [*refused, *outcomes]
        changes = await world.replica().changes(baseline)
        assert changes.vanished == set(keys[::4])
        assert changes.reflagged.keys() == set(keys[::2]) - set(keys[::4])
        assert not changes.appeared
