"""A client of one account behind a recorder, for tests of sign-ins and listings without the rest of a run."""

from __future__ import annotations

import imaplib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.servers.recorder import Recorder

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect
from postboat.imap.folders import ImapFolders
from postboat.imap.memory import Lesson, ServerMemory
from postboat.imap.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from tests.servers.process import Account

    from postboat.folder_list import FolderList
    from postboat.imap.session import Session
    from postboat.model import FolderName


class Caller:
    """Calls the server anew each time, as each run of the program does, and remembers what the last call taught."""

    def __init__(self, account: Account, wire: Recorder) -> None:
        self.account, self.wire = account, wire
        self.remembered = ""

    @property
    def remote(self) -> ServerConfig:
        """Where the server is: behind the recorder."""
        return ServerConfig(
            name="R",
            remotehost=self.wire.host,
            remoteport=self.wire.port,
            remoteuser=self.account.user,
            ssl=False,
            starttls=False,
            timeout=20,
        )

    @asynccontextmanager
    async def call(self, size: int = 1) -> AsyncIterator[tuple[ImapFolders, Pool[Session]]]:
        """The account's folders and the pool behind them, over a wire that is blank again."""
        self.wire.forget()
        memory = ServerMemory()
        memory.restore(self.remembered)

        async def password(_refusal: str | None) -> tuple[str, Secret]:
            return self.account.user, Secret(self.account.password)

        async def dial() -> Session:
            return await connect(self.remote, password, memory=memory, behind=folders.ask_early)

        pool = Pool(dial, size)
        folders = ImapFolders(pool, owner="me", memory=memory)
        try:
            yield folders, pool
        finally:
            await pool.close()
            self.remembered = memory.text()

    async def listed(self, known: Collection[FolderName] = ()) -> FolderList:
        """What one call lists; the wire then shows what it cost."""
        async with self.call() as (folders, _):
            return await folders.list(known=known)

    @property
    def lesson(self) -> Lesson:
        """What is remembered."""
        memory = ServerMemory()
        memory.restore(self.remembered)
        lesson = memory.recall(f"{self.wire.host}:{self.wire.port}")
        assert lesson is not None
        return lesson

    def misremember(self, **wrong: object) -> None:
        """Remember something else than what the server taught."""
        memory = ServerMemory()
        memory.restore(self.remembered)
        memory.correct(**wrong)
        self.remembered = memory.text()


@asynccontextmanager
async def calling(account: Account, *folders: str, delay: float = 0.0) -> AsyncIterator[Caller]:
    """A caller of an account in which `folders` were made, given by their parts joined with "/"."""
    with imaplib.IMAP4(account.host, account.port) as phone:
        if phone.state != "AUTH":
            phone.login(account.user, account.password)
        for folder in folders:
            status, answer = phone.create(account.prefix + folder.replace("/", account.delimiter))
            assert status == "OK", answer
            phone.select(account.prefix + folder.replace("/", account.delimiter))
        phone.select()  # Courier makes up a UIDVALIDITY for every STATUS until a folder is opened
    async with Recorder(account.host, account.port, delay=delay) as wire:
        yield Caller(account, wire)
