"""Writing to streams that are slow, closed or odd."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from postboat.ui.plain.out import Out

if TYPE_CHECKING:
    from pathlib import Path


async def test_lines_arrive_in_order(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w") as stream:
        out = Out(stream)
        await asyncio.gather(*(out.lines([str(n)]) for n in range(50)))
    assert path.read_text().split() == [str(n) for n in range(50)]


async def test_a_reader_who_left_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as stream:
        out = Out(stream)
        await out.write("anybody?\n")
        assert out.closed
        await out.write("nobody\n")


async def test_a_full_disk_costs_the_lines_for_which_there_is_no_room(tmp_path: Path) -> None:
    with open("/dev/full", "w") as stream, (tmp_path / "out").open("w") as disk:
        out = Out(stream)
        await out.write("lost\n")
        os.dup2(disk.fileno(), stream.fileno())
        await out.write("kept\n")
    assert (tmp_path / "out").read_text() == "kept\n"


async def test_a_reader_who_stands_still_does_not_stop_the_loop() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream, open(reading, "rb") as reader:
        task = asyncio.create_task(Out(stream).write("x" * 1_000_000))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not task.done(), "the pipe is full"
        received = 0
        while received < 1_000_000:
            received += len(await asyncio.to_thread(reader.read1, 65536))
        await task


async def test_a_stream_that_does_not_block_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(writing, "w") as stream, open(reading, "rb") as reader:
        task = asyncio.create_task(Out(stream).write("x" * 300_000))
        assert len(await asyncio.to_thread(reader.read, 300_000)) == 300_000
        await task


async def test_what_the_encoding_lacks_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="ascii") as stream:
        out = Out(stream)
        assert not out.unicode
        await out.write("Entwürfe \udcff\n")
    assert path.read_bytes() == b"Entw?rfe ?\n"


async def test_a_stream_closed_under_us_is_no_error(tmp_path: Path) -> None:
    stream = (tmp_path / "out").open("w")
    out = Out(stream)
    stream.close()
    await out.write("late\n")
    assert out.closed
