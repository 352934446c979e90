"""A mailbox whose UIDs mean nothing tomorrow: its server tells no UIDVALIDITY, or says that UIDs do not last.

Its messages are known by what they are: the key of one is made of its header and size, and of its number among equal
copies. So they are read, each once, and that is all: nothing is written to such a mailbox, and what it does not show
any more counts as kept back. Every look and every reading finds the UIDs of the moment, which hold while the mailbox
stays selected. That takes the headers of all messages each time, and no more can be had from such servers.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from postboat.imap.bodies import Bodies
from postboat.imap.headers import header_of
from postboat.imap.large import LARGE, read_large
from postboat.imap.looks.listing import ANY_FLAG
from postboat.imap.patience import patiently
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.likeness import fingerprint
from postboat.model import Changes, Gone, Message
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping, Sequence

    from postboat.imap.looks.look import Agreed
    from postboat.imap.opening import Opening
    from postboat.imap.patience import Patience
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Fetched
    from postboat.model import Content, Fingerprint, Flags, Key, Unreadable

VALIDITY = "by content"
"""Stands for the UIDVALIDITY: keys made of contents hold as long as there are any."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message under the UID of the moment."""

    uid: int
    flags: Flags
    fingerprint: Fingerprint


class UnstableMailbox:
    """What can be done with such a mailbox: to look at it and to read it."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    @property
    def patience(self) -> Patience:
        """The pauses that the account keeps."""
        return self._opening.patience

    async def changes(self, agreed: Agreed) -> Changes:
        """What is new, and flags that differ. Nothing is ever said to have vanished."""
        async with self._opening.opened_without_promise() as session:
            found = await _listed(session)
        known = await agreed.flags()
        return Changes(
            {key: Message(key, one.flags, one.fingerprint.size) for key, one in found.items() if key not in known},
            {key: found[key].flags for key, flags in known.items() if key in found and found[key].flags != flags},
            holds=ANY_FLAG,
            complete=False,
            readonly=True,
        )

    async def fingerprints(self, keys: Collection[Key]) -> Mapping[Key, Fingerprint]:
        """Fingerprints of messages that are there."""
        async with self._opening.opened_without_promise() as session:
            found = await _listed(session)
        return {key: found[key].fingerprint for key in keys if key in found}

    async def headers(self, keys: Collection[Key]) -> Mapping[Key, bytes]:
        """Headers of messages that are there."""
        headers: dict[int, bytes] = {}

        def keep(message: Fetched) -> None:
            if message.uid is not None and message.header is not None:
                headers[message.uid] = header_of(message.header)

        async with self._opening.opened_without_promise() as session:
            found = await _listed(session)
            wanted = UidSet.of(found[key].uid for key in keys if key in found)
            await session.fetch(wanted, "UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]", keep)
        return {key: headers[found[key].uid] for key in keys if key in found and found[key].uid in headers}

    async def read(self, keys: Sequence[Key]) -> AsyncGenerator[Content | Gone | Unreadable, None]:
        """Yield every message once, small ones before those that come as a stream."""
        items, large = await self._read_small(keys)
        for item in items:
            yield item
        for key in large:
            async with self._opening.opened_without_promise() as session:
                if (one := (await _listed(session)).get(key)) is None:
                    yield Gone(key)
                    continue
                async with aclosing(read_large(session, one.uid, ANY_FLAG)) as stream:
                    async for item in stream:
                        yield replace(item, key=key)

    @patiently
    async def _read_small(self, keys: Sequence[Key]) -> tuple[list[Content | Gone | Unreadable], list[Key]]:
        """What became of small messages and of those that are gone, and the keys of large ones."""
        async with self._opening.opened_without_promise() as session:
            found = await _listed(session)
            sizes = {found[key].uid: found[key].fingerprint.size or 0 for key in keys if key in found}
            small = {found[key].uid: key for key in keys if key in found and sizes[found[key].uid] <= LARGE}
            bodies = Bodies(ANY_FLAG, sizes)
            await bodies.fetch(session, UidSet.of(small))
            await bodies.finish(session, UidSet.of(small))
        items = [replace(item, key=small[int(item.key)]) for item in bodies.of(small)]
        large = [key for key in keys if key in found and found[key].uid not in small]
        return [*items, *(Gone(key) for key in keys if key not in found)], large


async def _listed(session: Session) -> dict[Key, Found]:
    """All messages of the selected mailbox, equal ones in the order of their UIDs."""
    by_uid: dict[int, Found] = {}

    def take(message: Fetched) -> None:
        if message.uid is not None and message.header is not None:
            flags = ANY_FLAG.mask(message.flags or frozenset())
            by_uid[message.uid] = Found(message.uid, flags, fingerprint(message.header, message.size))

    await session.fetch(f"1:{MAX_UID}", "UID FLAGS RFC822.SIZE BODY.PEEK[HEADER]", take)
    found: dict[Key, Found] = {}
    copies: dict[str, int] = {}
    for uid in sorted(by_uid):
        print_ = by_uid[uid].fingerprint
        name = sha256(print_.header + str(print_.size).encode()).hexdigest()[:32]
        copies[name] = number = copies.get(name, 0) + 1
        found[f"{name}.{number}"] = by_uid[uid]
    return found
