import errno
import os

import pytest
from tests.unit.maildir.shore import DISK, AgreedOn, files, mailbox, maildir, mark_of, put

from postboat.errors import FolderError
from postboat.maildir import changing, system, whereabouts
from postboat.model import DELETED, FLAGGED, NO_FLAGS, SEEN, Gone, Reflagging

SEEN_ONLY, FLAGGED_ONLY = frozenset({SEEN}), frozenset({FLAGGED})


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


@pytest.mark.parametrize(
    ("sub", "name", "add", "remove", "after"),
    [
        ("new", "a", SEEN_ONLY, NO_FLAGS, "cur/a:2,S"),
        ("new", "a", NO_FLAGS, SEEN_ONLY, "new/a"),
        ("new", "a", frozenset({"$Junk"}), NO_FLAGS, "new/a"),
        ("cur", "a:2,FS", NO_FLAGS, SEEN_ONLY, "cur/a:2,F"),
        ("cur", "a:2,S", NO_FLAGS, SEEN_ONLY, "cur/a:2,"),
        ("cur", "a:2,Scb", FLAGGED_ONLY, NO_FLAGS, "cur/a:2,FScb"),
        ("cur", "a,U=5,FMD5=x:2,", SEEN_ONLY, NO_FLAGS, "cur/a,U=5,FMD5=x:2,S"),
        ("cur", "a", SEEN_ONLY, NO_FLAGS, "cur/a:2,S"),
        ("cur", "a:2,S", SEEN_ONLY, FLAGGED_ONLY, "cur/a:2,S"),
        ("new", "a:2,F", SEEN_ONLY, NO_FLAGS, "cur/a:2,FS"),
        ("cur", "a:2,S", frozenset({DELETED}), NO_FLAGS, "cur/a:2,ST"),
    ],
)
async def test_flags_become_letters(path, sub, name, add, remove, after):
    put(path, sub, name)
    key = name.partition(":2,")[0]
    assert await mailbox(path).reflag([Reflagging(key, add, remove)]) == []
    assert files(path) == [after]
    assert (path / after).read_bytes() == DISK
    assert os.stat(path / after).st_mtime == 1_500_000_000


async def test_what_another_program_did_meanwhile_is_kept(path):
    put(path, "new", "a")
    put(path, "cur", "b:2,S")
    put(path, "cur", "c:2,S")
    box = mailbox(path)
    await box.changes(AgreedOn())
    (path / "new" / "a").rename(path / "cur" / "a:2,R")
    (path / "cur" / "b:2,S").rename(path / "cur" / "b:2,")
    (path / "cur" / "c:2,S").unlink()
    work = [Reflagging("a", SEEN_ONLY), Reflagging("b", FLAGGED_ONLY), Reflagging("c", FLAGGED_ONLY)]
    assert await box.reflag(work) == [Gone("c")]
    assert files(path) == ["cur/a:2,RS", "cur/b:2,F"]


async def test_flags_another_program_took_away_meanwhile_are_set_all_the_same(path):
    put(path, "cur", "a:2,S")
    box = mailbox(path)
    await box.changes(AgreedOn())
    (path / "cur" / "a:2,S").rename(path / "cur" / "a:2,F")
    assert await box.reflag([Reflagging("a", SEEN_ONLY)]) == []
    assert files(path) == ["cur/a:2,FS"]


async def test_a_deleted_message_is_removed_wherever_it_is_now(path):
    put(path, "new", "a")
    put(path, "cur", "b:2,S")
    put(path, "cur", "stays:2,S")
    box = mailbox(path)
    await box.changes(AgreedOn())
    (path / "new" / "a").rename(path / "cur" / "a:2,S")
    assert await box.delete(["a", "b", "never"], expunge=False) == []
    assert files(path) == ["cur/stays:2,S"]


async def test_a_file_renamed_between_look_and_unlink_is_found_again(path, monkeypatch):
    put(path, "cur", "a:2,")
    unlink, tries = os.unlink, []

    def just_too_late(name, *, dir_fd):
        if len(tries) < 3:
            tries.append(name)
            (path / "cur" / name).rename(path / "cur" / f"a:2,{'FRS'[: len(tries)]}")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(changing.os, "unlink", just_too_late)
    assert await mailbox(path).delete(["a"], expunge=True) == []
    assert tries == ["a:2,", "a:2,F", "a:2,FR"]
    assert files(path) == []


