"""What OfflineIMAP 8.0.1 was seen to do to its users' mail, and what Postboat does in its place.

Each test bears the number of a defect that was reproduced, and tells the story in which it was seen, with a real server
and the real program, which reads OfflineIMAP's own file.
"""

from __future__ import annotations

import json
import re
import resource
from base64 import b64encode
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.real.user import offlineimaprc
from tests.real.voyage import Voyage, digest, digests, message
from tests.scenarios.heir import Heir
from tests.servers.dovecot import DovecotServer
from tests.servers.process import free_port
from tests.servers.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.cyrus import CyrusServer

pytestmark = pytest.mark.real

A, B, C, X, Y = (message(number) for number in range(5))
PLAIN = "IMAP4rev1"


@pytest.fixture
def heir(dovecot, tmp_path) -> Heir:
    return Heir(tmp_path, dovecot.account())


@pytest.fixture(scope="module")
def plain() -> Iterator[DovecotServer]:
    """A Dovecot that offers no extension at all."""
    with DovecotServer(capability=PLAIN) as server:
        yield server


@pytest.fixture(params=["dovecot", "plain", "cyrus"])
def anywhere(request, tmp_path) -> Heir:
    """The same user on servers of every kind."""
    server: DovecotServer | CyrusServer = request.getfixturevalue(request.param)
    return Heir(tmp_path, server.account())


# ---- mail lost --------------------------------------------------------------------------------------------------


def test_0_01_a_server_rebuilt_with_other_mail_costs_no_message_on_either_side(anywhere):
    """OfflineIMAP says "skipping it" and goes on with the old UIDs: C was lost here, and with A went X on the server."""
    work = anywhere
    work.create("Work")
    work.deliver(A, B, C, folder="Work")
    work.run().assert_in_sync()
    with work.phone() as phone:
        assert phone.delete("Work")[0] == phone.create("Work")[0] == "OK"
    work.deliver(X, Y, folder="Work")

    ran = work.run()
    assert ran.code == 0 and ran.err.startswith("Work: what was agreed on does not count any more"), ran
    assert work.on_disk("Work").keys() == work.on_server("Work").keys() == digests([A, B, C, X, Y])
    work.assert_at_rest()

    work.file_of(A, "Work").unlink()
    work.mark(B, "F", "Work")
    work.run().assert_in_sync()
    assert work.on_server("Work").keys() == digests([B, C, X, Y])
    assert {key for key, letters in work.on_server("Work").items() if letters} == digests([B])
    work.assert_same("Work")
    work.assert_at_rest()


@pytest.mark.parametrize("sep", [".", "/"])
def test_0_02_folders_whose_names_are_alike_share_neither_directory_nor_state(dovecot_sdbox, tmp_path, sep):
    """OfflineIMAP keeps `a/b` and `a.b` in one state file: the first run deleted on the server what it never fetched."""
    heir = Heir(tmp_path, dovecot_sdbox.account(), local=f"sep = {sep}")
    heir.create("a.b", "a/b")
    heir.deliver(A, B, C, folder="a.b")
    heir.deliver(X, Y, folder="a/b")
    before = heir.server_folders()
    for _ in range(3):
        heir.run().assert_in_sync()
        assert heir.on_server("a.b").keys() == digests([A, B, C])
        assert heir.on_server("a/b").keys() == digests([X, Y])
        assert sorted(count for name, count in heir.user.folders().items() if name != "INBOX") == [2, 3]
        assert heir.server_folders() == before
    heir.assert_at_rest()


def test_0_03_an_emptied_maildir_empties_no_server_unless_its_user_says_so(heir):
    """OfflineIMAP deletes all on the server without a word. A folder of less than five messages is no such case."""
    mail = [message(number) for number in range(12)]
    heir.create("archive")
    heir.deliver(*mail, folder="archive")
    heir.run().assert_in_sync()
    heir.empty("archive")
    heir.deliver(message(50))
    for _ in range(2):
        ran = heir.run()
        assert ran.code == 6
        assert "archive: HELD: all 12 messages would be deleted on the server" in ran.err
        assert "postboat confirm MyMail:archive" in ran.err and "postboat restore MyMail:archive" in ran.err
        assert heir.on_server("archive").keys() == digests(mail)
    assert heir.on_disk().keys() == digests([message(50)]), "all else goes on"
    assert heir.run("restore", "MyMail:archive").code == 0
    assert heir.on_disk("archive").keys() == heir.on_server("archive").keys() == digests(mail)
    heir.assert_at_rest()


