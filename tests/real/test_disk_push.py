"""What a mail program does on disk reaches the server by itself, at the cost of what was done and no more."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.fakes.ears import listening
from tests.real.voyage import Voyage, append, digest, message
from tests.servers.recorder import Recorder
from tests.unit.maildir.shore import AgreedOn

from postboat.events import AccountFinished, AccountRests, AccountWaits, FolderFailed, MessageFailed
from postboat.maildir.folders import MaildirStore
from postboat.service.staying.daemon import Daemon
from postboat.service.staying.pace import Pace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from postboat.events import Event

pytestmark = [pytest.mark.real, pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")]


class Service:
    """A run that goes on, in this process."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.news = asyncio.Event()
        self.listed: list[object] = []
        """Directories of messages that were listed."""

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()

    def watch(self, *_: object) -> None:
        """Nobody looks at connections."""

    def forget(self, account: str) -> None:
        """Nor at those of one that is gone."""

    async def until(self, is_so: Callable[[], object], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not is_so():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.news.wait(), 0.02)
                self.news.clear()

    def cycles(self) -> int:
        return sum(isinstance(event, AccountFinished) for event in self.events)


@asynccontextmanager
async def staying(voyage: Voyage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Service, Recorder]]:
    """The voyage's account kept in step, once it is."""
    service, scan = Service(), os.scandir

    def counted(place):
        if isinstance(place, int):
            service.listed.append(place)
        return scan(place)

    monkeypatch.setattr(os, "scandir", counted)
    async with Recorder(voyage.account.host, voyage.account.port) as recorder:
        voyage.vary(remoteport=recorder.port, holdconnectionopen=True)
        voyage.config = replace(voyage.config, autorefresh=60.0, limits=None)
        daemon = Daemon(voyage.whole, service, lambda: voyage.whole, pace=Pace(settle_disk=0.05))  # type: ignore[arg-type]
        task = asyncio.create_task(daemon.run())
        try:
            await service.until(lambda: any(isinstance(event, AccountRests) for event in service.events))
            await asyncio.sleep(0.3)
            yield service, recorder
            wrong = [e for e in service.events if isinstance(e, AccountWaits | FolderFailed | MessageFailed)]
            assert not wrong
        finally:
            daemon.stop()
            await asyncio.wait_for(task, 10)


@pytest.fixture
async def voyage(dovecot, tmp_path, monkeypatch) -> Voyage:
    """Twenty messages in each of two folders, in step."""
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.create("Archive")
    for folder in ("INBOX", "Archive"):
        voyage.deliver(*map(message, range(20)), folder=folder)
    (await voyage.sync()).assert_clean()
    return voyage


