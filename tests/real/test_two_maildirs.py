"""What only two trees of Maildirs do: either may be on a disk that is not mounted, and either has a quarantine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.real.crossing import LOCAL, Crossing
from tests.real.ends import TreeEnd
from tests.real.voyage import Voyage, digest, digests, message

from postboat.events import PlanHeld
from postboat.model import Side, Verdict
from postboat.service.known_folders import Target
from postboat.service.restore import put_back, restorable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.voyage import Sailed

pytestmark = pytest.mark.real

SIDES = pytest.mark.parametrize("side", list(Side), ids=lambda side: side.value)
SOME = [message(number) for number in range(8)]


@pytest.fixture
async def crossing(tmp_path) -> Crossing:
    """Eight messages in INBOX and in Archive, in step."""
    made = Crossing(tmp_path, TreeEnd(tmp_path / "far"), TreeEnd(tmp_path / "near"))
    made.remote.deliver(*SOME)
    made.local.deliver(*SOME, folder="Archive", flags=r"\Seen")
    await made.settle()
    return made


def told(sailed: Sailed) -> list[tuple[str, str, str, int]]:
    return [(held.folder, held.on, held.suspicion, held.count) for held in sailed.of(PlanHeld)]


@SIDES
@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "missing"])
async def test_a_tree_that_is_not_there_deletes_nothing_from_the_other(crossing, tmp_path, side, mount_point):
    lost, other = crossing.ends[side], crossing.ends[side.other]
    away = lost.root.rename(tmp_path / "away")
    if mount_point:
        lost.root.mkdir()
    for _ in range(2):
        waiting = await crossing.sync()
        assert waiting.code == 6
        assert told(waiting) == [("", side.other.value, "all folders gone", 16)]
        assert len(other.holds()) == len(other.holds("Archive")) == 8
    if mount_point:
        assert list(lost.root.rglob("*,S=*")) == [] and not lost.folders()
        lost.root.rmdir()
    away.rename(lost.root)
    await crossing.settle()
    crossing.assert_same()
    await crossing.assert_at_rest()


@SIDES
async def test_a_tree_that_is_lost_is_filled_again_when_its_user_wants_it_back(crossing, tmp_path, side):
    lost = crossing.ends[side]
    lost.root.rename(tmp_path / "away")
    assert (await crossing.sync()).code == 6
    await crossing.decide(Verdict.RESTORE)
    await crossing.settle()
    crossing.assert_same()
    assert lost.holds("Archive") == dict.fromkeys(digests(SOME), frozenset({r"\Seen"}))
    await crossing.assert_at_rest()


@SIDES
async def test_what_is_removed_from_either_tree_is_kept_and_can_be_put_back(crossing, side):
    kept, other = crossing.ends[side], crossing.ends[side.other]
    kept.flag(SOME[0], add=r"\Flagged")
    await crossing.settle()
    other.delete(SOME[0], SOME[1])
    await crossing.settle()
    assert kept.holds().keys() == digests(SOME[2:])
    (listed,) = await restorable(crossing.whole, lambda _: None)
    assert [(each.folder, each.messages) for each in listed.kept] == [("INBOX", 2)]
    assert await put_back(crossing.whole, [Target(crossing.name)], "", lambda _: None) == (crossing.name,)
    await crossing.settle()
    crossing.assert_same()
    assert other.holds().keys() == digests(SOME)
    assert other.holds()[digest(SOME[0])] == {r"\Flagged"}
    await crossing.assert_at_rest()


@SIDES
async def test_a_renamed_folder_waits_and_is_followed_when_confirmed(crossing, side):
    """Its messages moved, so that nothing of it is deleted for good; the folder that is gone is told first."""
    renaming, other = crossing.ends[side], crossing.ends[side.other]
    renaming.rename("Archive", "Attic")
    waiting = await crossing.sync()
    assert (waiting.code, told(waiting)) == (6, [("Archive", side.other.value, "folder gone", 8)])
    await crossing.decide(Verdict.CONFIRMED)
    await crossing.settle()
    crossing.assert_same()
    assert other.folders() == {"INBOX", "Attic"}
    await crossing.assert_at_rest()


async def test_two_layouts_of_one_hierarchy_are_kept_the_same(tmp_path):
    """Levels parted by dots in one tree are directories in the other, and dots in names stay what they are."""
    crossing = Crossing(tmp_path, TreeEnd(tmp_path / "far"), TreeEnd(tmp_path / "near"))
    crossing.vary(LOCAL, sep="/", layout="nested")
    crossing.remote.deliver(*SOME[:2], folder="Lists/Work")
    for part in ("cur", "new", "tmp"):
        (crossing.local.root / "Projects" / "Boat" / part).mkdir(parents=True)
    file = crossing.local.root / "Projects" / "Boat" / "cur" / "1.x:2,S"
    file.write_bytes(SOME[2].replace(b"\r\n", b"\n"))
    await crossing.settle()
    assert contents(crossing.local.root / "Lists" / "Work") == digests(SOME[:2])
    assert crossing.remote.holds("Projects/Boat") == {digest(SOME[2]): {r"\Seen"}}
    await crossing.assert_at_rest()


def contents(folder: Path) -> set[bytes]:
    return {digest(file.read_bytes()) for part in ("new", "cur") for file in (folder / part).iterdir()}


async def test_files_are_of_one_piece_and_of_their_own(crossing):
    """No hard link joins the two trees: what a program writes into one file would be in both."""
    for folder in ("INBOX", "Archive"):
        numbers = [
            {os.stat(path).st_ino for path in end.root.joinpath(folder).rglob("*") if path.is_file()}
            for end in (crossing.remote, crossing.local)
        ]
        assert not numbers[0] & numbers[1] and len(numbers[0]) >= 8


@SIDES
async def test_a_file_that_changes_its_letters_only_is_not_copied_again(crossing, side):
    names = {path.name.partition(":")[0] for path in crossing.ends[side.other].root.joinpath("INBOX").rglob("*:2,*")}
    crossing.ends[side].flag(*SOME, add=r"\Flagged \Answered")
    done = (await crossing.settle()).done
    assert (done.reflagged, done.down, done.up) == (8, 0, 0)
    crossing.assert_same()
    assert names <= {
        path.name.partition(":")[0] for path in crossing.ends[side.other].root.joinpath("INBOX", "cur").iterdir()
    }


async def test_trees_that_changed_places_lose_and_double_nothing(crossing, tmp_path):
    """Each has the other's file names: nothing is known again by those."""
    crossing.remote.root.rename(tmp_path / "between")
    crossing.local.root.rename(crossing.remote.root)
    (tmp_path / "between").rename(crossing.local.root)
    for _ in range(2):
        await crossing.sync()
        assert all(
            end.holds(folder).keys() == digests(SOME)
            for end in crossing.ends.values()
            for folder in ("INBOX", "Archive")
        )
    await crossing.settle()
    crossing.assert_same()
    await crossing.assert_at_rest()


async def test_a_tree_may_be_a_stop_on_the_way_from_a_server(dovecot, tmp_path):
    """One account brings mail from a server to a tree, and another from there to a second one: both ways, all the way."""
    first = Voyage(tmp_path, dovecot.account())
    first.deliver(*SOME)
    second = Crossing(tmp_path / "second", TreeEnd(first.mail), TreeEnd(tmp_path / "near"), name="Second")

    async def both() -> None:
        for account in (first, second, first):
            (await account.sync()).assert_clean()

    await both()
    assert second.local.holds().keys() == digests(SOME)
    second.local.flag(SOME[0], add=r"\Flagged")
    second.local.deliver(message(20))
    second.local.delete(SOME[1])
    with first.phone("INBOX") as phone:
        phone.uid("STORE", "3", "+FLAGS", r"(\Answered)")
    await both()
    second.assert_same()
    first.assert_same()
    assert first.on_server()[digest(SOME[0])] == {"F"}
    assert first.on_server().keys() == digests([SOME[0], *SOME[2:], message(20)])
    assert second.local.holds()[digest(SOME[2])] == {r"\Answered"}
    await second.assert_at_rest()
    assert (await first.sync()).done.changes == 0
