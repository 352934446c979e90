"""A large message as a stream that never sits in memory whole, over a session alone."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from postboat.errors import CommandFailed, ConnectionLost, MessageError
from postboat.imap.bodies import Bodies, fetch_all
from postboat.imap.wire.uid_set import UidSet
from postboat.model import Content, Gone, Unreadable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Fetched
    from postboat.model import FlagsHeld

LARGE = 1 << 20
"""Messages of more octets than this are streamed, one by one."""

BREAKS = "the connection breaks when it is sent"

NOTICE_SIZE = 1 << 16
"""A stream no larger than this in place of a large message may be a notice, and is looked at whole."""


async def read_large(
    session: Session, uid: int, holds: FlagsHeld, *, alone: bool = False
) -> AsyncGenerator[Content | Gone | Unreadable, None]:
    """Yield one large message as a stream; it must be consumed before the iterator is asked to go on.

    `alone` says that connections broke before: when this one breaks in the middle of the message, that is the message's
    fault, and `MessageError`.
    """
    said: list[Fetched] = []

    def take(message: Fetched) -> bool:
        said.append(message)
        return True

    await fetch_all(session, UidSet.of((uid,)), "UID FLAGS INTERNALDATE RFC822.SIZE", take)
    about = next((message for message in said if message.uid == uid and message.flags is not None), None)
    if about is None:
        yield Gone(str(uid))
        return
    async with _Stream(session, uid, alone=alone) as stream:
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
    yield await _read_alone(session, uid, Bodies(holds, {uid: about.size or LARGE}))


async def _read_alone(session: Session, uid: int, bodies: Bodies) -> Content | Gone | Unreadable:
    """One message, whole, over a session alone."""
    wanted = UidSet.of((uid,))
    await bodies.fetch(session, wanted)
    await bodies.finish(session, wanted)
    return bodies.of((uid,))[0]


class _Stream:
    """A message's octets, which may be asked for more than once: the second time the server sends them anew.

    What is still to come when the block ends is read and thrown away; when it fails or is left, the connection is cut.
    """

    def __init__(self, session: Session, uid: int, *, alone: bool) -> None:
        self._session, self._uid, self._alone = session, uid, alone
        self._stack = AsyncExitStack()
        self._parts: AsyncIterator[bytes] | None = None

    async def open(self) -> int | None:
        """Begin to receive; tells the exact size in octets, or None when the server sends nothing."""
        await self._stop()
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
        try:
            async for part in parts:
                yield part
        except ConnectionLost as lost:
            if self._alone:
                raise MessageError(f"{BREAKS}: {lost}", passing=True) from lost
            raise

    async def _stop(self) -> None:
        self._parts = None
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        self._parts = None
        await self._stack.__aexit__(*exc)
