"""What a run that goes on is at, folded from its events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from postboat.account_status import AccountStatus, HeldPlan, SecondSide, Work
from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountPaused,
    AccountRecovered,
    AccountRests,
    AccountResumed,
    AccountStarted,
    AccountWaits,
    ConfigReloaded,
    Counts,
    DiskWatched,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    MachineSlept,
    MessagesArrived,
    PlanDecided,
    PlanHeld,
    PlanShown,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
    SidesNamed,
)
from postboat.status import ServiceStatus, learn
from postboat.status_json import as_json
from postboat.values import Sides

if TYPE_CHECKING:
    from postboat import events


def fold(*told: events.Event, start: float = 100.0) -> ServiceStatus:
    """Each event comes a second after the one before."""
    status = ServiceStatus(1, "0", start, "c")
    for second, event in enumerate(told):
        learn(status, event, start + second)
    return status


def account(*told: events.Event) -> AccountStatus:
    return fold(*told).accounts["A"]


DONE = AccountFinished("A", Counts(), 3, 0, 0.1)
HELD = PlanHeld("A", "Archive", "remote", "emptied", 12, 12)


def everything(*told: events.Event) -> tuple[events.Event, ...]:
    """A sync of all folders in which this is told."""
    return (AccountStarted("A"), FoldersListed("A", 3), *told, DONE)


def some(*told: events.Event) -> tuple[events.Event, ...]:
    """A sync of folders in which something was heard."""
    return (AccountStarted("A"), *told, DONE)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ((ServiceStarted(("A",)),), "starting"),
        ((AccountStarted("A"),), "syncing"),
        (everything(), "idle"),
        ((AccountWaits("A", "refused", 4, 200.0),), "waiting"),
        ((AccountWaits("A", "defect", 1, 200.0),), "waiting"),
        ((AccountWaits("A", "password", 5, 200.0),), "needs-user"),
        ((AccountWaits("A", "rules", 2),), "needs-user"),
        ((AccountFailed("A", "refused", 4),), "waiting"),
        ((AccountWaits("A", "refused", 4, 200.0), AccountRecovered("A")), "idle"),
        ((AccountWaits("A", "refused", 4, 200.0), AccountStarted("A")), "syncing"),
        ((AccountWaits("A", "refused", 4, 200.0), AccountStarted("A"), AccountRests("A", 300.0)), "waiting"),
        ((*everything(), AccountPaused("A")), "paused"),
        ((AccountPaused("A"), AccountStarted("A")), "syncing"),
        ((AccountPaused("A"), *everything()), "paused"),
        ((*everything(), AccountPaused("A"), AccountResumed("A")), "idle"),
    ],
)
def test_an_account_is_in_one_state(told: tuple[events.Event, ...], state: str) -> None:
    assert account(*told).state == state


def test_a_failure_that_is_over_leaves_no_reason() -> None:
    waits = AccountWaits("A", "refused", 4, 200.0)
    assert account(waits).reason == "refused"
    for over in (everything(), (AccountRecovered("A"),)):
        mended = account(waits, *over)
        assert (mended.reason, mended.exit_code, mended.until, mended.verdict) == ("", 0, None, 0)


def test_a_failure_is_remembered_while_it_is_tried_again() -> None:
    again = account(AccountWaits("A", "refused", 4, 200.0), AccountStarted("A"))
    assert (again.reason, again.verdict) == ("refused", 4)


def test_a_sync_in_which_all_folders_failed_is_none() -> None:
    told = (AccountStarted("A"), FolderFailed("A", "INBOX", "no"), AccountFinished("A", Counts(), 1, 1, 0.1))
    failed = account(*everything(), *told)
    assert failed.last_sync == 102.0
    assert failed.verdict == 3


def test_times_are_those_of_the_events() -> None:
    rested = account(*everything(), AccountRests("A", 777.0))
    assert (rested.since, rested.last_sync, rested.next_sync) == (102.0, 102.0, 777.0)


def test_deletions_wait_until_the_folder_is_looked_at_without_them() -> None:
    assert account(*everything(FolderStarted("A", "Archive"), HELD)).held == 12
    again = (*everything(FolderStarted("A", "Archive"), HELD), *some(FolderStarted("A", "Archive")))
    assert account(*again).held == 0
    assert account(*everything(HELD), PlanDecided("A", "Archive", "remote", "confirmed", 12)).held == 0


def test_deletions_of_both_sides_wait_together() -> None:
    both = (HELD, PlanHeld("A", "Archive", "local", "emptied", 3, 3), FolderFinished("A", "Archive", Counts()))
    assert account(*everything(FolderStarted("A", "Archive"), *both)).held == 15
    assert account(*everything(*both), *everything(*both)).held == 15


def test_what_waits_is_known_with_its_reason() -> None:
    held = PlanHeld("A", "Archive", "remote", "emptied", 12, 14, tuple("abcdefgh"))
    (plan,) = account(*everything(held)).plans
    assert plan == HeldPlan("Archive", "remote", "emptied", 12, 14, ("a", "b", "c", "d", "e"))


def test_what_waits_is_known_as_it_was_told_last() -> None:
    local = PlanHeld("A", "Archive", "local", "emptied", 3, 3)
    archive = (FolderStarted("A", "Archive"), HELD, local)
    assert [plan.on for plan in account(*everything(*archive), *everything(*archive)).plans] == ["remote", "local"]
    assert [plan.on for plan in account(*everything(HELD, local), *everything(HELD)).plans] == ["remote"]
    assert [plan.count for plan in account(*everything(*archive), *some(FolderStarted("A", "B"))).plans] == [12, 3]


def test_what_no_longer_waits_is_forgotten() -> None:
    assert account(*everything(HELD), *everything()).plans == []
    assert account(*everything(HELD), FolderStarted("A", "Archive")).plans == []
    assert account(*everything(HELD), PlanDecided("A", "Archive", "remote", "confirmed", 12)).plans == []
    gone = PlanHeld("A", "", "remote", "all-gone", 90, 90)
    assert account(*everything(gone), PlanDecided("A", "", "remote", "confirmed", 90)).plans == []


def test_work_under_way_is_known_as_far_as_it_is() -> None:
    told = [
        FolderStarted("A", "INBOX"),
        FolderScanned("A", "INBOX", "local", 2000, 9000),
        FolderPlanned("A", "INBOX", Counts(down=7)),
        FolderProgressed("A", "INBOX", Counts(down=4)),
    ]
    seen = [account(AccountStarted("A"), *told[:many]).working.get("INBOX") for many in range(5)]
    scanned = Work(scanned=(2000, 9000))
    planned = Work(planned=Counts(down=7))
    assert seen == [None, Work(), scanned, planned, Work(planned=Counts(down=7), done=Counts(down=4))]


@pytest.mark.parametrize(
    "end",
    [
        FolderFinished("A", "INBOX", Counts(down=7)),
        FolderFailed("A", "INBOX", "why"),
        PlanShown("A", "INBOX"),
        DONE,
        AccountFailed("A", "why", 4),
        AccountWaits("A", "why", 4, 200.0),
        AccountStarted("A"),
    ],
)
def test_no_work_is_left_behind(end: events.Event) -> None:
    begun = (FolderStarted("A", "INBOX"), FolderPlanned("A", "INBOX", Counts(down=7)))
    assert account(AccountStarted("A"), *begun, end).working == {}


def test_as_many_plans_are_kept_as_anybody_looks_at() -> None:
    many = [PlanHeld("A", f"F{number}", "remote", "emptied", 2, 2) for number in range(1000)]
    kept = account(*everything(*many))
    assert len(kept.plans) < 300
    assert kept.held == 2000


def test_a_sync_of_some_folders_says_nothing_of_the_others() -> None:
    trouble = (HELD, FolderFailed("A", "Broken", "why"))
    after = account(*everything(*trouble), *some(FolderStarted("A", "INBOX"), FolderFinished("A", "INBOX", Counts())))
    assert (after.held, after.failed_folders) == (12, 1)
    assert account(*everything(*trouble), *everything()).troubles == {}


def test_a_folder_that_failed_and_now_waits_for_the_user_does_not_fail_any_more() -> None:
    gone = FolderFailed("A", "Archive", "gone")
    after = account(*some(FolderStarted("A", "Archive"), gone), *everything(HELD))
    assert (after.held, after.failed_folders) == (12, 0)
    assert account(*everything(FolderStarted("A", "Archive"), gone, HELD)).failed_folders == 1, "both in one sync"


def test_messages_that_failed_count_with_their_folder() -> None:
    failed = FolderFinished("A", "INBOX", Counts(failed=2, aside=3))
    after = account(*everything(FolderStarted("A", "INBOX"), failed))
    assert (after.failed, after.aside, after.verdict) == (2, 3, 3)
    assert account(*some(FolderStarted("A", "INBOX"), FolderFinished("A", "INBOX", Counts()))).verdict == 0


def test_what_waits_for_the_user_outranks_what_failed() -> None:
    assert account(*everything(HELD, FolderFailed("A", "B", "why"))).verdict == 6


def test_new_messages_are_counted_unless_they_are_old_or_rubbish() -> None:
    arrived = account(
        MessagesArrived("A", "INBOX", ("1", "2")),
        MessagesArrived("A", "INBOX", ("3",)),
        MessagesArrived("A", "Old", ("4", "5"), first=True),
        MessagesArrived("A", "Junk", ("6",), unwanted=True),
    )
    assert arrived.arrived == 3


def test_progress_is_counted_in_folders() -> None:
    told = (AccountStarted("A"), FoldersListed("A", 5), FoldersUnchanged("A", 3), FolderFinished("A", "x", Counts()))
    under_way = account(*told)
    assert (under_way.folders_done, under_way.folders, under_way.listed) == (4, 5, True)
    assert not account(*told, DONE, AccountStarted("A")).listed


def test_watches_and_hooks_are_as_they_were_told_last() -> None:
    known = account(
        AccountConnected("A", "imap.example.org", "me"),
        ServerWatched("A", "notify"),
        ServerWatched("A", "idle", ("INBOX",)),
        DiskWatched("A", "poll", "NFS"),
        HookRan("A", "presynchook", 1, 0.1),
        HookRan("A", "postsynchook", None, 60.0, "much\nand more\ntook too long"),
        HookRan("A", "presynchook", 0, 0.1),
    )
    assert (known.host, known.server, known.server_folders) == ("imap.example.org", "idle", ("INBOX",))
    assert (known.disk, known.disk_reason, known.hooks) == ("poll", "NFS", {"postsynchook": "took too long"})


def test_of_two_servers_the_one_is_not_taken_for_the_other() -> None:
    two = (
        SidesNamed("A", Sides("Old", "New")),
        *(AccountConnected("A", "old", "me"), AccountConnected("A", "new", "me", "local")),
        *(ServerWatched("A", "idle", ("INBOX",), "local"), ServerWatched("A", "notify")),
    )
    known = account(*two)
    assert (known.sides, known.host, known.server, known.server_folders) == (Sides("Old", "New"), "old", "notify", ())
    assert known.second == SecondSide("new", "idle", ("INBOX",))
    assert account(*two, SidesNamed("A")).second is None, "it is a tree of Maildirs now"


def test_the_run_as_a_whole_is_known() -> None:
    status = fold(ServiceStarted(("A", "B")), MachineSlept(60.0), ConfigReloaded(("line 3",)), ServiceStopping())
    assert (list(status.accounts), status.woke, status.problems, status.stopping) == (
        ["A", "B"],
        101.0,
        ("line 3",),
        True,
    )
    status.keep_only(["B"])
    assert list(status.accounts) == ["B"]


def test_another_configuration_says_which_accounts_there_are() -> None:
    status = fold(ServiceStarted(("A", "B", "C")), AccountPaused("C"), ConfigReloaded(("line 3",), ("Z",)))
    assert list(status.accounts) == ["A", "B", "C"]
    learn(status, ConfigReloaded(accounts=("D", "C", "A")), 103.0)
    assert (list(status.accounts), status.accounts["C"].paused) == (["D", "C", "A"], True)


def test_weeks_leave_no_more_behind_than_a_day() -> None:
    def kept(cycles: int) -> int:
        status = ServiceStatus(1, "0", 0.0, "c")
        for cycle in range(cycles):
            folder = f"F{cycle}"
            told = (FolderStarted("A", folder), FolderFailed("A", folder, "why"), HookRan("A", "postsynchook", 1, 0.1))
            for event in everything(*told):
                learn(status, event, float(cycle))
        return len(json.dumps(as_json(status)))

    assert kept(10_000) <= kept(10) + 100
