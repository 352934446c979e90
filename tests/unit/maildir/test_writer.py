import asyncio
import errno
import os

import pytest
from tests.unit.maildir.shore import DISK, WIRE, content, deliver, files, mailbox, maildir, mark_of, streamed

from postboat.errors import ConnectionLost, FolderError, FolderGone, MessageError, StoreMissing
from postboat.maildir import delivery, system, writer
from postboat.model import DELETED, FLAGGED, NO_FLAGS, SEEN, Refused, Stored


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


@pytest.mark.parametrize("fsync", [True, False])
@pytest.mark.parametrize(
    ("flags", "where"),
    [
        (NO_FLAGS, "new/{}"),
        ({SEEN}, "cur/{}:2,S"),
        ({FLAGGED}, "cur/{}:2,F"),
        ({DELETED, SEEN, "$Junk"}, "cur/{}:2,ST"),
    ],
)
async def test_a_message_lies_where_its_flags_say(path, fsync, flags, where):
    box = mailbox(path, fsync=fsync)
    [stored] = await deliver(box, content(flags=frozenset(flags), date=1_234_567_890.0))
    file = path / where.format(stored.key)
    assert files(path) == [where.format(stored.key)]
    assert file.read_bytes() == DISK
    info = os.stat(file)
    assert info.st_mtime == 1_234_567_890
    assert info.st_mode & 0o777 == 0o600
    assert stored == Stored("1", stored.key, mark_of(file))


@pytest.mark.parametrize("count", [1, 8, 9, 300])
async def test_outcomes_stand_in_the_order_of_the_contents(path, count):
    contents = [content(str(n), b"%d\r\n" % n) for n in range(count)]
    outcomes = await deliver(mailbox(path), *contents)
    assert [outcome.origin for outcome in outcomes] == [str(n) for n in range(count)]
    assert [(path / "new" / o.key).read_bytes() for o in outcomes] == [b"%d\n" % n for n in range(count)]


@pytest.mark.parametrize("date", [None, -1e12, 0.0, 1e30, float("inf")])
async def test_no_date_is_too_odd_for_a_message(path, date):
    [stored] = await deliver(mailbox(path), content(date=date))
    assert isinstance(stored, Stored)


async def test_what_was_stored_can_be_read_at_once(path):
    box = mailbox(path)
    [stored] = await deliver(box, content(flags=frozenset({SEEN})))
    [found] = [found async for found in box.read([stored.key])]
    assert found.data == WIRE and found.flags == {SEEN}


ODD = [
    b"",
    b"\r",
    b"\r\n",
    b"no end",
    b"a\r\n\r\nlone \r cr\r\n",
    b"bare\nlf\r\n",
    b"a\r\r\nb\r\n",
    b"\0\xff\r\n",
    b"\n\r\n\r",
]


@pytest.mark.parametrize(
    "wire", [*ODD, b"x" * 2000 + b"\r\n" * 1500 + b"late bare\n" + b"\r\n" * 700], ids=lambda w: repr(w[:12])
)
@pytest.mark.parametrize("as_stream", [False, True])
async def test_odd_octets_come_back_as_they_were(path, wire, as_stream):
    box = mailbox(path)
    [stored] = await deliver(box, streamed("1", wire, chunk=7) if as_stream else content(wire=wire))
    disk = (path / "new" / stored.key).read_bytes()
    [back] = [found async for found in box.read([stored.key])]
    assert back.data.replace(b"\r\n", b"\n") == wire.replace(b"\r\n", b"\n")
    if b"\n" not in wire.replace(b"\r\n", b""):
        assert back.data == wire
    else:
        assert disk == wire


async def test_a_bare_line_end_late_in_a_stream_restores_what_was_written(path, monkeypatch):
    monkeypatch.setattr(writer, "_PIECE", 64)
    wire = b"".join(b"line %d\r\n" % n for n in range(5000)) + b"bare\nend\r\n"
    [stored] = await deliver(mailbox(path), streamed("1", wire, chunk=4096))
    assert (path / "new" / stored.key).read_bytes() == wire


