"""What a run one way says at its end: counted from what both sides show, against what the ledger pairs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.fakes.memory_ledger import memory_ledger
from tests.fakes.memory_replica import MemoryReplica

from postboat.errors import ConnectionLost, FolderError, KeysRenewed, ServerUnreachable
from postboat.events import FolderFailed, PlanShown, StepReached
from postboat.folder_list import FolderList, ListedFolder
from postboat.mirrored import NotTold
from postboat.model import Aside, FolderName, Intent, Limits, Pairing, Policy, Side
from postboat.service import verdict as module
from postboat.service.run_options import RunOptions
from postboat.service.verdict import NOT_ALL_SHOWN, Witness
from postboat.sync.folder_tree import CONFIRMED_GONE, FolderTask, Gone, LeftAlone, TreePlan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.ledger.ledger import AccountLedger
    from postboat.mirrored import Mirrored


class Shore:
    """One side: folders by name."""

    def __init__(self, config: SimpleNamespace) -> None:
        self.config = config
        self.folders: dict[str, MemoryReplica] = {}

    def mailbox(self, name: FolderName, listed: FolderList, *, alone: bool = False) -> MemoryReplica:
        return self.folders[str(name)]


class Move:
    """An account on its way from one provider to another."""

    def __init__(self, ledger: AccountLedger, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = ledger
        self.old, self.new = Shore(SimpleNamespace(name="Old")), Shore(SimpleNamespace(name="New"))
        self.parts = SimpleNamespace(
            name="move",
            config=SimpleNamespace(remote=self.old.config, local=self.new.config, limits=Limits()),
            remote=self.old,
            local=self.new,
            policy=Policy(readonly=frozenset({Side.REMOTE}), sync_deletes=frozenset()),
            width=2,
        )
        self.tasks: list[FolderTask] = []
        self.unchanged: set[str] = set()
        self.exempt: set[str] = set()
        self.problems: tuple[str, ...] = ()
        self.others: list[ListedFolder] = []
        self.plan = TreePlan()
        self.failure: Exception | None = None
        self.options = RunOptions(one_way=True)
        self.events: list = []
        self.witness = Witness(self.parts, self.options, self.events.append)  # type: ignore[arg-type]
        monkeypatch.setattr(module, "read_tree", self.read_tree)

    def folder(self, name: str, *, create: Side | None = None) -> tuple[MemoryReplica, MemoryReplica]:
        """A folder on both sides, empty."""
        self.tasks.append(FolderTask(FolderName((name,)), FolderName((name,)), create))
        self.old.folders[name], self.new.folders[name] = MemoryReplica(f"{name}@old"), MemoryReplica(f"{name}@new")
        return self.old.folders[name], self.new.folders[name]

    async def copied(self, name: str, count: int, first: int = 0) -> list[str]:
        """So many messages are on both sides and the ledger knows; their keys on the old one."""
        keys, pairings = [], []
        for number in range(first, first + count):
            wire = f"Subject: {number}\r\nDate: Thu, 1 Jan 1970 00:00:07 +0000\r\n\r\n{name}".encode()
            keys.append(self.old.folders[name].put(wire))
            pairings.append(Pairing(keys[-1], self.new.folders[name].put(wire), frozenset()))
        await self.ledger_of(name).open({Side.REMOTE: "1", Side.LOCAL: "1"})
        await self.ledger_of(name).record(pairings=pairings)
        return keys

    def ledger_of(self, name: str):
        return self.ledger.folder(FolderName((name,)), FolderName((name,)))

    async def read_tree(self, parts: object, ledger: AccountLedger, only: tuple[str, ...]) -> SimpleNamespace:
        """What `service.tree` would say."""
        if self.failure:
            raise self.failure
        listed = [ListedFolder(task.remote, str(task.remote)) for task in self.tasks]
        return SimpleNamespace(
            plan=TreePlan(tuple(self.tasks), self.plan.left_alone, self.plan.gone, self.plan.all_gone),
            lists={
                Side.REMOTE: FolderList("/", folders=(*self.others, *listed), problems=self.problems),
                Side.LOCAL: FolderList("/"),
            },
            names=SimpleNamespace(remote_text=str),
            known={(each.remote, each.local): each for each in await ledger.known()},
            problems=(),
            is_unchanged=lambda task, policy: str(task.remote) in self.unchanged,
            is_exempt=lambda task: str(task.remote) in self.exempt,
        )

    async def told(self) -> Mirrored:
        return await self.witness.verdict(self.ledger)

    async def missing(self) -> list[tuple[str, str, str, int]]:
        """Folder, subject, why and how many, of what is not there."""
        return [(one.folder, one.subject, one.why, one.count) for one in (await self.told()).missing]


@pytest.fixture
async def move(monkeypatch) -> AsyncIterator[Move]:
    async with memory_ledger() as ledger:
        yield Move(ledger, monkeypatch)


async def test_what_is_paired_and_shown_by_both_sides_is_there(move):
    move.folder("A")
    move.folder("B")
    await move.copied("A", 3)
    await move.copied("B", 2)
    told = await move.told()
    assert (told.account, told.source, told.target) == ("move", "Old", "New")
    assert (told.messages, told.there, told.folders, told.missing, told.fails) == (5, 5, 2, (), False)


async def test_a_ledger_that_claims_more_than_the_new_side_shows_is_not_believed(move):
    _, new = move.folder("A")
    await move.copied("A", 6)
    new.remove("2")
    told = await move.told()
    assert (told.messages, told.there, told.fails) == (6, 5, False)
    (one,) = told.missing
    assert (one.key, one.why, one.subject, one.date) == ("2", "removed", "1", 7)


async def test_a_checkpoint_spares_no_look(move):
    """A message that a look since the checkpoint would pass over is counted all the same."""
    old, new = move.folder("A")
    await move.copied("A", 6)
    ledger = move.ledger_of("A")
    await ledger.open({Side.REMOTE: "1", Side.LOCAL: "1"})
    changes = {side: await replica.changes(ledger.agreed(side)) for side, replica in zip(Side, (old, new), strict=True)}
    await ledger.save_checkpoints({side: found.checkpoint for side, found in changes.items()})
    key = old.put(b"Subject: x\r\n\r\n")
    old.messages[key] = replace(old.messages[key], modseq=1)
    assert (await move.told()).messages == 7


async def test_a_message_that_the_old_side_lost_is_missed_by_nobody(move):
    old, new = move.folder("A")
    await move.copied("A", 6)
    old.remove("1")
    old.remove("2")
    new.remove("2")
    told = await move.told()
    assert (told.messages, told.there, told.missing) == (4, 4, ())


async def test_what_failed_is_told_with_its_reason_and_what_nobody_tried_as_come_meanwhile(move):
    old, _ = move.folder("A")
    await move.copied("A", 1)
    large, sent, late = (old.put(f"Subject: {what}\r\n\r\n".encode()) for what in ("large", "sent", "late"))
    ledger = move.ledger_of("A")
    await ledger.put_aside([Aside(Side.LOCAL, large, "too large"), Aside(Side.REMOTE, late, "none of ours")])
    await ledger.intend([Intent(Side.LOCAL, sent, "token", frozenset())])
    told = await move.told()
    assert [(one.key, one.why, one.reason) for one in told.missing] == [
        (large, "refused", "too large"),
        (sent, "unsettled", ""),
        (late, "arrived", ""),
    ]
    assert (told.messages, told.there, told.fails) == (4, 1, True)


async def test_a_folder_that_failed_is_named_once_with_the_number_of_its_messages(move):
    old, new = move.folder("A")
    await move.copied("A", 2)
    for number in range(9):
        old.put(b"%d" % number)
    new.remove("1")
    move.witness(FolderFailed("move", "A", "it said so"))
    assert await move.missing() == [("A", "0", "removed", 1), ("A", "", "folder", 9)]
    assert (await move.told()).missing[1].reason == "it said so"


async def test_a_side_that_may_not_be_changed_is_the_reason(move):
    old, new = move.folder("A")
    old.put(b"Subject: a\r\n\r\n")
    new.readonly = True
    assert await move.missing() == [("A", "a", "readonly", 1)]


@pytest.mark.parametrize(("held", "exempt", "why"), [(5, False, "lost"), (4, False, "removed"), (5, True, "removed")])
async def test_a_folder_that_lost_all_is_an_accident_unless_it_held_little_or_is_for_trash(move, held, exempt, why):
    _, new = move.folder("A")
    await move.copied("A", held)
    move.exempt = {"A"} if exempt else set()
    for key in list(new.messages):
        new.remove(key)
    told = await move.told()
    assert {one.why for one in told.missing} == {why}
    assert sum(one.count for one in told.missing) == held
    assert told.fails == (why == "lost")


async def test_a_folder_proved_to_be_unchanged_is_not_looked_into(move):
    old, new = move.folder("A")
    await move.copied("A", 3)
    old.commands.clear()
    new.commands.clear()
    move.unchanged = {"A"}
    told = await move.told()
    assert (told.messages, told.there) == (3, 3)
    assert not old.commands and not new.commands


async def test_a_folder_missing_on_the_new_side_counts_with_all_its_messages(move):
    for name in ("gone", "confirmed", "forbidden"):
        move.folder(name)
        await move.copied(name, 2)
    pairs = {task.remote.parts[0]: (task.remote, task.local) for task in move.tasks}
    await move.ledger_of("forbidden").start_over()
    move.tasks.clear()
    move.plan = TreePlan(
        left_alone=(
            LeftAlone(*pairs["confirmed"], Side.LOCAL, CONFIRMED_GONE),
            LeftAlone(*pairs["forbidden"], Side.LOCAL, "forbidden by createfolders"),
        ),
        gone=(Gone(*pairs["gone"], Side.LOCAL),),
    )
    told = await move.told()
    assert [(one.folder, one.why, one.reason, one.count) for one in told.missing] == [
        ("confirmed", "removed", "", 1),
        ("confirmed", "removed", "", 1),
        ("forbidden", "folder", "forbidden by createfolders", 2),
        ("gone", "lost", "", 2),
    ]
    assert (told.messages, told.there) == (6, 0)


async def test_a_folder_that_only_the_new_side_has_does_not_count(move):
    move.folder("Mine", create=Side.REMOTE)
    name = FolderName(("Other",))
    move.plan = TreePlan(gone=(Gone(name, name, Side.REMOTE),))
    told = await move.told()
    assert (told.folders, told.messages, told.missing) == (0, 0, ())


@pytest.mark.parametrize("side", list(Side), ids=lambda side: side.value)
async def test_a_side_that_shows_only_a_part_cannot_be_told_of(move, side):
    old, new = move.folder("A")
    await move.copied("A", 3)
    (old if side is Side.REMOTE else new).partial = True
    told = await move.told()
    assert (told.messages, told.untold, told.fails) == (0, (NotTold("A", NOT_ALL_SHOWN),), True)


@pytest.mark.parametrize(
    ("failure", "reason"), [(KeysRenewed("renewed"), NOT_ALL_SHOWN), (FolderError("no"), "no")], ids=["keys", "folder"]
)
async def test_what_stops_a_look_stops_no_other_and_is_told(move, failure, reason):
    old, _ = move.folder("A")
    move.folder("B")
    await move.copied("B", 2)

    def fuse(point: str) -> None:
        raise failure

    old.fuse = fuse
    told = await move.told()
    assert (told.messages, told.there, told.folders, told.untold) == (2, 2, 1, (NotTold("A", reason),))


async def test_a_folder_made_anew_meanwhile_is_not_counted_by_what_was_agreed_on_the_old_one(move):
    old, _ = move.folder("A")
    await move.copied("A", 2)
    old.renumber("2")
    told = await move.told()
    assert (told.messages, [one.folder for one in told.untold]) == (0, ["A"])


async def test_a_connection_that_breaks_once_is_made_anew(move):
    old, _ = move.folder("A")
    await move.copied("A", 2)
    broken = []

    def fuse(point: str) -> None:
        if not broken:
            broken.append(point)
            raise ConnectionLost("gone")

    old.fuse = fuse
    assert (await move.told()).there == 2


async def test_an_account_that_cannot_be_reached_any_more_is_told_and_not_raised(move):
    move.failure = ServerUnreachable("down")
    told = await move.told()
    assert (told.untold, told.fails) == ((NotTold("", "down"),), True)


async def test_where_all_folders_are_gone_nothing_is_counted(move):
    move.plan = TreePlan(all_gone=Side.LOCAL)
    assert [one.folder for one in (await move.told()).untold] == [""]


async def test_folders_left_out_are_named_by_what_leaves_them_out_and_not_where_some_were_asked_for(move):
    move.folder("A")
    move.others = [
        ListedFolder(FolderName(("Trash",)), "Trash"),
        ListedFolder(FolderName(("Spam",)), "Spam"),
        ListedFolder(FolderName(("Old",)), "Old", subscribed=False),
        ListedFolder(FolderName(("Parent",)), "Parent", selectable=False),
    ]
    move.problems = ("folder 'x' cannot be used",)
    told = await move.told()
    assert (told.left_out, told.unsubscribed) == (("Spam", "Trash"), ("Old",))
    assert told.untold == (NotTold("", "folder 'x' cannot be used"),)
    move.witness = Witness(move.parts, RunOptions(one_way=True, folders=("A",)), move.events.append)
    some = await move.told()
    assert (some.only, some.left_out, some.unsubscribed, some.untold) == (("A",), (), (), ())


async def test_a_dry_run_counts_what_would_be_copied_and_what_both_sides_have_already(move):
    old, _ = move.folder("A")
    await move.copied("A", 2)
    new, twin, waiting = (old.put(b"Subject: %d\r\n\r\n" % number) for number in range(3))
    await move.ledger_of("A").put_aside([Aside(Side.LOCAL, waiting, "too large")])
    planned = (
        {"do": "copy", "to": "local", "message": new},
        {"do": "copy", "to": "remote", "message": waiting},
        {"do": "adopt", "remote": twin, "local": "7"},
        {"do": "copy", "to": "local", "message": "long gone"},
    )
    move.witness(PlanShown("move", "A", planned))
    told = await move.told()
    assert (told.messages, told.there, told.due) == (5, 3, 1)
    assert [one.key for one in told.missing] == [waiting]


async def test_only_so_many_subjects_are_read_and_all_are_counted(move, monkeypatch):
    monkeypatch.setattr(module, "NAMED", 3)
    old, _ = move.folder("A")
    for number in range(5):
        old.put(b"Subject: %d\r\n\r\n" % number)
    told = await move.told()
    assert [one.subject for one in told.missing] == ["0", "1", "2", "", ""]
    assert [one.key for one in told.missing] == list(old.messages)


async def test_how_far_it_is_can_be_followed_and_what_it_hears_is_passed_on(move):
    heard = FolderFailed("move", "A", "no")
    move.witness(heard)
    move.folder("A")
    await move.told()
    steps = [event for event in move.events if isinstance(event, StepReached)]
    assert move.events[0] == heard
    assert (steps[0].step, steps[0].of, steps[-1].step) == ("counting", 1, "")
