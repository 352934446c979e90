import asyncio
import os
import shutil

import pytest
from tests.unit.maildir.shore import content, deliver, maildir

from postboat.errors import FolderError
from postboat.maildir.folders import MaildirStore
from postboat.model import INBOX, FolderName, Stored

NAMES = [
    INBOX,
    FolderName(("INBOX", "A")),
    FolderName(("Lists", "a.b", "c/d")),
    FolderName((".hid", "cur")),
    FolderName(("x ",)),
    FolderName(("é",)),
]
KINDS = ["flat", "nested", "maildir++"]


@pytest.mark.parametrize("kind", KINDS)
async def test_created_folders_are_listed(tmp_path, kind):
    store = MaildirStore(tmp_path / "Mail", kind)
    assert not await store.exists()
    assert await store.list() == ([], [])
    for name in NAMES:
        await store.create(name)
        await store.create(name)
    assert await store.exists()
    assert await MaildirStore(tmp_path / "Mail", kind).list() == (sorted(NAMES), [])
    modes = {os.stat(base).st_mode & 0o777 for base, _, _ in os.walk(tmp_path / "Mail")}
    assert modes == {0o700}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_folders_mailbox_lies_where_it_was_created(tmp_path, kind):
    store = MaildirStore(tmp_path, kind)
    for name in NAMES:
        assert await store.mailbox(name).validity() == ""
        await store.create(name)
        [stored] = await deliver(store.mailbox(name), content())
        assert isinstance(stored, Stored)
        assert (await store.mailbox(name).validity()) != ""


async def test_an_empty_root_is_not_a_missing_one(tmp_path):
    assert await MaildirStore(tmp_path).exists()
    assert not await MaildirStore(tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    assert not await MaildirStore(tmp_path / "file").exists()


async def test_what_is_no_maildir_is_ignored_and_what_cannot_be_one_of_ours_is_told(tmp_path):
    maildir(tmp_path / "good")
    maildir(tmp_path / "a..b")
    maildir(tmp_path / "bad\x1b")
    maildir(tmp_path / os.fsdecode(b"lat\xe9n"))
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "half" / "cur").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "good")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    names, unusable = await MaildirStore(tmp_path).list()
    assert names == [FolderName(("good",))]
    assert len(unusable) == 5
    assert all(text.isprintable() for text in unusable)
    assert any("half: has no directory new and no tmp" in text for text in unusable)
    assert any("link: is a symbolic link" in text for text in unusable)


async def test_nested_folders_may_lie_below_directories_that_are_none(tmp_path):
    store = MaildirStore(tmp_path, sep="/")
    await store.create(FolderName(("a", "b", "c")))
    assert (await store.list()).names == [FolderName(("a", "b", "c"))]
    await store.create(FolderName(("a",)))
    assert (await store.list()).names == [FolderName(("a",)), FolderName(("a", "b", "c"))]


async def test_a_loop_of_links_is_not_walked(tmp_path):
    store = MaildirStore(tmp_path, "nested")
    await store.create(FolderName(("a",)))
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    names, unusable = await store.list()
    assert names == [FolderName(("a",))]
    assert len(unusable) == 1


async def test_the_deepest_folder_is_listed_and_no_deeper_one_is_looked_for(tmp_path):
    store = MaildirStore(tmp_path, "nested")
    deepest = FolderName(("a",) * 32)
    await store.create(deepest)
    maildir(tmp_path / "/".join(["a"] * 33))
    assert await store.list() == ([deepest], [])


async def test_a_directory_another_program_named_is_used_as_it_is(tmp_path):
    maildir(tmp_path / "Trip etc.")
    store = MaildirStore(tmp_path, "nested")
    [name] = (await store.list()).names
    await deliver(store.mailbox(name), content())
    assert len(os.listdir(tmp_path / "Trip etc." / "new")) == 1
    assert os.listdir(tmp_path) == ["Trip etc."]


@pytest.mark.parametrize(("ours", "theirs"), [("x%20", "x "), ("x%2E", "x.")])
async def test_of_two_directories_for_one_folder_ours_is_used_and_the_other_told(tmp_path, ours, theirs):
    for directory in (ours, theirs):
        maildir(tmp_path / directory)
    store = MaildirStore(tmp_path, "nested")
    names, unusable = await store.list()
    assert names == [FolderName((theirs,))]
    assert store.mailbox(names[0]).path == tmp_path / ours
    assert len(unusable) == 1 and f"{theirs}: is the same folder" in unusable[0]


async def test_a_folder_is_not_created_through_a_link_or_over_a_file(tmp_path):
    (tmp_path / "outside").mkdir()
    root = tmp_path / "Mail"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "file").write_text("")
    store = MaildirStore(root, "nested")
    for top in ("link", "file"):
        with pytest.raises(FolderError, match="symbolic link"):
            await store.create(FolderName((top, "a")))
    assert os.listdir(tmp_path / "outside") == []