def test_0_04_a_folder_renamed_on_the_server_does_not_come_back_under_its_old_name(anywhere):
    """OfflineIMAP makes the old folder anew on the server, with all its mail, and ends every later run with 2."""
    heir = anywhere
    heir.create("proj")
    heir.deliver(A, B, folder="proj")
    heir.run().assert_in_sync()
    with heir.phone() as phone:
        assert phone.rename("proj", "archive")[0] == "OK"

    ran = heir.run()
    assert ran.code == 6 and "proj: HELD" in ran.err and "gone from the server" in ran.err
    assert heir.server_folders() >= {"archive"} and "proj" not in heir.server_folders()
    heir.assert_same("archive")
    assert heir.on_disk("archive").keys() == heir.on_disk("proj").keys() == digests([A, B])

    assert heir.run("confirm", "MyMail:proj").code == 0
    assert not heir.folder("proj").exists()
    assert "proj" not in heir.server_folders()
    heir.assert_same("archive")
    heir.assert_at_rest()


def test_0_05_what_another_program_marked_as_deleted_is_not_expunged_with_ours(anywhere):
    """OfflineIMAP says EXPUNGE, which takes all that is marked.

    Without UIDPLUS the server knows no other word: ours are marked then, and go when nothing else is marked.
    """
    heir = anywhere
    heir.deliver(A, B, C)
    heir.run().assert_in_sync()
    with heir.phone("INBOX") as phone:
        phone.store("1", "+FLAGS", r"(\Deleted)")
        can_expunge_one = b"UIDPLUS" in phone.capability()[1][0]
    heir.file_of(B).unlink()
    assert "1 deleted" in heir.run().assert_in_sync().out
    waiting = {} if can_expunge_one else {digest(B): {"T"}}
    assert heir.on_server() == {digest(A): {"T"}, digest(C): set()} | waiting
    assert heir.on_disk().keys() == digests([A, C])
    heir.assert_at_rest()
    with heir.phone("INBOX") as phone:
        phone.store("1", "-FLAGS", r"(\Deleted)")
    heir.run().assert_in_sync()
    assert heir.on_server() == heir.on_disk() == {digest(A): set(), digest(C): set()}


def test_0_06_no_message_is_taken_away_for_its_size(heir):
    """OfflineIMAP sent a message of 915 octets here and 1,349 there, and deleted it here in the next run.

    Postboat has no `maxsize` yet: it says so, and syncs every message whatever its size.
    """
    lines = 434
    wire = (b"Subject: many lines\r\n\r\n" + b"x\r\n" * (lines - 2) + b"y" * 26).ljust(1349, b"z")
    assert len(wire) == 1349 and len(wire.replace(b"\r\n", b"\n")) == 915
    heir.write(account="maxsize = 1000")
    heir.drop(wire, "1.many")
    for number in range(3):
        ran = heir.run()
        assert ran.code == 0 and "maxsize: has no effect yet" in ran.err
        assert ("1 new" in ran.out) == (number == 0)
        assert heir.on_disk().keys() == heir.on_server().keys() == digests([wire])


ALTERED = {
    "spaces after a colon": b"Subject:    far away\r\nTo:nobody\r\n\r\nbody\r\n",
    "a line that begins with From": b"From me@here Mon Jan  1 00:00:00 2024\r\nSubject: mbox\r\n\r\nbody\r\n",
    "a boundary that never ends": (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo, and no more\r\n'
    ),
    "empty lines between nested parts": (
        b'Content-Type: multipart/mixed; boundary="o"\r\n\r\n\r\n\r\n--o\r\n'
        b'Content-Type: multipart/alternative; boundary="i"\r\n\r\n\r\n--i\r\n\r\none\r\n\r\n\r\n--i--\r\n\r\n\r\n--o--\r\n\r\n'
    ),
    "form feeds and tabs in a header": b"Subject: a\x0cb\x0bc\r\nX-Other: d\r\n\r\nbody\r\n",
    "octets that are no text": b"Subject: \xff\xfe\xe4\r\n\r\n\x80\x81\r\n",
    "a defect in an address": b"From: <<>@@, ;\r\nContent-Type: ;;;\r\n\r\nbody\r\n",
    "a header that never ends": b"Subject: no empty line",
}
"""Messages that OfflineIMAP altered or did not fetch at all."""


