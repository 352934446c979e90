import errno
import os
import shutil
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.maildir.shore import DISK, AgreedOn, Clock, files, maildir, put

from postboat.errors import FolderError
from postboat.maildir import quarantine, system
from postboat.maildir.folders import MaildirStore
from postboat.maildir.quarantine import Quarantine
from postboat.model import DELETED, FLAGGED, INBOX, SEEN, FolderName, Refused

NOW = 1_795_409_940  # 2026-11-23T04:59:00Z
DAY = 24 * 60 * 60


@pytest.fixture
def mail(tmp_path):
    return maildir(tmp_path / "Mail" / "INBOX").parent


@pytest.fixture
def root(tmp_path):
    return tmp_path / "state" / "quarantine" / "Test"


@pytest.fixture
def clock():
    return Clock(float(NOW))


def store(mail, root, clock, days=30.0, **options):
    return MaildirStore(mail, quarantine=Quarantine(root, days, clock=clock), clock=clock, **options)


def kept_files(root):
    """All files in the quarantine, as paths relative to it."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def delete(mail, root, clock, *keys, folder=INBOX, **options):
    box = store(mail, root, clock, **options).mailbox(folder)
    await box.changes(AgreedOn())
    return await box.delete(keys, expunge=True)


async def test_a_removed_message_is_kept_under_its_name(mail, root, clock):
    put(mail / "INBOX", "cur", "a:2,FSx", date=1_500_000_000)
    put(mail / "INBOX", "new", "b")
    assert await delete(mail, root, clock, "a", "b", "never there") == []
    assert files(mail / "INBOX") == []
    assert kept_files(root) == ["2026-11-23T045900Z/INBOX/a:2,FSx", "2026-11-23T045900Z/INBOX/b"]
    file = root / "2026-11-23T045900Z" / "INBOX" / "a:2,FSx"
    assert file.read_bytes() == DISK
    assert os.stat(file).st_mtime == 1_500_000_000
    assert stat.S_IMODE(os.stat(root).st_mode) == 0o700
    [kept] = Quarantine(root, 30).kept()
    assert (kept.when, kept.folder, kept.files) == (NOW, INBOX, ("a:2,FSx", "b"))


async def test_with_nothing_to_keep_messages_are_unlinked(mail, root, clock):
    put(mail / "INBOX", "cur", "a:2,S")
    assert await delete(mail, root, clock, "a", days=0) == []
    assert files(mail / "INBOX") == []
    assert not root.exists()


async def test_what_was_gone_already_leaves_no_trace(mail, root, clock):
    assert await delete(mail, root, clock, "never there") == []
    assert not root.exists()


async def test_names_that_come_twice_are_both_kept(mail, root, clock):
    for octets in (b"one", b"two", b"three"):
        put(mail / "INBOX", "cur", "a:2,S", octets)
        assert await delete(mail, root, clock, "a") == []
    batch = "2026-11-23T045900Z"
    assert kept_files(root) == [f"{batch}.1/INBOX/a:2,S", f"{batch}.2/INBOX/a:2,S", f"{batch}/INBOX/a:2,S"]
    assert {file.read_bytes() for file in root.rglob("a:2,S")} == {b"one", b"two", b"three"}
    assert [kept.when for kept in Quarantine(root, 30).kept()] == [NOW] * 3


@pytest.mark.parametrize(
    "parts",
    [
        ("a/b", "c"),
        ("a", "b/c"),
        (".",),
        ("..",),
        (".hidden.",),
        ("a,b",),
        ("a", "b"),
        ("x" * 240,),
        ("x" * 239 + "é" * 8,),
        ("ü" * 120, "ü" * 120, "cur"),
        tuple("." * 80 for _ in range(32)),
        ("line\nbreak\x1b",),
        ("%2E", "%"),
        ("\udce9",),
    ],
)
async def test_folders_of_any_name_have_a_place(mail, root, clock, parts):
    folder = FolderName(parts)
    source = put(mail / "INBOX", "cur", "a:2,S")
    shelf = Quarantine(root, 30, clock=clock).shelf(folder)
    with shelf.open():
        shelf._take(os.open(source.parent, os.O_RDONLY), source.name, source.name)
    [kept] = Quarantine(root, 30).kept()
    assert (kept.folder, kept.files) == (folder, ("a:2,S",))
    assert all(root in path.resolve().parents for path in root.rglob("*"))


names = st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=80), min_size=1, max_size=5)


@given(names)
def test_the_place_tells_the_folder(parts):
    steps = quarantine.steps(FolderName(tuple(parts)))
    assert all(0 < len(step) < 256 and "/" not in step and step not in (".", "..") for step in steps)
    assert all(step.endswith(".") for step in steps[:-1]) and not steps[-1].endswith(".")
    text = "".join(step.removesuffix(".") for step in steps[:-1]) + steps[-1]
    assert quarantine._name(text).parts == tuple(parts)


@given(names, names)
def test_no_two_folders_share_a_place(one, two):
    same = quarantine.steps(FolderName(tuple(one))) == quarantine.steps(FolderName(tuple(two)))
    assert same is (one == two)


def watched(monkeypatch, done):
    """Note what is made, synced and moved, by paths."""

    def path(fd):
        return os.readlink(f"/proc/self/fd/{fd}")

    fsync, move, mkdir, unlink, syncfs = os.fsync, system.move, os.mkdir, os.unlink, system.sync_filesystem

    def note_mkdir(name, *args, dir_fd=None, **more):
        mkdir(name, *args, dir_fd=dir_fd, **more)
        done.append(("made", str(name) if dir_fd is None else f"{path(dir_fd)}/{name}"))

    def note_move(source, name, target, new):
        move(source, name, target, new)
        done.append(("moved", path(source), path(target)))

    def note_unlink(name, *, dir_fd):
        unlink(name, dir_fd=dir_fd)
        done.append(("unlinked", path(dir_fd)))

    def note_syncfs(fd):
        done.append(("synced", "everything"))
        return syncfs(fd)

    monkeypatch.setattr(os, "fsync", lambda fd: (fsync(fd), done.append(("synced", path(fd)))))
    monkeypatch.setattr(os, "mkdir", note_mkdir)
    monkeypatch.setattr(system, "move", note_move)
    monkeypatch.setattr(os, "unlink", note_unlink)
    monkeypatch.setattr(system, "sync_filesystem", note_syncfs)


async def test_a_file_is_safe_in_the_quarantine_before_it_is_gone_from_its_folder(mail, root, clock, monkeypatch):
    put(mail / "INBOX", "cur", "a:2,S")
    done = []
    watched(monkeypatch, done)
    assert await delete(mail, root, clock, "a") == []
    cur, batch = str(mail / "INBOX" / "cur"), root / "2026-11-23T045900Z"
    moved = done.index(("moved", cur, str(batch / "INBOX")))
    for directory in (root.parent, root, batch, batch / "INBOX"):
        made = done.index(("made", str(directory)))
        assert ("synced", str(directory.parent)) in done[made:moved], "it is durable before anything is put there"
    assert done[moved + 1 :] == [("synced", str(batch / "INBOX")), ("synced", cur)]


async def test_an_interrupted_run_may_have_made_directories_that_are_not_durable_yet(mail, root, clock, monkeypatch):
    (root / "2026-11-23T045900Z").mkdir(parents=True)
    put(mail / "INBOX", "cur", "a:2,S")
    done = []
    watched(monkeypatch, done)
    assert await delete(mail, root, clock, "a") == []
    moved = next(at for at, entry in enumerate(done) if entry[0] == "moved")
    for directory in (root.parent.parent, root.parent, root):
        assert ("synced", str(directory)) in done[:moved]


async def test_nothing_is_synced_when_that_is_not_wanted(mail, root, clock, monkeypatch):
    put(mail / "INBOX", "cur", "a:2,S")
    done = []
    watched(monkeypatch, done)
    quiet = MaildirStore(mail, fsync=False, quarantine=Quarantine(root, 30, clock=clock, fsync=False))
    assert await quiet.mailbox(INBOX).delete(["a"], expunge=True) == []
    assert not [entry for entry in done if entry[0] == "synced"]


def across(monkeypatch, root):
    """Let the quarantine lie on another file system."""
    move = system.move

    def refuse(source, name, target, new):
        inside = [str(root) in os.readlink(f"/proc/self/fd/{fd}") for fd in (source, target)]
        if inside[0] != inside[1]:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        move(source, name, target, new)

    monkeypatch.setattr(system, "move", refuse)


@pytest.mark.parametrize("count", [1, 20])
async def test_from_another_file_system_a_copy_is_durable_before_the_file_is_unlinked(
    mail, root, clock, monkeypatch, count
):
    for number in range(count):
        put(mail / "INBOX", "cur", f"{number}:2,S", b"%d\n" % number, date=1_500_000_000)
    across(monkeypatch, root)
    done = []
    watched(monkeypatch, done)
    assert await delete(mail, root, clock, *(str(number) for number in range(count))) == []
    assert files(mail / "INBOX") == []
    place, cur = root / "2026-11-23T045900Z" / "INBOX", str(mail / "INBOX" / "cur")
    assert {file.name: file.read_bytes() for file in place.iterdir()} == {
        f"{number}:2,S": b"%d\n" % number for number in range(count)
    }
    assert {os.stat(file).st_mtime for file in place.iterdir()} == {1_500_000_000}
    named = max(at for at, entry in enumerate(done) if entry[0] == "moved")
    first = min(at for at, entry in enumerate(done) if entry[0] == "moved")
    assert done[named + 1] == ("synced", str(place))
    assert set(done[named + 2 :]) == {("unlinked", cur), ("synced", cur), ("synced", cur[:-3] + "new")}
    contents = [entry for entry in done[:first] if entry[1] == "everything" or "/.copying-" in entry[1]]
    assert contents == [("synced", "everything")] if count > 8 else len(contents) == count


async def test_a_real_other_file_system(mail, clock, tmp_path, other_disk):
    root = other_disk / "quarantine" / "Test"
    put(mail / "INBOX", "cur", "a:2,S", date=1_500_000_000)
    put(mail / "INBOX", "new", "b", b"x" * 3_000_000)
    assert await delete(mail, root, clock, "a", "b") == []
    assert files(mail / "INBOX") == []
    assert kept_files(root) == ["2026-11-23T045900Z/INBOX/a:2,S", "2026-11-23T045900Z/INBOX/b"]
    [kept] = Quarantine(root, 30).kept()
    assert await store(mail, root, clock).put_back(kept) == 2
    assert sorted(file.stat().st_size for file in (mail / "INBOX" / "cur").iterdir()) == [len(DISK), 3_000_000]
    assert kept_files(root) == []


@pytest.fixture
def other_disk(tmp_path):
    """A directory on another file system than `tmp_path`."""
    path = next(
        (path for path in ("/dev/shm", "/run/user/0", "/var/tmp") if _other(path, tmp_path)),
        None,
    )
    if path is None:
        pytest.skip("there is but one file system")
    directory = os.path.join(path, f"postboat-test-{os.getpid()}")
    os.mkdir(directory)
    yield tmp_path.__class__(directory)
    shutil.rmtree(directory)


def _other(path, tmp_path):
    return os.access(path, os.W_OK) and os.stat(path).st_dev != os.stat(tmp_path).st_dev


def append(file):
    with file.open("ab") as opened:
        opened.write(b"more")


@pytest.mark.parametrize("what", ["write", "append", "rename", "remove"])
async def test_a_file_that_changes_while_it_is_copied_away_is_left_or_seen(mail, root, clock, monkeypatch, what):
    file = put(mail / "INBOX", "cur", "a:2,S")
    across(monkeypatch, root)
    fsync = os.fsync

    def meddle(fd):
        if ".copying" in os.readlink(f"/proc/self/fd/{fd}"):
            {
                "write": lambda: file.write_bytes(DISK.upper()),
                "append": lambda: append(file),
                "rename": lambda: file.rename(file.with_name("a:2,FS")),
                "remove": file.unlink,
            }[what]()
        fsync(fd)

    monkeypatch.setattr(os, "fsync", meddle)
    outcomes = await delete(mail, root, clock, "a")
    if what in ("write", "append"):
        [refused] = outcomes
        assert isinstance(refused, Refused) and "was changed while" in refused.reason
        assert file.exists()
    else:
        assert outcomes == []
        assert files(mail / "INBOX") == []
    assert kept_files(root) == ["2026-11-23T045900Z/INBOX/a:2,S"]


async def test_a_file_written_to_while_it_is_read_is_not_copied_away(mail, root, clock, monkeypatch):
    file = put(mail / "INBOX", "cur", "a:2,S")
    across(monkeypatch, root)
    utime = os.utime

    def meddle(fd, **more):
        utime(fd, **more)
        append(file)

    monkeypatch.setattr(os, "utime", meddle)
    [refused] = await delete(mail, root, clock, "a")
    assert "was changed" in refused.reason
    assert file.read_bytes() == DISK + b"more"
    assert kept_files(root) == []


@pytest.mark.parametrize(("way", "call"), [("renamed", "mkdir"), ("renamed", "move"), ("copied", "write")])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
async def test_what_the_quarantine_cannot_take_is_not_deleted(mail, root, clock, monkeypatch, code, call, way):
    for name in ("a:2,S", "b:2,S"):
        put(mail / "INBOX", "cur", name)
    if way == "copied":
        across(monkeypatch, root)
    module = system if call == "move" else os

    def fail(*_args, **_more):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as context:
        context.setattr(module, call, fail)
        try:
            told = [refused.reason for refused in await delete(mail, root, clock, "a", "b")]
            assert len(told) == 2
        except FolderError as error:
            told = [str(error)]
        assert all(os.strerror(code) in text or "disk is full" in text for text in told)
    assert files(mail / "INBOX") == ["cur/a:2,S", "cur/b:2,S"]
    assert kept_files(root) == []
    assert await delete(mail, root, clock, "a", "b") == []
    assert files(mail / "INBOX") == []
    assert len(kept_files(root)) == 2


async def test_a_full_quarantine_says_what_can_be_done(mail, root, clock):
    root.parent.mkdir(parents=True)
    root.write_text("in the way")
    put(mail / "INBOX", "cur", "a:2,S")
    with pytest.raises(FolderError, match=r"cannot be kept there: .*It is not deleted.*keepdeleted = 0"):
        await delete(mail, root, clock, "a")
    assert files(mail / "INBOX") == ["cur/a:2,S"]


async def test_what_was_kept_long_enough_is_removed(mail, root, clock):
    for day in (0, 1, 2):
        put(mail / "INBOX", "cur", f"{day}:2,S")
        clock.now = NOW + day * DAY
        await delete(mail, root, clock, str(day))
    (root / "notes.txt").write_text("mine")
    (root / "2020").mkdir()
    clock.now = NOW + 31 * DAY
    await store(mail, root, clock).prune()
    assert kept_files(root) == ["2026-11-25T045900Z/INBOX/2:2,S", "notes.txt"]
    assert (root / "2020").is_dir()
    await store(mail, root, clock, read_only=True, days=0).prune()
    assert len(kept_files(root)) == 2
    await store(mail, root, clock, days=0).prune()
    assert kept_files(root) == ["notes.txt"]


async def test_pruning_nothing_costs_one_look(mail, root, clock, monkeypatch):
    await store(mail, root, clock).prune()
    assert not root.exists()
    put(mail / "INBOX", "cur", "a:2,S")
    await delete(mail, root, clock, "a")
    scandir, looks = os.scandir, []
    monkeypatch.setattr(os, "scandir", lambda path: looks.append(path) or scandir(path))
    await store(mail, root, clock).prune()
    assert looks == [root]


async def test_what_cannot_be_pruned_is_told(mail, root, clock, monkeypatch):
    put(mail / "INBOX", "cur", "a:2,S")
    await delete(mail, root, clock, "a")
    told = []
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_more: None)
    await store(mail, root, clock, days=0, warn=told.append).prune()
    assert told == [f"{root}/2026-11-23T045900Z: was kept for long enough and cannot be removed"]


async def test_a_long_run_does_not_keep_for_less_long(mail, root, clock):
    one = store(mail, root, clock)
    for name in ("a:2,S", "b:2,S"):
        put(mail / "INBOX", "cur", name)
        assert await one.mailbox(INBOX).delete([name[0]], expunge=True) == []
        clock.now += 2 * 60 * 60
    assert kept_files(root) == ["2026-11-23T045900Z/INBOX/a:2,S", "2026-11-23T065900Z/INBOX/b:2,S"]


async def test_a_batch_that_was_removed_by_hand_is_made_again(mail, root, clock):
    one = store(mail, root, clock)
    for name in ("a:2,S", "b:2,S"):
        put(mail / "INBOX", "cur", name)
        assert await one.mailbox(INBOX).delete([name[0]], expunge=True) == []
        if name[0] == "a":
            shutil.rmtree(root)
    assert kept_files(root) == ["2026-11-23T045900Z/INBOX/b:2,S"]


async def test_what_is_put_back_is_a_new_message_with_its_flags(mail, root, clock):
    put(mail / "INBOX", "cur", "a:2,FSTxy", date=1_500_000_000)
    await delete(mail, root, clock, "a")
    one = store(mail, root, clock)
    [kept] = await one.kept()
    assert await one.put_back(kept) == 1
    [file] = (mail / "INBOX" / "cur").iterdir()
    unique, _, info = file.name.partition(":2,")
    assert unique != "a" and info == "FSxy"
    assert file.read_bytes() == DISK
    assert int(os.stat(file).st_mtime) == 1_500_000_000
    assert await one.kept() == [] and os.listdir(root) == []
    changes = await one.mailbox(INBOX).changes(AgreedOn())
    assert {message.flags for message in changes.appeared.values()} == {frozenset({SEEN, FLAGGED})}
    assert DELETED not in changes.appeared[unique].flags


@pytest.mark.parametrize("coarse", [False, True])
async def test_what_is_put_back_is_not_taken_for_the_pairing_that_an_interrupted_run_left(
    mail, root, clock, monkeypatch, coarse
):
    put(mail / "INBOX", "cur", "a:2,S")
    one = store(mail, root, clock)
    seen = await one.mailbox(INBOX).changes(AgreedOn())
    agreed = AgreedOn({"a": seen.appeared["a"].flags}, {"a": seen.appeared["a"].mark}, validity=None)
    await delete(mail, root, clock, "a")
    if coarse:  # whole seconds
        utime = os.utime
        monkeypatch.setattr(
            os, "utime", lambda name, ns, **more: utime(name, ns=(ns[0], ns[1] // 10**9 * 10**9), **more)
        )
    [kept] = await one.kept()
    await one.put_back(kept)
    changes = await one.mailbox(INBOX).changes(agreed)
    assert changes.vanished == {"a"}
    assert len(changes.appeared) == 1
    assert changes.renamed == {}


async def test_what_a_user_moves_back_by_hand_is_new_once_the_ledger_forgot_it(mail, root, clock):
    put(mail / "INBOX", "cur", "a:2,S")
    await delete(mail, root, clock, "a")
    (root / "2026-11-23T045900Z" / "INBOX" / "a:2,S").rename(mail / "INBOX" / "cur" / "a:2,S")
    changes = await store(mail, root, clock).mailbox(INBOX).changes(AgreedOn())
    assert set(changes.appeared) == {"a"}


async def test_a_folder_that_is_gone_is_made_for_what_is_put_back(mail, root, clock):
    lists = FolderName(("Lists", "x"))
    one = store(mail, root, clock)
    await one.create(lists)
    put(mail / "Lists.x", "cur", "a:2,S")
    await one.mailbox(lists).delete(["a"], expunge=True)
    shutil.rmtree(mail / "Lists.x")
    [kept] = await one.kept()
    assert await store(mail, root, clock).put_back(kept) == 1
    assert len(files(mail / "Lists.x")) == 1


async def test_a_folder_made_for_what_is_put_back_is_a_new_one_though_its_identifier_was_left(mail, root, clock):
    """Else all that it held besides would count as deleted from it."""
    put(mail / "INBOX", "cur", "a:2,S")
    before = await store(mail, root, clock).mailbox(INBOX).validity()
    await delete(mail, root, clock, "a")
    for part in ("cur", "new", "tmp"):
        (mail / "INBOX" / part).rmdir()
    one = store(mail, root, clock)
    [kept] = await one.kept()
    await one.put_back(kept)
    assert await one.mailbox(INBOX).validity() not in ("", before)


async def test_foreign_letters_that_leave_no_room_for_a_new_name_are_dropped(mail, root, clock):
    put(mail / "INBOX", "cur", "a:2,S" + "x" * 240)
    await delete(mail, root, clock, "a")
    one = store(mail, root, clock)
    assert await one.put_back((await one.kept())[0]) == 1
    assert files(mail / "INBOX")[0].endswith(":2,S")


async def test_nothing_can_be_put_back_in_a_dry_run_nor_twice(mail, root, clock):
    put(mail / "INBOX", "cur", "a:2,S")
    await delete(mail, root, clock, "a")
    one = store(mail, root, clock)
    [kept] = await one.kept()
    with pytest.raises(FolderError, match="read-only"):
        await store(mail, root, clock, read_only=True).put_back(kept)
    assert await one.put_back(kept) == 1
    with pytest.raises(FolderError, match="gone from the quarantine"):
        await one.put_back(kept)
    assert len(files(mail / "INBOX")) == 1
