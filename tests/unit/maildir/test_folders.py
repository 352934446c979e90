import os

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
