"""A ledger that was written without fsync is not believed once the machine went down."""

from __future__ import annotations

import pytest

from postboat.ledger import unsynced
from postboat.ledger.ledger import AccountLedger
from postboat.model import FolderName, Pairing, Side

INBOX = FolderName(("INBOX",))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "a.ledger"


@pytest.fixture
def restart(monkeypatch):
    return lambda: monkeypatch.setattr(unsynced, "boot", lambda: "another")


async def write(path, *, fsync: bool) -> None:
    ledger = await AccountLedger.open(path, account="a", fsync=fsync)
    folder = ledger.folder(INBOX, INBOX)
    await folder.open({Side.REMOTE: "1", Side.LOCAL: "1"})
    await folder.record(pairings=[Pairing("1", "one", frozenset(), "", "")])
    await ledger.close()


async def pairings(path, *, fsync: bool = False) -> tuple[int, list[str]]:
    async with await AccountLedger.open(path, account="a", fsync=fsync) as ledger:
        return await ledger.folder(INBOX, INBOX).count(), list(ledger.notes)


async def left_by_a_dead_run(path) -> None:
    """A run without fsync was killed: its word is still there."""
    await write(path, fsync=False)
    word = path.with_name("a.ledger.unsynced")
    word.write_text(f"{unsynced.boot()}\n")


@pytest.mark.parametrize("fsync", [False, True])
async def test_a_ledger_cut_off_without_fsync_is_set_aside_after_a_restart(path, restart, fsync):
    await left_by_a_dead_run(path)
    restart()
    count, (note,) = await pairings(path, fsync=fsync)
    assert count == 0 and "fsync = false" in note and "none is deleted" in note
    assert (await pairings(path, fsync=fsync))[1] == []


@pytest.mark.parametrize("fsync", [False, True])
async def test_it_is_believed_while_the_machine_stays_up(path, restart, fsync):
    await left_by_a_dead_run(path)
    assert await pairings(path, fsync=fsync) == (1, [])
    restart()
    assert await pairings(path, fsync=fsync) == (1, []), "all of it was made durable when that run ended"


async def test_a_run_that_ended_made_everything_durable(path, restart, monkeypatch):
    synced = []
    monkeypatch.setattr("os.sync", lambda: synced.append(True))
    await write(path, fsync=False)
    assert synced and not path.with_name("a.ledger.unsynced").exists()
    restart()
    assert await pairings(path) == (1, [])
    assert len(synced) == 1, "a run that changes nothing waits for no disk"


async def test_with_fsync_no_word_is_given(path, monkeypatch):
    monkeypatch.setattr("os.sync", lambda: pytest.fail("nothing to wait for"))
    await write(path, fsync=True)
