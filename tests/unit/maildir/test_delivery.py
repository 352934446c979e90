"""Batches that wait while others are delivered are delivered together, and still each on its own account."""

import asyncio
import errno
import os
import threading

import pytest
from tests.unit.maildir.shore import content, files, mailbox, maildir, put

from postboat.errors import FolderError
from postboat.maildir import delivery, system
from postboat.maildir.delivery import Post
from postboat.maildir.folders import MaildirStore
from postboat.model import SEEN, FolderName, Stored

SEEN_ONLY = frozenset({SEEN})


class Gate:
    """Holds up the first delivery, so that all that follow wait for each other."""

    def __init__(self, monkeypatch):
        self.steps = []
        self._opened, self._first = threading.Event(), True
        write, fsync, together, move = delivery._write_all, os.fsync, system.sync_filesystem, system.move

        def held_up(folder, **options):
            if self._first:
                self._first = False
                self._opened.wait(10)
            write(folder, **options)

        def noted_fsync(fd):
            self.steps.append(os.readlink(f"/proc/self/fd/{fd}").rpartition("/")[2])
            fsync(fd)

        def noted_together(fd):
            self.steps.append("all")
            return together(fd)

        def noted_move(*args):
            self.steps.append("move")
            move(*args)

        monkeypatch.setattr(delivery, "_write_all", held_up)
        monkeypatch.setattr(delivery.os, "fsync", noted_fsync)
        monkeypatch.setattr(system, "sync_filesystem", noted_together)
        monkeypatch.setattr(system, "move", noted_move)

    async def deliver(self, *work):
        """Deliver one batch, and all others while it is under way; gives what became of the others."""
        tasks = []
        for box, contents in work:
            tokens = await box.intend(contents)
            tasks.append(asyncio.ensure_future(box.store(contents, tokens)))
            await asyncio.sleep(0)
        self._opened.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return outcomes[1:]


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


@pytest.fixture
def gate(monkeypatch):
    return Gate(monkeypatch)


async def test_what_waits_is_made_durable_with_one_wait_for_the_disk(path, gate):
    box = mailbox(path)
    batches = [[content(f"{batch}.{n}", flags=SEEN_ONLY) for n in range(5)] for batch in range(4)]
    outcomes = await gate.deliver((box, [content()]), *((box, batch) for batch in batches))
    assert [[stored.origin for stored in batch] for batch in outcomes] == [[c.key for c in b] for b in batches]
    assert all((path / "cur" / f"{stored.key}:2,S").exists() for batch in outcomes for stored in batch)
    rest = gate.steps[gate.steps.index("all") :]
    assert rest == ["all", *["move"] * 20, "cur"], "contents, names, and the directory last"


async def test_folders_share_it_too(tmp_path, gate):
    store = MaildirStore(tmp_path)
    names = [FolderName((f"folder {n}",)) for n in range(4)]
    for name in names:
        await store.create(name)
    gate.steps.clear()
    boxes = [store.mailbox(name) for name in names]
    outcomes = await gate.deliver(
        (boxes[0], [content()]), *((box, [content(str(n)) for n in range(5)]) for box in boxes)
    )
    assert gate.steps.count("all") == 1
    assert [len(files(box.path)) for box in boxes] == [6, 5, 5, 5]
    assert all(isinstance(stored, Stored) for batch in outcomes for stored in batch)
    rest = gate.steps[gate.steps.index("all") :]
    assert rest == ["all", *["move"] * 20, *["new"] * 4]


async def test_the_next_files_are_written_while_the_disk_is_waited_for(path, monkeypatch):
    box, disk, together = mailbox(path), threading.Event(), system.sync_filesystem

    def slow(fd):
        assert disk.wait(10)
        return together(fd)

    monkeypatch.setattr(system, "sync_filesystem", slow)
    batches = [[content(f"{batch}.{n}") for n in range(10)] for batch in range(3)]
    tasks = [asyncio.ensure_future(box.store(batch, await box.intend(batch))) for batch in batches]
    while sum(file.startswith("tmp/") for file in files(path)) < 30:
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    disk.set()
    await asyncio.gather(*tasks)
    assert len(files(path)) == 30 and all(file.startswith("new/") for file in files(path))


@pytest.mark.parametrize("fsync", [True, False])
async def test_nothing_stays_open(tmp_path, fsync):
    before = len(os.listdir("/proc/self/fd"))
    store = MaildirStore(tmp_path, fsync=fsync)
    names = [FolderName((f"folder {n}",)) for n in range(3)]
    for name in names[:2]:
        await store.create(name)
    for _ in range(3):
        contents = [content(str(n)) for n in range(5)]
        boxes = [store.mailbox(name) for name in names]
        work = [box.store(contents, await box.intend(contents)) for box in boxes]
        *_, failed = await asyncio.gather(*work, return_exceptions=True)
        assert isinstance(failed, FolderError)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_folder_that_cannot_take_mail_holds_up_no_other(tmp_path, gate, monkeypatch):
    post = Post(fsync=True)
    good, bad, gone = (mailbox(maildir(tmp_path / name), post=post) for name in ("good", "bad", "gone"))
    finish = delivery.finish

    def full_in_bad(fd, date, *, sync):
        if "/bad/" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return finish(fd, date, sync=sync)

    monkeypatch.setattr(delivery, "finish", full_in_bad)
    gone.path.rename(tmp_path / "away")
    work = [[content(str(n)) for n in range(5)] for _ in range(4)]
    first, second, third, fourth = await gate.deliver(
        (good, [content()]), (bad, work[0]), (gone, work[1]), (good, work[2]), (good, work[3])
    )
    assert isinstance(first, FolderError) and "disk is full" in str(first)
    assert isinstance(second, FolderError) and "gone" in str(second)
    assert len(files(good.path)) == 11 and files(bad.path) == []
    assert all(isinstance(stored, Stored) for stored in [*third, *fourth])


@pytest.mark.parametrize("offered", [True, False])
async def test_a_disk_that_cannot_take_it_leaves_no_message_in_its_place(path, gate, monkeypatch, offered):
    box = mailbox(path)

    def failed(fd):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    fsync = os.fsync
    monkeypatch.setattr(system, "sync_filesystem", failed if offered else lambda fd: False)

    def failing(fd):
        if "/tmp/" in os.readlink(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(fd)

    if not offered:
        monkeypatch.setattr(delivery.os, "fsync", failing)
        put(path, "cur", "there:2,")
    before = files(path)
    with pytest.raises(FolderError):
        contents = [content(str(n)) for n in range(12)]
        gate._opened.set()
        await box.store(contents, await box.intend(contents))
    assert files(path) == before


async def test_a_batch_that_is_cancelled_while_it_waits_is_not_delivered(path, gate):
    box = mailbox(path)
    tokens = await box.intend([content()] * 3)
    first, cancelled, last = [asyncio.ensure_future(box.store([content()], [token])) for token in tokens]
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    gate._opened.set()
    await asyncio.gather(first, last)
    assert files(path) == sorted([f"new/{tokens[0]}", f"new/{tokens[2]}"])


async def test_a_batch_that_is_cancelled_on_its_way_is_waited_for(path, gate):
    box = mailbox(path)
    [token] = await box.intend([content()])
    task = asyncio.ensure_future(box.store([content()], [token]))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate._opened.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(path) == [f"new/{token}"]
