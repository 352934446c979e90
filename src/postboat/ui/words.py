"""How numbers, names, changes and foreign texts are written in every sentence of the program. Pure.

Folder names, file names and server texts come from outside: they pass through `clean` so that none of them can steer
a terminal.
"""

from __future__ import annotations

import unicodedata
from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.values import Sides, dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.events import AccountEvent, Counts, FolderEvent

DETAILS = 20
"""How many operations of a folder a dry run tells one by one, and how many failed messages of a folder, folders left
alone and reasons of a failed account are told."""
NAMED = 6
"""How many folders are named in one line."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is to be spoken of."""

    many_accounts: bool = False
    """Whether sentences name the account they are about."""
    dry_run: bool = False
    one_way: bool = False
    """Whether mail goes from the remote side to the local one only."""
    arrows: bool = True
    """False: the stream's encoding has only ASCII."""
    program: str = "postboat"
    """What a command begins with that shall find the same configuration, as a shell reads it."""
    sides: Mapping[str, Sides] = field(default_factory=dict)
    """Of accounts whose sides are both of one kind: what those are called."""


def spoken_to(manner: Manner, *, arrows: bool) -> Manner:
    """Give the manner for a stream that can or cannot show arrows."""
    return replace(manner, arrows=manner.arrows and arrows)


def knowing(manner: Manner, sides: Mapping[str, Sides]) -> Manner:
    """Give the manner for accounts whose sides are called so."""
    return replace(manner, sides=sides) if sides else manner


# --- sides --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A side as it is spoken of."""

    name: str
    """ "the server", "the Maildir", or the name of a repository."""
    at: str
    """ "on" or "in": what stands before the name of a place where something is."""
    where: str
    """Where something is done: "locally", "on the server"."""
    short: str
    """Where there is little room: "local", "remote", or the name."""
    is_disk: bool

    @property
    def inside(self) -> str:
        """Where something is: "in the Maildir", "on the server"."""
        return f"{self.at} {self.name}"


USUAL: Mapping[str, Place] = {
    "remote": Place("the server", "on", "on the server", "remote", is_disk=False),
    "local": Place("the Maildir", "in", "locally", "local", is_disk=True),
}
"""A server and a tree of Maildirs."""
OTHER: Mapping[str, str] = {"remote": "local", "local": "remote"}
"""The opposite side."""


def place(manner: Manner, account: str, side: str) -> Place:
    """Tell how to speak of one side of an account."""
    sides = manner.sides.get(account)
    if sides is None:
        return USUAL[side]
    name, at = clean(sides.remote if side == "remote" else sides.local), "on" if sides.servers else "in"
    return Place(name, at, f"{at} {name}", name, is_disk=not sides.servers)


# --- names, numbers, texts from outside ---------------------------------------------------------------------------


def clean(text: str) -> str:
    """Take from a foreign text what could steer a terminal or break a line: each such character becomes "?"."""
    return text if text.isascii() and text.isprintable() else "".join(map(_harmless, text))


def _harmless(char: str) -> str:
    if char in "\t\n\r":
        return " "
    # Cc, Cf, Cs, Zl, Zp: controls, direction overrides and other invisibles, lone surrogates, line separators.
    return "?" if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and char != "\u200d" else char


def width(text: str) -> int:
    """Columns that a text takes on a terminal: wide characters count two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, columns: int, *, ellipsis: str = "…") -> str:
    """Cut a text so that it takes at most `columns`; what is cut is marked."""
    if width(text) <= columns:
        return text
    room, taken = columns - width(ellipsis), []
    for char in text:
        room -= _columns(char)
        if room < 0:
            break
        taken.append(char)
    return ("".join(taken) + ellipsis) if columns >= width(ellipsis) else ""


def pad(text: str, columns: int) -> str:
    """Fill a text with blanks on the right up to `columns`."""
    return text + " " * max(0, columns - width(text))


def number(count: int) -> str:
    """Write a count with thousands apart: 10,000."""
    return f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun: "1 folder", "2 folders"."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def looking(done: int, of: int) -> str:
    """Tell how far a long look at a folder has come; 0: of how many messages is not known."""
    return f"looking at {number(done)}" + (f" of {number(of)}" if of else "")


def size(octets: float) -> str:
    """Write octets in decimal units with two or three digits: "812 B", "1.4 MB", "23 GB"."""
    if octets < 1000:
        return f"{octets:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        octets /= 1000
        if octets < 9.95:
            return f"{octets:.1f} {unit}"
        if octets < 999.5:
            return f"{octets:.0f} {unit}"
    return f"{octets:,.0f} TB"


def clock(seconds: float) -> str:
    """Write a duration as a clock shows it: "0:39", "1:02:03"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def seconds(duration: float) -> str:
    """Write how long something took: "0.3 s", "39 s", "2:05"."""
    if duration < 9.95:
        return f"{duration:.1f} s"
    return f"{duration:.0f} s" if duration < 99.5 else clock(duration)


# --- what was done ------------------------------------------------------------------------------------------------


def changes(counts: Counts, *, arrows: bool = True) -> str:
    """Tell counts: "12 new, 3 flagged, 2 moved, 1 deleted (↓10 ↑2)"; "" when nothing changed."""
    new, deleted = counts.down + counts.up, counts.deleted_remote + counts.deleted_local
    told = [
        f"{number(count)} {word}"
        for count, word in (
            (new, "new"),
            (counts.reflagged, "flagged"),
            (counts.moved, "moved"),
            (deleted, "deleted"),
            (counts.adopted, "found on both sides"),
            (counts.failed, "failed"),
        )
        if count
    ]
    return ", ".join(told) + (f" ({directions(counts, arrows=arrows)})" if new else "")


def directions(counts: Counts, *, arrows: bool = True) -> str:
    """Tell transfers by direction: "↓10 ↑2", in ASCII "10 down, 2 up"."""
    if arrows:
        told = [f"{arrow}{number(n)}" for arrow, n in (("↓", counts.down), ("↑", counts.up)) if n]
        return " ".join(told)
    return ", ".join(f"{number(n)} {word}" for word, n in (("down", counts.down), ("up", counts.up)) if n)


# --- beginnings and lists ------------------------------------------------------------------------------------------


def named(names: Sequence[str]) -> str:
    """List names up to `NAMED`; the others are counted."""
    more = f" and {number(len(names) - NAMED)} more" if len(names) > NAMED else ""
    return ", ".join(map(clean, names[:NAMED])) + more


def about_account(event: AccountEvent, manner: Manner) -> str:
    """Begin a sentence with the account it is about, where there are several."""
    return f"{clean(event.account)}: " if manner.many_accounts else ""


def about(event: FolderEvent, manner: Manner) -> str:
    """Begin a sentence with the folder it is about."""
    return f"{about_account(event, manner)}{clean(event.folder)}: "
