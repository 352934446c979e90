"""What the tests of crashes share: mixed voyages that are about to be made, and the outcome of an unharmed one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from tests.crash.small_disk import can_mount
from tests.crash.voyages import Unharmed, struck
from tests.real.mixed import assert_agreed, change, prepare
from tests.real.voyage import Voyage

collect_ignore = [] if can_mount() else ["test_small_disks.py"]


@pytest.fixture(scope="session")
def calm(dovecot, tmp_path_factory) -> Unharmed:
    """The unharmed voyage."""
    base = tmp_path_factory.mktemp("calm")
    (base / "home").mkdir()
    voyage = Voyage(base / "home", dovecot.account())
    asyncio.run(prepare(voyage))
    change(voyage)
    done = struck(voyage, 0, base / "record")
    assert done.returncode == 0, done
    kinds = Counter(json.loads(line)["call"] for line in (base / "record").read_text().splitlines())
    return Unharmed(assert_agreed(voyage), int((base / "record.moments").read_text()), kinds)


@pytest.fixture
async def ready(dovecot, tmp_path):
    """Makes voyages before which lies a mixed run, each in the directory `home` of one of its own."""
    numbers = iter(range(1000))

    async def make() -> Voyage:
        home = tmp_path / str(next(numbers)) / "home"
        home.mkdir(parents=True)
        voyage = Voyage(home, dovecot.account())
        await prepare(voyage)
        await asyncio.to_thread(change, voyage)
        return voyage

    return make
