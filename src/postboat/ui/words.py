"""Every sentence the program says, and how numbers, names and foreign texts are written. Pure.

Folder names, file names and server texts come from outside: they pass through `clean` so that none of them can steer
a terminal.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.events import (
    AccountConnected,
    AccountEvent,
    AccountFailed,
    AccountFinished,
    FolderCreated,
    FolderEvent,
    FolderFailed,
    FolderFinished,
    FolderMatchedAnew,
    FoldersListed,
    FoldersUnchanged,
    MessageCameBack,
    MessageFailed,
    MessagesPutBack,
    Warned,
)
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postboat.events import Counts, Event, FolderScanned

DETAILS = 20
"""How many operations of a folder a dry run tells one by one, and how many failed messages of a folder, folders left
alone and reasons of a failed account are told."""
NAMED = 6
"""How many folders are named in one line."""
WHERE: Mapping[str, str] = {"local": "locally", "remote": "on the server"}
"""How a side is spoken of as the place of a change."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run is to be spoken of."""

    many_accounts: bool = False
    """Whether sentences name the account they are about."""
    dry_run: bool = False
    arrows: bool = True
    """False: the stream's encoding has only ASCII."""
    program: str = "postboat"
    """What a command begins with that shall find the same configuration, as a shell reads it."""


def spoken_to(manner: Manner, *, arrows: bool) -> Manner:
    """Give the manner for a stream that can or cannot show arrows."""
    return replace(manner, arrows=manner.arrows and arrows)


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


def folder_line(name: str, counts: Counts, *, arrows: bool = True) -> str:
    """Tell what a sync did in a folder."""
    return f"{clean(name)}: {changes(counts, arrows=arrows) or 'nothing new'}"


def account_line(finished: AccountFinished, manner: Manner, would: Counts, held_in: int = 0) -> str:
    """Tell how an account's sync ended, in one line.

    `would` is what a dry run found to do, and `held_in` in how many folders something is held; 0: in all there are.
    """
    name, took = clean(finished.account), seconds(finished.seconds)
    folders = plural(finished.folders, "folder")
    failures = ", ".join((*_failures(finished), *_waiting(finished, held_in, manner)))
    if manner.dry_run:
        found = changes(would, arrows=manner.arrows) or "nothing new"
        state = f"dry run, nothing was changed: {folders}, {found}"
        return f"{name}: {state}{f', {failures}' if failures else ''} in {took}"
    told = changes(finished.done, arrows=manner.arrows) or "nothing new"
    if failures:
        return f"{name}: not in step: {failures}; {folders}, {told} in {took}"
    return f"{name}: in step, {folders}, {told} in {took}"


def _failures(finished: AccountFinished) -> Iterator[str]:
    if finished.failed_folders:
        yield f"{plural(finished.failed_folders, 'folder')} failed"
    if finished.done.failed:
        yield f"{plural(finished.done.failed, 'message')} failed"


def _waiting(finished: AccountFinished, held_in: int, manner: Manner) -> Iterator[str]:
    if finished.aside:
        yield f"{plural(finished.aside, 'message')} put aside"
    if finished.held:
        many = f"{plural(finished.held, 'message')} in {plural(held_in, 'folder') if held_in else 'all folders'}"
        one = finished.held == 1
        yield f"would be held: {many}" if manner.dry_run else f"held: {many} wait{'s' if one else ''} for your word"


def stopped_line(account: str, done: Counts, *, arrows: bool = True) -> str:
    """Tell of an account whose sync was stopped before its end."""
    return f"{clean(account)}: stopped, {changes(done, arrows=arrows) or 'nothing done yet'}"


# --- sentences about events ---------------------------------------------------------------------------------------


def news(event: Event, manner: Manner) -> str | None:
    """Tell an event that is going as it should; None when it is not worth a line."""
    match event:
        case AccountConnected(account=account, server=server, user=user):
            return f"{clean(account)}: connected to {clean(server)}" + (f" as {clean(user)}" if user else "")
        case FoldersListed(account=account, pairs=pairs) if pairs and not manner.dry_run:
            return f"{clean(account)}: {plural(pairs, 'folder')} to compare"
        case FoldersUnchanged(account=account, count=count) if count and not manner.dry_run:
            return f"{clean(account)}: {plural(count, 'folder')} unchanged on both sides"
        case FolderCreated():
            return about(event, manner) + created(event, manner)
        case FolderFinished(done=done) if changes(done) and not manner.dry_run:
            return about_account(event, manner) + folder_line(event.folder, done, arrows=manner.arrows)
        case MessagesPutBack(count=count):
            return f"{about(event, manner)}put back {plural(count, 'message')} that had been removed from the Maildir"
    return None


