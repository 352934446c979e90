"""What is remembered of a server may be wrong in every way: a run then finds what one without memory finds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.real.caller import calling
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer

from postboat.imap.memory import ServerMemory
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.model import Side

if TYPE_CHECKING:
    from tests.real.caller import Caller

    from postboat.folder_list import FolderList
    from postboat.model import FolderName

pytestmark = pytest.mark.real

SERVERS = ["dovecot", "dovecot_plain", "cyrus", "courier", "pymap"]
FOLDERS = ("A", "A/B", "Drafts")
EVERYTHING = frozenset(
    [
        "IMAP4REV1",
        "ENABLE",
        "QRESYNC",
        "CONDSTORE",
        "ID",
        "NAMESPACE",
        "LIST-EXTENDED",
        "LIST-STATUS",
        "SPECIAL-USE",
        "LITERAL+",
        "SASL-IR",
    ]
)
WRONG: dict[str, dict[str, object]] = {
    "every capability": {"capabilities": EVERYTHING},
    "no capability": {"capabilities": frozenset({"IMAP4REV1"})},
    "a mechanism that was not used": {"mechanism": "CRAM-MD5"},
    "a mechanism that takes nothing behind": {"mechanism": "PLAIN", "deaf_behind": frozenset()},
    "the other mechanism": {"mechanism": "LOGIN", "deaf_behind": frozenset({"PLAIN"})},
    "mechanisms offered": {"offered": frozenset({"AUTH=GSSAPI", "SASL-IR"})},
    "that capabilities are announced": {"announces": True},
    "that capabilities are not announced": {"announces": False},
    "the delimiter": {"delimiter": "\\"},
    "no delimiter": {"delimiter": None},
    "that the extended list leaves something out": {"lists_all": False},
    "the user": {"user": "somebody else", "capabilities": EVERYTHING},
    "the server": {"place": "elsewhere:993", "capabilities": EVERYTHING},
}


@pytest.fixture(scope="module")
def dovecot_plain():
    """Dovecot that announces nothing but IMAP4rev1, and obeys all the rest."""
    with DovecotServer(capability="IMAP4rev1") as server:
        yield server


@pytest.fixture(params=SERVERS)
async def caller(request):
    async with calling(request.getfixturevalue(request.param).account(), *FOLDERS) as caller:
        yield caller


def without_glimpses(found: FolderList) -> FolderList:
    return replace(found, folders=tuple(replace(folder, glimpse=None) for folder in found.folders))


async def seen(caller: Caller, known: list[FolderName]) -> tuple[FolderList, frozenset[str], frozenset[str]]:
    """What a call finds: the folders, what the server can do, and what is switched on."""
    async with caller.call() as (folders, pool):
        found = await folders.list(known=known)
        async with pool.session() as session:
            return found, session.capabilities, session.enabled


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_memory_of(wrong: str, caller: Caller) -> None:
    first, capabilities, enabled = await seen(caller, [])
    known = [folder.name for folder in first.folders if folder.selectable]
    await caller.listed(known)
    truth = {folder.name: folder.glimpse for folder in (await caller.listed(known)).folders}

    caller.misremember(**WRONG[wrong])
    again = await seen(caller, known)
    assert (without_glimpses(again[0]), *again[1:]) == (without_glimpses(first), capabilities, enabled)
    for folder in again[0].folders:
        known_of_it = truth[folder.name]
        less = known_of_it and replace(known_of_it, checkpoint=None)
        assert folder.glimpse in (known_of_it, less, None), "less may be known, but nothing else"

    await caller.listed(known)
    last = await caller.listed(known)
    assert {folder.name: folder.glimpse for folder in last.folders} == truth, "and the next calls know it better"


@pytest.mark.parametrize("wrong", ["every capability", "a mechanism that takes nothing behind", "the delimiter"])
@pytest.mark.parametrize("server", SERVERS)
async def test_a_whole_run_with_a_wrong_memory_of(wrong: str, server: str, request, tmp_path) -> None:
    voyage = Voyage(tmp_path, request.getfixturevalue(server).account())
    voyage.deliver(*map(message, range(3)))
    (await voyage.sync()).assert_clean()
    await misremember(voyage, **WRONG[wrong])
    voyage.deliver(message(3))
    voyage.file_of(message(0)).unlink()
    done = await voyage.sync()
    done.assert_clean()
    voyage.assert_same()
    assert len(voyage.on_server()) == 3


async def misremember(voyage: Voyage, **wrong: object) -> None:
    """Write another lesson into the ledger than the server taught."""
    ledger = await AccountLedger.open(ledger_file(voyage.state, voyage.name), account=voyage.name)
    try:
        memory = ServerMemory()
        memory.restore(await ledger.remembered(Side.REMOTE))
        assert memory.text(), "the run remembered something"
        memory.correct(**wrong)
        await ledger.remember(Side.REMOTE, memory.text())
    finally:
        await ledger.close()
