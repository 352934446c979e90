import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from tests.fakes.dialogue import serving

from postboat.config.schema import Secret
from postboat.errors import CertificateRefused, SignInRefused
from postboat.imap.auth import Credentials, SignInPostponed, TooManyConnections, postponed, shown, sign_in
from postboat.imap.connection import Connection

ALL = ("CRAM-MD5", "PLAIN", "LOGIN")
OFFERS_NOTHING_LATER = "OK [CAPABILITY IMAP4rev1 IDLE] in"


@asynccontextmanager
async def connected(port):
    async def open_transport(factory):
        return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port)

    connection = await Connection.start(open_transport, timeout=5)
    try:
        yield connection
    finally:
        connection.abort()


def greets(*capabilities):
    return f"* OK [CAPABILITY IMAP4rev1 {' '.join(capabilities)}] hello"


async def attempt(talk, mechanisms=ALL, *, user="me", password="secret", secure=True):
    """Sign in at a server that plays `talk`; returns its capabilities afterwards."""
    async with serving(talk) as port, connected(port) as connection:
        await sign_in(connection, user, Secret(password), mechanisms, secure=secure)
        return connection.capabilities


async def test_plain_is_sent_at_once_where_the_server_takes_an_initial_response():
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE PLAIN AG1lAHNlY3JldA==", OFFERS_NOTHING_LATER)

    assert await attempt(talk) == {"IMAP4REV1", "IDLE"}


async def test_plain_waits_to_be_asked_without_sasl_ir():
    async def talk(server):
        server.say(greets("AUTH=PLAIN"))
        tag = await server.command("AUTHENTICATE PLAIN")
        server.say("+ ")
        assert await server.hear_base64() == b"\0me\0secret"
        server.say(f"{tag} {OFFERS_NOTHING_LATER}")

    await attempt(talk)


async def test_a_continuation_without_a_space_is_understood():
    async def talk(server):
        server.say(greets("AUTH=PLAIN"))
        tag = await server.command("AUTHENTICATE PLAIN")
        server.say("+")
        assert await server.hear_base64() == b"\0me\0secret"
        server.say(f"{tag} {OFFERS_NOTHING_LATER}")

    await attempt(talk)


async def test_passwords_go_out_in_utf_8():
    async def talk(server):
        server.say(greets("AUTH=PLAIN"))
        tag = await server.command("AUTHENTICATE PLAIN")
        server.ask()
        assert await server.hear_base64() == "\0jürgen\0pässwörd €".encode()
        server.say(f"{tag} {OFFERS_NOTHING_LATER}")

    await attempt(talk, user="jürgen", password="pässwörd €")


async def test_cram_md5_proves_the_password_without_sending_it():
    # The example of RFC 2195 section 2.
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"

    async def talk(server):
        server.say(greets("AUTH=CRAM-MD5", "AUTH=PLAIN", "SASL-IR"))
        tag = await server.command("AUTHENTICATE CRAM-MD5")
        server.ask(challenge)
        assert await server.hear_base64() == b"tim b913a602c7eda7a495b4e6e7334d3890"
        server.say(f"{tag} {OFFERS_NOTHING_LATER}")

    await attempt(talk, user="tim", password="tanstaaftanstaaf", secure=False)


async def test_login_quotes_what_is_special():
    async def talk(server):
        server.say(greets())
        await server.answer(re.escape('LOGIN "me" "a\\"b\\\\c{3}"'), OFFERS_NOTHING_LATER)

    await attempt(talk, password='a"b\\c{3}')


async def test_login_sends_what_is_not_ascii_as_a_literal():
    async def talk(server):
        server.say(greets())
        await server.answer('LOGIN "me" pässwörd', OFFERS_NOTHING_LATER)
        assert any(line.endswith(b"{10}\r\n") for line in server.heard)

    await attempt(talk, password="pässwörd")


