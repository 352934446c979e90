"""A run that goes on for weeks, as its faces show it: news once, nothing twice, and nothing that grows with time."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.terminal import FakeFile, FakeTerminal

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
    Event,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    MachineSlept,
    MessageFailed,
    MessagesArrived,
    MessagesAside,
    NetworkChanged,
    PlanHeld,
    RunFinished,
    ServerWatched,
    ServiceStarted,
    ServiceStopping,
    Warned,
)
from postboat.ui import life
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.logfile import LogFile
from postboat.ui.plain.out import Out
from postboat.ui.plain.quiet import Quiet
from postboat.ui.plain.tty import Size, Tty
from postboat.ui.view import View, fold
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOON = datetime(2026, 5, 4, 12, 0)
STAMP = "2026-05-04 12:00:00 "
BEGIN = ServiceStarted(("MyMail",))
BEGUN = "MyMail: kept in step from now on; `postboat status` shows how it goes, `postboat stop` ends it"


def sync(*events: Event, done: Counts = Counts(), folders: int = 9, **end: Any) -> tuple[Event, ...]:
    """A sync of all folders in which this happens."""
    counts = [event.done for event in events if isinstance(event, FolderFinished)]
    total = sum(counts, done)
    return (
        *(AccountStarted("MyMail"), FoldersListed("MyMail", folders), FoldersUnchanged("MyMail", folders - 1)),
        *events,
        AccountFinished("MyMail", total, folders, end.pop("failed_folders", 0), 0.5, **end),
        AccountRests("MyMail", NOON.timestamp() + 300),
    )


def folder(name: str, done: Counts = Counts(), *between: Event) -> tuple[Event, ...]:
    return FolderStarted("MyMail", name), *between, FolderFinished("MyMail", name, done)


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


async def basic(*events: Event, manner: Manner = Manner()) -> tuple[list[str], list[str]]:
    """What the face for plain lines says of a run that began well, its first sync left out."""
    out, err = FakeFile(), FakeFile()
    face = Basic(manner, out=Out(out), err=Out(err), now=lambda: NOON)
    first = (BEGIN, *sync())
    await face.show(stream(*first, *events))
    told = out.getvalue().splitlines()
    assert all(line.startswith(STAMP) for line in [*told, *err.getvalue().splitlines()])
    bare = [line.removeprefix(STAMP) for line in told]
    assert bare[0] == BEGUN
    assert "MyMail: in step, 9 folders, nothing new in 0.5 s" in bare[:4]
    return bare[4:-1], [line.removeprefix(STAMP) for line in err.getvalue().splitlines()]


# --- syncs --------------------------------------------------------------------------------------------------------


async def test_the_first_sync_is_told_in_full_and_one_without_changes_not_at_all() -> None:
    assert await basic(*sync(), *sync(*folder("INBOX"))) == ([], [])


async def test_a_sync_with_changes_is_one_line() -> None:
    out, err = await basic(*sync(*folder("INBOX", Counts(down=2)), *folder("Archive", Counts(moved=3, reflagged=1))))
    assert (out, err) == (["MyMail: Archive 1 flagged, 3 moved; INBOX 2 new (↓2)"], [])


async def test_a_sync_of_very_many_folders_is_one_line_too() -> None:
    many = [event for n in range(100) for event in folder(f"F{n:03}", Counts(down=200 - n))]
    out, _ = await basic(*sync(*many))
    assert len(out) == 1
    assert out[0].startswith("MyMail: F000 200 new (↓200); F001 199 new (↓199); ")
    assert out[0].endswith("; and changes in 94 more folders")


async def test_what_was_done_before_a_sync_broke_off_is_told_with_the_next() -> None:
    broken = (AccountStarted("MyMail"), *folder("INBOX", Counts(down=1)), FolderStarted("MyMail", "Sent"))
    again = (AccountStarted("MyMail"), *folder("INBOX", Counts(down=3)))
    out, _ = await basic(*broken, *again, *sync(*folder("INBOX", Counts(up=1))))
    assert out == ["MyMail: INBOX 5 new (↓4 ↑1)"]


async def test_a_folder_that_is_made_is_told() -> None:
    out, _ = await basic(*sync(FolderCreated("MyMail", "New", "local", "New"), *folder("New")))
    assert out == ["New: created locally"]


async def test_messages_that_arrived_are_told_by_the_line_of_their_sync_only() -> None:
    arrived = MessagesArrived("MyMail", "INBOX", ("/m/new/1",))
    out, _ = await basic(*sync(*folder("INBOX", Counts(down=1), arrived)))
    assert out == ["MyMail: INBOX 1 new (↓1)"]


async def test_accounts_are_named_once_there_are_several() -> None:
    more = ConfigReloaded(accounts=("MyMail", "Work"))
    _, err = await basic(*sync(FAILED), more, FolderFailed("Work", "Lists", "gone"))
    assert err == ["Lists: could not be synced: no such folder", "Work: Lists: could not be synced: gone"]


async def test_at_the_end_all_that_the_run_did_is_told() -> None:
    out = FakeFile()
    face = Basic(Manner(), out=Out(out), err=Out(FakeFile()), now=lambda: NOON)
    changes = sync(*folder("INBOX", Counts(down=1))), sync(*folder("INBOX", Counts(up=2)))
    await face.show(stream(BEGIN, *changes[0], *changes[1], ServiceStopping(), RunFinished(0)))
    assert out.getvalue().splitlines()[-2:] == [
        f"{STAMP}stopping",
        f"{STAMP}MyMail: 3 new (↓1 ↑2) in this run",
    ]


# --- failures -----------------------------------------------------------------------------------------------------

HELD = PlanHeld("MyMail", "Archive", "remote", "emptied", 12, 12, ("Invoice",))
FAILED = FolderFailed("MyMail", "Lists", "no such folder")
REPEATED = {
    "a held plan": folder("Archive", Counts(), HELD),
    "a failed folder": (FolderStarted("MyMail", "Lists"), FAILED),
    "a failed message": folder("INBOX", Counts(failed=1), MessageFailed("MyMail", "INBOX", "message 7", "too large")),
    "a warning": (Warned("folder x is no Maildir", "MyMail"),),
    "a failing hook": (HookRan("MyMail", "postsynchook", 1, 0.3, "no such command"),),
    "a failed account": (AccountFailed("MyMail", "disk full", 3),),
}
WELL = {
    "a held plan": folder("Archive"),
    "a failed folder": folder("Lists"),
    "a failed message": folder("INBOX"),
    "a warning": (),
    "a failing hook": (HookRan("MyMail", "postsynchook", 0, 0.3),),
    "a failed account": (),
}


@pytest.mark.parametrize("what", REPEATED)
async def test_what_is_wrong_in_every_sync_is_told_once(what: str) -> None:
    once = await basic(*sync(*REPEATED[what]))
    again = await basic(*sync(*REPEATED[what]), *sync(*REPEATED[what]), *sync(*REPEATED[what]))
    assert once[1] != []
    assert again == once


@pytest.mark.parametrize("what", REPEATED)
async def test_what_was_well_in_between_is_told_again(what: str) -> None:
    once = await basic(*sync(*REPEATED[what]))
    twice = await basic(*sync(*REPEATED[what]), *sync(*WELL[what]), *sync(*REPEATED[what]))
    assert twice[1] == once[1] * 2


async def test_a_folder_that_failed_and_does_not_any_more_is_told() -> None:
    out, err = await basic(*sync(FAILED), *sync(*folder("Lists")), *sync(*folder("Lists")))
    assert (out, err) == (["Lists: in step again"], ["Lists: could not be synced: no such folder"])


async def test_a_folder_that_is_well_again_without_work_on_it_is_told_of_once() -> None:
    failed = sync(FolderFailed("MyMail", "Lists", "no, at 12:00:01"), failed_folders=1)
    again = sync(FolderFailed("MyMail", "Lists", "no, at 12:05:01"), failed_folders=1)
    out, err = await basic(*failed, *again, *sync(), *sync())
    assert (out, err) == (["Lists: in step again"], ["Lists: could not be synced: no, at 12:00:01"])


async def test_a_folder_that_failed_and_then_waits_for_the_user_is_in_step_when_nothing_waits() -> None:
    failed = sync(FolderFailed("MyMail", "Archive", "gone"), failed_folders=1)
    out, _ = await basic(*failed, *sync(HELD), *sync(HELD))
    assert out == []
    out, _ = await basic(*failed, *sync(HELD), *sync(HELD), *sync(), *sync())
    assert out == ["Archive: in step again"]


async def test_an_account_whose_disk_is_there_again_is_told() -> None:
    missing = PlanHeld("MyMail", "", "remote", "all folders gone", 12, 12)
    nothing = AccountFinished("MyMail", Counts(), 0, 0, 0.1, held=12)
    out, _ = await basic(*sync(), AccountStarted("MyMail"), missing, nothing, *sync(), *sync())
    assert out[-1] == "MyMail: in step again"
    assert sum("again" in line for line in out) == 1


async def test_what_is_wrong_with_one_folder_stays_told_while_others_are_synced() -> None:
    end = AccountFinished("MyMail", Counts(down=1), 1, 0, 0.1)
    pushed = (AccountStarted("MyMail"), *folder("INBOX", Counts(down=1)), end)
    out, err = await basic(*sync(FAILED), *pushed, *sync(FAILED))
    assert (len(out), len(err)) == (1, 1)


async def test_a_plan_that_holds_more_than_before_is_told_again() -> None:
    more = PlanHeld("MyMail", "Archive", "remote", "emptied", 13, 13)
    _, err = await basic(*sync(*folder("Archive", Counts(), HELD)), *sync(*folder("Archive", Counts(), more)))
    assert [line for line in err if "HELD" in line] == [
        "Archive: HELD: all 12 messages would be deleted on the server, because the folder was emptied in the Maildir",
        "Archive: HELD: all 13 messages would be deleted on the server, because the folder was emptied in the Maildir",
    ]


async def test_messages_put_aside_are_told_again_only_for_another_reason() -> None:
    def aside(due: float, reason: str) -> tuple[Event, ...]:
        return sync(*folder("Sent", Counts(aside=1), MessagesAside("MyMail", "Sent", 1, due, reason)))

    _, err = await basic(*aside(1.0, "too large"), *aside(2.0, "too large"), *aside(3.0, "forbidden"))
    assert [line.rpartition(": ")[2] for line in err] == ["too large", "forbidden"]


async def test_very_many_failing_folders_are_named_up_to_a_bound() -> None:
    failing = [FolderFailed("MyMail", f"F{n}", "disk full") for n in range(100)]
    _, err = await basic(*sync(*failing), *sync(*failing))
    assert len(err) == 21
    assert err[-1] == "more folders failed and are only counted"


async def test_an_account_that_waits_and_recovers_is_told_once_each_however_often_it_is_tried() -> None:
    def attempt(n: int) -> tuple[Event, ...]:
        reason = "connection refused" if n % 2 else "no such host"
        return AccountStarted("MyMail"), AccountWaits("MyMail", reason, 4, NOON.timestamp() + n)

    failing = [event for n in range(1, 10) for event in attempt(n)]
    recovering = (*failing, *sync(), AccountRecovered("MyMail"))
    out, err = await basic(*recovering, *recovering)
    assert out == ["MyMail: in step again"] * 2
    waits = "MyMail: cannot be synced, and is tried again by itself: "
    assert err == [f"{waits}connection refused", f"{waits}no such host"] * 2


async def test_a_message_that_is_tried_again_and_put_aside_again_is_told_once() -> None:
    failed = sync(*folder("Sent", Counts(failed=1), MessageFailed("MyMail", "Sent", "message 7", "too large")))
    aside = sync(*folder("Sent", Counts(aside=1), MessagesAside("MyMail", "Sent", 1, 1.0, "too large")))
    _, err = await basic(*(failed + aside * 3) * 5)
    assert len(err) == 2


async def test_an_account_that_needs_the_user_says_what_to_do() -> None:
    refused = AccountWaits("MyMail", "imap.example.org refused the password", 5, NOON.timestamp() + 300)
    _, err = await basic(AccountStarted("MyMail"), refused, manner=Manner(program="postboat"))
    assert err == [
        "MyMail: waits for you: imap.example.org refused the password",
        "  Check remoteuser and the password (`postboat check -a MyMail`), then: `postboat now MyMail`.",
    ]


async def test_a_hook_that_took_too_long_says_so_in_one_line() -> None:
    _, err = await basic(HookRan("MyMail", "newmail_hook", None, 60.0, "took longer than 60 s"))
    assert err == ["MyMail: newmail_hook failed: took longer than 60 s"]


async def test_what_a_hook_printed_before_it_took_too_long_stands_below() -> None:
    _, err = await basic(HookRan("MyMail", "postsynchook", None, 60.0, "indexing\ntook longer than 60 s"))
    assert err == ["MyMail: postsynchook failed: took longer than 60 s", "  indexing"]


# --- what lasts ---------------------------------------------------------------------------------------------------


async def test_how_changes_are_noticed_is_told_when_it_is_otherwise_than_before() -> None:
    out, err = await basic(
        ServerWatched("MyMail", "idle", ("INBOX",)),
        DiskWatched("MyMail", "inotify"),
        *sync(AccountConnected("MyMail", "imap.example.org", "me")),
        *sync(AccountConnected("MyMail", "imap.example.org", "me")),
        ServerWatched("MyMail", "idle", ("INBOX",)),
        DiskWatched("MyMail", "inotify"),
        ServerWatched("MyMail", "poll"),
        DiskWatched("MyMail", "poll", "no watches are left; raise fs.inotify.max_user_watches"),
    )
    assert out == [
        "MyMail: the server tells at once what changes in INBOX (IDLE); other folders wait for the next refresh",
        "MyMail: changes in the Maildirs are seen at once",
        "MyMail: connected to imap.example.org as me",
        "MyMail: the server is asked for changes at each refresh",
    ]
    looked = "changes in the Maildirs are looked for at intervals"
    assert err == [f"MyMail: {looked}: no watches are left; raise fs.inotify.max_user_watches"]


async def test_the_users_wishes_and_the_machines_sleep_are_told() -> None:
    out, err = await basic(
        *(AccountPaused("MyMail"), AccountPaused("MyMail"), AccountResumed("MyMail"), AccountResumed("MyMail")),
        *(MachineSlept(10_800.0), NetworkChanged(), ConfigReloaded()),
        ConfigReloaded(("config.toml:3: general.ui: must be a list",)),
    )
    assert out == [
        "MyMail: paused, until `postboat resume`",
        "MyMail: goes on",
        "slept for 3 hours, or the clock was set: all connections are made anew",
        "the configuration was read again",
    ]
    assert err == [
        "the configuration is wrong, and the one before stays:",
        "  config.toml:3: general.ui: must be a list",
    ]


# --- other faces --------------------------------------------------------------------------------------------------


async def test_quiet_tells_what_is_wrong_with_its_time_and_nothing_else() -> None:
    err = FakeFile()
    face = Quiet(Manner(), err=Out(err))
    face.now = lambda: NOON
    await face.show(stream(BEGIN, *sync(*folder("INBOX", Counts(down=1))), *sync(FAILED), *sync(FAILED)))
    assert err.getvalue() == f"{STAMP}Lists: could not be synced: no such folder\n"


async def test_the_log_has_each_time_once() -> None:
    log = FakeFile()
    face = LogFile(Manner(many_accounts=True), Out(log), now=lambda: NOON)
    await face.show(stream(BEGIN, *sync(), *sync(*folder("INBOX", Counts(down=1))), *sync(FAILED), *sync(FAILED)))
    lines = log.getvalue().splitlines()
    assert lines[-3:] == [
        "2026-05-04 12:00:00 MyMail: INBOX 1 new (↓1)",
        "2026-05-04 12:00:00 MyMail: Lists: could not be synced: no such folder",
        "2026-05-04 12:00:00 MyMail: 1 new (↓1) in this run",
    ]


async def test_the_journal_notes_times_itself_and_is_told_what_is_important(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "journal").open("w+") as stream_of_it:
        stands = os.fstat(stream_of_it.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{stands.st_dev}:{stands.st_ino}")
        out = Out(stream_of_it)
        await Basic(Manner(), out=out, err=out).show(stream(BEGIN, *sync(FAILED)))
        stream_of_it.seek(0)
        lines = stream_of_it.read().splitlines()
    assert lines[0] == BEGUN
    assert "<4>Lists: could not be synced: no such folder" in lines


async def test_a_journal_that_is_elsewhere_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1234567")
    with (tmp_path / "log").open("w") as log:
        assert not Out(log).is_journal
    assert not Out(FakeFile()).is_journal


class Scene:
    """A terminal on which a run goes on, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.terminal = FakeTerminal()
        self.out = Out(self.terminal)
        measure = lambda: Size(100, 24)  # noqa: E731
        self.tty = Tty(
            Manner(),
            out=self.out,
            err=self.out,
            measure=measure,
            clock=lambda: self.now,
            now=lambda: NOON,
            colour=False,
        )

    async def after(self, *events: Event) -> list[str]:
        """The screen once these events are told and drawn."""
        for event in events:
            fold(self.tty.view, event, self.now)
            await self.tty._tell(event)
        await self.tty.draw()
        return self.terminal.screen


