"""Which face shows a run: the first of those asked for that can, where the program runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from postboat.config.faces import NAMES as NAMES
from postboat.config.faces import face_called, no_face
from postboat.errors import ConfigError
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping, Sequence

    from postboat.config.schema import Config
    from postboat.events import Event
    from postboat.ui.words import Manner

PLAIN = ("tty", "basic", "quiet", "jsonl", "machineui")
"""Faces that can run anywhere: they write lines, or draw where they can and write lines elsewhere."""
APART = frozenset({"blinkenlights", "tk"})
"""Faces that draw in a process of their own."""


class Face(Protocol):
    """Shows a run."""

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Show events until there are no more; never raises because nobody looks."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program runs that shows something."""

    env: Mapping[str, str]
    stdin: bool = False
    """Whether standard input is a terminal."""
    stdout: bool = False
    """Whether standard output is a terminal."""
    debug: bool = False
    """Whether details for `-d` are written to standard error, among whatever is shown."""

    @property
    def can_redraw(self) -> bool:
        """Whether the terminal, if there is one, understands more than lines."""
        return self.stdout and self.env.get("TERM", "") not in {"", "dumb"}


@dataclass(frozen=True, slots=True)
class Choice:
    """The face to use and how."""

    name: str
    live: bool = False
    """Whether lines may be redrawn in place."""
    colour: bool = False
    rest: tuple[str, ...] = ()
    """What to try next should this one not start."""
    passed: tuple[str, ...] = ()
    """Why those before cannot run here, each with its name."""
    place: Place = Place({})

    @property
    def apart(self) -> bool:
        """Whether the face runs in a process of its own, whose start may fail."""
        return self.name in APART

    def instead(self, reason: str) -> Choice:
        """The next face that can run here, as this one did not start. Raises `ConfigError` when there is none."""
        return _first_of(self.rest, self.place, (*self.passed, f"{self.name}: {reason}"))


def choose(
    names: Sequence[str],
    *,
    place: Place | None = None,
    isatty: bool = False,
    env: Mapping[str, str] | None = None,
    asked: bool = False,
) -> Choice:
    """Take the first name whose face can run at `place`; where none is given, the terminal's.

    `asked` says that the names come from `-u`. Raises `ConfigError` with every reason when none can run, and for a
    name that is none.
    """
    place = place or Place(env or {}, stdin=isatty, stdout=isatty)
    wanted = [name for name in names if name.strip()]
    if unknown := [name for name in wanted if face_called(name) is None]:
        option = "-u" if asked else "ui"
        raise ConfigError([f"{option}: {no_face(name)}" for name in unknown])
    faces = dict.fromkeys(name for word in wanted if (name := face_called(word)))
    return _first_of(tuple(faces) or ("tty",), place, ())


def _first_of(names: tuple[str, ...], place: Place, passed: tuple[str, ...]) -> Choice:
    for index, name in enumerate(names):
        reason = "" if name in PLAIN else _reason(name, place)
        if not reason:
            choice = Choice(name, rest=names[index + 1 :], passed=passed, place=place)
            colour = place.can_redraw and not place.env.get("NO_COLOR")
            return replace(choice, live=place.can_redraw and name == "tty" and not place.debug, colour=colour)
        passed = (*passed, f"{name}: {reason}")
    heading = "no user interface that is asked for can run here:"
    raise ConfigError(
        [heading, *(f"  {line}" for line in passed), f"{', '.join(PLAIN)} run anywhere: add one, or use -u"]
    )


def _reason(name: str, place: Place) -> str:
    from postboat.ui import usable  # here, since most runs are shown in lines

    return usable.reason(name, place)


def make(choice: Choice, manner: Manner, config: Config | None = None) -> Face:
    """Make the chosen face, importing no other; one that runs apart is not made here.

    Of the configuration, `machineui` tells what OfflineIMAP's protocol has and events have not.
    """
    match choice.name:
        case "quiet":
            from postboat.ui.plain.quiet import Quiet

            return Quiet(manner)
        case "jsonl":
            from postboat.ui.plain.jsonl import JsonLines

            return JsonLines()
        case "syslog":
            from postboat.ui.plain.syslog import Syslog

            return Syslog(manner)
        case "machineui":
            from postboat.ui.plain.machineui import MachineUi

            return MachineUi(manner, config)
        case "tty" if choice.live:
            from postboat.ui.plain.tty import Tty

            return Tty(manner, colour=choice.colour)
    from postboat.ui.plain.basic import Basic

    return Basic(manner)