def came_back(event: MessageCameBack, manner: Manner) -> str:
    """Tell of a message that was deleted on one side and changed on the other."""
    remote = event.deleted_on == "remote"
    sides = ("on the server", "in the Maildir") if remote else ("in the Maildir", "on the server")
    told = f"message {clean(event.key)} was deleted {sides[0]} but changed {sides[1]} since: it came back"
    return about(event, manner) + told


def too_many_came_back(event: MessageCameBack, manner: Manner) -> str:
    """Tell that an account's further messages that came back are counted and not told one by one."""
    return f"{about_account(event, manner)}more messages came back since they were changed, and count as new"


def created(event: FolderCreated, manner: Manner) -> str:
    """Tell of a folder made on one side."""
    as_name = f" as {clean(event.name)}" if event.name and event.name != event.folder else ""
    return made_on(event.side, manner) + as_name


def made_on(side: str, manner: Manner) -> str:
    """Tell on which side something is made."""
    return f"{'would be created' if manner.dry_run else 'created'} {WHERE[side]}"


def named(names: Sequence[str]) -> str:
    """List names up to `NAMED`; the others are counted."""
    more = f" and {number(len(names) - NAMED)} more" if len(names) > NAMED else ""
    return ", ".join(map(clean, names[:NAMED])) + more


MATCHED_ANEW = (
    "what was agreed on does not count any more (another mailbox, or another or copied folder on disk): messages are "
    "matched by their contents and none is deleted; what was deleted on one side since the last sync comes back"
)


def trouble(event: Event, manner: Manner) -> tuple[str, ...]:
    """Tell a failure or a warning, with what to do; empty for any other event."""
    match event:
        case FolderMatchedAnew():
            return (f"{about(event, manner)}{MATCHED_ANEW}",)
        case MessageFailed(what=what, reason=reason):
            return (f"{about(event, manner)}{clean(what)}: {clean(reason)}",)
        case FolderFailed(reason=reason):
            return (f"{about(event, manner)}could not be synced: {clean(reason)}",)
        case AccountFailed(account=account, reason=reason, exit_code=code):
            first, *more = reason.splitlines() or [""]
            if len(more) >= DETAILS:
                more[DETAILS - 1 :] = [f"and {number(len(more) - DETAILS + 1)} more"]
            more += filter(None, [ADVICE.get(code, "").format(account=account)])
            return (f"{clean(account)}: not synced: {clean(first)}", *(f"  {clean(line)}" for line in more))
        case Warned(text=text, account=account):
            return (f"{clean(account)}: {clean(text)}" if account else clean(text),)
    return ()


ADVICE: Mapping[int, str] = {
    2: "Nothing was changed.",
    4: "Check remotehost, remoteport, ssl and the network; `postboat check -a {account}` tries them by itself.",
    5: "Check remoteuser and the password; `postboat check -a {account}` tries them by itself.",
    7: "Wait for the other run to end, or use --wait.",
}
"""What to add to a failed account's reason, by exit code. Refused folder rules say themselves what to do: the cause
may as well be a directory that is no mail folder."""


def too_many_failures(event: MessageFailed, manner: Manner) -> str:
    """Tell that a folder's further failed messages are counted and not named."""
    return f"{about(event, manner)}more messages failed and are only counted"


def scanned(event: FolderScanned, manner: Manner) -> str:
    """Tell how far a long look has come, in a line of its own."""
    messages = f"{number(event.done)} of {plural(event.of, 'message')}" if event.of else plural(event.done, "message")
    return f"{about(event, manner)}looked at {messages} {WHERE.get(event.side, '')} so far"


def about_account(event: AccountEvent, manner: Manner) -> str:
    """Begin a sentence with the account it is about, where there are several."""
    return f"{clean(event.account)}: " if manner.many_accounts else ""


def about(event: FolderEvent, manner: Manner) -> str:
    """Begin a sentence with the folder it is about."""
    return f"{about_account(event, manner)}{clean(event.folder)}: "
