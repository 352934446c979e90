"""A side is only called unchanged when all that was seen of it was applied to the other one."""

from __future__ import annotations

import pytest
from tests.fakes.memory_ledger import ARCHIVE, memory_ledger
from tests.fakes.memory_world import ALL_KINDS, Died, MemoryWorld, message

from postboat.model import DELETED, SEEN, Glimpse, Policy, Side
from postboat.sync.checkpoints import AgreedUnder, is_unchanged

SIDES = [Side.REMOTE, Side.LOCAL]


async def recorded(world: MemoryWorld, side: Side) -> str | None:
    """The checkpoint that the next look of `side` will go by."""
    ledger = world.ledger.folder(ARCHIVE, ARCHIVE)
    await ledger.open({})
    return AgreedUnder(ledger.agreed(side), world.policy).checkpoint


@pytest.mark.parametrize("side", SIDES)
async def test_what_a_readonly_side_did_not_get_is_matched_when_it_comes_there_by_itself(side):
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(readonly=frozenset({side})))
        await world.sync()
        world.side(side.other).put(message(1))
        await world.sync()
        await world.sync()
        world.side(side).put(message(1))
        await world.sync()
        assert world.bodies(Side.REMOTE) == world.bodies(Side.LOCAL) == {message(1): 1}


@pytest.mark.parametrize("side", SIDES)
async def test_a_deletion_that_is_not_repeated_is_seen_by_every_look(side):
    """Else a flag changed on the message that stayed would be sent to the one that is gone, run after run."""
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(sync_deletes=frozenset({side.other})))
        await world.agree(1)
        await world.sync()
        world.side(side).remove(world.key(side, 1))
        await world.sync()
        await world.sync()
        world.side(side.other).set_flags(world.key(side.other, 1), {SEEN})
        before = world.side(side).commands["reflag"]
        await world.sync()
        assert world.side(side).commands["reflag"] == before
        assert world.bodies(side.other) == {message(1): 1}


@pytest.mark.parametrize("kinds", ALL_KINDS)
async def test_before_effects_only_the_checkpoints_of_servers_stay(kinds):
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, kinds=kinds)
        await world.agree(1)
        await world.sync()
        world.remote.put(message(2))

        def fuse(where: str) -> None:
            if where == "before store":
                raise Died(where)

        with pytest.raises(Died):
            await world.sync(fuse)
        for side, naming in zip(Side, kinds, strict=True):
            assert (await recorded(world, side) is not None) == (naming == "uid")


async def test_a_message_that_was_only_marked_comes_back_when_the_mark_is_taken_off():
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(expunge=frozenset({Side.LOCAL})))
        await world.agree(1)
        world.local.remove(world.key(Side.LOCAL, 1))
        await world.sync()
        await world.sync()
        key = world.key(Side.REMOTE, 1)
        assert world.remote.messages[key].flags == {DELETED}
        world.remote.set_flags(key, ())
        await world.sync()
        assert world.bodies(Side.LOCAL) == {message(1): 1}


async def test_a_run_that_left_something_undone_takes_the_maildirs_checkpoint_away():
    """A backup put back sets directories' times back to those of the checkpoint, over another ledger."""
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger)
        await world.agree(1, 2)
        await world.sync()
        assert await recorded(world, Side.LOCAL) is not None
        world.remote.remove(world.key(Side.REMOTE, 1))
        world.remote.put(message(3))
        world.local.refuse_store = lambda wire: "no room"
        await world.sync()
        assert await recorded(world, Side.LOCAL) is None


async def test_what_the_maildir_lost_for_itself_takes_its_checkpoint_away_though_nothing_is_done():
    """A later look at a few files takes all others to be in step."""
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(sync_deletes=frozenset({Side.REMOTE})))
        await world.agree(1, 2)
        await world.sync()
        world.local.remove(world.key(Side.LOCAL, 1))
        await world.sync()
        assert await recorded(world, Side.LOCAL) is None


async def test_what_the_server_lost_for_itself_leaves_the_maildirs_checkpoint():
    async with memory_ledger() as ledger:
        world = MemoryWorld(ledger, Policy(sync_deletes=frozenset({Side.LOCAL})))
        await world.agree(1, 2)
        await world.sync()
        before = await recorded(world, Side.LOCAL)
        world.remote.remove(world.key(Side.REMOTE, 1))
        await world.sync()
        assert before is not None and await recorded(world, Side.LOCAL) == before


VALIDITY = {Side.REMOTE: "7 me@host", Side.LOCAL: "id"}
POLICY = Policy()


def unchanged(
    validity: dict[Side, str | None] | None = None,
    now: dict[Side, Glimpse | None] | None = None,
    policy: Policy = POLICY,
) -> bool:
    sealed = {Side.REMOTE: "r01l011 [1]\nwhat only a look needs", Side.LOCAL: "r01l011 [2]"}
    glimpses = {Side.REMOTE: Glimpse("7 me@host", "[1]"), Side.LOCAL: Glimpse("id", "[2]")} | (now or {})
    return is_unchanged(validity or VALIDITY, sealed, glimpses, policy)


def test_a_folder_is_unchanged_when_both_sides_are_what_the_ledger_says():
    assert unchanged()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "now", [None, Glimpse(""), Glimpse("7 me@host"), Glimpse("id"), Glimpse("8 me@host", "[1]"), Glimpse("id", "[3]")]
)
def test_a_side_of_which_too_little_or_something_else_is_known_is_not_unchanged(side, now):
    assert not unchanged(now={side: now})


def test_what_another_policy_left_undone_is_not_unchanged():
    assert not unchanged(policy=Policy(expunge=frozenset({Side.LOCAL})))


def test_two_unknown_validities_are_not_equal():
    nothing = {side: Glimpse("", "[1]") for side in Side}
    assert not unchanged(validity=dict.fromkeys(Side, ""), now=nothing)
