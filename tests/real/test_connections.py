"""Ways to a server: TLS and whom it trusts, signing in, tunnels, where passwords come from, how many connections."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shlex
import ssl
import sys
from base64 import b64encode
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.real.user import Ran, User, offlineimaprc
from tests.real.voyage import Voyage, message
from tests.servers.dovecot import DovecotServer
from tests.servers.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.process import Account

pytestmark = pytest.mark.real

LONG_PASSWORD = "correct-horse-battery"
"""A password that cannot stand in a log by chance."""
RELAY = """
import os, select, socket, sys
server = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while True:
    for ready in select.select([0, server], [], [])[0]:
        data = os.read(0, 65536) if ready == 0 else server.recv(65536)
        if not data:
            sys.exit()
        server.sendall(data) if ready == 0 else os.write(1, data)
"""
"""What `nc` does, for machines that do not have it."""


@pytest.fixture
def user(tmp_path) -> User:
    return User(tmp_path / "home")


@pytest.fixture
def voyage(user, dovecot) -> Voyage:
    """An account of three messages, as another client sees it."""
    voyage = Voyage(user.home / "unused", dovecot.account())
    voyage.deliver(*map(message, range(3)))
    return voyage


@pytest.fixture(scope="module")
def guarded() -> Iterator[DovecotServer]:
    """Return a Dovecot whose accounts have `LONG_PASSWORD`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.servers.dovecot.PASSWORD", LONG_PASSWORD)
        server = DovecotServer()
    account = server.account
    server.account = lambda: replace(account(), password=LONG_PASSWORD)  # type: ignore[method-assign]
    with server:
        yield server


def sync(user: User, account: Account, remote: str = "", *words: str, **options: str) -> Ran:
    user.write("rc", offlineimaprc(account, remote=remote, **options))
    return user.run("-c", "rc", *words)


def over_tls(account: Account, remote: str = "", host: str = "localhost") -> tuple[Account, str]:
    """The account at its TLS port, and the options for it."""
    assert account.tls_port
    return replace(account, port=account.tls_port, host=host), f"ssl = yes\n{remote}"


def sync_over_tls(user: User, account: Account, remote: str = "", *words: str, host: str = "localhost") -> Ran:
    at, options = over_tls(account, remote, host)
    text = offlineimaprc(at, remote=options).replace("ssl = no\nstarttls = no\n", "")
    user.write("rc", text)
    return user.run("-c", "rc", *words)


