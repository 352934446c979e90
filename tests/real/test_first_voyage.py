"""The main job on a real server: new mail, flags, deletions and folders, both ways, and then nothing."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
from tests.real.voyage import Voyage, digest, digests, message, sail

from postboat.config.schema import FolderRules
from postboat.events import AccountConnected, AccountFailed, FolderCreated, FolderMatchedAnew, PlanHeld, PlanShown
from postboat.maildir import scan, system
from postboat.service.run_options import RunOptions

pytestmark = pytest.mark.real


@pytest.fixture
def voyage(dovecot, tmp_path) -> Voyage:
    return Voyage(tmp_path, dovecot.account())


async def test_mail_arrives_is_changed_on_both_sides_and_both_sides_agree(voyage):
    voyage.deliver(*(message(n) for n in range(6)))
    first = await voyage.sync()
    first.assert_clean()
    assert first.done.down == 6
    voyage.assert_same()

    read, doomed = voyage.file_of(message(0)), voyage.file_of(message(1))
    read.rename(read.parent.parent / "cur" / f"{read.name}:2,RS")
    doomed.unlink()
    voyage.drop(message(100), flags="F")
    voyage.deliver(message(101), flags=r"\Flagged")
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "6", "+FLAGS", r"(\Seen $Forwarded)")
        phone.uid("STORE", "5", "+FLAGS", r"(\Deleted)")
        phone.expunge()
    second = await voyage.sync()
    second.assert_clean()
    done = second.done
    assert (done.down, done.up, done.reflagged, done.deleted_remote, done.deleted_local) == (1, 1, 2, 1, 1)
    voyage.assert_same()
    assert {"R", "S"} in voyage.on_server().values()
    assert {"P", "S"} in voyage.on_disk().values()

    third = await voyage.sync()
    third.assert_clean()
    assert third.done.changes == 0


async def test_unseen_mail_lies_in_new_and_the_rest_in_cur(voyage):
    voyage.deliver(message(1))
    voyage.deliver(message(2), flags=r"\Seen")
    await voyage.sync()
    assert sorted(f"{file.parent.name} {file.name.partition(':')[2]}" for file in voyage.files()) == ["cur 2,S", "new "]


async def test_internaldate_and_mtime_are_one(voyage):
    voyage.deliver(message(1), date='"04-Mar-2019 05:06:07 +0100"')
    await voyage.sync()
    assert os.stat(voyage.files()[0]).st_mtime == 1551672367
    path = voyage.drop(message(2))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    await voyage.sync()
    with voyage.phone("INBOX") as phone:
        (answer,) = phone.uid("FETCH", "2", "INTERNALDATE")[1]
    assert b'"09-Sep-2001 01:46:40 +0000"' in answer


async def test_folders_are_created_on_either_side_whatever_their_names(dovecot_sdbox, tmp_path):
    voyage = Voyage(tmp_path, dovecot_sdbox.account())
    names = [
        "Work/Projects/2026",
        "Entwürfe",
        "a b",
        'quo"ted',
        "back\\slash",
        "dots.in.name",
        "[Gmail]/All Mail",
        "日本語",
        "a&b",
        "100%",
    ]
    for name in names:
        voyage.create(name)
        voyage.deliver(message(1), folder=name)
    first = await voyage.sync()
    first.assert_clean()
    assert first.done.down == len(names)
    local = voyage.mail / "Neu & gut.Unter ordner"
    for part in ("cur", "new", "tmp"):
        (local / part).mkdir(parents=True)
    (local / "new" / "1.a").write_bytes(b"Subject: x\n\ny\n")
    second = await voyage.sync()
    second.assert_clean()
    assert [event.side for event in second.of(FolderCreated)] == ["remote"]
    assert "Neu & gut/Unter ordner" in voyage.server_folders()
    assert set(names) <= voyage.server_folders()
    third = await voyage.sync()
    assert third.done.changes == 0 and not third.of(FolderCreated)


@pytest.mark.parametrize("layout", [{"layout": "nested", "sep": "/"}, {"layout": "maildir++"}])
async def test_other_layouts_hold_the_same_mail(dovecot_sdbox, tmp_path, layout):
    voyage = Voyage(tmp_path, dovecot_sdbox.account(), local=layout)
    voyage.create("Work/Projects", "dots.in.name", "cur")
    voyage.deliver(message(1))
    for name in ("Work/Projects", "dots.in.name", "cur"):
        voyage.deliver(message(2), folder=name)
    (await voyage.sync()).assert_clean()
    files = [file for file in voyage.mail.rglob("*") if file.is_file() and file.parent.name in ("new", "cur")]
    assert len(files) == 4
    if layout["layout"] == "nested":
        assert list((voyage.mail / "Work" / "Projects" / "new").iterdir())
    else:
        assert list((voyage.mail / ".Work.Projects" / "new").iterdir()) and list((voyage.mail / "new").iterdir())
    again = await voyage.sync()
    again.assert_clean()
    assert again.done.changes == 0 and not again.of(FolderCreated)


async def test_a_message_moved_on_disk_to_another_folder_is_moved_on_the_server(voyage):
    voyage.create("Archive")
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    file = voyage.files()[0]
    moved = digest(file.read_bytes())
    file.rename(voyage.folder("Archive") / "cur" / f"{file.name}:2,S")
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX", "Archive")
    assert moved in voyage.on_server("Archive") and moved not in voyage.on_server()


@pytest.mark.parametrize("folder", ["INBOX", "Archive"])
async def test_a_new_file_that_got_the_number_of_a_removed_one_is_sent_and_not_taken_for_it(
    voyage, folder, monkeypatch
):
    """Of equal size and mtime besides, as programs leave it that date their files by whole seconds."""
    voyage.create("Archive")
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    file = voyage.file_of(message(1))
    was = file.stat()
    file.unlink()
    new = voyage.drop(message(3), "new", folder=folder)
    os.utime(new, ns=(was.st_atime_ns, was.st_mtime_ns))
    number, real = new.stat().st_ino, system.examine
    with new.open() as opened:
        if real(opened.fileno()).born is None:
            pytest.skip("the file system keeps no birth times")

    def examined(fd, name=""):
        """As if the file system had given it the number, which none does every time."""
        found = real(fd, name)
        return found._replace(number=was.st_ino) if found.number == number else found

    monkeypatch.setattr(scan, "examine", examined)
    (await voyage.sync()).assert_clean()
    voyage.assert_same("INBOX", "Archive")
    held = {name: set(voyage.on_server(name)) for name in ("INBOX", "Archive")}
    expected = {"INBOX": digests([message(2)]), "Archive": set()}
    expected[folder] |= digests([message(3)])
    assert held == expected


async def test_a_dry_run_of_a_new_account_prints_the_plan_and_changes_nothing(voyage, tmp_path):
    voyage.create("Archive")
    voyage.deliver(message(1), message(2))
    before = voyage.on_server()
    shown = await voyage.sync(RunOptions(dry_run=True))
    assert shown.code == 0
    plans = {event.folder: event.operations for event in shown.of(PlanShown)}
    assert [operation["do"] for operation in plans["INBOX"]] == ["copy", "copy"]
    assert {(event.side, event.name) for event in shown.of(FolderCreated)} == {("local", "INBOX"), ("local", "Archive")}
    assert not list(tmp_path.iterdir()), "a dry run writes nothing at all"
    assert voyage.on_server() == before


async def test_a_dry_run_of_a_known_account_changes_nothing_either(voyage):
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    voyage.files()[0].unlink()
    voyage.drop(message(3), folder="New one")
    state = {path: path.stat().st_mtime_ns for path in (voyage.mail, voyage.state, *voyage.state.iterdir())}
    shown = await voyage.sync(RunOptions(dry_run=True))
    plans = {event.folder: [operation["do"] for operation in event.operations] for event in shown.of(PlanShown)}
    assert plans == {"INBOX": ["delete"], "New one": ["copy"]}
    assert {path: path.stat().st_mtime_ns for path in state} == state
    assert len(voyage.on_server()) == 2 and "New one" not in voyage.server_folders()


async def test_readonly_remote_gets_nothing_and_gives_everything(voyage):
    voyage.vary(readonly=True)
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    voyage.drop(message(3))
    voyage.files()[0].unlink()
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1:2", "+FLAGS", r"(\Seen)")
    for _ in range(2):
        sailed = await voyage.sync()
        sailed.assert_clean()
        assert (sailed.done.up, sailed.done.deleted_remote) == (0, 0)
    assert len(voyage.on_server()) == 2
    assert {"S"} in voyage.on_disk().values(), "flags of a read-only server still arrive"


async def test_subscribedonly_syncs_only_subscribed_folders(voyage):
    voyage.create("Wanted", "Unwanted")
    with voyage.phone() as phone:
        phone.subscribe("Wanted")
        phone.subscribe("INBOX")
    voyage.vary(subscribedonly=True)
    (await voyage.sync()).assert_clean()
    assert sorted(path.name for path in voyage.mail.iterdir() if path.is_dir()) == ["INBOX", "Wanted"]
    voyage.drop(message(1), folder="Unwanted")
    (await voyage.sync()).assert_clean()
    assert not voyage.on_server("Unwanted"), "a folder that is there and not subscribed to is left alone"
    with voyage.phone() as phone:
        assert not any(b"Unwanted" in row for row in phone.lsub()[1] if row)


async def test_foreign_deleted_messages_are_never_expunged(voyage):
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
    voyage.file_of(message(2)).unlink()
    (await voyage.sync()).assert_clean()
    assert voyage.on_server() == {digest(message(1)): {"T"}}


async def test_without_expunge_deletions_are_only_marked(voyage):
    voyage.vary(expunge=False)
    voyage.deliver(message(1))
    await voyage.sync()
    voyage.files()[0].unlink()
    for _ in range(2):
        (await voyage.sync()).assert_clean()
        assert voyage.on_server() == {digest(message(1)): {"T"}}
        assert not voyage.files()


async def test_a_folder_deleted_on_the_server_is_kept_on_disk_and_told(voyage):
    voyage.create("Old")
    voyage.deliver(message(1), folder="Old")
    await voyage.sync()
    with voyage.phone() as phone:
        phone.delete("Old")
    sailed = await voyage.sync()
    assert sailed.code == 6, "it waits for the user's word"
    assert sailed.of(PlanHeld) == [PlanHeld("Test", "Old", "local", "folder gone", 1, 1)]
    assert len(voyage.files("Old")) == 1 and "Old" not in voyage.server_folders()


async def test_a_lost_ledger_transfers_nothing_and_doubles_nothing(voyage):
    voyage.deliver(*(message(n) for n in range(20)))
    await voyage.sync()
    for file in voyage.state.iterdir():
        file.unlink()
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert (sailed.done.adopted, sailed.done.down, sailed.done.up) == (20, 0, 0)
    voyage.assert_same()


async def test_a_new_uidvalidity_transfers_nothing_and_deletes_nothing(voyage, dovecot):
    voyage.deliver(*(message(n) for n in range(20)))
    await voyage.sync()
    voyage.drop(message(50))
    dovecot.doveadm("mailbox", "update", "-u", voyage.account.user, "--uid-validity", "4242", "INBOX")
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert (sailed.done.adopted, sailed.done.down, sailed.done.up) == (20, 0, 1)
    assert voyage.on_disk().keys() == voyage.on_server().keys() == digests([*map(message, range(20)), message(50)])


async def test_a_missing_root_stops_the_account_and_deletes_nothing(voyage):
    voyage.deliver(message(1))
    await voyage.sync()
    voyage.mail.rename(voyage.mail.with_name("unmounted"))
    sailed = await voyage.sync()
    assert sailed.code == 6
    assert sailed.of(PlanHeld) == [PlanHeld("Test", "", "remote", "all folders gone", 1, 1)]
    assert not sailed.of(AccountConnected), "found out before anything is connected"
    assert len(voyage.on_server()) == 1 and not voyage.mail.exists()


async def test_an_emptied_place_of_a_folder_is_filled_again_and_nothing_is_deleted(voyage):
    """The directory is there but is not the one that was synced: it has lost its identifier."""
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    inbox = voyage.folder()
    inbox.rename(voyage.mail.with_name("elsewhere"))
    for part in ("cur", "new", "tmp"):
        (inbox / part).mkdir(parents=True)
    (await voyage.sync()).assert_clean()
    assert len(voyage.on_server()) == 2
    voyage.assert_same()


async def test_two_accounts_sync_side_by_side(dovecot, tmp_path):
    voyages = [Voyage(tmp_path, dovecot.account(), name=name) for name in ("One", "Two")]
    for number, voyage in enumerate(voyages):
        voyage.deliver(message(number))
    sailed = await sail(voyages, maxsyncaccounts=2)
    sailed.assert_clean()
    for voyage in voyages:
        voyage.assert_same()


async def test_only_the_folders_asked_for_are_synced(voyage):
    voyage.create("A", "B")
    (await voyage.sync(RunOptions(folders=("A",)))).assert_clean()
    assert [path.name for path in voyage.mail.iterdir()] == ["A"]


async def test_without_utf8foldernames_names_stay_as_the_server_encodes_them(dovecot, tmp_path):
    seen = []
    rules = FolderRules(utf8foldernames=False, folderfilter=lambda name: seen.append(name) or True)
    voyage = Voyage(tmp_path, dovecot.account(), rules=rules)
    voyage.create("Entwürfe")
    voyage.deliver(message(1), folder="Entwürfe")
    for _ in range(2):
        (await voyage.sync()).assert_clean()
    assert set(seen) == {"INBOX", "Entw&APw-rfe"}
    assert sorted(path.name for path in voyage.mail.iterdir() if path.is_dir()) == ["Entw&APw-rfe", "INBOX"]
    assert voyage.server_folders() == {"INBOX", "Entwürfe"}


async def test_another_layout_is_refused_and_nothing_is_touched(voyage):
    voyage.create("Work/2020")
    voyage.deliver(message(1), folder="Work/2020")
    (await voyage.sync()).assert_clean()
    voyage.config = replace(voyage.config, local=replace(voyage.config.local, layout="nested", sep="/"))
    refused = await voyage.sync()
    assert refused.code == 2
    assert "sep = '.'" in refused.of(AccountFailed)[0].reason
    assert voyage.server_folders() == {"INBOX", "Work/2020"}


async def test_rules_that_would_put_mail_into_another_folder_are_refused(voyage):
    voyage.create("Private", "Public")
    voyage.deliver(message(1), folder="Private")
    voyage.vary(rules=FolderRules(rename={"Private": "mail"}, exclude=("Public",)))
    (await voyage.sync()).assert_clean()
    voyage.vary(rules=FolderRules(rename={"Public": "mail"}, exclude=("Private",)))
    refused = await voyage.sync()
    assert refused.code == 2
    assert all(name in refused.of(AccountFailed)[0].reason for name in ("Private", "Public", "mail"))
    assert not voyage.on_server("Public")


async def test_another_server_under_the_same_account_name_costs_no_mail(dovecot, tmp_path):
    """Both have the same UIDVALIDITY and UIDs; only the user differs."""
    one, two = dovecot.account(), dovecot.account()
    voyage, other = Voyage(tmp_path, one), Voyage(tmp_path, two)
    for each, numbers in ((voyage, range(4)), (other, range(10, 12))):
        each.deliver(*(message(number) for number in numbers))
        dovecot.doveadm("mailbox", "update", "-u", each.account.user, "--uid-validity", "77", "INBOX")
    (await voyage.sync()).assert_clean()
    sailed = await other.sync()
    sailed.assert_clean()
    assert sailed.done.deleted_local == sailed.done.deleted_remote == 0
    assert other.on_disk().keys() == digests(map(message, (0, 1, 2, 3, 10, 11)))


@pytest.mark.parametrize("others", [True, False], ids=["one of several", "the only one"])
async def test_a_folder_that_lost_its_directories_is_fetched_again_as_the_advice_says(voyage, others):
    """`rm -r Old/*` leaves the identifier, and making cur, new and tmp again must not look like deleted mail."""
    voyage.create("Old")
    voyage.deliver(message(1), message(2), folder="Old")
    if others:
        voyage.deliver(message(3))
    await voyage.sync()
    for part in ("cur", "new", "tmp"):
        shutil.rmtree(voyage.folder("Old") / part)
    assert (await voyage.sync()).code == 6
    for part in ("cur", "new", "tmp"):
        (voyage.folder("Old") / part).mkdir()
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert [event.folder for event in sailed.of(FolderMatchedAnew)] == ["Old"]
    assert len(voyage.on_server("Old")) == 2
    voyage.assert_same("Old")


async def test_an_empty_mount_point_stops_the_account_and_makes_nothing_there(voyage):
    voyage.create("Empty")
    voyage.deliver(message(1))
    await voyage.sync()
    voyage.mail.rename(voyage.mail.with_name("unmounted"))
    voyage.mail.mkdir()
    sailed = await voyage.sync()
    assert sailed.code == 6 and [held.folder for held in sailed.of(PlanHeld)] == [""]
    assert not list(voyage.mail.iterdir()) and len(voyage.on_server()) == 1
