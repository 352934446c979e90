"""In which lines an event is told after all that was told before: the same in every face that writes lines. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import (
    AccountFailed,
    AccountFinished,
    FolderFailed,
    FolderMatchedAnew,
    MessageCameBack,
    MessageFailed,
    MessagesAside,
    Mirrored,
    PlanDecided,
    PlanHeld,
    PlanShown,
)
from postboat.ui import words
from postboat.ui.sentences import single, waiting
from postboat.ui.sentences.summary import account_rows

if TYPE_CHECKING:
    from postboat.events import Event
    from postboat.ui.view import View


def told_news(event: Event, view: View, manner: words.Manner) -> tuple[str, ...]:
    """Lines about an event that went as it should."""
    manner = words.knowing(manner, view.sides)
    if view.lasting:
        from postboat.ui.sentences import lasting  # only runs that go on pay for it

        manner = lasting.spoken_of(view, manner)
        if (lines := lasting.told(event, view, manner)) is not None:
            return lines
    match event:
        case PlanShown():
            from postboat.ui.sentences import dry_run  # only dry runs pay for it

            return dry_run.planned(event, manner)
        case MessageCameBack():
            lines, nth = (single.came_back(event, manner),), view.accounts[event.account].came_back
            return _bounded(nth, lines, single.too_many_came_back(event, manner))
        case PlanDecided():
            lines = (waiting.decided(event, manner),)
            return _bounded(view.accounts[event.account].decided, lines, waiting.too_many_decided(event, manner))
        case Mirrored() if not event.fails:
            return _verdict(event, manner)
        case AccountFinished():
            return tuple(account_rows(event, view.accounts[event.account], manner))
    line = single.news(event, manner)
    return (line,) if line else ()


def told_trouble(event: Event, view: View, manner: words.Manner) -> tuple[str, ...]:
    """Lines about what the user should see to; what there may be very much of is told up to a bound, then counted."""
    manner = words.knowing(manner, view.sides)
    if view.lasting:
        from postboat.ui.sentences import lasting

        manner = lasting.spoken_of(view, manner)
        if view.heard == "again":
            return ()
        if lines := lasting.trouble(event, manner):
            return lines
    match event:
        case FolderMatchedAnew() if event.folder in view.accounts[event.account].made:
            return ()  # it was lost and is new: nothing in it can be taken for something else
        case MessageFailed():
            folder = view.accounts[event.account].working.get(event.folder)
            nth, more = folder.messages_failed if folder else 1, single.too_many_failures(event, manner)
        case PlanHeld():
            nth, more = len(view.accounts[event.account].held), waiting.too_many_held(event, manner)
            return _bounded(nth, waiting.held(event, manner, nth), more)
        case Mirrored() if event.fails:
            return _verdict(event, manner)
        case AccountFailed() if not view.lasting:
            return (*single.trouble(event, manner), *single.until_then(view.accounts[event.account].done, manner))
        case AccountFinished() if view.lasting and not view.accounts[event.account].held_anew:
            return ()
        case AccountFinished():
            return waiting.all_held(view.accounts[event.account], manner)
        case FolderFailed() if view.lasting:
            nth, more = view.accounts[event.account].folders_failed, lasting.too_many_failed(event, manner)
        case MessagesAside():
            nth, more = view.accounts[event.account].aside, waiting.too_many_aside(event, manner)
            return _bounded(nth, (waiting.aside(event, manner),), more)
        case _:
            nth, more = 1, ""
    return _bounded(nth, single.trouble(event, manner), more)


def _verdict(event: Mirrored, manner: words.Manner) -> tuple[str, ...]:
    from postboat.ui.sentences import mirror  # only runs one way pay for it

    return mirror.verdict(event, manner)


def _bounded(nth: int, lines: tuple[str, ...], more: str) -> tuple[str, ...]:
    """Tell the `nth` thing of its kind by its lines up to a bound, then once that there are more, then nothing."""
    if nth <= words.DETAILS:
        return lines
    return (more,) if nth == words.DETAILS + 1 else ()


def told_stopped(view: View, manner: words.Manner) -> tuple[str, ...]:
    """Lines about accounts that were still at work when the events ended, or about all in a run that went on."""
    if view.lasting:
        from postboat.ui.sentences import lasting

        return tuple(line for account in view.accounts.values() if (line := lasting.farewell(account, manner)))
    unfinished = (account for account in view.accounts.values() if not account.over)
    return tuple(single.stopped_line(account.name, account.done, arrows=manner.arrows) for account in unfinished)
