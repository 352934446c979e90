"""The last line of a run one way: how much of one side is on the other, and what is not, and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.sentences import waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.mirrored import Mirrored, NotThere
    from postboat.ui.words import Manner

TOLD = 20
"""How many missing messages, and folders that were not looked at, are named; `--json` has all."""


def verdict(event: Mirrored, manner: Manner) -> tuple[str, ...]:
    """Tell how much is there; then each message that is not, up to a bound, and which folders do not count."""
    about, first = words.about_account(event, manner), _first(event)
    return (
        about + first[0].lower() + first[1:] if about else first,
        *_missing(event),
        *_untold(event),
        *_not_looked_at(event),
    )


def _first(event: Mirrored) -> str:
    source, target = words.clean(event.source), words.clean(event.target)
    if not event.folders and event.untold:
        return f"Whether all messages of {source} are on {target} cannot be told:"
    told = f"{_how_many(event, source, target)}{_rest(event, target)}"
    if event.untold:
        many = words.plural(len(event.untold), "folder")
        return f"{told}; of {many} it cannot be told:"
    return f"{told}:" if event.missing else f"{told}{_in_folders(event)}"


def _how_many(event: Mirrored, source: str, target: str) -> str:
    all_of = f"{words.plural(event.messages, 'message')} of {source}{_of_these(event)}"
    if event.due:
        return f"A sync would bring {words.number(event.due)} of {all_of} to {target}{_already(event)}"
    if event.there < event.messages or (event.untold and not event.messages):
        return f"{words.number(event.there)} of {all_of} {'is' if event.there == 1 else 'are'} on {target}"
    if not event.messages:
        return f"There are no messages on {source}{_of_these(event)}"
    counted = " that could be counted" if event.untold else ""
    if event.messages == 1:
        return f"The only message of {source}{_of_these(event)}{counted} is on {target}"
    return f"All {all_of}{counted} are on {target}"


def _already(event: Mirrored) -> str:
    if not event.there:
        return ", which holds none of them yet"
    return f"; {words.number(event.there)} {'is' if event.there == 1 else 'are'} there already"


def _of_these(event: Mirrored) -> str:
    return f" in {words.named(event.only)}" if event.only else ""


def _in_folders(event: Mirrored) -> str:
    return "" if event.only or event.due else f", in {words.plural(event.folders, 'folder')}"


def _rest(event: Mirrored, target: str) -> str:
    """Tell how many are not there: those that their user removed himself are no failures."""
    removed = sum(one.count for one in event.missing if one.why == "removed")
    other = sum(one.count for one in event.missing) - removed
    told = ""
    if other:
        verb = "would not be" if event.due else "is not" if other == 1 else "are not"
        told += f"; {words.number(other)} {verb}"
    if removed:
        told += f"; {words.number(removed)} {'was' if removed == 1 else 'were'} removed from {target} since"
    return told


def _missing(event: Mirrored) -> Iterator[str]:
    failed_first = sorted(event.missing, key=lambda one: one.why == "removed")
    for one in failed_first[:TOLD]:
        yield f"  {words.clean(one.folder)}: {_name(one)}: {_why(one, words.clean(event.target))}"
    if more := sum(one.count for one in failed_first[TOLD:]):
        yield f"  and {words.number(more)} more"


def _name(one: NotThere) -> str:
    if not one.key:
        return words.plural(one.count, "message")
    name = f'"{words.fit(waiting.subject(one.subject), waiting.SUBJECT)}"' if one.subject else f"message {one.key}"
    if one.date is None:
        return name
    from postboat.ui import times

    return f"{name} ({times.day(one.date)})"


def _why(one: NotThere, target: str) -> str:
    match one.why:
        case "removed":
            return f"removed from this folder on {target} since it was copied"
        case "lost":
            return f"gone from {target} with all else in the folder; a two-way sync would ask what that means"
        case "readonly":
            return f"{target} may not be changed (readonly)"
        case "unsettled":
            return f"it was sent, and {target} does not show it yet: run again"
        case "arrived":
            return "not copied yet, since it came or changed meanwhile: run again"
        case "folder":
            return f"the folder was not synced: {words.clean(one.reason)}"
    return words.clean(one.reason)


def _untold(event: Mirrored) -> Iterator[str]:
    for one in event.untold[:TOLD]:
        folder = f"{words.clean(one.folder)}: " if one.folder else ""
        yield f"  {folder}{words.clean(one.reason)}"
    if len(event.untold) > TOLD:
        yield f"  and {words.plural(len(event.untold) - TOLD, 'more folder')}"


def _not_looked_at(event: Mirrored) -> Iterator[str]:
    for folders, why in ((event.left_out, "folder rules"), (event.unsubscribed, "not subscribed")):
        if folders:
            more = f" and {words.number(len(folders) - TOLD)} more" if len(folders) > TOLD else ""
            yield f"  Not looked at: {', '.join(map(words.clean, folders[:TOLD]))}{more} ({why})"
