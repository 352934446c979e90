"""What a soak needs around Postboat: a server that can be hurt, a line to it that can, small disks, and the neighbours.

Everything that blocks is done in one thread of its own, so that Postboat, which lives in the test's event loop, goes on
meanwhile: its work and the neighbours' really fall together.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from tests.crash.small_disk import SmallDisk, can_mount
from tests.servers.process import PASSWORD, free_port
from tests.servers.proxy import Proxy
from tests.soak.neighbours import Neighbours

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

    from tests.soak.servers import FrailServer

HOST = "mail.soak.test"
"""The server's name, which only the resolver of the soak knows."""


class Resolver:
    """Stands in for `socket.getaddrinfo`: knows one more name, or fails."""

    def __init__(self) -> None:
        self.works = True
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == HOST:
            if not self.works:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return self._real(host, *args, **kwargs)

    def __enter__(self) -> Self:
        socket.getaddrinfo = self  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        socket.getaddrinfo = self._real


class Scene:
    """One account of one frail server behind one bad line, and its Maildir on a small disk."""

    server: FrailServer
    line: Proxy
    neighbours: Neighbours

    def __init__(self, home: Path, dice: Random, new_server: Callable[[], FrailServer]) -> None:
        self.dice, self._home, self._new_server = dice, home, new_server
        self.resolver = Resolver()
        self.disks: dict[str, SmallDisk] = {}
        self.password_file = home / "password"
        self._thread = ThreadPoolExecutor(1, "neighbours")
        self._stack = AsyncExitStack()

    async def do(self, what: Callable[..., Any], *args: Any) -> Any:
        """Do what blocks, beside Postboat."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(what, *args))

    @property
    def user(self) -> str:
        """The one user of the server."""
        return self.neighbours.voyage.account.user

    def trust(self, password: str) -> None:
        """Let user and server agree on a password again."""
        self.password_file.write_text(f"{password}\n")
        self.password_file.chmod(0o600)

    async def __aenter__(self) -> Self:
        try:
            await self._enter()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def _enter(self) -> None:
        enter = self._stack
        enter.callback(self._thread.shutdown)
        self.server = await self.do(self._new_server)
        enter.push_async_callback(self.do, self.server.stop)
        enter.enter_context(self.resolver)
        self.line = await enter.enter_async_context(Proxy(self.server.host, self.server.port, listen=free_port()))
        account = await self.do(self.server.account)
        self.server.let_in(account.user, PASSWORD)
        self.trust(PASSWORD)
        self.neighbours = Neighbours(self._home, account, self.dice)
        enter.push_async_callback(self.do, self.neighbours.hang_up)
        if can_mount():
            self._mount()
        await self.do(self._furnish)

    def _mount(self) -> None:
        voyage = self.neighbours.voyage
        for name, path in (("mail", voyage.mail), ("state", voyage.state)):
            self.disks[name] = self._stack.enter_context(SmallDisk(path, "16m"))

    def _furnish(self) -> None:
        for folder in self.neighbours.folders:
            self.neighbours.phone.create(folder)
            for _ in range(10):
                self.neighbours.arrive_remote(folder)

    async def __aexit__(self, *exc: Any) -> None:
        await self._stack.__aexit__(*exc)
