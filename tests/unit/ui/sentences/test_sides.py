"""Of two servers, and of two trees of Maildirs, every sentence says which; of a server and Maildirs none needs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fakes.terminal import FakeFile

from postboat.events import (
    AccountConnected,
    AccountFinished,
    AccountStarted,
    Counts,
    DiskWatched,
    Event,
    FolderCreated,
    FolderMatchedAnew,
    FolderScanned,
    MessageCameBack,
    MessagesPutBack,
    PlanDecided,
    PlanHeld,
    PlanShown,
    ServerWatched,
    ServiceStarted,
    SidesNamed,
)
from postboat.service.restore import KeptFolder, Restorable
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.machine_lines import Interpreter
from postboat.ui.plain.out import Out
from postboat.ui.plain.rows import rows
from postboat.ui.reports.restorable import listed
from postboat.ui.sentences import single
from postboat.ui.sentences.summary import summary
from postboat.ui.sentences.telling import told_news, told_trouble
from postboat.ui.view import View, fold
from postboat.ui.words import Manner, knowing
from postboat.values import Sides

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SERVERS, TREES = Sides("Old", "New"), Sides("Home", "Stick", servers=False)


def told(event: Event, sides: Sides | None, manner: Manner = Manner()) -> tuple[str, ...]:
    view = View()
    for each in (SidesNamed("A", sides), AccountStarted("A"), event):
        fold(view, each, 0.0)
    return told_trouble(event, view, manner) or told_news(event, view, manner)


OPERATIONS = (
    {"do": "copy", "to": "local", "message": "5"},
    {"do": "copy", "to": "remote", "message": "6"},
    {"do": "delete", "on": "remote", "message": "7"},
    {"do": "reflag", "remote": "8", "local": "9", "add_local": ["\\Seen"]},
    {"do": "adopt", "remote": "1", "local": "2"},
)


@pytest.mark.parametrize(
    ("event", "usual", "servers", "trees"),
    [
        (
            FolderCreated("A", "x", "local", "x"),
            "x: created locally",
            "x: created on New",
            "x: created in Stick",
        ),
        (
            FolderCreated("A", "x", "remote", "x"),
            "x: created on the server",
            "x: created on Old",
            "x: created in Home",
        ),
        (
            MessageCameBack("A", "x", "local", "7"),
            "x: message 7 was deleted in the Maildir but changed on the server since: it came back",
            "x: message 7 was deleted on New but changed on Old since: it came back",
            "x: message 7 was deleted in Stick but changed in Home since: it came back",
        ),
        (
            MessagesPutBack("A", "x", 2),
            "x: put back 2 messages that had been removed from the Maildir",
            "x: put back 2 messages that had been removed from New",
            "x: put back 2 messages that had been removed from Stick",
        ),
        (
            MessagesPutBack("A", "x", 2, "remote"),
            "x: put back 2 messages that had been removed from the server",
            "x: put back 2 messages that had been removed from Old",
            "x: put back 2 messages that had been removed from Home",
        ),
        (
            PlanDecided("A", "x", "remote", "confirmed", 2),
            "x: confirmed: 2 messages to be deleted on the server",
            "x: confirmed: 2 messages to be deleted on Old",
            "x: confirmed: 2 messages to be deleted in Home",
        ),
        (
            PlanDecided("A", "x", "remote", "restore", 2),
            "x: to be restored: 2 messages in the Maildir",
            "x: to be restored: 2 messages on New",
            "x: to be restored: 2 messages in Stick",
        ),
        (
            AccountConnected("A", "imap.example.org", "me", "remote"),
            "A: connected to imap.example.org as me",
            "A: connected to Old (imap.example.org) as me",
            None,
        ),
        (
            AccountConnected("A", "localhost", "", "local"),
            None,
            "A: connected to New (localhost)",
            None,
        ),
    ],
)
def test_each_sentence_about_a_place(event: Event, usual: str | None, servers: str | None, trees: str | None) -> None:
    for sides, line in ((None, usual), (SERVERS, servers), (TREES, trees)):
        assert line is None or told(event, sides) == (line,)


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        (None, "all 5 messages would be deleted on the server, because the folder was emptied in the Maildir"),
        (SERVERS, "all 5 messages would be deleted on Old, because the folder was emptied on New"),
        (TREES, "all 5 messages would be deleted in Home, because the folder was emptied in Stick"),
    ],
)
def test_a_held_plan_says_what_goes_where_and_what_lost_it(sides: Sides | None, expected: str) -> None:
    assert told(PlanHeld("A", "x", "remote", "emptied", 5, 5), sides)[0] == f"x: HELD: {expected}"


def test_only_of_a_disk_it_is_asked_whether_it_is_mounted() -> None:
    for side in ("remote", "local"):
        gone = PlanHeld("A", "", side, "all folders gone", 5, 5)
        assert not any("mount" in line for line in told(gone, SERVERS))
        assert any("mount" in line for line in told(gone, TREES))
    assert any("mount" in line for line in told(PlanHeld("A", "", "remote", "all folders gone", 5, 5), None))
    assert not any("mount" in line for line in told(PlanHeld("A", "", "local", "all folders gone", 5, 5), None))


def test_why_messages_are_matched_anew_is_told_of_what_there_is() -> None:
    told_of = {kind: told(FolderMatchedAnew("A", "x"), kind)[0] for kind in (None, SERVERS, TREES)}
    assert "(another mailbox, or another or copied folder on disk)" in told_of[None]
    assert "(another mailbox)" in told_of[SERVERS]
    assert "(another or copied folder on disk)" in told_of[TREES]


def test_a_dry_run_says_where_to() -> None:
    lines = told(PlanShown("A", "x", OPERATIONS), SERVERS, Manner(dry_run=True))
    assert lines == (
        "x: would copy 1 to New, 1 to Old, change flags of 1, delete 1 on Old, pair 1 that both sides hold",
        "  copy message 5 to New",
        "  copy message 6 to Old",
        "  delete message 7 on Old",
        "  change flags of message 8: on New (+\\Seen)",
        "  pair message 1 on Old with 2 on New",
    )
    usual = told(PlanShown("A", "x", OPERATIONS), None, Manner(dry_run=True))
    assert usual[0].startswith("x: would copy 1 to local, 1 to remote")
    assert usual[-1] == "  pair message 1 on the server with 2"


def test_a_name_from_outside_steers_nothing() -> None:
    assert told(FolderCreated("A", "x", "local", "x"), Sides("a", "b\x1b[2J")) == ("x: created on b?[2J",)


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


WATCHED = (
    *(AccountConnected("A", "old.example", "me"), AccountConnected("A", "new.example", "me", "local")),
    *(ServerWatched("A", "notify"), ServerWatched("A", "idle", ("INBOX",), "local")),
)


async def test_what_is_as_it_was_is_told_of_each_server_once() -> None:
    out = FakeFile()
    await Basic(Manner(), out=Out(out)).show(
        stream(SidesNamed("A", SERVERS), ServiceStarted(("A",)), *WATCHED, *WATCHED)
    )
    lines = [line[20:] for line in out.getvalue().splitlines()]
    assert [line for line in lines if "connected" in line or "tells" in line] == [
        "A: connected to Old (old.example) as me",
        "A: connected to New (new.example) as me",
        "A: Old tells at once what changes in any folder (NOTIFY)",
        "A: New tells at once what changes in INBOX (IDLE); other folders wait for the next refresh",
    ]


def view_of(*events: Event, sides: Sides | None) -> View:
    view = View()
    for event in (ServiceStarted(("A",)), SidesNamed("A", sides), *events):
        fold(view, event, 0.0)
    return view


def test_the_row_of_an_account_at_rest_names_both() -> None:
    def row(*events: Event, sides: Sides | None) -> str:
        over = (AccountStarted("A"), AccountFinished("A", Counts(), 1, 0, 0.1))
        (told,) = rows(view_of(*events, *over, sides=sides), 0.0, Manner())
        return told

    disks = (DiskWatched("A", "inotify", "", "remote"), DiskWatched("A", "poll", "NFS", "local"))
    assert row(*WATCHED, sides=SERVERS) == "A  in step  Old tells at once  New tells at once"
    assert row(*disks, sides=TREES) == "A  in step  Home tells at once  Stick is looked at"
    usual = (ServerWatched("A", "poll"), DiskWatched("A", "inotify"))
    assert row(*usual, sides=None) == "A  in step  server is asked  disk tells at once"


def test_where_nothing_is_connected_nobody_is_said_to_connect() -> None:
    for sides, state in ((None, "connecting"), (SERVERS, "connecting"), (TREES, "listing folders")):
        view = View()
        for event in (SidesNamed("A", sides), AccountStarted("A")):
            fold(view, event, 0.0)
        assert rows(view, 0.0, Manner()) == [f"A  {state}  0:00"]


def test_an_account_whose_sides_are_others_now_is_spoken_of_as_any() -> None:
    view = view_of(sides=SERVERS)
    fold(view, SidesNamed("A"), 0.0)
    created = FolderCreated("A", "x", "local", "x")
    fold(view, created, 0.0)
    assert told_news(created, view, Manner()) == ("x: created locally",)


def test_summaries_and_long_looks_name_the_side() -> None:
    view = View()
    for event in (SidesNamed("A", TREES), AccountStarted("A"), FolderCreated("A", "x", "remote", "x")):
        fold(view, event, 0.0)
    assert single.made_on("A", "remote", knowing(Manner(), view.sides)) == "created in Home"
    looked = FolderScanned("A", "x", "local", 5, 10)
    assert single.scanned(looked, knowing(Manner(), view.sides)) == "x: looked at 5 of 10 messages in Stick so far"
    assert summary(view, Manner()) == ["  created in Home: x"]


def test_what_is_kept_of_both_sides_is_listed_by_side() -> None:
    kept = (
        KeptFolder("A", "x", 1.0, "2026-11-22 23:00:00", 1),
        KeptFolder("A", "y", 2.0, "2026-11-23 05:59:00", 2, "remote"),
    )
    lines = list(listed(Restorable("A", kept=kept, days=30, remote_days=1, sides=SERVERS), Manner()))
    assert lines[1:5] == [
        "A: removed from Old, as it was deleted on New, and kept for 1 day:",
        "  2026-11-23 05:59:00  2 messages  y",
        "A: removed from New, as it was deleted on Old, and kept for 30 days:",
        "  2026-11-22 23:00:00  1 message   x",
    ]


def test_front_ends_of_offlineimap_are_told_what_kinds_the_sides_are() -> None:
    def kinds(sides: Sides | None) -> str:
        interpreter = Interpreter(Manner())
        events = (SidesNamed("A", sides), AccountStarted("A"), FolderScanned("A", "x", "local", 1, 2))
        return [str(line) for event in events for line in interpreter.lines(event, 0.0)][-1]

    assert kinds(None).endswith("Maildir%0Ax")
    assert kinds(SERVERS).endswith("IMAP%0Ax")
    assert kinds(TREES).endswith("Maildir%0Ax")


def test_counts_know_no_side_by_name() -> None:
    assert single.folder_line("x", Counts(down=1, up=2)) == "x: 3 new (↓1 ↑2)"
