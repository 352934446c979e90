"""What an interrupted run left behind is found, and nothing else is taken for it."""

from __future__ import annotations

import json

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_replica import header_of
from tests.fakes.memory_world import TWO_SERVERS, MemoryWorld, message

from postboat.model import DRAFT, NO_FLAGS, Intent, Side

REMOTE, LOCAL = Side
NOTES = [b"Subject: note\r\n\r\n" + text + b"\r\n" for text in (b"milk", b"eggs")]
DRAFTS = [message(1, "hullo"), message(1, "hello")]


@pytest.fixture(params=[{}, {"kinds": TWO_SERVERS}], ids=["maildir", "servers"])
async def world(request):
    async with memory_ledger() as ledger:
        yield MemoryWorld(ledger, **request.param)


def known_by_header(server) -> None:
    """The server's messages are known again as real ones are: by their headers and sizes."""

    def shown(wire: bytes) -> list:
        return [len(wire), header_of(wire).decode()]

    async def intend(contents):
        return [json.dumps([server._next, *shown(content.data)]) for content in contents]

    server.intend = intend
    server._is = lambda key, token: (
        shown(server.messages[key].wire) == json.loads(token)[1:] and int(key) >= json.loads(token)[0]
    )


async def begun(world, *wires: bytes, flags=NO_FLAGS) -> list[Intent]:
    """Messages are about to go to the server."""
    known_by_header(world.remote)
    keys = [world.local.put(wire, flags) for wire in wires]
    contents = {content.key: content async for content in world.local.read(keys)}
    tokens = await world.remote.intend([contents[key] for key in keys])
    intents = [Intent(REMOTE, key, token, flags) for key, token in zip(keys, tokens, strict=True)]
    ledger = world.pair().ledger
    await ledger.open({REMOTE: world.remote.identity, LOCAL: world.local.identity})
    await ledger.intend(intents)
    return intents


@pytest.mark.parametrize(("wires", "flags"), [(NOTES, NO_FLAGS), (DRAFTS, {DRAFT})], ids=["notes", "drafts"])
@pytest.mark.parametrize("arrived", [0, 1])
async def test_of_messages_with_one_header_that_is_known_which_was_stored_before_a_crash(world, wires, flags, arrived):
    await begun(world, *wires, flags=frozenset(flags))
    world.remote.put(wires[arrived], flags)
    done = await world.sync()
    assert done.up == 1
    world.assert_in_step()
    assert sorted(wire for wire, _ in world.remote.contents()) == sorted(wires)
    await world.assert_at_rest()


async def test_what_another_program_stored_meanwhile_is_not_taken_for_what_was_sent(world):
    await begun(world, NOTES[0])
    world.remote.put(NOTES[1])
    await world.sync()
    world.assert_in_step()
    assert sorted(wire for wire, _ in world.remote.contents()) == sorted(NOTES)
    await world.assert_at_rest()


async def test_what_was_stored_and_is_gone_from_its_own_side_since_does_not_come_back(world):
    (intent,) = await begun(world, NOTES[0])
    world.remote.put(NOTES[0])
    world.local.remove(intent.origin)
    await world.sync()
    assert world.remote.contents() == world.local.contents() == []


async def test_a_message_with_a_name_of_its_own_is_found_without_reading_it(world):
    await begun(world, message(1))
    world.remote.put(message(1))
    await world.sync()
    assert (world.remote.commands["read"], world.local.commands["read"]) == (0, 1)
    world.assert_in_step()
    await world.assert_at_rest()
