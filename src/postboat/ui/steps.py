"""How far work has come that is no sync: a look at an account, or messages put back. Pure."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.speed import Speed
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from postboat.events import StepReached

WHAT: Mapping[str, str] = {
    "connecting": "connecting",
    "listing": "listing folders",
    "counting": "counting messages",
    "waiting": "waiting for another run to end",
    "reading": "reading what is kept",
    "restoring": "putting messages back",
}
"""What is done in a step."""
COUNTED: Mapping[str, str] = {"counting": "folder", "reading": "run"}
"""What is counted in a step that does not name it."""


@dataclass(slots=True)
class Step:
    """The step that work on an account has come to."""

    account: str
    step: str
    began: float
    """When the work as a whole did."""
    done: int = 0
    of: int = 0
    speed: Speed = field(default_factory=Speed)


def learn(steps: dict[str, Step], event: StepReached, now: float) -> None:
    """Learn how far an account's work has come; what is over is forgotten."""
    before = steps.pop(event.account, None)
    if not event.step:
        return
    if before is not None and before.step == event.step:
        step = before
    else:
        step = Step(event.account, event.step, before.began if before else now)
    step.done, step.of = event.done, event.of
    step.speed.note(now, step.done)
    steps[event.account] = step


def rows(steps: Iterable[Step], now: float) -> list[str]:
    """Tell each account's step in a line: how far it is, how long it took, and how long it will."""
    return ["  ".join(_parts(step, now)) for step in steps]


def _parts(step: Step, now: float) -> list[str]:
    parts = [
        words.clean(step.account),
        WHAT.get(step.step, step.step) + _how_far(step),
        words.clock(int(now - step.began)),
    ]
    if step.of and (eta := step.speed.eta(now, step.done, step.of)):
        parts.append(f"{words.clock(eta)} left")
    if (rate := step.speed.rate(now, step.done)) >= 10:
        parts.append(f"{rate:,.0f}/s")
    return parts


def _how_far(step: Step) -> str:
    if not step.of:
        return ""
    counted = COUNTED.get(step.step)
    of = words.plural(step.of, counted) if counted else words.number(step.of)
    return f", {words.number(step.done)} of {of}"
