"""Bodies of messages: many small ones by one command, a large one as a stream that never sits in memory whole.

That a command ended in OK does not mean that all it asked for was sent, so every message is accounted for: it came,
it is gone, or it is there and cannot be read.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderError
from postboat.imap.headers import digest, header_of, is_notice, message_id
from postboat.imap.looks.listing import holds_of
from postboat.imap.patience import Throttled, patiently
from postboat.imap.refusals import refusal
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Fetched
from postboat.imap.wire.uid_set import UidSet
from postboat.model import Content, Fingerprint, Gone, Unreadable
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Callable,
        Collection,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )

    from postboat.imap.opening import Opening
    from postboat.imap.server_kind import ServerKind
    from postboat.imap.session import Selected, Session
    from postboat.imap.wire.responses import Response
    from postboat.model import FlagsHeld, Key

LARGE = 1 << 20
"""Messages of more octets than this are streamed, one by one."""

WHOLE = "UID FLAGS INTERNALDATE BODY.PEEK[]"
"""What is asked for of a small message."""

MUCH = 1 << 20
"""Octets from which a batch is better read over a connection of its own."""

NOTICE_SIZE = 1 << 16
"""A stream no larger than this in place of a large message may be a notice, and is looked at whole."""

NOT_SENT = "the server lists it but does not send it"
EMPTY = "the server sends it empty though it is not"
NOTICE = "the server sends a notice in its place"


async def read_messages(
    opening: Opening, sizes: dict[int, int], uids: Sequence[int]
) -> AsyncGenerator[Content | Gone | Unreadable, None]:
    """Yield small messages once all of them came, then each large one as a stream.

    `sizes` are those known before, and those asked for are put in. No session is kept while a small message is handed
    out; one is while a stream is consumed.
    """
    await _learn_sizes(opening, sizes, UidSet.of(uid for uid in uids if uid not in sizes))
    large = [uid for uid in uids if sizes.get(uid, 0) > LARGE]
    for item in await _read_small(opening, sizes, [uid for uid in uids if sizes.get(uid, 0) <= LARGE]):
        yield item
    for uid in large:
        async with aclosing(_read_patiently(opening, uid)) as items:
            async for item in items:
                yield item


async def _read_patiently(opening: Opening, uid: int) -> AsyncGenerator[Content | Gone | Unreadable, None]:
    """One large message; begun anew after a pause that the server asks for before any of it was handed out."""
    while True:
        began = False
        try:
            async with (
                opening.opened() as (session, selected),
                aclosing(_read_large(session, uid, holds_of(selected))) as items,
            ):
                async for item in items:
                    began = True
                    yield item
            return
        except Throttled as throttled:
            if began:
                raise
            opening.patience.go_on_after(throttled)


async def _learn_sizes(opening: Opening, sizes: dict[int, int], unknown: UidSet) -> None:
    """Ask for the sizes of messages, in octets as the server states them."""
    if not unknown:
        return
    flight = await _flight(opening, unknown, "UID RFC822.SIZE")
    if flight.refusal is not None:
        raise FolderError(f"the server refused {flight.refusal}") from flight.refusal
    sizes.update((each.uid, each.size) for each in flight.arrived if each.uid is not None and each.size is not None)


async def _read_small(
    opening: Opening, sizes: Mapping[int, int], uids: Collection[int]
) -> list[Content | Gone | Unreadable]:
    """Every message of `uids`, each once: by one flight, and what that left open on a session alone."""
    if not uids:
        return []
    wanted = UidSet.of(uids)
    flight = await _flight(opening, wanted, WHOLE, much=sum(sizes.get(uid, 0) for uid in uids) > MUCH)
    reading = Reading(holds_of(flight.selected), sizes)
    for message in flight.arrived:
        reading.take(message)
    if reading.missing(wanted):
        await _finish(opening, reading, wanted, flight.refusal)
    return reading.of(uids)


@patiently
async def _finish(opening: Opening, reading: Reading, wanted: UidSet, refusal: CommandFailed | None) -> None:
    async with opening.opened() as (session, _):
        await reading.finish(session, wanted, refusal)


@dataclass(slots=True)
class _Flight:
    """What came of questions that went out with the SELECT, in a mailbox that proved to be the right one."""

    selected: Selected
    arrived: list[Fetched]
    refusal: CommandFailed | None
    """The first of the questions that was not granted."""


@patiently
async def _flight(opening: Opening, wanted: UidSet, items: str, *, much: bool = False) -> _Flight:
    """Send SELECT and FETCH together, and wait for both.

    Raises `FolderGone` or `FolderError` when the mailbox is not the right one: what came is then of another mailbox,
    or of messages that have nothing but their number in common with those wanted.
    """
    arrived: list[Fetched] = []

    def hear(response: Response) -> None:
        if isinstance(response, Fetched) and response.uid in wanted:
            arrived.append(response)

    async with opening.opened_for_reading(much=much) as (session, selection):
        with selection.heard_by(hear):
            questions = [commands.uid_fetch(piece, items) for piece in _pieces(wanted, session.kind)]
            conditions = await session.ask_all(questions)
        selected = await opening.confirmed(selection)
    refused = next((condition for condition in conditions if condition.status != "OK"), None)
    return _Flight(selected, arrived, refusal("UID FETCH", refused) if refused is not None else None)


def _pieces(wanted: UidSet, kind: ServerKind) -> Iterator[UidSet]:
    """Cut a set into what the server takes in one command."""
    uids = list(wanted)
    for at in range(0, len(uids), kind.batch_messages):
        yield from UidSet.of(uids[at : at + kind.batch_messages]).split(kind.longest_set)


class Reading:
    """Small messages of one folder on their way from the server."""

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
        try:
            await session.fetch(wanted, WHOLE, self.take)
        except CommandFailed as failure:
            if failure.status != "NO":
                raise
            await self._fetch_halves(session, self.missing(wanted), failure)

    async def _fetch_halves(self, session: Session, wanted: UidSet, failure: CommandFailed) -> None:
        uids = list(wanted)
        if len(uids) > 1:
            middle = len(uids) // 2
            await self.fetch(session, UidSet.of(uids[:middle]))
            await self.fetch(session, UidSet.of(uids[middle:]))
        elif uids and uids[0] in await present_of(session, wanted):
            self._read[uids[0]] = Unreadable(str(uids[0]), f"the server does not send it: {failure.text}")

    def take(self, message: Fetched) -> None:
        """Take what came of a message, if it is its body and fit for it."""
        if message.uid is None or not isinstance(message.body, bytes):
            return
        if not message.body and self._sizes.get(message.uid, 0) > 0:
            self._unfit[message.uid] = EMPTY
        elif is_notice(message.body):
            self._unfit[message.uid] = NOTICE
        else:
            flags = self._holds.mask(message.flags or frozenset())
            self._read[message.uid] = Content(str(message.uid), flags, message.date, len(message.body), message.body)


async def _read_large(
    session: Session, uid: int, holds: FlagsHeld
) -> AsyncGenerator[Content | Gone | Unreadable, None]:
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
    yield await _read_alone(session, uid, Reading(holds, {uid: about.size or LARGE}))


async def _read_alone(session: Session, uid: int, reading: Reading) -> Content | Gone | Unreadable:
    """One message, whole, over a session alone."""
    wanted = UidSet.of((uid,))
    await reading.fetch(session, wanted)
    await reading.finish(session, wanted)
    return reading.of((uid,))[0]


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
