"""One large literal on its way in: read piece by piece, never held whole."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from postboat.errors import ConnectionLost, MessageError
from postboat.imap.wire.framer import ProtocolViolation
from postboat.imap.wire.parser import parse_unfinished
from postboat.imap.wire.responses import Fetched

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.wire.framer import LiteralBegan
    from postboat.imap.wire.responses import Condition, Response

ENOUGH = 1 << 20
"""Octets that may wait for the reader before the server is held up."""


class LiteralStream:
    """The body that a FETCH of one message brings, as an asynchronous iterator over its octets.

    A small body that came whole is given as one piece. The iterator ends only when the server's response ended well
    behind the body: until then its length may have been wrong.
    """

    def __init__(self, hold: Callable[[bool], None]) -> None:
        self.uid: int | None = None
        """Whose octets are wanted; None: whoever's come."""
        self.head: Fetched | None = None
        """What was known of the message when its body began; UID and flags may come only behind it."""
        self.size: int | None = None
        """Octets of the body; None when none came."""
        self.fetched: Fetched | None = None
        """All data of the message, its body left out; set when its response is complete."""
        self._hold = hold
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._stirred = asyncio.Event()
        self._failure: BaseException | None = None
        self._over = False
        self._discarding = False

    def __aiter__(self) -> LiteralStream:
        return self

    async def __anext__(self) -> bytes:
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self.fetched is not None or (self._over and self.size is None):
                self._check_whose()
                raise StopAsyncIteration
            if self._over:
                raise MessageError("the server's answer made no sense behind the message's body")
            await self._stir()
        piece = self._pieces.popleft()
        self._waiting -= len(piece)
        if self._waiting < ENOUGH // 2:
            self._hold(False)
        return piece

    def _check_whose(self) -> None:
        """Only what comes behind the octets may prove whose they were."""
        if self.uid is not None and self.fetched is not None and self.fetched.uid != self.uid:
            raise MessageError("the server sent another message in its place")

    async def begun(self) -> None:
        """Wait until the body begins or it is known that none comes."""
        while self.size is None and not self._over and self._failure is None:
            await self._stir()
        if self._failure is not None:
            raise self._failure

    async def skip(self) -> None:
        """Throw away what was not read."""
        self._discarding = True
        self._pieces.clear()
        self._hold(False)
        while not self._over and self._failure is None:
            await self._stir()

    async def _stir(self) -> None:
        self._stirred.clear()
        await self._stirred.wait()

    def begin(self, frame: LiteralBegan) -> None:
        """Take the announcement of the literal; ProtocolViolation when it is the second one."""
        if self.size is not None:
            raise ProtocolViolation("the server sent more than one large literal")
        self._open(parse_unfinished(frame), frame.size)

    def _open(self, head: Fetched | None, size: int) -> None:
        self.head, self.size = head, size
        self._stirred.set()

    def push(self, data: bytes) -> None:
        """Take a piece, and hold the server up when the reader is far behind."""
        if self._discarding:
            return
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting > ENOUGH:
            self._hold(True)
        self._stirred.set()

    def take(self, response: Response) -> None:
        """Take an untagged response of the command."""
        if not isinstance(response, Fetched) or response.body is None:
            return
        if isinstance(response.body, bytes) and self.size is None:
            self._open(response, len(response.body))
            if response.body:
                self.push(response.body)
        self.fetched = response

    def close(self, reply: asyncio.Future[Condition]) -> None:
        """Take the command's end, whatever it is."""
        if reply.cancelled():
            self._failure = ConnectionLost("the command was abandoned")
        elif (error := reply.exception()) is not None:
            self._failure = error
        else:
            self._over = True
        self._stirred.set()
