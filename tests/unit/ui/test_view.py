"""Recorded events fold into what a face shows."""

from __future__ import annotations

import pytest

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountStarted,
    Counts,
    Event,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    MessageCameBack,
    MessageFailed,
    PlanShown,
    RunFinished,
    Warned,
)
from postboat.ui.view import KEPT, View, fold


def folded(*timed: tuple[float, Event]) -> View:
    view = View()
    for now, event in timed:
        assert fold(view, event, now) is view
    return view


def all_at_once(*events: Event) -> View:
    return folded(*((0.0, event) for event in events))


START = (AccountStarted("A"), AccountConnected("A", "imap.example.org", "me"), FoldersListed("A", 3))


def test_an_account_is_followed_from_start_to_end() -> None:
    view = all_at_once(
        *START,
        FolderStarted("A", "INBOX"),
        FolderPlanned("A", "INBOX", Counts(down=4)),
        FolderProgressed("A", "INBOX", Counts(down=1)),
        FolderProgressed("A", "INBOX", Counts(down=3)),
    )
    account = view.accounts["A"]
    assert (account.server, account.user, account.pairs) == ("imap.example.org", "me", 3)
    assert list(account.working) == ["INBOX"]
    assert (account.working["INBOX"].total, account.done) == (4, Counts(down=3))
    fold(view, FolderFinished("A", "INBOX", Counts(down=4)), 1.0)
    assert (account.working, account.folders_done, account.done) == ({}, 1, Counts(down=4))
    assert not account.over
    fold(view, AccountFinished("A", Counts(down=4), 3, 0, 1.0), 2.0)
    fold(view, RunFinished(0), 2.0)
    assert account.over
    assert view.exit_code == 0


def test_a_folder_without_changes_leaves_only_a_count() -> None:
    view = all_at_once(*START, FolderStarted("A", "INBOX"), FolderFinished("A", "INBOX", Counts()))
    account = view.accounts["A"]
    assert (account.told, account.working, account.folders_done) == ([], {}, 1)


@pytest.mark.parametrize("done", [Counts(down=1), Counts(adopted=1), Counts(failed=1)])
def test_a_folder_with_something_to_tell_is_kept(done: Counts) -> None:
    view = all_at_once(*START, FolderStarted("A", "INBOX"), FolderFinished("A", "INBOX", done))
    assert [(folder.name, folder.done) for folder in view.accounts["A"].told] == [("INBOX", done)]


def test_a_failed_folder_keeps_what_it_had_done() -> None:
    view = all_at_once(
        *START,
        FolderStarted("A", "INBOX"),
        FolderProgressed("A", "INBOX", Counts(down=2)),
        FolderFailed("A", "INBOX", "connection lost"),
    )
    account = view.accounts["A"]
    (folder,) = account.told
    assert (folder.failure, account.folders_failed, account.folders_done) == ("connection lost", 1, 0)
    assert account.done == Counts(down=2)


def test_what_a_folder_did_before_it_was_begun_again_counts_for_its_account() -> None:
    view = all_at_once(
        *START,
        FolderStarted("A", "INBOX"),
        FolderPlanned("A", "INBOX", Counts(down=9)),
        FolderProgressed("A", "INBOX", Counts(down=5)),
        FolderStarted("A", "INBOX"),
    )
    account = view.accounts["A"]
    assert (account.working["INBOX"].planned, account.done) == (None, Counts(down=5))


def test_an_account_that_fails_stops_working() -> None:
    view = all_at_once(
        *START,
        FolderStarted("A", "INBOX"),
        FolderProgressed("A", "INBOX", Counts(up=1)),
        AccountFailed("A", "unreachable", 4),
    )
    account = view.accounts["A"]
    assert account.over
    assert (account.working, account.done) == ({}, Counts(up=1))
    assert view.failures == [AccountFailed("A", "unreachable", 4)]


def test_accounts_do_not_mix() -> None:
    view = all_at_once(
        FolderStarted("A", "INBOX"), FolderStarted("B", "INBOX"), FolderFinished("B", "INBOX", Counts(up=1))
    )
    assert list(view.accounts["A"].working) == ["INBOX"]
    assert view.accounts["B"].done == Counts(up=1)
    assert view.accounts["A"].done == Counts()


