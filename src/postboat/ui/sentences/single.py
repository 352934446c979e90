"""Sentences of a single run, and of each sync: how it went, what happened, what went wrong and what to do. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import (
    AccountConnected,
    AccountFailed,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderMatchedAnew,
    FoldersListed,
    FoldersUnchanged,
    MessageFailed,
    MessagesPutBack,
    Warned,
)
from postboat.ui import shell, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postboat.events import AccountFinished, Counts, Event, FolderScanned, MessageCameBack
    from postboat.ui.words import Manner


def folder_line(name: str, counts: Counts, *, arrows: bool = True) -> str:
    """Tell what a sync did in a folder."""
    return f"{words.clean(name)}: {words.changes(counts, arrows=arrows) or 'nothing new'}"


def account_line(finished: AccountFinished, manner: Manner, would: Counts, held_in: int = 0) -> str:
    """Tell how an account's sync ended, in one line.

    `would` is what a dry run found to do, and `held_in` in how many folders something is held; 0: in all there are.
    """
    name, took = words.clean(finished.account), words.seconds(finished.seconds)
    folders = words.plural(finished.folders, "folder")
    missing = lacks(folders=finished.failed_folders, messages=finished.done.failed, aside=finished.aside)
    failures = ", ".join((*missing, *_held(finished, held_in, manner)))
    if manner.dry_run:
        found = words.changes(would, arrows=manner.arrows) or "nothing new"
        state = f"dry run, nothing was changed: {folders}, {found}"
        return f"{name}: {state}{f', {failures}' if failures else ''} in {took}"
    told = words.changes(finished.done, arrows=manner.arrows) or "nothing new"
    state = "copied one way" if manner.one_way else "in step"
    if failures:
        return f"{name}: not {'all ' * manner.one_way}{state}: {failures}; {folders}, {told} in {took}"
    return f"{name}: {state}, {folders}, {told} in {took}"


def lacks(*, folders: int, messages: int, aside: int) -> Iterator[str]:
    """Tell what of an account is not in step: how many folders and messages failed, and how many were not tried."""
    if folders:
        yield f"{words.plural(folders, 'folder')} failed"
    if messages:
        yield f"{words.plural(messages, 'message')} failed"
    if aside:
        yield f"{words.plural(aside, 'message')} put aside"


def _held(finished: AccountFinished, held_in: int, manner: Manner) -> Iterator[str]:
    if finished.held:
        where = words.plural(held_in, "folder") if held_in else "all folders"
        many, one = f"{words.plural(finished.held, 'message')} in {where}", finished.held == 1
        yield f"would be held: {many}" if manner.dry_run else f"held: {many} wait{'s' if one else ''} for your word"


def stopped_line(account: str, done: Counts, *, arrows: bool = True) -> str:
    """Tell of an account whose sync was stopped before its end."""
    return f"{words.clean(account)}: stopped, {words.changes(done, arrows=arrows) or 'nothing finished yet'}"


def until_then(done: Counts, manner: Manner) -> tuple[str, ...]:
    """Tell what was done for an account before it failed, and that it need not be done again."""
    changes = words.changes(done, arrows=manner.arrows)
    return (f"  Done until then: {changes}; the next run goes on from there",) if changes else ()


# --- what goes on -------------------------------------------------------------------------------------------------


def news(event: Event, manner: Manner) -> str | None:
    """Tell an event that is going as it should; None when it is not worth a line."""
    match event:
        case AccountConnected(account=account, server=server, user=user):
            as_user = f" as {words.clean(user)}" if user else ""
            host, sides = words.clean(server), manner.sides.get(account)
            if sides is not None:
                host = f"{words.place(manner, account, event.side).name} ({host})"
            return f"{words.clean(account)}: connected to {host}{as_user}"
        case FoldersListed(account=account, pairs=pairs) if pairs and not manner.dry_run:
            return f"{words.clean(account)}: {words.plural(pairs, 'folder')} to compare"
        case FoldersUnchanged(account=account, count=count) if count and not manner.dry_run:
            return f"{words.clean(account)}: {words.plural(count, 'folder')} unchanged on both sides"
        case FolderCreated():
            return words.about(event, manner) + created(event, manner)
        case FolderFinished(done=done) if words.changes(done) and not manner.dry_run:
            return words.about_account(event, manner) + folder_line(event.folder, done, arrows=manner.arrows)
        case MessagesPutBack(count=count):
            messages = words.plural(count, "message")
            removed = f"removed from {words.place(manner, event.account, event.side).name}"
            return f"{words.about(event, manner)}put back {messages} that had been {removed}"
    return None


def came_back(event: MessageCameBack, manner: Manner) -> str:
    """Tell of a message that was deleted on one side and changed on the other."""
    deleted, changed = (
        words.place(manner, event.account, side).inside for side in (event.deleted_on, words.OTHER[event.deleted_on])
    )
    told = f"message {words.clean(event.key)} was deleted {deleted} but changed {changed} since: it came back"
    return words.about(event, manner) + told


def too_many_came_back(event: MessageCameBack, manner: Manner) -> str:
    """Tell that an account's further messages that came back are counted and not told one by one."""
    return f"{words.about_account(event, manner)}more messages came back since they were changed, and count as new"


