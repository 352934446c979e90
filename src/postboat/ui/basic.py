"""Plain lines as things happen: for logs, pipes, cron and terminals that can do no more. Never asks anything."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from postboat.events import AccountFinished, FolderLeftAlone, MessageFailed, PlanShown
from postboat.ui import words
from postboat.ui.out import Out
from postboat.ui.rows import left_alone
from postboat.ui.view import View, fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from postboat.events import Event


class Basic:
    """Says what happens on stdout, and what goes wrong on stderr."""

    def __init__(
        self,
        manner: words.Manner,
        *,
        out: Out | None = None,
        err: Out | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.out, self.err = out or Out(sys.stdout), err or Out(sys.stderr)
        self.manner = words.spoken_to(manner, arrows=self.out.unicode)
        self.clock = clock
        self.view = View()

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Tell every event until there are no more."""
        async for event in events:
            fold(self.view, event, self.clock())
            await self.err.lines(told_trouble(event, self.view, self.manner))
            await self.tell(told_news(event, self.view, self.manner))
        await self.tell(told_stopped(self.view, self.manner))

    async def tell(self, lines: Iterable[str]) -> None:
        """Write what goes as it should."""
        await self.out.lines(lines)


def told_news(event: Event, view: View, manner: words.Manner) -> tuple[str, ...]:
    """Lines about an event that went as it should."""
    match event:
        case PlanShown():
            return words.planned(event, manner)
        case AccountFinished():
            account = view.accounts[event.account]
            return (words.account_line(event, manner, account.would), *left_alone(account))
    line = words.news(event, manner)
    return (line,) if line else ()


def told_trouble(event: Event, view: View, manner: words.Manner) -> tuple[str, ...]:
    """Lines about what the user should see to; what there may be very much of is told up to a bound, then counted."""
    if isinstance(event, MessageFailed):
        folder = view.accounts[event.account].working.get(event.folder)
        failed = folder.messages_failed if folder else 1
        if failed > words.DETAILS:
            return (words.too_many_failures(event, manner),) if failed == words.DETAILS + 1 else ()
    if isinstance(event, FolderLeftAlone):
        alone = len(view.accounts[event.account].left_alone)
        if alone > words.DETAILS:
            return (words.too_many_left_alone(event, manner),) if alone == words.DETAILS + 1 else ()
    return words.trouble(event, manner)


def told_stopped(view: View, manner: words.Manner) -> tuple[str, ...]:
    """Lines about accounts that were still at work when the events ended."""
    unfinished = (account for account in view.accounts.values() if not account.over)
    return tuple(words.stopped_line(account.name, account.done, arrows=manner.arrows) for account in unfinished)
