"""Messages without a known key are paired for sure, at little cost, or not at all; keys that changed are followed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_replica import Fuse
from tests.fakes.memory_world import MemoryWorld, message

from postboat.errors import ConnectionLost, KeysRenewed
from postboat.model import DRAFT, FLAGGED, SEEN, Glance, Side
from postboat.sync import matching, proving
from postboat.sync.twins import pair_by_glance

REMOTE, LOCAL = Side


@pytest.fixture
async def world():
    async with memory_ledger() as ledger:
        yield MemoryWorld(ledger)


def renumber(world, *, first: int = 100) -> None:
    """The server gives every message another UID, the last one the lowest, under its old UIDVALIDITY."""
    held = list(reversed(world.remote.messages.values()))
    world.remote.messages.clear()
    for number, each in enumerate(held, first):
        world.remote._modseq += 1
        world.remote.messages[str(number)] = replace(each, modseq=world.remote._modseq)
    world.remote._next = first + len(held)


def misstates_sizes(world) -> None:
    """The server counts three octets for one."""
    shown, fingerprints = world.remote._shown, world.remote.fingerprints

    async def wrong(keys):
        return {key: replace(each, size=3 * each.size) for key, each in (await fingerprints(keys)).items()}

    world.remote._shown = lambda key: replace(shown(key), size=3 * len(world.remote.messages[key].wire))
    world.remote.fingerprints = wrong


@pytest.mark.parametrize("side", list(Side))
async def test_where_one_side_has_more_notes_of_one_header_each_finds_its_like(world, side):
    notes = [b"Subject: note\r\n\r\n" + text + b"\r\n" for text in (b"milk", b"eggs", b"salt")]
    for note in notes:
        world.side(side).put(note)
    world.side(side.other).put(notes[2])
    done = await world.sync()
    assert (done.adopted, done.down + done.up) == (1, 2)
    world.assert_in_step()
    await world.assert_at_rest()


async def test_new_keys_on_the_server_cost_no_transfer_and_keep_what_was_agreed(world):
    await world.agree(*range(8), flags=[SEEN])
    world.local.set_flags(world.key(LOCAL, 3), [])
    renumber(world)
    before = world.remote.commands["read"] + world.local.commands["read"]
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote, done.reflagged) == (0, 0, 0, 0, 1)
    assert world.remote.commands["read"] + world.local.commands["read"] == before
    assert world.remote.messages[world.key(REMOTE, 3)].flags == set(), "a flag taken off here is taken off there"
    world.assert_in_step()
    await world.assert_at_rest()


async def test_a_message_that_went_while_others_got_new_keys_is_deleted(world):
    await world.agree(*range(8))
    world.remote.remove(world.key(REMOTE, 3))
    renumber(world)
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (0, 0, 1, 0)
    world.assert_in_step()


async def test_new_names_in_a_maildir_cost_no_transfer(world):
    await world.agree(*range(8))
    for key in list(world.local.messages):
        held = world.local.messages.pop(key)
        world.local.put(held.wire, held.flags)
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (0, 0, 0, 0)
    world.assert_in_step()
    await world.assert_at_rest()


@pytest.mark.parametrize("flags", [set(), {DRAFT}])
async def test_a_note_or_draft_saved_anew_with_the_same_header_is_another_message(world, flags):
    head = b"Subject: note\r\n\r\n" if not flags else b"Message-ID: <1@x>\r\n\r\n"
    old = world.remote.put(head + b"buy milk\r\n", flags)
    await world.sync()
    world.remote.remove(old)
    world.remote.put(head + b"buy eggs\r\n", flags)
    done = await world.sync()
    assert (done.down, done.deleted_local) == (1, 1)
    assert set(world.bodies(LOCAL)) == {head + b"buy eggs\r\n"}


@pytest.mark.parametrize("side", Side)
async def test_a_message_edited_without_a_change_to_its_header_or_size_is_another_message(world, side):
    await world.agree(1, 2)
    edited = world.side(side)
    edited.remove(world.key(side, 1))
    edited.put(message(1, "hallo"))
    await world.sync()
    assert message(1, "hallo") in world.bodies(side.other)
    world.assert_in_step()
    await world.assert_at_rest()


async def test_one_message_gone_and_another_come_ask_for_no_headers(world):
    await world.agree(1, 2)
    world.remote.remove(world.key(REMOTE, 1))
    world.remote.put(message(3, "of quite another length, and by far"))
    world.remote.commands.clear()
    await world.sync()
    assert world.remote.commands["fingerprints"] == world.remote.commands["glances"] == 0
    world.assert_in_step()


async def test_sizes_that_the_server_misstates_double_nothing_in_the_first_look(world):
    misstates_sizes(world)
    for number in range(4):
        world.remote.put(message(number))
        world.local.put(message(number))
    world.local.put(message(9))
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (4, 0, 1)
    world.assert_in_step()


async def test_sizes_that_the_server_misstates_make_no_twins_of_different_texts(world):
    misstates_sizes(world)
    world.remote.put(message(1, "this"))
    world.local.put(message(1, "that text is longer"))
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (0, 1, 1)


async def test_an_incomplete_first_look_uploads_nothing_and_the_next_one_does(world):
    changes = world.remote.changes
    world.remote.put(message(1))
    hidden = world.remote.put(message(2))
    for number in (1, 2, 3):
        world.local.put(message(number))

    async def keeps_back(agreed):
        found = await changes(agreed)
        appeared = {key: each for key, each in found.appeared.items() if key != hidden}
        return replace(found, appeared=appeared, complete=False, checkpoint=None)

    world.remote.changes = keeps_back
    first = await world.sync()
    assert (first.adopted, first.up) == (1, 0)
    world.remote.changes = changes
    second = await world.sync()
    assert (second.adopted, second.up, second.down) == (1, 1, 0)
    world.assert_in_step()
    await world.assert_at_rest()


# ---- many messages ----------------------------------------------------------------------------------------------


async def test_many_messages_are_paired_at_a_glance(world, monkeypatch):
    monkeypatch.setattr(matching, "MANY", 4)
    for number in range(6):
        world.remote.put(message(number), date=1000.25 + number)
        world.local.put(message(number), date=1000 + number)
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (6, 0, 0)
    assert world.remote.commands["fingerprints"] == 0


async def test_what_a_glance_leaves_open_is_told_by_headers(world, monkeypatch):
    monkeypatch.setattr(matching, "MANY", 4)
    twice, other = b"Message-ID: <a@x>\r\nX: 1\r\n\r\ntext\r\n", b"Message-ID: <a@x>\r\nX: 2\r\n\r\ntext\r\n"
    for wire in (twice, other, message(1), message(2), b"Subject: no name\r\n\r\n"):
        world.remote.put(wire, date=1000)
        world.local.put(wire, date=1000 if wire != message(2) else 2000)
    world.local.put(b"Message-ID: <a@x>\r\nX: 3\r\n\r\ntext\r\n", date=1000)
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (5, 0, 1)
    world.assert_in_step()


async def test_a_draft_is_never_paired_at_a_glance(world, monkeypatch):
    monkeypatch.setattr(matching, "MANY", 1)
    world.remote.put(b"Message-ID: <a@x>\r\n\r\nmilk\r\n", {DRAFT}, date=1000)
    world.local.put(b"Message-ID: <a@x>\r\n\r\neggs\r\n", {DRAFT}, date=1000)
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (0, 1, 1)


@pytest.mark.parametrize(
    ("remote", "local"),
    [
        ([Glance(9, 1, b"<a>")], [Glance(9, 2, b"<a>")]),
        ([Glance(9, 1, b"<a>")], [Glance(8, 1, b"<a>")]),
        ([Glance(9, 1, b"<a>")], [Glance(9, 1, b"<b>")]),
        ([Glance(9, 1, b"<a>")] * 2, [Glance(9, 1, b"<a>")]),
        ([Glance(9, 1, b"<a>")], [Glance(9, 1, b"<a>")] * 2),
        ([Glance(9, 1, b"")], [Glance(9, 1, b"")]),
        ([Glance(None, 1, b"<a>")], [Glance(None, 1, b"<a>")]),
        ([Glance(9, None, b"<a>")], [Glance(9, None, b"<a>")]),
    ],
)
def test_a_glance_that_differs_is_borne_twice_or_tells_too_little_pairs_nothing(remote, local):
    theirs, ours = ({str(n): glance for n, glance in enumerate(side)} for side in (remote, local))
    assert pair_by_glance(theirs, ours) == []
    assert pair_by_glance(theirs | {"x": Glance(1, 1, b"<x>")}, ours | {"y": Glance(1, 1, b"<x>")}) == [("x", "y")]


# ---- keys in doubt ----------------------------------------------------------------------------------------------


def doubts(world, *, once: bool = True) -> None:
    """The server's keys look as if they had been given out anew, until a look without a checkpoint."""
    changes, doubted = world.remote.changes, []

    async def doubting(agreed):
        if not (once and doubted) and (agreed.checkpoint is not None or not once) and await agreed.count():
            doubted.append(True)
            raise KeysRenewed("perhaps")
        return await changes(agreed)

    world.remote.changes = doubting


