"""A ledger destroyed in every way, between a real server and a Maildir in step: nothing is lost, doubled or sent."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.fakes.damage import DAMAGES, overwritten, scratched
from tests.real.mixed import reasons, sync_while
from tests.real.program import OBEDIENT, run_program
from tests.real.voyage import Voyage, digest, digests, message
from tests.servers.recorder import Recorder

from postboat.events import FolderPlanned, FolderProgressed, FolderStarted, Warned
from postboat.service.inspect import check
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.real

MESSAGES = [message(number) for number in range(30)]
WRITES = ("APPEND", "STORE", "EXPUNGE", "MOVE", "COPY", "CREATE", "DELETE")


@pytest.fixture
async def wire(dovecot) -> AsyncIterator[Recorder]:
    async with Recorder(dovecot.host, dovecot.port) as recorder:
        yield recorder


@pytest.fixture
async def voyage(dovecot, wire, tmp_path) -> Voyage:
    """Both sides hold the same messages, some of them identical, some read, and the ledger knows it."""
    sailing = Voyage(tmp_path, dovecot.account(), remotehost=wire.host, remoteport=wire.port)
    sailing.deliver(*MESSAGES[:20], MESSAGES[3])
    sailing.deliver(*MESSAGES[20:], flags="(\\Seen \\Flagged)")
    (await sailing.sync()).assert_clean()
    assert (await sailing.sync()).done.changes == 0
    return sailing


def ledger_of(voyage: Voyage) -> Path:
    return voyage.state / "Test.ledger"


def contents(voyage: Voyage) -> Counter[bytes]:
    return Counter(digest(file.read_bytes()) for file in voyage.files())


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def removed(file: Path) -> None:
    file.unlink()


def all_removed(file: Path) -> None:
    shutil.rmtree(file.parent)


def noise_beside_it(file: Path) -> None:
    file.with_name(f"{file.name}-wal").write_bytes(random.Random(1).randbytes(1 << 16))
    file.with_name(f"{file.name}-shm").write_bytes(random.Random(2).randbytes(1 << 15))


@pytest.mark.parametrize("harm", [*DAMAGES, emptied, removed, all_removed, noise_beside_it])
async def test_a_ledger_destroyed_costs_no_transfer_and_no_message(voyage, wire, harm: Callable[[Path], None]):
    ledger, before, files = ledger_of(voyage), contents(voyage), {file.name for file in voyage.files()}
    harm(ledger)
    sent = len(wire.commands_sent(*WRITES))
    bodies = len(fetched_bodies(wire))
    healed = await voyage.sync()
    healed.assert_clean()
    warnings = [warning.text for warning in healed.of(Warned)]
    if harm in (removed, all_removed, noise_beside_it):
        assert warnings == []
    else:
        assert len(warnings) == 1 and str(ledger) in warnings[0] and "none is deleted" in warnings[0]
    if harm in DAMAGES:
        assert [file.name for file in voyage.state.iterdir() if "damaged" in file.name]
    assert (healed.done.changes, healed.done.adopted) == (0, 0 if harm is noise_beside_it else 31)
    assert len(wire.commands_sent(*WRITES)) == sent and len(fetched_bodies(wire)) == bodies
    assert contents(voyage) == before and {file.name for file in voyage.files()} == files
    voyage.assert_same()
    again = await voyage.sync()
    again.assert_clean()
    assert again.done.changes == again.done.adopted == 0 and not again.of(Warned)


def fetched_bodies(wire: Recorder) -> list[str]:
    return [command for command in wire.commands_sent("UID FETCH") if "BODY.PEEK[]" in command]


@pytest.mark.parametrize("harm", [overwritten, scratched, removed])
async def test_what_changed_meanwhile_is_repeated_but_for_deletions(voyage, harm: Callable[[Path], None]):
    """Who had deleted a message gets it back: without a ledger nobody can tell it from a new one."""
    harm(ledger_of(voyage))
    voyage.deliver(message(100))
    voyage.drop(message(101), "new.1")
    voyage.file_of(MESSAGES[5]).unlink()
    healed = await voyage.sync()
    healed.assert_clean()
    assert (healed.done.up, healed.done.down) == (1, 2)
    assert healed.done.deleted_local == healed.done.deleted_remote == 0
    voyage.assert_same()
    assert contents(voyage) == Counter(digest(each) for each in [*MESSAGES, MESSAGES[3], message(100), message(101)])


async def test_the_program_says_what_it_set_aside_and_ends_well(voyage):
    overwritten(ledger_of(voyage))
    shown = await asyncio.to_thread(run_program, voyage, "--dry-run")
    assert shown.returncode == 0 and "damaged" in shown.stdout + shown.stderr
    assert "Traceback" not in shown.stderr and ledger_of(voyage).read_bytes().startswith(b"this was")
    told = await asyncio.to_thread(run_program, voyage)
    assert told.returncode == 0 and "Traceback" not in told.stderr
    assert "was set aside as Test.ledger.damaged-" in told.stdout + told.stderr
    quiet = await asyncio.to_thread(run_program, voyage)
    assert (quiet.returncode, "damaged" in quiet.stdout + quiet.stderr) == (0, False)
    voyage.assert_same()


@pytest.mark.parametrize("moment", [FolderStarted, FolderPlanned])
async def test_a_ledger_damaged_in_the_middle_of_a_run_costs_no_message(voyage, moment):
    """The run ends its account as soon as it reads what makes no sense, and the next one begins a new ledger."""
    voyage.deliver(message(100))
    voyage.drop(message(101), "new.1")
    voyage.file_of(MESSAGES[5]).unlink()
    harmed = await sync_while(voyage, lambda event: isinstance(event, moment), lambda: scratched(ledger_of(voyage)))
    assert harmed.code == 3 and "internal" not in reasons(harmed)
    assert "damaged" in reasons(harmed) and "next run sets it aside" in reasons(harmed)
    healed = await voyage.sync()
    healed.assert_clean()
    assert [warning for warning in healed.of(Warned) if "set aside as" in warning.text]
    await assert_whole(voyage)


async def test_damage_that_a_run_does_not_come_across_costs_no_message_either(voyage):
    """What it has in memory already it does not read again, and writes over what it changed."""
    voyage.deliver(message(100))
    voyage.drop(message(101), "new.1")
    voyage.file_of(MESSAGES[5]).unlink()
    moment = FolderProgressed
    harmed = await sync_while(voyage, lambda event: isinstance(event, moment), lambda: scratched(ledger_of(voyage)))
    for _ in range(2):
        assert harmed.code == 0 or "damaged" in reasons(harmed)
        harmed = await voyage.sync()
    harmed.assert_clean()
    await assert_whole(voyage)


async def assert_whole(voyage: Voyage) -> None:
    """All that there was is there once, on both sides, and there is nothing left to do."""
    voyage.assert_same()
    assert {digest(message(100)), digest(message(101))} <= contents(voyage).keys()
    assert all(count == 1 for each, count in contents(voyage).items() if each != digest(MESSAGES[3]))
    assert digests(MESSAGES) - {digest(MESSAGES[5])} <= contents(voyage).keys()
    assert (await voyage.sync()).done.changes == 0


async def test_a_log_torn_by_a_power_cut_costs_no_message(voyage):
    """The run is killed while the log holds what the ledger's file lacks; then half of the log is lost."""
    voyage.deliver(*(message(number) for number in range(100, 140)))
    saved = {}

    def keep() -> None:
        for name in ("Test.ledger", "Test.ledger-wal"):
            saved[name] = (voyage.state / name).read_bytes()

    (await sync_while(voyage, lambda event: type(event).__name__ == "FolderFinished", keep)).assert_clean()
    log = saved["Test.ledger-wal"]
    assert len(log) > 4096
    (voyage.state / "Test.ledger.seal").unlink()
    (voyage.state / "Test.ledger").write_bytes(saved["Test.ledger"])
    (voyage.state / "Test.ledger-wal").write_bytes(log[: len(log) // 2] + os.urandom(len(log) // 4))
    healed = await voyage.sync()
    healed.assert_clean()
    assert healed.done.changes == 0 and not healed.of(Warned)
    voyage.assert_same()
    assert (await voyage.sync()).done.changes == 0


# ---- what stops the account -------------------------------------------------------------------------------------


def a_directory(ledger: Path) -> None:
    ledger.unlink()
    ledger.mkdir()
    (ledger / "mine").write_text("x")


def unreadable(ledger: Path) -> None:
    ledger.chmod(0)


def unwritable(ledger: Path) -> None:
    ledger.chmod(0o400)


def unwritable_directory(ledger: Path) -> None:
    ledger.parent.chmod(0o500)


def damaged_in_an_unwritable_directory(ledger: Path) -> None:
    overwritten(ledger)
    ledger.parent.chmod(0o500)


def of_another_program(ledger: Path) -> None:
    import sqlite3

    ledger.unlink()
    connection = sqlite3.connect(ledger)
    connection.execute("CREATE TABLE moz_places (url)")
    connection.close()


STOPS = {
    a_directory: "is no file",
    unreadable: "permissions",
    unwritable: "permissions",
    unwritable_directory: "permissions",
    damaged_in_an_unwritable_directory: "ermission",
    of_another_program: "another program",
}


@pytest.mark.parametrize("harm", list(STOPS))
async def test_a_ledger_that_cannot_be_used_is_told_and_nothing_is_touched(voyage, harm: Callable[[Path], None]):
    ledger, before, served = ledger_of(voyage), contents(voyage), voyage.on_server()
    voyage.file_of(MESSAGES[5]).unlink()
    voyage.drop(message(101), "new.1")
    harm(ledger)
    found = {name.name for name in voyage.state.iterdir()}
    try:
        for options in ((), ("--dry-run",)):
            stopped = await asyncio.to_thread(run_program, voyage, *options, under=OBEDIENT)
            said = stopped.stdout + stopped.stderr
            if options and harm not in (a_directory, unreadable, of_another_program):
                continue  # who only looks needs no permission to write
            assert stopped.returncode == 3, stopped
            assert STOPS[harm] in said and str(ledger) in said and "Traceback" not in said, said
            assert "internal" not in said
    finally:
        ledger.parent.chmod(0o700)
    kept = {name.name for name in voyage.state.iterdir()} - {"Test.ledger-shm", "Test.ledger-wal"}
    assert kept == found
    assert voyage.on_server() == served
    assert contents(voyage) == before - Counter([digest(MESSAGES[5])]) + Counter([digest(message(101))])


async def test_the_inspection_tells_of_it_too(voyage):
    overwritten(ledger_of(voyage))
    (report,) = await check(voyage.whole, RunOptions(), None, lambda _event: None)
    assert report.ok and any("damaged" in problem for problem in report.problems)
    assert ledger_of(voyage).read_bytes().startswith(b"this was")


async def test_a_dry_run_on_a_damaged_ledger_would_delete_nothing(voyage):
    scratched(ledger_of(voyage))
    voyage.file_of(MESSAGES[5]).unlink()
    shown = await voyage.sync(RunOptions(dry_run=True))
    operations = [one["do"] for event in shown.events if hasattr(event, "operations") for one in event.operations]
    assert Counter(operations) == {"copy": 1, "adopt": 30}
