"""Push from the server: how its changes are noticed while nothing is asked of it.

NOTIFY on one connection where the server has it; else IDLE, one connection for each of a few mailboxes; else nothing
is noticed before the next refresh. The watcher begins before the first look at the server, so that nothing falls
between; what happens while it is away for a moment shows in the numbers that it gets when it is back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, ConnectionLost, FolderError
from postboat.imap import notify
from postboat.imap.patience import Throttled
from postboat.imap.posts import AllMailboxes, Listener, OneMailbox, Teller
from postboat.imap.pulse import Keepalive
from postboat.imap.vigil import Vigil
from postboat.tasks import each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.imap.pool import Pool
    from postboat.imap.posts import Post
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Response

__all__ = ["Listener", "ServerWatch"]

CALM = 1.0
"""Seconds for which nobody used a session before one that was yielded is taken back."""


class ServerWatch:
    """Watches an account's server. `mailboxes` are the wire names of those to idle on, most wanted first.

    `keepalive` is in seconds, 0 for what has proved good.
    """

    def __init__(
        self,
        pool: Pool[Session],
        mailboxes: Sequence[str],
        listener: Listener,
        *,
        keepalive: float = 0,
        calm: float = CALM,
    ) -> None:
        self._pool, self._listener, self._calm = pool, listener, calm
        self._mailboxes = tuple(dict.fromkeys(mailboxes))
        self._keepalive = Keepalive(keepalive)
        self._manned: list[Post] = []
        self._teller = Teller(listener, lambda: bool(self._manned))

    async def run(self) -> None:
        """Watch until cancelled.

        Raises `ConnectionLost` when a connection ends that was watched on, and what opening one raises: then it may be
        called again.
        """
        try:
            capabilities = await self._capabilities()
            if capabilities >= notify.NEEDS:
                await self._man(AllMailboxes(self._teller))
            if "IDLE" in capabilities:
                most = max(1, self._pool.size - 1)
                posts = [OneMailbox(name, self._teller) for name in self._mailboxes[:most]]
                await each(posts, self._man, width=most)
            self._listener.armed("poll", ())
            await asyncio.get_running_loop().create_future()
        finally:
            if self._manned:
                self._manned.clear()
                self._listener.lost()

    async def _capabilities(self) -> frozenset[str]:
        async with self._pool.watching() as (session, _):
            return session.capabilities

    async def _man(self, post: Post) -> None:
        """Watch by one post until that proves impossible; give the session to others when they want it."""
        while True:
            try:
                async with self._pool.watching() as (session, wanted):
                    await self._stand(post, session, wanted)
            except Throttled as throttled:
                raise ConnectionLost(str(throttled)) from throttled
            except (CommandFailed, FolderError):
                self._leave(post)
                return
            if self._pool.size > 1:
                self._leave(post)
            await self._pool.quiet(self._calm)

    async def _stand(self, post: Post, session: Session, wanted: asyncio.Event) -> None:
        """Watch on a session until it is wanted. One that is left otherwise is told what nobody else expects."""
        vigil = Vigil(session, self._keepalive, wanted)

        def hear(response: Response) -> None:
            vigil.hear(response)
            post.hear(response)

        session.overhear(hear)
        try:
            await post.arm(session)
            if not (wanted.is_set() and post in self._manned):
                await self._listen(post, session, vigil)
            await post.disarm(session)
        except (CommandFailed, FolderError):
            raise
        except BaseException:
            session.abort("nothing is watched any more")
            raise
        finally:
            session.overhear(None)

    async def _listen(self, post: Post, session: Session, vigil: Vigil) -> None:
        try:
            await vigil.begin()
        except (CommandFailed, FolderError):
            await post.disarm(session)
            raise
        self._enter(post)
        await vigil.keep()

    def _enter(self, post: Post) -> None:
        """Tell the listener of a further post, unless it comes back from a moment's absence."""
        if post not in self._manned:
            self._manned.append(post)
            self._tell_of_posts()

    def _leave(self, post: Post) -> None:
        """Tell the listener of a post that is manned no more."""
        if post in self._manned:
            self._manned.remove(post)
            if self._manned:
                self._tell_of_posts()
            else:
                self._listener.lost()

    def _tell_of_posts(self) -> None:
        how = self._manned[0].how
        self._listener.armed(
            how, tuple(name for name in self._mailboxes if any(name == p.folder for p in self._manned))
        )
