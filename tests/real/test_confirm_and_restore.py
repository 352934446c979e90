"""Held deletions and deleted messages as a user meets them: what the program says, and what its own commands do."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.real.program import PATIENCE, configure, finished, run_program, start
from tests.real.voyage import Voyage, digests, message

from postboat.imap.wire import utf7

if TYPE_CHECKING:
    from collections.abc import Iterable
    from subprocess import CompletedProcess

pytestmark = pytest.mark.real

MAIL = [message(number) for number in range(12)]


@pytest.fixture
def voyage(tmp_path: Path, dovecot) -> Voyage:
    """An account in step, with an INBOX of one message and an Archive of twelve."""
    return in_step(tmp_path, dovecot, "MyMail", "Archive")


def in_step(tmp_path: Path, dovecot, name: str, folder: str) -> Voyage:
    tmp_path.mkdir(exist_ok=True)
    voyage = Voyage(tmp_path, dovecot.account(), name=name)
    voyage.create(folder)
    voyage.deliver(*MAIL, folder=folder)
    voyage.deliver(message(100))
    ran = run_program(voyage)
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    return voyage


def empty(voyage: Voyage, folder: str = "Archive") -> None:
    """Remove all messages of a folder from the Maildir."""
    for file in voyage.files(folder):
        file.unlink()


def expunge(voyage: Voyage, folder: str = "Archive", messages: str = "1:*") -> None:
    """Remove messages of a folder from the server."""
    with voyage.phone(folder) as phone:
        phone.store(messages, "+FLAGS", r"(\Deleted)")
        phone.expunge()


def paste(ran: CompletedProcess[str], what: str) -> CompletedProcess[str]:
    """Give a shell the command that the program proposed."""
    (line,) = [line for line in ran.stderr.splitlines() + ran.stdout.splitlines() if line.strip().startswith(what)]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["bash", "-c", line.partition(": ")[2]],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment,
        cwd="/",
    )


MEANT, BACK = "if that is meant:", "to get them back:"


def assert_settled(voyages: Iterable[Voyage]) -> None:
    """A further run finds nothing to do or to tell."""
    for voyage in voyages:
        ran = run_program(voyage, "-u", "quiet")
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


# --- held deletions -----------------------------------------------------------------------------------------------


def test_an_emptied_maildir_is_told_of_in_every_run_until_the_user_has_a_word(voyage) -> None:
    empty(voyage)
    voyage.deliver(message(101))
    for _ in range(2):
        ran = run_program(voyage)
        assert ran.returncode == 6
        first, sample, *ways = ran.stderr.splitlines()
        assert first == (
            "Archive: HELD: all 12 messages would be deleted on the server, "
            "because the folder was emptied in the Maildir"
        )
        assert re.fullmatch(r'  ("message \d+", ){4}"message \d+" and 7 more', sample)
        assert [way.split(":")[0] for way in ways] == ["  if that is meant", "  to get them back"]
        assert "held: 12 messages in 1 folder wait for your word" in ran.stdout
    assert voyage.on_server("Archive").keys() == digests(MAIL)
    voyage.assert_same("INBOX")


def test_the_proposed_confirm_lets_the_deletions_pass(voyage) -> None:
    empty(voyage)
    confirmed = paste(run_program(voyage), MEANT)
    assert (confirmed.returncode, confirmed.stderr) == (0, ""), confirmed
    assert "Archive: confirmed: 12 messages to be deleted on the server" in confirmed.stdout
    assert "Archive: 12 deleted" in confirmed.stdout
    assert voyage.on_server("Archive") == {}
    assert_settled([voyage])


def test_the_proposed_restore_brings_the_messages_back(voyage) -> None:
    before = voyage.on_disk("Archive")
    empty(voyage)
    restored = paste(run_program(voyage), BACK)
    assert (restored.returncode, restored.stderr) == (0, ""), restored
    assert "Archive: to be restored: 12 messages in the Maildir" in restored.stdout
    assert "Archive: 12 new" in restored.stdout
    assert "changed" not in restored.stdout, "nothing came back for a change"
    assert voyage.on_disk("Archive") == before
    voyage.assert_same("Archive")
    assert_settled([voyage])


def test_a_folder_emptied_on_the_server_can_be_restored_there(voyage) -> None:
    expunge(voyage)
    held = run_program(voyage, "-u", "quiet")
    assert held.returncode == 6
    assert held.stdout == ""
    assert held.stderr.startswith("Archive: HELD: all 12 messages would be deleted locally, because the folder was em")
    restored = paste(held, BACK)
    assert (restored.returncode, restored.stderr) == (0, ""), restored
    assert "Archive: to be restored: 12 messages on the server" in restored.stdout
    assert voyage.on_server("Archive").keys() == digests(MAIL)
    voyage.assert_same("Archive")
    assert_settled([voyage])


def test_a_dry_run_says_what_would_be_held_and_holds_nothing(voyage) -> None:
    empty(voyage)
    ran = run_program(voyage, "--dry-run")
    assert "Archive: would be held: all 12 messages would be deleted on the server" in ran.stderr
    assert "postboat" not in ran.stderr, "nothing is held yet that a command could be about"
    assert "would be held: 12 messages in 1 folder" in ran.stdout
    assert "MyMail: nothing is held" in run_program(voyage, "restore").stdout


def test_the_listing_needs_no_server_and_its_commands_work(voyage) -> None:
    empty(voyage)
    run_program(voyage)
    away = ("-k", "repository.MyMailRemote:remoteport=1")
    listed = run_program(voyage, "restore", *away)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "MyMail: held: 12 messages in 1 folder" in listed.stdout
    assert paste(listed, MEANT).returncode == 0
    assert voyage.on_server("Archive") == {}


def test_a_word_that_could_not_be_carried_out_is_kept_for_the_next_sync(voyage) -> None:
    empty(voyage)
    run_program(voyage)
    away = ("-k", "repository.MyMailRemote:remoteport=1")
    assert run_program(voyage, "confirm", "MyMail", *away).returncode == 4
    assert "confirmed: the next sync deletes them" in run_program(voyage, "restore").stdout
    assert run_program(voyage).returncode == 0
    assert voyage.on_server("Archive") == {}


def test_the_user_may_think_better_of_it_before_it_is_carried_out(voyage) -> None:
    empty(voyage)
    run_program(voyage)
    assert run_program(voyage, "confirm", "MyMail", "-k", "repository.MyMailRemote:remoteport=1").returncode == 4
    assert run_program(voyage, "restore", "MyMail:Archive").returncode == 0
    assert voyage.on_server("Archive").keys() == voyage.on_disk("Archive").keys() == digests(MAIL)


@pytest.mark.parametrize(
    "folder",
    [
        "Sent Items",
        'it\'s "odd" $HOME `id` & co',
        "Entwürfe 草稿",
        "a:b",
        "-dash",
        "right to \u202eleft",
        "Work/Old",
    ],
)
@pytest.mark.parametrize("what", [MEANT, BACK])
def test_the_proposed_commands_find_folders_of_any_name(tmp_path, dovecot, folder, what) -> None:
    assert_commands_work(in_step(tmp_path / "her own home", dovecot, "MyMail", folder), folder, what)


@pytest.mark.parametrize("what", [MEANT, BACK])
def test_the_proposed_commands_find_folders_with_control_characters(tmp_path, dovecot, what) -> None:
    voyage = in_step(tmp_path, dovecot, "MyMail", "Archive")
    folder = "tab\tand \x1b[31m escape"  # Dovecot lets nobody make it, and syncs it where it is
    root = dovecot.maildir_path(voyage.account.user)
    (root / ".Archive").rename(root / f".{utf7.encode(folder)}")
    assert run_program(voyage).returncode == 6
    assert run_program(voyage, "confirm", "MyMail:Archive").returncode == 0
    (directory,) = (each.name for each in voyage.mail.iterdir() if "escape" in each.name)
    assert_commands_work(voyage, folder, what, directory)


def assert_commands_work(voyage: Voyage, folder: str, what: str, directory: str = "") -> None:
    directory = directory or folder
    empty(voyage, directory)
    ran = run_program(voyage)
    assert ran.returncode == 6, ran
    assert all(line.isprintable() for line in ran.stderr.splitlines())
    done = paste(ran, what)
    assert done.returncode == 0, done
    left = digests(MAIL) if what == BACK else set()
    assert voyage.on_server(folder).keys() == voyage.on_disk(directory).keys() == left


@pytest.mark.parametrize("what", [MEANT, BACK])
def test_a_folder_that_is_gone_from_the_disk(voyage, what) -> None:
    shutil.rmtree(voyage.folder("Archive"))
    ran = run_program(voyage)
    assert ran.returncode == 6
    assert (
        "Archive: HELD: all 12 messages would be deleted on the server, because the folder is gone from" in ran.stderr
    )
    assert voyage.on_server("Archive").keys() == digests(MAIL)
    done = paste(ran, what)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert ("Archive" in voyage.server_folders()) == (what == BACK) == voyage.folder("Archive").exists()
    if what == BACK:
        voyage.assert_same("Archive")
    assert_settled([voyage])


def test_a_maildir_that_is_gone_stops_all_and_can_be_restored(voyage) -> None:
    shutil.rmtree(voyage.mail)
    voyage.deliver(message(101))
    ran = run_program(voyage)
    assert ran.returncode == 6
    assert "MyMail: HELD, and nothing was synced: all 13 messages would be deleted on the server" in ran.stderr
    assert ran.stderr.count("HELD") == 1
    assert not voyage.mail.exists()
    done = paste(ran, BACK)
    assert (done.returncode, done.stderr) == (0, ""), done
    voyage.assert_same("INBOX", "Archive")
    assert_settled([voyage])


def test_a_maildir_that_is_gone_can_be_meant(voyage) -> None:
    shutil.rmtree(voyage.mail)
    voyage.deliver(new := message(101))
    assert run_program(voyage, "-u", "quiet").returncode == 6
    listed = run_program(voyage, "restore")
    assert (
        "  all folders: all 13 messages would be deleted on the server, because all folders are gone" in listed.stdout
    )
    done = paste(listed, MEANT)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert voyage.on_server().keys() == digests([new]), "what nobody here has seen stays"
    assert voyage.server_folders() == {"INBOX"}
    assert run_program(voyage).returncode == 0
    voyage.assert_same("INBOX")
    assert_settled([voyage])


def test_another_directory_in_place_of_the_maildirs_is_told_of(voyage) -> None:
    (voyage.mail / ".postboat-store").unlink()
    voyage.files("Archive")[0].unlink()
    ran = run_program(voyage)
    assert ran.returncode == 6
    assert ran.stderr.splitlines()[0] == (
        "Archive: HELD: 1 of 12 messages would be deleted on the server, because it is gone from the Maildir, "
        "whose directory lacks the mark (.postboat-store) that it had"
    )
    assert "  if the right disk is not mounted: mount it, and sync again" in ran.stderr.splitlines()
    assert paste(ran, MEANT).returncode == 0
    assert len(voyage.on_server("Archive")) == 11
    voyage.files("Archive")[0].unlink()
    assert run_program(voyage).returncode == 0, "the directory is the right one, since the user said so"
    assert len(voyage.on_server("Archive")) == 10


# --- two accounts -------------------------------------------------------------------------------------------------


def both(first: Voyage, second: Voyage) -> Path:
    """One configuration for two accounts."""
    texts = [configure(voyage).read_text() for voyage in (first, second)]
    head, parts = texts[0].partition("[account.")[0], ["[account." + text.partition("[account.")[2] for text in texts]
    path = first.mail.with_name("both.toml")
    path.touch(mode=0o600)
    path.write_text(head.replace(f'["{first.name}"]', f'["{first.name}", "{second.name}"]') + "".join(parts))
    return path


def test_of_two_accounts_only_the_one_that_is_named_is_touched(tmp_path, dovecot) -> None:
    home, work = (in_step(tmp_path, dovecot, name, "Archive") for name in ("Home", "Work"))
    config = both(home, work)
    for voyage in (home, work):
        empty(voyage)
    ran = run_program(home, "-c", str(config))
    assert ran.returncode == 6
    assert {line.partition(" HELD")[0] for line in ran.stderr.splitlines() if "HELD" in line} == {
        "Home: Archive:",
        "Work: Archive:",
    }
    assert ran.stdout.count("held: 12 messages in 1 folder wait for your word") == 2
    assert run_program(home, "-c", str(config), "confirm", "Work:Archive").returncode == 0
    assert work.on_server("Archive") == {}
    assert home.on_server("Archive").keys() == digests(MAIL)
    assert run_program(home, "-c", str(config), "restore", "Home", "Work").returncode == 0
    home.assert_same("Archive")
    assert home.on_disk("Archive").keys() == digests(MAIL)


# --- what is not there --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["confirm", "MyMial:Archive"], 2, "there is no account MyMial; did you mean MyMail?"),
        (["confirm", "MyMail:Archvie"], 2, "did you mean Archive?"),
        (["restore", "MyMail:Archvie", "--deleted"], 2, "did you mean Archive?"),
        (["confirm", "MyMail"], 0, "nothing is held in this account, so that there is nothing to confirm"),
        (
            ["restore", "MyMail:Archive"],
            0,
            "nothing is held in Archive; `postboat restore` lists what can be brought ba",
        ),
        (
            ["restore", "MyMail", "--deleted"],
            0,
            "nothing that was removed is kept (kept are those of",
        ),
        (["restore", "--deleted"], 2, "--deleted: needs an account or folder, such as MyMail:Archive"),
    ],
)
def test_a_command_about_nothing_says_so_and_syncs_nothing(voyage, words, code, told) -> None:
    ran = run_program(voyage, *words)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert told in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_check_says_that_something_waits(voyage) -> None:
    empty(voyage)
    assert run_program(voyage).returncode == 6
    checked = run_program(voyage, "check")
    assert "12 deletions wait for your word; `postboat restore` lists what is held, and why" in checked.stdout
    assert run_program(voyage, "restore", "MyMail").returncode == 0
    assert "wait for your word" not in run_program(voyage, "check").stdout


def test_another_run_is_waited_for_and_the_user_told_why(voyage) -> None:
    empty(voyage)
    run_program(voyage)
    with (voyage.state / "MyMail.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(voyage, "confirm", "MyMail")
        assert process.stderr is not None
        assert "another run is at work on this account; its end is waited for" in process.stderr.readline()
    assert finished(process).returncode == 0
    assert voyage.on_server("Archive") == {}


# --- what was deleted ---------------------------------------------------------------------------------------------


def test_what_was_deleted_last_is_put_back(voyage) -> None:
    expunge(voyage, messages="1:2")
    assert run_program(voyage).returncode == 0
    (batch,) = (voyage.state / "quarantine" / "MyMail").iterdir()
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    batch.rename(batch.with_name(f"{an_hour_ago:%Y-%m-%dT%H%M%SZ}"))  # batches bear the second of their run
    expunge(voyage, messages="1")
    assert run_program(voyage).returncode == 0
    assert len(voyage.files("Archive")) == 9

    listed = run_program(voyage, "restore")
    rows = re.findall(r"  (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)  (\d) messages?  +(\S+)", listed.stdout)
    assert [row[1:] for row in rows] == [("2", "Archive"), ("1", "Archive")]

    last = paste(listed, "to get the last back:")
    assert (last.returncode, last.stderr) == (0, ""), last
    assert "Archive: put back 1 message that had been removed from the Maildir" in last.stdout
    assert len(voyage.on_server("Archive")) == 10

    first = run_program(voyage, "restore", "MyMail:Archive", "--deleted", rows[0][0])
    assert (first.returncode, first.stderr) == (0, ""), first
    assert voyage.on_server("Archive").keys() == voyage.on_disk("Archive").keys() == digests(MAIL)
    assert (
        "nothing that was removed from the Maildir is kept (keepdeleted = 30 days)"
        in run_program(voyage, "restore").stdout
    )
    assert_settled([voyage])


def test_all_of_a_span_is_put_back_into_every_folder(voyage) -> None:
    expunge(voyage, messages="1:2")
    expunge(voyage, "INBOX")
    assert run_program(voyage).returncode == 0
    ran = run_program(voyage, "restore", "MyMail", "--deleted", "2h")
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert voyage.on_server("Archive").keys() == digests(MAIL)
    assert voyage.on_server("INBOX").keys() == digests([message(100)])


def test_a_time_at_which_nothing_was_deleted_is_told_with_the_last_one(voyage) -> None:
    expunge(voyage, messages="1:2")
    assert run_program(voyage).returncode == 0
    ran = run_program(voyage, "restore", "MyMail", "--deleted", "2020-01")
    assert ran.returncode == 2
    assert "--deleted 2020-01: nothing that is kept there was removed then, but last on 20" in ran.stderr
    assert len(voyage.on_server("Archive")) == 10


def test_what_was_confirmed_can_still_be_put_back_though_its_folder_is_gone(voyage) -> None:
    with voyage.phone() as phone:
        assert phone.delete("Archive")[0] == "OK"
    ran = run_program(voyage)
    assert "would be deleted locally, because the folder is gone from the server" in ran.stderr
    assert paste(ran, MEANT).returncode == 0
    assert not voyage.folder("Archive").exists()
    ran = run_program(voyage, "restore", "MyMail:Archive", "--deleted")
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert voyage.on_server("Archive").keys() == voyage.on_disk("Archive").keys() == digests(MAIL)


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty", "missing"])
def test_nothing_is_put_back_where_a_disk_may_be_missing(voyage, mount_point) -> None:
    expunge(voyage, messages="1:2")
    assert run_program(voyage).returncode == 0
    away = voyage.mail.rename(voyage.mail.with_name("away"))
    if mount_point:
        voyage.mail.mkdir()
    ran = run_program(voyage, "restore", "MyMail", "--deleted")
    assert ran.returncode == 3
    told = "holds none of its folders" if mount_point else "is missing"
    assert f"{told}, and nothing was put back. Is its disk mounted?" in ran.stderr
    assert not any(voyage.mail.iterdir()) if mount_point else not voyage.mail.exists()
    if mount_point:
        voyage.mail.rmdir()
    away.rename(voyage.mail)
    assert run_program(voyage, "restore", "MyMail", "--deleted").returncode == 0
    assert len(voyage.on_server("Archive")) == 12


# --- messages put aside -------------------------------------------------------------------------------------------


def test_a_message_put_aside_is_tried_again_when_the_user_says_so(voyage) -> None:
    bad = voyage.drop(b"Subject: nul\n\nbefore\0after\n", name="1.nul")
    assert run_program(voyage).returncode == 3
    again = run_program(voyage)
    assert again.returncode == 3
    assert re.match(r"INBOX: 1 message is put aside, tried again at \d\d:\d\d \(or now, with --retry\): ", again.stderr)
    assert "MyMail: not in step: 1 message put aside; " in again.stdout
    bad = next(file for file in voyage.files() if file.name.startswith("1.nul"))
    bad.write_bytes(b"Subject: mended\n\nbefore after\n")
    ran = run_program(voyage, "--retry")
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    voyage.assert_same("INBOX")