def fingerprint(account: Account, algorithm: str = "sha256") -> str:
    pem = ssl.get_server_certificate((account.host, account.tls_port))
    return hashlib.new(algorithm, ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


# --- TLS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_signed_by_a_named_authority_is_trusted(user, voyage, host):
    account = voyage.account
    assert "3 new" in sync_over_tls(user, account, f"sslcacertfile = {account.ca}", host=host).assert_in_sync().out
    told = user.run("check", "-c", "rc").assert_in_sync().out
    assert "TLSv1.3" in told and fingerprint(account) in told.replace(":", "").lower()


def assert_refused(user: User, ran: Ran) -> None:
    """No message came, and the sign-in was not even tried."""
    assert ran.code == 4, ran
    assert user.folders() == {}
    assert "password" not in ran.err


def test_an_untrusted_server_is_refused_and_its_fingerprint_shown(user, voyage):
    ran = sync_over_tls(user, voyage.account)
    assert_refused(user, ran)
    pin = f'cert_fingerprint = "{fingerprint(voyage.account)}"'
    assert "not trusted" in ran.err and "sslcacertfile" in ran.err and fingerprint(voyage.account) in ran.err
    checked = user.run("check", "-c", "rc")
    assert checked.code == 4 and fingerprint(voyage.account) in checked.out
    assert "3 new" in sync_over_tls(user, voyage.account, pin.replace('"', "")).assert_in_sync().out


def test_what_the_refusal_proposes_can_be_copied_into_the_file(user, voyage):
    ran = sync_over_tls(user, voyage.account)
    (proposed,) = (part for part in ran.err.split(" or trust this one certificate: ")[1:])
    assert "3 new" in sync_over_tls(user, voyage.account, proposed.splitlines()[0]).assert_in_sync().out


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_a_pinned_certificate_is_trusted_in_any_notation(user, voyage, algorithm):
    pin = fingerprint(voyage.account, algorithm)
    pairs = ":".join(pin[at : at + 2] for at in range(0, len(pin), 2)).upper()
    for notation in (pin, pairs, f"{'00' * 32}, {pin}"):
        sync_over_tls(user, voyage.account, f"cert_fingerprint = {notation}").assert_in_sync()


def test_another_certificate_than_the_pinned_one_is_refused(user, voyage):
    ran = sync_over_tls(user, voyage.account, f"cert_fingerprint = {'ab' * 32}\nsslcacertfile = {voyage.account.ca}")
    assert_refused(user, ran)
    assert "cert_fingerprint" in ran.err and fingerprint(voyage.account) in ran.err


def test_a_certificate_for_another_host_is_refused(user, voyage):
    ran = sync_over_tls(user, voyage.account, f"sslcacertfile = {voyage.account.ca}", host="127.1")
    assert_refused(user, ran)
    assert "127.1" in ran.err and "mismatch" in ran.err.lower()


def test_tls_at_a_plain_port_says_what_may_be_wrong(user, voyage):
    text = offlineimaprc(voyage.account, remote="ssl = yes").replace("ssl = no\nstarttls = no\n", "")
    user.write("rc", text)
    ran = user.run("-c", "rc")
    assert ran.code == 4 and "ssl" in ran.err and f"{voyage.account.port}" in ran.err


def starttls(user: User, account: Account, remote: str = "", *words: str) -> Ran:
    user.write("rc", offlineimaprc(account, remote=remote).replace("starttls = no", "starttls = yes"))
    return user.run(*words, "-c", "rc")


def test_starttls_is_used_where_it_is_offered(user, voyage):
    assert "3 new" in starttls(user, voyage.account).assert_in_sync().out
    assert "TLSv1.3" in starttls(user, voyage.account, "", "check").out
    trusting = f"sslcacertfile = {voyage.account.ca}"
    starttls(user, voyage.account, trusting).assert_in_sync()
    wire = starttls(user, voyage.account, trusting, "-d", "imap").err
    assert wire.index("STARTTLS\n") < wire.index("AUTHENTICATE")


def test_starttls_is_verified_against_what_is_configured(user, voyage):
    ran = starttls(user, voyage.account, f"cert_fingerprint = {'ab' * 32}")
    assert_refused(user, ran)
    assert fingerprint(voyage.account) in ran.err


def test_plain_text_is_spoken_on_this_machine_when_asked_for(user, voyage):
    assert "3 new" in sync(user, voyage.account).assert_in_sync().out
    assert "plain text" in user.run("check", "-c", "rc").assert_in_sync().out
    assert "STARTTLS\n" not in sync(user, voyage.account, "", "-d", "imap").err


# --- signing in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mechanism", "command"),
    [("CRAM-MD5", "AUTHENTICATE CRAM-MD5"), ("PLAIN", "AUTHENTICATE PLAIN"), ("LOGIN", "LOGIN")],
)
def test_each_way_to_sign_in_is_used_when_asked_for_and_shows_no_password(user, guarded, mechanism, command):
    account = guarded.account()
    user.write("word", f"{LONG_PASSWORD}\n")
    ran = sync(user, account, f"auth_mechanisms = {mechanism}\nremotepassfile = ~/word", "-d", "all")
    assert ran.code == 0
    sent = re.findall(r" C \w+ (.*)", ran.err)
    assert sent[0].startswith(command), sent[:3]
    told = ran.out + ran.err
    for secret in (LONG_PASSWORD, f"\0{account.user}\0{LONG_PASSWORD}", f"{account.user}\0{LONG_PASSWORD}"):
        assert secret not in told
        assert b64encode(secret.encode()).decode().rstrip("=") not in told


def test_no_log_file_holds_the_password(user, guarded):
    remote = f"auth_mechanisms = PLAIN\nremotepass = {LONG_PASSWORD}"
    assert sync(user, guarded.account(), remote, "-d", "all", "-l", "log").code == 0
    log = (user.home / "log").read_text()
    assert "AUTHENTICATE PLAIN" in log and LONG_PASSWORD not in log


