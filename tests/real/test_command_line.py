"""The command line as scripts and people meet it: exit codes, output, signals, terminals, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.real.user import PROGRAM, Ran, User, offlineimaprc
from tests.real.voyage import Voyage, message
from tests.servers.process import free_port

from postboat import __version__

if TYPE_CHECKING:
    from tests.servers.dovecot import DovecotServer

pytestmark = pytest.mark.real

MANY = 300
CLEAN_STOP = 5.0


@pytest.fixture
def user(tmp_path) -> User:
    return User(tmp_path / "home")


@pytest.fixture
def voyage(user, dovecot) -> Voyage:
    """An account of two folders and four messages, configured as ~/.offlineimaprc."""
    voyage = Voyage(user.home / "unused", dovecot.account())
    voyage.create("Work")
    voyage.deliver(*map(message, range(3)))
    voyage.deliver(message(9), folder="Work")
    user.write(".offlineimaprc", offlineimaprc(voyage.account))
    return voyage


@pytest.fixture
def many(user, dovecot) -> Voyage:
    """An account of one folder with many messages, each large enough for a sync to take a moment."""
    voyage = Voyage(user.home / "unused", dovecot.account())
    fill(dovecot, voyage)
    user.write(".offlineimaprc", offlineimaprc(voyage.account))
    return voyage


def fill(dovecot: DovecotServer, voyage: Voyage) -> None:
    """Put many messages into the server's own Maildir, which is quicker than to deliver them."""
    with voyage.phone("INBOX"):
        pass
    root = dovecot.maildir_path(voyage.account.user)
    for number in range(MANY):
        (root / "new" / f"{number:06}.test").write_bytes(message(number, size=60_000))
    dovecot.own(root / "new")


# --- exit codes ---------------------------------------------------------------------------------------------------


def test_0_when_both_sides_agree(user, voyage):
    assert "4 new" in user.run().assert_in_sync().out
    assert "nothing new" in user.run("sync").assert_in_sync().out


@pytest.mark.parametrize("words", [["nonsense"], ["--nonsense"], ["-u"], ["-d", "nonsense"]])
def test_2_when_the_command_line_is_wrong(user, words):
    ran = user.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert "Traceback" not in ran.err and words[-1] in ran.err


def test_2_without_a_configuration_saying_where_it_was_looked_for_and_what_to_do(user):
    ran = user.run()
    assert ran.code == 2
    assert all(text in ran.err for text in (".config/postboat/config.toml", ".offlineimaprc", "config.example.toml"))
    assert not user.everything()


def test_3_when_a_message_cannot_be_synced_and_the_rest_is(user, voyage):
    user.run().assert_in_sync()
    user.drop(b"Subject: nul\n\nbefore\0after\n", name="1.nul")
    user.drop(message(50), name="2.good")
    ran = user.run()
    assert ran.code == 3
    assert "NUL" in ran.err and "1.nul" in ran.err
    assert "1 message failed" in ran.out
    assert len(voyage.on_server()) == 4


def test_4_when_nobody_listens(user, voyage):
    port = free_port()
    for words in ([], ["check"], ["folders"], ["--dry-run"]):
        ran = user.run(*words, "-k", f"Repository MyMailRemote:remoteport={port}")
        assert ran.code == 4
        assert f"127.0.0.1:{port}" in ran.out + ran.err and "refused" in ran.out + ran.err


def test_4_when_the_name_is_not_known(user, voyage):
    remote = "Repository MyMailRemote"
    ran = user.run("-k", f"{remote}:remotehost=no-such-host.invalid", "-k", f"{remote}:starttls=yes")
    assert ran.code == 4 and "no-such-host.invalid" in ran.err and "not known" in ran.err


def test_5_when_the_password_is_wrong(user, voyage):
    ran = user.run("-k", "Repository MyMailRemote:remotepass=mistyped")
    assert ran.code == 5 and "mistyped" not in ran.err and "Authentication failed" in ran.err


def test_7_while_another_run_works_on_the_account(user, many):
    with stopped(user):
        ran = user.run()
        assert ran.code == 7 and "another run" in ran.err and ran.err.count("--wait") == 1
        assert user.run("--dry-run").code == 0, "looking is allowed"


