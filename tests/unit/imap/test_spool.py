"""A large message waits in a file that nobody sees, and the disk's troubles are the message's alone."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest

from postboat.errors import MessageError
from postboat.imap import spool
from postboat.imap.spool import PIECE, spool_file, spooled
from postboat.model import SEEN, Content

OCTETS = os.urandom(PIECE + 17) * 3


def large(*, announced: int = len(OCTETS), piece: int = 70_001) -> Content:
    async def chunks():
        for at in range(0, len(OCTETS), piece):
            yield OCTETS[at : at + piece]

    return Content("7", frozenset({SEEN}), 12.5, announced, chunks=chunks)


async def test_it_can_be_read_again_and_again(tmp_path):
    async with spool_file(tmp_path / "made" / "here", len(OCTETS)) as file:
        content = await spooled(large(), file, tmp_path)
        assert (content.key, content.flags, content.date, content.size) == ("7", {SEEN}, 12.5, len(OCTETS))
        for _ in range(2):
            assert b"".join([chunk async for chunk in content.chunks()]) == OCTETS
        assert await anext(content.chunks()) == OCTETS[:PIECE], "as when only its header is wanted"


async def test_nothing_of_it_can_be_seen_while_it_waits_or_afterwards(tmp_path):
    async with spool_file(tmp_path, len(OCTETS)) as file:
        await spooled(large(), file, tmp_path)
        assert list(tmp_path.iterdir()) == []
    assert file.closed and list(tmp_path.iterdir()) == []


async def test_one_that_ends_early_is_not_taken_for_whole(tmp_path):
    async with spool_file(tmp_path, 1) as file:
        with pytest.raises(MessageError, match=f"{len(OCTETS)} octets came of"):
            await spooled(large(announced=len(OCTETS) + 1), file, tmp_path)


async def test_what_does_not_fit_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(spool.os, "statvfs", lambda _: SimpleNamespace(f_blocks=1, f_bavail=2, f_frsize=512))
    async with spool_file(tmp_path, 1024):
        pass
    with pytest.raises(MessageError, match="too full for its 1025 octets") as told:
        async with spool_file(tmp_path, 1025):
            pytest.fail("it was begun")
    assert told.value.passing, "there may be room by the next run"


async def test_a_disk_that_fills_up_meanwhile_is_told_as_passing(tmp_path, monkeypatch):
    async with spool_file(tmp_path, 1) as file:
        monkeypatch.setattr(spool, "_write", _full)
        with pytest.raises(MessageError, match="No space left") as told:
            await spooled(large(), file, tmp_path)
    assert told.value.passing


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_file_that_cannot_be_read_again_is_told_as_passing(tmp_path):
    async with spool_file(tmp_path, 1) as file:
        content = await spooled(large(), file, tmp_path)
        os.ftruncate(file.fileno(), 5)
        with pytest.raises(MessageError, match="became shorter") as told:
            await anext(content.chunks())
    assert told.value.passing


async def test_a_place_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MessageError, match="it cannot wait in"):
        async with spool_file(tmp_path / "file" / "below", 1):
            pytest.fail("it was begun")
