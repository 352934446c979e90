"""Moving messages between folders by renaming their files."""

import errno
import os
import shutil

import pytest
from tests.unit.maildir.shore import DISK, AgreedOn, content, files, mailbox, maildir, mark_of, put

from postboat.errors import FolderError, FolderGone
from postboat.maildir import changing, system
from postboat.model import NO_FLAGS, SEEN, Gone, Intent, Refused, Side, Stored

DATE = 1_500_000_000


@pytest.fixture
def source(tmp_path):
    return maildir(tmp_path / "Work")


@pytest.fixture
def target(tmp_path):
    return maildir(tmp_path / "Done")


async def moved(source, target, *keys):
    """Move by fresh mailboxes; gives the tokens and the outcomes."""
    box, to = mailbox(source), mailbox(target)
    tokens = await to.intend([content(key) for key in keys])
    return tokens, await box.move(keys, to, tokens)


def intents(keys, tokens):
    return [Intent(Side.LOCAL, key, token, NO_FLAGS) for key, token in zip(keys, tokens, strict=True)]


@pytest.mark.parametrize(
    ("sub", "name", "after"),
    [
        ("new", "a", "new/{}"),
        ("new", "a:2,F", "cur/{}:2,F"),
        ("cur", "a:2,", "cur/{}:2,"),
        ("cur", "a", "cur/{}:2,"),
        ("cur", "a:2,FS", "cur/{}:2,FS"),
        ("cur", "a:2,Scb", "cur/{}:2,Scb"),
    ],
)
async def test_a_message_keeps_its_octets_its_flags_and_its_date(source, target, sub, name, after):
    mark = mark_of(put(source, sub, name))
    [token], [outcome] = await moved(source, target, "a")
    assert outcome == Stored("a", token, mark)
    assert (files(source), files(target)) == ([], [after.format(token)])
    assert (target / after.format(token)).read_bytes() == DISK
    assert mark_of(target / after.format(token)) == mark


async def test_outcomes_stand_in_the_order_of_the_keys(source, target):
    put(source, "cur", "a:2,S")
    put(source, "new", "c")
    tokens, outcomes = await moved(source, target, "a", "b", "c")
    assert [type(outcome) for outcome in outcomes] == [Stored, Gone, Stored]
    assert outcomes[1] == Gone("b")
    assert files(target) == sorted([f"cur/{tokens[0]}:2,S", f"new/{tokens[2]}"])


async def test_what_was_moved_needs_no_listing_to_be_used(source, target, monkeypatch):
    from postboat.maildir import whereabouts

    put(source, "cur", "a:2,S")
    box, to = mailbox(source), mailbox(target)
    await box.changes(AgreedOn())
    [token] = await to.intend([content()])
    monkeypatch.setattr(whereabouts, "list_folder", None)
    await box.move(["a"], to, [token])
    [read] = [found async for found in to.read([token])]
    assert read.flags == {SEEN}


async def test_a_message_is_moved_with_the_flags_it_has_at_that_moment(source, target):
    """Another program renamed it since it was listed."""
    put(source, "new", "a")
    put(source, "cur", "b:2,S")
    put(source, "cur", "c:2,S")
    box, to = mailbox(source), mailbox(target)
    await box.changes(AgreedOn())
    (source / "new" / "a").rename(source / "cur" / "a:2,R")
    (source / "cur" / "b:2,S").rename(source / "cur" / "b:2,")
    (source / "cur" / "c:2,S").unlink()
    tokens = await to.intend([content() for _ in "abc"])
    outcomes = await box.move(["a", "b", "c"], to, tokens)
    assert [type(outcome) for outcome in outcomes] == [Stored, Stored, Gone]
    assert files(target) == sorted([f"cur/{tokens[0]}:2,R", f"cur/{tokens[1]}:2,"])


async def test_a_file_renamed_in_the_very_moment_is_found_again(source, target, monkeypatch):
    put(source, "cur", "a:2,")
    move, tries = system.move, []

    def just_too_late(fd, name, there, new_name):
        if not tries:
            (source / "cur" / name).rename(source / "cur" / "a:2,F")
        tries.append(name)
        move(fd, name, there, new_name)

    monkeypatch.setattr(system, "move", just_too_late)
    [token], [outcome] = await moved(source, target, "a")
    assert isinstance(outcome, Stored) and tries == ["a:2,", "a:2,F"]
    assert files(target) == [f"cur/{token}:2,F"]


async def test_no_file_is_ever_replaced(source, target):
    put(source, "cur", "a:2,S", b"mine\n")
    box, to = mailbox(source), mailbox(target)
    [token] = await to.intend([content()])
    put(target, "cur", f"{token}:2,S", b"other\n")
    [outcome] = await box.move(["a"], to, [token])
    assert isinstance(outcome, Refused) and outcome.key == "a"
    assert (source / "cur" / "a:2,S").read_bytes() == b"mine\n"
    assert (target / "cur" / f"{token}:2,S").read_bytes() == b"other\n"