async def test_keys_that_prove_true_keep_all_that_was_agreed(world):
    await world.agree(*range(6), flags=[SEEN])
    world.local.set_flags(world.key(LOCAL, 1), [SEEN, FLAGGED])
    world.remote.set_flags(world.key(REMOTE, 2), [])
    doubts(world)
    done = await world.sync()
    assert (done.adopted, done.down, done.up, done.reflagged) == (0, 0, 0, 2)
    assert not [event for event in world.events if type(event).__name__ == "FolderMatchedAnew"]
    assert world.local.messages[world.key(LOCAL, 2)].flags == set()
    world.assert_in_step()
    await world.assert_at_rest()


async def test_keys_that_mean_other_mail_by_now_delete_nothing(world):
    await world.agree(*range(6))
    for number, key in enumerate(list(world.remote.messages)[3:], 3):
        world.remote.messages[key] = replace(world.remote.messages[key], wire=message(100 + number))
    doubts(world)
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (3, 3, 0, 0)
    assert set(world.bodies(LOCAL)) == {message(n) for n in (0, 1, 2, 3, 4, 5, 103, 104, 105)}
    world.assert_in_step()
    await world.assert_at_rest()


async def test_what_either_side_lacks_is_brought_back_when_keys_are_in_doubt(world):
    await world.agree(*range(6))
    world.remote.remove(world.key(REMOTE, 5))
    world.local.remove(world.key(LOCAL, 4))
    doubts(world)
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (1, 1, 0, 0)
    world.assert_in_step()


