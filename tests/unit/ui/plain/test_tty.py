"""The live display on a terminal that keeps what it is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.fakes.terminal import FakeFile, FakeTerminal

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
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    MessageFailed,
    PlanShown,
    StepReached,
    Warned,
)
from postboat.ui.plain.out import Out
from postboat.ui.plain.tty import Region, Size, Tty
from postboat.ui.view import fold
from postboat.ui.words import Manner, width

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Scene:
    """A terminal face with a clock and a size that the test sets."""

    def __init__(self, *, columns: int = 80, rows: int = 24, colour: bool = False, dry_run: bool = False) -> None:
        self.now = 0.0
        self.size = Size(columns, rows)
        self.terminal, self.err = FakeTerminal(), FakeFile()
        self.tty = Tty(
            Manner(dry_run=dry_run),
            out=Out(self.terminal),
            err=Out(self.err),
            measure=lambda: self.size,
            clock=lambda: self.now,
            colour=colour,
        )

    async def after(self, *events: Event) -> list[str]:
        """The screen once these events are folded and drawn."""
        for event in events:
            fold(self.tty.view, event, self.now)
        await self.tty.draw()
        return self.terminal.screen


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


START = (AccountStarted("MyMail"), AccountConnected("MyMail", "imap.example.org", "me"), FoldersListed("MyMail", 3))


def working(folder: str, total: int, done: int) -> tuple[Event, ...]:
    planned = FolderPlanned("MyMail", folder, Counts(down=total))
    return FolderStarted("MyMail", folder), planned, FolderProgressed("MyMail", folder, Counts(down=done))


async def test_an_account_shows_what_it_is_at_before_any_folder() -> None:
    scene = Scene()
    assert await scene.after(AccountStarted("MyMail")) == ["MyMail  connecting  0:00"]
    scene.now = 3.0
    assert await scene.after(START[1]) == ["MyMail  listing folders on imap.example.org  0:03"]
    assert await scene.after(START[2]) == ["MyMail  0 of 3 folders  0:03"]


async def test_each_working_folder_has_a_row_with_counts_rate_and_time_to_go() -> None:
    scene = Scene()
    await scene.after(*START, *working("INBOX", 1000, 0), FolderStarted("MyMail", "Archive"))
    scene.now = 2.0
    screen = await scene.after(FolderProgressed("MyMail", "INBOX", Counts(down=500, bytes_down=4_000_000)))
    assert screen == [
        "MyMail  0 of 3 folders  ↓500  0:02",
        "  INBOX     50%  500 of 1,000  0:02 left  250/s  2.0 MB/s",
        "  Archive  looking",
    ]


async def test_a_long_look_tells_how_far_it_is_on_both_sides_together_until_there_is_a_plan() -> None:
    scene = Scene()
    await scene.after(*START, FolderStarted("MyMail", "INBOX"), FolderScanned("MyMail", "INBOX", "local", 0, 80_000))
    scene.now = 2.0
    looking = (
        FolderScanned("MyMail", "INBOX", "local", 20_000, 80_000),
        FolderScanned("MyMail", "INBOX", "remote", 10_000, 40_000),
    )
    screen = await scene.after(*looking)
    assert screen[1:] == ["  INBOX  looking at 30,000 of 120,000  0:06 left  15,000/s"]
    scene.now = 4.0
    screen = await scene.after(FolderPlanned("MyMail", "INBOX", Counts(down=10)), looking[1])
    assert screen[1:] == ["  INBOX    0%  0 of 10"]


async def test_a_look_at_no_one_knows_how_many_tells_how_many_there_were() -> None:
    scene = Scene()
    screen = await scene.after(
        *START, FolderStarted("MyMail", "INBOX"), FolderScanned("MyMail", "INBOX", "local", 7, 0)
    )
    assert screen[1:] == ["  INBOX  looking at 7"]


async def test_work_before_a_sync_has_a_row_until_it_is_over() -> None:
    scene = Scene()
    screen = await scene.after(StepReached("MyMail", "restoring", 100, 5_000))
    assert screen == ["MyMail  putting messages back, 100 of 5,000  0:00"]
    screen = await scene.after(StepReached("MyMail", ""), AccountStarted("MyMail"))
    assert screen == ["MyMail  connecting  0:00"]
    await scene.tty.show(stream(AccountFinished("MyMail", Counts(), 1, 0, 1.0)))
    assert scene.terminal.screen == ["MyMail: in step, 1 folder, nothing new in 1.0 s"]


async def test_unchanged_folders_count_as_done_and_moves_as_progress() -> None:
    scene = Scene()
    planned = FolderPlanned("MyMail", "INBOX", Counts(moved=4))
    moving = (FolderStarted("MyMail", "INBOX"), planned, FolderProgressed("MyMail", "INBOX", Counts(moved=1)))
    screen = await scene.after(*START[:2], FoldersListed("MyMail", 100), FoldersUnchanged("MyMail", 99), *moving)
    assert screen == ["MyMail  99 of 100 folders  0:00", "  INBOX   25%  1 of 4"]
    done = Counts(moved=4)
    end = (FolderFinished("MyMail", "INBOX", done), AccountFinished("MyMail", done, 100, 0, 1.0))
    await scene.tty.show(stream(*end))
    assert scene.terminal.screen == ["MyMail: in step, 100 folders, 4 moved in 1.0 s", "  INBOX: 4 moved"]


async def test_rows_are_redrawn_in_place_and_vanish_with_their_folder() -> None:
    scene = Scene()
    await scene.after(*START, *working("INBOX", 10, 1), *working("Sent", 10, 2))
    screen = await scene.after(FolderFinished("MyMail", "INBOX", Counts(down=10)))
    assert screen == ["MyMail  1 of 3 folders  ↓12  0:00", "  Sent   20%  2 of 10"]


async def test_nothing_is_written_while_nothing_changes() -> None:
    scene = Scene()
    await scene.after(*START)
    before = scene.terminal.getvalue()
    await scene.tty.draw()
    assert scene.terminal.getvalue() == before


@pytest.mark.parametrize("columns", [1, 2, 5, 12, 20, 40])
async def test_no_row_reaches_the_last_column_of_a_narrow_terminal(columns: int) -> None:
    scene = Scene(columns=columns)
    screen = await scene.after(
        *START, *working("A folder with a rather long name", 1000, 10), *working("草稿草稿草稿", 5, 1)
    )
    assert all(width(row) <= max(1, columns - 1) for row in screen)
    assert len(screen) <= 3


async def test_wide_characters_line_up() -> None:
    scene = Scene()
    screen = await scene.after(*START, *working("草稿", 10, 1), *working("Sent", 10, 1))
    assert {width(row.split("10%")[0]) for row in screen[1:]} == {width("  Sent   ")}


async def test_more_folders_than_rows_are_counted() -> None:
    scene = Scene(rows=5)
    events = [event for n in range(10) for event in working(f"F{n}", 10, 1)]
    screen = await scene.after(*START, *events)
    assert len(screen) == 4
    assert screen[-1] == "  and 8 more"


async def test_a_folder_name_cannot_move_the_cursor() -> None:
    scene = Scene()
    screen = await scene.after(*START, *working("\x1b[2J\x1b]0;owned\x07\nx\udcff", 10, 1))
    assert screen[1].startswith("  ?[2J?]0;owned? x?")


async def test_a_terminal_made_narrower_is_cleaned_of_wrapped_rows() -> None:
    terminal, size = FakeTerminal(), Size(40, 24)
    region = Region(Out(terminal), lambda: size)
    await region.draw(["x" * 39, "y" * 10])
    size = Size(20, 24)
    terminal.truncate(0)
    terminal.seek(0)
    await region.draw(["z"])
    assert terminal.getvalue().startswith("\r\x1b[3A"), "39 columns take two rows of 20, the other row one"


async def test_failures_appear_above_the_live_rows() -> None:
    scene = Scene()
    await scene.after(*START)
    scene.tty.err = scene.tty.out
    await scene.tty._tell(Warned("careful"))
    screen = await scene.after(*working("INBOX", 10, 1))
    assert screen == ["careful", "MyMail  0 of 3 folders  ↓1  0:00", "  INBOX   10%  1 of 10"]


async def test_at_the_end_only_the_summary_is_left() -> None:
    scene = Scene()
    await scene.tty.show(
        stream(
            *START,
            *working("INBOX", 13, 5),
            FolderFinished("MyMail", "INBOX", Counts(down=10, up=2, reflagged=3, deleted_local=1)),
            FolderStarted("MyMail", "Quiet"),
            FolderFinished("MyMail", "Quiet", Counts()),
            FolderFailed("MyMail", "Lists", "no such folder"),
            AccountFinished("MyMail", Counts(down=10, up=2, reflagged=3, deleted_local=1), 3, 1, 3.14),
        )
    )
    counts = "12 new, 3 flagged, 1 deleted (↓10 ↑2)"
    assert scene.terminal.screen == [
        f"MyMail: not in step: 1 folder failed; 3 folders, {counts} in 3.1 s",
        "  Lists: failed",
        f"  INBOX: {counts}",
    ]
    assert scene.err.getvalue() == "Lists: could not be synced: no such folder\n"


async def test_the_summary_of_a_large_first_sync_fits_a_screen() -> None:
    scene = Scene()
    many = [FolderFinished("MyMail", f"F{n}", Counts(down=n + 1)) for n in range(100)]
    await scene.tty.show(stream(*START, *many, AccountFinished("MyMail", Counts(down=5050), 100, 0, 9.0)))
    screen = scene.terminal.screen
    assert screen[1] == "  F99: 100 new (↓100)"
    assert screen[-1] == "  and 80 more folders"
    assert len(screen) == 22


async def test_a_failed_account_is_told_once_with_what_to_do() -> None:
    scene = Scene()
    await scene.tty.show(stream(AccountStarted("MyMail"), AccountFailed("MyMail", "connection refused", 4)))
    assert scene.terminal.screen == []
    assert scene.err.getvalue().splitlines() == [
        "MyMail: not synced: connection refused",
        "  Check remotehost, remoteport, ssl and the network; `postboat check -a MyMail` tries them by itself.",
    ]


async def test_a_run_cut_short_says_what_was_done() -> None:
    scene = Scene()
    await scene.tty.show(stream(*START, *working("INBOX", 10, 4)))
    assert scene.terminal.screen == ["MyMail: stopped, 4 new (↓4)"]


async def test_a_cancelled_display_leaves_a_clean_screen() -> None:
    scene = Scene()
    drawn = asyncio.Event()

    async def endless() -> AsyncIterator[Event]:
        for event in START:
            yield event
        await scene.tty.draw()
        drawn.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(scene.tty.show(endless()))
    await drawn.wait()
    assert scene.terminal.screen != []
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scene.terminal.screen == []


async def test_while_someone_else_asks_nothing_is_drawn() -> None:
    scene = Scene()
    await scene.after(*START)
    async with scene.tty.paused():
        assert scene.terminal.screen == []
        drawing = asyncio.create_task(scene.tty.draw())
        await asyncio.sleep(0)
        assert scene.terminal.screen == []
    await drawing
    assert scene.terminal.screen == ["MyMail  0 of 3 folders  0:00"]


async def test_a_flood_of_failed_messages_is_named_up_to_a_bound() -> None:
    scene = Scene()
    flood = [MessageFailed("MyMail", "INBOX", f"copying {n}", "refused") for n in range(100)]
    await scene.tty.show(stream(FolderStarted("MyMail", "INBOX"), *flood))
    lines = scene.err.getvalue().splitlines()
    assert len(lines) == 21
    assert lines[-1] == "INBOX: more messages failed and are only counted"


async def test_created_folders_are_named_up_to_a_bound_by_side() -> None:
    scene = Scene()
    local = [FolderCreated("MyMail", f"INBOX.{n}", "local", f"L{n}") for n in range(9)]
    remote = [FolderCreated("MyMail", "Sent", "remote", "Sent")]
    await scene.tty.show(stream(*START, *local, *remote, AccountFinished("MyMail", Counts(), 9, 0, 1.0)))
    assert scene.terminal.screen[1:] == [
        "  created locally: L0, L1, L2, L3, L4, L5 and 3 more",
        "  created on the server: Sent",
    ]


async def test_a_dry_run_shows_its_plan_and_what_it_adds_up_to() -> None:
    scene = Scene(dry_run=True)
    plan = ({"do": "copy", "to": "local", "message": "7", "flags": []},)
    await scene.tty.show(
        stream(*START, PlanShown("MyMail", "INBOX", plan), AccountFinished("MyMail", Counts(), 3, 0, 1.0))
    )
    assert scene.terminal.screen == [
        "INBOX: would copy 1 to local",
        "  copy message 7 to local",
        "MyMail: dry run, nothing was changed: 3 folders, 1 new (↓1) in 1.0 s",
    ]


async def test_colour_is_used_only_where_it_is_wanted() -> None:
    events = (*START, AccountFinished("MyMail", Counts(), 3, 0, 1.0))
    plain, coloured = Scene(colour=False), Scene(colour=True)
    await plain.tty.show(stream(*events))
    await coloured.tty.show(stream(*events))
    assert "\x1b[1m" not in plain.terminal.getvalue()
    assert "\x1b[1m" in coloured.terminal.getvalue()
    assert plain.terminal.screen == coloured.terminal.screen