async def test_a_name_no_directory_can_hold_is_refused_and_makes_nothing(tmp_path):
    store = MaildirStore(tmp_path)
    with pytest.raises(FolderError):
        await store.create(FolderName(("x" * 300,)))
    with pytest.raises(FolderError):
        store.mailbox(FolderName(("x" * 300,)))
    assert os.listdir(tmp_path) == []


async def test_maildir_plus_plus_subfolders_say_what_they_are(tmp_path):
    store = MaildirStore(tmp_path, "maildir++")
    await store.create(INBOX)
    await store.create(FolderName(("A", "B")))
    assert sorted(os.listdir(tmp_path)) == [".A.B", "cur", "new", "tmp"]
    assert "maildirfolder" in os.listdir(tmp_path / ".A.B")


@pytest.fixture
def case_ignored(monkeypatch):
    """A file system that ignores case, as far as directories are made and opened."""

    def ignoring_case(call):
        def called(path, *args, dir_fd=None, **options):
            return call(path if dir_fd is None else path.lower(), *args, dir_fd=dir_fd, **options)

        return called

    monkeypatch.setattr(os, "mkdir", ignoring_case(os.mkdir))
    monkeypatch.setattr(os, "open", ignoring_case(os.open))


@pytest.mark.usefixtures("case_ignored")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("listed_between", [False, True])
async def test_two_folders_never_share_a_directory(tmp_path, kind, listed_between):
    store = MaildirStore(tmp_path, kind)
    await store.create(FolderName(("work",)))
    if listed_between:
        assert FolderName(("work",)) in (await store.list()).names
    with pytest.raises(FolderError, match="Work: cannot be made, another folder lies there already"):
        await store.create(FolderName(("Work",)))
    await store.create(FolderName(("work",)))
    await store.create(FolderName(("other",)))


@pytest.mark.usefixtures("case_ignored")
async def test_two_folders_made_at_once_never_share_a_directory(tmp_path):
    for n in range(20):
        store = MaildirStore(tmp_path / str(n))
        names = [FolderName(("work",)), FolderName(("Work",)), FolderName(("WORK",))]
        made = await asyncio.gather(*map(store.create, names), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in made) == ["FolderError", "FolderError", "NoneType"]


async def test_a_maildir_that_came_after_the_listing_is_not_made_another_folders(tmp_path):
    store = MaildirStore(tmp_path)
    await store.list()
    maildir(tmp_path / "Work")
    with pytest.raises(FolderError, match="lies there already"):
        await store.create(FolderName(("Work",)))
    await store.list()
    await store.create(FolderName(("Work",)))


@pytest.mark.parametrize("there", [["cur"], ["cur", "new"], ["new", "tmp"]])
async def test_what_was_told_to_be_half_made_is_completed(tmp_path, there):
    for sub in there:
        (tmp_path / "Work" / sub).mkdir(parents=True)
    store = MaildirStore(tmp_path)
    with pytest.raises(FolderError, match="lies there already"):
        await store.create(FolderName(("Work",)))
    names, unusable = await store.list()
    assert not names and "Work: has no directory" in unusable[0]
    await store.create(FolderName(("Work",)))
    assert sorted(os.listdir(tmp_path / "Work")) == ["cur", "new", "tmp"]


@pytest.mark.parametrize("there", [[], ["tmp"], ["attachments"]])
async def test_a_directory_without_mail_may_become_a_folder(tmp_path, there):
    for sub in ["", *there]:
        (tmp_path / "Work" / sub).mkdir()
    await MaildirStore(tmp_path).create(FolderName(("Work",)))
    assert (await MaildirStore(tmp_path).list()).names == [FolderName(("Work",))]


@pytest.mark.parametrize("there", [["cur"], ["cur", "tmp"], ["cur", "new"]])
async def test_a_folder_of_ours_is_completed_as_long_as_it_has_cur(tmp_path, there):
    work, other = FolderName(("Work",)), FolderName(("Other",))
    for sub in there:
        (tmp_path / "Work" / sub).mkdir(parents=True)
    (tmp_path / "Other" / "new").mkdir(parents=True)
    for store, made in (
        (MaildirStore(tmp_path, read_only=True), there),
        (MaildirStore(tmp_path), ["cur", "new", "tmp"]),
    ):
        await store.list()
        assert await store.completed([work, other]) == [work]
        assert sorted(os.listdir(tmp_path / "Work")) == made
    assert os.listdir(tmp_path / "Other") == ["new"]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_empty_folder_is_removed_and_can_be_made_again(tmp_path, kind):
    store, name = MaildirStore(tmp_path, kind), FolderName(("A", "b.c"))
    await store.create(name)
    await store.create(FolderName(("A", "d")))
    before = await store.mailbox(name).validity()
    assert await store.remove(name)
    assert await store.remove(name), "one that is gone already is no matter"
    assert (await store.list()).names == [FolderName(("A", "d"))]
    await store.create(name)
    assert await store.mailbox(name).validity() not in ("", before)


