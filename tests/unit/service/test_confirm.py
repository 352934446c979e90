"""Waiting for another run before the user's word is written down."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from postboat.events import StepReached, Warned
from postboat.ledger.files import lock_file
from postboat.ledger.lock import lock_account
from postboat.service import confirm
from postboat.service.confirm import locked


async def test_that_another_run_is_waited_for_is_told_and_shown_until_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(confirm, "SILENCE", 0.0)
    told, waits = [], asyncio.Event()

    def publish(event):
        told.append(event)
        if isinstance(event, StepReached):
            waits.set()

    async def wait_for_it():
        async with locked(SimpleNamespace(metadata=tmp_path), "A", publish):
            return list(told)

    async with lock_account(lock_file(tmp_path, "A"), wait=False):
        waiting = asyncio.create_task(wait_for_it())
        await waits.wait()
        assert [type(event) for event in told] == [Warned, StepReached]
        assert told[-1] == StepReached("A", "waiting")
    assert (await waiting)[2:] == [StepReached("A", "")]


async def test_nothing_is_told_where_nobody_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(confirm, "SILENCE", 60.0)
    told = []
    async with locked(SimpleNamespace(metadata=tmp_path), "A", told.append):
        pass
    assert told == []
