"""The run as a face sees it that the run's own process has started: over the socket between the two."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from postboat.ui.link import Answered, Over
from postboat.ui.links.inbox import Inbox
from postboat.ui.links.ndjson import as_request, from_parent
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postboat.ui.link import Line

BUSY = "the run is too busy to answer"
"""Said when it did not read what was asked of it before."""


class ParentLink:
    """`ui.link.Link` to the parent of this process. Waits, when made, for the parent's first words.

    Raises OSError when the parent is gone by then.
    """

    owned, replay = True, False

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._inbox = Inbox()
        self._numbers = 0
        self._ready = False
        lines = _objects(line)
        hello = next((each["hello"] for each in lines if "hello" in each), None)
        if hello is None:
            raise ConnectionResetError
        self.goes_on = bool(hello["goes_on"])
        self.manner = Manner(**hello["manner"])
        threading.Thread(target=self._read, args=(lines,), name="link", daemon=True).start()

    def now(self) -> float:
        """Seconds since the epoch."""
        import time

        return time.time()

    def fileno(self) -> int:
        """A descriptor that is readable when `take` has something to give; who waits for it is ready to draw."""
        self.ready()
        return self._inbox.fileno()

    def take(self) -> list[Line]:
        """All that came since the last time."""
        self.ready()
        return self._inbox.take()

    def ready(self) -> None:
        """Tell the parent that the face can draw, and is about to."""
        if not self._ready:
            self._ready = True
            self.tell(ready=True)

    def ask(self, do: str, **facts: object) -> int:
        """Ask for something; an `Answered` with the number that is returned will come."""
        self._numbers += 1
        if not self.tell(ask=self._numbers, **as_request(do, facts)):
            self._inbox.add(Answered(self._numbers, BUSY))
        return self._numbers

    def answer(self, number: int, text: str | None) -> None:
        """Answer a question; None: the user does not want to."""
        self.tell(answer=number, text=text)

    def close(self) -> None:
        """Take nothing more. The parent takes the end of this process, and nothing before, for the end of the face."""
        self._inbox.close()

    def leave(self) -> None:
        """Let the face have an `Over` as if the run were at its end."""
        self._inbox.add(Over())

    def tell(self, **facts: object) -> bool:
        """Send a line without waiting; False when the parent does not read, or is gone."""
        data = json.dumps(facts).encode() + b"\n"
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT) == len(data)
        except OSError:
            return False

    def _read(self, lines: Iterator[Mapping[str, Any]]) -> None:
        for facts in lines:
            line = from_parent(facts)
            if line is not None and not self._inbox.put(line):
                return
        self._inbox.add(Over())


def _objects(line: socket.socket) -> Iterator[Mapping[str, Any]]:
    """JSON objects that come over a socket, until its end."""
    with suppress(OSError), line.makefile("rb") as stream:
        for text in stream:
            with suppress(ValueError, RecursionError):
                facts = json.loads(text)
                if isinstance(facts, dict):
                    yield facts