async def test_keys_that_stay_in_doubt_are_all_forgotten(world):
    await world.agree(*range(6))
    doubts(world, once=False)
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (6, 0, 0)


async def test_only_a_few_of_many_are_looked_at_when_they_prove_true(world, monkeypatch):
    monkeypatch.setattr(proving, "NEWEST", 2)
    monkeypatch.setattr(proving, "SPREAD", 2)
    await world.agree(*range(12))
    asked: list[int] = []
    fingerprints = world.remote.fingerprints

    async def counted(keys):
        asked.append(len(keys))
        return await fingerprints(keys)

    world.remote.fingerprints = counted
    doubts(world)
    await world.sync()
    assert asked == [4]


async def test_a_run_that_dies_while_keys_are_in_doubt_loses_and_doubles_nothing(world):
    await world.agree(*range(6))
    for at in range(12):
        renumber(world, first=100 * (at + 2))
        doubts(world)
        try:
            await world.sync(Fuse(at=at))
        except ConnectionLost:
            pass
        await world.sync()
        world.assert_in_step()
        assert len(world.local.messages) == 6


async def test_a_mark_that_is_the_same_everywhere_tells_a_message_under_its_new_key_without_a_look(world):
    """EMAILID and X-GM-MSGID; the local copy need not be like what the server has made of it."""
    for number in range(3):
        key = world.remote.put(message(number))
        world.remote.messages[key] = replace(world.remote.messages[key], mark=f"M{number}")
    await world.sync()
    for key, held in list(world.remote.messages.items()):
        world.remote.messages[key] = replace(held, wire=held.wire.replace(b"Subject", b"X-Subject"))
    renumber(world)
    world.remote.commands.clear()
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (0, 0, 0, 0)
    assert world.remote.commands["fingerprints"] == 0
    assert len(world.local.messages) == 3
