import asyncio
import hashlib
import socket
import ssl
from contextlib import asynccontextmanager

import pytest
import trustme
from tests.fakes.dialogue import serving

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import CertificateRefused, ServerUnreachable, SignInRefused
from postboat.imap import dial, tcp
from postboat.imap.auth import TooManyConnections
from postboat.imap.dial import connect

CAPABILITIES = "CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def cafile(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def context_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def fingerprint_of(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())).hexdigest()


def remote(port=0, **options):
    return ServerConfig(name="R", remotehost="localhost", remoteport=port, **{"ssl": False, "timeout": 5} | options)


class Giver:
    """Gives passwords in turn, then none."""

    def __init__(self, *passwords):
        self.passwords = list(passwords)
        self.asked = []

    async def __call__(self, refusal):
        self.asked.append(refusal)
        return ("me", Secret(self.passwords.pop(0))) if self.passwords else None


@asynccontextmanager
async def connected(config, giver=None):
    session = await connect(config, giver or Giver("secret"))
    try:
        yield session
    finally:
        session.abort()


async def welcome(server, *, greeting=f"* OK [{CAPABILITIES}] hello"):
    """Greet, and take the one right password."""
    if greeting:
        server.say(greeting)
    await server.answer("AUTHENTICATE PLAIN AG1lAHNlY3JldA==", "OK [CAPABILITY IMAP4rev1 IDLE] in")
    await server.farewell()


async def is_left_alone(server):
    """Greet, and be told nothing."""
    server.say(f"* OK [{CAPABILITIES}] hello")
    await server.farewell()
    assert server.heard == []


def off_loopback(monkeypatch):
    monkeypatch.setattr(tcp, "is_loopback", lambda address: False)


# TLS from the first octet


async def test_a_trusted_server_is_signed_in_to_over_tls(authority, cafile):
    async with serving(welcome, ssl=context_of(authority.issue_cert("localhost"))) as port:
        async with connected(remote(port, ssl=True, sslcacertfile=cafile)) as session:
            assert session.alive
            assert session.capabilities == {"IMAP4REV1", "IDLE"}
            assert session.server == f"localhost:{port}"


async def test_an_untrusted_server_is_told_no_password_and_its_fingerprint_is_shown():
    certificate = trustme.CA().issue_cert("localhost")
    async with serving(is_left_alone, ssl=context_of(certificate)) as port:
        giver = Giver("secret")
        with pytest.raises(CertificateRefused) as refusal:
            await connect(remote(port, ssl=True), giver)
    assert f"localhost:{port}" in str(refusal.value)
    assert fingerprint_of(certificate) in str(refusal.value)
    assert giver.asked == []


async def test_a_pinned_certificate_needs_no_authority():
    certificate = trustme.CA().issue_cert("other.example")
    async with serving(welcome, ssl=context_of(certificate)) as port:
        async with connected(remote(port, ssl=True, cert_fingerprint=(fingerprint_of(certificate),))):
            pass


async def test_a_certificate_that_is_not_the_pinned_one_ends_the_connection():
    certificate = trustme.CA().issue_cert("localhost")
    async with serving(is_left_alone, ssl=context_of(certificate)) as port:
        with pytest.raises(CertificateRefused, match=fingerprint_of(certificate)):
            await connect(remote(port, ssl=True, cert_fingerprint=("ab" * 32,)), Giver("secret"))


async def test_tls_with_a_server_that_talks_in_clear_is_unreachable():
    async def talk(server):
        server.say("* OK hello, this is no TLS")

    async with serving(talk) as port:
        with pytest.raises(ServerUnreachable, match=f"localhost:{port}.*ssl"):
            await connect(remote(port, ssl=True), Giver("secret"))


# STARTTLS and plain text


def upgrades_with(context, rest=welcome):
    async def talk(server):
        server.say("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello")
        tag = await server.command("STARTTLS")
        server.say(f"{tag} OK go on")
        await server.writer.drain()
        try:
            await server.writer.start_tls(context)
        except (ssl.SSLError, ConnectionError):
            return
        await server.answer("CAPABILITY", f"* {CAPABILITIES}", "OK done")
        await rest(server, greeting="")

    return talk