def test_0_07_every_message_is_kept_octet_for_octet_both_ways(heir):
    """OfflineIMAP parses messages and writes them anew: of 24 odd ones it altered 8, and one it did not fetch.

    tests/real/test_bytes.py sends many more through, on every server.
    """
    heir.deliver(*ALTERED.values())
    heir.run().assert_in_sync()
    lf = {name: wire.replace(b"\r\n", b"\n") for name, wire in ALTERED.items()}
    assert sorted(file.read_bytes() for file in heir.files()) == sorted(lf.values())
    for number, wire in enumerate(ALTERED.values()):
        heir.drop(b"X-Way: up\r\n" + wire, f"{number}.up")
    mixed = b"Subject: both line ends\r\n\r\none\r\ntwo\nthree\n"
    (heir.folder() / "new" / "mixed.up").write_bytes(mixed)
    before = {file.name.partition(":")[0]: file.read_bytes() for file in heir.files()}
    heir.run().assert_in_sync()
    assert {file.name.partition(":")[0]: file.read_bytes() for file in heir.files()} == before
    with heir.phone("INBOX") as phone:
        parts = phone.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
    found = sorted(part[1] for part in parts if isinstance(part, tuple))
    up = [b"X-Way: up\r\n" + wire for wire in ALTERED.values()]
    assert found == sorted([*ALTERED.values(), *up, b"Subject: both line ends\r\n\r\none\r\ntwo\r\nthree\r\n"])
    heir.assert_at_rest()


# ---- one failure that ends everything ---------------------------------------------------------------------------


def two_accounts(heir: Heir, other: Voyage) -> None:
    """A second account in the same file, with its Maildirs in ~/Other."""
    text = offlineimaprc(other.account).partition("[Account MyMail]")
    second = (text[1] + text[2]).replace("MyMail", "Other")
    first = offlineimaprc(heir.account).replace("accounts = MyMail", "accounts = MyMail, Other")
    heir.user.write(".offlineimaprc", first + second)
    other.mail = heir.user.home / "Other"


def test_0_08_a_message_that_the_disk_does_not_take_ends_neither_the_folder_nor_the_program(heir, dovecot, tmp_path):
    """OfflineIMAP ends with 100 at the first one, all accounts included, and leaves its lock file behind."""
    large = message(2, size=3_000_000)
    other = Voyage(tmp_path, dovecot.account(), name="Other")
    two_accounts(heir, other)
    heir.deliver(A, large, C)
    other.deliver(X, Y)
    small_disk = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    ran = heir.run(preexec_fn=small_disk)
    assert ran.code == 3 and "1 message failed" in ran.out, ran
    assert heir.on_disk().keys() == digests([A, C])
    assert other.on_disk().keys() == digests([X, Y])
    assert not list((heir.folder() / "tmp").iterdir())

    again = heir.run(preexec_fn=small_disk)
    assert again.code == 3 and "put aside" in again.err, "no lock is left, and it is not tried every time"
    assert heir.run("--retry").code == 0
    heir.assert_same()
    heir.assert_at_rest()


QUOTA = """
protocol imap {
  mail_plugins = $mail_plugins quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:bytes=600
}
"""


def test_0_08b_an_upload_that_the_server_refuses_ends_neither_the_folder_nor_the_program(tmp_path):
    """OfflineIMAP ends with 100 in this run and in every later one, for one mail over the quota."""
    over = message(9, size=844)
    with DovecotServer(extra=QUOTA) as server:
        heir, other = Heir(tmp_path, server.account()), Voyage(tmp_path, server.account(), name="Other")
        two_accounts(heir, other)
        heir.run().assert_in_sync()
        heir.drop(over, "1.over")
        heir.drop(A, "2.fits")
        other.deliver(X)
        ran = heir.run()
        assert ran.code == 3 and "quota" in ran.err.lower() and "1 message failed" in ran.out, ran
        assert heir.on_server().keys() == digests([A])
        assert other.on_disk().keys() == digests([X])

        heir.deliver(B)
        again = heir.run()
        assert again.code == 3 and "1 message is put aside, tried again at" in again.err, again
        assert heir.on_server().keys() == digests([A, B])
        assert heir.on_disk().keys() == digests([A, B, over]), "and it stays where it is"