async def test_across_file_systems_each_is_refused_and_stays(source, target, monkeypatch):
    def other_device(*_args):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(system, "move", other_device)
    for name in ("a:2,S", "b:2,"):
        put(source, "cur", name)
    _, outcomes = await moved(source, target, "a", "b")
    assert outcomes == [Refused(key, changing.ELSEWHERE) for key in "ab"]
    assert (files(source), files(target)) == (["cur/a:2,S", "cur/b:2,"], [])


async def test_two_messages_under_one_name_stay_where_they_are(source, target):
    put(source, "new", "a", b"one\n")
    put(source, "cur", "a:2,S", b"two\n")
    _, [outcome] = await moved(source, target, "a")
    assert isinstance(outcome, Refused)
    assert (files(source), files(target)) == (["cur/a:2,S", "new/a"], [])


async def test_what_has_no_permission_is_refused_alone(source, target, monkeypatch):
    real = system.move

    def denied(fd, name, there, new_name):
        if name.startswith("a"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(fd, name, there, new_name)

    monkeypatch.setattr(system, "move", denied)
    for name in ("a:2,S", "b:2,"):
        put(source, "cur", name)
    _, outcomes = await moved(source, target, "a", "b")
    assert [type(outcome) for outcome in outcomes] == [Refused, Stored]


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_after_a_crash_each_message_is_found_by_its_token_or_was_not_moved(source, target, monkeypatch, at):
    keys, real, done = ["a", "b"], system.move, []
    for key in keys:
        put(source, "cur", f"{key}:2,S")

    def dies(*args):
        if len(done) == at:
            raise OSError(errno.EIO, "the power went")
        done.append(args)
        real(*args)

    monkeypatch.setattr(system, "move", dies)
    box, to = mailbox(source), mailbox(target)
    tokens = await to.intend([content(key) for key in keys])
    if at < 2:
        with pytest.raises(FolderError):
            await box.move(keys, to, tokens)
    else:
        await box.move(keys, to, tokens)
    found = await mailbox(target).find(intents(keys, tokens))
    assert list(found) == keys[:at]
    assert {key: stored.key for key, stored in found.items()} == dict(zip(keys[:at], tokens, strict=False))
    assert {key: stored.mark for key, stored in found.items()} == {
        key: mark_of(target / "cur" / f"{token}:2,S") for key, token in zip(keys[:at], tokens, strict=False)
    }
    assert files(source) == [f"cur/{key}:2,S" for key in keys[at:]]


async def test_where_files_come_to_is_durable_before_where_they_left(source, target, monkeypatch):
    steps, fsync, move = [], os.fsync, system.move

    def noted_fsync(fd):
        steps.append(os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), source.parent))
        fsync(fd)

    def noted_move(*args):
        steps.append("move")
        move(*args)

    monkeypatch.setattr(changing.os, "fsync", noted_fsync)
    monkeypatch.setattr(system, "move", noted_move)
    put(source, "new", "a")
    put(source, "cur", "b:2,S")
    await moved(source, target, "a", "b")
    assert steps == ["move", "move", "Done/new", "Done/cur", "Work/new", "Work/cur"]
    steps.clear()
    put(target, "new", "c")
    box, to = mailbox(target, fsync=False), mailbox(source, fsync=False)
    await box.move(["c"], to, await to.intend([content()]))
    assert steps == ["move"]


@pytest.mark.parametrize("replaced", ["source", "target"])
async def test_nothing_is_moved_when_another_folder_lies_in_the_place_of_one(source, target, replaced):
    put(source, "cur", "a:2,S")
    box, to = mailbox(source), mailbox(target)
    for one in (box, to):
        await one.validity()
    path = source if replaced == "source" else target
    shutil.copytree(path, path.with_name("copy"))
    path.rename(path.with_name("away"))
    path.with_name("copy").rename(path)
    with pytest.raises(FolderError, match="was replaced"):
        await box.move(["a"], to, await to.intend([content()]))
    assert files(source) == ["cur/a:2,S"] and files(target) == []


async def test_a_missing_target_is_told(source, target):
    put(source, "cur", "a:2,S")
    shutil.rmtree(target)
    with pytest.raises(FolderGone, match="Done"):
        await moved(source, target, "a")
    assert files(source) == ["cur/a:2,S"]


@pytest.mark.parametrize("read_only", ["source", "target"])
async def test_neither_side_may_be_read_only(source, target, read_only):
    put(source, "cur", "a:2,S")
    box, to = mailbox(source, read_only=read_only == "source"), mailbox(target, read_only=read_only == "target")
    with pytest.raises(FolderError, match="read-only"):
        await box.move(["a"], to, ["token"])
    assert files(source) == ["cur/a:2,S"]