def test_wait_waits_for_the_other_run(user, many):
    with stopped(user) as first:
        second = user.start("--wait", "-o")
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(1.0)
        first.send_signal(signal.SIGCONT)
        out, err = second.communicate(timeout=60)
        assert (second.returncode, err) == (0, "")
        assert "nothing new" in out
        first.communicate(timeout=10)
        assert first.returncode == 0
    assert user.folders() == {"INBOX": MANY}


class stopped:
    """A run in the middle of its work that stands still, so that tests have all the time they want."""

    def __init__(self, user: User, *words: str) -> None:
        self.user, self.words = user, words

    def __enter__(self) -> subprocess.Popen[str]:
        self.process = self.user.start(*self.words)
        wait_for_mail(self.user, self.process)
        self.process.send_signal(signal.SIGSTOP)
        return self.process

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def wait_for_mail(user: User, process: subprocess.Popen[str], least: int = 1) -> None:
    """Return when `least` messages are on disk, in tmp/ or further."""
    deadline = time.monotonic() + 30
    inbox = user.mail / "INBOX"
    while sum(len(os.listdir(inbox / part)) for part in ("tmp", "new", "cur") if (inbox / part).is_dir()) < least:
        assert process.poll() is None and time.monotonic() < deadline, "ended before anything arrived"
        time.sleep(0.005)


# --- looking without touching -------------------------------------------------------------------------------------


def test_version_and_help(user):
    assert user.run("--version").assert_in_sync().out == f"postboat {__version__}\n"
    for words in (
        ["--help"],
        ["sync", "--help"],
        ["check", "-h"],
        ["folders", "-h"],
        ["confirm", "-h"],
        ["restore", "-h"],
    ):
        told = user.run(*words).assert_in_sync().out
        assert told.startswith("usage: postboat") and "--config" in told and "exit codes" in told
        assert max(map(len, told.splitlines())) <= 80
    assert not user.everything()


@pytest.mark.parametrize("words", [["--dry-run"], ["--dry-run", "--json"], ["check"], ["folders"], ["restore"]])
def test_looking_at_a_new_account_writes_nothing_anywhere(user, voyage, words):
    before = voyage.on_server(), voyage.server_folders()
    xdg = {f"XDG_{kind}_HOME": str(user.home / kind.lower()) for kind in ("STATE", "DATA", "CACHE", "CONFIG")}
    for env in ({}, xdg, {"XDG_RUNTIME_DIR": str(user.home / "runtime")}):
        assert user.run(*words, env=env).code == 0
    assert user.everything() == {".offlineimaprc"}
    assert (voyage.on_server(), voyage.server_folders()) == before


def test_a_dry_run_says_what_a_sync_then_does(user, voyage):
    told = user.run("--dry-run").assert_in_sync().out
    assert "INBOX: would be created locally" in told
    assert "INBOX: would copy 3 to local" in told and "Work: would copy 1 to local" in told
    assert told.splitlines()[-1].startswith("MyMail: dry run, nothing was changed: 2 folders, 4 new")
    user.run().assert_in_sync()
    for path in sorted((user.mail / "INBOX" / "new").iterdir())[:1]:
        path.unlink()
    user.drop(message(77), "Harbour")
    told = user.run("--dry-run").assert_in_sync().out
    assert "Harbour: would be created on the server" in told and "Harbour: would copy 1 to remote" in told
    assert "INBOX: would delete 1 on the server" in told
    assert len(voyage.on_server()) == 3 and "Harbour" not in voyage.server_folders()


def test_a_dry_run_as_json_tells_each_operation(user, voyage):
    events = jsonl(user.run("--dry-run", "--json").assert_in_sync())
    plans = {event["folder"]: event["operations"] for event in events if event["event"] == "PlanShown"}
    assert {name: len(operations) for name, operations in plans.items()} == {"INBOX": 3, "Work": 1}
    assert all(operation["do"] == "copy" for operation in plans["INBOX"])
    assert events[-1] == {"event": "RunFinished", "time": events[-1]["time"], "exit_code": 0}


