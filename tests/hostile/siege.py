"""A whole account of the program between a lying server and a Maildir: what a lie may change, and what comes after."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING

from tests.fakes.lying_server import Answer, LyingServer, Mailbox
from tests.real.voyage import Sailed, Voyage, digest
from tests.servers.process import Account

from postboat.model import SEEN
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

LINE = b"\r\n"
CHANGING = ("APPEND", "UID STORE", "UID EXPUNGE", "EXPUNGE", "UID MOVE", "UID COPY", "CREATE", "DELETE", "RENAME")


class Siege(Voyage):
    """One account of `server`, synced by the real service over real sockets."""

    def __init__(self, home: Path, server: LyingServer, port: int, **remote) -> None:
        options = {"timeout": 5, "maxconnections": 1, "local": None}
        super().__init__(home, Account("127.0.0.1", port, "me", "pw"), **(options | remote))
        self.server, self.home = server, home

    async def sync(self, options: RunOptions = RunOptions(), prompter=None) -> Sailed:
        """One run; what was asked of the server before is forgotten."""
        self.server.said.clear()
        return await super().sync(options, prompter)

    # ---- what there is --------------------------------------------------------------------------------------

    def agreed(self) -> list[tuple]:
        """All pairings of the ledger with their folders."""
        rows: list[tuple] = []
        for path in self.state.glob("*.ledger"):
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
                rows += ledger.execute("SELECT folder.remote, pairing.* FROM pairing JOIN folder ON folder = id")
        return sorted(rows)

    def everything(self) -> dict[str, bytes]:
        """Every file below the home, but the ledger's."""
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in sorted(self.home.rglob("*"))
            if path.is_file() and self.state not in path.parents
        }

    def standing(self) -> tuple:
        """What no lie and no parser's error may change: all mail on disk and all that is agreed."""
        return self.everything(), self.agreed()

    def served(self, folder: str = "INBOX") -> dict[bytes, bool]:
        """Digest of each message on the server, and whether it is read."""
        return {digest(mail.wire): SEEN in mail.flags for mail in self.server.boxes[folder].mail}

    def stored(self, folder: str = "INBOX") -> dict[bytes, bool]:
        """The same of those on disk."""
        return {content: "S" in letters for content, letters in self.on_disk(folder).items()}

    def assert_in_step(self, *folders: str) -> None:
        """Both sides hold the same messages, each once."""
        for folder in folders or ("INBOX",):
            assert self.stored(folder) == self.served(folder), folder
            assert len(self.files(folder)) == len(self.server.boxes[folder].mail), folder

    def asked_to_change(self) -> list[str]:
        """Commands of the last run that change anything on the server."""
        return self.server.commands(*CHANGING)


@asynccontextmanager
async def besieged(home: Path, server: LyingServer, **remote) -> AsyncIterator[Siege]:
    """An account of the server, not synced yet."""
    async with server.listening() as port:
        yield Siege(home, server, port, **remote)


def peaceful(capabilities: str, *, messages: int = 6) -> LyingServer:
    """A server with some mail that does not lie yet."""
    server = LyingServer(capabilities)
    for number in range(messages):
        server.inbox.put(mail(number), *([SEEN] if number % 2 else []))
    return server


def mail(number: int, text: str = "hello") -> bytes:
    """A message in wire form."""
    return f"Message-ID: <{number}@example.org>\r\nSubject: message {number}\r\n\r\n{text}\r\n".encode()


def instead(octets: bytes, *, is_last: bool = False) -> Callable[[Answer, bytes], Answer]:
    """A lie: these octets as they are in place of the answer."""
    return lambda _answer, _command: Answer(octets=octets, is_last=is_last)


def before(*lines: bytes) -> Callable[[Answer, bytes], Answer]:
    """A lie: more untagged lines, before all others."""
    return lambda answer, _command: Answer([*lines, *answer.untagged], answer.tagged)


def behind(*lines: bytes) -> Callable[[Answer, bytes], Answer]:
    """A lie: more untagged lines, behind all others."""
    return lambda answer, _command: Answer([*answer.untagged, *lines], answer.tagged)


def altered(alter: Callable[[bytes], bytes | None]) -> Callable[[Answer, bytes], Answer]:
    """A lie: each untagged line altered, or left out where that gives None."""

    def lie(answer: Answer, _command: bytes) -> Answer:
        lines = [line for each in answer.untagged if (line := alter(each)) is not None]
        return Answer(lines, answer.tagged)

    return lie


def renamed(server: LyingServer, box: str, new: str) -> Mailbox:
    """The mailbox under another name."""
    server.boxes[new] = server.boxes.pop(box)
    return server.boxes[new]
