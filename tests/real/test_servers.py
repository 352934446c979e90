"""The servers of the tests are what the other tests take them for, seen through the standard library's imaplib."""

from __future__ import annotations

import imaplib
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
from tests.servers.courier import CourierServer
from tests.servers.dovecot import DovecotServer

if TYPE_CHECKING:
    from tests.servers.process import Account

pytestmark = pytest.mark.real

MESSAGE = b"From: a@example.org\r\nSubject: hello\r\n\r\nbody\r\n"


def sign_in(account: Account) -> imaplib.IMAP4:
    connection = imaplib.IMAP4(account.host, account.port, timeout=20)
    try:
        if not account.preauth:
            connection.login(account.user, account.password)
    except imaplib.IMAP4.error:
        connection.shutdown()
        raise
    return connection


@pytest.fixture(params=["dovecot", "dovecot_sdbox", "cyrus", "courier", "pymap"])
def account(request: pytest.FixtureRequest) -> Account:
    return request.getfixturevalue(request.param).account()


def test_a_fresh_account_is_empty_and_stores_a_message(account: Account) -> None:
    with sign_in(account) as connection:
        assert connection.select("INBOX") == ("OK", [b"0"])
        status, _ = connection.append("INBOX", r"(\Seen)", imaplib.Time2Internaldate(1_000_000_000), MESSAGE)
        assert status == "OK"
        assert connection.select("INBOX") == ("OK", [b"1"])
        _, fetched = connection.uid("FETCH", "1:4294967295", "(FLAGS BODY.PEEK[])")
        assert fetched[0][1] == MESSAGE
        assert b"\\Seen" in fetched[0][0] + fetched[1]


def test_nested_folders_can_be_made(account: Account) -> None:
    with sign_in(account) as connection:
        name = f"{account.prefix}Work{account.delimiter}Bills"
        assert connection.create(name)[0] == "OK"
        assert connection.select(name)[0] == "OK"


def test_another_test_gets_another_account(dovecot: DovecotServer) -> None:
    assert dovecot.account().user != dovecot.account().user


@pytest.mark.parametrize("name", ["dovecot", "cyrus", "pymap"])
def test_a_wrong_password_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    account = request.getfixturevalue(name).account()
    connection = imaplib.IMAP4(account.host, account.port, timeout=20)
    with pytest.raises(imaplib.IMAP4.error, match=r"(?i)authentication ?fail|invalid authentication"):
        connection.login(account.user, "wrong")
    connection.shutdown()


def test_the_certificate_is_valid_for_its_own_authority_only(dovecot: DovecotServer) -> None:
    account = dovecot.account()
    trusting = ssl.create_default_context(cafile=account.ca)
    with imaplib.IMAP4_SSL(account.host, account.tls_port, ssl_context=trusting, timeout=20) as connection:
        connection.login(account.user, account.password)
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL(account.host, account.tls_port, ssl_context=ssl.create_default_context(), timeout=20)


@pytest.mark.parametrize("name", ["dovecot", "courier"])
def test_open_sessions_are_counted_at_the_server(name: str, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue(name)
    account = server.account()
    assert server.connections(account.user) == 0
    with sign_in(account), sign_in(account):
        assert server.connections(account.user) == 2


def test_mail_delivered_behind_the_back_of_a_session_arrives(dovecot: DovecotServer) -> None:
    account = dovecot.account()
    with sign_in(account) as connection:
        connection.select("INBOX")
        dovecot.deliver(account.user, MESSAGE)
        connection.noop()
        assert connection.untagged_responses["EXISTS"][-1] == b"1"
    assert len(list(dovecot.maildir_path(account.user).glob("[cn]*/*"))) == 1


def test_the_capability_list_and_the_bound_on_connections_can_be_set() -> None:
    with DovecotServer(capability="IMAP4rev1 IDLE", max_connections=1) as server:
        account = server.account()
        with sign_in(account) as connection:
            assert set(connection.capability()[1][0].split()) == {b"IMAP4rev1", b"IDLE"}
            second = imaplib.IMAP4(account.host, account.port, timeout=20)
            with pytest.raises(imaplib.IMAP4.error, match="Maximum number of connections"):
                second.login(account.user, account.password)
            second.shutdown()


def test_mail_and_ports_survive_a_restart() -> None:
    with DovecotServer() as server:
        account = server.account()
        server.deliver(account.user, MESSAGE)
        server.restart()
        with sign_in(account) as connection:
            assert connection.select("INBOX") == ("OK", [b"1"])


def test_courier_serves_one_mailbox_by_port_and_by_tunnel(courier: CourierServer) -> None:
    account = courier.account()
    with sign_in(account) as connection:
        assert b"PREAUTH" in connection.welcome
        connection.append("INBOX", None, None, MESSAGE)
        assert courier.connections(account.user) == 1
    with imaplib.IMAP4_stream(courier.tunnel(account)) as connection:
        assert connection.select("INBOX") == ("OK", [b"1"])


def test_courier_without_a_notifier_greets_after_an_alert() -> None:
    with CourierServer(notifier=False) as server, socket.create_connection(port_of(server), timeout=20) as connection:
        lines = connection.makefile("rb")
        assert lines.readline().startswith(b"* OK [ALERT]")
        assert lines.readline() == b"* PREAUTH Ready.\r\n"


def port_of(server: CourierServer) -> tuple[str, int]:
    account = server.account()
    return account.host, account.port
