"""Faces that write lines, as programs of their own: who is asked for a password, by whom, and what is said otherwise."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.real.user import User, offlineimaprc
from tests.real.voyage import Voyage, message

if TYPE_CHECKING:
    from tests.servers.process import Account

pytestmark = pytest.mark.real

SOURCES = ("remotepass", "remotepassfile", "remotepasseval", "netrc", "user interface that asks")
"""What could supply a password that nobody can be asked for."""


@pytest.fixture
def user(tmp_path) -> User:
    return User(tmp_path / "home")


@pytest.fixture
def account(user, dovecot) -> Account:
    """Two folders and three messages, and a configuration that does not know the password."""
    voyage = Voyage(user.home / "unused", dovecot.account())
    voyage.create("Büro")
    voyage.deliver(message(1), message(2))
    voyage.deliver(message(3), folder="Büro")
    user.write("rc", "\n".join(line for line in offlineimaprc(voyage.account).splitlines() if "remotepass" not in line))
    return voyage.account


@pytest.mark.parametrize("face", ["tty", "basic", "quiet", "jsonl", "machineui"])
def test_where_nobody_can_be_asked_each_face_says_once_what_would_supply_a_password(user, account, face):
    ran = user.run("-c", "rc", "-u", face)
    assert ran.code == 5
    said = (ran.out + ran.err).replace("+", " ")
    assert said.count("no password") == 1
    assert [source for source in SOURCES if source not in said] == []


@pytest.mark.parametrize("face", ["basic", "quiet", "jsonl"])
def test_a_face_that_asks_nothing_does_not_ask_on_a_terminal_either(user, account, face):
    with user.at_terminal("-c", "rc", "-u", face) as terminal:
        assert terminal.wait() == 5
    assert "Password for" not in terminal.text
    assert "remotepassfile" in terminal.text


def test_a_service_is_told_of_credentials_and_takes_one(user, account):
    unit = {"INVOCATION_ID": "0" * 32}
    ran = user.run("-c", "rc", "-u", "basic", env=unit)
    assert ran.code == 5 and "credential postboat.MyMail (LoadCredential=)" in ran.err
    user.write("credentials/postboat.MyMail", f"{account.password}\n")
    given = unit | {"CREDENTIALS_DIRECTORY": str(user.home / "credentials")}
    assert user.run("-c", "rc", "-u", "basic", env=given).code == 0


def test_a_program_is_asked_by_the_protocol_and_answers_by_a_line(user, account):
    with user.start("-c", "rc", "-u", "Machine.MachineUI", stdin=subprocess.PIPE) as process:
        out, err = process.communicate(f"mistyped-word\n{account.password}\n", timeout=60)
    lines = out.splitlines()
    asked = [line.split(":")[1] for line in lines if ":getpass" in line]
    assert (process.returncode, err, asked) == (0, "", ["getpass", "getpasserror", "getpass"])
    assert f"msg:getpass:Account+sync+MyMail:{account.user}" in lines
    assert f"msg:connecting:Account+sync+MyMail:{account.host}%0A{account.port}%0AMyMailRemote" in lines
    assert sum(":copyingmessage:" in line for line in lines) == 3
    assert lines[-1] == "msg:terminate:MainThread:0%0A%0A"
    assert "mistyped" not in out
    assert user.folders() == {"INBOX": 2, "Büro": 1}


def test_when_no_face_can_run_nothing_is_touched_and_every_reason_told(user, account):
    ran = user.run("-c", "rc", "-u", "tk,Curses.Blinkenlights", env={"DISPLAY": ""})
    assert (ran.code, ran.out) == (2, "")
    assert "tk: " in ran.err and "blinkenlights: standard output is no terminal" in ran.err
    assert "Traceback" not in ran.err
    assert not user.mail.exists()


@pytest.mark.parametrize("locale", ["C", "xx_YY.nonsense"])
@pytest.mark.parametrize("face", ["tty", "basic"])
def test_an_odd_locale_breaks_nothing(user, account, face, locale):
    user.write("rc", offlineimaprc(account))
    ran = user.run("-c", "rc", "-u", face, env={"LC_ALL": locale}).assert_in_sync()
    assert "in step, 2 folders, 3 new" in ran.out
