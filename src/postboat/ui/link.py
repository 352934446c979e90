"""What a face in a process of its own sees of a run: how things are, then what happens; and what it can ask for.

The dashboard and the window never share a process with a sync, so that drawing cannot hold one up. Whether the run is
a service, the parent of the face or a recording makes no difference to them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.events import Event
    from postboat.status import ServiceStatus
    from postboat.ui.words import Manner


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How everything is; what was known before is to be forgotten."""

    status: ServiceStatus
    dropped: int = 0
    """Events missed since the link began, because the face was too slow."""


@dataclass(frozen=True, slots=True)
class Happened:
    """Something happened."""

    event: Event
    when: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Question:
    """The sync needs a line from the user, a password, which must not be shown."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A question needs no answer any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of something that was asked for."""

    number: int
    refusal: str = ""
    """Why it is not done; "" when it is."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The run cannot be heard; the link goes on trying, and a `Snapshot` comes when it can."""

    reason: str


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more will come."""


Line = Snapshot | Happened | Question | Withdrawn | Answered | Lost | Over


class CannotShow(Exception):
    """A face cannot run here; the text says why, as the end of a sentence that names the face."""


class Link(Protocol):
    """A run as a face sees it. All of it is called from the face's own thread, and none of it waits."""

    goes_on: bool
    """Whether the run goes on until it is stopped."""
    owned: bool
    """Whether the run ends with the face unless that says otherwise: both were started by one command."""
    replay: bool
    """Whether it is a recording, of which nothing can be asked."""
    manner: Manner

    def now(self) -> float:
        """Seconds since the epoch; in a recording, those of then."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when `take` has something to give."""
        ...

    def take(self) -> list[Line]:
        """All that came since the last time."""
        ...

    def ask(self, do: str, **facts: object) -> int:
        """Ask for what the control socket takes, or with "leave" that the run go on without the face.

        The number is that of the `Answered` that will come.
        """
        ...

    def answer(self, number: int, text: str | None) -> None:
        """Answer a question; None: the user does not want to."""
        ...

    def close(self) -> None:
        """End the link, and nothing else."""
        ...


class Recorded(Link, Protocol):
    """A link whose `replay` is true: a recording that plays."""

    speed: float
    """How much faster than it was it plays."""
    halted: bool
    """Whether it stands still, because the user wants so or because it is at its end."""
    ended: bool
    """Whether all of it was played."""

    def halt(self) -> None:
        """Stand still, or go on."""
        ...

    def faster(self) -> None:
        """Play at twice the speed."""
        ...

    def slower(self) -> None:
        """Play at half the speed."""
        ...