async def test_a_large_message_never_sits_in_memory_whole(path):
    import tracemalloc

    piece = b"0123456789abcdef" * 4095 + b"0123456789abcd\r\n"

    async def chunks():
        for _ in range(500):
            yield piece

    from postboat.model import Content

    tracemalloc.start()
    [stored] = await deliver(mailbox(path, fsync=False), Content("1", NO_FLAGS, None, 500 * len(piece), chunks=chunks))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(stored, Stored)
    assert os.stat(path / "new" / stored.key).st_size == 500 * (len(piece) - 1)
    assert peak < 4_000_000


async def test_a_stream_that_fails_is_refused_alone(path):
    box = mailbox(path)
    outcomes = await deliver(
        box,
        content("1"),
        streamed("2", WIRE, fails=MessageError("it would not go on")),
        streamed("3", WIRE, size=len(WIRE) + 1),
        streamed("4", WIRE),
    )
    assert outcomes[1] == Refused("2", "it would not go on")
    assert outcomes[2].key == "3" and isinstance(outcomes[2], Refused)
    assert files(path) == sorted(f"new/{outcomes[n].key}" for n in (0, 3))


async def test_a_lost_connection_leaves_nothing_behind(path):
    with pytest.raises(ConnectionLost):
        await deliver(mailbox(path), content("1"), streamed("2", WIRE, fails=ConnectionLost("cut")))
    assert files(path) == []