async def test_starttls_is_used_on_loopback_where_it_is_offered_whoever_signed():
    async with serving(upgrades_with(context_of(trustme.CA().issue_cert("other.example")))) as port:
        async with connected(remote(port)) as session:
            assert session.capabilities == {"IMAP4REV1", "IDLE"}


async def test_starttls_is_verified_off_loopback(authority, cafile, monkeypatch):
    off_loopback(monkeypatch)
    async with serving(upgrades_with(context_of(authority.issue_cert("localhost")))) as port:
        async with connected(remote(port, sslcacertfile=cafile)):
            pass


async def only_shown(server):
    """Upgrade for the second look, which asks for nothing more."""
    server.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] hello")
    await server.answer("STARTTLS", "OK go on")
    await server.writer.drain()
    await server.writer.start_tls(server.context)
    await server.farewell()


@pytest.mark.parametrize("loopback", [True, False])
async def test_a_wrong_certificate_after_starttls_is_refused_and_shown(cafile, monkeypatch, loopback):
    """On loopback it is verified too as soon as an authority is configured."""
    if not loopback:
        off_loopback(monkeypatch)
    certificate = trustme.CA().issue_cert("localhost")
    context = context_of(certificate)

    async def second_look(server):
        server.context = context
        await only_shown(server)

    async with serving(upgrades_with(context), second_look) as port:
        with pytest.raises(CertificateRefused, match=fingerprint_of(certificate)):
            await connect(remote(port, sslcacertfile=cafile if loopback else None), Giver("secret"))


async def test_a_pin_is_compared_after_starttls():
    certificate = trustme.CA().issue_cert("localhost")

    async def talk(server):
        server.context = context_of(certificate)
        await only_shown(server)
        assert not any(b"AUTHENTICATE" in line for line in server.heard)

    async with serving(talk) as port:
        with pytest.raises(CertificateRefused, match="cert_fingerprint"):
            await connect(remote(port, cert_fingerprint=("ab" * 32,)), Giver("secret"))


async def test_a_server_off_loopback_must_offer_starttls(monkeypatch):
    off_loopback(monkeypatch)
    async with serving(is_left_alone) as port:
        with pytest.raises(CertificateRefused, match=f"localhost:{port}.*STARTTLS"):
            await connect(remote(port), Giver("secret"))


async def test_what_comes_in_clear_behind_the_go_ahead_for_tls_ends_the_connection():
    async def talk(server):
        server.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] hello")
        tag = await server.command("STARTTLS")
        server.say(f"{tag} OK go on", "* CAPABILITY IMAP4rev1 AUTH=PLAIN")
        await server.farewell()
        assert not any(b"AUTHENTICATE" in line for line in server.heard)

    async with serving(talk) as port:
        with pytest.raises((CertificateRefused, ServerUnreachable)):
            await connect(remote(port), Giver("secret"))


async def test_a_server_off_loopback_cannot_sign_us_in_before_tls(monkeypatch):
    off_loopback(monkeypatch)

    async def talk(server):
        server.say("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] you are me")
        await server.farewell()
        assert server.heard == []

    async with serving(talk) as port:
        with pytest.raises(CertificateRefused, match="before TLS"):
            await connect(remote(port), Giver("secret"))


async def test_plain_text_is_spoken_on_loopback():
    async with serving(welcome) as port:
        async with connected(remote(port, starttls=False)):
            pass


async def test_plain_text_is_not_spoken_off_loopback(monkeypatch):
    off_loopback(monkeypatch)

    async def talk(server):
        await server.farewell()
        assert server.heard == []

    async with serving(talk) as port:
        with pytest.raises(CertificateRefused, match="plain text"):
            await connect(remote(port, starttls=False), Giver("secret"))


async def test_a_server_on_loopback_may_sign_us_in_by_itself():
    async def talk(server):
        server.say("* PREAUTH [CAPABILITY IMAP4rev1] you are me")
        await server.farewell()

    giver = Giver()
    async with serving(talk) as port, connected(remote(port), giver) as session:
        assert session.alive
    assert giver.asked == []


