"""Bodies of messages are kept before a server is told to remove them.

What is gone already needs no keeping, and what cannot be kept is not removed.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from postboat.bounded import bounded
from postboat.errors import FolderError, MessageError
from postboat.imap.patience import Throttled
from postboat.imap.reading import learn_sizes, read_messages
from postboat.imap.wire.uid_set import UidSet
from postboat.model import Content, Refused, Unreadable
from postboat.tasks import each

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from postboat.imap.opening import Opening

BATCH_OCTETS = 2 << 20
"""A batch closes when its messages add up to this; a large one is a batch of its own and never held whole."""
BATCH_MESSAGES = 250
BATCHES = 2
"""Batches under way at once: one is fetched while one is made durable."""
UNREAD = "it could not be read to be kept first, and is not deleted"


class Shelf(Protocol):
    """Where one folder's messages are kept. `service.shores.server_shelf` has one that lies in the quarantine."""

    async def held(self, names: Collection[str]) -> Collection[str]:
        """Those of `names` that are kept already, for as long from now on as what would be put there now.

        Raises `FolderError` when that cannot be found out.
        """
        ...

    async def keep(self, messages: Sequence[tuple[str, Content]]) -> None:
        """Keep messages, each under a name that no other one bears; they are durable when it returns.

        Raises `FolderError` when nothing can be kept there, and `MessageError` when a stream fails.
        """
        ...


class Shelving:
    """Messages of one folder, whose `validity` is its own alone, on their way to a shelf.

    `sizes` are those known before, in octets; those asked for are put in.
    """

    def __init__(self, opening: Opening, shelf: Shelf, validity: str, sizes: dict[int, int]) -> None:
        self._opening, self._shelf, self._sizes = opening, shelf, sizes
        self._folder = hashlib.sha256(validity.encode()).hexdigest()[:16]
        self._refused: dict[int, Refused] = {}
        self._full: FolderError | None = None
        """Why the shelf takes nothing more."""

    async def keep(self, uids: Sequence[int]) -> dict[int, Refused]:
        """Keep messages that are there; returns those that could not be kept.

        Nothing is kept a second time that an interrupted run has kept. Raises what ends the work on the folder.
        """
        await learn_sizes(self._opening, self._sizes, UidSet.of(uid for uid in uids if uid not in self._sizes))
        try:
            held = set(await self._shelf.held([self._name(uid) for uid in uids]))
        except FolderError as failure:
            self._refuse(uids, str(failure))
            return self._refused
        batches = self._batches([uid for uid in uids if self._name(uid) not in held])
        await each(batches, self._keep_or_refuse, width=BATCHES)
        return self._refused

    def _name(self, uid: int) -> str:
        """The same in every run. The size is in it for servers that give out a UID twice under one UIDVALIDITY."""
        return f"U{uid}S{self._sizes.get(uid, 0)}.{self._folder}"

    def _batches(self, uids: Sequence[int]) -> Iterator[list[int]]:
        return bounded(uids, lambda uid: self._sizes.get(uid, 0), weight=BATCH_OCTETS, count=BATCH_MESSAGES)

    async def _keep_or_refuse(self, batch: Sequence[int]) -> None:
        if self._full is None:
            await self._keep(batch)
        else:
            self._refuse(batch, str(self._full))

    async def _keep(self, batch: Sequence[int]) -> None:
        waiting = set(batch)
        small: list[Content] = []
        async with aclosing(read_messages(self._opening, self._sizes, batch)) as items:
            async for item in items:
                waiting.discard(int(item.key))
                if isinstance(item, Unreadable):
                    self._refuse([int(item.key)], f"{UNREAD}: {item.reason}")
                elif isinstance(item, Content) and item.data is not None:
                    small.append(item)
                elif isinstance(item, Content):
                    await self._put([item])
        self._refuse(waiting, UNREAD)
        await self._put(small)

    async def _put(self, contents: Sequence[Content]) -> None:
        uids = [int(content.key) for content in contents]
        try:
            await self._shelf.keep([(self._name(uid), content) for uid, content in zip(uids, contents, strict=True)])
        except Throttled:
            raise
        except FolderError as failure:
            self._full = failure
            self._refuse(uids, str(failure))
        except MessageError as failure:
            self._refuse(uids, f"{UNREAD}: {failure}")

    def _refuse(self, uids: Iterable[int], reason: str) -> None:
        self._refused |= {uid: Refused(str(uid), reason, passing=True) for uid in uids}
