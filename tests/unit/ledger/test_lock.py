"""One run at a time works on an account, and no lock outlives its holder."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.errors import LedgerLocked, LedgerUnusable
from postboat.ledger.files import ledger_file, lock_file
from postboat.ledger.lock import lock_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLD = """
import asyncio, pathlib, sys
from postboat.ledger.lock import lock_account
async def main():
    async with lock_account(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return lock_file(tmp_path / "state", "My Mail/ü")


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_second_run_is_told_who_works_on_the_account(lock: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LedgerLocked) as caught:
        async with lock_account(lock):
            pytest.fail("the lock is held by another process")
    assert str(caught.value) == f"another run of Postboat (process {holder.pid}) is at work on this account"
    assert caught.value.exit_code == 7


async def test_a_killed_run_leaves_no_lock(lock: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    async with lock_account(lock):
        assert int(lock.read_text()) == os.getpid()
    assert lock.read_text() == ""


async def test_one_process_does_not_lock_an_account_twice(lock: Path) -> None:
    async with lock_account(lock):
        with pytest.raises(LedgerLocked, match=f"process {os.getpid()}"):
            async with lock_account(lock):
                pytest.fail("the lock is held")
    async with lock_account(lock):
        pass


async def test_waiting_takes_the_lock_as_soon_as_it_is_free(lock: Path) -> None:
    order = []

    async def wait() -> None:
        async with lock_account(lock, wait=True):
            order.append("second")

    async with asyncio.TaskGroup() as tasks:
        async with lock_account(lock):
            tasks.create_task(wait())
            await asyncio.sleep(0)
            order.append("first")
    assert order == ["first", "second"]


async def test_waiting_can_be_cancelled(lock: Path) -> None:
    async with lock_account(lock):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), lock_account(lock, wait=True):
                pytest.fail("the lock is held")


async def test_an_error_inside_frees_the_lock(lock: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with lock_account(lock):
            raise ZeroDivisionError
    async with lock_account(lock):
        pass


async def test_a_place_where_no_lock_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(LedgerUnusable, match="state"):
        async with lock_account(tmp_path / "state" / "x.lock"):
            pytest.fail("there is a file in the way")


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_names_of_accounts_become_safe_file_names_and_back(account: str) -> None:
    from pathlib import Path
    from urllib.parse import unquote

    for path in (lock_file(Path("/state"), account), ledger_file(Path("/state"), account)):
        assert path.parent == Path("/state") and not path.name.startswith(".")
        assert path.name.isascii() and path.name.isprintable()
        assert unquote(path.stem, errors="surrogateescape") == account