def test_0_09_three_failures_in_a_row_end_nothing_for_good(heir):
    """OfflineIMAP's daemon ends after three failures. Postboat does not stay yet: every run says what failed, and ends.

    The lines of the file that ask it to stay are understood.
    """
    heir.write(account="autorefresh = 0.1")
    heir.deliver(A)
    nobody = ("-k", f"Repository MyMailRemote:remoteport={free_port()}")
    wrong = ("-k", "Repository MyMailRemote:remotepass=mistyped")
    assert [heir.run("-o", *why).code for why in (nobody, nobody, wrong, nobody)] == [4, 4, 5, 4]
    assert "1 new" in heir.run("-o").assert_in_sync().out


# ---- folders ----------------------------------------------------------------------------------------------------


async def test_0_10_mail_in_every_folder_comes_over_however_few_connections_there_are(dovecot, tmp_path):
    """OfflineIMAP watches as many folders as it has connections open, whatever `idlefolders` lists.

    Watching comes later; what a single run looks at does not depend on its connections.
    """
    folders = ["INBOX", "One", "Two", "Three", "Four"]
    voyage = Voyage(tmp_path, dovecot.account(), maxconnections=1, idlefolders=tuple(folders))
    voyage.create(*folders[1:])
    (await voyage.sync()).assert_clean()
    for number, folder in enumerate(folders):
        voyage.deliver(message(number), folder=folder)
    (await voyage.sync()).assert_clean()
    voyage.assert_same(*folders)
    assert [len(voyage.files(folder)) for folder in folders] == [1] * 5


async def test_0_11_folders_with_spaces_and_letters_of_all_kinds_are_opened_by_their_names(dovecot, tmp_path):
    """OfflineIMAP says `SELECT My Folder` when it is to watch it. Watching comes later; all names go out quoted."""
    folders = ["My Folder", "Entwürfe", 'a "quoted" one', "back\\slash", "(brackets) {5}"]
    voyage = Voyage(tmp_path, dovecot.account(), idlefolders=tuple(folders))
    voyage.create(*folders)
    async with Recorder(voyage.account.host, voyage.account.port) as wire:
        voyage.vary(remoteport=wire.port)
        for number in range(2):
            for folder in folders:
                voyage.deliver(message(number), folder=folder)
            (await voyage.sync()).assert_clean()
    voyage.assert_same(*folders)
    opened = {re.sub(r" \(.*QRESYNC.*| \(CONDSTORE\)", "", each) for each in wire.commands_sent("SELECT", "EXAMINE")}
    assert any(each.endswith(' "My Folder"') for each in opened), opened
    assert not any(each.endswith(" My Folder") for each in opened)


def test_0_12_a_folder_with_the_separator_in_its_name_stays_one_folder(dovecot_sdbox, tmp_path):
    """OfflineIMAP prints an empty line, and in its second run makes `lists` and `lists/example` on the server."""
    heir = Heir(tmp_path, dovecot_sdbox.account())
    heir.create("lists.example")
    heir.deliver(A, folder="lists.example")
    for number in range(3):
        ran = heir.run().assert_in_sync()
        assert all(line.strip() for line in ran.out.splitlines())
        assert heir.server_folders() == {"INBOX", "lists.example"}
        assert sorted(heir.user.folders().values()) == [0, 1 + number]
        name = next(name for name in heir.user.folders() if name != "INBOX")
        heir.user.drop(message(10 + number), name, f"{number}.mine")
    heir.run().assert_in_sync()
    assert len(heir.on_server("lists.example")) == 4


def test_0_13_a_dry_run_shows_all_of_a_new_account_and_writes_nothing(heir):
    """OfflineIMAP's ends at the first folder that it would have to create."""
    heir.create("Work", "Work/2024", "Lists")
    heir.deliver(A, B, folder="Work")
    heir.deliver(C, folder="Work/2024")
    told = heir.run("--dry-run").assert_in_sync().out
    for folder in ("INBOX", "Work", "Work/2024", "Lists"):
        assert f"{folder}: would be created locally" in told
    assert "Work: would copy 2 to local" in told and "Work/2024: would copy 1 to local" in told
    assert heir.user.everything() == {".offlineimaprc"}
    assert "3 new" in heir.run().assert_in_sync().out
    assert "nothing" in heir.run("--dry-run").assert_in_sync().out


# ---- the command line -------------------------------------------------------------------------------------------


