"""Takes what one server tells by itself to the account's agenda."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from postboat.events import ServerWatched
from postboat.imap.watch import ServerWatch
from postboat.imap.wire import utf7

if TYPE_CHECKING:
    from collections.abc import Collection

    from postboat.events import Publish
    from postboat.model import Side
    from postboat.service.shores.server import ServerShore

AGAIN = 300.0
"""Seconds for which a mailbox that could not be watched is left alone: most that are refused stay so."""


class Hearer(Protocol):
    """Whoever acts on it."""

    def heard(self, side: Side, mailboxes: frozenset[str]) -> None:
        """Something happened in these mailboxes of a side's server, by their wire names."""
        ...

    def gap(self) -> None:
        """Something may have happened anywhere."""
        ...

    def lost(self, failure: Exception) -> None:
        """The watch of a server ended by itself after it stood."""
        ...


class ServerWatching:
    """The watch of one server (`imap.watch.Listener`). It ends with its connection; `stand` begins it anew.

    `keepalive` is in seconds.
    """

    def __init__(self, shore: ServerShore, account: str, tell: Publish, hearer: Hearer, *, keepalive: float) -> None:
        self._shore, self._side, self._pool = shore, shore.side, shore.pool
        self._account, self._tell, self._hearer = account, tell, hearer
        utf8 = shore.config.rules.utf8foldernames
        self._names = [_wire(name, utf8=utf8) for name in shore.config.idlefolders]
        self._watch = ServerWatch(shore.pool, self._names, self, keepalive=keepalive)
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        """Watches that were told to end."""
        self._stands = asyncio.Event()
        self._told: ServerWatched | None = None
        self._began = 0.0
        self._existing: frozenset[str] = frozenset()
        """Mailboxes that were known to exist when the watch was last to stand."""

    async def stand(self, existing: Collection[str] = ()) -> None:
        """Return when the server tells, from now on, what it can tell of mailboxes, some of which are known to exist.

        Raises what connecting does: `AccountError`, `ConnectionLost`. A watch that is ended meanwhile, since the
        machine woke or is on another network, is begun anew. So is one that leaves out a mailbox, which may have been
        made or have become usable since.
        """
        if self._leaves_out_any(existing):
            self.cancel()
        self._existing = frozenset(existing)
        while not await self._is_begun():
            pass

    def _leaves_out_any(self, existing: Collection[str]) -> bool:
        if self._told is None or self._told.how == "notify":
            return False
        was_refused = asyncio.get_running_loop().time() - self._began < AGAIN
        wanted = frozenset(self._names[: max(1, self._pool.size - 1)]).difference(self._told.folders)
        return not wanted.isdisjoint(frozenset(existing) - self._existing if was_refused else existing)

    async def _is_begun(self) -> bool:
        """Begin the watch if it is over, and wait until it stands; False when `cancel` ended it meanwhile."""
        if self._task is None or self._task.done():
            await asyncio.gather(*self._ending, return_exceptions=True)
            self._stands.clear()
            self._began = asyncio.get_running_loop().time()
            self._task = asyncio.create_task(
                self._run(), name=f"watch of the {self._side.value} server of {self._account}"
            )
            self._task.add_done_callback(self._done)
        task, standing = self._task, asyncio.create_task(self._stands.wait())
        try:
            await asyncio.wait({standing, task}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            standing.cancel()
        if task is not self._task:
            return False
        if not self._stands.is_set():
            task.result()
        return True

    async def _run(self) -> None:
        with self._shore.named():
            await self._watch.run()

    @property
    def hears_all(self) -> bool:
        """Whether the server tells of all folders."""
        return self._told is not None and self._told.how == "notify"

    def cancel(self) -> None:
        """End the watch; nobody is told."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def stop(self) -> None:
        """End the watch and wait until it is over."""
        self.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or task is not self._task:
            return
        failure = task.exception()
        if failure is not None and self._stands.is_set():  # else `stand` raises it
            self._stands.clear()
            self._hearer.lost(failure if isinstance(failure, Exception) else RuntimeError(str(failure)))

    # What the watch tells

    def armed(self, how: str, folders: tuple[str, ...]) -> None:
        """Take that the server tells all from now on; what happened since it told last is looked for."""
        told = ServerWatched(self._account, how, folders, self._side.value)
        if told != self._told:
            self._told = told
            self._tell(told)
        if self._stands.is_set():
            self._hearer.gap()
        self._stands.set()

    def changed(self, mailboxes: frozenset[str]) -> None:
        """Take where something happened."""
        self._hearer.heard(self._side, mailboxes)

    def restructured(self) -> None:
        """Take that mailboxes came and went."""
        self._hearer.gap()

    def lost(self) -> None:
        """Take that nothing is told until the watch is armed again."""


def _wire(name: str, *, utf8: bool) -> str:
    """The wire name of a folder that is written as the server shows it."""
    if name.upper() == "INBOX":
        return "INBOX"
    return utf7.encode(name) if utf8 else name
