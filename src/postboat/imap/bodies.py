"""Small messages on their way from the server: what came is looked at, and what did not come is asked for.

That a command ended in OK does not mean that all it asked for was sent, so every message is accounted for: it came,
it is gone, or it is there and cannot be read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed
from postboat.imap.headers import is_notice
from postboat.imap.unsearchable import knows_no_search, listed
from postboat.imap.wire.framer import ProtocolViolation
from postboat.imap.wire.uid_set import UidSet
from postboat.model import Content, Gone, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from postboat.imap.opening import Told
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Fetched
    from postboat.model import FlagsHeld

WHOLE = "UID FLAGS INTERNALDATE BODY.PEEK[]"
"""What is asked for of a small message."""

NOT_SENT = "the server lists it but does not send it"
EMPTY = "the server sends it empty though it is not"
NOTICE = "the server sends a notice in its place"
DISPUTED = "the server sends different messages in its place"

SEVERAL = 4
"""How many times the stated size may come: servers count wrongly, and an answer may be sent a second time."""
FLOOR = 16 << 20
"""Octets that may come in any case."""
UNSTATED = 1 << 20
"""Octets that a message is expected to have when the server does not say."""
TELLS_EVERY = 256
"""Messages that come from one telling how many did to the next."""


class Arrivals:
    """What comes of messages that were asked for: one body for each, however often the server sends it.

    The first is the one that is kept: an equal one says nothing new and is dropped at once, so that no more is held
    than was asked for. Where another one differs, either may be another message's, and neither is believed. `sizes` are
    those that the server stated, in octets by UID.
    """

    def __init__(self, wanted: UidSet, sizes: Mapping[int, int]) -> None:
        self._wanted, self._stated = wanted, sizes
        self._room = FLOOR + SEVERAL * sum(sizes.get(uid) or UNSTATED for uid in wanted)
        self._bodies: dict[int, Fetched | None] = {}
        """None stands for bodies that differ."""
        self.sizes: dict[int, int] = {}
        """Those told now."""

    @property
    def bodies(self) -> list[Fetched]:
        """Messages that came with their body."""
        return [message for message in self._bodies.values() if message is not None]

    @property
    def disputed(self) -> list[int]:
        """UIDs for which different bodies came."""
        return [uid for uid, message in self._bodies.items() if message is None]

    def take(self, message: Fetched) -> None:
        """Take what was told of a message, if it is wanted; ProtocolViolation when the server does not stop."""
        uid, body = message.uid, message.body
        if uid is None or uid not in self._wanted:
            return
        if message.size is not None:
            self.sizes[uid] = message.size
        if not isinstance(body, bytes):
            return
        self._room -= len(body)
        if self._room < 0:
            raise ProtocolViolation("the server does not stop to send messages again")
        kept = self._bodies.setdefault(uid, message)
        if kept is not None and kept.body != body:
            self._bodies[uid] = None

    def doubt_mixed_up(self, *, removed: bool) -> None:
        """Believe no body of another length than was stated, and none at all when a message was `removed` meanwhile.

        hMailServer sends another message's body then. Asked for behind another SELECT it sends the right one, and a
        mailbox there is selected anew each time (`Opening`).
        """
        for uid, message in self._bodies.items():
            body = message.body if message is not None else None
            if removed or (isinstance(body, bytes) and len(body) != self._stated.get(uid, len(body))):
                self._bodies[uid] = None


class Bodies:
    """Small messages of one folder, whose sizes are those that the server states."""

    def __init__(self, holds: FlagsHeld, sizes: Mapping[int, int]) -> None:
        self._holds, self._sizes = holds, sizes
        self._read: dict[int, Content | Gone | Unreadable] = {}
        self._unfit: dict[int, str] = {}
        """What is wrong with what came in place of a message."""

    def of(self, uids: Iterable[int]) -> list[Content | Gone | Unreadable]:
        """What became of each message, once nothing is missing."""
        return [self._read[uid] for uid in uids]

    def missing(self, wanted: UidSet) -> UidSet:
        """Those of which nothing is known yet."""
        return UidSet.of(uid for uid in wanted if uid not in self._read)

    async def finish(self, session: Session, wanted: UidSet, refusal: CommandFailed | None = None) -> None:
        """Learn of every message of `wanted` what became of it, over a session alone that has the folder selected.

        `refusal` is what became of the flight for them, None when it was granted. Raises CommandFailed when the server
        does not know the command.
        """
        if refusal is not None and refusal.status == "NO":
            await self._fetch_halves(session, self.missing(wanted), refusal)
        elif refusal is not None:
            await self.fetch(session, self.missing(wanted))
        missing = self.missing(wanted)
        if missing:
            await self._ask_again(session, missing)

    async def _ask_again(self, session: Session, missing: UidSet) -> None:
        """Learn what became of messages that an OK passed over: gone, late, or never sent."""
        present = await present_of(session, missing)
        for uid in missing:
            if uid not in present:
                self._read[uid] = Gone(str(uid))
        if present:
            await self.fetch(session, present)
        for uid in self.missing(missing):
            self._read[uid] = Unreadable(str(uid), self._unfit.get(uid, NOT_SENT))

    async def fetch(self, session: Session, wanted: UidSet) -> None:
        """Fetch a set; when the server refuses it, halve it until the messages to blame stand alone."""
        if not wanted:
            return
        arrivals = Arrivals(wanted, self._sizes)
        refusal: CommandFailed | None = None
        try:
            await session.fetch(wanted, WHOLE, arrivals.take)
        except CommandFailed as failure:
            if failure.status != "NO":
                raise
            refusal = failure
        self.take(arrivals)
        if refusal is not None:
            await self._fetch_halves(session, self.missing(wanted), refusal)

    async def _fetch_halves(self, session: Session, wanted: UidSet, failure: CommandFailed) -> None:
        uids = list(wanted)
        if len(uids) > 1:
            middle = len(uids) // 2
            await self.fetch(session, UidSet.of(uids[:middle]))
            await self.fetch(session, UidSet.of(uids[middle:]))
        elif uids and uids[0] in await present_of(session, wanted):
            self._read[uids[0]] = Unreadable(str(uids[0]), f"the server does not send it: {failure.text}")

    def take(self, arrivals: Arrivals) -> None:
        """Take the bodies that came and are fit for their messages."""
        for message in arrivals.bodies:
            self._take(message)
        self._unfit |= dict.fromkeys(arrivals.disputed, DISPUTED)

    def _take(self, message: Fetched) -> None:
        assert message.uid is not None
        assert isinstance(message.body, bytes)
        if not message.body and self._sizes.get(message.uid, 0) > 0:
            self._unfit[message.uid] = EMPTY
        elif is_notice(message.body):
            self._unfit[message.uid] = NOTICE
        else:
            flags = self._holds.mask(message.flags or frozenset())
            self._read[message.uid] = Content(str(message.uid), flags, message.date, len(message.body), message.body)


async def present_of(session: Session, uids: UidSet) -> UidSet:
    """Those of `uids` that the mailbox still holds, after it told what it had kept back."""
    await session.noop()
    try:
        return await session.present(uids)
    except CommandFailed as refusal:
        if not knows_no_search(refusal.status):
            raise
    return await listed(session, uids)


async def fetch_all(
    session: Session, wanted: UidSet, items: str, take: Callable[[Fetched], bool], told: Told | None = None
) -> None:
    """Give `take` the data of every message that is there, and ask again for those that an answer passed over.

    `take` says whether what it got is all that was asked for of the message. `told` hears how many came.
    """
    taken: set[int] = set()
    of = len(wanted)

    def each(message: Fetched) -> None:
        if message.uid is not None and take(message):
            taken.add(message.uid)
            if told is not None and len(taken) % TELLS_EVERY == 0:
                told(len(taken), of)

    await session.fetch(wanted, items, each)
    missing = UidSet.of(uid for uid in wanted if uid not in taken)
    if missing and (present := await present_of(session, missing)):
        await session.fetch(present, items, each)
