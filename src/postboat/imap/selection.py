"""A SELECT on its way: what is asked behind it goes out in the same flight, and counts only if it succeeds."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, ConnectionLost
from postboat.imap.refusals import require_ok

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from postboat.errors import FolderError
    from postboat.imap.selected import Selected, Selecting
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition, Response

    Explain = Callable[[str, CommandFailed], Awaitable[FolderError]]
    """Says what a refused SELECT of a mailbox means."""


class Selection:
    """A SELECT or EXAMINE that was sent; those who ask behind it learn from it whether their answers count."""

    def __init__(
        self,
        selecting: Selecting,
        command: Command,
        answer: asyncio.Future[Condition],
        explain: Explain,
        is_alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self._command, self._answer, self._explain, self._is_alive = command, answer, explain, is_alive
        self.selecting = selecting

    def is_of(self, name: str, *, read_only: bool) -> bool:
        """Whether it opened this mailbox in this way."""
        return (self.selecting.name, self.selecting.read_only) == (name, read_only)

    @property
    def stands(self) -> bool:
        """Whether the server opened the mailbox, or has not answered yet."""
        return not self._answer.done() or self.known is not None

    @property
    def known(self) -> Selected | None:
        """The mailbox, once the server opened it."""
        if not self._answer.done() or self._answer.cancelled() or self._answer.exception() is not None:
            return None
        condition = self._answer.result()
        return self.selecting.finish(condition) if condition.status == "OK" else None

    @contextmanager
    def heard_by(self, hear: Callable[[Response], None]) -> Iterator[None]:
        """Give `hear` all that the server says behind the selection, whichever question it answers.

        Servers mix the answers to several questions about one mailbox, so that data belongs to its UID and never to
        the question that seems to be answered. It counts only if `mailbox` says that the mailbox was opened.
        """
        self.selecting.hearers.append(hear)
        try:
            yield
        finally:
            self.selecting.hearers.remove(hear)

    async def mailbox(self) -> Selected:
        """Wait for the answer.

        Raises `FolderGone` when there is no such mailbox, `FolderError` when the server does not open it, and
        `ConnectionLost` when it says too little of it and was given up at once: that proves nothing of the mailbox.
        """
        condition = await asyncio.shield(self._answer)
        try:
            require_ok(self._command, condition)
        except CommandFailed as failure:
            raise await self._explain(self.selecting.name, failure) from failure
        selected = self.selecting.finish(condition)
        if not (selected.uidvalidity or self._is_alive()):
            raise ConnectionLost("the connection broke behind the answer to SELECT")
        return selected