async def test_the_users_order_of_mechanisms_decides():
    async def talk(server):
        server.say(greets("AUTH=CRAM-MD5", "AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE PLAIN .*", OFFERS_NOTHING_LATER)

    await attempt(talk, ("GSSAPI", "plain", "CRAM-MD5"))


async def test_a_refused_password_is_not_sent_again_by_another_mechanism():
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE PLAIN .*", "NO [AUTHENTICATIONFAILED] Invalid credentials.")
        await server.farewell()
        assert not any(b"LOGIN" in line for line in server.heard)

    with pytest.raises(SignInRefused, match=r"me: Invalid credentials$"):
        await attempt(talk)


async def test_a_mechanism_that_is_not_there_after_all_makes_room_for_the_next():
    async def talk(server):
        server.say(greets("AUTH=CRAM-MD5", "AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE CRAM-MD5", "NO Unsupported authentication mechanism.")
        await server.answer("AUTHENTICATE PLAIN .*", "BAD what?")
        await server.answer("LOGIN .*", OFFERS_NOTHING_LATER)

    await attempt(talk)


async def test_login_is_not_tried_where_it_is_disabled():
    async def talk(server):
        server.say(greets("LOGINDISABLED", "AUTH=GSSAPI"))
        await server.farewell()
        assert server.heard == []

    with pytest.raises(SignInRefused, match="offers GSSAPI, auth_mechanisms allows CRAM-MD5, PLAIN, LOGIN"):
        await attempt(talk)


async def test_a_password_is_not_shown_to_listeners():
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.farewell()
        assert server.heard == []

    with pytest.raises(CertificateRefused, match="clear text"):
        await attempt(talk, secure=False)


@pytest.mark.parametrize("text", ["no secret here", "AHNlY3JldA== c2VjcmV0", "AG1lAHNlY3JldA=="])
async def test_a_refusal_never_holds_the_password(text):
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE PLAIN .*", f"NO {text}")

    with pytest.raises(SignInRefused) as refusal:
        await attempt(talk)
    assert "secret" not in str(refusal.value)
    assert "c2VjcmV0" not in str(refusal.value)
    assert "AG1lAHNlY3JldA==" not in str(refusal.value)


def test_credentials_do_not_show_the_password():
    assert "secret" not in repr(Credentials("me", Secret("secret")))


def test_text_from_a_server_cannot_steer_the_terminal():
    assert shown("a\x1b[31mred\r\n\x9b2J") == "a [31mred 2J"
    assert len(shown("x" * 1000)) == 301


async def test_capabilities_told_before_the_ok_are_taken():
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE PLAIN .*", "* CAPABILITY IMAP4rev1 X-GM-EXT-1", "OK in")

    assert await attempt(talk) == {"IMAP4REV1", "X-GM-EXT-1"}


async def test_an_ok_with_an_error_inside_is_no_welcome():
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.answer(
            "AUTHENTICATE PLAIN .*",
            'OK [Error="Microsoft.Exchange.Data.Storage.WrongServerException: x[1] y" Proxy=a:1 Service=Imap4] '
            "AUTHENTICATE completed.",
        )

    with pytest.raises(SignInPostponed, match="WrongServerException"):
        await attempt(talk)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("NO [LIMIT] Maximum number of connections from user+IP exceeded", TooManyConnections),
        ("NO [ALERT] Too many simultaneous connections. (Failure)", TooManyConnections),
        ("NO [UNAVAILABLE] Temporary authentication failure.", SignInPostponed),
        ("BAD User is authenticated but not connected.", SignInPostponed),
        ("NO Request is throttled. Suggested Backoff Time: 299961 milliseconds", SignInPostponed),
    ],
)
async def test_a_refusal_that_is_not_about_the_password_is_told_apart(answer, error):
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.answer("AUTHENTICATE PLAIN .*", answer)

    with pytest.raises(SignInPostponed) as refusal:
        await attempt(talk)
    assert type(refusal.value) is error


def test_a_wrong_password_is_no_reason_to_wait():
    assert postponed("[AUTHENTICATIONFAILED] Authentication failed.", "AUTHENTICATIONFAILED") is None


@pytest.mark.parametrize("password", ["a\0b", "a\r\nb"])
async def test_a_password_that_would_be_another_command_never_reaches_the_wire(password):
    async def talk(server):
        server.say(greets("AUTH=PLAIN", "SASL-IR"))
        await server.farewell()
        assert server.heard == []

    with pytest.raises(SignInRefused):
        await attempt(talk, password=password)