async def test_a_file_that_is_renamed_for_ever_is_set_aside(path, monkeypatch):
    put(path, "cur", "a:2,")
    put(path, "cur", "b:2,")
    unlink = os.unlink

    def restless(name, *, dir_fd):
        if name.startswith("a"):
            (path / "cur" / name).rename(path / "cur" / ("a:2,S" if name == "a:2," else "a:2,"))
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(changing.os, "unlink", restless)
    [refused] = await mailbox(path).delete(["a", "b"], expunge=True)
    assert refused.key == "a" and "keeps renaming" in refused.reason
    assert len(files(path)) == 1


async def test_a_listing_that_missed_a_file_deletes_nothing(path, monkeypatch):
    """A file renamed while a directory is read may show under neither name: another look must agree."""
    from postboat.maildir import whereabouts

    file = put(path, "cur", "a:2,S")
    os.utime(path / "cur")
    real, away = whereabouts.list_folder, path / "away"

    def missing_it_once(*args):
        if not away.exists() and file.exists():
            file.rename(away)
            listing = real(*args)
            away.rename(path / "cur" / "a:2,FS")
            return listing
        return real(*args)

    monkeypatch.setattr(whereabouts, "list_folder", missing_it_once)
    box = mailbox(path, clock=lambda: os.stat(path / "cur").st_mtime + 1)
    changes = await box.changes(AgreedOn({"a": SEEN_ONLY, "b": NO_FLAGS}))
    assert changes.vanished == {"b"}
    assert changes.checkpoint is None


async def test_reflagging_looks_twice_before_it_takes_a_message_for_gone(path, monkeypatch):
    from postboat.maildir import whereabouts
    from postboat.maildir.scan import Listing

    put(path, "cur", "a:2,")
    real, looks = whereabouts.find_files, []

    def blind_at_first(folder, keys):
        looks.append(list(keys))
        return Listing() if len(looks) == 1 else real(folder, keys)

    monkeypatch.setattr(whereabouts, "find_files", blind_at_first)
    assert await mailbox(path).reflag([Reflagging("a", SEEN_ONLY)]) == []
    assert looks == [["a"]] * 2
    assert files(path) == ["cur/a:2,S"]


async def test_two_messages_under_one_name_are_left_alone_where_nothing_may_be_changed(path):
    warned = []
    put(path, "new", "a", b"one\n")
    put(path, "cur", "a:2,S", b"two\n")
    put(path, "cur", "b:2,S")
    box = mailbox(path, warn=warned.append, read_only=True)
    for _ in range(2):
        changes = await box.changes(AgreedOn({"a": NO_FLAGS, "b": SEEN_ONLY}))
        assert changes.nothing
        assert changes.checkpoint is None
    assert (await box.changes(AgreedOn({"b": SEEN_ONLY}))).nothing
    assert len(warned) == 1 and "new/a" in warned[0] and "cur/a:2,S" in warned[0]
    assert files(path) == ["cur/a:2,S", "cur/b:2,S", "new/a"]


async def test_two_messages_that_get_one_name_after_the_look_are_neither_changed_nor_deleted(path):
    put(path, "new", "a", b"one\n")
    box = mailbox(path)
    await box.changes(AgreedOn())
    (path / "new" / "a").rename(path / "cur" / "a:2,")
    put(path, "cur", "a:2,S", b"two\n")
    for refused in (await box.reflag([Reflagging("a", FLAGGED_ONLY)]), await box.delete(["a"], expunge=True)):
        assert [r.key for r in refused] == ["a"]
    assert files(path) == ["cur/a:2,", "cur/a:2,S"]


@pytest.mark.parametrize("agreed", ["one", "two", "neither"])
async def test_of_messages_under_one_name_the_agreed_one_keeps_it_and_the_others_get_their_own(path, agreed):
    one = put(path, "cur", "a:2,", b"one\n")
    put(path, "cur", "a:2,S", b"two\n")
    put(path, "new", "a", b"three\n")
    known = {"one": {"a": mark_of(one)}, "two": {"a": mark_of(path / "cur" / "a:2,S")}, "neither": {}}[agreed]
    box = mailbox(path)
    changes = await box.changes(AgreedOn({"a": NO_FLAGS}, known))
    assert len(changes.appeared) == 2
    assert not changes.vanished and not changes.renamed
    kept = {"one": ("cur/a:2,", b"one\n"), "two": ("cur/a:2,S", b"two\n"), "neither": ("cur/a:2,", b"one\n")}[agreed]
    assert (path / kept[0]).read_bytes() == kept[1]
    assert sorted((path / name).read_bytes() for name in files(path)) == [b"one\n", b"three\n", b"two\n"]
    assert len({name.partition("/")[2].partition(":")[0] for name in files(path)}) == 3
    again = await box.changes(AgreedOn({"a": NO_FLAGS}, known))
    assert again.appeared.keys() == changes.appeared.keys()