async def test_capabilities_are_asked_for_when_the_greeting_does_not_tell_them():
    async def talk(server):
        server.say("* OK hello")
        await server.answer("CAPABILITY", f"* {CAPABILITIES}", "OK done")
        await welcome(server, greeting="")

    async with serving(talk) as port, connected(remote(port)):
        pass


async def test_we_say_who_we_are_where_the_server_wants_to_know():
    async def talk(server):
        server.say(f"* OK [{CAPABILITIES}] hello")
        await server.answer("AUTHENTICATE PLAIN .*", "OK [CAPABILITY IMAP4rev1 ID] in")
        await server.answer(r'ID \("name" "Postboat" "version" ".*"\)', "BAD never heard of it")
        await server.answer("NOOP", "OK done")
        await server.farewell()

    async with serving(talk) as port, connected(remote(port)) as session:
        await session.noop()
        assert session.alive


# Servers that are not there, or not for us


async def test_a_closed_port_is_unreachable():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(ServerUnreachable, match=f"localhost:{port}: .*refused"):
            await connect(remote(port), Giver("secret"))


async def test_an_unknown_host_is_unreachable():
    config = ServerConfig(name="R", remotehost="no-such-host.invalid", ssl=True)
    with pytest.raises(ServerUnreachable, match=r"no-such-host\.invalid:993: the name is not known"):
        await connect(config, Giver("secret"))


async def test_an_error_that_says_nothing_of_itself_is_told_in_words(monkeypatch):
    async def reach(host, port):
        raise ConnectionResetError

    monkeypatch.setattr(tcp, "reach", reach)
    with pytest.raises(ServerUnreachable, match=r"^localhost:993: the connection was reset$"):
        await connect(remote(993), Giver("secret"))


async def test_a_silent_server_is_given_up():
    async def talk(server):
        await server.farewell()

    async with serving(talk) as port:
        with pytest.raises(ServerUnreachable, match=f"localhost:{port}: no greeting .* meant for ssl = true"):
            await connect(remote(port, timeout=0.5), Giver("secret"))


@pytest.mark.parametrize(
    ("greeting", "error"),
    [
        ("* BYE shutting down", ServerUnreachable),
        ("* BYE Too many connections from your address", TooManyConnections),
    ],
)
async def test_a_server_that_sends_us_away_is_unreachable(greeting, error):
    async def talk(server):
        server.say(greeting)

    async with serving(talk) as port:
        with pytest.raises(ServerUnreachable, match=greeting.removeprefix("* BYE ")) as refusal:
            await connect(remote(port), Giver("secret"))
    assert type(refusal.value) is error


async def test_a_server_that_hangs_up_during_the_sign_in_is_unreachable():
    async def talk(server):
        server.say(f"* OK [{CAPABILITIES}] hello")
        await server.command("AUTHENTICATE .*")
        server.say("* BYE Maximum number of connections exceeded")

    async with serving(talk) as port:
        with pytest.raises(TooManyConnections, match=f"localhost:{port}"):
            await connect(remote(port), Giver("secret"))


# Passwords


async def test_a_server_that_lets_us_in_and_hangs_up_at_once_is_unreachable_and_says_why():
    async def dismisses(server):
        server.say(f"* OK [{CAPABILITIES}] hello")
        tag = await server.command("AUTHENTICATE .*")
        server.say(f"{tag} OK [CAPABILITY IMAP4rev1] in", "* BYE shutting down")

    async with serving(dismisses) as port:
        with pytest.raises(ServerUnreachable, match=f"localhost:{port}: .*shutting down"):
            await connect(remote(port), Giver("secret"))


async def test_after_a_refusal_the_password_is_asked_for_again_with_the_reason():
    async def talk(server):
        server.say(f"* OK [{CAPABILITIES}] hello")
        await server.answer("AUTHENTICATE PLAIN .*", "NO [AUTHENTICATIONFAILED] wrong, sorry")
        await welcome(server, greeting="")

    giver = Giver("typo", "secret")
    async with serving(talk) as port, connected(remote(port), giver):
        pass
    assert giver.asked[0] is None
    assert "wrong, sorry" in giver.asked[1]