def test_unchanged_folders_are_done_at_once_and_leave_only_a_count() -> None:
    view = all_at_once(*START[:2], FoldersListed("A", 10_000), FoldersUnchanged("A", 9_998))
    account = view.accounts["A"]
    assert (account.folders_done, account.pairs, account.working, account.told) == (9_998, 10_000, {}, [])
    fold(view, FolderStarted("A", "INBOX"), 0.0)
    fold(view, FolderFinished("A", "INBOX", Counts(moved=2)), 0.0)
    fold(view, FolderFailed("A", "Sent", "gone"), 0.0)
    assert account.folders_done + account.folders_failed == account.pairs
    assert (account.done, [folder.name for folder in account.told]) == (Counts(moved=2), ["INBOX", "Sent"])


def test_what_would_be_moved_adds_up_whichever_side_it_is_on() -> None:
    moves = tuple({"do": "move", "on": side, "message": "1", "to": "Archive"} for side in ("local", "remote", "local"))
    account = all_at_once(*START, PlanShown("A", "INBOX", moves)).accounts["A"]
    assert account.would == Counts(moved=3)


def test_a_dry_run_adds_up_what_would_be_done() -> None:
    plan = (
        {"do": "copy", "to": "local", "message": "1"},
        {"do": "copy", "to": "remote", "message": "a"},
        {"do": "reflag", "remote": "1", "local": "a"},
        {"do": "delete", "on": "remote", "message": "3"},
        {"do": "delete", "on": "local", "message": "c"},
        {"do": "adopt", "remote": "4", "local": "d"},
    )
    view = all_at_once(
        *START, FolderStarted("A", "INBOX"), PlanShown("A", "INBOX", plan), PlanShown("A", "Sent", plan[:1])
    )
    account = view.accounts["A"]
    assert account.would == Counts(down=2, up=1, reflagged=1, deleted_remote=1, deleted_local=1, adopted=1)
    assert (account.done, account.folders_done, account.working) == (Counts(), 2, {})


def test_created_folders_messages_that_came_back_and_warnings_are_kept() -> None:
    created, warned = FolderCreated("A", "Sent", "local", "Sent"), Warned("careful")
    view = all_at_once(created, warned, MessageCameBack("A", "INBOX", "local", "3"))
    assert (view.accounts["A"].created, view.accounts["A"].came_back, view.warnings) == ([created], 1, [warned])


def test_a_flood_of_failures_is_kept_up_to_a_bound_and_counted_beyond_it() -> None:
    flood = [MessageFailed("A", "INBOX", str(n), "no") for n in range(KEPT + 50)]
    view = all_at_once(FolderStarted("A", "INBOX"), *flood)
    assert len(view.failures) == KEPT
    assert view.accounts["A"].working["INBOX"].messages_failed == KEPT + 50


def progress(*seconds_and_done: tuple[float, int]) -> View:
    planned = [(0.0, FolderStarted("A", "INBOX")), (0.0, FolderPlanned("A", "INBOX", Counts(down=1000)))]
    done = [(now, FolderProgressed("A", "INBOX", Counts(down=n, bytes_down=n * 1000))) for now, n in seconds_and_done]
    return folded(*planned, *done)


def test_the_rate_comes_from_the_given_clock() -> None:
    folder = progress((1.0, 100), (2.0, 200)).accounts["A"].working["INBOX"]
    assert folder.rate(2.0) == pytest.approx(100)
    assert folder.octet_rate(2.0) == pytest.approx(100_000)
    assert folder.eta(2.0) == pytest.approx(8.0)


def test_the_rate_forgets_what_was_long_ago() -> None:
    folder = progress(*((float(t), t) for t in range(1, 21)), *((20.0 + t, 20 + 50 * t) for t in range(1, 11)))
    assert folder.accounts["A"].working["INBOX"].rate(30.0) == pytest.approx(50, rel=0.15)


def test_a_stalled_folder_slows_down_and_its_end_recedes() -> None:
    folder = progress((1.0, 100)).accounts["A"].working["INBOX"]
    assert folder.rate(2.0) > folder.rate(10.0) > 0
    later, sooner = folder.eta(10.0), folder.eta(2.0)
    assert later is not None
    assert sooner is not None
    assert later > sooner


def test_rare_progress_still_has_a_rate() -> None:
    folder = progress((10.0, 100), (20.0, 200)).accounts["A"].working["INBOX"]
    assert folder.rate(20.0) == pytest.approx(10)


def test_without_progress_or_time_nothing_is_promised() -> None:
    folder = progress().accounts["A"].working["INBOX"]
    assert folder.eta(5.0) is None
    assert progress((0.1, 50)).accounts["A"].working["INBOX"].eta(0.1) is None
