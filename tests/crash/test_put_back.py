"""The program is killed while it puts back what was deleted from the local side of a crossing: all is back, and once.

Its user may say it again at once, or other runs may come between.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.crossings import LARGE, kept
from tests.crash.trials import ALL, parts, points_of
from tests.crash.voyages import struck, told
from tests.real.crossing import between
from tests.real.program import MODULE, run_program
from tests.real.voyage import digests, message

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.crossing import Crossing

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only"),
    pytest.mark.timeout(900),
]

KINDS = [("dovecot", "dovecot"), ("cyrus", "courier"), ("maildir", "maildir")]
BLOWS = parts(1, whole=10)
DELETED = [*map(message, range(4)), message(4, size=LARGE)]
RESTORE = ("restore", "Test", "--deleted")


async def about_to_put_back(kinds: tuple[str, str], home: Path, request: pytest.FixtureRequest) -> Crossing:
    """Five of six messages were deleted, and their user wants them back."""
    home.mkdir(parents=True)
    crossing = between(kinds, home, request)
    crossing.remote.deliver(*DELETED, message(9), flags=r"\Flagged")
    await crossing.settle()
    crossing.remote.delete(*DELETED)
    await crossing.settle()
    assert kept(crossing).keys() == digests(DELETED)
    return crossing


def assert_back(crossing: Crossing) -> None:
    """Every message is on both sides, once, and none is kept any more."""
    crossing.assert_same()
    assert crossing.remote.holds() == dict.fromkeys(digests([*DELETED, message(9)]), frozenset({r"\Flagged"}))
    assert not kept(crossing)


@pytest.mark.parametrize("kinds", KINDS if ALL else KINDS[:1], ids="-".join)
@pytest.mark.parametrize("part", BLOWS)
async def test_who_is_killed_while_messages_are_put_back_has_them_once(kinds, part, request, tmp_path, tried):
    crossing = await about_to_put_back(kinds, tmp_path / "calm", request)
    record = tmp_path / "record"
    assert (await asyncio.to_thread(struck, crossing, 0, record, command=RESTORE)).returncode == 0
    assert_back(crossing)
    calls = int(record.with_name("record.moments").read_text())
    for point in points_of(part, BLOWS, calls):
        crossing = await about_to_put_back(kinds, tmp_path / str(point), request)
        died = await asyncio.to_thread(struck, crossing, point + 1, command=RESTORE)
        with told(f"killed at call {point + 1} of {calls}"):
            assert died.returncode == 128 + signal.SIGKILL or (died.returncode == 0 and point > calls * 0.8), died
            if point % 2:
                await crossing.settle()
            await asyncio.to_thread(run_program, crossing, program=(*MODULE, *RESTORE))
            await crossing.settle()
            assert_back(crossing)
            await crossing.assert_at_rest()
        tried("system calls struck while messages were put back", 1)
        shutil.rmtree(crossing.home)
