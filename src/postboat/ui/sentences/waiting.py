"""Sentences about what waits: deletions for the user's word, and messages that failed for their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.model import Suspicion
from postboat.ui import shell, words

if TYPE_CHECKING:
    from postboat.events import MessagesAside, PlanDecided, PlanHeld
    from postboat.ui.view import AccountView
    from postboat.ui.words import Manner, Place

IN_FULL = 5
"""How many held folders of an account are told with subjects and commands; of further ones, a line is told."""
SUBJECT = 48
"""Columns that a subject gets at most."""


class Held(Protocol):
    """Deletions that wait: an event's facts, or what a listing found."""

    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def folder(self) -> str: ...  # noqa: D102
    @property
    def on(self) -> str: ...  # noqa: D102
    @property
    def suspicion(self) -> str: ...  # noqa: D102
    @property
    def count(self) -> int: ...  # noqa: D102
    @property
    def of(self) -> int: ...  # noqa: D102
    @property
    def subjects(self) -> tuple[str, ...]: ...  # noqa: D102


# --- held deletions -----------------------------------------------------------------------------------------------


def held(event: PlanHeld, manner: Manner, nth: int = 1) -> tuple[str, ...]:
    """Tell of deletions that were held: which, why, how many, some of their subjects, and what to do.

    The `nth` of an account, if there were many before it, is told in a line.
    """
    where = words.about(event, manner) if event.folder else f"{words.clean(event.account)}: "
    mark = ("would be held" if manner.dry_run else "HELD") + ("" if event.folder else ", and nothing was synced")
    first = f"{where}{mark}: {doubt(event, manner)}"
    if nth > IN_FULL:
        return (first,)
    if manner.dry_run:
        return (first, *subjects(event), "  a sync would delete none of them before you say that it is meant")
    return (first, *subjects(event), *choices(event, manner))


def doubt(held: Held, manner: Manner) -> str:
    """Tell how many messages would be deleted where, and what looks wrong about it."""
    where = words.place(manner, held.account, held.on).where
    return f"{_how_many(held)} would be deleted {where}, because {_why(held, lost_by(held, manner))}"


def lost_by(held: Held | PlanDecided, manner: Manner) -> Place:
    """Tell what lost the messages."""
    return words.place(manner, held.account, words.OTHER[held.on])


def subjects(held: Held) -> tuple[str, ...]:
    """Name some of the messages, on a line of its own; no line when no subject is known."""
    if not held.subjects:
        return ()
    named = [f'"{words.fit(subject(each), SUBJECT)}"' for each in held.subjects]
    more = held.count - len(named)
    return (f"  {', '.join(named)}" + (f" and {words.number(more)} more" if more > 0 else ""),)


def subject(text: str) -> str:
    """Write a message's subject, which may be anything or nothing."""
    return words.clean(text).strip() or "(no subject)"


def choices(held: Held, manner: Manner) -> tuple[str, ...]:
    """Tell what can be done about held deletions: a line for each way, with its command."""
    ways = {
        "if that is meant:": "confirm",
        f"to get {'it' if held.count == 1 else 'them'} back:": "restore",
    }
    told = [f"  {way:<18} {shell.command(name, held.account, held.folder, manner)}" for way, name in ways.items()]
    if lost_by(held, manner).is_disk and held.suspicion in _DISK:
        told.insert(0, "  if the right disk is not mounted: mount it, and sync again")
    return tuple(told)


_DISK = frozenset({Suspicion.ALL_GONE.value, Suspicion.OTHER_DISK.value, Suspicion.UNMARKED.value})


def _how_many(held: Held) -> str:
    if held.count < held.of:
        return f"{words.number(held.count)} of {words.plural(held.of, 'message')}"
    if held.count < 2:
        return "the only message" if held.count else "the folder, without a message in it,"
    return f"all {words.plural(held.count, 'message')}"


def _why(held: Held, lost: Place) -> str:
    gone = f"{'they are' if held.count > 1 else 'it is'} gone from {lost.name}"
    match held.suspicion:
        case Suspicion.EMPTIED.value:
            return f"the folder was emptied {lost.inside}"
        case Suspicion.MANY_OF_FOLDER.value:
            return f"{gone}, a large part of the folder (more than maxdeletesfolder and maxdeletespercent allow)"
        case Suspicion.MANY_OF_ACCOUNT.value:
            return f"{gone}, and all folders together would lose more than maxdeletes allows"
        case Suspicion.FOLDER_GONE.value:
            return f"the folder is gone from {lost.name}"
        case Suspicion.ALL_GONE.value:
            return f"all folders are gone from {lost.name}"
        case Suspicion.OTHER_DISK.value:
            return f"{gone}, whose directory lies on another disk than before"
        case Suspicion.UNMARKED.value:
            return f"{gone}, whose directory lacks the mark (.postboat-store) that it had"
    return gone


def too_many_held(event: PlanHeld, manner: Manner) -> str:
    """Tell that an account's further held folders are counted and not told one by one."""
    be = "would be" if manner.dry_run else "are"
    return f"{words.about_account(event, manner)}more folders {be} held and only counted"


def all_held(account: AccountView, manner: Manner) -> tuple[str, ...]:
    """Tell what can be done about all that is held in an account, unless each folder was told with its commands."""
    if len(account.held) <= IN_FULL or manner.dry_run:
        return ()
    many = words.plural(len(account.held_folders), "folder")
    return (
        f"{words.clean(account.name)}: {many} held; `{manner.program} restore` lists them all",
        f"  if all that is meant:  {shell.command('confirm', account.name, '', manner)}",
        f"  to get all of it back: {shell.command('restore', account.name, '', manner)}",
    )


def too_many_decided(event: PlanDecided, manner: Manner) -> str:
    """Tell that the user's word on further folders was taken down."""
    return f"{words.about_account(event, manner)}and the same of more folders"


def reminder(account: AccountView, manner: Manner) -> list[str]:
    """Name once more the folders of which something is held, since what was told of them may have scrolled by."""
    folders = account.held_folders
    if not folders or manner.dry_run:
        return []
    named = words.named(folders) if all(folders) else "all folders"
    return [f"  held: {named}; `{manner.program} restore` lists what waits for your word, and why"]


def decided(event: PlanDecided, manner: Manner) -> str:
    """Tell what follows from the user's word."""
    many = words.plural(event.count, "message")
    if event.verdict == "confirmed":
        what = f"confirmed: {many} to be deleted {words.place(manner, event.account, event.on).where}"
    else:
        what = f"to be restored: {many} {lost_by(event, manner).inside}"
    return f"{words.about(event, manner)}{what}"


# --- messages put aside -------------------------------------------------------------------------------------------


def aside(event: MessagesAside, manner: Manner) -> str:
    """Tell of messages that failed before: when they are tried again, and why the first failed."""
    from postboat.ui import times

    many = words.plural(event.count, "message")
    due = times.hour(event.due)  # they wait for a day at most
    state = f"{many} {'is' if event.count == 1 else 'are'} put aside, tried again at {due} (or now, with --retry)"
    return f"{words.about(event, manner)}{state}: {words.clean(event.reason)}"


def retry(account: str, manner: Manner) -> str:
    """Tell how to try messages again that failed."""
    return f"`{manner.program} sync -o --retry -a {shell.quoted(account)}` tries them now"


def too_many_aside(event: MessagesAside, manner: Manner) -> str:
    """Tell that messages put aside in further folders are counted and not told one by one."""
    return f"{words.about_account(event, manner)}more messages are put aside in other folders, and only counted"
