"""Progress of what is no sync: on a terminal, in time, and gone at the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tests.fakes.terminal import FakeFile, FakeTerminal

from postboat.events import StepReached
from postboat.ui.plain.out import Out
from postboat.ui.plain.progress import PATIENCE, Progress
from postboat.ui.plain.tty import INTERVAL, Size

XTERM = {"TERM": "xterm"}


class Scene:
    """Progress on a terminal with a clock that the test sets."""

    def __init__(self, terminal: FakeTerminal | FakeFile | None = None, env=XTERM, *, wanted: bool = True) -> None:
        self.now = 0.0
        self.terminal = terminal or FakeTerminal()
        self.progress = Progress(
            Out(self.terminal), env, wanted=wanted, measure=lambda: Size(80, 24), clock=lambda: self.now
        )

    async def after(self, now: float, *steps: StepReached) -> list[str]:
        """The screen when these steps were reached by `now`."""
        self.now = now
        for step in steps:
            self.progress.publish(step)
        await self.progress.draw()
        return self.terminal.screen


async def test_nothing_is_drawn_of_work_that_is_done_in_no_time() -> None:
    scene = Scene()
    assert await scene.after(PATIENCE - 0.01, StepReached("A", "connecting")) == []
    assert scene.terminal.getvalue() == ""
    assert await scene.after(PATIENCE) == ["A  connecting  0:00"]


async def test_each_account_at_work_has_a_line_and_those_that_are_done_have_none() -> None:
    scene = Scene()
    await scene.after(1.0, StepReached("A", "connecting"), StepReached("B", "connecting"))
    screen = await scene.after(3.0, StepReached("A", "listing"), StepReached("B", "counting", 0, 40))
    assert screen == ["A  listing folders  0:02", "B  counting messages, 0 of 40 folders  0:02"]
    assert await scene.after(4.0, StepReached("A", "")) == ["B  counting messages, 0 of 40 folders  0:03"]
    assert await scene.after(4.1, StepReached("B", "")) == []


async def test_a_step_that_is_counted_tells_how_fast_it_goes_and_how_long_it_will() -> None:
    scene = Scene()
    await scene.after(1.0, StepReached("A", "restoring", 0, 10_000))
    assert await scene.after(3.0, StepReached("A", "restoring", 2_500, 10_000)) == [
        "A  putting messages back, 2,500 of 10,000  0:02  0:06 left  1,250/s"
    ]


async def test_a_step_begins_a_pace_of_its_own() -> None:
    scene = Scene()
    await scene.after(1.0, StepReached("A", "reading", 0, 1_000))
    await scene.after(3.0, StepReached("A", "reading", 1_000, 1_000))
    screen = await scene.after(3.2, StepReached("A", "restoring", 0, 50))
    assert screen == ["A  putting messages back, 0 of 50  0:02"]


async def test_names_cannot_steer_the_terminal() -> None:
    assert await Scene().after(1.0, StepReached("A\x1b[2J\n", "listing")) == ["A?[2J   listing folders  0:00"]


@pytest.mark.parametrize(
    "scene",
    [
        lambda: Scene(FakeFile()),
        lambda: Scene(env={"TERM": "dumb"}),
        lambda: Scene(env={}),
        lambda: Scene(wanted=False),
    ],
    ids=["no terminal", "dumb", "unknown", "not wanted"],
)
async def test_nothing_is_written_where_nobody_could_read_it_or_wants_to(scene) -> None:
    unseen = scene()
    async with unseen.progress.shown():
        unseen.now = 9.0
        unseen.progress.publish(StepReached("A", "connecting"))
        await asyncio.sleep(0)
    assert unseen.terminal.getvalue() == ""


async def test_it_draws_by_itself_and_leaves_nothing_behind_however_the_work_ends() -> None:
    scene = Scene()
    drawn = asyncio.Event()
    draw = scene.progress.draw

    async def noted() -> None:
        await draw()
        drawn.set()

    scene.progress.draw = noted  # type: ignore[method-assign]

    async def work() -> None:
        async with scene.progress.shown():
            scene.now = 1.0
            scene.progress.publish(StepReached("A", "connecting"))
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    async with asyncio.timeout(50 * INTERVAL):
        await drawn.wait()
    assert scene.terminal.screen == ["A  connecting  0:00"]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert scene.terminal.screen == []


async def test_it_makes_room_for_a_question() -> None:
    scene = Scene()
    assert await scene.after(1.0, StepReached("A", "connecting"))
    async with scene.progress.paused():
        assert scene.terminal.screen == []
        drawing = asyncio.create_task(scene.after(2.0, StepReached("A", "listing")))
        await asyncio.sleep(0)
        assert scene.terminal.screen == []
    assert await drawing == ["A  listing folders  0:01"]
