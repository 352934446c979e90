"""The power fails in the middle of a mixed voyage: whatever a journaling file system leaves, the next run makes it good.

The program is killed at a system call while a record is kept of what it did to the disk. From that a model of a file
system with its caches makes images of what a power cut could have left of Maildir, ledger and quarantine (see
`power`); each is brought about on the real disk, beside its own copy of the server as it was left. The outcome is that of
an unharmed voyage: nothing lost, doubled or deleted, and another run has nothing to do.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.power import Disk, Picture, bring_about, lay_up, photograph, read_record
from tests.crash.trials import ALL, SEED, parts, points_of
from tests.crash.voyages import struck, told
from tests.real.mixed import assert_recovers, census, reasons
from tests.real.program import configure
from tests.real.voyage import digest, message

from postboat.ledger import unsynced

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.voyage import Voyage
    from tests.servers.dovecot import DovecotServer

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only"),
    pytest.mark.timeout(900),
]

CUTS, UNSYNCED = parts(8), parts(2, whole=12)
IMAGES = 4 if ALL else 3
"""Images made of each cut."""


class Blackout:
    """A voyage that ended in a power cut, and what may be left of it."""

    def __init__(self, voyage: Voyage, moment: int, *options: str) -> None:
        self.voyage = voyage
        self.home, self.record = voyage.mail.parent, voyage.mail.parents[1] / "record"
        self.attic = self.home.parent / "record.attic"
        configure(voyage)
        before = photograph(self.home)
        self.died = struck(voyage, moment, self.record, *options)
        assert "Traceback" not in self.died.stderr, self.died
        self._disk = Disk(before, read_record(self.record))
        lay_up(self.home, self.attic)

    def image(self, seed: str) -> Picture:
        """One of the things that may be left."""
        chance = random.Random(seed)
        picture = self._disk.names(chance, journal=chance.random() < 0.5)
        for path, number in list(picture.names.items()):
            if path.endswith("-shm"):  # written through memory: anything may be there, or nothing
                picture.octets[number] = chance.choice((b"", bytes(32768), chance.randbytes(32768)))
            elif number > 0:
                picture.octets[number] = self._disk.octets(number, chance)
        return picture

    def leave(self, picture: Picture) -> None:
        """Bring it about."""
        bring_about(picture, self.home, self.attic)


class ServerCopy:
    """What a server is left with, once nobody is at work there any more: it can be put back."""

    def __init__(self, server: DovecotServer, user: str, place: Path) -> None:
        self._server, self._user, self._mail, self._copy = server, user, server.mail_of(user), place
        self._wait()
        shutil.copytree(self._mail, place, symlinks=True)

    def put_back(self) -> None:
        """Let the account be as it was."""
        self._wait()
        shutil.rmtree(self._mail)
        shutil.copytree(self._copy, self._mail, symlinks=True)
        self._server.own(self._mail)

    def _wait(self) -> None:
        while self._server.connections(self._user):
            time.sleep(0.01)


@pytest.mark.parametrize("part", CUTS)
async def test_a_power_cut_loses_nothing_doubles_nothing_and_deletes_nothing(ready, calm, dovecot, part, tried):
    for point in points_of(part, CUTS, calm.moments + 1):
        moment = (point + 1) % (calm.moments + 1)  # 0: right after the end
        voyage = await ready()
        blackout = await asyncio.to_thread(Blackout, voyage, moment)
        base = voyage.mail.parents[1]
        server = await asyncio.to_thread(ServerCopy, dovecot, voyage.account.user, base / "server")
        for number in range(IMAGES):
            seed = f"{SEED} {moment} {number}"
            if number:
                await asyncio.to_thread(server.put_back)
            await asyncio.to_thread(blackout.leave, blackout.image(seed))
            with told(f"power cut at call {moment} of {calm.moments}, image of seed {seed!r}"):
                await assert_recovers(voyage, calm.outcome)
            tried("images of power cuts", 1)
        shutil.rmtree(base)


@pytest.mark.parametrize("part", UNSYNCED)
async def test_without_fsync_a_power_cut_deletes_nothing(ready, calm, dovecot, part, tried, monkeypatch):
    """What was not yet on the disk may be lost or spoilt there; what the server has stays there, and comes again."""
    for point in points_of(part, UNSYNCED, 60):
        moment = calm.moments * point // 60
        voyage = await ready()
        blackout = await asyncio.to_thread(Blackout, voyage, moment, "-k", "general:fsync=no")
        base = voyage.mail.parents[1]
        server = await asyncio.to_thread(ServerCopy, dovecot, voyage.account.user, base / "server")
        there = contents(voyage)
        for number in range(IMAGES):
            seed = f"{SEED} {moment} {number}"
            await asyncio.to_thread(server.put_back)
            await asyncio.to_thread(blackout.leave, blackout.image(seed))
            with told(f"power cut without fsync at call {moment} of {calm.moments}, image of seed {seed!r}"):
                with monkeypatch.context() as restarted:
                    restarted.setattr(unsynced, "boot", lambda: "the next")
                    after = await voyage.sync()
                assert after.code in (0, 3) and "internal" not in reasons(after), after.events
                left = contents(voyage)
                assert not there - left - (OLD if moment else set()), "deleted on the server"
                again = await voyage.sync()  # no server takes an empty file
                assert again.code in (0, 3) and (await voyage.sync()).done.changes == 0, again.events
            tried("images of power cuts without fsync", 1)
        shutil.rmtree(base)


OLD = {digest(message(number)) for number in (2,)}
"""What the user had deleted on disk."""


def contents(voyage: Voyage) -> set[bytes]:
    """All contents on the server."""
    return {content for sides in census(voyage).values() for content, _ in sides["server"]}
