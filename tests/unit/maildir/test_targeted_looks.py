"""Looks at the few files that events told of: they say what a look at all would say of these, or look at all."""

import os
import resource

import pytest
from tests.unit.maildir.shore import AgreedOn, Clock, content, deliver, mailbox, maildir, mark_of, put

from postboat.errors import FolderError
from postboat.maildir import scan
from postboat.maildir.touched import Touched
from postboat.model import FLAGGED, NO_FLAGS, SEEN, Content, Reflagging

SEEN_ONLY = frozenset({SEEN})
WATCH = "watch.1"


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


@pytest.fixture
def scans(monkeypatch):
    """Directories that were listed."""
    seen = []
    real = os.scandir

    def counted(directory):
        seen.append(directory)
        return real(directory)

    monkeypatch.setattr(os, "scandir", counted)
    return seen


def touched(latest=True, **spots):
    """What events told, as `sub/name` and whether it is there."""
    by_key = {}
    for spot, there in spots.items():
        sub, name = spot.split("/")
        by_key.setdefault(name.partition(":2,")[0], {})[sub, name] = there
    return Touched(by_key, WATCH, is_latest=lambda: latest)


def in_step(pairs=None, *files, **known):
    """What a ledger holds of a folder where nothing was left to do; the files are those of the messages."""
    marks = {file.name.partition(":2,")[0]: mark_of(file) for file in files}
    return AgreedOn(dict(pairs or {}), checkpoint=f"\n{WATCH}", **{"known_marks": marks, **known})


async def look(path, agreed, events, **options):
    box = mailbox(path, touched=events, watch=WATCH, **options)
    agreed.validity = await box.validity()
    return box, await box.changes(agreed)


async def test_a_flag_costs_no_listing_and_nothing_of_the_ledger_but_its_own_row(path, scans):
    file = put(path, "cur", "1:2,S")
    for number in range(2, 50):
        put(path, "cur", f"{number}:2,")
    agreed = in_step({str(number): NO_FLAGS for number in range(1, 50)}, file)
    agreed.flags = None  # not to be asked
    _, changes = await look(path, agreed, touched(**{"cur/1:2,": False, "cur/1:2,S": True}))
    assert changes.reflagged == {"1": SEEN_ONLY}
    assert not (changes.appeared or changes.vanished or changes.renamed)
    assert not changes.complete
    assert changes.checkpoint == f"\n{WATCH}"
    assert scans == []


async def test_a_new_message_is_told_as_a_look_at_all_tells_it(path, scans):
    file = put(path, "new", "1", b"x" * scan.HEAVY)
    _, changes = await look(path, in_step(), touched(**{"new/1": True}))
    assert scans == []
    _, all_ = await look(path, in_step(), None)
    assert changes.appeared == all_.appeared
    assert changes.appeared["1"].mark == mark_of(file) and changes.appeared["1"].size == scan.HEAVY


async def test_a_message_that_is_gone_is_looked_for_among_all_names(path, scans):
    put(path, "cur", "2:2,")
    _, changes = await look(path, in_step({"1": SEEN_ONLY, "2": NO_FLAGS}), touched(**{"cur/1:2,S": False}))
    assert changes.vanished == {"1"}
    assert len(scans) == 2 and not changes.complete


async def test_a_file_that_got_another_name_is_renamed_and_not_lost(path):
    file = put(path, "cur", "other:2,S")
    agreed = in_step({"1": NO_FLAGS}, known_marks={"1": mark_of(file)})
    _, changes = await look(path, agreed, touched(**{"cur/1:2,": False, "cur/other:2,S": True}))
    assert changes.renamed["1"].key == "other" and changes.renamed["1"].flags == SEEN_ONLY
    assert not (changes.vanished or changes.appeared) and not changes.complete


async def test_what_came_and_went_is_nothing(path):
    _, changes = await look(path, in_step(), touched(**{"new/1": False, "cur/1:2,S": False}))
    assert changes.nothing and not changes.complete


DOUBTS = {
    "something else happened since": (["cur/2:2,"], {"cur/1:2,": False}, {"latest": False}),
    "it is not where it was last seen": (["cur/1:2,F"], {"cur/1:2,": False, "cur/1:2,S": True}, {}),
    "it is under a name of which nothing was told": (["cur/1:2,Fa"], {"cur/1:2,": False}, {}),
    "two files bear its name": (["cur/1:2,", "cur/1:2,S"], {"cur/1:2,": True, "cur/1:2,S": True}, {}),
    "it has another name now, and the first was not seen to go": (["cur/1:2,S"], {"cur/1:2,S": True}, {}),
    "it is another file": (["cur/1:2,S"], {"cur/1:2,": False, "cur/1:2,S": True}, {"marks": {"1": "another"}}),
    "it is no regular file": (["cur/1:2,S/"], {"cur/1:2,": False, "cur/1:2,S": True}, {}),
}


@pytest.mark.parametrize(("present", "told", "options"), DOUBTS.values(), ids=DOUBTS.keys())
async def test_what_is_not_certain_is_left_to_a_look_at_all(path, present, told, options):
    options = dict(options)
    marks = {}
    for spot in present:
        if spot.endswith("/"):
            os.symlink("nowhere", path / spot.rstrip("/"))
        else:
            marks[spot[4]] = mark_of(put(path, *spot.split("/"), octets=spot.encode()))
    marks |= options.pop("marks", {})
    pairs = {"1": NO_FLAGS, "2": NO_FLAGS}
    agreed, box = in_step(pairs, known_marks=marks), mailbox(path, touched=touched(**told, **options))
    agreed.validity = await box.validity()
    assert await box.is_news(agreed)
    _, changes = await look(path, agreed, touched(**told, **options))
    assert changes.complete