def created(event: FolderCreated, manner: Manner) -> str:
    """Tell of a folder made on one side."""
    as_name = f" as {words.clean(event.name)}" if event.name and event.name != event.folder else ""
    return made_on(event.account, event.side, manner) + as_name


def made_on(account: str, side: str, manner: Manner) -> str:
    """Tell on which side of an account something is made."""
    return f"{'would be created' if manner.dry_run else 'created'} {words.place(manner, account, side).where}"


# --- what goes wrong ----------------------------------------------------------------------------------------------


def matched_anew(account: str, manner: Manner) -> str:
    """Tell what follows when what was agreed on in a folder does not count any more."""
    disk = {words.place(manner, account, side).is_disk for side in words.OTHER}
    causes = {False: "another mailbox", True: "another or copied folder on disk"}
    told = f"what was agreed on does not count any more ({', or '.join(causes[each] for each in sorted(disk))})"
    return (
        f"{told}: messages are matched by their contents and none is deleted; what was deleted on one side since the "
        "last sync comes back"
    )


def trouble(event: Event, manner: Manner) -> tuple[str, ...]:
    """Tell a failure or a warning, with what to do; empty for any other event."""
    match event:
        case FolderMatchedAnew():
            return (f"{words.about(event, manner)}{matched_anew(event.account, manner)}",)
        case MessageFailed(what=what, reason=reason):
            return (f"{words.about(event, manner)}{words.clean(what)}: {words.clean(reason)}",)
        case FolderFailed(reason=reason):
            return (f"{words.about(event, manner)}{not_synced(reason)}",)
        case AccountFailed(account=account, reason=reason, exit_code=code):
            first, *more = reason.splitlines() or [""]
            if len(more) >= words.DETAILS:
                more[words.DETAILS - 1 :] = [f"and {words.number(len(more) - words.DETAILS + 1)} more"]
            more += filter(None, [ADVICE.get(code, "").format(program=manner.program, account=shell.quoted(account))])
            told = f"{words.clean(account)}: not synced: {words.clean(first)}"
            return (told, *(f"  {words.clean(line)}" for line in more))
        case Warned(text=text, account=account):
            return (f"{words.clean(account)}: {words.clean(text)}" if account else words.clean(text),)
    return ()


def not_synced(reason: str) -> str:
    """Tell why a folder failed, after its name."""
    return f"could not be synced: {words.clean(reason)}"


ADVICE: Mapping[int, str] = {
    2: "Nothing was changed.",
    4: "Check remotehost, remoteport, ssl and the network; `{program} check -a {account}` tries them by itself.",
    5: "Check remoteuser and the password; `{program} check -a {account}` tries them by itself.",
    7: "Wait for the other run to end, or use --wait.",
}
"""What to add to a failed account's reason, by exit code. Refused folder rules say themselves what to do: the cause
may as well be a directory that is no mail folder."""


def too_many_failures(event: MessageFailed, manner: Manner) -> str:
    """Tell that a folder's further failed messages are counted and not named."""
    return f"{words.about(event, manner)}more messages failed and are only counted"


def scanned(event: FolderScanned, manner: Manner) -> str:
    """Tell how far a long look has come, in a line of its own."""
    many = words.plural(event.of or event.done, "message")
    messages = f"{words.number(event.done)} of {many}" if event.of else many
    where = words.place(manner, event.account, event.side).where
    return f"{words.about(event, manner)}looked at {messages} {where} so far"