async def test_a_terminal_shows_below_all_news_how_each_account_is() -> None:
    scene = Scene()
    begin = ServiceStarted(("MyMail", "Work"))
    assert (await scene.after(begin))[1:] == ["MyMail  starting", "Work  starting"]
    watched = ServerWatched("MyMail", "notify"), DiskWatched("MyMail", "inotify")
    screen = await scene.after(*watched, *sync(*folder("INBOX", Counts(down=2))))
    assert screen[1:] == [
        f"{STAMP}MyMail: the server tells at once what changes in any folder (NOTIFY)",
        f"{STAMP}MyMail: changes in the Maildirs are seen at once",
        f"{STAMP}MyMail: in step, 9 folders, 2 new (↓2) in 0.5 s",
        f"{STAMP}  INBOX: 2 new (↓2)",
        "MyMail  in step  server tells at once  disk tells at once  next sync 12:05",
        "Work  starting",
    ]
    screen = await scene.after(AccountWaits("Work", "sign-in refused", 5), *sync(*folder("INBOX", Counts(down=1))))
    assert screen[-3:] == [
        f"{STAMP}MyMail: INBOX 1 new (↓1)",
        "MyMail  in step  server tells at once  disk tells at once  next sync 12:05",
        "Work  waits: sign-in refused",
    ]


