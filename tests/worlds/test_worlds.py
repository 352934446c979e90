"""Worlds on real servers: a few in every run of the tests, a thousand for each server by `make worlds`."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.servers.cyrus import CyrusServer
from tests.servers.dovecot import DovecotServer
from tests.worlds.machine import Worlds

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.real, pytest.mark.timeout(0)]

HOW_MANY = int(os.environ.get("POSTBOAT_WORLDS", "8"))
SEED = int(os.environ.get("POSTBOAT_SEED", random.randrange(1 << 32)))
STEPS = 16
SHRINK = not os.environ.get("POSTBOAT_UNSHRUNK")
"""Finding the shortest story takes minutes on a real server."""


@pytest.fixture(params=["dovecot", "dovecot_plain", "cyrus"])
def server(request) -> Iterator[DovecotServer | CyrusServer]:
    """A server of its own for each thousand worlds."""
    with _started(request.param) as server:
        yield server


def _started(name: str) -> DovecotServer | CyrusServer:
    if name == "cyrus":
        return CyrusServer()
    return DovecotServer(capability="IMAP4rev1" if name == "dovecot_plain" else None)


def test_whatever_happens_nothing_is_lost_and_both_sides_agree(server, request, capsys):
    facts: Counter[str] = Counter()
    machine = type(
        "Machine",
        (Worlds,),
        {"server": server, "only_marks": request.node.callspec.id == "dovecot_plain", "facts": facts},
    )
    how = settings(
        max_examples=HOW_MANY,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate, *([Phase.shrink] if SHRINK else [])],
        suppress_health_check=list(HealthCheck),
    )
    seed(SEED)(machine)
    try:
        run_state_machine_as_test(machine, settings=how)
    finally:
        with capsys.disabled():
            told = ", ".join(f"{count} {what}" for what, count in facts.items())
            print(f"\n{request.node.callspec.id}: seed {SEED}: {told}")
