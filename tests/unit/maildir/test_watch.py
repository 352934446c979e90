"""The disk is watched by a real inotify; what other programs do is done as they do it."""

import asyncio
import os
import shutil
import sys

import pytest
from tests.fakes.ears import Ears, listening
from tests.unit.maildir.shore import maildir, put

from postboat.maildir import mounts, sightings
from postboat.maildir.folders import MaildirStore
from postboat.maildir.touched import MANY
from postboat.maildir.watch import DiskWatch
from postboat.model import FolderName

INBOX, WORK = FolderName(("INBOX",)), FolderName(("Work",))
NESTED = FolderName(("Work", "Old"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


@pytest.fixture
def store(tmp_path):
    for name in ("INBOX", "Work"):
        maildir(tmp_path / "mail" / name)
    return MaildirStore(tmp_path / "mail")


@pytest.fixture
def inbox(store):
    return store.root / "INBOX"


async def all_told(ears, folder=INBOX, **spots):
    """Wait until just this is known of the folder's files."""
    await ears.until(lambda e: e.spots(folder) == spots)


async def test_a_delivery_is_told_once_it_is_renamed_into_place(store, inbox):
    async with listening(store, [INBOX, WORK]) as (ears, _):
        put(inbox, "tmp", "1")
        os.rename(inbox / "tmp/1", inbox / "new/1")
        await all_told(ears, **{"new/1": True})
    assert ears.how == [("inotify", "")]
    assert ears.doubts == [] and ears.structure == 0


async def test_a_flag_change_is_told_as_one(store, inbox):
    put(inbox, "cur", "1:2,")
    async with listening(store, [INBOX]) as (ears, _):
        os.rename(inbox / "cur/1:2,", inbox / "cur/1:2,S")
        await all_told(ears, **{"cur/1:2,": False, "cur/1:2,S": True})
        assert ears.tellings == 1


async def test_a_message_that_was_read_moves_from_new_to_cur(store, inbox):
    put(inbox, "new", "1")
    async with listening(store, [INBOX]) as (ears, _):
        os.rename(inbox / "new/1", inbox / "cur/1:2,S")
        await all_told(ears, **{"new/1": False, "cur/1:2,S": True})
        assert ears.tellings == 1


async def test_a_removal_is_told(store, inbox):
    put(inbox, "cur", "1:2,S")
    async with listening(store, [INBOX]) as (ears, _):
        os.unlink(inbox / "cur/1:2,S")
        await all_told(ears, **{"cur/1:2,S": False})


async def test_a_move_to_another_folder_is_told_in_both(store, inbox):
    put(inbox, "cur", "1:2,S")
    async with listening(store, [INBOX, WORK]) as (ears, _):
        os.rename(inbox / "cur/1:2,S", store.root / "Work/cur/1:2,S")
        await ears.until(lambda e: e.spots(INBOX) and e.spots(WORK))
    assert ears.spots(INBOX) == {"cur/1:2,S": False}
    assert ears.spots(WORK) == {"cur/1:2,S": True}


async def test_what_is_linked_to_another_name_and_loses_the_first_is_told_as_one_change(store, inbox):
    put(inbox, "cur", "1:2,")
    async with listening(store, [INBOX]) as (ears, _):
        os.link(inbox / "cur/1:2,", inbox / "cur/1:2,F")
        os.unlink(inbox / "cur/1:2,")
        await all_told(ears, **{"cur/1:2,": False, "cur/1:2,F": True})
        assert ears.tellings == 1


async def test_what_is_linked_into_another_folder_is_told_together_with_its_going(store, inbox):
    """Else it would be sent a second time, and not moved."""
    put(inbox, "cur", "1:2,")
    async with listening(store, [INBOX, WORK]) as (ears, _):
        os.link(inbox / "cur/1:2,", store.root / "Work/cur/1:2,")
        os.unlink(inbox / "cur/1:2,")
        await ears.until(lambda e: e.tellings)
        assert ears.spots(INBOX) == {"cur/1:2,": False} and ears.spots(WORK) == {"cur/1:2,": True}


async def test_a_message_that_is_still_being_written_is_not_told(store, inbox):
    async with listening(store, [INBOX]) as (ears, _):
        with open(inbox / "cur/1:2,S", "wb") as half:
            half.write(b"Subject: a\n")
            half.flush()
            os.unlink(put(inbox, "cur", "2:2,"))
            await ears.until(lambda e: e.spots(INBOX).get("cur/2:2,") is False)
            await asyncio.sleep(sightings.WAIT + 0.1)
            assert "cur/1:2,S" not in ears.spots(INBOX)
        await ears.until(lambda e: e.spots(INBOX).get("cur/1:2,S"))


async def test_files_whose_names_begin_with_a_dot_and_directories_are_nothing(store, inbox):
    async with listening(store, [INBOX]) as (ears, _):
        put(inbox, "cur", ".1.partial")
        os.mkdir(inbox / "cur/directory")
        os.rename(inbox / "cur/.1.partial", inbox / "cur/1:2,S")
        await all_told(ears, **{"cur/1:2,S": True})


async def test_names_that_are_no_utf8_are_told(store, inbox):
    async with listening(store, [INBOX]) as (ears, _):
        name = os.fsdecode(b"caf\xe9:2,S")
        put(inbox, "tmp", name)
        os.rename(inbox / "tmp" / name, inbox / "cur" / name)
        await all_told(ears, **{f"cur/{name}": True})
        assert list(ears.files[INBOX].spots) == ["caf/E9"]


async def test_what_happens_between_the_list_and_the_watch_is_left_to_the_look_that_follows(store, inbox):
    """When `follow` returns, the folder's state is noted, by which a look knows whether anything is missing."""
    async with listening(store, [INBOX]) as (ears, watch):
        began = watch.untouched(INBOX)
        assert began is not None and began.began
        put(inbox, "cur", "1:2,S")
        await ears.until(lambda e: INBOX in e.files)
        assert ears.files[INBOX].began == began.began
        assert ears.files[INBOX].watch == watch.watch_of(INBOX) == began.watch != ""


async def test_folders_that_are_not_followed_any_more_are_not_told_of(store, inbox):
    async with listening(store, [INBOX, WORK]) as (ears, watch):
        await watch.follow([INBOX])
        put(store.root / "Work", "cur", "1:2,S")
        put(inbox, "cur", "2:2,S")
        await all_told(ears, **{"cur/2:2,S": True})
        assert WORK not in ears.files
        assert watch.watch_of(WORK) == "" and watch.untouched(WORK) is None
        await watch.follow([INBOX, WORK])
        put(store.root / "Work", "cur", "3:2,S")
        await all_told(ears, WORK, **{"cur/3:2,S": True})


async def test_more_files_than_are_worth_looking_at_one_by_one_are_a_doubt(store, inbox, monkeypatch):
    async with listening(store, [INBOX]) as (ears, watch):
        before = watch.watch_of(INBOX)
        for number in range(MANY + 1):
            (inbox / "tmp/1").touch()
            os.rename(inbox / "tmp/1", inbox / f"cur/{number}:2,")
        await ears.until(lambda e: frozenset([INBOX]) in e.doubts)
        assert watch.watch_of(INBOX) != before


async def test_an_overflow_makes_all_folders_doubtful(store, inbox):
    async with listening(store, [INBOX, WORK]) as (ears, watch):
        before = watch.watch_of(INBOX), watch.watch_of(WORK)
        watch._take(None, 0x4000, "", 0)
        assert ears.doubts == [None]
        assert not {watch.watch_of(INBOX), watch.watch_of(WORK)} & set(before)
        put(inbox, "cur", "1:2,S")
        await ears.until(lambda e: INBOX in e.files)
        assert ears.files[INBOX].began == ""


async def test_a_real_overflow_is_noticed(store, inbox):
    """The kernel keeps no more than `max_queued_events` for who does not read them."""
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        most = int(file.read())
    if most > 50_000:
        pytest.skip("the queue is too long to fill it here")
    async with listening(store, [INBOX]) as (ears, _):
        put(inbox, "cur", "1:2,")
        for number in range(most // 2 + 2):
            flags = ("", "S")[number % 2], ("S", "")[number % 2]
            os.rename(inbox / f"cur/1:2,{flags[0]}", inbox / f"cur/1:2,{flags[1]}")
        await ears.until(lambda e: e.doubts)
        assert ears.doubts[0] is None


async def test_a_new_maildir_is_told_once_and_only_when_it_is_whole(store):
    async with listening(store, [INBOX, WORK]) as (ears, watch):
        (store.root / "Other").mkdir()
        for sub in ("cur", "new", "tmp"):
            await asyncio.sleep(0.02)
            (store.root / "Other" / sub).mkdir()
        await ears.until(lambda e: e.structure)
        (store.root / "nothing of ours").mkdir()
        await asyncio.sleep(0.5)
        assert ears.structure == 1
        await store.list()
        await watch.follow(store.found)
        put(store.root / "Other", "cur", "1:2,S")
        await all_told(ears, FolderName(("Other",)), **{"cur/1:2,S": True})
        assert ears.structure == 1


async def test_a_maildir_that_takes_its_time_is_told_when_it_is_whole(store):
    async with listening(store, [INBOX, WORK]) as (ears, _):
        (store.root / "Other/cur").mkdir(parents=True)
        await asyncio.sleep(0.4)
        assert ears.structure == 0
        (store.root / "Other/new").mkdir()
        (store.root / "Other/tmp").mkdir()
        await ears.until(lambda e: e.structure)


async def test_a_folder_of_our_own_making_is_told_until_it_is_followed(store):
    """What happens in it would else be noticed by nobody."""
    own = FolderName(("Own",))
    async with listening(store, [INBOX, WORK]) as (ears, watch):
        await store.create(own)
        await ears.until(lambda e: e.structure)
        await watch.follow([INBOX, WORK, own])
        await asyncio.sleep(0.3)
        assert ears.structure == 1
        await store.remove(own)
        await ears.until(lambda e: e.structure == 2)


async def test_a_maildir_below_others_is_told(tmp_path):
    store = MaildirStore(tmp_path / "mail", "nested")
    maildir(store.root / "Work")
    (store.root / "Empty/Below").mkdir(parents=True)
    async with listening(store, [WORK]) as (ears, watch):
        maildir(store.root / "Work/Old")
        await ears.until(lambda e: e.structure == 1)
        await store.list()
        await watch.follow(store.found)
        maildir(store.root / "Empty/Below/There")
        await ears.until(lambda e: e.structure == 2)
        put(store.root / "Work/Old", "cur", "1:2,S")
        await all_told(ears, NESTED, **{"cur/1:2,S": True})


async def test_the_root_of_maildir_plus_plus_is_followed_as_the_inbox(tmp_path):
    store = MaildirStore(maildir(tmp_path / "mail"), "maildir++")
    maildir(store.root / ".Work")
    async with listening(store, [INBOX, WORK]) as (ears, _):
        put(store.root, "cur", "1:2,S")
        put(store.root / ".Work", "cur", "2:2,S")
        await ears.until(lambda e: e.spots(INBOX) and e.spots(WORK))
        maildir(store.root / ".New")
        await ears.until(lambda e: e.structure)


async def test_a_renamed_folder_is_told_and_followed_under_its_new_name(store):
    async with listening(store, [INBOX, WORK]) as (ears, watch):
        os.rename(store.root / "Work", store.root / "Play")
        await ears.until(lambda e: e.structure)
        await store.list()
        await watch.follow(store.found)
        put(store.root / "Play", "cur", "1:2,S")
        await all_told(ears, FolderName(("Play",)), **{"cur/1:2,S": True})
        assert WORK not in ears.files


async def test_folders_that_change_places_are_not_taken_for_each_other(store):
    async with listening(store, [INBOX, WORK]) as (ears, watch):
        before = watch.watch_of(INBOX)
        os.rename(store.root / "INBOX", store.root / "aside")
        os.rename(store.root / "Work", store.root / "INBOX")
        os.rename(store.root / "aside", store.root / "Work")
        await ears.until(lambda e: e.structure)
        assert watch.watch_of(INBOX) != before
        await store.list()
        await watch.follow([INBOX, WORK])
        assert ears.doubts == [frozenset([INBOX, WORK])]
        put(store.root / "INBOX", "cur", "1:2,S")
        await all_told(ears, **{"cur/1:2,S": True})
        assert WORK not in ears.files


async def test_a_folder_that_is_gone_is_doubtful_and_so_is_its_return(store):
    async with listening(store, [INBOX, WORK], poll_every=0.3) as (ears, watch):
        shutil.rmtree(store.root / "Work")
        await ears.until(lambda e: e.structure and frozenset([WORK]) in e.doubts)
        assert watch.watch_of(WORK) == ""
        maildir(store.root / "Work")
        await ears.until(lambda e: e.doubts.count(frozenset([WORK])) > 1)


async def test_a_replaced_cur_is_doubtful(store, inbox):
    async with listening(store, [INBOX]) as (ears, watch):
        os.rename(inbox / "cur", inbox / "cur.old")
        os.mkdir(inbox / "cur")
        await ears.until(lambda e: e.structure and frozenset([INBOX]) in e.doubts)
        await store.list()
        await watch.follow([INBOX])
        put(inbox, "cur", "1:2,S")
        await all_told(ears, **{"cur/1:2,S": True})


async def test_a_root_that_goes_and_comes_back_is_told_both_times(store):
    async with listening(store, [INBOX, WORK], poll_every=0.1) as (ears, watch):
        os.rename(store.root, store.root.with_name("elsewhere"))
        await ears.until(lambda e: e.structure == 1)
        os.rename(store.root.with_name("elsewhere"), store.root)
        await ears.until(lambda e: e.structure == 2)
        await store.list()
        await watch.follow([INBOX, WORK])
        put(store.root / "INBOX", "cur", "1:2,S")
        await all_told(ears, **{"cur/1:2,S": True})


async def test_a_missing_root_is_waited_for(tmp_path):
    store = MaildirStore(tmp_path / "later")
    async with listening(store, [], poll_every=0.1) as (ears, _):
        maildir(store.root / "INBOX")
        await ears.until(lambda e: e.structure)


async def test_remote_file_systems_are_polled_and_told_once(store, inbox, tmp_path, monkeypatch):
    table = tmp_path / "mountinfo"
    table.write_text(f"1 2 0:3 / / rw - ext4 /dev/sda rw\n4 5 0:6 / {store.root}/Work rw - nfs4 host:/x rw\n")
    monkeypatch.setattr(mounts, "MOUNTS", table)
    async with listening(store, [INBOX, WORK], poll_every=0.05) as (ears, watch):
        await watch.follow([INBOX, WORK])
        put(store.root / "Work", "cur", "1:2,S")
        put(inbox, "cur", "2:2,S")
        await ears.until(lambda e: frozenset([WORK]) in e.doubts and e.spots(INBOX))
        assert watch.watch_of(WORK) == "" and watch.watch_of(INBOX)
    assert ears.how == [("poll", f"1 of 2 folders: {store.root}/Work lies on a remote file system (nfs4)")]
    assert WORK not in ears.files


async def test_where_watches_run_out_folders_are_polled_and_what_to_do_is_told(store, inbox, monkeypatch):
    import asyncinotify

    add = asyncinotify.Inotify.add_watch

    def refuse(self, path, mask):
        if "Work/cur" in str(path):
            raise OSError(28, "No space left on device")
        return add(self, path, mask)

    monkeypatch.setattr(asyncinotify.Inotify, "add_watch", refuse)
    async with listening(store, [INBOX, WORK], poll_every=0.05) as (ears, watch):
        put(store.root / "Work", "cur", "1:2,S")
        await ears.until(lambda e: frozenset([WORK]) in e.doubts)
        put(inbox, "cur", "2:2,S")
        await all_told(ears, **{"cur/2:2,S": True})
        monkeypatch.setattr(asyncinotify.Inotify, "add_watch", add)
        await watch.follow([INBOX, WORK])
        assert watch.watch_of(WORK)
    (how, reason), recovered = ears.how
    assert how == "poll" and "1 of 2 folders" in reason and "fs.inotify.max_user_watches=" in reason
    assert recovered == ("inotify", "")


@pytest.mark.parametrize("obstacle", ["missing", "too many"])
async def test_without_inotify_all_is_polled(store, inbox, monkeypatch, obstacle):
    if obstacle == "missing":
        monkeypatch.setitem(sys.modules, "asyncinotify", None)
    else:
        import asyncinotify

        def refuse(*_args, **_kwargs):
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(asyncinotify, "Inotify", refuse)
    async with listening(store, [INBOX, WORK], poll_every=0.05) as (ears, watch):
        put(inbox, "cur", "1:2,S")
        await ears.until(lambda e: frozenset([INBOX]) in e.doubts)
        maildir(store.root / "Other")
        await ears.until(lambda e: e.structure)
        assert watch.untouched(INBOX) is None
    ((how, reason),) = ears.how
    assert how == "poll" and ("not installed" if obstacle == "missing" else "max_user_instances") in reason


async def test_nothing_is_left_open_when_it_ends(store):
    before = sorted(os.listdir("/proc/self/fd"))
    async with listening(store, [INBOX, WORK]) as (_, watch):
        pass
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert store.watch_of(INBOX) == ""
    await watch.follow([INBOX])
    assert sorted(os.listdir("/proc/self/fd")) == before


async def test_a_listener_that_raises_ends_the_watch(store, inbox):
    class Deaf(Ears):
        def touched(self, folder, names):
            raise ValueError("a defect")

    watch = DiskWatch(store, Deaf(), poll_every=60)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    await watch.follow([INBOX])
    os.rename(put(inbox, "tmp", "1"), inbox / "new/1")
    with pytest.raises(ValueError, match="a defect"):
        await asyncio.wait_for(running, 5)


async def test_hints_are_the_latest_until_something_else_happens(store, inbox):
    async with listening(store, [INBOX]) as (ears, _):
        os.rename(put(inbox, "tmp", "1"), inbox / "new/1")
        await ears.until(lambda e: INBOX in e.files)
        told = ears.files[INBOX]
        assert told.is_latest()
        os.rename(inbox / "new/1", inbox / "cur/1:2,")
        assert not told.is_latest()
        assert ears.spots(INBOX) == {"new/1": False, "cur/1:2,": True}
        assert ears.files[INBOX].is_latest()