def flag(voyage: Voyage) -> None:
    file = voyage.file_of(message(1))
    os.rename(file, file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,FS")


def remove(voyage: Voyage) -> None:
    voyage.file_of(message(2)).unlink()


def move(voyage: Voyage) -> None:
    file = voyage.file_of(message(3))
    os.rename(file, voyage.folder("Archive") / "cur" / f"moved.{file.name.partition(':')[0]}:2,S")


def move_by_link(voyage: Voyage) -> None:
    """As programs do that are afraid to overwrite."""
    file = voyage.file_of(message(3))
    os.link(file, voyage.folder("Archive") / "cur" / "moved:2,S")
    file.unlink()


def add(voyage: Voyage) -> None:
    draft = voyage.folder() / "tmp" / "draft"
    draft.write_bytes(message(100).replace(b"\r\n", b"\n"))
    os.rename(draft, voyage.folder() / "new" / "added")


def copy(voyage: Voyage) -> None:
    shutil.copy(voyage.file_of(message(4)), voyage.folder("Archive") / "cur" / "copied:2,")


def clean(voyage: Voyage) -> None:
    """Everything at once, as a mail program does that is left."""
    for file in voyage.files()[5:10]:
        os.rename(file, voyage.folder() / "cur" / f"{file.name.partition(':')[0]}:2,S")
    flag(voyage)
    remove(voyage)
    move(voyage)


DEEDS: dict[str, list[str]] = {
    "flag": ["UID STORE"],
    "remove": ["UID EXPUNGE", "UID STORE"],
    "move": ["UID MOVE", "UID STORE"],
    "move_by_link": ["UID MOVE", "UID STORE"],
    "add": ["APPEND"],
    "copy": ["APPEND"],
    "clean": ["UID EXPUNGE", "UID MOVE", "UID STORE", "UID STORE", "UID STORE", "UID STORE"],
}
"""What each is on the server."""
CHANGES = ("APPEND", "UID STORE", "UID EXPUNGE", "UID MOVE", "UID COPY")


def is_same(voyage: Voyage) -> bool:
    with suppress(FileNotFoundError):
        return all(voyage.on_disk(folder) == voyage.on_server(folder) for folder in ("INBOX", "Archive"))
    return False


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_is_done_on_disk_reaches_the_server(voyage, monkeypatch, deed):
    async with staying(voyage, monkeypatch) as (service, recorder):
        said, octets, cycles = Said(recorder), recorder.bytes_up + recorder.bytes_down, service.cycles()
        service.listed.clear()
        globals()[deed](voyage)
        await service.until(lambda: service.cycles() > cycles)
        await service.until(lambda: is_same(voyage))
        await asyncio.sleep(0.3)
        assert sorted(" ".join(c.split(" ", 2)[: c.startswith("UID") + 1]) for c in said.since(*CHANGES)) == DEEDS[deed]
        assert not said.since("LIST", "LSUB", "STATUS")
        assert recorder.bytes_up + recorder.bytes_down - octets < (12_000 if deed == "clean" else 6000)
        assert service.listed == [] or deed not in ("flag", "add", "copy")


class Said:
    """What is said from now on, over connections old and new; not what only keeps the watch of the server going."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._before = [len(connection.commands()) for connection in recorder.connections]

    def since(self, *verbs: str) -> list[str]:
        known = [*self._before, *[0] * len(self._recorder.connections)]
        said = zip(self._recorder.connections, known, strict=False)
        commands = [command for connection, before in said for command in connection.commands()[before:]]
        wanted = [command for command in commands if not verbs or command.startswith(verbs)]
        return [command for command in wanted if not command.startswith(("IDLE", "NOTIFY"))]


async def test_what_comes_from_the_server_is_not_sent_back_or_asked_for_again(voyage, monkeypatch):
    async with staying(voyage, monkeypatch) as (service, recorder):
        voyage.deliver(message(200))
        await service.until(lambda: digest(message(200)) in voyage.on_disk())
        await asyncio.sleep(0.5)
        said, cycles = Said(recorder), service.cycles()
        service.listed.clear()
        await asyncio.sleep(0.7)
        assert said.since() == [] and service.cycles() == cycles and service.listed == []
        flag(voyage)
        await service.until(lambda: is_same(voyage))
        assert service.listed == []


async def test_a_folder_made_on_disk_is_made_on_the_server(voyage, monkeypatch):
    async with staying(voyage, monkeypatch) as (service, _):
        voyage.drop(message(300), folder="Made")
        await service.until(lambda: "Made" in voyage.server_folders() and voyage.on_server("Made"))
        voyage.drop(message(301), "second", folder="Made")
        await service.until(lambda: len(voyage.on_server("Made")) == 2)


async def test_another_server_on_the_same_maildir_is_heard_as_any_program(dovecot, tmp_path):
    """Dovecot keeps lists of its own beside the messages, locks them, and renames as it likes."""
    account = dovecot.account()
    voyage = Voyage(tmp_path, account)
    voyage.create("Archive")
    voyage.deliver(*map(message, range(10)))
    store = MaildirStore(dovecot.maildir_path(account.user), "maildir++")
    names = (await store.list()).names
    agreed = {name: AgreedOn() for name in names}
    async with listening(store, names) as (ears, watch):

        async def look(name, touched) -> bool:
            """Look at what was told, and agree on what is there; returns whether that was enough."""
            box = store.mailbox(name, touched=touched)
            agreed[name].validity = await box.validity()
            few = await box.changes(agreed[name])
            await learn(name, few)
            return not few.complete

        async def learn(name, changes) -> None:
            pairs, marks = agreed[name].pairs, agreed[name].known_marks
            for key, kept in changes.renamed.items():
                pairs[kept.key] = kept.flags
                marks[kept.key] = marks.pop(key)
            for key in changes.vanished | changes.renamed.keys():
                del pairs[key]
            pairs |= {key: one.flags for key, one in changes.appeared.items()} | dict(changes.reflagged)
            marks |= {key: one.mark for key, one in changes.appeared.items()}
            agreed[name].checkpoint = changes.checkpoint

        for name in names:
            await look(name, None)
        with voyage.phone("INBOX") as phone:
            for words in (
                ("STORE", "1:3", "+FLAGS", r"(\Flagged)"),
                ("MOVE", "4:5", "Archive"),
                ("STORE", "6", "+FLAGS", r"(\Deleted)"),
                ("EXPUNGE", "6"),
                ("COPY", "7", "Archive"),
            ):
                assert phone.uid(*words)[0] == "OK"
            append(phone, "INBOX", message(50), r"(\Seen)")
            await asyncio.sleep(0.5)
        for name in names:
            assert await look(name, ears.taken(name) or watch.untouched(name))
        for name in names:
            agreed[name].checkpoint = None
            changes = await store.mailbox(name).changes(agreed[name])
            assert changes.nothing, changes