def test_check_shows_the_way_to_the_server_and_the_folders(user, voyage):
    told = user.run("check").assert_in_sync().out
    assert told.startswith("MyMail: all right\n")
    for text in (f"{voyage.account.host}:{voyage.account.port}", "plain text", "QRESYNC", "2 to sync"):
        assert text in told
    assert "INBOX  ->  INBOX  (3 messages, would be created" in told
    (report,) = jsonl(user.run("check", "--json"))
    assert [folder["messages"] for folder in report["folders"]] == [3, 1]


def test_folders_lists_both_names_and_what_is_left_alone(user, voyage):
    more = "exclude = Work\nstrip_prefix = Lists/"
    user.write(".offlineimaprc", offlineimaprc(voyage.account, remote=more))
    voyage.create("Lists/Boats")
    told = user.run("folders").assert_in_sync().out
    assert "Lists/Boats  ->  Boats" in told and "Work         --  left alone: the folder rules" in told
    rows = jsonl(user.run("folders", "--json"))
    assert {(row["remote"], row["synced"]) for row in rows} == {("INBOX", True), ("Lists/Boats", True), ("Work", False)}


def jsonl(ran: Ran) -> list[dict]:
    return [json.loads(line) for line in ran.out.splitlines()]


# --- faces and options --------------------------------------------------------------------------------------------


def test_quiet_is_quiet_when_all_is_well_and_speaks_up_when_it_is_not(user, voyage):
    assert user.run("-u", "quiet").assert_in_sync().out == ""
    ran = user.run("-u", "quiet", "-k", "Repository MyMailRemote:remotepass=wrong")
    assert (ran.code, ran.out) == (5, "") and "MyMail: not synced" in ran.err


def test_basic_tells_what_happens_without_control_characters(user, voyage):
    told = user.run("-u", "basic").assert_in_sync().out.splitlines()
    assert told[0] == f"MyMail: connected to {voyage.account.host}:{voyage.account.port} as {voyage.account.user}"
    assert "INBOX: 3 new (↓3)" in told and "Work: 1 new (↓1)" in told
    assert told[-1].startswith("MyMail: in step, 2 folders, 4 new (↓4)")
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize("words", [["--json"], ["-u", "jsonl"]])
def test_every_line_of_json_is_an_event(user, voyage, words):
    events = jsonl(user.run(*words).assert_in_sync())
    assert {"AccountStarted", "AccountConnected", "FolderFinished", "AccountFinished"} <= {e["event"] for e in events}
    (account,) = (event for event in events if event["event"] == "AccountFinished")
    assert account["done"]["down"] == 4 and events[-1]["exit_code"] == 0


def test_a_log_file_is_appended_to_beside_any_face(user, voyage):
    for _ in range(2):
        assert user.run("-u", "quiet", "-l", "~/log").assert_in_sync().out == ""
    log = (user.home / "log").read_text().splitlines()
    assert sum("MyMail: in step" in line for line in log) == 2 and "4 new" in "\n".join(log)
    assert all(line[:4].isdigit() for line in log), "each line begins with its time"
    assert user.run("-l", "/no/such/directory/log").code == 2


def test_options_choose_accounts_and_folders_and_set_values_for_one_run(user, voyage):
    user.run("-a", "MyMail", "-f", "Work").assert_in_sync()
    assert user.folders() == {"Work": 1}
    user.run("-k", "Repository_MyMailRemote:include=Work, Wanted").assert_in_sync()
    assert user.folders() == {"Work": 1}
    for words, told in (
        (["-a", "MyMial"], "MyMail"),
        (["-a", "Other"], "MyMail"),
        (["-f", "Wrok"], "Work"),
        (["-f", "Nowhere"], "postboat folders"),
        (["-k", "Repository MyMialRemote:remotepass=x"], "Repository MyMailRemote"),
        (["-a", ""], "-a: needs a name"),
        (["-f", " , "], "-f: needs a name"),
        (["-u", "nonsense"], "there are tty, basic, quiet"),
        (["-k", "no equals sign"], "[section:]option=value"),
        (["-k", "Repository MyMailRemote:maxconnections=0"], "1 or more"),
    ):
        ran = user.run(*words)
        assert ran.code == 2 and told in ran.err, ran
    assert user.folders() == {"Work": 1}