async def test_one_file_seen_under_two_names_is_one_message(path):
    put(path, "new", "a")
    os.link(path / "new" / "a", path / "cur" / "a:2,S")
    changes = await mailbox(path).changes(AgreedOn({"a": SEEN_ONLY}))
    assert changes.nothing


async def test_what_is_no_regular_file_is_ignored_and_told_once(path):
    warned = []
    (path / "cur" / "link:2,S").symlink_to(path / "cur")
    os.mkfifo(path / "new" / "fifo\x1b")
    (path / "cur" / "directory").mkdir()
    put(path, "cur", ".hidden")
    box = mailbox(path, warn=warned.append)
    for _ in range(2):
        assert (await box.changes(AgreedOn({"link": SEEN_ONLY}))).nothing
    assert len(warned) == 2
    assert all(text.isprintable() for text in warned)


async def test_flags_never_replace_another_file(path):
    """Another program made the very name in the meantime: neither file is lost."""
    put(path, "cur", "a:2,", b"mine\n")
    box = mailbox(path)
    await box.changes(AgreedOn())
    put(path, "cur", "a:2,S", b"other\n")
    [refused] = await box.reflag([Reflagging("a", SEEN_ONLY)])
    assert refused.key == "a"
    assert (path / "cur" / "a:2,").read_bytes() == b"mine\n"
    assert (path / "cur" / "a:2,S").read_bytes() == b"other\n"


async def test_one_listing_finds_all_that_was_renamed(path, monkeypatch):
    for number in range(100):
        put(path, "new", f"{number}")
    box = mailbox(path)
    keys = list((await box.changes(AgreedOn())).appeared)
    for number in range(100):
        if number % 2:
            (path / "new" / f"{number}").rename(path / "cur" / f"{number}:2,S")
        else:
            (path / "new" / f"{number}").unlink()
    looks, real = [], whereabouts.find_files
    monkeypatch.setattr(whereabouts, "find_files", lambda folder, wanted: looks.append(1) or real(folder, wanted))
    found = [item async for item in box.read(keys)]
    assert sorted(item.key for item in found) == sorted(keys)
    assert sum(isinstance(item, Gone) for item in found) == 50
    assert len(looks) == 2


async def test_a_file_that_was_out_of_sight_while_others_were_read_is_deleted_all_the_same(path):
    put(path, "cur", "a:2,S")
    put(path, "cur", "b:2,S")
    box = mailbox(path)
    await box.changes(AgreedOn())
    (path / "cur" / "a:2,S").rename(path.parent / "a")
    assert [item async for item in box.read(["a"])] == [Gone("a")]
    (path.parent / "a").rename(path / "cur" / "a:2,F")
    assert await box.delete(["a"], expunge=True) == []
    assert files(path) == ["cur/b:2,S"]


async def test_a_name_too_long_for_its_flags_is_refused_and_stops_nothing(path):
    put(path, "cur", "x" * 255)
    put(path, "cur", "a:2,")
    work = [Reflagging("x" * 255, SEEN_ONLY), Reflagging("a", SEEN_ONLY)]
    [refused] = await mailbox(path).reflag(work)
    assert refused.key == "x" * 255 and "File name too long" in refused.reason
    assert files(path) == ["cur/a:2,S", f"cur/{'x' * 255}"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
async def test_a_disk_that_takes_no_rename_stops_the_folder_and_loses_nothing(path, monkeypatch, code):
    put(path, "cur", "a:2,")
    put(path, "new", "b")
    work = [Reflagging("a", SEEN_ONLY), Reflagging("b", SEEN_ONLY)]

    def refuse(*_args):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as context:
        context.setattr(system, "move", refuse)
        with pytest.raises(FolderError, match=r"disk is full|Read-only file system"):
            await mailbox(path).reflag(work)
    assert files(path) == ["cur/a:2,", "new/b"]
    assert await mailbox(path).reflag(work) == []
    assert files(path) == ["cur/a:2,S", "cur/b:2,S"]
