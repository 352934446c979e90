"""All that watches an account's two sides, and its connections while nothing is done with them.

One server that is down keeps the account waiting, but not the other server's watch from standing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from postboat.service.staying import disk_watching, server_watching
from postboat.service.staying.disk_watching import DiskWatching
from postboat.service.staying.server_watching import ServerWatching
from postboat.tasks import each

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Mapping

    from postboat.events import Publish
    from postboat.maildir.touched import Touched
    from postboat.model import FolderName, Side
    from postboat.service.assemble import AccountParts
    from postboat.service.shores.server import ServerShore
    from postboat.service.staying.pace import Pace
    from postboat.service.tree import Tree


class Hearer(server_watching.Hearer, disk_watching.Hearer, Protocol):
    """Whoever acts on what is told, by servers and by the disk."""


class Watches:
    """Those of one account: of its servers whose connections are kept, and of its Maildirs."""

    def __init__(self, parts: AccountParts, tell: Publish, hearer: Hearer, pace: Pace) -> None:
        self._pace, self._all = pace, parts.servers
        self._is_kept = parts.config.autorefresh is not None
        self._held = {side: shore for side, shore in parts.servers.items() if self._holds(shore)}
        self._servers = {
            side: ServerWatching(shore, parts.name, tell, hearer, keepalive=self._keepalive(shore))
            for side, shore in self._held.items()
        }
        self._disks = {
            side: DiskWatching(shore, parts.name, tell, hearer, poll_every=pace.poll_disk)
            for side, shore in parts.maildirs.items()
        }

    def _holds(self, shore: ServerShore) -> bool:
        return self._is_kept and shore.config.holdconnectionopen

    def _keepalive(self, shore: ServerShore) -> float:
        return shore.config.keepalive or self._pace.keepalive

    def works(self) -> Mapping[str, Coroutine[None, None, None]]:
        """What is to run as long as the account is kept, by what it is; never ends by itself."""
        works = {f"disk watch ({side.value})": disk.run() for side, disk in self._disks.items() if self._is_kept}
        for side, shore in self._held.items():
            works[f"keepalive ({side.value})"] = shore.pool.keep_alive(self._keepalive(shore))
        return works

    # Around a sync

    def renew(self) -> None:
        """Begin a new cycle: see `Pool.renew`."""
        for shore in self._all.values():
            shore.pool.renew()

    async def stand(self, tree: Tree | None) -> None:
        """Return when every server tells what it can tell; `tree` is the last one seen. Raises what connecting does."""

        async def one(side: Side) -> None:
            existing = () if tree is None else [folder.wire for folder in tree.lists[side].folders]
            await self._servers[side].stand(existing)

        await each(list(self._servers), one, width=len(self._servers))

    async def follow(self, tree: Tree, *, made: bool = False) -> None:
        """Watch the Maildirs of a tree that was listed, later also those that were `made` since."""
        for side, disk in self._disks.items():
            tasks = tree.plan.tasks
            if not made:
                await disk.follow([task.on(side) for task in tasks if task.create is not side])
            elif any(task.create is side for task in tasks):
                await disk.follow([task.on(side) for task in tasks])

    def untouched(self, side: Side, folder: FolderName) -> Touched | None:
        """What to look at in a Maildir of which nothing was told; None when that is all of it."""
        return self._disks[side].untouched(folder)

    @property
    def deaf(self) -> frozenset[Side]:
        """The servers that do not tell of all their folders."""
        return frozenset(side for side in self._all if side not in self._servers or not self._servers[side].hears_all)

    async def rest(self) -> None:
        """Leave the servers whose connections are not kept."""
        await self._release([shore for side, shore in self._all.items() if side not in self._held])

    # What happens to the machine

    async def stop(self) -> None:
        """Watch no server and leave all of them, for a while."""
        await self._stop_watching()
        await self._release(self._all.values())

    def anew(self, why: str) -> None:
        """Take all connections for lost."""
        for side in self._all:
            self._cut(side, why)

    def lose(self, addresses: Collection[str], why: str) -> bool:
        """Take for lost the connections of servers that are talked to from one of these addresses of this machine."""
        lost = [side for side, shore in self._all.items() if shore.pool.has_any_from(addresses)]
        for side in lost:
            self._cut(side, why)
        return bool(lost)

    def _cut(self, side: Side, why: str) -> None:
        if side in self._servers:
            self._servers[side].cancel()
        self._all[side].pool.cut(why)

    async def probe(self) -> None:
        """Find out which connections live."""
        await asyncio.gather(*(shore.pool.probe() for shore in self._all.values()))

    async def _stop_watching(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers.values()))

    async def _release(self, shores: Collection[ServerShore]) -> None:
        await asyncio.gather(*(shore.pool.release() for shore in shores))

    async def close(self) -> None:
        """Watch nothing any more."""
        await self._stop_watching()