def test_once_is_once_whatever_autorefresh_says(user, voyage):
    user.write(".offlineimaprc", offlineimaprc(voyage.account, account="autorefresh = 1"))
    assert user.run("-o").assert_in_sync()


WRONG = """\
[general]
accounts = ["A", "B"]
maxsyncaccounts = 0

[account.A]
localrepository = "Local"
remoterepository = "Remot"

[account.C]
localrepository = "Local"

[repository.Local]
type = "Maildir"

[repository.Remote]
type = "IMAPS"
remoteuser = "me"
ssl = "perhaps"
maxconnectoins = 3
folderfilter = "lambda name: name in ["
"""


def test_every_mistake_of_a_configuration_is_told_at_once_with_its_line(user):
    user.write("c.toml", WRONG)
    ran = user.run("-c", "c.toml")
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    for start, words in {
        "c.toml:2: general.accounts: ": "B",
        "c.toml:3: general.maxsyncaccounts: ": "1 or more",
        "c.toml:7: account.A.remoterepository: ": "did you mean Remote?",
        "c.toml:12: repository.Local.localfolders: ": "write localfolders",
    }.items():
        (line,) = (line for line in lines if line.startswith(start))
        assert words in line, line
    assert all(line.startswith("c.toml:") for line in lines)
    assert user.everything() == {"c.toml"}
    user.write("c.toml", WRONG.replace('"Remot"', '"Remote"'))
    told = user.run("-c", "c.toml").err
    for start in ("16: repository.Remote.type", "18: repository.Remote.ssl", "20: repository.Remote.folderfilter"):
        assert f"c.toml:{start}: " in told, told


# --- being stopped ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_ends_cleanly_and_the_next_one_completes_it(user, many, number, code):
    process = user.start()
    wait_for_mail(user, process)
    process.send_signal(number)
    began = time.monotonic()
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < CLEAN_STOP
    assert process.returncode == code, (out, err)
    assert err == f"postboat: stopped by {number.name}\n"
    assert "MyMail: stopped" in out.splitlines()[-1]
    assert sum(user.folders().values()) < MANY, "the stop came in the middle"
    user.run().assert_in_sync()
    assert user.folders() == {"INBOX": MANY}
    assert not list((user.mail / "INBOX" / "tmp").iterdir())
    assert "nothing new" in user.run().assert_in_sync().out
    assert len(voyage_digests(user)) == MANY, "none twice"


def voyage_digests(user: User) -> set[bytes]:
    inbox = user.mail / "INBOX"
    return {file.read_bytes() for part in ("new", "cur") for file in (inbox / part).iterdir()}


def test_a_second_interrupt_ends_it_at_once(user, many):
    with stopped(user) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=CLEAN_STOP)
        assert process.returncode in (-signal.SIGINT, -signal.SIGTERM, 130, 143)
    user.run().assert_in_sync()
    assert user.folders() == {"INBOX": MANY}


WAITING_FOR = {
    "a server that says nothing": "remoteport={port}",
    "a tunnel": "preauthtunnel=echo $$ > started; exec sleep 1000",
    "a tunnel that does not listen to signals": "preauthtunnel=trap '' TERM; echo $$ > started; sleep 1000; sleep 1000",
    "Python": "remotepasseval=[open('started', 'w').write('0'), __import__('time').sleep(1000)]",
}


@pytest.mark.parametrize("what", WAITING_FOR)
def test_a_run_that_waits_is_stopped_as_well_and_leaves_nothing_running(user, voyage, what):
    with ExitStack() as open_until_the_end:
        silent = open_until_the_end.enter_context(socket.create_server(("127.0.0.1", 0)))
        option = WAITING_FOR[what].format(port=silent.getsockname()[1])
        process = user.start("-k", f"Repository MyMailRemote:{option}")
        if "{port}" in WAITING_FOR[what]:
            open_until_the_end.enter_context(silent.accept()[0])
            left = 0
        else:
            left = int(content_of(user.home / "started"))
        process.terminate()
        out, err = process.communicate(timeout=CLEAN_STOP)
    assert (process.returncode, out, err) == (
        *(143, "MyMail: stopped, nothing finished yet\n"),
        "postboat: stopped by SIGTERM\n",
    )
    assert not left or not is_running(left)