async def test_a_terminal_shows_an_account_at_work_as_in_a_single_run_and_then_at_rest_again() -> None:
    scene = Scene()
    await scene.after(BEGIN, *sync())
    screen = await scene.after(AccountStarted("MyMail"), FoldersListed("MyMail", 9), FolderStarted("MyMail", "INBOX"))
    assert screen[-2:] == ["MyMail  0 of 9 folders  0:00", "  INBOX  looking"]
    screen = await scene.after(
        FolderFailed("MyMail", "INBOX", "gone"), AccountWaits("MyMail", "no network", 4, NOON.timestamp() + 60)
    )
    assert screen[-1] == "MyMail  waits, next try 12:01: no network"
    assert (await scene.after(AccountPaused("MyMail")))[-1] == "MyMail  paused"


async def test_a_terminal_at_rest_is_not_drawn_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postboat.ui.plain.tty.INTERVAL", 0.001)
    scene = Scene()
    drawn, over = 0, asyncio.Event()
    draw = scene.tty.draw

    async def counted() -> None:
        nonlocal drawn
        drawn += 1
        await draw()

    monkeypatch.setattr(scene.tty, "draw", counted)

    async def run() -> AsyncIterator[Event]:
        for event in (BEGIN, *sync()):
            yield event
        await over.wait()
        yield AccountStarted("MyMail")
        while drawn < at_rest + 20:  # at work it is drawn for ever
            await asyncio.sleep(0.001)

    showing = asyncio.create_task(scene.tty.show(run()))
    await asyncio.sleep(0.1)
    at_rest = drawn
    assert 1 <= at_rest <= len(sync()) + 1
    over.set()
    await asyncio.wait_for(showing, 10)
    assert scene.terminal.screen[-1] == f"{STAMP}MyMail: nothing new in this run"


