"""Faces that write lines: basic, quiet, jsonl and the log file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.fakes.terminal import FakeFile

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountStarted,
    Counts,
    Event,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    PlanShown,
    RunFinished,
    Warned,
)
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.jsonl import JsonLines
from postboat.ui.plain.logfile import LogFile
from postboat.ui.plain.out import Out
from postboat.ui.plain.quiet import Quiet
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
GOOD_RUN = (
    AccountStarted("MyMail"),
    AccountConnected("MyMail", "imap.example.org", "me"),
    FoldersListed("MyMail", 2),
    FolderStarted("MyMail", "INBOX"),
    FolderPlanned("MyMail", "INBOX", Counts(down=1)),
    FolderFinished("MyMail", "INBOX", Counts(down=1)),
    FolderStarted("MyMail", "Sent"),
    FolderFinished("MyMail", "Sent", Counts()),
    AccountFinished("MyMail", Counts(down=1), 2, 0, 0.5),
    RunFinished(0),
)
MOVING_RUN = (
    *GOOD_RUN[:2],
    FoldersListed("MyMail", 99),
    FoldersUnchanged("MyMail", 97),
    FolderStarted("MyMail", "INBOX"),
    FolderFinished("MyMail", "INBOX", Counts(moved=3)),
    FolderStarted("MyMail", "Sent"),
    FolderFinished("MyMail", "Sent", Counts(moved=1, deleted_local=1)),
    AccountFinished("MyMail", Counts(moved=4, deleted_local=1), 99, 0, 0.5),
    RunFinished(0),
)
BAD_RUN = (
    AccountStarted("MyMail"),
    Warned("careful"),
    FolderFailed("MyMail", "Sent\x1b[2J", "gone"),
    AccountFailed("MyMail", "no route", 4),
    RunFinished(4),
)


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def basic(*events: Event, encoding: str = "utf-8", manner: Manner = Manner()) -> tuple[list[str], list[str]]:
    out, err = FakeFile(encoding), FakeFile(encoding)
    await Basic(manner, out=Out(out), err=Out(err)).show(stream(*events))
    return out.getvalue().splitlines(), err.getvalue().splitlines()


async def test_basic_tells_what_happens_in_plain_lines() -> None:
    out, err = await basic(*GOOD_RUN)
    assert out == [
        "MyMail: connected to imap.example.org as me",
        "MyMail: 2 folders to compare",
        "INBOX: 1 new (↓1)",
        "MyMail: in step, 2 folders, 1 new (↓1) in 0.5 s",
    ]
    assert err == []


async def test_basic_tells_of_unchanged_folders_in_one_line_and_of_moves() -> None:
    out, err = await basic(*MOVING_RUN)
    assert out[1:] == [
        "MyMail: 99 folders to compare",
        "MyMail: 97 folders unchanged on both sides",
        "INBOX: 3 moved",
        "Sent: 1 moved, 1 deleted",
        "MyMail: in step, 99 folders, 4 moved, 1 deleted in 0.5 s",
    ]
    assert err == []


async def test_basic_shows_where_a_dry_run_would_move_messages() -> None:
    plan = PlanShown("MyMail", "INBOX", ({"do": "move", "on": "remote", "message": "7", "to": "Archive"},))
    events = (AccountStarted("MyMail"), FoldersUnchanged("MyMail", 5), plan, GOOD_RUN[-2])
    out, _ = await basic(*events, manner=Manner(dry_run=True))
    assert out == [
        "INBOX: would move 1 on the server",
        "  move message 7 on the server to Archive",
        "MyMail: dry run, nothing was changed: 2 folders, 1 moved in 0.5 s",
    ]


async def test_basic_tells_what_goes_wrong_on_stderr() -> None:
    out, err = await basic(*BAD_RUN)
    assert out == []
    assert err[:3] == ["careful", "Sent?[2J: could not be synced: gone", "MyMail: not synced: no route"]


async def test_basic_tells_of_long_looks_every_ten_seconds() -> None:
    out, now = FakeFile(), 0.0
    face = Basic(Manner(), out=Out(out), err=Out(FakeFile()), clock=lambda: now)
    for event in (AccountStarted("MyMail"), FolderStarted("MyMail", "INBOX"), FolderStarted("MyMail", "Old")):
        await face.take(event)
    for second in range(25):
        now = float(second)
        await face.take(FolderScanned("MyMail", "INBOX", "local", 1_000 * second, 24_000))
        await face.take(FolderScanned("MyMail", "Old", "remote", 10 * second, 0))
    assert out.getvalue().splitlines() == [
        "INBOX: looked at 10,000 of 24,000 messages locally so far",
        "INBOX: looked at 20,000 of 24,000 messages locally so far",
    ]
    now = 30.0
    await face.take(FolderScanned("MyMail", "Old", "remote", 300, 0))
    assert out.getvalue().splitlines()[2:] == ["Old: looked at 300 messages on the server so far"]


async def test_an_ascii_stream_gets_words_in_place_of_arrows() -> None:
    out, _ = await basic(*GOOD_RUN, encoding="ascii")
    assert "INBOX: 1 new (1 down)" in out
    assert all(line.isascii() for line in out)


async def test_basic_shows_the_plan_of_a_dry_run() -> None:
    plan = PlanShown("MyMail", "INBOX", ({"do": "delete", "on": "local", "message": "x"},))
    end = AccountFinished("MyMail", Counts(), 1, 0, 0.5)
    out, _ = await basic(AccountStarted("MyMail"), plan, end, manner=Manner(dry_run=True))
    assert out == [
        "INBOX: would delete 1 locally",
        "  delete message x locally",
        "MyMail: dry run, nothing was changed: 1 folder, 1 deleted in 0.5 s",
    ]


async def test_quiet_says_nothing_when_all_is_well() -> None:
    err = FakeFile()
    await Quiet(Manner(), err=Out(err)).show(stream(*GOOD_RUN, *MOVING_RUN))
    assert err.getvalue() == ""


async def test_quiet_says_nothing_of_a_run_cut_short() -> None:
    err = FakeFile()
    await Quiet(Manner(), err=Out(err)).show(stream(*GOOD_RUN[:5]))
    assert err.getvalue() == ""


async def test_quiet_still_tells_failures() -> None:
    err = FakeFile()
    await Quiet(Manner(), err=Out(err)).show(stream(*BAD_RUN))
    assert "no route" in err.getvalue()


async def test_each_event_is_a_json_object_on_a_line() -> None:
    out = FakeFile("ascii")
    await JsonLines(out=Out(out), now=lambda: NOON).show(stream(*GOOD_RUN))
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in told] == [type(event).__name__ for event in GOOD_RUN]
    assert told[5]["done"]["down"] == 1
    assert told[1] == {
        "event": "AccountConnected",
        "time": "2026-05-04T12:00:00.000+00:00",
        "account": "MyMail",
        "server": "imap.example.org",
        "user": "me",
        "side": "remote",
    }


async def test_json_counts_unchanged_folders_and_moves() -> None:
    out = FakeFile("ascii")
    await JsonLines(out=Out(out), now=lambda: NOON).show(stream(*MOVING_RUN))
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    unchanged = {"event": "FoldersUnchanged", "time": "2026-05-04T12:00:00.000+00:00", "account": "MyMail", "count": 97}
    assert told[3] == unchanged
    assert told[-2]["done"]["moved"] == 4


async def test_json_survives_any_name() -> None:
    name = "a\n\u2028\x1b\udcff草"
    out = FakeFile("ascii")
    await JsonLines(out=Out(out)).show(stream(FolderStarted("A", name)))
    assert out.getvalue().count("\n") == 1
    assert json.loads(out.getvalue())["folder"] == name


async def test_json_writes_sets_as_lists() -> None:
    out = FakeFile()
    plan = PlanShown("A", "B", ({"do": "copy", "flags": frozenset({"b", "a"})},))
    await JsonLines(out=Out(out)).show(stream(plan))
    assert json.loads(out.getvalue())["operations"][0]["flags"] == ["a", "b"]


async def test_the_log_has_news_and_failures_with_their_time() -> None:
    log = FakeFile()
    await LogFile(Manner(), Out(log), now=lambda: NOON).show(stream(*GOOD_RUN, *BAD_RUN))
    lines = log.getvalue().splitlines()
    assert all(line.startswith("2026-05-04 12:00:00+00:00 ") for line in lines)
    assert any(line.endswith("INBOX: 1 new (↓1)") for line in lines)
    assert any(line.endswith("no route") for line in lines)


async def test_the_log_tells_of_unchanged_folders_and_moves() -> None:
    log = FakeFile()
    await LogFile(Manner(many_accounts=True), Out(log), now=lambda: NOON).show(stream(*MOVING_RUN))
    lines = [line.removeprefix("2026-05-04 12:00:00+00:00 ") for line in log.getvalue().splitlines()]
    assert lines[2:4] == ["MyMail: 97 folders unchanged on both sides", "MyMail: INBOX: 3 moved"]
