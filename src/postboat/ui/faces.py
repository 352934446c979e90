"""Which face shows a run: by the names asked for, the terminal and the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.errors import ConfigError
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping, Sequence

    from postboat.events import Event
    from postboat.ui.words import Manner

NAMES: Mapping[str, str] = {
    "tty": "tty",
    "ttyui": "tty",
    "tty.ttyui": "tty",
    "basic": "basic",
    "noninteractive.basic": "basic",
    "quiet": "quiet",
    "noninteractive.quiet": "quiet",
    "jsonl": "jsonl",
    "json": "jsonl",
    "ndjson": "jsonl",
}
"""Faces by every name they answer to, OfflineIMAP's old and new ones among them, in lower case."""

NOT_HERE = frozenset(
    {"blinkenlights", "curses.blinkenlights", "tk", "tk.blinkenlights", "tk.vblinkenlights", "syslog"}
    | {"machineui", "machine.machineui"}
)
"""Faces of OfflineIMAP that a list may name and that are passed over."""


class Face(Protocol):
    """Shows a run."""

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Show events until there are no more; never raises because nobody looks."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The face to use and how."""

    name: str
    live: bool = False
    """Whether lines may be redrawn in place."""
    colour: bool = False


def choose(names: Sequence[str], *, isatty: bool, env: Mapping[str, str], asked: bool = False) -> Choice:
    """Take the first name whose face can run here; with none, the terminal's.

    `asked` says that the names come from the command line: then one of them has to be usable.
    Raises `ConfigError` when it is not.
    """
    wanted = [name.strip().lower() for name in names if name.strip()]
    unknown = [name for name in wanted if name not in NAMES and name not in NOT_HERE]
    usable = [NAMES[name] for name in wanted if name in NAMES]
    if asked and (unknown or not usable):
        raise ConfigError([_refusal(name) for name in unknown or wanted])
    terminal = isatty and env.get("TERM", "") not in {"", "dumb"}
    name = usable[0] if usable else "tty"
    return Choice(name, live=terminal and name == "tty", colour=terminal and not env.get("NO_COLOR"))


def _refusal(name: str) -> str:
    why = "is not here yet" if name in NOT_HERE else "is no user interface"
    return f"-u: {name} {why}; there are tty, basic, quiet and jsonl"


def make(choice: Choice, manner: Manner) -> Face:
    """Make the chosen face, importing no other."""
    match choice.name:
        case "quiet":
            from postboat.ui.quiet import Quiet

            return Quiet(manner)
        case "jsonl":
            from postboat.ui.jsonl import JsonLines

            return JsonLines()
        case "tty" if choice.live:
            from postboat.ui.tty import Tty

            return Tty(manner, colour=choice.colour)
    from postboat.ui.basic import Basic

    return Basic(manner)
