"""The program is killed while it does on a crossing what its user said of deletions: of those held, and of those done.

Its user says it again, at once or after another run: then it is done as said, and once.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.crash import ptrace
from tests.crash.crossings import LARGE, kept
from tests.crash.trials import ALL, SEED, at_most, parts, points_of
from tests.crash.voyages import struck, told
from tests.real.crossing import between
from tests.real.program import MODULE, run_program
from tests.real.voyage import digests, message

from postboat.model import Side

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.crossing import Crossing

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not ptrace.supported(), reason="programs can be traced on Linux only"),
    pytest.mark.timeout(900),
]

KINDS = [("dovecot", "dovecot"), ("cyrus", "courier"), ("maildir", "maildir")]
BLOWS, OF_EACH = parts(1, whole=5), 5
DELETED = [*map(message, range(4)), message(4, size=LARGE)]
RESTORE = ("restore", "Test", "--deleted")
HELD = list(itertools.product(KINDS, Side, ("confirm", "restore")))
"""Two ends, which of them lost a folder's messages, and what its user says of that."""


def named(what: tuple[str, str] | Side | str) -> str:
    """What a test is called after."""
    return what if isinstance(what, str) else what.value if isinstance(what, Side) else "-".join(what)


async def count_calls(crossing: Crossing, *command: str) -> int:
    """At how many calls the program could be killed that is not; it must come to its end."""
    record = crossing.home.with_name(f"{crossing.home.name}.record")
    assert (await asyncio.to_thread(struck, crossing, 0, record, command=command)).returncode == 0
    return int(record.with_name(f"{record.name}.moments").read_text())


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


@pytest.mark.parametrize("kinds", KINDS if ALL else KINDS[:1], ids=named)
@pytest.mark.parametrize("part", BLOWS)
async def test_who_is_killed_while_messages_are_put_back_has_them_once(kinds, part, request, tmp_path, tried):
    crossing = await about_to_put_back(kinds, tmp_path / "calm", request)
    calls = await count_calls(crossing, *RESTORE)
    assert_back(crossing)
    for point in at_most(OF_EACH, points_of(part, BLOWS, calls)):
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


async def about_to_answer(kinds: tuple[str, str], lost: Side, home: Path, request: pytest.FixtureRequest) -> Crossing:
    """All messages are gone from one end, and what would follow is held."""
    home.mkdir(parents=True)
    crossing = between(kinds, home, request)
    crossing.remote.deliver(*DELETED, message(5), flags=r"\Flagged")
    await crossing.settle()
    crossing.ends[lost].empty()
    assert (await crossing.sync()).code == 6
    return crossing


def assert_said(crossing: Crossing, lost: Side, said: str) -> None:
    """It is as the user said."""
    crossing.assert_same()
    wanted = digests([*DELETED, message(5)])
    assert crossing.remote.holds().keys() == (wanted if said == "restore" else set())
    if (lost, said) == (Side.REMOTE, "confirm"):
        assert kept(crossing) == Counter(wanted)


@pytest.mark.parametrize(("kinds", "lost", "said"), HELD if ALL else [HELD[SEED % 4]], ids=named)
@pytest.mark.parametrize("part", BLOWS)
async def test_who_is_killed_while_held_deletions_are_answered_loses_nothing(
    kinds, lost, said, part, request, tmp_path, tried
):
    crossing = await about_to_answer(kinds, lost, tmp_path / "calm", request)
    calls = await count_calls(crossing, said, "Test")
    assert_said(crossing, lost, said)
    for point in at_most(OF_EACH, points_of(part, BLOWS, calls)):
        crossing = await about_to_answer(kinds, lost, tmp_path / str(point), request)
        died = await asyncio.to_thread(struck, crossing, point + 1, command=(said, "Test"))
        with told(f"{said} killed at call {point + 1} of {calls}"):
            assert died.returncode == 128 + signal.SIGKILL or (died.returncode == 0 and point > calls * 0.8), died
            safe = crossing.remote.census() + crossing.local.census()
            assert digests(DELETED) <= {key for key, _ in safe} | kept(crossing).keys() or said == "confirm"
            again = await asyncio.to_thread(run_program, crossing, program=(*MODULE, said, "Test"))
            assert again.returncode == 0, again
            assert_said(crossing, lost, said)
            await crossing.assert_at_rest()
        tried("system calls struck while held deletions between two shores were answered", 1)
        shutil.rmtree(crossing.home)