async def test_a_cancelled_stream_leaves_nothing_behind(path):
    from postboat.model import Content

    begun = asyncio.Event()

    async def chunks():
        yield WIRE
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(deliver(mailbox(path), Content("1", NO_FLAGS, None, 10**6, chunks=chunks)))
    await begun.wait()
    assert len(files(path)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(path) == []


async def test_cancelled_work_is_over_when_it_is_cancelled(path):
    """No thread may go on delivering behind the back of whoever looks next."""
    contents = [content(str(n)) for n in range(200)]
    box = mailbox(path)
    tokens = await box.intend(contents)
    task = asyncio.ensure_future(box.store(contents, tokens))
    while not files(path):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(path) == sorted(f"new/{token}" for token in tokens)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("as_stream", [False, True])
async def test_a_full_disk_stops_the_folder_and_leaves_nothing_in_tmp(path, monkeypatch, code, as_stream):
    written = []
    real = delivery.finish

    def full_at_the_third(fd, date, *, sync):
        written.append(fd)
        if len(written) == 3:
            raise OSError(code, os.strerror(code))
        return real(fd, date, sync=sync)

    monkeypatch.setattr(delivery, "finish", full_at_the_third)
    make = (lambda n: streamed(str(n), WIRE)) if as_stream else (lambda n: content(str(n)))
    with pytest.raises(FolderError, match="disk is full"):
        await deliver(mailbox(path), *(make(n) for n in range(5)))
    assert files(path) == []


async def test_no_permission_stops_the_folder(path, monkeypatch):
    def denied(*_args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(system, "move", denied)
    with pytest.raises(FolderError, match="Permission denied"):
        await deliver(mailbox(path), content())
    assert files(path) == []


async def test_an_existing_file_is_never_replaced(path):
    box = mailbox(path)
    [token] = await box.intend([content()])
    (path / "new" / token).write_bytes(b"already here\n")
    [outcome] = await box.store([content()], [token])
    assert isinstance(outcome, Refused)
    assert (path / "new" / token).read_bytes() == b"already here\n"
    assert files(path) == [f"new/{token}"]


async def test_a_file_too_large_for_the_system_is_refused_alone(path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        outcomes = await deliver(
            mailbox(path), content("1"), content("2", b"x" * 200_000), streamed("3", b"y" * 200_000), content("4")
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [type(outcome) for outcome in outcomes] == [Stored, Refused, Refused, Stored]
    assert len(files(path)) == 2


@pytest.mark.parametrize("what", ["INBOX", "cur", "new", "tmp"])
async def test_nothing_is_written_through_a_symbolic_link(path, tmp_path, what):
    elsewhere = maildir(tmp_path / "elsewhere")
    target = path if what == "INBOX" else path / what
    target.rename(tmp_path / "away")
    target.symlink_to(elsewhere if what == "INBOX" else elsewhere / what)
    with pytest.raises(FolderError, match="symbolic link"):
        await deliver(mailbox(path), content())
    with pytest.raises(FolderError, match="symbolic link"):
        await mailbox(path).validity()
    assert files(elsewhere) == []


async def test_nothing_is_written_through_a_link_on_the_way(tmp_path):
    maildir(tmp_path / "real" / "b")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").symlink_to(tmp_path / "real")
    box = mailbox(tmp_path / "root" / "a" / "b", root=tmp_path / "root")
    with pytest.raises(FolderError, match="symbolic link"):
        await deliver(box, content())


async def test_the_root_itself_may_be_a_link(tmp_path):
    maildir(tmp_path / "real" / "INBOX")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    [stored] = await deliver(mailbox(tmp_path / "root" / "INBOX"), content())
    assert isinstance(stored, Stored)


async def test_a_missing_folder_and_a_missing_root_are_told_apart(tmp_path):
    with pytest.raises(FolderGone, match="none"):
        await deliver(mailbox(tmp_path / "none"), content())
    with pytest.raises(StoreMissing, match="mounted"):
        await deliver(mailbox(tmp_path / "no" / "root"), content())


@pytest.mark.parametrize("lacking", ["renameat2", "link"])
async def test_delivery_works_where_the_kernel_offers_less(path, monkeypatch, lacking):
    monkeypatch.setattr(system, "_libc", lambda: None)
    if lacking == "link":

        def no_links(*_args, **_kwargs):
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(system.os, "link", no_links)
    box = mailbox(path)
    contents = [content(str(n)) for n in range(12)]
    outcomes = await deliver(box, *contents)
    assert files(path) == sorted(f"new/{outcome.key}" for outcome in outcomes)
    [token] = await box.intend([content()])
    (path / "new" / token).write_bytes(b"already here\n")
    [outcome] = await box.store([content()], [token])
    assert isinstance(outcome, Refused)
    assert (path / "new" / token).read_bytes() == b"already here\n"


@pytest.mark.parametrize("count", [3, 12])
async def test_everything_is_durable_before_it_is_moved_and_the_directory_after(path, monkeypatch, count):
    """The order a crash depends on: contents, then names, then the directory."""
    steps = []
    fsync, together, move = os.fsync, system.sync_filesystem, system.move

    def noted_fsync(fd):
        steps.append("directory" if os.readlink(f"/proc/self/fd/{fd}").endswith(("/new", "/cur")) else "file")
        fsync(fd)

    def noted_together(fd):
        steps.append("all")
        return together(fd)

    def noted_move(*args):
        steps.append("move")
        move(*args)

    monkeypatch.setattr(delivery.os, "fsync", noted_fsync)
    monkeypatch.setattr(system, "sync_filesystem", noted_together)
    monkeypatch.setattr(system, "move", noted_move)
    await deliver(mailbox(path), *(content(str(n)) for n in range(count)))
    assert steps == (["file"] * 3 if count == 3 else ["all"]) + ["move"] * count + ["directory"]
    steps.clear()
    await deliver(mailbox(path, fsync=False), *(content(str(n)) for n in range(count)))
    assert steps == ["move"] * count


async def test_a_content_without_octets_is_not_said_to_be_stored(path):
    from postboat.model import Content

    [outcome] = await deliver(mailbox(path), Content("1", NO_FLAGS, None, 3))
    assert isinstance(outcome, Refused)
    assert files(path) == []


@pytest.mark.parametrize("yields", range(12))
async def test_a_stream_cancelled_at_any_moment_leaves_nothing_behind(path, yields):
    task = asyncio.ensure_future(deliver(mailbox(path), streamed("1", WIRE * 100, chunk=50)))
    for _ in range(yields):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(path) == []
