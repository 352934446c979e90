"""Whole runs of the program, and single mailboxes of it, against a server whose words a test knows.

`sailing` is an account on a server that keeps mail and has its provider's manners (`provider`); `scripted` is for a
dialogue of which every word is given.
"""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

from tests.contract.worlds import Baseline
from tests.fakes.lying_server import Answer, LyingServer
from tests.fakes.scripted_server import serve
from tests.real.voyage import Voyage, digest
from tests.servers.process import Account

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect
from postboat.imap.pool import Pool
from postboat.model import NO_FLAGS, SEEN, Content
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.fakes.scripted_server import ScriptedServer

    from postboat.imap.mailbox import ImapMailbox
    from postboat.imap.session import Session
    from postboat.model import Flags, Gone, Key, Unreadable

AGAIN = RunOptions(retry=True)
"""A run that tries what failed before at once, and does not wait for its time."""
CHANGING = ("APPEND", "UID STORE", "UID EXPUNGE", "EXPUNGE", "UID MOVE", "UID COPY", "CREATE", "DELETE", "RENAME")


def mail(number: int, text: str = "hello") -> bytes:
    """A message in wire form."""
    return f"Message-ID: <{number}@example.org>\r\nSubject: message {number}\r\n\r\n{text}\r\n".encode()


class Ship(Voyage):
    """One account of `server`, synced by the real service over real sockets."""

    def __init__(self, home: Path, server: LyingServer, port: int, **remote) -> None:
        options = {"timeout": 5, "maxconnections": 1}
        super().__init__(home, Account("127.0.0.1", port, "me", "pw"), **(options | remote))
        self.server = server

    async def sync(self, *args, **kwargs):
        """One run; what was asked of the server before is forgotten."""
        self.server.said.clear()
        return await super().sync(*args, **kwargs)

    def ashore(self, folder: str = "INBOX") -> list[bytes]:
        """Digests of the messages on disk, in order of their names."""
        return sorted(digest(file.read_bytes()) for file in self.files(folder))

    def aboard(self, folder: str = "INBOX") -> list[bytes]:
        """Digests of the messages on the server."""
        return sorted(digest(mail.wire) for mail in self.server.boxes[folder].mail)

    def assert_in_step(self, *folders: str) -> None:
        """Both sides hold the same messages, each as often as the other."""
        for folder in folders or ("INBOX",):
            assert self.ashore(folder) == self.aboard(folder), folder

    def asked_to_change(self) -> list[str]:
        """Commands of the last run that change anything on the server."""
        return self.server.commands(*CHANGING)

    async def assert_at_rest(self, code: int = 0) -> None:
        """A run from here does nothing and asks for nothing to be done."""
        sailed = await self.sync()
        assert sailed.code == code, sailed.events
        assert not self.asked_to_change()


@asynccontextmanager
async def sailing(home: Path, server: LyingServer, **remote) -> AsyncIterator[Ship]:
    """An account of the server, not synced yet."""
    async with server.listening() as port:
        yield Ship(home, server, port, **remote)


def provider(capabilities: str, *messages: bytes, greeting: str = "ready") -> LyingServer:
    """A server that greets as its provider's does, signed in already, and holds messages."""
    server = LyingServer(capabilities)
    server.greeting = f"* PREAUTH [CAPABILITY {capabilities}] {greeting}\r\n".encode()
    for each in messages:
        server.inbox.put(each)
    return server


def server_of(capabilities: str, count: int = 8, greeting: str = "ready") -> LyingServer:
    """Such a server with messages 1 to `count`, whose UIDs are the same numbers."""
    return provider(capabilities, *(mail(number) for number in range(1, count + 1)), greeting=greeting)


def listings(server: LyingServer) -> list[str]:
    """Commands of the last run that asked for the flags of all known messages."""
    return [said for said in server.commands("UID FETCH 1:") if said.endswith(" (UID FLAGS)")]


def change_a_little(server: LyingServer) -> None:
    """What a day brings: message 2 is read, message 3 removed, and message 100 is new."""
    server.inbox.flag(2, SEEN)
    server.inbox.drop(3)
    server.inbox.put(mail(100))


@asynccontextmanager
async def scripted(*scripts: str) -> AsyncIterator[tuple[Pool[Session], ScriptedServer]]:
    """A pool of one session to a server that expects exactly these dialogues, one for each connection."""

    async def password(_: str | None) -> tuple[str, Secret]:
        return "me", Secret("pw")

    async with serve(*scripts) as server:
        remote = ServerConfig(
            name="r",
            remotehost="127.0.0.1",
            remoteport=server.port,
            remoteuser="me",
            ssl=False,
            starttls=False,
            timeout=5,
        )
        pool: Pool[Session] = Pool(lambda: connect(remote, password), 1)
        try:
            yield pool, server
        finally:
            for session in list(pool._open):
                session.abort()


async def read(box: ImapMailbox, *keys: Key) -> list[Content | Gone | Unreadable]:
    """All that reading gives."""
    async with aclosing(box.read(keys)) as items:  # type: ignore[type-var]
        return [item async for item in items]


def knows(*uids: int, flags: Flags = NO_FLAGS, checkpoint: str | None = None) -> Baseline:
    """What was agreed on messages of these UIDs."""
    return Baseline({str(uid): flags for uid in uids}, checkpoint=checkpoint, validity="7")


def once(lie: Callable[[Answer, bytes], Answer | None]) -> Callable[[Answer, bytes], Answer | None]:
    """Lie the first time only."""
    told: list[bytes] = []

    def maybe(answer: Answer, command: bytes) -> Answer | None:
        told.append(command)
        return lie(answer, command) if len(told) == 1 else answer

    return maybe


def refusing(text: bytes) -> Callable[[Answer, bytes], Answer]:
    """A lie: this tagged answer, and nothing else."""
    return lambda _answer, _command: Answer(tagged=text)


def with_room_for_one(server: LyingServer, greeting: str, refusal: str | None) -> list[bytes]:
    """Let the server serve one connection at a time; others get this greeting, and this answer to what they say.

    Without a `refusal` the greeting is all they get. The list that is returned holds what they said.
    """
    serve_one, inside, refused = server._serve, [], []

    async def at_the_door(reader, writer) -> None:
        if inside:
            writer.write(greeting.encode() + b"\r\n" if greeting else b"")
            line = await reader.readline() if refusal is not None else b"nothing"
            refused.append(line)
            if refusal is not None:
                writer.write(line.split(b" ")[0] + b" " + refusal.encode() + b"\r\n")
            writer.close()
            return
        inside.append(writer)
        try:
            await serve_one(reader, writer)
        finally:
            inside.clear()

    server._serve = at_the_door  # type: ignore[method-assign]
    return refused
