"""Every example of the article that made OfflineIMAP known, its gaps filled, run for real against real servers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.real.staying import Staying
from tests.real.user import Ran, User, offlineimaprc
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.process import Account

pytestmark = pytest.mark.real

FOLDERS = ("Sent Mail", "Work", "Spam", "Junk", "Trash", "Trash-2025", "Deleted Items", "Modelling")
IN_A_LIST = """folderfilter = lambda foldername: foldername in
      ['INBOX', 'Sent Mail',
       'Work']"""
NOT_IN_A_LIST = """folderfilter = lambda foldername: foldername not in
      ['Spam', 'Junk']"""
NOT_LIKE = """folderfilter = lambda foldername:
     not re.search('(^Trash$|Del)', foldername)"""
WITHOUT_INBOX = r"""nametrans = lambda foldername:
   re.sub('^INBOX\.', '', foldername)"""
LIKE_COURIER = """
namespace inbox {
  prefix = INBOX.
  separator = .
}
"""


@pytest.fixture
def user(tmp_path) -> User:
    return User(tmp_path / "home")


@pytest.fixture(scope="module")
def prefixed() -> Iterator[DovecotServer]:
    """Return a Dovecot that names its folders as Courier does."""
    with DovecotServer(extra=LIKE_COURIER) as server:
        yield server


def voyage_of(user: User, account: Account) -> Voyage:
    """The account as another client sees it."""
    return Voyage(user.home / "unused", account)


def configure(user: User, at: Account, **sections: str) -> None:
    user.write("rc", offlineimaprc(at, **sections))


def sync(user: User, *words: str) -> Ran:
    return user.run("-c", "rc", *words)


def assert_the_next_run_does_nothing(user: User) -> None:
    before = user.everything()
    assert sync(user).assert_in_sync().out.splitlines()[-1].startswith("MyMail: in step")
    events = sync(user, "--json").assert_in_sync().out
    assert '"FolderCreated"' not in events and "nothing new" in sync(user).out
    assert user.everything() == before


def test_the_basic_configuration_syncs_once_and_exits(user, dovecot):
    voyage = voyage_of(user, dovecot.account())
    voyage.create("Sent Mail")
    voyage.deliver(message(1), message(2))
    voyage.deliver(message(3), folder="Sent Mail")
    user.write(".offlineimaprc", offlineimaprc(voyage.account))
    first = user.run().assert_in_sync()
    assert first.out.splitlines()[-1].startswith("MyMail: in step, 2 folders, 3 new")
    assert user.folders() == {"INBOX": 2, "Sent Mail": 1}
    assert "2 folders, nothing new" in user.run().assert_in_sync().out


def test_without_the_ssl_line_tls_is_used(user, dovecot):
    account = dovecot.account()
    text = offlineimaprc(account, remote=f"sslcacertfile = {account.ca}").replace("ssl = no\nstarttls = no\n", "")
    user.write("rc", text.replace(f"remoteport = {account.port}", f"remoteport = {account.tls_port}"))
    assert "TLS" in user.run("check", "-c", "rc").assert_in_sync().out
    sync(user).assert_in_sync()


async def test_with_autorefresh_it_goes_on_until_it_is_stopped(user, dovecot):
    configure(user, dovecot.account(), account="autorefresh = 5")
    sync(user, "-o").assert_in_sync()
    async with await Staying.start(user.home / "rc") as staying:
        await staying.wait_for("AccountRests")
        assert await staying.stop() == 128 + signal.SIGTERM


def test_several_accounts_each_go_into_a_directory_of_their_own(user, dovecot):
    home, work = (voyage_of(user, dovecot.account()) for _ in range(2))
    home.deliver(message(1))
    work.deliver(message(2), message(3))
    second = offlineimaprc(work.account).replace("MyMail", "Work").split("\n\n", 1)[1]
    text = offlineimaprc(home.account, general="maxsyncaccounts = 5").replace("= MyMail\n", "= MyMail, Work\n", 1)
    user.write("rc", f"{text}\n{second}")
    out = sync(user).assert_in_sync().out
    assert "MyMail: in step, 1 folder, 1 new" in out and "Work: in step, 1 folder, 2 new" in out
    assert user.folders() == {"INBOX": 1}
    assert len(list((user.home / "Work" / "INBOX" / "new").iterdir())) == 2
    assert sync(user).out.count("nothing new") == 2
    assert "Work" not in sync(user, "-a", "MyMail").out


def test_two_accounts_in_one_directory_are_refused(user, dovecot):
    account = dovecot.account()
    second = offlineimaprc(account).replace("MyMail", "Work").replace("~/Work", "~/MyMail").split("\n\n", 1)[1]
    user.write("rc", offlineimaprc(account).replace("= MyMail\n", "= MyMail, Work\n", 1) + second)
    ran = sync(user)
    assert ran.code == 2 and "Repository WorkLocal.localfolders" in ran.err and "account MyMail" in ran.err
    assert user.everything() == {"rc"}


def test_the_options_that_boost_performance_are_accepted(user, dovecot):
    voyage = voyage_of(user, dovecot.account())
    voyage.create(*FOLDERS)
    boost = "maxconnections = 3\nholdconnectionopen = true\nkeepalive = 60"
    configure(user, voyage.account, general="maxsyncaccounts = 5", account="autorefresh = 5", remote=boost)
    sync(user, "-o").assert_in_sync()
    assert len(user.folders()) == 1 + len(FOLDERS)


@pytest.mark.parametrize(
    ("face", "talks"),
    [
        ("Noninteractive.Basic", True),
        ("TTY.TTYUI", True),
        ("Noninteractive.Quiet", False),
        ("Tk.Blinkenlights, Curses.Blinkenlights,\n  TTY.TTYUI", True),
    ],
)
def test_the_names_of_faces_are_understood(user, dovecot, face, talks):
    account = dovecot.account()
    configure(user, account, general=f"ui = {face}")
    assert bool(sync(user).assert_in_sync().out) == talks
    if face.startswith("Noninteractive"):
        configure(user, account)
        assert bool(sync(user, "-u", face).assert_in_sync().out) == talks


def test_a_face_that_needs_a_terminal_says_so_where_there_is_none(user, dovecot):
    configure(user, dovecot.account(), general="ui = Curses.Blinkenlights")
    ran = sync(user)
    assert (ran.code, ran.out) == (2, "")
    assert "blinkenlights: standard output is no terminal" in ran.err
    assert sync(user, "-u", "basic").assert_in_sync().out


@pytest.mark.parametrize(
    ("rule", "left_out"),
    [
        (IN_A_LIST, {"Spam", "Junk", "Trash", "Trash-2025", "Deleted Items", "Modelling"}),
        (NOT_IN_A_LIST, {"Spam", "Junk"}),
        (NOT_LIKE, {"Trash", "Deleted Items"}),
    ],
)
def test_folderfilter_selects_folders(user, dovecot, rule, left_out):
    voyage = voyage_of(user, dovecot.account())
    voyage.create(*FOLDERS)
    configure(user, voyage.account, remote=rule)
    sync(user).assert_in_sync()
    assert user.folders().keys() == {"INBOX", *FOLDERS} - left_out
    assert_the_next_run_does_nothing(user)
    listed = user.run("folders", "-c", "rc").assert_in_sync().out
    assert {line.split("  --  ")[0].strip() for line in listed.splitlines() if "left alone" in line} == left_out


def there_and_back(user: User, voyage: Voyage) -> None:
    """Folders arrive without `INBOX.`, one made here is made there below `INBOX.`, and the third run does nothing."""
    voyage.create("INBOX.Sent", "INBOX.Work.Boats")
    voyage.deliver(message(1))
    voyage.deliver(message(2), message(3), folder="INBOX.Work.Boats")
    configure(user, voyage.account, remote=WITHOUT_INBOX)
    sync(user).assert_in_sync()
    assert user.folders() == {"INBOX": 1, "Sent": 0, "Work.Boats": 2}
    user.drop(message(4), "Harbour.Fees")
    ran = sync(user).assert_in_sync()
    assert "INBOX.Harbour.Fees: created on the server" in ran.out, "as the server and the rules spell it"
    assert "nothing new" in sync(user, "-f", "INBOX.Harbour.Fees").out, "what was shown can be asked for"
    assert "INBOX.Work.Boats" in user.run("folders", "-c", "rc").out
    assert "INBOX.Harbour.Fees" in voyage.server_folders()
    assert len(voyage.on_server("INBOX.Harbour.Fees")) == 1
    assert_the_next_run_does_nothing(user)


def test_nametrans_takes_the_prefix_off_the_folders_of_courier(user, courier):
    there_and_back(user, voyage_of(user, courier.account()))


def test_nametrans_takes_the_prefix_off_the_folders_of_dovecot(user, prefixed):
    there_and_back(user, voyage_of(user, prefixed.account()))


def test_folderfilter_sees_names_before_nametrans(user, prefixed):
    voyage = voyage_of(user, prefixed.account())
    voyage.create("INBOX.Spam", "INBOX.Sent")
    rule = "folderfilter = lambda foldername: foldername not in ['INBOX.Spam', 'Sent']"
    configure(user, voyage.account, remote=f"{WITHOUT_INBOX}\n{rule}")
    sync(user).assert_in_sync()
    assert user.folders() == {"INBOX": 0, "Sent": 0}


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("lambda foldername: re.sub('^INBOX', '', foldername)", ["INBOX", "empty"]),
        ("lambda foldername: foldername.replace('Trash-2025', 'Trash')", ["Trash-2025", "Trash"]),
        ("lambda foldername: foldername.lower() if foldername != 'INBOX' else 'spam'", ["INBOX", "Spam", "spam"]),
        ("lambda foldername: '../../' + foldername", ["INBOX", "../../INBOX"]),
        ("lambda foldername: foldername.replace('Work', '/tmp')", ["Work", "/tmp"]),
        ("lambda foldername: foldername[100]", ["INBOX", "IndexError"]),
    ],
)
def test_nametrans_that_loses_or_mixes_folders_is_refused_with_their_names(user, dovecot, rule, names):
    voyage = voyage_of(user, dovecot.account())
    voyage.create(*FOLDERS)
    voyage.deliver(message(1))
    configure(user, voyage.account, remote=f"nametrans = {rule}")
    before = voyage.server_folders(), voyage.on_server()
    for words in ((), ("--dry-run",)):
        ran = sync(user, *words)
        assert ran.code == 2, ran
        assert all(name in ran.err for name in names), ran.err
        assert not user.folders() and not user.mail.exists()
    checked = user.run("check", "-c", "rc")
    assert checked.code == 2 and all(name in checked.out for name in names), checked.out
    assert (voyage.server_folders(), voyage.on_server()) == before


def test_a_folder_that_would_come_back_under_another_name_is_refused_before_it_is_made(user, dovecot):
    """The rule cannot be turned round for a folder made here: the copy on the server would make a third one."""
    voyage = voyage_of(user, dovecot.account())
    voyage.create("Work")
    rule = "nametrans = lambda foldername: foldername if foldername == 'INBOX' else 'Remote ' + foldername"
    configure(user, voyage.account, remote=rule)
    sync(user).assert_in_sync()
    user.drop(message(1), "Harbour")
    before = user.everything(), voyage.server_folders()
    ran = sync(user)
    assert ran.code == 2 and "Harbour" in ran.err and "Remote Harbour" in ran.err, ran.err
    assert (user.everything(), voyage.server_folders()) == before
    back = "nametrans = lambda foldername: re.sub('^Remote ', '', foldername)"
    configure(user, voyage.account, remote=rule, local=back)
    assert sync(user).code == 2, "its way back leads to another folder still"


HELPERS = """
import os