@pytest.mark.parametrize("kept", ["notes.txt", "dovecot-uidlist", "child/cur/message"])
async def test_what_others_keep_beside_the_mail_stays_and_the_directory_is_no_folder_any_more(tmp_path, kept):
    told = []
    store, name = MaildirStore(tmp_path, "nested", warn=told.append), FolderName(("A",))
    await store.create(name)
    (tmp_path / "A" / kept).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / "A" / kept).write_text("x")
    assert await store.remove(name)
    assert (tmp_path / "A" / kept).read_text() == "x"
    assert os.listdir(tmp_path / "A") == [kept.partition("/")[0]]
    assert name not in (await store.list()).names
    [text] = told
    assert "its directory stays" in text


@pytest.mark.parametrize("kept", ["cur/message", "new/message", "tmp/draft"])
async def test_a_folder_with_mail_in_it_is_left_as_it_is_and_told(tmp_path, kept):
    told = []
    store, name = MaildirStore(tmp_path, "nested", warn=told.append), FolderName(("A",))
    await store.create(name)
    before = await store.mailbox(name).validity()
    (tmp_path / "A" / kept).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / "A" / kept).write_text("x")
    assert not await store.remove(name)
    assert (tmp_path / "A" / kept).read_text() == "x"
    assert sorted(os.listdir(tmp_path / "A")) == sorted({".postboat-id", "cur", "new", "tmp", kept.partition("/")[0]})
    assert await store.mailbox(name).validity() == before
    [text] = told
    assert "is not removed" in text


async def test_mail_that_comes_while_a_folder_is_removed_keeps_it(tmp_path, monkeypatch):
    store, name, rmdir = MaildirStore(tmp_path), FolderName(("A",)), os.rmdir
    await store.create(name)

    def deliver_first(directory, *, dir_fd):
        if directory == "cur":
            (tmp_path / "A" / "cur" / "message:2,S").write_text("x")
        rmdir(directory, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", deliver_first)
    assert not await store.remove(name)
    assert sorted(os.listdir(tmp_path / "A")) == ["cur", "new", "tmp"]
    assert (await store.list()) == ([name], [])


@pytest.mark.parametrize("kind", KINDS)
async def test_the_inbox_is_never_removed(tmp_path, kind):
    store = MaildirStore(tmp_path, kind)
    await store.create(INBOX)
    assert not await store.remove(INBOX)
    assert (await store.list()).names == [INBOX]


async def test_a_read_only_store_removes_no_folder(tmp_path):
    await MaildirStore(tmp_path).create(FolderName(("A",)))
    with pytest.raises(FolderError, match="read-only"):
        await MaildirStore(tmp_path, read_only=True).remove(FolderName(("A",)))


async def test_a_link_in_a_folders_place_is_not_removed(tmp_path):
    await MaildirStore(tmp_path).create(FolderName(("A",)))
    (tmp_path / "A").rename(tmp_path.with_name("elsewhere"))
    (tmp_path / "A").symlink_to(tmp_path.with_name("elsewhere"))
    with pytest.raises(FolderError):
        await MaildirStore(tmp_path).remove(FolderName(("A",)))
    assert (tmp_path / "A" / "cur").is_dir()


@pytest.mark.parametrize("odd", ["link", "file"])
@pytest.mark.parametrize("part", ["", "cur", "new", "tmp"])
async def test_a_folder_that_cannot_be_seen_is_not_gone(tmp_path, part, odd):
    store, name, other = MaildirStore(tmp_path, "nested"), FolderName(("A",)), FolderName(("B",))
    await store.create(name)
    await store.create(other)
    place = tmp_path / "A" / part
    place.rename(tmp_path.parent / f"{tmp_path.name}-away")
    if odd == "link":
        place.symlink_to(tmp_path.parent / f"{tmp_path.name}-away")
    else:
        place.write_text("")
    names, _ = await store.list()
    assert names == [other]
    assert store.is_barred(name) is (part != "" or odd == "link")
    assert store.is_barred(FolderName(("A", "below"))) is store.is_barred(name)
    assert not store.is_barred(other)


async def test_a_folder_that_lost_a_part_is_gone_and_can_be_completed(tmp_path):
    store, name = MaildirStore(tmp_path), FolderName(("A",))
    await store.create(name)
    shutil.rmtree(tmp_path / "A" / "cur")
    assert (await store.list()).names == []
    assert not store.is_barred(name)
    await store.create(name)
    assert (await store.list()).names == [name]


async def test_disowning_does_not_follow_a_link(tmp_path):
    store, name = MaildirStore(tmp_path), FolderName(("A",))
    await store.create(name)
    before = await store.mailbox(name).validity()
    away = (tmp_path / "A").rename(tmp_path.with_name(f"{tmp_path.name}-away"))
    (tmp_path / "A").symlink_to(away)
    await store.disown(name)
    assert (away / ".postboat-id").exists()
    (tmp_path / "A").unlink()
    away.rename(tmp_path / "A")
    assert await store.mailbox(name).validity() == before
    await store.disown(name)
    assert not (tmp_path / "A" / ".postboat-id").exists()
