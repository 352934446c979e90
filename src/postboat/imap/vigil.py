"""A session that is kept in IDLE for as long as nobody needs it, and made to speak before it is forgotten."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from postboat.errors import CommandFailed, ConnectionLost
from postboat.imap.pulse import Pulse
from postboat.imap.wire.responses import Condition

if TYPE_CHECKING:
    from postboat.imap.pulse import Keepalive
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Response

SHORT = 10.0
"""Seconds; an IDLE that the server ends sooner is not asked for again at once."""
LONGEST_PAUSE = 60.0
"""Seconds until it is, at the most."""


class Vigil:
    """Keeps a session listening; what the server says on it, in IDLE and between, is to be given to `hear`."""

    def __init__(self, session: Session, keepalive: Keepalive, wanted: asyncio.Event) -> None:
        self._session, self._keepalive, self._wanted = session, keepalive, wanted
        self._clock = asyncio.get_running_loop().time
        self._pulse = Pulse(keepalive, self._clock())
        self._pause = self._silence = self._began = 0.0
        self._question: asyncio.TimerHandle | None = None
        """When the server is asked for a sign of life; set while it may be silent."""

    async def begin(self) -> None:
        """Listen from now on. Raises `CommandFailed` when the server does not take IDLE, and `ConnectionLost`."""
        await self._ask()

    async def keep(self) -> None:
        """Go on until the session is wanted, and leave it ready for use. Raises `ConnectionLost` when it ends."""
        wanted = asyncio.create_task(self._wanted.wait())
        try:
            await self._listen(wanted)
            while not self._wanted.is_set():
                await self._begin_again(wanted)
                await self._listen(wanted)
        except ConnectionLost:
            if not self._session.is_cut:
                self._keepalive.died(self._silence, self._clock())
            raise
        finally:
            wanted.cancel()

    async def _listen(self, wanted: asyncio.Task[bool]) -> None:
        """Wait until the session is wanted, the server ends the IDLE, or was silent for too long; then it is over."""
        self._silence = 0.0
        either: tuple[asyncio.Future[Any], ...] = (self._idle.reply, wanted)
        self._plan()
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._call_off()
        if not self._idle.is_to_end:
            self._silence = self._pulse.silence(self._clock())
        await self._idle.done()
        if self._idle.is_to_end and not self._wanted.is_set():
            self._pulse.proved()

    def _plan(self) -> None:
        """Ask the server for a sign of life when one is due, which is later or sooner by what is heard till then."""
        self._call_off()
        now = self._clock()
        due = self._pulse.due(now)
        if due > now:
            self._question = asyncio.get_running_loop().call_at(due, self._plan)
        else:
            self._silence = self._pulse.silence(now)
            self._idle.end()

    def _call_off(self) -> None:
        if self._question is not None:
            self._question.cancel()
            self._question = None

    async def _begin_again(self, wanted: asyncio.Task[bool]) -> None:
        """Ask for the next IDLE; after a pause that grows when the server ends one after the other."""
        if not self._idle.is_to_end and self._clock() - self._began < SHORT:
            self._pause = min(2 * self._pause or 1.0, LONGEST_PAUSE)
            await asyncio.wait({wanted}, timeout=self._pause)
        else:
            self._pause = 0.0
        if self._wanted.is_set():
            return
        try:
            await self._ask()
        except CommandFailed as failure:
            raise ConnectionLost(f"the server does not go on telling: {failure}") from failure

    async def _ask(self) -> None:
        self._idle = self._session.idle()
        await self._idle.begun()
        self._began = self._clock()
        self._pulse.begin(self._began)

    def hear(self, response: Response) -> None:
        """Take what the server says: it lives."""
        now = self._clock()
        is_beat = isinstance(response, Condition) and response.code is None and response.status == "OK"
        self._pulse.sign(now, is_beat=is_beat)
        if self._question is not None and self._pulse.due(now) < self._question.when():
            self._plan()