UNPROVED = {
    "nothing was in step": None,
    "another watch saw the rest": "\nwatch.0",
    "nobody watched when it was in step": "[[1,2,3],[4,5,6]]",
}


@pytest.mark.parametrize("checkpoint", UNPROVED.values(), ids=UNPROVED.keys())
async def test_files_alone_are_looked_at_only_where_the_rest_is_known_to_be_in_step(path, checkpoint):
    put(path, "cur", "1:2,S")
    put(path, "new", "unseen")
    agreed = in_step({"1": NO_FLAGS})
    agreed.checkpoint = checkpoint
    _, changes = await look(path, agreed, touched(**{"cur/1:2,": False, "cur/1:2,S": True}))
    assert changes.complete and set(changes.appeared) == {"unseen"}


async def test_a_folder_that_stood_at_its_checkpoint_when_the_watch_began_is_known_to_be_in_step(path, scans):
    agreed = in_step({"1": NO_FLAGS}, put(path, "cur", "1:2,S"))
    agreed.checkpoint = "[[1,2,3],[4,5,6]]\nwatch.0"
    told = Touched({"1": {("cur", "1:2,"): False, ("cur", "1:2,S"): True}}, WATCH, "[[1,2,3],[4,5,6]]")
    _, changes = await look(path, agreed, told)
    assert not changes.complete and changes.reflagged and scans == []


async def test_a_look_at_all_tells_which_watch_sees_what_follows(path):
    clock = Clock(os.stat(path / "cur").st_mtime + 60)
    _, changes = await look(path, in_step(), None, clock=clock)
    stood, _, watch = changes.checkpoint.partition("\n")
    assert watch == WATCH and stood.startswith("[[")
    agreed = in_step()
    agreed.checkpoint = stood + "\nwatch.0"
    _, again = await look(path, agreed, None, clock=clock)
    assert again.checkpoint == changes.checkpoint and again.complete
    put(path, "cur", "1:2,")
    _, changed = await look(path, agreed, None, clock=Clock(0))
    assert changed.checkpoint == f"\n{WATCH}"
    unwatched = mailbox(path, clock=Clock(0))
    assert (await unwatched.changes(agreed)).checkpoint is None


async def test_our_own_doings_are_no_news(path):
    box = mailbox(path)
    stored = await deliver(box, content("7", flags=SEEN_ONLY))
    key = stored[0].key
    agreed = in_step({key: SEEN_ONLY}, known_marks={key: stored[0].mark})
    agreed.validity = await box.validity()
    told = touched(**{f"cur/{key}:2,S": True})
    assert not await mailbox(path, touched=told).is_news(agreed)
    agreed.pairs[key] = frozenset({SEEN, FLAGGED})
    assert await mailbox(path, touched=told).is_news(agreed)
    await box.reflag([Reflagging(key, add=frozenset({FLAGGED}))])
    told = told.merged(touched(**{f"cur/{key}:2,S": False, f"cur/{key}:2,FS": True}))
    assert not await mailbox(path, touched=told).is_news(agreed)
    await box.delete([key], expunge=True)
    told = told.merged(touched(**{f"cur/{key}:2,FS": False}))
    assert await mailbox(path, touched=told).is_news(agreed)
    del agreed.pairs[key]
    assert not await mailbox(path, touched=told).is_news(agreed)


async def test_a_folder_that_cannot_be_looked_at_is_news(path, tmp_path):
    agreed = in_step()
    agreed.validity = "another folder"
    assert await mailbox(path, touched=touched()).is_news(agreed)
    os.rename(path, tmp_path / "elsewhere")
    assert await mailbox(path, touched=touched()).is_news(agreed)
    assert await mailbox(path).is_news(in_step())


async def test_another_folder_in_its_place_is_refused_whatever_was_told(path):
    box = mailbox(path, touched=touched(**{"cur/1:2,": False}))
    agreed = in_step({"1": NO_FLAGS})
    agreed.validity = "another folder"
    with pytest.raises(FolderError):
        await box.changes(agreed)


async def test_what_was_not_looked_at_can_be_read_changed_and_deleted(path):
    file = put(path, "cur", "1:2,S")
    put(path, "cur", "2:2,")
    agreed = in_step({"1": NO_FLAGS, "2": NO_FLAGS}, file)
    box, _ = await look(path, agreed, touched(**{"cur/1:2,": False, "cur/1:2,S": True}))
    assert {item.key async for item in box.read(["1", "2"]) if isinstance(item, Content)} == {"1", "2"}
    assert await box.reflag([Reflagging("2", add=SEEN_ONLY)]) == []
    assert await box.delete(["1", "2"], expunge=True) == []
    assert os.listdir(path / "cur") == []


async def test_what_two_watches_saw_proves_nothing_together():
    one, other = Touched({"1": {}}, "a"), Touched({"2": {}}, "b")
    both = one.merged(other)
    assert both.spots.keys() == {"1", "2"} and not both.covers_all_since("\na") and not both.covers_all_since("\nb")
    assert one.merged(Touched({}, "a")).covers_all_since("\na")


async def test_one_flag_in_a_hundred_thousand_files(path, scans):
    for number in range(100_000):
        os.close(os.open(path / "cur" / f"{number}:2,", os.O_CREAT))
    os.rename(path / "cur/77:2,", path / "cur/77:2,S")
    agreed = in_step({"77": NO_FLAGS}, path / "cur/77:2,S")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, changes = await look(path, agreed, touched(**{"cur/77:2,": False, "cur/77:2,S": True}))
    assert changes.reflagged == {"77": SEEN_ONLY} and scans == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096
