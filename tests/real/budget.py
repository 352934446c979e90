"""Jobs of the whole program and what they may cost on the wire: for tests that hold each job to a budget.

A job is done by the real engine over a `Recorder`. Before it, both sides were synced until nothing was left to do and
nothing looked recently touched; the recording then holds the one run that meets what changed, and nothing else.
"""

from __future__ import annotations

import os
import re
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from tests.real.voyage import Voyage, append, message
from tests.real.voyage import wire as wire_name
from tests.servers.recorder import Recorder

from postboat.model import Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from tests.real.voyage import Sailed
    from tests.servers.process import Account

DELAY = 0.02
MUTATING = (
    *("APPEND", "CLOSE", "COPY", "CREATE", "DELETE", "EXPUNGE", "MOVE", "RENAME", "STORE", "SUBSCRIBE", "UNSUBSCRIBE"),
    *("UID COPY", "UID EXPUNGE", "UID MOVE", "UID STORE", "SETACL", "SETMETADATA"),
)
"""How commands begin that change anything on a server."""
_CARRIED = re.compile(r" \(.*", re.DOTALL)
_NUMBER = re.compile(rb"Message-ID: <(\d+)@")
_BODY = re.compile(rb"BODY\[\] (?:\{\d+\}\r\n|\")")


@dataclass(frozen=True)
class Cost:
    """What a run took: round trips of the connection with most, connections, commands, and octets each way."""

    trips: int
    connections: int
    commands: int
    up: int
    down: int

    def over(self, limit: Cost) -> dict[str, int]:
        """What is more than allowed."""
        return {name: taken for name, taken in asdict(self).items() if taken > getattr(limit, name)}


class Scene:
    """An account and its Maildir behind a recorder, and everybody who changes something there."""

    def __init__(self, voyage: Voyage, wire: Recorder) -> None:
        self.voyage, self.wire = voyage, wire
        self._number = 0

    async def calm(self) -> None:
        """Sync until there is nothing to do, nothing looks recently touched, and the server is known well."""
        (await self.voyage.sync()).assert_clean()
        settle(self.voyage)
        for _ in range(3):
            await self.voyage.sync()

    async def run(self) -> Sailed:
        """The run that is recorded."""
        self.wire.forget()
        self.wire.delay = DELAY
        sailed = await self.voyage.sync()
        self.wire.delay = 0.0
        return sailed

    # ---- what it cost

    @property
    def cost(self) -> Cost:
        """Of the recorded run."""
        connections = self.wire.connections
        up, down = sum(len(each.sent) for each in connections), sum(len(each.received) for each in connections)
        return Cost(self.wire.round_trips, len(connections), len(self.wire.commands_sent()), up, down)

    @property
    def mutations(self) -> list[str]:
        """Every command that changes something on the server, in alphabetical order; without what an APPEND carries."""
        return sorted(
            _CARRIED.sub("", command) if command.startswith("APPEND") else command
            for command in self.wire.commands_sent(*MUTATING)
        )

    @property
    def bodies(self) -> int:
        """Whole messages that came from the server."""
        return sum(len(_BODY.findall(connection.received)) for connection in self.wire.connections)

    # ---- what happens

    def messages(self, count: int, size: int = 0) -> list[bytes]:
        """New messages, all different, of about `size` octets or more."""
        self._number += count
        return [message(n, size=size) for n in range(self._number - count, self._number)]

    def deliver(self, folders: Iterable[str], count: int, size: int = 0) -> None:
        """Messages arrive on the server, so many in each folder; a folder that is not there is made."""
        with self.voyage.phone() as phone:
            for folder in folders:
                if folder != "INBOX":
                    phone.create(wire_name(folder))
                for each in self.messages(count, size):
                    append(phone, folder, each)

    def grow(self, folder: str, count: int) -> None:
        """A folder of the server comes to hold so many messages, some of them equal."""
        with self.voyage.phone(folder) as phone:
            held = len(phone.uid("SEARCH", "ALL")[1][0].split())
            while held < count:
                more = min(held, count - held)
                assert phone.copy(f"1:{more}", wire_name(folder))[0] == "OK"
                held += more

    def tell(self, *commands: tuple[str, ...], folder: str = "INBOX") -> None:
        """Another client does something on the server."""
        with self.voyage.phone(folder) as phone:
            for verb, *words in commands:
                status, answer = getattr(phone, verb)(*words)
                assert status == "OK", (verb, words, answer)

    def drop(self, folder: str, count: int, size: int = 0) -> None:
        """Another program puts new messages into a Maildir."""
        for number, each in enumerate(self.messages(count, size)):
            self.voyage.drop(each, f"{number:04}.local", folder=folder)

    def files(self, folder: str = "INBOX") -> list[Path]:
        """Messages on disk, in the order in which they were made."""
        return sorted(self.voyage.files(folder), key=_number)

    def read(self, files: Iterable[Path]) -> None:
        """Local messages are read."""
        for file in files:
            file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")

    def move(self, files: Iterable[Path], folder: str) -> None:
        """Local messages are moved to another folder."""
        for file in files:
            file.rename(self.voyage.folder(folder) / "cur" / f"{file.name.partition(':')[0]}:2,")


def _number(file: Path) -> int:
    found = _NUMBER.search(file.read_bytes())
    assert found is not None
    return int(found[1])


def settle(voyage: Voyage) -> None:
    """Let the folders on disk look as if nobody had touched them for a while."""
    for part in (*voyage.mail.glob("**/cur"), *voyage.mail.glob("**/new")):
        long_ago = part.stat().st_mtime - 3600
        os.utime(part, (long_ago, long_ago))


@asynccontextmanager
async def scene(home: Path, account: Account) -> AsyncIterator[Scene]:
    """A scene on an account."""
    async with Recorder(account.host, account.port) as wire:
        voyage = Voyage(home, account)
        voyage.config = replace(voyage.config, limits=Limits(account=1_000_000, folder=1_000_000))
        voyage.vary(remotehost=wire.host, remoteport=wire.port)
        voyage.config = replace(voyage.config, limits=None)  # what is measured is meant
        yield Scene(voyage, wire)