async def test_an_account_that_the_configuration_lost_is_not_shown_any_more() -> None:
    scene = Scene()
    await scene.after(ServiceStarted(("MyMail", "Work")), *sync())
    assert (await scene.after())[-1] == "Work  starting"
    screen = await scene.after(ConfigReloaded(accounts=("MyMail",)))
    assert screen[-1].startswith("MyMail  in step")
    assert not [row for row in screen if row.startswith("Work")]


# --- weeks --------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from([f"F{n}" for n in range(8)])
COUNTS = st.builds(Counts, down=st.integers(0, 3), moved=st.integers(0, 2), failed=st.integers(0, 1))
IN_A_SYNC = st.one_of(
    st.builds(FolderStarted, st.just("MyMail"), NAMES),
    st.builds(FolderFinished, st.just("MyMail"), NAMES, COUNTS),
    st.builds(FolderFailed, st.just("MyMail"), NAMES, st.text(max_size=3)),
    st.builds(MessageFailed, st.just("MyMail"), NAMES, st.text(max_size=3), st.text(max_size=3)),
    st.builds(Warned, st.text(max_size=3), st.sampled_from(["MyMail", ""])),
    st.builds(
        HookRan, st.just("MyMail"), st.sampled_from(["postsynchook", "presynchook"]), st.integers(0, 2), st.just(0.1)
    ),
    st.builds(AccountWaits, st.just("MyMail"), st.text(max_size=3), st.just(4), st.just(1.0)),
    st.just(AccountRecovered("MyMail")),
    st.just(HELD),
    st.just(AccountFinished("MyMail", Counts(down=1), 9, 0, 0.1)),
)