def test_0_14_options_of_old_do_not_crash_and_tunnels_are_looked_at_like_any_server(heir, courier, tmp_path):
    """OfflineIMAP ends with a traceback at each of these options, at `--info` and at `-d imap` over a tunnel.

    Postboat does what they say, or says that they have no effect yet.
    """
    heir.create("Aaa", "Zzz")
    heir.write(remote="decodefoldernames = yes\nremote_identity = me\nfoldersort = lambda x, y: -cmp(x, y)")
    ran = heir.run()
    assert ran.code == 0
    warned = [line.split(": ", 1)[1] for line in ran.err.splitlines()]
    told = ["decodefoldernames: has no effect yet", "remote_identity: has no effect yet"]
    assert warned == [f"Repository MyMailRemote.{each}" for each in told]
    created = re.findall(r"^(\w+): created locally", ran.out, re.MULTILINE)
    assert created == ["INBOX", "Zzz", "Aaa"]

    account = courier.account()
    tunnelled = Heir(tmp_path / "tunnel", account, remote=f"preauthtunnel = {courier.tunnel(account)}")
    tunnelled.deliver(A)
    assert "through a tunnel" in tunnelled.run("check").assert_in_sync().out
    ran = tunnelled.run("-d", "imap")
    assert ran.code == 0 and " S * PREAUTH" in ran.err and "1 new" in ran.out


def test_0_14_a_mistyped_password_is_asked_for_again(heir):
    """OfflineIMAP's MachineUI ends with a TypeError there."""
    text = (heir.user.home / ".offlineimaprc").read_text()
    text = text.replace("accounts = MyMail", "accounts = MyMail\nui = machineui")
    heir.user.write(".offlineimaprc", "".join(f"{line}\n" for line in text.splitlines() if "remotepass" not in line))
    with heir.user.at_terminal() as terminal:
        terminal.wait_for(":getpass:")
        terminal.type("mistyped")
        terminal.wait_for(":getpasserror:")
        terminal.wait_for(":getpass:", times=2)
        terminal.type(heir.account.password)
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.text and "mistyped" not in terminal.text


def test_0_15_a_run_that_failed_says_so_by_its_exit_code_whatever_shows_it(heir):
    """OfflineIMAP's MachineUI ends with 0 whatever happened, and so does a failed `--delete-folder`."""
    heir.create("Work")
    heir.deliver(*map(message, range(6)), folder="Work")
    assert heir.run("--json").code == 0
    heir.drop(b"Subject: nul\r\n\r\nbefore\0after\r\n", "1.nul")
    away = ("-k", f"Repository MyMailRemote:remoteport={free_port()}")
    wrong = ("-k", "Repository MyMailRemote:remotepass=mistyped")
    for face in (["--json"], ["-u", "quiet"], ["-u", "basic"], ["-u", "tty"], ["-u", "machineui"]):
        assert [heir.run(*face, *why).code for why in ((), away, wrong)] == [3, 4, 5]
    heir.empty("Work")
    ran = heir.run("--json")
    finished = json.loads(ran.out.splitlines()[-1])
    assert ran.code == 6 and (finished["event"], finished["exit_code"]) == ("RunFinished", 6)
    assert heir.run("--json", "confirm", "MyMail:Wrok").code == 2
    assert heir.run("--json", "confirm", "MyMail:Work", *away).code == 4
    assert len(heir.on_server("Work")) == 6


def test_0_16_keywords_and_letters_of_other_programs_are_kept_where_they_are(heir):
    """OfflineIMAP takes a letter that a mail program added away again in its next run.

    Postboat does not carry keywords over to the other side yet; it takes none away on either.
    """
    heir.deliver(A, B)
    heir.run().assert_in_sync()
    heir.mark(A, "Sa")
    with heir.phone("INBOX") as phone:
        phone.store("2", "+FLAGS", "(Holiday $Label1)")
    for _ in range(2):
        heir.run().assert_in_sync()
        assert heir.on_disk() == {digest(A): set("Sa"), digest(B): set()}
    with heir.phone("INBOX") as phone:
        phone.store("1", "+FLAGS", r"(\Flagged)")
    heir.mark(B, "R")
    for _ in range(2):
        heir.run().assert_in_sync()
        assert heir.on_disk() == {digest(A): set("FSa"), digest(B): set("R")}
    with heir.phone("INBOX") as phone:
        first, second = phone.fetch("1:2", "(FLAGS)")[1]
    assert all(flag in first for flag in (b"\\Seen", b"\\Flagged"))
    assert all(flag in second for flag in (b"\\Answered", b"Holiday", b"$Label1"))
    heir.assert_at_rest()