def test_a_way_to_sign_in_that_the_server_lacks_is_told_with_what_it_has(user, voyage):
    with DovecotServer(extra="auth_mechanisms = plain") as server:
        ran = sync(user, server.account(), "auth_mechanisms = CRAM-MD5")
    assert ran.code == 5
    assert all(name in ran.err for name in ("CRAM-MD5", "PLAIN", "LOGIN", "auth_mechanisms")), ran.err
    unknown = sync(user, voyage.account, "auth_mechanisms = SCRAM-SHA-1")
    assert unknown.code == 2 and "SCRAM-SHA-1" in unknown.err and "CRAM-MD5" in unknown.err


def test_a_refused_password_is_told_in_the_servers_words_and_tried_once(user, guarded):
    before = guarded.log()
    ran = sync(user, account := guarded.account(), f"remotepass = not-{LONG_PASSWORD}-at-all\nmaxconnections = 3")
    assert ran.code == 5 and "Authentication failed" in ran.err and account.user in ran.err
    assert "not-" not in ran.err and user.folders() == {}
    tried = [line for line in guarded.log()[len(before) :].splitlines() if f"user=<{account.user}>" in line]
    assert sum("auth failed, 1 attempts" in line for line in tried) == len(tried) == 1, tried


# --- tunnels ------------------------------------------------------------------------------------------------------


def test_preauthtunnel_speaks_to_a_server_that_is_signed_in(user, courier):
    voyage = Voyage(user.home / "unused", courier.account())
    voyage.deliver(message(1))
    text = offlineimaprc(voyage.account, remote=f"preauthtunnel = {courier.tunnel(voyage.account)}")
    user.write("rc", "\n".join(line for line in text.splitlines() if not line.startswith(("remoteh", "remotepo"))))
    assert "1 new" in user.run("-c", "rc").assert_in_sync().out
    assert "nothing new" in user.run("-c", "rc").assert_in_sync().out


def test_transporttunnel_carries_the_bytes_and_signs_in_as_usual(user, voyage):
    relay = user.write("relay.py", RELAY)
    command = shlex.join([sys.executable, str(relay), voyage.account.host, str(voyage.account.port)])
    away = replace(voyage.account, host="mail.example.org", port=1)
    assert "3 new" in sync(user, away, f"transporttunnel = {command}").assert_in_sync().out
    refused = sync(user, away, f"transporttunnel = {command}\nremotepass = wrong")
    assert refused.code == 5


def test_a_tunnel_that_fails_is_told_in_its_own_words(user, voyage):
    ran = sync(user, voyage.account, "transporttunnel = echo no route to harbour >&2; exit 1")
    assert ran.code == 4 and "no route to harbour" in ran.err


# --- where passwords come from ------------------------------------------------------------------------------------


def without(text: str, *options: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith(options))


def test_netrc_gives_the_password_and_the_user_name(user, voyage):
    at = voyage.account
    user.write(".netrc", f"machine example.org login x password y\nmachine {at.host} login {at.user} password pw\n")
    for missing in (("remotepass",), ("remotepass", "remoteuser")):
        user.write("rc", without(offlineimaprc(at), *missing))
        user.run("-c", "rc").assert_in_sync()
    assert user.folders() == {"INBOX": 3}


def test_the_first_line_of_remotepassfile_is_the_password(user, voyage):
    user.write("word", "pw\nnot this one\n")
    assert "3 new" in sync(user, voyage.account, "remotepassfile = ~/word").assert_in_sync().out
    missing = sync(user, voyage.account, "remotepassfile = ~/none")
    assert missing.code in (2, 5) and "remotepassfile" in missing.err and "none" in missing.err


def test_a_password_kept_where_others_can_read_it_is_warned_about(user, voyage):
    user.write("rc", offlineimaprc(voyage.account)).chmod(0o644)
    ran = user.run("-c", "rc")
    assert ran.code == 0 and "chmod 600" in ran.err and "rc" in ran.err