def room(view: View) -> int:
    """Octets that all take that can be reached from a view, but classes.

    A copy is measured: how large a dictionary is that things are taken from depends on how long ago it was rebuilt.
    """
    seen: dict[int, int] = {}
    waiting: list[object] = [copy.deepcopy(view)]
    while waiting:
        thing = waiting.pop()
        if id(thing) not in seen and not isinstance(thing, type):
            seen[id(thing)] = sys.getsizeof(thing)
            waiting += gc.get_referents(thing)
    return sum(seen.values())


@given(st.lists(IN_A_SYNC, max_size=12))
def test_no_order_of_events_makes_a_view_grow_or_fail(events: list[Event]) -> None:
    view = View()
    face = Basic(Manner(), out=Out(FakeFile()), err=Out(FakeFile()))
    face.view = view
    from postboat.ui.sentences.telling import told_news, told_trouble

    def weeks(syncs: int) -> int:
        for _ in range(syncs):
            for event in (AccountStarted("MyMail"), FoldersListed("MyMail", 9), *events):
                fold(view, event, 0.0)
                assert all(isinstance(line, str) for line in told_trouble(event, view, Manner()))
                assert all(isinstance(line, str) for line in told_news(event, view, Manner()))
        return room(view)

    fold(view, BEGIN, 0.0)
    view.failures, view.warnings = [], []
    after_a_while = weeks(210)  # by then the lists that keep a bounded number are full
    assert weeks(30) <= after_a_while + 200


