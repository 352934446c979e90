"""A mailbox on a real server as a world for the replica contract, with `imaplib` as the other program."""

from __future__ import annotations

import asyncio
import imaplib
import re
import socket
import time
from typing import TYPE_CHECKING

from tests.contract.worlds import DATE, Held, World

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.pool import Pool
from postboat.model import NO_FLAGS, Flags

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from tests.servers.process import Account

    from postboat.imap.session import Session
    from postboat.imap.shelving import Shelf
    from postboat.model import Key


class ImapWorld(World):
    only_marks = True

    def __init__(
        self,
        account: Account,
        folder: str = "Contract",
        connections: int = 2,
        *,
        spool: Path | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self._account = account
        self.spool, self.shelf = spool, shelf
        self._folder = f"{account.prefix}{folder}"
        self._connections = connections

    async def open(self) -> None:
        self.pool: Pool[Session] = Pool(lambda: connect(self.remote, self._password), self._connections)
        await asyncio.to_thread(self._open_other)

    @property
    def remote(self) -> ServerConfig:
        account = self._account
        return ServerConfig(
            name="remote",
            remotehost=account.host,
            remoteport=account.port,
            remoteuser=account.user,
            ssl=False,
            starttls=False,
            maxconnections=self._connections,
            timeout=30,
        )

    async def _password(self, refused: str | None) -> tuple[str, Secret] | None:
        assert refused is None, refused
        return self._account.user, Secret(self._account.password)

    async def close(self) -> None:
        await self.pool.close()
        await asyncio.to_thread(self._other.logout)

    def replica(self) -> ImapMailbox:
        return ImapMailbox(self.pool, self._folder, spool=self.spool, shelf=self.shelf, owner=self._account.user)

    async def deliver(self, wires: Sequence[bytes], flags: Flags = NO_FLAGS, date: float = DATE) -> None:
        def work() -> None:
            when = imaplib.Time2Internaldate(date)
            for wire in wires:
                self._other.literal = wire  # `append` itself would mend the line ends of odd messages
                how = (self._folder, f"({' '.join(flags)})", when)
                self._say("_simple_command", "APPEND", *how)

        await asyncio.to_thread(work)

    async def deliver_many(self, count: int) -> None:
        await super().deliver_many(count // 4)
        for _ in range(2):  # more copies of one message are too many for Cyrus
            await asyncio.to_thread(self._uid, "COPY", "1:4294967295", self._folder)

    async def set_flags(self, keys: Collection[Key], flags: Flags) -> None:
        await asyncio.to_thread(self._uid, "STORE", ",".join(keys), "FLAGS", f"({' '.join(flags)})")

    async def remove(self, keys: Collection[Key]) -> None:
        def work() -> None:
            self._uid("STORE", ",".join(keys), "+FLAGS", "(\\Deleted)")
            self._say("expunge")

        await asyncio.to_thread(work)

    async def held(self) -> dict[Key, Held]:
        return await asyncio.to_thread(self._held)

    def _open_other(self) -> None:
        self._other = imaplib.IMAP4(self._account.host, self._account.port, timeout=30)
        self._other.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each APPEND waits 40 ms
        if not self._account.preauth:
            self._other.login(self._account.user, self._account.password)
        self._say("create", self._folder)

    def _held(self) -> dict[Key, Held]:
        self._say("select", self._folder)
        found = {}
        for answer in self._say("uid", "FETCH", "1:4294967295", "(UID FLAGS INTERNALDATE BODY.PEEK[])"):
            if not isinstance(answer, tuple):
                continue
            head, wire = answer
            uid = re.search(rb"UID (\d+)", head)
            assert uid, head
            flags = {flag.decode() for flag in imaplib.ParseFlags(head)} - {"\\Recent"}
            when = imaplib.Internaldate2tuple(head)
            found[uid[1].decode()] = Held(wire, frozenset(flags), time.mktime(when) if when else None)
        return found

    def _uid(self, *words: str) -> None:
        self._say("select", self._folder)
        self._say("uid", *words)

    def _say(self, command: str, *words: object) -> list[bytes | tuple[bytes, bytes]]:
        status, answer = getattr(self._other, command)(*words)
        assert status == "OK", (command, words, answer)
        return answer  # type: ignore[no-any-return]
