"""A status as it is sent: read by those who watch as it was, also by other versions of the program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postboat.events import (
    AccountConnected,
    AccountFinished,
    AccountPaused,
    AccountRests,
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
    HookRan,
    MachineSlept,
    MessagesArrived,
    PlanHeld,
    ServerWatched,
    ServiceStarted,
    SidesNamed,
)
from postboat.status import ServiceStatus, learn
from postboat.status_json import as_json, from_json
from postboat.values import Sides

if TYPE_CHECKING:
    from postboat import events


def fold(*told: events.Event) -> ServiceStatus:
    """Each event comes a second after the one before."""
    status = ServiceStatus(1, "0", 100.0, "c")
    for second, event in enumerate(told):
        learn(status, event, 100.0 + second)
    return status


HELD = PlanHeld("A", "Archive", "remote", "emptied", 12, 12)


def everything(*told: events.Event) -> tuple[events.Event, ...]:
    """A sync of all folders in which this is told."""
    return (AccountStarted("A"), FoldersListed("A", 3), *told, AccountFinished("A", Counts(), 3, 0, 0.1))


ACCOUNT_EVENTS = [
    *everything(HELD, FolderFailed("A", "B", "why"), FolderFinished("A", "INBOX", Counts(failed=1, aside=2))),
    *(AccountWaits("A", "no", 5, 9.0), AccountWaits("A", "no", 4), AccountRests("A", 50.0), AccountPaused("A")),
    *(FolderStarted("A", "I"), FolderPlanned("A", "I", Counts(down=3)), FolderScanned("A", "I", "local", 1, 2)),
    *(PlanHeld("A", "B", "local", "emptied", 3, 4, ("x",)), FolderProgressed("A", "I", Counts(down=2))),
    *(ServerWatched("A", "idle", ("INBOX", "Sent")), DiskWatched("A", "poll", "NFS"), HookRan("A", "x", 1, 0.1)),
    *(SidesNamed("A", Sides("Old", "New")), SidesNamed("A"), ServerWatched("A", "poll", (), "local")),
    *(AccountConnected("A", "old", "me"), AccountConnected("A", "new", "me", "local")),
    *(ServiceStarted(("A", "B")), ConfigReloaded(("x",)), MachineSlept(5.0), MessagesArrived("A", "I", ("1",))),
]


TOLD = st.lists(st.sampled_from(ACCOUNT_EVENTS), max_size=30)


@given(TOLD, TOLD)
@settings(max_examples=100, deadline=None)
def test_who_reads_a_status_goes_on_as_who_heard_all(before: list[events.Event], after: list[events.Event]) -> None:
    heard = fold(*before)
    read = from_json(json.loads(json.dumps(as_json(heard))))
    assert as_json(read) == as_json(heard)
    for second, event in enumerate(after):
        learn(heard, event, 200.0 + second)
        learn(read, event, 200.0 + second)
    assert as_json(read) == as_json(heard)


def test_what_failed_before_who_reads_came_is_not_forgotten_at_the_end_of_that_sync() -> None:
    begun = fold(AccountStarted("A"), FoldersListed("A", 1), FolderFailed("A", "B", "why"))
    read = from_json(json.loads(json.dumps(as_json(begun))))
    learn(read, AccountFinished("A", Counts(), 1, 1, 0.1), 200.0)
    assert read.accounts["A"].troubles["B"].reason == "why"


def test_an_older_or_newer_programs_status_can_be_read() -> None:
    sent = as_json(fold(*everything(HELD)))
    sent["colour"] = sent["accounts"][0]["colour"] = "blue"
    del sent["woke"], sent["accounts"][0]["hooks"]
    assert from_json(sent).accounts["A"].held == 12


def test_what_has_another_form_than_here_is_as_if_it_had_not_been_said() -> None:
    told = as_json(fold(*everything(HELD), AccountStarted("A"), FolderStarted("A", "I")))
    told |= {"problems": "line 3", "woke": "today"}
    told["accounts"][0] |= {"working": {"I": {"done": 3}}, "plans": [{"folder": "Archive"}], "since": "today"}
    got = from_json(told)
    assert (got.problems, got.woke, got.accounts["A"].held) == ((), None, 12)
    assert (got.accounts["A"].working, got.accounts["A"].plans, got.accounts["A"].since) == ({}, [], 0.0)


@pytest.mark.parametrize(
    "rubbish", [{}, {"pid": "x"}, {"pid": 1, "version": "", "started": 0, "config": "", "accounts": 3}]
)
def test_what_is_no_status_is_refused(rubbish: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(rubbish)
