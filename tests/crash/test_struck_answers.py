"""The program is killed while it does what the user said about held deletions: they are done as said, once, or wait.

Whoever repeats what he said gets it. Until then every message is on disk, on the server or in the quarantine.
"""

from __future__ import annotations

import asyncio
import shutil
import signal

import pytest
from tests.crash import ptrace
from tests.crash.trials import parts, points_of
from tests.crash.voyages import struck, told
from tests.real.mixed import assert_agreed, quarantined
from tests.real.program import MODULE, run_program
from tests.real.voyage import Voyage, digests, message

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only"),
    pytest.mark.timeout(900),
]

STRUCK = parts(1, whole=8)
HELD = [message(number) for number in range(8)]
OTHERS = [message(number) for number in range(20, 23)]
LOST = ("on disk", "on the server")
SAID = ("confirm", "restore")


async def held(voyage: Voyage, lost: str) -> Voyage:
    """All of a folder is gone from one side, and what would follow is held."""
    voyage.create("Archive")
    voyage.deliver(*HELD, folder="Archive")
    voyage.deliver(*OTHERS)
    (await voyage.sync()).assert_clean()
    if lost == "on disk":
        for file in voyage.files("Archive"):
            file.unlink()
    else:
        with voyage.phone("Archive") as phone:
            phone.store("1:*", "+FLAGS", r"(\Deleted)")
            phone.expunge()
    assert (await voyage.sync()).code == 6
    return voyage


@pytest.fixture
async def waiting(dovecot, tmp_path):
    """Makes voyages on which deletions wait for the user's word."""
    numbers = iter(range(1000))

    async def make(lost: str) -> Voyage:
        home = tmp_path / str(next(numbers)) / "home"
        home.mkdir(parents=True)
        return await held(Voyage(home, dovecot.account()), lost)

    return make


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("part", STRUCK)
async def test_who_is_killed_while_held_deletions_are_answered_loses_nothing(waiting, said, lost, part, tried):
    moments = await count(waiting, said, lost)
    for point in points_of(part, STRUCK, moments):
        voyage = await waiting(lost)
        died = await asyncio.to_thread(struck, voyage, point + 1, command=(said, voyage.name))
        with told(f"{said} killed at call {point + 1} of {moments}"):
            assert died.returncode == 128 + signal.SIGKILL or point > moments * 0.9, died
            assert "Traceback" not in died.stderr
            safe = quarantined(voyage) | voyage.on_disk("Archive").keys() | voyage.on_server("Archive").keys()
            assert digests(HELD) <= safe or (said == "confirm" and lost == "on disk")
            again = await asyncio.to_thread(run_program, voyage, program=(*MODULE, said, voyage.name))
            assert again.returncode == 0, again
            assert_said(voyage, said, lost)
            assert (await voyage.sync()).done.changes == 0
        tried("system calls struck while held deletions were answered", 1)
        shutil.rmtree(voyage.mail.parents[1])


async def count(waiting, said: str, lost: str) -> int:
    voyage = await waiting(lost)
    record = voyage.mail.parents[1] / "record"
    done = await asyncio.to_thread(struck, voyage, 0, record, command=(said, voyage.name))
    assert done.returncode == 0, done
    assert_said(voyage, said, lost)
    return int(record.with_name("record.moments").read_text())


def assert_said(voyage: Voyage, said: str, lost: str) -> None:
    """It is as the user said."""
    found = assert_agreed(voyage, "Archive", "INBOX")
    assert {key for key, _ in found["INBOX"]["server"]} == digests(OTHERS)
    left = found["Archive"]["server"]
    assert {key for key, _ in left} == (digests(HELD) if said == "restore" else set())
    assert set(left.values()) <= {1}
    if (said, lost) == ("confirm", "on the server"):
        assert digests(HELD) <= quarantined(voyage)
