"""Messages of a mailbox, read in flights: a SELECT and all questions behind it, and several flights at once.

What comes counts once the mailbox proved to be the right one, and for the message whose UID it bears.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, ConnectionLost, FolderError, MessageError
from postboat.imap.bodies import WHOLE, Arrivals, Bodies, fetch_all, present_of
from postboat.imap.headers import header_of
from postboat.imap.large import BREAKS, LARGE, read_large
from postboat.imap.looks.listing import holds_of
from postboat.imap.patience import Throttled, patiently
from postboat.imap.refusals import refusal
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Expunged, Fetched, Vanished
from postboat.imap.wire.uid_set import UidSet
from postboat.likeness import fingerprint, name_in
from postboat.model import Content, Glance, Gone, Unreadable
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from postboat.imap.opening import Opening, Told
    from postboat.imap.server_kind import ServerKind
    from postboat.imap.session import Selected, Session
    from postboat.imap.wire.responses import Response
    from postboat.model import Fingerprint, Key

SHOWN = 1 << 16
"""Octets of a header that are looked at for showing."""


async def read_messages(
    opening: Opening, sizes: dict[int, int], uids: Sequence[int], spool: Path | None = None
) -> AsyncGenerator[Content | Gone | Unreadable, None]:
    """Yield small messages once all of them came, then each large one as a stream.

    `sizes` are those known before, and those asked for are put in. No session is kept while a small message is handed
    out; one is while a stream is consumed that does not come from a file in the directory `spool`.
    """
    await learn_sizes(opening, sizes, UidSet.of(uid for uid in uids if uid not in sizes))
    large = [uid for uid in uids if sizes.get(uid, 0) > LARGE]
    read_small = _read_apart if opening.alone else _read_small
    for item in await read_small(opening, sizes, [uid for uid in uids if sizes.get(uid, 0) <= LARGE]):
        yield item
    for uid in large:
        reading = _read_patiently(opening, uid, sizes[uid])
        async with aclosing(reading if spool is None else _spooled(reading, uid, sizes[uid], spool)) as items:
            async for item in items:
                yield item


async def _spooled(
    reading: AsyncGenerator[Content | Gone | Unreadable, None], uid: int, size: int, directory: Path
) -> AsyncGenerator[Content | Gone | Unreadable, None]:
    """What is read of one large message, once all of it came and the session is free again."""
    from postboat.imap.spool import spool_file, spooled  # here, since only what goes to a server waits in a file

    found: Content | Gone | Unreadable | None = None
    async with AsyncExitStack() as stack:
        try:
            file = await stack.enter_async_context(spool_file(directory, size))
            async with aclosing(reading) as items:
                async for item in items:
                    found = item
                    if isinstance(item, Content) and item.data is None:
                        found = await spooled(item, file, directory)
        except MessageError as error:
            found = Unreadable(str(uid), str(error), passing=error.passing)
        if found is not None:
            yield found


async def _read_patiently(opening: Opening, uid: int, size: int) -> AsyncGenerator[Content | Gone | Unreadable, None]:
    """One large message; begun anew after a pause that the server asks for before any of it was handed out."""
    while True:
        began = False
        try:
            async with (
                opening.opened(octets=size) as (session, selected),
                aclosing(read_large(session, uid, holds_of(selected), alone=opening.alone)) as items,
            ):
                async for item in items:
                    began = True
                    yield item
            return
        except Throttled as throttled:
            if began:
                raise
            opening.patience.go_on_after(throttled)
        except ConnectionLost as lost:
            if not opening.alone:
                raise
            if not began:
                yield await _blamed(opening, uid, lost)
            return


async def learn_sizes(opening: Opening, sizes: dict[int, int], unknown: UidSet) -> None:
    """Ask for the sizes of messages, in octets as the server states them."""
    if not unknown:
        return
    flight = await _flight(opening, unknown, "UID RFC822.SIZE", {})
    if flight.refusal is not None:
        raise FolderError(f"the server refused {flight.refusal}") from flight.refusal
    sizes.update(flight.arrived.sizes)


async def _read_small(
    opening: Opening, sizes: Mapping[int, int], uids: Collection[int]
) -> list[Content | Gone | Unreadable]:
    """Every message of `uids`, each once: by one flight, and what that left open on a session alone."""
    if not uids:
        return []
    wanted = UidSet.of(uids)
    flight = await _flight(opening, wanted, WHOLE, sizes)
    bodies = Bodies(holds_of(flight.selected), sizes)
    bodies.take(flight.arrived)
    if bodies.missing(wanted):
        await _finish(opening, bodies, wanted, flight.refusal)
    return bodies.of(uids)


async def _read_apart(
    opening: Opening, sizes: Mapping[int, int], uids: Sequence[int]
) -> list[Content | Gone | Unreadable]:
    """As `_read_small`, in halves where the connection breaks, until the messages that break it stand alone.

    A literal beyond all bounds ends the connection, and so does a message that the server stumbles over: neither may
    keep the others from coming. Raises `ConnectionLost` when too many break it for that to be the reason.
    """
    try:
        return await _read_small(opening, sizes, uids)
    except ConnectionLost as lost:
        opening.breaks_left -= 1
        if opening.breaks_left < 0:
            raise
        if len(uids) == 1:
            return [await _blamed(opening, uids[0], lost)]
    middle = len(uids) // 2
    first = await _read_apart(opening, sizes, uids[:middle])
    return first + await _read_apart(opening, sizes, uids[middle:])


async def _blamed(opening: Opening, uid: int, lost: ConnectionLost) -> Gone | Unreadable:
    """What to say of a message at which a connection broke, once it is certain that another one does not."""
    async with opening.opened(fresh=True) as (session, _):
        is_there = uid in await present_of(session, UidSet.of((uid,)))
    return Unreadable(str(uid), f"{BREAKS}: {lost}", passing=True) if is_there else Gone(str(uid))


@patiently
async def _finish(opening: Opening, bodies: Bodies, wanted: UidSet, refusal: CommandFailed | None) -> None:
    async with opening.opened() as (session, _):
        await bodies.finish(session, wanted, refusal)


@dataclass(slots=True)
class _Flight:
    """What came of questions that went out with the SELECT, in a mailbox that proved to be the right one."""

    selected: Selected
    arrived: Arrivals
    refusal: CommandFailed | None
    """The first of the questions that was not granted."""


@patiently
async def _flight(opening: Opening, wanted: UidSet, items: str, sizes: Mapping[int, int]) -> _Flight:
    """Send SELECT and FETCH together, and wait for both. `sizes` of messages are those known before.

    Raises `FolderGone` or `FolderError` when the mailbox is not the right one: what came is then of another mailbox,
    or of messages that have nothing but their number in common with those wanted.
    """
    arrived = Arrivals(wanted, sizes)
    octets = sum(sizes.get(uid, 0) for uid in wanted)

    removals: list[Response] = []

    def hear(response: Response) -> None:
        if isinstance(response, Fetched):
            arrived.take(response)
        elif isinstance(response, Expunged | Vanished):
            removals.append(response)

    async with opening.opened_for_reading(octets=octets) as (session, selection):
        with selection.heard_by(hear):
            questions = [commands.uid_fetch(piece, items) for piece in _pieces(wanted, session.kind)]
            conditions = await session.ask_all(questions)
        selected = await opening.confirmed(selection)
    if session.kind.mixes_up:
        arrived.doubt_mixed_up(removed=bool(removals))
    refused = next((condition for condition in conditions if condition.status != "OK"), None)
    return _Flight(selected, arrived, refusal("UID FETCH", refused) if refused is not None else None)


def _pieces(wanted: UidSet, kind: ServerKind) -> Iterator[UidSet]:
    """Cut a set into what the server takes in one command."""
    uids = list(wanted)
    for at in range(0, len(uids), kind.batch_messages):
        yield from UidSet.of(uids[at : at + kind.batch_messages]).split(kind.longest_set)


async def fingerprints_of(session: Session, uids: Sequence[int], told: Told | None = None) -> dict[Key, Fingerprint]:
    """Fingerprints of the messages that are still there; headers are digested as they arrive, not kept."""
    found: dict[int, Fingerprint] = {}

    def take(message: Fetched) -> bool:
        if message.uid is not None and message.header is not None:
            found[message.uid] = fingerprint(message.header, message.size)
        return message.header is not None

    await fetch_all(session, UidSet.of(uids), "UID RFC822.SIZE BODY.PEEK[HEADER]", take, told)
    return {str(uid): found[uid] for uid in uids if uid in found}


async def glances_of(session: Session, uids: Sequence[int], told: Told | None = None) -> dict[Key, Glance]:
    """Sizes, dates and Message-IDs of the messages that are still there."""
    found: dict[int, Glance] = {}

    def take(message: Fetched) -> bool:
        if message.uid is not None and message.header is not None:
            date = None if message.date is None else int(message.date)
            found[message.uid] = Glance(message.size, date, name_in(message.header))
        return message.header is not None

    items = "UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
    await fetch_all(session, UidSet.of(uids), items, take, told)
    return {str(uid): found[uid] for uid in uids if uid in found}


async def headers_of(session: Session, uids: Sequence[int]) -> dict[Key, bytes]:
    """What headers say of sender, subject and date; what is gone, or the server does not send, is left out."""
    found: dict[Key, bytes] = {}
    wanted = UidSet.of(uids)

    def take(message: Fetched) -> None:
        if message.uid is not None and message.uid in wanted and message.header is not None:
            found[str(message.uid)] = header_of(message.header)[:SHOWN]

    try:
        await session.fetch(wanted, "UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]", take)
    except CommandFailed:
        pass  # they are only to be shown
    return found