async def test_a_server_that_hangs_up_after_a_refusal_is_called_again():
    async def talk(server):
        server.say(f"* OK [{CAPABILITIES}] hello")
        await server.answer("AUTHENTICATE PLAIN .*", "* BYE come back later", "NO wrong")

    class SlowGiver(Giver):
        async def __call__(self, refusal):
            if refusal:
                await hung_up.wait()
            return await super().__call__(refusal)

    hung_up = asyncio.Event()

    async def talk_and_tell(server):
        await talk(server)
        server.writer.close()
        await server.writer.wait_closed()
        hung_up.set()

    async with serving(talk_and_tell, welcome) as port, connected(remote(port), SlowGiver("typo", "secret")):
        pass


def refuses(times):
    async def talk(server):
        server.say(f"* OK [{CAPABILITIES}] hello")
        for _ in range(times):
            await server.answer("AUTHENTICATE PLAIN .*", "NO wrong")
        await server.farewell()
        assert server.heard[times:] == []

    return talk


async def test_three_refusals_are_enough():
    giver = Giver("a", "b", "c", "d")
    async with serving(refuses(3)) as port:
        with pytest.raises(SignInRefused, match=f"localhost:{port}.*wrong"):
            await connect(remote(port), giver)
    assert len(giver.asked) == 3


async def test_without_another_password_the_refusal_stands():
    async with serving(refuses(1)) as port:
        with pytest.raises(SignInRefused, match="wrong"):
            await connect(remote(port), Giver("a"))


async def test_a_giver_that_raises_ends_the_connection():
    async def give(refusal):
        raise SignInRefused("nobody to ask")

    async with serving(is_left_alone) as port:
        with pytest.raises(SignInRefused, match="nobody to ask"):
            await connect(remote(port), give)


async def test_without_a_password_there_is_no_sign_in():
    async with serving(is_left_alone) as port:
        with pytest.raises(SignInRefused):
            await connect(remote(port), Giver())


async def test_giving_up_while_connecting_closes_the_connection():
    asked = asyncio.Event()

    async def give(refusal):
        asked.set()
        await asyncio.get_running_loop().create_future()

    async with serving(is_left_alone) as port:
        task = asyncio.create_task(connect(remote(port), give))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# Tunnels

SERVER = r"""
say() { printf '%s\r\n' "$1"; }
say "$GREETING"
while read -r tag command rest; do
    case $command in
        LOGOUT*) say "* BYE bye"; say "$tag OK done"; exit 0 ;;
        *) say "$tag OK done" ;;
    esac
done
"""


def behind(greeting, option):
    return ServerConfig(name="R", timeout=5, **{option: f'GREETING="{greeting}"\n{SERVER}'})


async def test_a_preauth_tunnel_needs_no_password():
    giver = Giver()
    session = await connect(behind("* PREAUTH [CAPABILITY IMAP4rev1] hi", "preauthtunnel"), giver)
    await session.noop()
    await session.logout()
    assert giver.asked == []
    assert not session.alive


async def test_a_transport_tunnel_needs_a_sign_in_and_counts_as_private():
    session = await connect(behind("* OK [CAPABILITY IMAP4rev1] hi", "transporttunnel"), Giver("secret"))
    await session.noop()
    await session.logout()


async def test_a_preauth_tunnel_that_wants_a_sign_in_is_refused():
    with pytest.raises(SignInRefused, match="transporttunnel"):
        await connect(behind("* OK [CAPABILITY IMAP4rev1] hi", "preauthtunnel"), Giver("secret"))


async def test_a_tunnel_that_fails_says_why():
    config = ServerConfig(name="R", timeout=5, transporttunnel="echo 'ssh: no route to host' >&2; exit 255")
    with pytest.raises(ServerUnreachable, match="no route to host"):
        await connect(config, Giver("secret"))


async def test_a_session_cut_ends_its_tunnel():
    session = await connect(behind("* PREAUTH [CAPABILITY IMAP4rev1] hi", "preauthtunnel"), Giver())
    session.abort()
    async with asyncio.timeout(5):
        await session._tunnel.end()
    assert session._tunnel._transport.get_returncode() is not None


def test_a_server_is_called_by_its_host_and_port_or_its_command():
    assert dial.place(remote(143)) == "localhost:143"
    assert dial.place(ServerConfig(name="R", transporttunnel="ssh host imapd")) == "tunnel (ssh host imapd)"
