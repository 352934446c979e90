"""A run that goes on as a face sees it that is attached to its control socket, and stays when that run is restarted."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from postboat.cli.client import Ended, NotRunning, Refused, Service
from postboat.ui.link import Answered, Happened, Lost, Snapshot
from postboat.ui.links.inbox import Inbox
from postboat.ui.links.ndjson import as_request, told

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path
    from typing import Any

    from postboat.ui.link import Line
    from postboat.ui.words import Manner

RETRY = 1.0
"""Seconds between attempts to find a run."""
TICK = 1.0
"""Seconds after which it is looked whether anybody is still interested."""
ANSWER_SECONDS = 60.0
"""What a request may take: deletions are decided by account, and each waits for its sync."""


class Attached:
    """`ui.link.Link` to the run that serves the socket `path`, now or later; with `accounts`, only to those of it."""

    goes_on, owned, replay = True, False, False

    def __init__(self, path: Path, manner: Manner, accounts: Collection[str] = ()) -> None:
        self._path, self.manner, self._accounts = path, manner, accounts
        self._inbox = Inbox()
        self._over = threading.Event()
        self._numbers = 0
        self._missed = 0
        self._reason = ""
        threading.Thread(target=self._follow_for_ever, name="link", daemon=True).start()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def fileno(self) -> int:
        """A descriptor that is readable when `take` has something to give."""
        return self._inbox.fileno()

    def take(self) -> list[Line]:
        """All that came since the last time."""
        return self._inbox.take()

    def ask(self, do: str, **facts: object) -> int:
        """Ask for something over a connection of its own; an `Answered` with the number that is returned will come."""
        self._numbers += 1
        asking = threading.Thread(
            target=self._ask, args=(self._numbers, as_request(do, facts)), name="request", daemon=True
        )
        asking.start()
        return self._numbers

    def answer(self, number: int, text: str | None) -> None:
        """Do nothing: a run that goes on by itself asks nobody."""

    def close(self) -> None:
        """Let go of the run, which does not notice."""
        self._over.set()
        self._inbox.close()

    def _ask(self, number: int, request: Mapping[str, Any]) -> None:
        try:
            with Service(self._path) as service:
                service.ask(seconds=ANSWER_SECONDS, **request)
            refusal = ""
        except (NotRunning, Refused, Ended) as error:
            refusal = str(error)
        self._inbox.add(Answered(number, refusal))

    def _follow_for_ever(self) -> None:
        while not self._over.is_set():
            try:
                with Service(self._path) as service:
                    self._follow(service)
            except (NotRunning, Refused, Ended) as error:
                self._lose(str(error))
            self._over.wait(RETRY)

    def _follow(self, service: Service) -> None:
        """Tell what the run does, until it ends or nobody is interested. Raises as `Service`."""
        before = self._missed
        answer = service.ask("follow", lights=True)
        news = [answer]
        while not self._over.is_set():
            for facts in news:
                line = told(facts)
                if isinstance(line, Snapshot):
                    self._reason = ""
                    self._missed = before + line.dropped
                    if self._accounts:
                        line.status.keep_only(self._accounts)
                    line = Snapshot(line.status, self._missed)
                elif facts is answer:
                    raise Ended("the run that goes on does not speak as it should: is it another version?")
                if line is not None and self._is_wanted(line) and not self._inbox.put(line):
                    return
            news = service.news(TICK)

    def _is_wanted(self, line: Line) -> bool:
        name = getattr(line.event, "account", "") if isinstance(line, Happened) else ""
        return not (name and self._accounts) or name in self._accounts

    def _lose(self, reason: str) -> None:
        """Say that there is nothing to be heard, once for each reason."""
        if reason != self._reason:
            self._reason = reason
            self._inbox.add(Lost(reason))
