import pytest

from postboat.imap.server_kind import ANY, kind_of
from postboat.imap.wire.uid_set import MAX_UID, UidSet

GREETINGS = {
    "Gimap ready for requests from 127.0.0.1 i9if0": "Gmail",
    "The Microsoft Exchange IMAP4 service is ready. [QQBNADIAUABSADAA]": "Exchange",
    "Microsoft Exchange Server 2007 IMAP4 service ready": "Exchange",
    "IMAP4rev1 DavMail 6.2.1-3496 server ready": "DavMail",
    "IMAP4rev1 imapgate-1.8.3_01.20475 imapgate110.mail.ne1.yahoo.com": "Yahoo",
    "QQMail XMIMAP4Server ready": "QQ",
    "localhost IMAP4rev1 2007f.404 at Mon, 1 Jan 2024 12:00:00 +0100 (CET)": "UW",
    "iSCREAM ready to rumble (1Q49:2345) st11p00mm-iscream005 [42]": "iCloud",
    "Courier-IMAP ready. Copyright 1998-2021 Double Precision, Inc.": "Courier",
    "mail.example.org Cyrus IMAP 3.6.1-Debian-3.6.1-4 server ready": "Cyrus",
    "Dovecot (Debian) ready.": "Dovecot",
    "IMAPrev1": "hMailServer",
}


@pytest.mark.parametrize(("greeting", "name"), GREETINGS.items())
def test_a_server_is_known_by_its_greeting(greeting, name):
    assert kind_of(greeting, frozenset()).name == name


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("imap.gmail.com", "Gmail"),
        ("OUTLOOK.office365.com.", "Exchange"),
        ("imap.mail.yahoo.com", "Yahoo"),
        ("imap.qq.com", "QQ"),
        ("imap.fastmail.com", "Fastmail"),
        ("p01-imap.mail.me.com", "iCloud"),
        ("notgmail.com", ""),
        ("gmail.com.example.org", ""),
        ("home.me.com.example", ""),
    ],
)
def test_a_server_is_known_by_the_domain_it_is_in(host, name):
    assert kind_of("ready", frozenset(), None, host).name == name


def test_a_server_is_known_by_its_marks_and_by_the_name_it_gives_itself():
    assert kind_of("ready", frozenset({"IMAP4REV1", "X-GM-EXT-1"})).name == "Gmail"
    assert kind_of("ready", frozenset(), {"name": "Dovecot", "version": "2.4"}).name == "Dovecot"
    assert kind_of("ready", frozenset(), {"name": "Cyrus IMAPD"}).name == "Cyrus"
    assert kind_of("ready", frozenset(), {"name": None}).name == ""


def test_a_gateway_is_not_taken_for_the_server_behind_it():
    davmail = kind_of("IMAP4rev1 DavMail server ready", frozenset(), None, "outlook.office365.com")
    assert (davmail.name, davmail.depth, davmail.asks_size) == ("DavMail", 1, False)


def test_a_stranger_is_tried_one_command_at_a_time():
    stranger = kind_of("ready", frozenset({"IMAP4REV1"}), None, "mail.example.org")
    assert stranger.unproven
    assert not ANY.unproven


@pytest.mark.parametrize("greeting", [*GREETINGS, "ready"])
def test_every_kind_lets_a_command_hold_some_messages_and_leaves_room_for_the_rest_of_it(greeting):
    kind = kind_of(greeting, frozenset())
    assert 500 <= kind.longest_set <= kind.longest_line - 100
    assert kind.depth >= kind.flights >= 1
    assert 50 <= kind.batch_messages <= 250


def test_exchange_gets_as_much_as_it_takes():
    exchange = kind_of("The Microsoft Exchange IMAP4 service is ready.", frozenset())
    assert (exchange.depth, exchange.longest_line, exchange.batch_messages) == (25, 2000, 50)


def test_a_server_that_announces_how_many_messages_it_deals_with_is_given_no_more():
    yahoo = kind_of("imapgate", {"UIDONLY", "MESSAGELIMIT=1000"})
    assert [len(piece) for piece in yahoo.pieces(UidSet.parse("1:2500"))] == [1000, 1000, 500]
    assert [str(piece) for piece in yahoo.pieces(UidSet.parse("1:4294967295"))] == ["1:4294967295"]
    assert kind_of("ready", {"MESSAGELIMIT=1"}).most_messages == 100
    for nonsense in ("MESSAGELIMIT=0", "MESSAGELIMIT=", "MESSAGELIMIT=99999999999", "MESSAGELIMIT"):
        assert kind_of("ready", {nonsense}).most_messages == MAX_UID