def test_0_17_two_files_with_the_same_uid_in_their_names_are_two_messages(heir):
    """OfflineIMAP sees one of them only, and takes the flags of whichever the directory lists last."""
    heir.run().assert_in_sync()
    name = "1700000000_0.1.here,U=5,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,"
    cur = heir.folder() / "cur"
    (cur / name).write_bytes(A.replace(b"\r\n", b"\n"))
    heir.run().assert_in_sync()
    (cur / f"copy of {name}FS").write_bytes(A.replace(b"\r\n", b"\n"))
    (cur / f"{name}S").write_bytes(B.replace(b"\r\n", b"\n"))
    assert "2 new" in heir.run().assert_in_sync().out
    assert len(heir.files()) == 3
    with heir.phone("INBOX") as phone:
        parts = phone.fetch("1:*", "(BODY.PEEK[])")[1]
    assert sorted(part[1] for part in parts if isinstance(part, tuple)) == sorted([A, A, B])
    heir.assert_at_rest()


# ---- secrets ----------------------------------------------------------------------------------------------------


def test_0_18_a_proxy_is_never_passed_over_in_silence(heir):
    """OfflineIMAP passes it over unless `ipv6` is set, and nobody is told. Postboat has no proxies yet, and says so."""
    heir.write(account="proxy = SOCKS5:127.0.0.1:9\nauthproxy = SOCKS5:127.0.0.1:9")
    for words in ([], ["-u", "quiet"], ["check"]):
        told = heir.run(*words).err
        assert "MyMail.proxy: has no effect yet" in told and "MyMail.authproxy: has no effect yet" in told


async def test_0_19_starttls_is_verified_and_never_done_without(tmp_path, monkeypatch):
    """OfflineIMAP verifies nothing, and signs in through plain text when the server does not offer it."""
    monkeypatch.setattr("postboat.imap.tcp.is_loopback", lambda _: False)
    with DovecotServer() as server, DovecotServer(extra="ssl = no") as stripped:
        account = server.account()
        trusting = Voyage(tmp_path, account, starttls=True, sslcacertfile=account.ca)
        trusting.deliver(A)
        (await trusting.sync()).assert_clean()
        assert trusting.on_disk().keys() == digests([A])
        before = server.log()
        for wrong in ({}, {"sslcacertfile": account.ca, "cert_fingerprint": ("ab" * 32,)}):
            assert (await Voyage(tmp_path, account, name="No", starttls=True, **wrong).sync()).code == 4
        assert "Login: user" not in server.log()[len(before) :], "the password was not even sent"
        at = replace(stripped.account(), ca=account.ca)
        refused = await Voyage(tmp_path, at, name="Strip", starttls=True, sslcacertfile=account.ca).sync()
        assert refused.code == 4 and "offers no STARTTLS" in str(refused.events)
        ended = [line for line in stripped.log().splitlines() if "imap-login" in line]
        assert ended and all("no auth attempts" in line for line in ended), ended


def test_0_20_no_secret_is_shown_by_any_log_or_error(heir):
    """OfflineIMAP logs the client's secret and the refresh token when OAuth fails, and `-d imap` shows every password.

    OAuth comes later: its options are named without their values.
    """
    secrets = {"oauth2_client_secret": "s3cret-of-client", "oauth2_refresh_token": "s3cret-to-refresh"}
    options = "".join(f"{name} = {value}\n" for name, value in secrets.items())
    heir.write(remote=f"{options}remotepass = s3cret-mistyped")
    told = [heir.run("-d", "all", "-l", "log"), heir.run("check"), heir.run("--json")]
    assert [ran.code for ran in told] == [5, 5, 5]
    heir.write(remote=f"{options}remoteport = s3cret-misplaced\nremotepasseval = 's3cret-unclosed")
    told.append(heir.run())
    assert told[-1].code == 2 and "remotepasseval: is not a Python expression" in told[-1].err
    said = "".join(ran.out + ran.err for ran in told) + (heir.user.home / "log").read_text()
    assert "oauth2_client_secret: has no effect yet" in said and "AUTHENTICATE PLAIN" in said
    assert "s3cret" not in said.replace("s3cret-misplaced", "")
    for length in range(3):
        coded = b64encode(b"x" * length + b"s3cret-mistyped").decode()
        assert coded[4 * (length > 0) + 2 : -4] not in said