def test_without_any_password_the_options_that_give_one_are_named(user, voyage):
    user.write("rc", without(offlineimaprc(voyage.account), "remotepass"))
    for command in ((), ("check",)):
        ran = user.run(*command, "-c", "rc")
        assert ran.code == 5
        for option in ("remotepass", "remotepassfile", "remotepasseval", "netrc"):
            assert option in ran.out + ran.err, ran


PROMPT = "Password for "


def ask(user: User, account: Account) -> None:
    """A configuration without a password, for three connections that all have work."""
    user.write("rc", without(offlineimaprc(account, remote="maxconnections = 3"), "remotepass"))


def test_the_password_is_asked_for_once_for_all_connections_and_not_shown(user, guarded):
    voyage = Voyage(user.home / "unused", guarded.account())
    voyage.create("A", "B", "C", "D")
    for folder in "ABCD":
        voyage.deliver(*map(message, range(20)), folder=folder)
    ask(user, voyage.account)
    with user.at_terminal("-c", "rc") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type(LONG_PASSWORD)
        assert terminal.wait() == 0
        assert terminal.text.count(PROMPT) == 1
        assert LONG_PASSWORD not in terminal.text
        assert any("in step, 5 folders, 80 new" in row for row in terminal.screen)
        question = terminal.screen[0]
    assert voyage.account.user in question and voyage.account.host in question and "MyMail" in question


def test_after_a_refusal_the_password_is_asked_for_again_with_the_servers_words(user, guarded):
    account = guarded.account()
    ask(user, account)
    with user.at_terminal("-c", "rc") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("mistyped-word")
        terminal.wait_for(PROMPT, times=2)
        assert "Authentication failed" in terminal.text
        terminal.type(LONG_PASSWORD)
        assert terminal.wait() == 0
        assert terminal.text.count(PROMPT) == 2
        assert "mistyped" not in terminal.text and LONG_PASSWORD not in terminal.text
        assert any("MyMail: in step" in row for row in terminal.screen)


def test_three_mistyped_passwords_are_enough(user, guarded):
    ask(user, guarded.account())
    with user.at_terminal("-c", "rc") as terminal:
        for time in range(1, 4):
            terminal.wait_for(PROMPT, times=time)
            terminal.type("mistyped-word")
        assert terminal.wait() == 5
        assert terminal.text.count(PROMPT) == 3


def test_no_answer_to_the_question_ends_the_account(user, guarded):
    ask(user, guarded.account())
    with user.at_terminal("check", "-c", "rc") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("")
        assert terminal.wait() == 5


def test_ctrl_c_at_the_question_leaves_the_terminal_echoing(user, guarded):
    ask(user, guarded.account())
    with user.at_terminal("-c", "rc") as terminal:
        terminal.wait_for(PROMPT)
        terminal.interrupt()
        assert terminal.wait() == 130
        assert terminal.echoes


# --- how many connections -----------------------------------------------------------------------------------------


def many_folders(user: User, account: Account) -> Voyage:
    """Folders of which each is worth a connection of its own."""
    voyage = Voyage(user.home / "unused", account)
    folders = [f"F{number}" for number in range(12)]
    voyage.create(*folders)
    for folder in folders:
        voyage.deliver(message(1, size=700_000), message(2, size=700_000), folder=folder)
    return voyage


@pytest.mark.parametrize("most", [1, 3])
async def test_there_are_never_more_connections_than_maxconnections(user, dovecot, most):
    voyage = many_folders(user, dovecot.account())
    async with Proxy(voyage.account.host, voyage.account.port, delay=0.005) as proxy:
        at = replace(voyage.account, host=proxy.host, port=proxy.port)
        ran = await asyncio.to_thread(sync, user, at, f"maxconnections = {most}")
        assert "24 new" in ran.assert_in_sync().out
        assert proxy.most == proxy.total == most


def test_a_server_that_takes_fewer_connections_is_content_with_fewer(user):
    with DovecotServer(max_connections=2) as strict:
        voyage = many_folders(user, strict.account())
        ran = sync(user, voyage.account, "maxconnections = 5")
        assert ran.code == 0 and "24 new" in ran.out, ran
        assert sync(user, voyage.account, "maxconnections = 5").code == 0
