"""Accidents on real servers and disks: nothing is deleted before the user has spoken, and what he says is done."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.real.voyage import Voyage, digest, digests, message

from postboat.config.schema import FolderRules
from postboat.events import AccountConnected, FolderCreated, PlanHeld, PlanShown, Warned
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.model import FolderName, Limits, Side, Verdict
from postboat.service.run_options import RunOptions

if TYPE_CHECKING:
    from tests.real.voyage import Sailed

pytestmark = pytest.mark.real

REMOTE, LOCAL = Side
SIDES = pytest.mark.parametrize("lost", list(Side), ids=lambda side: side.value)
ALL = {digest(message(number)) for number in range(10)}


@pytest.fixture
async def voyage(tmp_path, dovecot) -> Voyage:
    """An account with ten messages in INBOX and ten in Archive/Old, in step."""
    made = Voyage(tmp_path, dovecot.account())
    made.create("Archive/Old")
    made.deliver(*map(message, range(10)))
    made.deliver(*map(message, range(10)), folder="Archive/Old")
    (await made.sync()).assert_clean()
    return made


def wipe(voyage: Voyage, side: Side, folder: str = "INBOX") -> None:
    """All messages of a folder are removed on one side."""
    if side is LOCAL:
        for file in voyage.files(folder):
            file.unlink()
        return
    with voyage.phone(folder) as phone:
        phone.store("1:*", "+FLAGS", r"(\Deleted)")
        phone.expunge()


def vary_local(voyage: Voyage, **options) -> None:
    """Change options of the local repository."""
    voyage.config = replace(voyage.config, local=replace(voyage.config.local, **options))


def remove(voyage: Voyage, side: Side, folder: str = "Archive/Old") -> None:
    """A whole folder is removed on one side."""
    if side is LOCAL:
        shutil.rmtree(voyage.folder(folder))
        return
    with voyage.phone() as phone:
        assert phone.delete(f'"{folder}"')[0] == "OK"


def held(voyage: Voyage, side: Side, folder: str) -> set[bytes]:
    """What one side holds."""
    return set(voyage.on_disk(folder) if side is LOCAL else voyage.on_server(folder))


def told(sailed: Sailed) -> list[tuple[str, str, str, int]]:
    return [(held.folder, held.on, held.suspicion, held.count) for held in sailed.of(PlanHeld)]


async def opened(voyage: Voyage) -> AccountLedger:
    return await AccountLedger.open(ledger_file(voyage.state, voyage.name), account=voyage.name)


async def decide(voyage: Voyage, verdict: Verdict, *folder: str) -> None:
    """The user speaks."""
    async with await opened(voyage) as ledger:
        assert await ledger.decide(verdict, FolderName(folder) if folder else None)


async def assert_at_rest(voyage: Voyage) -> None:
    """Everything is in step, nothing is held, and a further run does nothing."""
    (await voyage.sync()).assert_clean()
    again = await voyage.sync()
    again.assert_clean()
    assert again.done.changes == again.done.adopted == 0
    async with await opened(voyage) as ledger:
        assert not await ledger.holds()


# ---- a folder emptied ----------------------------------------------------------------------------------------------


@SIDES
async def test_an_emptied_folder_is_kept_until_confirmed(voyage, lost):
    wipe(voyage, lost)
    voyage.deliver(message(50))
    for _ in range(2):
        sailed = await voyage.sync()
        assert sailed.code == 6
        assert told(sailed) == [("INBOX", lost.other.value, "emptied", 10)]
        assert sailed.of(PlanHeld)[0].subjects == tuple(f"message {number}" for number in (9, 8, 7, 6, 5))
        assert held(voyage, lost.other, "INBOX") == ALL | digests([message(50)]), "new mail goes on"
        assert held(voyage, lost, "INBOX") == digests([message(50)])
    await decide(voyage, Verdict.CONFIRMED, "INBOX")
    (await voyage.sync()).assert_clean()
    assert held(voyage, lost.other, "INBOX") == digests([message(50)])
    await assert_at_rest(voyage)


@SIDES
async def test_an_emptied_folder_is_filled_again_when_its_user_wants_it_back(voyage, lost):
    wipe(voyage, lost)
    assert (await voyage.sync()).code == 6
    await decide(voyage, Verdict.RESTORE, "INBOX")
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX", "Archive/Old")
    assert held(voyage, lost, "INBOX") == ALL
    await assert_at_rest(voyage)


async def test_files_that_are_back_end_it_by_themselves(voyage):
    away = voyage.folder("INBOX").with_name("away")
    away.mkdir()
    files = voyage.files()
    for file in files:
        file.rename(away / file.name)
    assert (await voyage.sync()).code == 6
    for file in files:
        (away / file.name).rename(file)
    away.rmdir()
    await assert_at_rest(voyage)
    voyage.assert_same()


async def test_what_is_held_outlives_a_time_in_which_nothing_may_be_deleted(voyage):
    """New mail came meanwhile, so that the folder would look like one that lost a few."""
    wipe(voyage, LOCAL)
    await voyage.sync()
    voyage.deliver(message(100))
    voyage.vary(readonly=True)
    (await voyage.sync()).assert_clean()
    voyage.vary(readonly=False)
    assert told(await voyage.sync()) == [("INBOX", "remote", "emptied", 10)]
    assert len(voyage.on_server()) == 11
    await decide(voyage, Verdict.CONFIRMED)
    (await voyage.sync()).assert_clean()
    assert held(voyage, REMOTE, "INBOX") == held(voyage, LOCAL, "INBOX") == {digest(message(100))}
    await assert_at_rest(voyage)


async def test_what_is_moved_away_and_back_on_the_server_is_held_all_the_same(tmp_path, cyrus):
    """It has another UID then, and the name by which Cyrus knows it in all mailboxes."""
    voyage = Voyage(tmp_path, cyrus.account())
    voyage.create("INBOX.Rescue")
    voyage.deliver(*map(message, range(10)))
    (await voyage.sync()).assert_clean()
    wipe(voyage, LOCAL)
    voyage.deliver(message(100))
    assert told(await voyage.sync()) == [("INBOX", "remote", "emptied", 10)]
    with voyage.phone("INBOX") as phone:
        assert phone.uid("MOVE", "1:10", "INBOX.Rescue")[0] == phone.select("INBOX.Rescue")[0] == "OK"
        assert phone.uid("MOVE", "1:*", "INBOX")[0] == "OK"
    for _ in range(2):
        assert told(await voyage.sync()) == [("INBOX", "remote", "emptied", 10)]
    await decide(voyage, Verdict.RESTORE)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX")
    assert len(voyage.files()) == 11
    await assert_at_rest(voyage)


async def test_who_made_the_other_side_readonly_gets_messages_back_all_the_same(voyage):
    wipe(voyage, LOCAL)
    await voyage.sync()
    voyage.vary(readonly=True)
    (await voyage.sync()).assert_clean()
    await decide(voyage, Verdict.RESTORE)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX")
    assert held(voyage, LOCAL, "INBOX") == ALL
    await assert_at_rest(voyage)


async def test_what_cannot_be_brought_back_is_told_until_it_can(voyage):
    wipe(voyage, LOCAL)
    remove(voyage, LOCAL)
    vary_local(voyage, readonly=True)
    assert (await voyage.sync()).code == 6
    await decide(voyage, Verdict.RESTORE)
    for _ in range(2):
        sailed = await voyage.sync()
        assert [warned.text for warned in sailed.of(Warned)] == [
            "folder 'Archive/Old' is wanted back, but does not exist locally, and createfolders or readonly forbids "
            "to create it",
            "INBOX: 10 messages are wanted back locally, where nothing may be changed (readonly)",
        ]
    vary_local(voyage, readonly=False)
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert not sailed.of(Warned)
    voyage.assert_same("INBOX", "Archive/Old")
    await assert_at_rest(voyage)


async def test_a_dry_run_shows_it_and_writes_nothing(voyage):
    wipe(voyage, LOCAL)
    sailed = await voyage.sync(RunOptions(dry_run=True))
    assert told(sailed) == [("INBOX", "remote", "emptied", 10)]
    assert not [shown for shown in sailed.of(PlanShown) if shown.operations]
    async with await opened(voyage) as ledger:
        assert not await ledger.holds()


async def test_a_folder_of_four_and_the_trash_may_be_emptied(tmp_path, dovecot):
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.create("Trash")
    voyage.deliver(*map(message, range(4)))
    voyage.deliver(*map(message, range(100, 140)), folder="Trash")
    (await voyage.sync()).assert_clean()
    wipe(voyage, LOCAL)
    wipe(voyage, LOCAL, "Trash")
    (await voyage.sync()).assert_clean()
    assert not voyage.on_server() and not voyage.on_server("Trash")
    await assert_at_rest(voyage)


async def test_whoever_wants_no_questions_is_asked_none(voyage):
    voyage.config = replace(voyage.config, limits=None)
    wipe(voyage, LOCAL)
    (await voyage.sync()).assert_clean()
    assert not voyage.on_server()


async def test_how_much_is_much_is_for_the_user_to_say(voyage):
    voyage.config = replace(voyage.config, limits=Limits(account=0))
    voyage.files()[0].unlink()
    assert told(await voyage.sync()) == [("INBOX", "remote", "many of the account", 1)]


# ---- a folder gone -------------------------------------------------------------------------------------------------


@SIDES
async def test_a_folder_gone_from_one_side_waits_and_the_others_go_on(voyage, lost):
    remove(voyage, lost)
    voyage.deliver(message(50))
    for _ in range(2):
        sailed = await voyage.sync()
        assert sailed.code == 6
        assert told(sailed) == [("Archive/Old", lost.other.value, "folder gone", 10)]
        assert held(voyage, lost.other, "Archive/Old") == ALL
        voyage.assert_same("INBOX")
    assert len(voyage.files()) == 11


@SIDES
async def test_a_folder_whose_loss_is_confirmed_is_removed_from_the_other_side(voyage, lost):
    remove(voyage, lost)
    await voyage.sync()
    await decide(voyage, Verdict.CONFIRMED, "Archive", "Old")
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert sailed.done.deleted_remote + sailed.done.deleted_local == 10
    assert "Archive/Old" not in voyage.server_folders() and not voyage.folder("Archive/Old").exists()
    await assert_at_rest(voyage)
    voyage.assert_same("INBOX")


@SIDES
async def test_a_folder_that_is_wanted_back_is_made_anew_and_filled(voyage, lost):
    remove(voyage, lost)
    await voyage.sync()
    await decide(voyage, Verdict.RESTORE, "Archive", "Old")
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert [(made.folder, made.side) for made in sailed.of(FolderCreated)] == [("Archive/Old", lost.value)]
    assert sailed.done.up + sailed.done.down == 10
    voyage.assert_same("INBOX", "Archive/Old")
    await assert_at_rest(voyage)


@SIDES
async def test_what_came_or_changed_since_makes_a_removed_folder_come_back(voyage, lost):
    remove(voyage, lost)
    await voyage.sync()
    kept = {digest(message(3)), digest(message(60))}
    if lost is LOCAL:
        voyage.deliver(message(60), folder="Archive/Old")
        with voyage.phone("Archive/Old") as phone:
            phone.store("4", "+FLAGS", r"(\Flagged)")
    else:
        voyage.drop(message(60), folder="Archive/Old")
        file = voyage.file_of(message(3), "Archive/Old")
        file.rename(voyage.folder("Archive/Old") / "cur" / f"{file.name.partition(':')[0]}:2,F")
    await decide(voyage, Verdict.CONFIRMED, "Archive", "Old")
    (await voyage.sync()).assert_clean()
    assert held(voyage, lost.other, "Archive/Old") == kept
    voyage.assert_same("Archive/Old")
    assert held(voyage, lost, "Archive/Old") == kept
    await assert_at_rest(voyage)


async def test_a_maildir_put_back_without_its_empty_directories_is_completed(voyage):
    """As git, some archivers and `rsync --prune-empty-dirs` leave them out."""
    before = voyage.on_server("Archive/Old")
    for part in ("new", "tmp"):
        for file in (voyage.folder("Archive/Old") / part).iterdir():
            file.rename(voyage.folder("Archive/Old") / "cur" / f"{file.name}:2,")
        (voyage.folder("Archive/Old") / part).rmdir()
    (await voyage.sync()).assert_clean()
    assert voyage.on_server("Archive/Old") == before and (voyage.folder("Archive/Old") / "tmp").is_dir()
    await assert_at_rest(voyage)


async def test_a_folder_above_others_is_emptied_and_stays(voyage):
    """The server keeps what is above another folder; so it is empty on both sides in the end."""
    voyage.create("Top", "Top/Below")
    voyage.deliver(*map(message, range(5)), folder="Top")
    voyage.deliver(message(1), folder="Top/Below")
    (await voyage.sync()).assert_clean()
    remove(voyage, LOCAL, "Top")
    assert (await voyage.sync()).code == 6
    await decide(voyage, Verdict.CONFIRMED, "Top")
    await voyage.sync()
    assert len(voyage.files("Top/Below")) == 1 == len(voyage.on_server("Top/Below"))
    assert not voyage.files("Top")
    await assert_at_rest(voyage)


async def test_the_inbox_is_emptied_and_never_removed(voyage):
    remove(voyage, LOCAL, "INBOX")
    assert told(await voyage.sync()) == [("INBOX", "remote", "folder gone", 10)]
    await decide(voyage, Verdict.CONFIRMED, "INBOX")
    (await voyage.sync()).assert_clean()
    assert not voyage.on_server() and not voyage.files()
    await assert_at_rest(voyage)


async def test_foreign_files_keep_a_directory_from_being_removed(voyage):
    foreign = voyage.folder("Archive/Old") / "notes.txt"
    foreign.write_text("mine")
    remove(voyage, REMOTE)
    await voyage.sync()
    await decide(voyage, Verdict.CONFIRMED)
    sailed = await voyage.sync()
    assert foreign.read_text() == "mine" and [warned for warned in sailed.of(Warned) if "notes.txt" in warned.text]
    await assert_at_rest(voyage)


@SIDES
async def test_a_folder_that_is_there_again_ends_it_and_its_word(voyage, lost):
    """Restored by other means: what was said of its loss is not kept for the next one."""
    if lost is LOCAL:
        away = voyage.mail.with_name("away")
        voyage.folder("Archive/Old").rename(away)
    else:
        with voyage.phone() as phone:
            phone.rename('"Archive/Old"', "Hidden")
    await voyage.sync()
    if lost is LOCAL:
        await decide(voyage, Verdict.CONFIRMED, "Archive", "Old")
        away.rename(voyage.folder("Archive/Old"))
    else:
        await decide(voyage, Verdict.CONFIRMED, "Archive", "Old")
        with voyage.phone() as phone:
            phone.rename("Hidden", '"Archive/Old"')
    await voyage.sync()
    assert held(voyage, LOCAL, "Archive/Old") == held(voyage, REMOTE, "Archive/Old") == ALL
    remove(voyage, lost)
    assert told(await voyage.sync())[0] == ("Archive/Old", lost.other.value, "folder gone", 10)


async def test_a_word_on_a_lost_folder_ends_with_its_return_though_other_folders_are_synced(voyage):
    away = voyage.mail.with_name("away")
    voyage.folder("Archive/Old").rename(away)
    await voyage.sync()
    await decide(voyage, Verdict.CONFIRMED, "Archive", "Old")
    away.rename(voyage.folder("Archive/Old"))
    await voyage.sync(RunOptions(folders=("INBOX",)))
    remove(voyage, LOCAL)
    assert told(await voyage.sync()) == [("Archive/Old", "remote", "folder gone", 10)]
    assert held(voyage, REMOTE, "Archive/Old") == ALL


@pytest.mark.parametrize("all_of_it", [True, False], ids=["root", "folder"])
async def test_what_was_held_in_a_folder_is_held_when_it_is_back_after_it_was_gone(voyage, all_of_it):
    wipe(voyage, LOCAL, "Archive/Old")
    await voyage.sync()
    voyage.deliver(message(100), folder="Archive/Old")
    await voyage.sync()
    place, away = voyage.mail if all_of_it else voyage.folder("Archive/Old"), voyage.mail.with_name("away")
    place.rename(away)
    assert (await voyage.sync()).code == (await voyage.sync()).code == 6
    await decide(voyage, Verdict.CONFIRMED)
    away.rename(place)
    assert told(await voyage.sync(RunOptions(folders=("INBOX",)))) == []
    assert told(await voyage.sync()) == [("Archive/Old", "remote", "emptied", 10)]
    assert len(voyage.on_server("Archive/Old")) == 11
    await decide(voyage, Verdict.RESTORE)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("Archive/Old")
    await assert_at_rest(voyage)


@SIDES
async def test_a_folder_gone_from_both_sides_is_forgotten(voyage, lost):
    remove(voyage, REMOTE)
    remove(voyage, LOCAL)
    (await voyage.sync()).assert_clean()
    if lost is LOCAL:
        voyage.create("Archive/Old")
        voyage.deliver(message(1), folder="Archive/Old")
    else:
        voyage.drop(message(1), folder="Archive/Old")
    (await voyage.sync()).assert_clean()
    voyage.assert_same("Archive/Old")


# ---- all folders gone, another root ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "missing"])
async def test_nothing_is_done_while_the_root_is_not_mounted(voyage, mount_point):
    away = voyage.mail.with_name("away")
    voyage.mail.rename(away)
    if mount_point:
        voyage.mail.mkdir()
    voyage.create("New")
    for _ in range(2):
        sailed = await voyage.sync()
        assert sailed.code == 6
        assert told(sailed) == [("", "remote", "all folders gone", 20)]
        assert bool(sailed.of(AccountConnected)) == mount_point
    assert held(voyage, REMOTE, "INBOX") == held(voyage, REMOTE, "Archive/Old") == ALL
    assert list(voyage.mail.iterdir()) == [] if mount_point else not voyage.mail.exists()
    if mount_point:
        voyage.mail.rmdir()
    away.rename(voyage.mail)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX", "Archive/Old")
    await assert_at_rest(voyage)


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "missing"])
async def test_a_lost_root_is_filled_again_when_its_user_wants_it_back(voyage, mount_point):
    shutil.rmtree(voyage.mail)
    if mount_point:
        voyage.mail.mkdir()
    assert (await voyage.sync()).code == 6
    await decide(voyage, Verdict.RESTORE)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX", "Archive/Old")
    assert held(voyage, LOCAL, "INBOX") == ALL
    await assert_at_rest(voyage)


async def test_one_folder_may_be_wanted_back_while_the_others_wait(voyage):
    shutil.rmtree(voyage.mail)
    await voyage.sync()
    await decide(voyage, Verdict.RESTORE, "Archive", "Old")
    sailed = await voyage.sync()
    assert sailed.code == 6 and [one[0] for one in told(sailed)] == ["INBOX"]
    voyage.assert_same("Archive/Old")
    await decide(voyage, Verdict.RESTORE)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX")


async def test_a_root_whose_loss_is_confirmed_empties_the_server(voyage):
    shutil.rmtree(voyage.mail)
    await voyage.sync()
    await decide(voyage, Verdict.CONFIRMED)
    (await voyage.sync()).assert_clean()
    assert not voyage.on_server() and "Archive/Old" not in voyage.server_folders()
    await assert_at_rest(voyage)


async def test_a_server_that_lists_no_folders_empties_no_disk(tmp_path, dovecot):
    voyage = Voyage(tmp_path, dovecot.account(), rules=FolderRules(exclude=("INBOX",)))
    voyage.create("Lists/Boats", "Lists/Ports")
    for folder in ("Lists/Boats", "Lists/Ports"):
        voyage.deliver(*map(message, range(10)), folder=folder)
    (await voyage.sync()).assert_clean()
    with voyage.phone() as phone:
        phone.rename("Lists", "Hidden")
    voyage.vary(rules=FolderRules(exclude=("INBOX", "Hidden/*")))
    for _ in range(2):
        sailed = await voyage.sync()
        assert (sailed.code, told(sailed)) == (6, [("", "local", "all folders gone", 20)])
    assert held(voyage, LOCAL, "Lists/Boats") == held(voyage, LOCAL, "Lists/Ports") == ALL
    assert voyage.server_folders().isdisjoint({"Lists/Boats", "Lists/Ports"}), "nothing is sent up again either"
    with voyage.phone() as phone:
        phone.rename("Hidden", "Lists")
    (await voyage.sync()).assert_clean()
    voyage.assert_same("Lists/Boats", "Lists/Ports")
    await assert_at_rest(voyage)


async def test_a_root_without_its_marker_makes_every_deletion_on_the_server_doubtful(voyage):
    (voyage.mail / ".postboat-store").unlink()
    gone = voyage.files()[0]
    gone.unlink()
    for _ in range(2):
        sailed = await voyage.sync()
        assert told(sailed) == [("INBOX", "remote", "unmarked", 1)]
        assert sailed.code == 6 and len(voyage.on_server()) == 10
    await decide(voyage, Verdict.CONFIRMED)
    (await voyage.sync()).assert_clean()
    assert len(voyage.on_server()) == 9
    voyage.files()[0].unlink()
    (await voyage.sync()).assert_clean()
    assert len(voyage.on_server()) == 8, "from then on the root is the one that it was taken for"


async def test_a_folder_that_always_fails_does_not_keep_the_root_doubtful_for_ever(voyage):
    voyage.create("Bad")
    voyage.folder("Bad").mkdir()
    (voyage.folder("Bad") / "cur").write_text("no directory")
    (voyage.mail / ".postboat-store").unlink()
    voyage.files()[0].unlink()
    for verdict in (Verdict.WAITING, Verdict.CONFIRMED):
        assert told(await voyage.sync()) == [("INBOX", "remote", "unmarked", 1)]
        await decide(voyage, verdict)
    assert (await voyage.sync()).code == 3
    voyage.files()[0].unlink()
    assert not told(await voyage.sync())
    assert len(voyage.on_server()) == 8


async def test_a_root_without_its_marker_is_marked_anew_when_nothing_would_be_deleted(voyage):
    (voyage.mail / ".postboat-store").unlink()
    (await voyage.sync()).assert_clean()
    voyage.files()[0].unlink()
    (await voyage.sync()).assert_clean()
    assert len(voyage.on_server()) == 9


async def test_another_file_system_makes_every_deletion_on_the_server_doubtful(voyage, monkeypatch):
    monkeypatch.setattr("postboat.maildir.standing.file_system", lambda _fd: "abc")
    (await voyage.sync()).assert_clean()
    monkeypatch.setattr("postboat.maildir.standing.file_system", lambda _fd: "def")
    voyage.files()[0].unlink()
    assert told(await voyage.sync()) == [("INBOX", "remote", "other disk", 1)]
    await decide(voyage, Verdict.RESTORE)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX")
    await assert_at_rest(voyage)
