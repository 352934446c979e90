"""How often work tells how far it is."""

from __future__ import annotations

import asyncio

import pytest

from postboat.events import StepReached
from postboat.service.steps import EVERY, Steps


class Told:
    """What is told, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[tuple[str, int, int]] = []
        self.steps = Steps("A", self.publish, lambda: self.now)

    def publish(self, event: object) -> None:
        assert isinstance(event, StepReached)
        assert event.account == "A"
        self.events.append((event.step, event.done, event.of))


async def test_a_step_is_told_at_once_and_its_progress_seldom() -> None:
    told = Told()
    told.steps.reach("listing")
    told.steps.reach("counting", 0, 500)
    for done in range(1, 500):
        told.now += EVERY / 100
        told.steps.reach("counting", done, 500)
    assert told.events[:2] == [("listing", 0, 0), ("counting", 0, 500)]
    assert len(told.events) == 2 + 4
    assert told.events[-1][1] >= 400


async def test_another_thread_tells_on_the_loop_and_no_oftener() -> None:
    told = Told()
    tell = told.steps.begun("reading")

    def work() -> None:
        for done in range(500):
            tell(done, 1_000)
        told.now += EVERY
        tell(500, 1_000)

    await asyncio.to_thread(work)
    assert told.events == [("reading", 0, 0), ("reading", 500, 1_000)]


async def test_the_end_is_told_however_it_comes_about_and_only_of_what_began() -> None:
    told = Told()
    with pytest.raises(ZeroDivisionError), told.steps.telling():
        told.steps.reach("counting", 1, 2)
        raise ZeroDivisionError
    assert told.events[-1] == ("", 0, 0)
    with told.steps.telling():
        pass
    assert len(told.events) == 2
