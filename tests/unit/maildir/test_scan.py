"""Listing a folder at little cost for what is as agreed: the same as listing all of it with care."""

import os
import random
import tracemalloc

import pytest
from tests.unit.maildir.shore import AgreedOn, mailbox, maildir, put

from postboat.maildir import scan
from postboat.maildir.place import Place
from postboat.model import FLAGGED, NO_FLAGS, SEEN

FLAGS = {"": NO_FLAGS, "S": frozenset({SEEN}), "FS": frozenset({FLAGGED, SEEN})}


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


def litter(path, rng, names):
    """Fill a folder with whatever may be in one."""
    for name in names:
        letters, kind = (
            rng.choice(list(FLAGS)),
            rng.choice(["cur"] * 6 + ["new", "both", "twice", "none", "odd", "directory"]),
        )
        if kind in ("cur", "both", "twice"):
            put(path, "cur", f"{name}:2,{letters}", name.encode())
        if kind in ("new", "both"):
            put(path, "new", name, rng.choice([name, "another"]).encode())
        if kind == "twice":
            put(path, "cur", name, b"another")
        if kind == "odd":
            rng.choice([lambda at: os.symlink("nowhere", at), os.mkfifo])(path / "cur" / f"{name}:2,{letters}")
        if kind == "directory":
            (path / "cur" / name).mkdir()


@pytest.mark.parametrize("seed", range(80))
def test_listing_leanly_finds_what_listing_with_care_finds(path, seed):
    rng = random.Random(seed)
    names = [f"m{n}" for n in range(rng.choice([1, 2, 3, 8]))]
    litter(path, rng, names)
    flags = [*FLAGS.values(), frozenset({SEEN, "$Junk"})]
    agreed = {name: rng.choice(flags) for name in [*names, "m98", "m99"] if rng.random() < 0.8}
    with Place(path.parent, path.name).open() as folder:
        lean, careful = scan._differing(folder, agreed), scan._without_agreed(scan._all(folder), agreed)
        listed = scan.list_folder(folder, 4e9, agreed)
    for found in (listed, *([lean] if lean is not None else [])):
        assert found.entries == careful.entries
        assert found.untouchable == careful.untouchable
        assert found.missing - found.untouchable.keys() == careful.missing - careful.untouchable.keys()


@pytest.mark.parametrize("where", ["cur/a:2,S", "cur/a", "new/a"])
def test_a_key_that_is_as_agreed_and_met_again_is_looked_at_with_care(path, where):
    """Two different messages under one name: the second must not be taken for a new one, nor the first for the only."""
    put(path, "cur", "a:2,FS", b"one")
    put(path, *where.split("/"), b"two")
    with Place(path.parent, path.name).open() as folder:
        listed = scan.list_folder(folder, 4e9, {"a": FLAGS["FS"]})
    assert listed.entries == {} and list(listed.untouchable) == ["a"]


async def test_files_that_are_as_agreed_take_no_memory_of_their_own(path):
    count = 3000
    for n in range(count):
        (path / "cur" / f"{n:030}:2,S").touch()
    agreed = AgreedOn({f"{n:030}": FLAGS["S"] for n in range(count)})
    box = mailbox(path)
    tracemalloc.start()
    try:
        assert (await box.changes(agreed)).nothing
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < count * 120


async def test_what_was_not_remembered_is_found_when_it_is_needed(path):
    put(path, "cur", "a:2,S")
    put(path, "cur", "b:2,S")
    box = mailbox(path)
    assert (await box.changes(AgreedOn(dict.fromkeys("ab", FLAGS["S"])))).nothing
    assert await box.delete(["a"], expunge=True) == []
    assert [found.key async for found in box.read(["b"])] == ["b"]
    assert os.listdir(path / "cur") == ["b:2,S"]