def content_of(path: Path) -> str:
    """What a file holds once it is there and written."""
    deadline = time.monotonic() + 30
    while not (path.is_file() and path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text()


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()


def test_an_output_that_nobody_reads_to_its_end_stops_no_sync(user, voyage):
    for words in ("", "--json", "check", "folders"):
        line = f"{' '.join(PROGRAM)} {words} 2>err | head -1"
        done = subprocess.run(line, shell=True, cwd=user.home, env=user.environment, capture_output=True, check=True)
        assert done.stdout.count(b"\n") == 1
        assert (user.home / "err").read_text() == ""
    assert user.folders() == {"INBOX": 3, "Work": 1}
    assert "nothing new" in user.run().out


def test_closed_streams_stop_no_sync(user, voyage):
    line = f"{' '.join(PROGRAM)} <&- >&- 2>&-"
    done = subprocess.run(line, shell=True, cwd=user.home, env=user.environment, check=False)
    assert done.returncode == 0
    assert user.folders() == {"INBOX": 3, "Work": 1}


def test_a_full_disk_behind_the_output_stops_no_sync(user, voyage):
    with open("/dev/full", "w") as full:
        assert user.run(stdout=full).code == 0
    assert user.folders() == {"INBOX": 3, "Work": 1}


LOCALES = [
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
]


@pytest.mark.parametrize("env", LOCALES)
def test_a_poor_locale_changes_no_name_on_either_side(user, voyage, env):
    voyage.create("Entwürfe")
    assert user.run(env=env).code == 0
    assert os.fsencode(user.mail / "Entwürfe") in [os.fsencode(path) for path in user.mail.iterdir()]
    for words in ([], ["check"], ["folders"], ["--json"], ["--dry-run"]):
        ran = user.run(*words, env=env)
        assert (ran.code, ran.err) == (0, ""), ran
    assert "nothing new" in user.run().assert_in_sync().out
    assert voyage.server_folders() == {"INBOX", "Work", "Entwürfe"}


# --- at a terminal ------------------------------------------------------------------------------------------------


def test_a_terminal_shows_the_work_and_in_the_end_only_the_summary(user, many):
    with user.at_terminal() as terminal:
        assert terminal.wait() == 0
        assert "\x1b[" in terminal.text
        first, *rest = terminal.screen
        assert first.startswith("MyMail: in step, 1 folder, 300 new (↓300)")
        assert rest == ["  INBOX: 300 new (↓300)", "  created locally: INBOX"]
    with user.at_terminal() as terminal:
        assert terminal.wait() == 0
        (only,) = terminal.screen
        assert only.startswith("MyMail: in step, 1 folder, nothing new")


def test_work_under_way_is_seen_at_the_terminal(user, many):
    with user.at_terminal() as terminal:
        terminal.wait_for("INBOX")
        assert terminal.wait() == 0
        assert "300" in terminal.text


def test_ctrl_c_at_a_terminal_leaves_one_line_for_the_account(user, many):
    with user.at_terminal() as terminal:
        terminal.wait_for("INBOX")
        terminal.interrupt()
        assert terminal.wait() == 130
        rows = [row for row in terminal.screen if row.strip("^C")]
        assert any(row.lstrip("^C").startswith("MyMail: stopped") for row in rows), rows
        assert rows[-1].startswith("postboat: stopped by SIGINT")
        assert not any("/300" in row for row in rows)
    assert user.run("-o").code == 0


def test_no_color_and_a_dumb_terminal_are_respected(user, voyage):
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with user.at_terminal("-o", env=env) as terminal:
            assert terminal.wait() == 0
            assert not re.search(r"\x1b\[(1|3\d)m", terminal.text), "no bold, no colour"
            assert "TERM" not in env or "\x1b" not in terminal.text


def test_trouble_stays_on_the_terminal_above_the_summary(user, voyage):
    with user.at_terminal("-k", "Repository MyMailRemote:remotepass=wrong") as terminal:
        assert terminal.wait() == 5
        text = "\n".join(terminal.screen)
        assert "Authentication failed" in text and "remoteuser" in text
        assert text.count("Authentication failed") == 1
