"""A glimpse answers as the folder itself would, or not at all."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.maildir.shore import AgreedOn, content, deliver, maildir, put

from postboat.maildir.folders import MaildirStore
from postboat.model import INBOX, FolderName, Glimpse, Reflagging

WORK, DEEP = FolderName(("Work",)), FolderName(("Lists", "python", "dev"))


def later():
    """A clock by which everything has long settled."""
    return 4_000_000_000.0


async def opened(store, name):
    """What opening the folder and looking at it tells."""
    box = store.mailbox(name)
    validity = await box.validity()
    return Glimpse(validity, (await box.changes(AgreedOn(validity=validity))).checkpoint)


async def glimpse(store, name=WORK):
    return (await store.glimpses([name])).get(name)


@pytest.fixture
async def store(tmp_path):
    made = MaildirStore(tmp_path / "Mail", clock=later)
    await made.create(WORK)
    await made.mailbox(WORK).validity()
    return made


@pytest.mark.parametrize("kind", ["flat", "nested", "maildir++"])
async def test_it_is_what_opening_the_folders_tells(tmp_path, kind):
    store = MaildirStore(tmp_path, kind, clock=later)
    names = [INBOX, WORK, DEEP]
    for name in names:
        await store.create(name)
        await deliver(store.mailbox(name), content())
    told = {name: await opened(store, name) for name in names}
    assert None not in {glimpse.checkpoint for glimpse in told.values()}
    assert await store.glimpses(names) == told
    fresh = MaildirStore(tmp_path, kind)
    await fresh.list()
    assert await fresh.glimpses(names) == told


async def arrives(path):
    put(path, "new", "a")


async def is_seen(path):
    (path / "new" / "there").rename(path / "cur" / "there:2,S")


async def is_flagged(path):
    (path / "cur" / "read:2,S").rename(path / "cur" / "read:2,FS")


async def is_deleted(path):
    (path / "cur" / "read:2,S").unlink()


async def is_restored_from_a_copy(path):
    copy = shutil.copytree(path, path.with_name("copy"), copy_function=shutil.copy2)
    shutil.rmtree(path)
    copy.rename(path)


async def is_put_back_with_old_times(path):
    for sub in ("new", "cur"):
        times = os.stat(path / sub)
        copy = shutil.copytree(path / sub, path / "copy", copy_function=shutil.copy2)
        shutil.rmtree(path / sub)
        copy.rename(path / sub)
        os.utime(path / sub, ns=(times.st_atime_ns, times.st_mtime_ns))


CHANGES = [arrives, is_seen, is_flagged, is_deleted, is_restored_from_a_copy, is_put_back_with_old_times]


@pytest.mark.parametrize("change", CHANGES)
async def test_no_change_is_hidden(store, change):
    path = store.mailbox(WORK).path
    put(path, "new", "there")
    put(path, "cur", "read:2,S")
    before = await glimpse(store)
    assert await glimpse(store) == before
    await change(path)
    assert await glimpse(store) != before


async def test_our_own_writing_shows_too(store):
    before = await glimpse(store)
    [stored] = await deliver(store.mailbox(WORK), content())
    written = await glimpse(store)
    await store.mailbox(WORK).reflag([Reflagging(stored.key, frozenset({"\\Seen"}))])
    assert len({before, written, await glimpse(store)}) == 3


async def test_no_identity_is_made(tmp_path):
    maildir(tmp_path / "Work")
    assert (await glimpse(MaildirStore(tmp_path))).validity == ""
    assert (await glimpse(MaildirStore(tmp_path, read_only=True))).validity == "unmarked"
    assert sorted(os.listdir(tmp_path / "Work")) == ["cur", "new", "tmp"]
    (tmp_path / "Work" / ".postboat-id").write_text("half")
    assert (await glimpse(MaildirStore(tmp_path))).validity == ""


async def test_what_cannot_be_read_is_left_out_and_holds_up_no_other(store):
    root = store.root
    (root / "file").write_text("")
    maildir(root / "link to cur")
    shutil.rmtree(root / "link to cur" / "cur")
    (root / "link to cur" / "cur").symlink_to(root / "Work" / "cur")
    maildir(root / "odd id")
    (root / "odd id" / ".postboat-id").symlink_to(root / "Work" / ".postboat-id")
    names = [FolderName((name,)) for name in ("file", "link to cur", "odd id", "none", "x" * 300)]
    assert set(await store.glimpses([*names, WORK])) == {WORK}


async def test_without_a_root_there_is_nothing_to_see(tmp_path):
    assert await glimpse(MaildirStore(tmp_path / "none")) is None


async def test_hundreds_of_folders_take_one_thread_and_few_calls_each(tmp_path, monkeypatch):
    store = MaildirStore(tmp_path, clock=later)
    names = [FolderName((f"folder {n}",)) for n in range(300)]
    for name in names:
        maildir(tmp_path / store.directory(name))
        (tmp_path / store.directory(name) / ".postboat-id").write_text("0123456789abcdef\n")
    calls, hops = [], []
    for call in ("open", "read", "stat", "fstat", "close", "scandir", "listdir"):
        real = getattr(os, call)
        monkeypatch.setattr(os, call, lambda *args, _real=real, **rest: (calls.append(_real), _real(*args, **rest))[1])
    submit = ThreadPoolExecutor.submit
    monkeypatch.setattr(
        ThreadPoolExecutor, "submit", lambda *args, **rest: (hops.append(args), submit(*args, **rest))[1]
    )
    assert len(await store.glimpses(names)) == 300
    assert len(hops) == 1
    each = 5 if sys.platform == "linux" else 7  # besides statx, which is no call of this module
    assert len(calls) <= 300 * each + 2
