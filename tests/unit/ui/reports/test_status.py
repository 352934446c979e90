"""What a run that goes on is at: on one screen, and in a status bar."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

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
    FoldersListed,
    FoldersUnchanged,
    HookRan,
    MessagesArrived,
    PlanHeld,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
    SidesNamed,
)
from postboat.status import ServiceStatus, learn
from postboat.ui.reports import bar
from postboat.ui.reports.status import not_running, screen
from postboat.ui.words import Manner
from postboat.values import Sides

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.events import Event

NOW = 1_770_127_530.0  # 3 February 2026, 14:05:30
MANNER = Manner(program="postboat -c x")


@pytest.fixture(autouse=True)
def in_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def fold(*events: Event) -> ServiceStatus:
    status = ServiceStatus(4711, "1.2", NOW - 7200, "/home/me/config.toml")
    for event in events:
        learn(status, event, NOW - 120)
    return status


def synced(name: str, *told: Event, folders: int = 120) -> tuple[Event, ...]:
    done = AccountFinished(name, Counts(), folders, 0, 0.1)
    return (AccountStarted(name), FoldersListed(name, folders), *told, done, AccountRests(name, NOW + 180))


WELL = (
    AccountConnected("Home", "imap.example.org", "me"),
    ServerWatched("Home", "notify"),
    DiskWatched("Home", "inotify"),
    *synced("Home", MessagesArrived("Home", "INBOX", ("1", "2", "3"))),
)
HELD = synced("Home", PlanHeld("Home", "Archive", "remote", "emptied", 12, 12))
OFFLINE = AccountWaits("Work", "imap.work.org:993: refused", 4, NOW + 40)
SIGN_IN = AccountWaits("Uni", "sign-in refused\nby the server", 5, NOW + 300)
BUSY = (AccountStarted("Home"), FoldersListed("Home", 200), FoldersUnchanged("Home", 84))


def told(*events: Event) -> list[str]:
    return list(screen(fold(*events), NOW, MANNER))


def test_an_account_that_is_well_says_so_and_when() -> None:
    assert told(*WELL) == [
        "postboat 1.2 runs since 12:05 (process 4711, /home/me/config.toml)",
        "",
        "Home: in step",
        "  synced      120 folders 2 min ago; all are looked at again in 3 min",
        "  new         3 messages since it runs",
        "  server      imap.example.org: changes are told by the server at once",
        "  disk        changes are told by the system at once",
    ]


def test_one_that_waits_says_why_and_until_when() -> None:
    assert told(OFFLINE)[2:] == [
        "Work: waits, and is tried again in 40 s",
        "  because     imap.work.org:993: refused",
        "  synced      not yet",
    ]


TWO = (
    SidesNamed("Move", Sides("Old", "New")),
    *(AccountConnected("Move", "new.example", "me", "local"), AccountConnected("Move", "old.example", "me")),
    *(ServerWatched("Move", "poll", (), "local"), ServerWatched("Move", "notify")),
)


def test_of_two_servers_each_is_told_by_the_name_of_its_repository() -> None:
    assert told(*TWO)[-2:] == [
        "  server      Old (old.example): changes are told by the server at once",
        "  server      New (new.example): changes are looked for at each refresh",
    ]
    away = told(*TWO, AccountWaits("Move", "New: refused", 4, NOW + 40))
    assert away[-2:] == ["  server      Old (old.example)", "  server      New (new.example)"]


def test_two_trees_of_maildirs_are_told_by_the_names_of_their_repositories() -> None:
    watched = (DiskWatched("Copy", "poll", "NFS", "remote"), DiskWatched("Copy", "inotify"))
    assert told(SidesNamed("Copy", Sides("Home", "Stick", servers=False)), *watched)[-2:] == [
        "  disk        Home: changes are looked for at each refresh (NFS)",
        "  disk        Stick: changes are told by the system at once",
    ]


def test_without_a_connection_the_server_is_not_said_to_tell_anything() -> None:
    lines = list(screen(fold(*WELL, AccountWaits("Home", "refused", 4, NOW + 40)), NOW, MANNER))
    assert "  server      imap.example.org" in lines


def test_one_that_needs_its_user_says_what_helps() -> None:
    assert told(SIGN_IN)[2:] == [
        "Uni: needs you",
        "  because     sign-in refused",
        "              by the server",
        "  what helps  Check remoteuser and the password; `postboat -c x check -a Uni` tries them by itself.",
        "  then        `postboat -c x now Uni` tries it again at once, or by itself in 5 min",
        "  synced      not yet",
    ]


def test_what_is_held_is_told_with_the_command_that_lists_it() -> None:
    lines = told(*HELD)
    assert "Home: not in step: 12 deletions wait for your word" in lines
    assert (
        "  held        12 deletions in Archive; `postboat -c x restore` lists what waits for your word, and why"
        in lines
    )
    everything = synced("Home", PlanHeld("Home", "", "remote", "all-gone", 1, 1))
    assert any("1 deletion in all folders" in line for line in told(*everything))


def test_folders_that_failed_are_told_up_to_some() -> None:
    lines = told(*synced("Home", *(FolderFailed("Home", f"F{n}", "why") for n in range(7))))
    assert [line for line in lines if line.startswith("  failed")] == [f"  failed      F{n}: why" for n in range(5)]
    assert "              and 2 more folders" in lines


def test_messages_put_aside_are_told_with_the_command_that_tries_them() -> None:
    lines = told(*synced("My Mail", FolderFinished("My Mail", "INBOX", Counts(aside=2))))
    assert "  put aside   2 messages in INBOX; `postboat -c x sync -o --retry -a 'My Mail'` tries them now" in lines


@pytest.mark.parametrize(
    ("events", "line"),
    [
        ((ServiceStarted(("Home",)),), "Home: starts"),
        ((AccountStarted("Home"),), "Home: syncs"),
        (BUSY, "Home: syncs, 84 of 200 folders"),
        ((*synced("Home"), AccountPaused("Home")), "Home: paused; `postboat -c x resume Home` lets it go on"),
        ((HookRan("Home", "postsynchook", 1, 0.1),), "  hook        postsynchook ended with status 1"),
        ((ConfigReloaded(("x.toml:3: wrong",)),), "  not reloaded: x.toml:3: wrong"),
        (
            (AccountConnected("Home", "h", "me"), ServerWatched("Home", "idle", ("INBOX", "Sent"))),
            "  server      h: changes are told by the server at once in INBOX, Sent, in others looked for at each refresh",
        ),
        ((DiskWatched("Home", "poll", "NFS"),), "  disk        changes are looked for at each refresh (NFS)"),
    ],
)
def test_each_thing_has_its_line(events: tuple[Event, ...], line: str) -> None:
    assert line in told(*events)


def test_it_says_that_it_is_stopping() -> None:
    assert told(ServiceStopping())[0].startswith("postboat 1.2 is stopping (")


def test_nothing_from_outside_reaches_the_terminal_raw() -> None:
    evil = "\x1b]0;evil\x07"
    events = (
        *synced(evil, FolderFailed(evil, evil, evil), PlanHeld(evil, evil, "remote", "emptied", 1, 1)),
        *(AccountConnected(evil, evil, evil), ServerWatched(evil, "idle", (evil,)), DiskWatched(evil, "poll", evil)),
        *(HookRan(evil, evil, None, 0.1, evil), ConfigReloaded((evil,)), AccountWaits(evil, evil, 5)),
    )
    assert all(line.isprintable() for line in told(*events))
    assert bar.plain(fold(*events)).isprintable()


def test_how_to_start_one_is_told_as_it_would_find_this_configuration() -> None:
    assert any("`postboat -c x service install`" in line for line in not_running("postboat -c x"))


# --- status bars ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "kind", "text"),
    [
        ((), "ok", "in step"),
        (WELL, "ok", "in step"),
        ((*WELL, AccountPaused("Home")), "ok", "paused"),
        ((ServiceStarted(("Home",)),), "busy", "syncing"),
        (BUSY, "busy", "syncing 42%"),
        ((OFFLINE,), "offline", "offline"),
        ((OFFLINE, AccountStarted("Work")), "offline", "offline"),
        ((*WELL, OFFLINE), "offline", "Work: offline"),
        ((*BUSY, OFFLINE), "busy", "syncing 42%"),
        ((SIGN_IN, *BUSY), "attention", "Uni: sign-in refused"),
        (HELD, "attention", "12 deletions wait for your word"),
        ((*HELD, SIGN_IN), "attention", "Home: 12 deletions wait for your word, Uni: sign-in refused"),
        ((AccountWaits("Home", "x" * 99, 3),), "error", "x" * 39 + "…"),
        (synced("Home", FolderFailed("Home", "F", "why")), "error", "1 folder failed"),
        (synced("Home", FolderFinished("Home", "F", Counts(failed=2))), "error", "2 messages failed"),
        ((*WELL, AccountWaits("Home", "another run", 7, NOW)), "busy", "syncing"),
        ((*WELL, ServiceStopping()), "ok", "stopping"),
    ],
)
def test_a_bar_shows_the_gravest(events: tuple[Event, ...], kind: str, text: str) -> None:
    status = fold(*events)
    assert (bar.class_of(status), bar.plain(status)) == (kind, text)


def waybar(*events: Event) -> dict[str, Any]:
    line = bar.waybar(fold(*events), NOW, MANNER)
    assert "\n" not in line
    facts: dict[str, Any] = json.loads(line)
    assert set(facts) == {"text", "alt", "tooltip", "class", "percentage"}
    return facts


def test_waybar_reads_all_that_it_knows() -> None:
    assert waybar(*WELL, OFFLINE) == {
        "text": "Work: offline",
        "alt": "offline",
        "tooltip": "Home: in step, synced 14:03, 3 new\nWork: waits until 14:06\n  imap.work.org:993: refused",
        "class": "offline",
        "percentage": 0,
    }
    assert waybar(*BUSY)["percentage"] == 42
    assert waybar(*WELL)["percentage"] == 100
    assert (waybar(*WELL, AccountPaused("Home"))["alt"], waybar(*WELL)["alt"]) == ("paused", "ok")


def test_a_name_is_no_markup() -> None:
    assert "&lt;b&gt;&amp;" in waybar(AccountWaits("<b>&", "<i>", 5))["tooltip"]
    assert waybar(AccountWaits("Home", "<i>", 5))["text"] == "&lt;i&gt;"


def test_a_bar_is_told_that_nothing_runs() -> None:
    facts = json.loads(bar.waybar(None, NOW, MANNER))
    assert (facts["text"], facts["alt"], facts["class"]) == ("not running", "stopped", "offline")
    assert bar.plain(None) == "not running"


def test_a_tooltip_holds_until_something_happens() -> None:
    status = fold(*WELL, OFFLINE)
    assert bar.waybar(status, NOW, MANNER) == bar.waybar(status, NOW + 30, MANNER)
