"""Bodies of messages: many small ones by one command, a large one as a stream that never sits in memory whole.

That a command ended in OK does not mean that all it asked for was sent, so every message is accounted for: it came,
it is gone, or it is there and cannot be read.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed
from postboat.imap.headers import digest, header_of, is_notice, message_id
from postboat.imap.wire.uid_set import UidSet
from postboat.model import Content, Fingerprint, Gone, Unreadable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Fetched
    from postboat.model import FlagsHeld, Key

LARGE = 1 << 20
"""Messages of more octets than this are streamed, one by one."""

NOTICE_SIZE = 1 << 16
"""A stream no larger than this in place of a large message may be a notice, and is looked at whole."""

NOT_SENT = "the server lists it but does not send it"
EMPTY = "the server sends it empty though it is not"
NOTICE = "the server sends a notice in its place"


class Reading:
    """Small messages of one folder on their way from the server, over one session."""

    def __init__(self, session: Session, holds: FlagsHeld, sizes: Mapping[int, int]) -> None:
        self._session, self._holds, self._sizes = session, holds, sizes
        self._read: dict[int, Content | Gone | Unreadable] = {}
        self._unfit: dict[int, str] = {}
        """What is wrong with what came in place of a message."""

    async def read(self, uids: Collection[int]) -> list[Content | Gone | Unreadable]:
        """Every message of `uids`, each once. Raises CommandFailed when the server does not know the command."""
        wanted = UidSet.of(uids)
        await self._fetch(wanted)
        missing = self._missing(wanted)
        if missing:
            await self._ask_again(missing)
        return [self._read[uid] for uid in uids]

    def _missing(self, wanted: UidSet) -> UidSet:
        return UidSet.of(uid for uid in wanted if uid not in self._read)

    async def _ask_again(self, missing: UidSet) -> None:
        """Learn what became of messages that an OK passed over: gone, late, or never sent."""
        present = await present_of(self._session, missing)
        for uid in missing:
            if uid not in present:
                self._read[uid] = Gone(str(uid))
        if present:
            await self._fetch(present)
        for uid in self._missing(missing):
            self._read[uid] = Unreadable(str(uid), self._unfit.get(uid, NOT_SENT))

    async def _fetch(self, wanted: UidSet) -> None:
        """Fetch a set; when the server refuses it, halve it until the messages to blame stand alone."""
        if not wanted:
            return
        try:
            await self._session.fetch(wanted, "UID FLAGS INTERNALDATE BODY.PEEK[]", self._take)
        except CommandFailed as failure:
            if failure.status != "NO":
                raise
            await self._fetch_halves(self._missing(wanted), failure)

    async def _fetch_halves(self, wanted: UidSet, failure: CommandFailed) -> None:
        uids = list(wanted)
        if len(uids) > 1:
            middle = len(uids) // 2
            await self._fetch(UidSet.of(uids[:middle]))
            await self._fetch(UidSet.of(uids[middle:]))
        elif uids and uids[0] in await present_of(self._session, wanted):
            self._read[uids[0]] = Unreadable(str(uids[0]), f"the server does not send it: {failure.text}")

    def _take(self, message: Fetched) -> None:
        if message.uid is None or not isinstance(message.body, bytes):
            return
        if not message.body and self._sizes.get(message.uid, 0) > 0:
            self._unfit[message.uid] = EMPTY
        elif is_notice(message.body):
            self._unfit[message.uid] = NOTICE
        else:
            flags = self._holds.mask(message.flags or frozenset())
            self._read[message.uid] = Content(str(message.uid), flags, message.date, len(message.body), message.body)


async def read_large(session: Session, uid: int, holds: FlagsHeld) -> AsyncIterator[Content | Gone | Unreadable]:
    """Yield one large message as a stream; it must be consumed before the iterator is asked to go on."""
    said: list[Fetched] = []

    def take(message: Fetched) -> bool:
        said.append(message)
        return True

    await fetch_all(session, UidSet.of((uid,)), "UID FLAGS INTERNALDATE RFC822.SIZE", take)
    about = next((message for message in said if message.uid == uid and message.flags is not None), None)
    if about is None:
        yield Gone(str(uid))
        return
    async with aclosing(_Stream(session, uid)) as stream:
        try:
            size = await stream.open()
        except CommandFailed as failure:
            if failure.status != "NO":
                raise
            yield Unreadable(str(uid), f"the server does not send it: {failure.text}")
            return
        if size is not None and size > NOTICE_SIZE:
            flags = holds.mask(about.flags or frozenset())
            yield Content(str(uid), flags, about.date, size, chunks=stream.chunks)
            return
    for item in await Reading(session, holds, {uid: about.size or LARGE}).read([uid]):
        yield item


class _Stream:
    """A message's octets, which may be asked for more than once: the second time the server sends them anew."""

    def __init__(self, session: Session, uid: int) -> None:
        self._session, self._uid = session, uid
        self._stack = AsyncExitStack()
        self._parts: AsyncIterator[bytes] | None = None

    async def open(self) -> int | None:
        """Begin to receive; tells the exact size in octets, or None when the server sends nothing."""
        await self.aclose()
        try:
            size, self._parts = await self._stack.enter_async_context(self._session.stream(self._uid))
        except LookupError:
            return None
        return size

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the octets in pieces."""
        if self._parts is None:
            await self.open()
        parts, self._parts = self._parts, None
        assert parts is not None, "it was sent before"
        async for part in parts:
            yield part

    async def aclose(self) -> None:
        """Stop receiving; what is still to come is thrown away."""
        self._parts = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()


async def present_of(session: Session, uids: UidSet) -> UidSet:
    """Those of `uids` that the mailbox still holds, after it told what it had kept back."""
    await session.noop()
    return await session.present(uids)


async def fetch_all(session: Session, wanted: UidSet, items: str, take: Callable[[Fetched], bool]) -> None:
    """Give `take` the data of every message that is there, and ask again for those that an answer passed over.

    `take` says whether what it got is all that was asked for of the message.
    """
    taken: set[int] = set()

    def each(message: Fetched) -> None:
        if message.uid is not None and take(message):
            taken.add(message.uid)

    await session.fetch(wanted, items, each)
    missing = UidSet.of(uid for uid in wanted if uid not in taken)
    if missing and (present := await present_of(session, missing)):
        await session.fetch(present, items, each)


async def fingerprints_of(session: Session, uids: Sequence[int]) -> dict[Key, Fingerprint]:
    """Fingerprints of the messages that are still there; headers are digested as they arrive, not kept."""
    found: dict[int, Fingerprint] = {}

    def take(message: Fetched) -> bool:
        if message.uid is not None and message.header is not None:
            header = header_of(message.header)
            found[message.uid] = Fingerprint(digest(header), message.size, named=bool(message_id(header)))
        return message.header is not None

    await fetch_all(session, UidSet.of(uids), "UID RFC822.SIZE BODY.PEEK[HEADER]", take)
    return {str(uid): found[uid] for uid in uids if uid in found}
