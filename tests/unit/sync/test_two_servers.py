"""Two servers: neither can be read for free, either may answer late, and little is asked of both."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from tests.fakes.memory_account import MemoryAccount
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_world import TWO_SERVERS, Died, MemoryWorld, message

from postboat.errors import KeysRenewed
from postboat.events import MessageFailed, Warned
from postboat.model import DELETED, DRAFT, FLAGGED, NO_FLAGS, SEEN, Policy, Side, Stored
from postboat.sync import matching, relocate

REMOTE, LOCAL = Side
ASKED = ("glances", "fingerprints", "read", "store")


@pytest.fixture
async def world():
    async with memory_ledger() as ledger:
        yield MemoryWorld(ledger, kinds=TWO_SERVERS)


def clear(*replicas) -> None:
    for replica in replicas:
        replica.commands.clear()


def asked(world) -> Counter[str]:
    """What was asked of both servers together."""
    both = world.remote.commands + world.local.commands
    return Counter({command: both[command] for command in ASKED if both[command]})


def counting(replica, name: str) -> list[str]:
    """The keys that were asked for by one command, as they will be."""
    ask, keys_asked = getattr(replica, name), []

    async def counted(keys):
        keys_asked.extend(keys)
        return await ask(keys)

    setattr(replica, name, counted)
    return keys_asked


def dated(world, *numbers: int, on=tuple(Side)) -> None:
    """The same messages on both servers, stored there in another order."""
    for side in on:
        for number in sorted(numbers, reverse=side is LOCAL):
            world.side(side).put(message(number), date=1000 + number)


# ---- a lost ledger ----------------------------------------------------------------------------------------------


async def test_a_lost_ledger_costs_no_body_and_where_there_are_many_no_header(world, monkeypatch):
    monkeypatch.setattr(matching, "MANY", 4)
    dated(world, *range(8))
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (8, 0, 0)
    assert asked(world) == {"glances": 2}
    world.assert_in_step()
    await world.assert_at_rest()


async def test_where_there_are_few_their_headers_tell_and_no_body(world):
    dated(world, *range(8))
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (8, 0, 0)
    assert asked(world) == {"fingerprints": 2}


async def test_other_dates_cost_headers_and_no_body(world, monkeypatch):
    """A server that kept the time of the upload for that of the message."""
    monkeypatch.setattr(matching, "MANY", 4)
    for number in range(8):
        world.remote.put(message(number), date=1000 + number)
        world.local.put(message(number), date=9999)
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (8, 0, 0)
    assert asked(world)["read"] == asked(world)["store"] == 0


@pytest.mark.parametrize("drafts", [False, True])
async def test_bodies_are_compared_only_of_drafts_and_notes_without_a_name(world, drafts):
    head = b"Message-ID: <d@x>\r\n\r\n" if drafts else b"Subject: note\r\n\r\n"
    flags = {DRAFT} if drafts else set()
    dated(world, 1, 2)
    for side, text in ((REMOTE, b"milk"), (LOCAL, b"eggs")):
        world.side(side).put(head + text, flags)
        world.side(side).put(head + b"same", flags)
    reads = {side: counting_reads(world.side(side)) for side in Side}
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (3, 1, 1)
    assert all(world.side(side).messages[key].wire.startswith(head) for side in Side for key in reads[side])
    world.assert_in_step()


def counting_reads(replica) -> list[str]:
    read, keys_read = replica.read, []

    def counted(keys):
        keys_read.extend(keys)
        return read(keys)

    replica.read = counted
    return keys_read


@pytest.mark.parametrize("side", Side)
async def test_a_draft_on_one_side_alone_is_never_paired_by_its_header(world, side):
    """Its user has sent it meanwhile, with another text."""
    head = b"Message-ID: <a@x>\r\n\r\n"
    world.side(side).put(head + b"milk\r\n", {DRAFT})
    world.side(side.other).put(head + b"eggs\r\n")
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (0, 1, 1)


async def test_headers_of_names_that_one_server_alone_knows_are_not_asked_for(world, monkeypatch):
    monkeypatch.setattr(matching, "MANY", 4)
    texts = ["x" * number for number in range(30)]
    for number in range(10):
        world.remote.put(message(100 + number, texts[number]), date=1)
        world.local.put(message(200 + number, texts[10 + number]), date=1)
    common = message(1, "one server counts this wrongly")
    for side in Side:
        world.side(side).put(common, date=1)
    misstates(world.remote, common)
    headers = {side: counting(world.side(side), "fingerprints") for side in Side}
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (1, 10, 10)
    assert [len(headers[side]) for side in Side] == [1, 1]


async def test_a_name_that_one_server_does_not_find_doubles_nothing(world, monkeypatch):
    """It reads a malformed header as far as it understands it, counts octets wrongly, and lists much else."""
    monkeypatch.setattr(matching, "MANY", 4)
    for number in range(5):
        world.remote.put(message(100 + number, "x" * number), date=number)
        world.local.put(message(200 + number, "y" * (10 + number)), date=number)
    same = message(1, "malformed")
    for side in Side:
        world.side(side).put(same, date=1000)
    misstates(world.remote, same)
    glances = world.remote.glances

    async def nameless(keys):
        told = await glances(keys)
        return {k: replace(g, name=b"") if world.remote.messages[k].wire == same else g for k, g in told.items()}

    world.remote.glances = nameless
    done = await world.sync()
    assert (done.adopted, done.down, done.up) == (1, 5, 5)
    world.assert_in_step()


@pytest.mark.parametrize("side", Side)
async def test_keys_of_either_server_that_mean_other_mail_by_now_delete_nothing(world, side):
    await world.agree(*range(6))
    doubted = world.side(side)
    for number, key in enumerate(list(doubted.messages)[3:], 3):
        doubted.messages[key] = replace(doubted.messages[key], wire=message(100 + number))
    changes = doubted.changes

    async def doubting(agreed):
        if agreed.checkpoint is not None and await agreed.count():
            raise KeysRenewed("perhaps")
        return await changes(agreed)

    doubted.changes = doubting
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (3, 3, 0, 0)
    world.assert_in_step()
    await world.assert_at_rest()


def misstates(replica, wire: bytes) -> None:
    """The server counts three octets for one of a message."""
    shown, fingerprints, glances = replica._shown, replica.fingerprints, replica.glances

    def wrong(key, told):
        return replace(told, size=3 * told.size) if replica.messages[key].wire == wire else told

    async def wrong_prints(keys):
        return {key: wrong(key, told) for key, told in (await fingerprints(keys)).items()}

    async def wrong_glances(keys):
        return {key: wrong(key, told) for key, told in (await glances(keys)).items()}

    replica._shown = lambda key: wrong(key, shown(key))
    replica.fingerprints, replica.glances = wrong_prints, wrong_glances


# ---- what a run of every day asks for ---------------------------------------------------------------------------


async def test_new_mail_of_other_sizes_on_both_sides_asks_for_nothing_but_itself(world):
    await world.agree(1, 2)
    clear(world.remote, world.local)
    world.remote.put(message(3))
    world.local.put(message(4, "longer than the other one"))
    await world.sync()
    assert asked(world) == {"read": 2, "store": 2}
    world.assert_in_step()


@pytest.mark.parametrize("side", Side)
async def test_one_message_gone_and_another_come_ask_for_no_headers(world, side):
    await world.agree(1, 2)
    world.side(side).remove(world.key(side, 1))
    world.side(side).put(message(3, "of quite another length"))
    clear(world.remote, world.local)
    done = await world.sync()
    assert done.down + done.up == done.deleted_remote + done.deleted_local == 1
    assert asked(world) == {"glances": 1, "read": 1, "store": 1}
    world.assert_in_step()


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("count", [3, 8])
async def test_new_keys_on_either_server_cost_no_transfer(world, side, count):
    await world.agree(*range(count), flags=[SEEN])
    renumbered = world.side(side)
    held = list(renumbered.messages.values())
    for key in list(renumbered.messages):
        renumbered.remove(key)
    for each in reversed(held):
        renumbered.put(each.wire, each.flags)
    clear(world.remote, world.local)
    done = await world.sync()
    assert (done.down, done.up, done.deleted_local, done.deleted_remote) == (0, 0, 0, 0)
    assert asked(world)["store"] == 0
    world.assert_in_step()
    await world.assert_at_rest()


async def test_nothing_is_written_down_before_effects_where_numbers_only_grow(world):
    """The checkpoint of a server tells of all that changed since, whatever a run has changed."""
    await world.agree(1)
    world.remote.put(message(2))
    points: list[str] = []
    await world.sync(points.append)
    assert points.count("before save_checkpoints") == 1


# ---- each side in the other one's place -------------------------------------------------------------------------


@pytest.mark.parametrize("to", Side)
async def test_a_copy_whose_connection_broke_is_not_sent_again_in_the_same_run(world, to):
    await world.agree(1)
    world.side(to.other).put(message(2))

    def fuse(where: str) -> None:
        if where == "before store":
            raise Died(where)

    with pytest.raises(Died):
        await world.sync(fuse)
    done = await world.sync_pair(replace(world.pair(), again=True))
    assert done.failed == 1 and len(world.side(to).messages) == 1, "it may arrive after we have looked"
    await world.sync()
    world.assert_in_step()
    assert len(world.side(to).messages) == 2


@pytest.mark.parametrize("hiding", Side)
async def test_an_incomplete_first_look_at_either_server_sends_nothing_there(world, hiding):
    replica = world.side(hiding)
    changes = replica.changes
    hidden = replica.put(message(2))
    replica.put(message(1))
    for number in (1, 2, 3):
        world.side(hiding.other).put(message(number))

    async def keeps_back(agreed):
        found = await changes(agreed)
        appeared = {key: each for key, each in found.appeared.items() if key != hidden}
        return replace(found, appeared=appeared, complete=False, checkpoint=None)

    replica.changes = keeps_back
    first = await world.sync()
    assert (first.adopted, first.up + first.down) == (1, 0)
    replica.changes = changes
    second = await world.sync()
    assert (second.adopted, second.up + second.down) == (1, 1)
    world.assert_in_step()
    await world.assert_at_rest()


@pytest.mark.parametrize("to", Side)
async def test_a_server_that_keeps_one_copy_of_identical_messages_pairs_none_twice(world, to):
    await world.agree(1)
    store, there = world.side(to).store, world.key(to, 1)

    async def keeps_one(contents, tokens):
        same = [content.data == message(1) for content in contents]
        assert all(same), "only the double is stored"
        return [Stored(content.key, there) for content in contents]

    world.side(to).store = keeps_one
    world.side(to.other).put(message(1))
    done = await world.sync()
    assert done.failed == 1
    world.side(to).store = store
    assert len(world.side(to).messages) == 1


@pytest.mark.parametrize("side", Side)
async def test_each_server_removes_or_only_marks_as_its_user_wants(side):
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(expunge=frozenset({side})), kinds=TWO_SERVERS)
        await world.agree(1, 2)
        world.side(side.other).remove(world.key(side.other, 1))
        world.side(side).remove(world.key(side, 2))
        await world.sync()
        assert set(world.bodies(side)) == set(), "what is gone from the other side is removed"
        (kept,) = world.side(side.other).messages.values()
        assert (kept.wire, kept.flags) == (message(2), {DELETED})
        await world.assert_at_rest()


@pytest.mark.parametrize("to", Side)
async def test_a_side_is_called_by_the_words_given_for_it(world, to):
    await world.agree(1)
    world.side(to.other).remove(world.key(to.other, 1))
    world.side(to.other).put(message(2))
    world.side(to).refuse_store = lambda wire: "quota"
    pair = replace(world.pair(), where={REMOTE: "on Work", LOCAL: "on Laptop"})
    world.events.clear()
    await world.sync_pair(pair)
    (told,) = (event.text for event in world.events if isinstance(event, Warned))
    assert told == f"Archive: 1 deletion waits {pair.where[to]} until all copies to that side have succeeded"
    (failed,) = (event.what for event in world.events if isinstance(event, MessageFailed))
    assert failed == f"putting message {world.key(to.other, 2)} {pair.where[to]}"


# ---- moves ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def account():
    async with memory_ledger() as ledger:
        yield MemoryAccount(ledger, "A", "B", kinds=TWO_SERVERS)


async def filled(account: MemoryAccount, count: int) -> None:
    for number in range(count):
        account.side("A", REMOTE).put(message(number, "x" * number), {FLAGGED})
    account.side("B", REMOTE).put(message(900))
    await account.sync()


def asked_of_all(account: MemoryAccount) -> dict[str, int]:
    both = [replica.commands for sides in account.folders.values() for replica in sides.values()]
    return {command: sum(each[command] for each in both) for command in ("read", "store")}


@pytest.mark.parametrize("side", Side)
async def test_a_move_is_repeated_without_a_transfer(account, side):
    await filled(account, 3)
    before = asked_of_all(account)
    key = next(iter(account.side("A", side).messages))
    account.move(side, "A", "B", key)
    await account.sync()
    assert asked_of_all(account) == before
    account.assert_in_step()
    await account.assert_at_rest()


@pytest.mark.parametrize("side", Side)
async def test_of_many_messages_gone_only_those_as_large_as_what_came_show_their_headers(account, side, monkeypatch):
    monkeypatch.setattr(relocate, "MANY", 5)
    await filled(account, 12)
    before = asked_of_all(account)
    source = account.side("A", side)
    account.move(side, "A", "B", next(iter(source.messages)))
    for key in list(source.messages)[:8]:
        source.remove(key)
    headers = counting(account.side("A", side.other), "fingerprints")
    await account.sync()
    assert len(headers) == 1
    assert asked_of_all(account) == before
    account.assert_in_step()
    await account.assert_at_rest()


@pytest.mark.parametrize("on", Side)
async def test_a_move_that_was_cut_short_is_found_by_what_the_server_told_of_the_message(account, on):
    await filled(account, 3)
    before = asked_of_all(account)
    side = on.other
    account.move(side, "A", "B", next(iter(account.side("A", side).messages)))

    def fuse(where: str) -> None:
        if where == "after move":
            raise Died(where)

    with pytest.raises(Died):
        await account.sync(fuse)
    await account.sync()
    assert asked_of_all(account) == before
    account.assert_in_step()
    await account.assert_at_rest()
    assert NO_FLAGS not in [held.flags for held in account.side("B", on).messages.values() if held.wire != message(900)]
