"""How a file is known again: under another name, in another folder, and never in the place of one that is gone."""

import os
from itertools import count

import pytest
from tests.unit.maildir.shore import AgreedOn, content, deliver, mailbox, maildir, mark_of, put, without_birth_times

from postboat.maildir import scan, system
from postboat.maildir.compare import Difference, pair_renamed
from postboat.maildir.scan import weight_of
from postboat.model import NO_FLAGS, Message

NUMBER = 4711
"""Of every file: file systems give the next one what was freed, if they like."""


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


@pytest.fixture
def other(tmp_path):
    return maildir(tmp_path / "Archive")


@pytest.fixture
def numbers_come_again(monkeypatch):
    """All files have one number, and each that is examined first is born a nanosecond after the one before."""
    real, born, births = system.examine, {}, count(1_600_000_000_000_000_000)

    def examined(fd, name=""):
        file = real(fd, name)
        if not file.regular:
            return file
        own = born.setdefault(file.number, next(births)) if file.born is not None else None
        return file._replace(number=NUMBER, born=own)

    monkeypatch.setattr(system, "examine", examined)
    monkeypatch.setattr(scan, "examine", examined)
    return born


def replace(file, by, births, octets=b"Subject: new\n\n"):
    """Remove a file and put another one of equal size and mtime."""
    info = os.stat(file)
    file.unlink()
    births.pop(info.st_ino, None)
    assert info.st_size == len(octets)
    by.write_bytes(octets)
    os.utime(by, ns=(1, info.st_mtime_ns))
    return by


async def seen(folder):
    """Marks of all messages of a folder as a look shows them."""
    return {key: message.mark for key, message in (await mailbox(folder).changes(AgreedOn())).appeared.items()}


async def after(folder, marks):
    return await mailbox(folder).changes(AgreedOn(dict.fromkeys(marks, NO_FLAGS), marks))


async def test_a_new_file_with_number_size_and_mtime_of_a_removed_one_is_not_that_one_renamed(path, numbers_come_again):
    old = put(path, "cur", "old:2,", b"Subject: old\n\n")
    marks = await seen(path)
    replace(old, path / "new" / "young", numbers_come_again)
    changes = await after(path, marks)
    assert not changes.renamed
    assert (changes.vanished, changes.appeared.keys()) == ({"old"}, {"young"})


@pytest.mark.parametrize("birth", [True, False], ids=["with birth times", "without"])
async def test_a_new_file_in_another_folder_is_not_the_removed_one_moved(
    path, other, numbers_come_again, monkeypatch, birth
):
    if not birth:
        without_birth_times(monkeypatch)
    old = put(path, "cur", "old:2,", b"Subject: old\n\n")
    marks = await seen(path)
    replace(old, other / "new" / "young", numbers_come_again)
    young = (await seen(other))["young"]
    assert young.startswith(f"{NUMBER}-14-") and marks["old"].startswith(f"{NUMBER}-14-")
    assert young != marks["old"]


async def test_without_birth_times_a_rename_in_the_folder_is_known_and_a_move_to_another_is_left_to_the_headers(
    path, other, monkeypatch
):
    without_birth_times(monkeypatch)
    old = put(path, "cur", "old:2,")
    marks = await seen(path)
    old = old.rename(path / "new" / "renamed")
    changes = await after(path, marks)
    assert changes.renamed.keys() == {"old"} and not changes.appeared and not changes.vanished
    old.rename(other / "cur" / "moved:2,")
    moved = (await seen(other))["moved"]
    assert moved != marks["old"]
    assert weight_of(moved) == weight_of(marks["old"]) == os.stat(other / "cur" / "moved:2,").st_size


def renamed(file):
    return file.rename(file.with_name("other:2,"))


def flagged(file):
    return file.rename(file.with_name("a:2,FS"))


def linked(file):
    os.link(file, file.with_name("link:2,"))
    file.unlink()
    return file.with_name("link:2,")


def permitted(file):
    file.chmod(0o640)
    return file


def read(file):
    file.read_bytes()
    os.utime(file, ns=(5, os.stat(file).st_mtime_ns))
    return file


@pytest.mark.parametrize("birth", [True, False], ids=["with birth times", "without"])
@pytest.mark.parametrize("act", [renamed, flagged, linked, permitted, read])
def test_what_leaves_the_octets_alone_leaves_the_mark(path, monkeypatch, act, birth):
    if not birth:
        without_birth_times(monkeypatch)
    file = put(path, "cur", "a:2,")
    mark = mark_of(file)
    assert mark_of(act(file)) == mark


def test_a_file_bears_its_mark_to_another_folder_where_births_are_kept(path, other):
    file = put(path, "cur", "a:2,")
    with file.open() as opened:
        if system.examine(opened.fileno()).born is None:
            pytest.skip("the file system keeps no birth times")
    mark = mark_of(file)
    assert mark_of(file.rename(other / "new" / "b")) == mark


@pytest.mark.parametrize("birth", [True, False], ids=["with birth times", "without"])
@pytest.mark.parametrize("size", [10, 2_000_000])
async def test_what_we_deliver_and_move_bears_the_mark_that_a_look_finds(path, other, monkeypatch, birth, size):
    if not birth:
        without_birth_times(monkeypatch)
    box, to = mailbox(path), mailbox(other)
    [stored] = await deliver(box, content(wire=b"x" * size))
    assert await seen(path) == {stored.key: stored.mark}
    [moved] = await box.move([stored.key], to, await to.intend([content()]))
    assert await seen(other) == {moved.key: moved.mark}


@pytest.mark.parametrize("now", ["8-300-7000-1600", "8-300-7000@2", "8-300--7000-1600", "8-300--7000@2"])
def test_marks_of_older_ledgers_tell_the_weight_and_match_nothing(now):
    was = now.rpartition("@")[0] or now.rpartition("-")[0]
    assert weight_of(was) == weight_of(now) == 300
    found = Difference({}, {"b": Message("b", NO_FLAGS, None, now)}, {}, frozenset({"a"}), None)
    assert pair_renamed({"a": was}, found)[0] == {}
    assert pair_renamed({"a": now}, found)[0].keys() == {"a"}


@pytest.mark.parametrize("text", ["", "1-2", "x", "a-b-c", "1--2-3"])
def test_what_is_no_mark_has_no_weight(text):
    assert weight_of(text) is None
