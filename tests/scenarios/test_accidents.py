"""Accidents that no list of other programs' defects has, told with the real program."""

from __future__ import annotations

import shutil

import pytest
from tests.real.voyage import Voyage, digest, digests, message
from tests.scenarios.heir import Heir

from postboat.events import FolderFailed

pytestmark = pytest.mark.real

MAIL = [message(number) for number in range(12)]


@pytest.fixture
def heir(dovecot, tmp_path) -> Heir:
    """A user in step, with twelve messages in each of two folders."""
    heir = Heir(tmp_path, dovecot.account())
    heir.create("Archive")
    for folder in ("INBOX", "Archive"):
        heir.deliver(*MAIL, folder=folder)
    heir.run().assert_in_sync()
    return heir


def test_a_backup_of_the_maildirs_put_back_deletes_nothing_on_the_server(heir):
    """What was deleted since the backup comes back, and what came since is not taken for deleted."""
    backup = heir.user.home / "backup"
    shutil.copytree(heir.mail, backup)
    heir.deliver(new := message(50))
    heir.run().assert_in_sync()
    heir.file_of(MAIL[0]).unlink()
    heir.expunge("12")
    heir.mark(MAIL[3], "FS")
    heir.run().assert_in_sync()

    shutil.rmtree(heir.mail)
    shutil.copytree(backup, heir.mail)
    ran = heir.run()
    assert ran.code == 0 and "none is deleted" in ran.err, ran
    heir.assert_same("INBOX", "Archive")
    assert heir.on_server().keys() == digests([*MAIL, new])
    assert len(heir.files()) == 13 and len(heir.files("Archive")) == 12
    assert heir.on_disk()[digest(MAIL[3])] == {"F", "S"}, "nor is a flag lost"
    heir.assert_at_rest()


def test_a_folder_renamed_on_disk_is_made_under_its_new_name_and_the_old_one_waits(heir):
    heir.folder("Archive").rename(heir.folder("Renamed"))
    ran = heir.run()
    assert ran.code == 6 and "Archive: HELD" in ran.err and "gone from the Maildir" in ran.err
    heir.assert_same("Renamed")
    assert heir.on_server("Archive").keys() == heir.on_server("Renamed").keys() == digests(MAIL)
    assert heir.run("confirm", "MyMail:Archive").code == 0
    assert heir.server_folders() == {"INBOX", "Renamed"}
    heir.assert_same("Renamed")
    heir.assert_at_rest()


def test_what_is_deleted_on_one_side_and_changed_on_the_other_comes_back(heir):
    heir.file_of(MAIL[0]).unlink()
    with heir.phone("INBOX") as phone:
        phone.store("1", "+FLAGS", r"(\Flagged)")
        phone.store("2", "+FLAGS", r"(\Deleted)")
        phone.expunge()
    heir.mark(MAIL[1], "RS")
    ran = heir.run()
    assert ran.code == 0 and "changed" in ran.out + ran.err, ran
    heir.assert_same()
    assert heir.on_server().keys() == digests(MAIL)
    assert heir.on_disk()[digest(MAIL[0])] == {"F"}
    assert heir.on_server()[digest(MAIL[1])] == {"R", "S"}
    heir.assert_at_rest()


def test_both_sides_emptied_is_no_accident(heir):
    heir.empty()
    heir.expunge("1:*")
    heir.run().assert_in_sync()
    assert heir.on_server() == heir.on_disk() == {}
    heir.assert_at_rest()


async def test_a_mailbox_renamed_to_anothers_name_is_known_by_what_it_says_itself(cyrus, tmp_path):
    """Cyrus goes on telling the numbers of the mailbox that had the name before, when it is asked for a list."""
    voyage = Voyage(tmp_path, cyrus.account())
    voyage.create("A", "B")
    voyage.deliver(*map(message, range(3)), folder="A")
    voyage.deliver(*map(message, range(10, 15)), folder="B")
    (await voyage.sync()).assert_clean()
    with voyage.phone() as phone:
        phone.rename("B", "D")
        phone.rename("A", "B")
    for _ in range(2):
        sailed = await voyage.sync()
        assert sailed.code == 6 and not sailed.of(FolderFailed)
    voyage.assert_same("D")