def test_ten_thousand_syncs_of_ever_new_troubles_take_no_more_room_than_two_thousand() -> None:
    view = View()
    fold(view, BEGIN, 0.0)

    def weeks(start: int, end: int) -> int:
        for n in range(start, end):
            name = f"F{n:05}"
            failing = MessageFailed("MyMail", name, f"message {n:05}", "too large")
            broken = (AccountStarted("MyMail"), *folder(name, Counts(failed=1), failing), FolderStarted("MyMail", "X"))
            warned = Warned(f"look at {n:05}", "MyMail")
            made = FolderCreated("MyMail", name, "local", name)
            for event in (*broken, *sync(made, warned, *folder(name, Counts(down=1), failing), FAILED)):
                fold(view, event, float(n))
        return room(view)

    before = weeks(0, 2_000)
    assert weeks(2_000, 10_000) <= before + 1_000
    known = view.accounts["MyMail"].life
    assert known is not None
    assert len(known.told) <= life.PLACES


def test_a_failure_that_may_be_over_in_a_moment_is_not_worth_a_word():
    passing = AccountWaits("A", "no route to host", 4, 1.0, passing=True)
    lasting_ = AccountWaits("A", "no route to host", 4, 2.0)
    view = View()
    fold(view, ServiceStarted(("A",)), 0.0)
    told = [fold(view, event, 0.0).heard for event in (passing, lasting_, lasting_)]
    assert told == ["again", "new", "again"]
