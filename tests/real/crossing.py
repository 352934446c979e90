"""An account between two shores of one kind, two servers or two trees of Maildirs, and the real service between them."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.real.ends import CourierEnd, End, ServerEnd, TreeEnd
from tests.real.voyage import Sailed, configuration, reached, sail
from tests.servers.recorder import Recorder

from postboat.config.schema import AccountConfig, Config, MaildirConfig, ServerConfig
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.model import FolderName, Side, Verdict
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import pytest

    from postboat.config.schema import Repository

REMOTE, LOCAL = Side
CHANGING = ("APPEND", "COPY", "CREATE", "DELETE", "EXPUNGE", "MOVE", "RENAME", "STORE", "SUBSCRIBE", "UNSUBSCRIBE")
MUTATING = (*CHANGING, *(f"UID {verb}" for verb in CHANGING))
WHOLE = ("BODY[]", "BODY.PEEK[]", "RFC822 ")

Wires = dict[Side, Recorder]


class Crossing:
    """One account; what it remembers lies below `home`."""

    def __init__(self, home: Path, remote: End, local: End, *, name: str = "Test", **options) -> None:
        self.home, self.name, self.state = home, name, home / "state"
        self.ends: Mapping[Side, End] = {REMOTE: remote, LOCAL: local}
        self.remote, self.local = remote, local
        self.config = AccountConfig(name, self._repository(LOCAL), self._repository(REMOTE), **options)

    def _repository(self, side: Side) -> Repository:
        name, end = f"{self.name}{side.name.title()}", self.ends[side]
        if isinstance(end, TreeEnd):
            return MaildirConfig(name=name, localfolders=end.root)
        assert isinstance(end, ServerEnd)
        return ServerConfig(name=name, keepdeleted=30 if side is LOCAL else 0, **reached(end.account))

    @property
    def whole(self) -> Config:
        """The configuration of a run of this account alone."""
        return configuration([self])

    @property
    def servers(self) -> dict[Side, ServerEnd]:
        """The sides that are servers."""
        return {side: end for side, end in self.ends.items() if isinstance(end, ServerEnd)}

    def vary(self, side: Side, **options) -> None:
        """Change options of a side's repository."""
        self.config = replace(self.config, **{side.value: replace(self.config.on(side), **options)})

    async def sync(self, options: RunOptions = RunOptions(), prompter=None) -> Sailed:
        """One run of the program's own service."""
        return await sail([self], options, prompter)

    async def settle(self) -> Sailed:
        """A run in which all goes well."""
        sailed = await self.sync()
        sailed.assert_clean()
        return sailed

    @asynccontextmanager
    async def recorded(self) -> AsyncIterator[Wires]:
        """What is said to both servers meanwhile, on one connection each."""
        before = self.config
        async with AsyncExitStack() as open_:
            wires: Wires = {}
            for side, end in self.servers.items():
                wires[side] = await open_.enter_async_context(Recorder(end.account.host, end.account.port))
                self.vary(side, remoteport=wires[side].port)
            try:
                yield wires
            finally:
                self.config = before

    def forget(self) -> None:
        """Everything that was remembered is lost."""
        for file in self.state.iterdir():
            if file.is_file():
                file.unlink()

    async def decide(self, verdict: Verdict, *folder: str) -> None:
        """The user speaks of what is held."""
        async with await self.ledger() as ledger:
            assert await ledger.decide(verdict, FolderName(folder) if folder else None)

    async def ledger(self) -> AccountLedger:
        """What is remembered."""
        return await AccountLedger.open(ledger_file(self.state, self.name), account=self.name)

    def assert_same(self, *folders: str) -> None:
        """Both ends hold the same messages under the same flags, each as often; without `folders`, and have the same."""
        if not folders:
            names = self.remote.folders(), self.local.folders()
            assert names[0] == names[1], names
        for folder in folders or sorted(self.remote.folders()):
            counted = self.remote.census(folder), self.local.census(folder)
            assert counted[0] == counted[1], (
                folder,
                "only remote",
                counted[0] - counted[1],
                "only local",
                counted[1] - counted[0],
            )

    async def assert_at_rest(self) -> None:
        """A further run does nothing, and tells nobody to do anything."""
        before = self._files()
        async with self.recorded() as wires:
            again = await self.settle()
        assert again.done.changes == again.done.adopted == 0, again.done
        for wire in wires.values():
            assert wire.commands_sent(*MUTATING) == []
            assert bodies_fetched(wire) == []
        assert self._files() == before

    def _files(self) -> dict[str, tuple[int, int, int]]:
        trees = [end.root for end in self.ends.values() if isinstance(end, TreeEnd)]
        stats = {str(path): path.stat() for tree in trees for path in tree.rglob("*")}
        return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}


def bodies_fetched(wire: Recorder) -> list[str]:
    """Commands that ask for whole messages."""
    return [command for command in wire.commands_sent("UID FETCH", "FETCH") if any(item in command for item in WHOLE)]


def between(kinds: tuple[str, str], home: Path, request: pytest.FixtureRequest) -> Crossing:
    """Two empty ends; their kinds are "maildir" and names of fixtures that are servers."""

    def end(kind: str, side: Side) -> End:
        if kind == "maildir":
            return TreeEnd(home / side.value)
        server = request.getfixturevalue(kind)
        account = server.account()
        return CourierEnd(account, server.maildir_path(account.user)) if kind == "courier" else ServerEnd(account)

    return Crossing(home, *(end(kind, side) for kind, side in zip(kinds, Side, strict=True)))


def messages_sent(wire: Recorder) -> int:
    """How many messages were appended; several may go with one command (RFC 3502)."""
    return sum(command.count("Message-ID: <") for command in wire.commands_sent("APPEND"))


def assert_no_body_passed(wires: Wires) -> None:
    """No whole message was asked for, and none was sent."""
    for side, wire in wires.items():
        assert wire.commands_sent("APPEND") == [], side
        assert bodies_fetched(wire) == [], side
