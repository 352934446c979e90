"""The main job between two servers of every kind we have, and between two trees of Maildirs: both ways, twice over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.real.crossing import (
    LOCAL,
    MUTATING,
    REMOTE,
    Crossing,
    assert_no_body_passed,
    between,
    bodies_fetched,
    messages_sent,
)
from tests.real.ends import long_ago
from tests.real.voyage import digest, digests, message

from postboat.events import PlanHeld
from postboat.model import Side, Verdict
from postboat.service.known_folders import Target
from postboat.service.restore import put_back
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from tests.real.voyage import Sailed

pytestmark = pytest.mark.real

PAIRS = [("dovecot", "dovecot"), ("dovecot", "cyrus"), ("cyrus", "courier"), ("maildir", "maildir")]
SIDES = pytest.mark.parametrize("side", list(Side), ids=lambda side: side.value)
SOME = [message(number) for number in range(6)]


@pytest.fixture(params=PAIRS, ids="-".join)
def crossing(request, tmp_path) -> Crossing:
    """Two empty ends."""
    return between(request.param, tmp_path, request)


@pytest.fixture
async def agreed(crossing) -> Crossing:
    """Both ends have six messages in INBOX and in Archive, and agree on them."""
    crossing.remote.create("Archive")
    crossing.remote.deliver(*SOME)
    crossing.local.deliver(*SOME[:3])  # the first meeting is one of twins, too
    crossing.remote.deliver(*SOME, folder="Archive", flags=r"\Seen")
    await crossing.settle()
    return crossing


def keyword(crossing: Crossing, name: str) -> str:
    """A keyword, where both ends hold any."""
    return f" {name}" if crossing.servers else ""


def told(sailed: Sailed) -> list[tuple[str, str, str, int]]:
    return [(held.folder, held.on, held.suspicion, held.count) for held in sailed.of(PlanHeld)]


async def test_the_first_copy_goes_both_ways(crossing):
    remote, local = crossing.remote, crossing.local
    when, label = long_ago(400), keyword(crossing, "$Label1")
    remote.deliver(*SOME, date=when)
    remote.deliver(message(10), flags=r"\Seen \Flagged" + label, date=long_ago(300))
    local.deliver(message(20), flags=r"\Answered" + label, date=long_ago(200))
    local.deliver(message(21, size=300_000), date=long_ago(100))
    remote.create("Archive", "Lists", "Lists/Work")
    remote.deliver(message(30, size=300_000), folder="Lists/Work", flags=r"\Draft")
    local.create("Sent mail", "Sent mail/2026")
    local.deliver(message(31), folder="Sent mail/2026", flags=r"\Seen")
    first = await crossing.settle()
    assert (first.done.down, first.done.up) == (8, 3)
    crossing.assert_same()
    assert {"INBOX", "Archive", "Lists/Work", "Sent mail/2026"} <= remote.folders()
    assert remote.holds()[digest(message(10))] == {r"\Seen", r"\Flagged", *label.split()}
    assert local.dates() == remote.dates()
    assert local.dates()[digest(SOME[0])] == when
    await crossing.assert_at_rest()


async def test_what_happens_on_either_side_happens_on_the_other(agreed):
    """A flag set on one side and another on the other come together; nothing that is moved is sent again."""
    remote, local, label = agreed.remote, agreed.local, keyword(agreed, "$Label2")
    remote.flag(SOME[0], add=r"\Seen \Flagged" + label)
    local.flag(SOME[0], add=r"\Answered")
    local.flag(SOME[1], add=r"\Flagged" + label)
    local.flag(SOME[0], remove=r"\Seen", folder="Archive")
    remote.flag(SOME[1], remove=r"\Seen", folder="Archive")
    remote.delete(SOME[2])
    local.delete(SOME[3])
    remote.create("Elsewhere")
    local.create("Elsewhere")
    remote.move(SOME[4], to="Elsewhere")
    local.move(SOME[5], to="Elsewhere")
    async with agreed.recorded() as wires:
        second = await agreed.settle()
    done = second.done
    copied = sum(not end.moves for end in agreed.servers.values())
    assert (done.down, done.up, done.moved, done.deleted_local + done.deleted_remote) == (0, 0, 2, 2 + copied)
    for wire in wires.values():
        assert wire.commands_sent("APPEND") == []
    if wires:
        assert bodies_fetched(wires[REMOTE]) == []
        assert len(bodies_fetched(wires[LOCAL])) == 1, "only what goes to the quarantine"
    agreed.assert_same()
    assert remote.holds() == {
        digest(SOME[0]): {r"\Seen", r"\Flagged", r"\Answered", *label.split()},
        digest(SOME[1]): {r"\Flagged", *label.split()},
    }
    assert remote.holds("Elsewhere") == dict.fromkeys(digests(SOME[4:]), frozenset())
    assert [remote.holds("Archive")[digest(SOME[number])] for number in (0, 1)] == [frozenset()] * 2
    await agreed.assert_at_rest()


async def test_a_lost_ledger_doubles_nothing_and_sends_no_body(agreed):
    agreed.forget()
    async with agreed.recorded() as wires:
        again = await agreed.settle()
    assert_no_body_passed(wires)
    assert (again.done.adopted, again.done.down, again.done.up) == (12, 0, 0)
    agreed.assert_same()
    await agreed.assert_at_rest()


async def test_two_filled_ends_meet_and_what_both_have_is_not_doubled(crossing):
    shared, theirs, ours = SOME, [message(n) for n in range(20, 24)], [message(n, size=9000) for n in range(30, 33)]
    when = long_ago(50)
    crossing.remote.deliver(*shared, *theirs, flags=r"\Seen", date=when)
    crossing.local.deliver(*ours, *shared, date=when)
    async with crossing.recorded() as wires:
        met = await crossing.settle()
    assert (met.done.adopted, met.done.down, met.done.up) == (6, 4, 3)
    for side, sent in zip(wires, (3, 4), strict=False):
        assert messages_sent(wires[side]) == sent
    crossing.assert_same()
    assert len(crossing.remote.holds()) == 13
    assert all(crossing.local.holds()[key] == {r"\Seen"} for key in digests(shared)), "a flag on either side stays"
    await crossing.assert_at_rest()


@SIDES
async def test_a_full_folder_gone_from_one_side_goes_from_the_other_when_confirmed(agreed, side):
    """An empty one is made again: nothing can be lost by that."""
    lost, other = agreed.ends[side], agreed.ends[side.other]
    lost.create("Empty")
    await agreed.settle()
    assert "Empty" in other.folders()
    lost.remove("Empty")
    lost.remove("Archive")
    waiting = await agreed.sync()
    assert (waiting.code, told(waiting)) == (6, [("Archive", side.other.value, "folder gone", 6)])
    assert len(other.holds("Archive")) == 6
    await agreed.decide(Verdict.CONFIRMED, "Archive")
    await agreed.settle()
    assert {"Archive", "Empty"} & other.folders() == {"Empty"}
    agreed.assert_same()
    await agreed.assert_at_rest()


@SIDES
async def test_a_folder_that_became_another_one_is_matched_anew(agreed, side):
    """A new UIDVALIDITY, or a restored copy of a Maildir; flags changed on the other side meanwhile still come over."""
    agreed.ends[side].renumber("Archive")
    agreed.ends[side.other].flag(SOME[0], add=r"\Flagged", folder="Archive")
    agreed.ends[side].deliver(message(40), folder="Archive")
    async with agreed.recorded() as wires:
        again = await agreed.settle()
    assert (again.done.down + again.done.up, again.done.changes - again.done.reflagged) == (1, 1), again.done
    assert sum(map(messages_sent, wires.values())) == len(wires) // 2
    agreed.assert_same()
    assert len(agreed.remote.holds("Archive")) == 7
    assert agreed.remote.holds("Archive")[digest(SOME[0])] == {r"\Seen", r"\Flagged"}
    await agreed.assert_at_rest()


@SIDES
async def test_an_emptied_folder_is_held_until_its_user_speaks(agreed, side):
    lost, other = agreed.ends[side], agreed.ends[side.other]
    for verdict in (Verdict.RESTORE, Verdict.CONFIRMED):
        lost.empty()
        other.deliver(message(50))
        waiting = await agreed.sync()
        assert waiting.code == 6
        assert {(folder, on, why) for folder, on, why, _ in told(waiting)} == {("INBOX", side.other.value, "emptied")}
        assert digests([message(50)]) == lost.holds().keys(), "new mail goes on"
        await agreed.decide(verdict, "INBOX")
        await agreed.settle()
        agreed.assert_same()
        assert other.holds().keys() == digests([*SOME, message(50)] if verdict is Verdict.RESTORE else [message(50)])
        other.delete(message(50))
        await agreed.settle()
        await agreed.assert_at_rest()


async def test_what_is_deleted_from_the_local_side_is_kept_and_can_be_put_back(agreed):
    agreed.local.flag(*SOME[:2], add=r"\Flagged")
    await agreed.settle()
    when = agreed.local.dates()[digest(SOME[0])]
    agreed.remote.delete(*SOME[:2])
    await agreed.settle()
    assert agreed.local.holds().keys() == digests(SOME[2:])
    events = []
    assert await put_back(agreed.whole, [Target(agreed.name)], "", events.append) == (agreed.name,)
    back = await agreed.settle()
    assert back.done.up == 2
    agreed.assert_same()
    held = agreed.remote.holds()
    assert held.keys() == digests(SOME)
    assert held[digest(SOME[0])] == {r"\Flagged"}
    assert agreed.remote.dates()[digest(SOME[0])] == when
    assert await put_back(agreed.whole, [Target(agreed.name)], "", events.append) == (), "nothing is kept any more"
    await agreed.assert_at_rest()


@SIDES
async def test_a_readonly_side_is_never_changed(agreed, side):
    agreed.vary(side, readonly=True)
    fixed, other = agreed.ends[side], agreed.ends[side.other]
    fixed.flag(SOME[0], add=r"\Flagged")
    fixed.deliver(message(60))
    fixed.delete(SOME[1])
    other.flag(SOME[2], add=r"\Answered")
    other.deliver(message(61))
    other.delete(SOME[3])
    other.create("Mine")
    before = fixed.census(), fixed.folders()
    async with agreed.recorded() as wires:
        await agreed.settle()
        await agreed.settle()
    assert (fixed.census(), fixed.folders()) == before
    assert not wires or wires[side].commands_sent(*MUTATING) == []
    held = other.holds()
    assert held[digest(SOME[0])] == {r"\Flagged"}
    assert held.keys() >= digests([message(60), message(61)]) and digest(SOME[1]) not in held
    agreed.vary(side, readonly=False)
    await agreed.settle()
    agreed.assert_same()
    assert digest(SOME[3]) not in fixed.holds() and "Mine" in fixed.folders()
    await agreed.assert_at_rest()


async def test_what_is_held_on_one_side_says_nothing_of_what_is_held_on_the_other(agreed):
    """A folder is emptied remotely and another one locally, and each gets its own answer."""
    agreed.remote.empty("INBOX")
    agreed.local.empty("Archive")
    waiting = await agreed.sync()
    assert waiting.code == 6
    assert sorted(told(waiting)) == [("Archive", "remote", "emptied", 6), ("INBOX", "local", "emptied", 6)]
    await agreed.decide(Verdict.RESTORE, "INBOX")
    again = await agreed.sync()
    assert (again.code, told(again)) == (6, [("Archive", "remote", "emptied", 6)])
    assert agreed.remote.holds().keys() == digests(SOME) == agreed.remote.holds("Archive").keys()
    await agreed.decide(Verdict.CONFIRMED, "Archive")
    await agreed.settle()
    agreed.assert_same()
    assert (len(agreed.remote.holds()), len(agreed.local.holds("Archive"))) == (6, 0)
    await agreed.assert_at_rest()


async def test_a_message_changed_on_one_side_and_deleted_on_the_other_comes_back(agreed):
    agreed.remote.delete(SOME[0])
    agreed.local.flag(SOME[0], add=r"\Flagged")
    agreed.local.delete(SOME[1])
    agreed.remote.flag(SOME[1], add=r"\Answered")
    agreed.remote.delete(SOME[2])
    agreed.local.delete(SOME[2])
    await agreed.settle()
    agreed.assert_same()
    held = agreed.remote.holds()
    assert held.keys() == digests([*SOME[:2], *SOME[3:]])
    assert (held[digest(SOME[0])], held[digest(SOME[1])]) == ({r"\Flagged"}, {r"\Answered"})
    await agreed.assert_at_rest()


async def test_a_dry_run_changes_nothing_and_writes_nothing(crossing):
    crossing.remote.deliver(*SOME)
    crossing.local.deliver(message(20))
    before = crossing.remote.census(), crossing.local.census()
    async with crossing.recorded() as wires:
        planned = await crossing.sync(RunOptions(dry_run=True))
    assert planned.code == 0
    assert all(wire.commands_sent(*MUTATING) == bodies_fetched(wire) == [] for wire in wires.values())
    assert (crossing.remote.census(), crossing.local.census()) == before and not crossing.state.exists()
