"""What each job may cost on the wire: round trips and commands, on a line that writes everything down; no times.

A job runs over a `Recorder` (tests/servers/recorder.py says what it counts), with a delay of some hundredths of a
second, so that an answer in several pieces does not look like several answers. For a job of the whole program:

    async with recording(voyage) as wire:
        await voyage.sync()  # the server is known from now on
        wire.forget()
        await voyage.sync()
    assert wire.round_trips <= 1
    assert wire.commands_sent("STATUS") == []
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.real.budget import settle
from tests.real.caller import Caller, calling
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer
from tests.servers.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from postboat.model import FolderName

pytestmark = pytest.mark.real

DELAY = 0.025
FOLDERS = ("A", "A/B", "C")
SERVERS = ["dovecot", "no_list_status", "no_condstore", "no_sasl_ir", "cyrus", "courier", "pymap"]
BASE = "IMAP4rev1 LITERAL+ UIDPLUS NAMESPACE ENABLE"


@asynccontextmanager
async def recording(voyage: Voyage) -> AsyncIterator[Recorder]:
    """Put a recorder between a voyage and its server."""
    async with Recorder(voyage.account.host, voyage.account.port, delay=DELAY) as wire:
        voyage.vary(remotehost=wire.host, remoteport=wire.port)
        yield wire


@pytest.fixture(scope="module")
def no_list_status() -> Iterator[DovecotServer]:
    """Dovecot that does not count while it lists."""
    with DovecotServer(capability=f"{BASE} SASL-IR CONDSTORE QRESYNC") as server:
        yield server


@pytest.fixture(scope="module")
def no_condstore() -> Iterator[DovecotServer]:
    """Dovecot that keeps no mod-sequences, as far as it says."""
    with DovecotServer(capability=f"{BASE} SASL-IR LIST-EXTENDED LIST-STATUS SPECIAL-USE") as server:
        yield server


@pytest.fixture(scope="module")
def no_sasl_ir() -> Iterator[DovecotServer]:
    """Dovecot that takes no initial response with AUTHENTICATE, as far as it says."""
    with DovecotServer(extra=f"imap_capability = {BASE} LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC") as server:
        yield server


@pytest.fixture(params=SERVERS)
async def caller(request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    """Somebody with some folders on each kind of server."""
    async with calling(request.getfixturevalue(request.param).account(), *FOLDERS, delay=DELAY) as caller:
        yield caller


async def acquainted(caller: Caller) -> list[FolderName]:
    """Call as often as it takes to know the server, four times at Cyrus; the folders it has.

    There what comes behind AUTHENTICATE costs the connection: the first call that tries it may have had bad luck.
    """
    for _ in range(4):
        found = await caller.listed()
    return [folder.name for folder in found.folders if folder.selectable]


# Signing in and listing


async def test_a_known_server_tells_all_its_folders_one_round_trip_after_its_greeting(caller: Caller) -> None:
    known = await acquainted(caller)
    found = await caller.listed(known)
    assert caller.wire.round_trips == 1
    assert len(caller.wire.connections) == 1
    assert {folder.name for folder in found.folders if folder.glimpse} == set(known)


async def test_a_further_connection_to_a_known_server_takes_one_round_trip_too(caller: Caller) -> None:
    await acquainted(caller)
    async with caller.call(2) as (_, pool), pool.session(), pool.session():
        pass
    assert [connection.round_trips for connection in caller.wire.connections] == [1, 1]
    assert not caller.wire.commands_sent("LIST")


@pytest.mark.parametrize("server", ["dovecot", "cyrus"])
async def test_an_unknown_server_takes_one_round_trip_more(server: str, request: pytest.FixtureRequest) -> None:
    async with calling(request.getfixturevalue(server).account(), *FOLDERS, delay=DELAY) as caller:
        found = await caller.listed()
    assert caller.wire.round_trips == 2
    assert all(folder.glimpse and folder.glimpse.checkpoint for folder in found.folders)


async def test_leaving_is_no_round_trip(caller: Caller) -> None:
    await acquainted(caller)
    await caller.listed()
    assert caller.wire.connections[0].flights[-1] == ["LOGOUT"]


async def test_no_folder_is_opened_or_counted_by_itself_where_the_list_counts(dovecot: DovecotServer) -> None:
    async with calling(dovecot.account(), *FOLDERS, delay=DELAY) as caller:
        known = await acquainted(caller)
        await caller.listed(known)
    sent = caller.wire.commands_sent()
    assert sorted(command.split()[0] for command in sent) == [
        "AUTHENTICATE",
        "ENABLE",
        "ID",
        "LIST",
        "LOGOUT",
        "NAMESPACE",
    ]


# Whole runs: `test_job_budget.py` has more of them


@pytest.mark.parametrize("server", ["dovecot", "no_list_status"])
async def test_a_run_in_which_nothing_changed_takes_one_round_trip(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    voyage = Voyage(tmp_path, request.getfixturevalue(server).account())
    voyage.create(*FOLDERS)
    voyage.deliver(*map(message, range(3)))
    async with recording(voyage) as wire:
        await voyage.sync()
        settle(voyage)
        await voyage.sync()
        wire.forget()
        (await voyage.sync()).assert_clean()
    assert wire.round_trips == 1
    assert len(wire.connections) == 1
    assert not wire.commands_sent("SELECT", "EXAMINE", "UID")