PASSWORDS = {"MyMail": os.environ["POSTBOAT_TEST_WORD"]}

def password_of(account):
    return PASSWORDS[account]

def wanted(folder):
    return not folder.startswith("Trash") and folder != "Junk"

def translated(folder):
    return "Post/" + folder if folder != "INBOX" else folder

def untranslated(folder):
    return folder.removeprefix("Post/")

def spam_last(one, other):
    return cmp((one == "Post/Spam", one), (other == "Post/Spam", other))

def cmp(one, other):
    return (one > other) - (one < other)
"""


def test_helpers_of_the_pythonfile_serve_every_option_that_is_python(user, dovecot):
    voyage = voyage_of(user, dovecot.account())
    voyage.create(*FOLDERS)
    user.write("helpers.py", HELPERS)
    rules = (
        "remotepasseval = password_of('MyMail')\nfolderfilter = wanted\nnametrans = translated\n"
        "folderincludes = ['Junk']\nfoldersort = spam_last\nmaxconnections = 1"
    )
    configure(user, voyage.account, general="pythonfile = ~/helpers.py", local="nametrans = untranslated", remote=rules)
    ran = user.run("-c", "rc", env={"POSTBOAT_TEST_WORD": voyage.account.password}).assert_in_sync()
    assert user.folders().keys() == {
        "INBOX",
        *(f"Post.{name}" for name in FOLDERS if not name.startswith("Trash")),
    }
    created = [line.split(":")[0] for line in ran.out.splitlines() if "created locally" in line]
    assert created[-1] == "Spam" and "Junk" in created
    refused = user.run("-c", "rc", env={"POSTBOAT_TEST_WORD": "wrong"})
    assert refused.code == 5 and "wrong" not in refused.err.replace("wrong user", "")


def test_options_that_are_not_known_are_warned_about_by_name(user, dovecot):
    configure(user, dovecot.account(), remote="sslverison = tls1_2\nsingleimapconnection = yes", account="maxsize = 9")
    ran = sync(user)
    assert ran.code == 0
    for option in ("sslverison", "singleimapconnection", "maxsize"):
        assert sum(option in line and line.startswith("rc:") for line in ran.err.splitlines()) == 1, ran.err
