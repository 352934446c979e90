"""Sign-ins with a lesson of last time: what goes out behind them, and what happens when the lesson is wrong."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from tests.fakes.dialogue import serving

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import ServerUnreachable, SignInRefused
from postboat.imap import arrival
from postboat.imap.auth import TooManyConnections
from postboat.imap.dial import connect
from postboat.imap.memory import Lesson, ServerMemory
from postboat.imap.wire import commands

OFFERS = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=CRAM-MD5"
GREETING = f"* OK [CAPABILITY {OFFERS}] hello"
CAN = "IMAP4rev1 ENABLE QRESYNC CONDSTORE"
PLAIN = "AUTHENTICATE PLAIN AG1lAHNlY3JldA=="
LOGIN = 'LOGIN "me" "secret"'


def remote(port, **options):
    defaults = {"remotehost": "localhost", "remoteuser": "me", "ssl": False, "starttls": False, "timeout": 5}
    return ServerConfig(name="R", remoteport=port, **defaults | options)


def lesson(port, **wrong):
    known = Lesson(f"localhost:{port}", "me", "PLAIN", frozenset(CAN.upper().split()), delimiter="/")
    return replace(known, **wrong)


class Passwords:
    def __init__(self, *passwords):
        self.left = list(passwords or ["secret"])
        self.refusals = []

    async def __call__(self, refusal):
        self.refusals.append(refusal)
        return ("me", Secret(self.left.pop(0))) if self.left else None


class Early:
    """Wants a LIST at once."""

    def __init__(self):
        self.asked = []

    def __call__(self, session, capabilities):
        self.asked.append(session.ask(commands.list_("", "*")))
        return self.asked[-1]

    async def answers(self):
        return [(await answer).status for answer in self.asked]


@asynccontextmanager
async def arriving(*talks, passwords=None, behind=None, known=True, options=None, **wrong):
    """Connect to a server that plays `talks`, one for each connection; gives the session and the memory."""

    def followed(talk):
        async def whole(server):
            await talk(server)
            await server.farewell()

        return whole

    async with serving(*map(followed, talks)) as port:
        memory = ServerMemory()
        if known:
            memory.learn(lesson(port, **wrong))
            memory.restore(memory.text())
        session = await connect(remote(port, **options or {}), passwords or Passwords(), memory=memory, behind=behind)
        try:
            yield session, memory, lesson(port)
        finally:
            session.abort()


async def welcomes(server, *, sign_in=PLAIN, capabilities=CAN):
    """The slow way: the sign-in alone, then ENABLE, which tells the rest by the book."""
    server.say(GREETING)
    await server.answer(sign_in, f"OK [CAPABILITY {capabilities}] in")
    await nothing_is_said(server)
    await server.answer("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK done")


async def nothing_is_said(server):
    """What the client says from now on is in answer to what the server said last."""
    assert not server.reader._buffer, server.reader._buffer


async def flight(server, *patterns):
    """Expect commands of which none waits for an answer to the others; returns their tags."""
    return [await server.command(pattern) for pattern in patterns]


# The lesson is right


async def test_a_known_server_is_asked_everything_in_the_flight_of_the_sign_in():
    async def talk(server):
        server.say(GREETING)
        sign_in, enable, listing = await flight(server, PLAIN, "ENABLE QRESYNC", "LIST .*")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* ENABLED QRESYNC", f"{enable} OK", f"{listing} OK")

    early = Early()
    async with arriving(talk, behind=early) as (session, memory, _):
        assert await early.answers() == ["OK"]
        assert session.enabled == {"QRESYNC"}
        assert not memory.changed


async def test_nothing_is_sent_before_the_greeting():
    async def talk(server):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await server.reader.read(1)
        server.say(GREETING)
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* ENABLED QRESYNC", f"{enable} OK")

    async with arriving(talk):
        pass


async def test_an_unknown_server_is_asked_once_it_has_let_us_in_and_known_then():
    async def talk(server):
        server.say(GREETING)
        await server.answer(PLAIN, f"OK [CAPABILITY {CAN} ID X-GM-EXT-1] in")
        identity, enable, listing = await flight(server, "ID .*", "ENABLE QRESYNC", "LIST .*")
        server.say(f"{identity} OK", "* ENABLED QRESYNC", f"{enable} OK", f"{listing} OK")

    early = Early()
    async with arriving(talk, known=False, behind=early) as (session, memory, expected):
        assert await early.answers() == ["OK"]
        assert session.enabled == {"QRESYNC"}
        learnt = memory.recall(expected.place, "me")
        assert learnt == replace(expected, capabilities=session.capabilities, delimiter=None)


async def test_capabilities_that_the_server_does_not_tell_are_asked_for_behind_the_sign_in():
    async def talk(server):
        server.say(GREETING)
        sign_in, capability, enable = await flight(server, PLAIN, "CAPABILITY", "ENABLE QRESYNC")
        server.say(f"{sign_in} OK in", f"* CAPABILITY {CAN}", f"{capability} OK", "* ENABLED QRESYNC", f"{enable} OK")

    async with arriving(talk, announces=False) as (session, memory, _):
        assert (session.capabilities, session.enabled) == (set(CAN.upper().split()), {"QRESYNC"})
        assert not memory.changed


async def test_a_server_that_greets_us_as_signed_in_is_asked_at_once():
    async def talk(server):
        server.say("* PREAUTH Ready.")
        capability, enable, listing = await flight(server, "CAPABILITY", "ENABLE QRESYNC", "LIST .*")
        server.say(f"* CAPABILITY {CAN}", f"{capability} OK", "* ENABLED QRESYNC", f"{enable} OK", f"{listing} OK")

    early = Early()
    async with arriving(talk, behind=early, user="", mechanism="", announces=False) as (session, memory, _):
        assert await early.answers() == ["OK"]
        assert session.enabled == {"QRESYNC"}
        assert not memory.changed


async def test_where_a_challenge_must_be_answered_the_rest_goes_behind_the_answer():
    async def talk(server):
        server.say(GREETING)
        sign_in = await server.command("AUTHENTICATE CRAM-MD5")
        await nothing_is_said(server)
        server.ask(b"<1@x>")
        assert (await server.hear_base64()).startswith(b"me ")
        (enable,) = await flight(server, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* ENABLED QRESYNC", f"{enable} OK")

    async with arriving(talk, mechanism="CRAM-MD5", options={"auth_mechanisms": ("CRAM-MD5",)}) as (session, *_):
        assert session.enabled == {"QRESYNC"}


async def test_login_is_preferred_where_plain_would_wait_for_a_challenge():
    async def talk(server):
        server.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello")
        sign_in, enable = await flight(server, LOGIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* ENABLED QRESYNC", f"{enable} OK")

    async with arriving(talk, mechanism="LOGIN") as (_, memory, _):
        assert not memory.changed


@pytest.mark.parametrize("why_not", ["is forbidden by the user", "is not offered", "cannot say it"])
async def test_login_is_not_preferred_where_it(why_not):
    password = "sécret" if why_not == "cannot say it" else "secret"

    async def talk(server):
        disabled = "LOGINDISABLED" if why_not == "is not offered" else ""
        server.say(f"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN {disabled}] hello")
        sign_in = await server.command("AUTHENTICATE PLAIN")
        server.ask()
        assert await server.hear_base64() == f"\0me\0{password}".encode()
        server.say(f"{sign_in} OK [CAPABILITY IMAP4rev1] in")

    mechanisms = ("PLAIN",) if why_not == "is forbidden by the user" else ("PLAIN", "LOGIN")
    async with arriving(
        talk, passwords=Passwords(password), mechanism="LOGIN", options={"auth_mechanisms": mechanisms}
    ):
        pass


async def test_capabilities_of_before_the_sign_in_are_remembered_where_the_greeting_does_not_tell_them():
    async def unknown(server):
        server.say("* OK hello")
        await server.answer("CAPABILITY", f"* CAPABILITY {OFFERS}", "OK")
        await server.answer(PLAIN, "OK [CAPABILITY IMAP4rev1] in")

    async with arriving(unknown, known=False) as (_, memory, expected):
        offered = memory.recall(expected.place, "me").offered
        assert offered == frozenset(OFFERS.upper().split())

    async def known(server):
        server.say("* OK hello")
        await server.answer(PLAIN, "OK [CAPABILITY IMAP4rev1] in")

    async with arriving(known, offered=offered, capabilities=frozenset({"IMAP4REV1"})) as (_, memory, _):
        assert not memory.changed


async def test_no_more_goes_out_at_once_than_the_kind_of_server_takes():
    async def talk(server):
        server.say("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] The Microsoft Exchange IMAP4 service is ready.")
        sign_in, *others = await flight(server, PLAIN, *["STATUS .*"] * 24)
        await nothing_is_said(server)
        server.say(f"{sign_in} OK [CAPABILITY IMAP4rev1] in", *(f"{tag} OK" for tag in others))
        others = await flight(server, *["STATUS .*"] * 16)
        server.say(*(f"{tag} OK" for tag in others))

    asked = []

    def counts(session, _):
        asked.extend(session.ask(commands.status(f"F{n}", ["MESSAGES"])) for n in range(40))
        return asked[0]

    async with arriving(talk, behind=counts, capabilities=frozenset({"IMAP4REV1"})):
        assert {(await answer).status for answer in asked} == {"OK"}


# The lesson is wrong


async def test_another_user_is_asked_nothing_on_the_strength_of_it():
    async with arriving(welcomes, user="you") as (session, memory, expected):
        assert session.enabled == {"QRESYNC"}
        assert memory.recall(expected.place, "me") == replace(expected, delimiter=None)
        assert memory.recall(expected.place, "you") is None


async def test_behind_another_mechanism_than_last_time_nothing_is_sent():
    async with arriving(welcomes, mechanism="LOGIN") as (session, memory, expected):
        assert session.enabled == {"QRESYNC"}
        assert memory.recall(expected.place, "me").mechanism == "PLAIN"


async def test_an_extension_that_is_gone_is_not_enabled():
    async def talk(server):
        server.say(GREETING)
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY IMAP4rev1] in", f"{enable} BAD what?")
        await server.answer("NOOP", "OK")

    async with arriving(talk) as (session, memory, expected):
        assert session.enabled == frozenset()
        await session.noop()
        assert memory.recall(expected.place, "me").capabilities == {"IMAP4REV1"}


async def test_what_the_server_no_longer_announces_does_not_count_as_enabled():
    async def talk(server):
        server.say(GREETING)
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY IMAP4rev1 ENABLE] in", "* ENABLED QRESYNC", f"{enable} OK")

    async with arriving(talk) as (session, *_):
        assert session.enabled == frozenset()


async def test_an_extension_that_is_new_is_enabled_all_the_same():
    async def talk(server):
        server.say(GREETING)
        sign_in, listing = await flight(server, PLAIN, "LIST .*")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", f"{listing} OK")
        await server.answer("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK")

    async with arriving(talk, behind=Early(), capabilities=frozenset({"IMAP4REV1"})) as (session, memory, _):
        assert session.enabled == {"QRESYNC"}
        assert memory.changed


async def test_a_server_that_stopped_to_announce_is_asked():
    async def talk(server):
        server.say(GREETING)
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK in", "* ENABLED QRESYNC", f"{enable} OK")
        await server.answer("CAPABILITY", f"* CAPABILITY {CAN}", "OK")

    async with arriving(talk) as (session, memory, expected):
        assert session.enabled == {"QRESYNC"}
        assert not memory.recall(expected.place, "me").announces


async def test_a_wrong_password_is_put_to_the_server_once_and_the_rest_of_its_flight_is_forgotten():
    async def talk(server):
        server.say(GREETING)
        sign_in, enable, listing = await flight(server, "AUTHENTICATE PLAIN .*", "ENABLE QRESYNC", "LIST .*")
        server.say(f"{sign_in} NO [AUTHENTICATIONFAILED] wrong", f"{enable} BAD who?", f"{listing} BAD who?")
        await server.answer("NOOP", "OK")
        await server.answer(PLAIN, f"OK [CAPABILITY {CAN}] in")
        await server.answer("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK")
        await server.answer("LIST .*", "OK")

    early, passwords = Early(), Passwords("wrong", "secret")
    async with arriving(talk, behind=early, passwords=passwords) as (session, memory, expected):
        assert await early.answers() == ["BAD", "OK"]
        assert session.enabled == {"QRESYNC"}
        assert len(passwords.refusals) == 2
        assert memory.recall(expected.place, "me") is not None


async def test_a_wrong_password_is_forgotten_with_the_lesson_when_there_is_no_other():
    heard = []

    async def talk(server):
        server.say(GREETING)
        (sign_in, enable), heard[:] = await flight(server, PLAIN, "ENABLE QRESYNC"), server.heard
        server.say(f"{sign_in} NO wrong", f"{enable} BAD who?")
        await server.answer("NOOP", "OK")

    with pytest.raises(SignInRefused):
        async with arriving(talk):
            pass
    assert sum(b"AUTHENTICATE" in line for line in heard) == 1


async def test_a_mechanism_that_is_gone_has_judged_no_password():
    async def talk(server):
        server.say("* OK hello")
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} NO not here", f"{enable} BAD who?")
        await server.answer("CAPABILITY", "* CAPABILITY IMAP4rev1", "OK")
        await server.answer(LOGIN, f"OK [CAPABILITY {CAN}] in")
        await server.answer("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK")

    passwords = Passwords()
    async with arriving(talk, offered=frozenset({"AUTH=PLAIN", "SASL-IR"}), passwords=passwords) as (
        session,
        memory,
        at,
    ):
        assert session.enabled == {"QRESYNC"}
        assert passwords.refusals == [None]
        assert memory.recall(at.place, "me").mechanism == "LOGIN"
        assert memory.recall(at.place, "me").deaf_behind == frozenset()


async def test_a_mechanism_that_is_there_has_judged_the_password():
    async def talk(server):
        server.say("* OK hello")
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} NO wrong", f"{enable} BAD who?")
        await server.answer("CAPABILITY", f"* CAPABILITY {OFFERS}", "OK")
        await server.answer("NOOP", "OK")

    with pytest.raises(SignInRefused, match="wrong"):
        async with arriving(talk, offered=frozenset({"AUTH=PLAIN", "SASL-IR"})):
            pass


async def test_mechanisms_are_asked_for_when_none_of_last_time_will_do():
    async def talk(server):
        server.say("* OK hello")
        await server.answer("CAPABILITY", f"* CAPABILITY {OFFERS}", "OK")
        sign_in = await server.command("AUTHENTICATE CRAM-MD5")
        server.ask(b"<1@x>")
        await server.hear()
        server.say(f"{sign_in} OK [CAPABILITY IMAP4rev1] in")

    async with arriving(talk, offered=frozenset({"AUTH=PLAIN"}), options={"auth_mechanisms": ("CRAM-MD5",)}):
        pass


async def test_a_server_that_loses_what_comes_behind_a_sign_in_is_called_again(monkeypatch):
    monkeypatch.setattr(arrival, "PATIENCE", 0.05)

    async def loses(server):
        server.say(GREETING)
        sign_in, _, _ = await flight(server, PLAIN, "ENABLE QRESYNC", "LIST .*")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in")
        await server.answer("NOOP", "OK")

    async def again(server):
        server.say(GREETING)
        await server.answer(LOGIN, f"OK [CAPABILITY {CAN}] in")
        await nothing_is_said(server)
        await server.answer("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK")
        await server.answer("LIST .*", "OK")

    early, passwords = Early(), Passwords()
    async with arriving(loses, again, behind=early, passwords=passwords) as (session, memory, at):
        assert (await early.asked[-1]).status == "OK"
        assert session.enabled == {"QRESYNC"}
        assert passwords.refusals == [None]
        assert memory.recall(at.place, "me").deaf_behind == {"PLAIN"}


async def test_a_server_that_only_takes_its_time_is_waited_for(monkeypatch):
    monkeypatch.setattr(arrival, "PATIENCE", 0.01)

    async def talk(server):
        server.say(GREETING)
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in")
        noop = await server.command("NOOP")
        server.say("* ENABLED QRESYNC", f"{enable} OK", f"{noop} OK")

    async with arriving(talk) as (session, memory, _):
        assert session.enabled == {"QRESYNC"}
        assert not memory.changed


async def test_a_server_that_hangs_up_over_what_comes_behind_is_called_again():
    async def hangs_up(server):
        server.say(GREETING)
        sign_in, _ = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* BYE improper command pipelining")

    async with arriving(hangs_up, welcomes) as (session, memory, at):
        assert session.enabled == {"QRESYNC"}
        assert memory.recall(at.place, "me").deaf_behind == frozenset()


@pytest.mark.parametrize("answered", [False, True])
async def test_one_lost_connection_does_not_speak_against_the_mechanism(answered):
    """The next sign-in is as fast as before."""

    async def is_cut(server):
        server.say(GREETING)
        sign_in, _ = await flight(server, PLAIN, "ENABLE QRESYNC")
        if answered:
            server.say(f"{sign_in} OK [CAPABILITY {CAN}] in")
        server.writer.close()

    async def talk(server):
        server.say(GREETING)
        sign_in, enable = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* ENABLED QRESYNC", f"{enable} OK")
        await server.farewell()

    passwords = Passwords("secret", "secret")
    async with serving(is_cut, welcomes, talk) as port:
        memory = ServerMemory()
        memory.learn(lesson(port))
        for _ in range(2):
            session = await connect(remote(port), passwords, memory=memory)
            assert session.enabled == {"QRESYNC"}
            session.abort()
    assert passwords.refusals == [None, None]


async def test_a_connection_lost_twice_in_a_row_speaks_against_the_mechanism():
    """So it is at Cyrus: each call would cost two connections, for ever."""

    async def is_cut(server):
        server.say(GREETING)
        await flight(server, PLAIN, "ENABLE QRESYNC")
        server.writer.close()

    passwords = Passwords("secret", "secret")
    async with serving(is_cut, welcomes, is_cut, welcomes) as port:
        memory = ServerMemory()
        memory.learn(lesson(port))
        for deaf_behind in (frozenset(), {"PLAIN"}):
            session = await connect(remote(port), passwords, memory=memory)
            session.abort()
            assert memory.recall(lesson(port).place, "me").deaf_behind == deaf_behind


async def test_who_is_one_too_many_does_not_call_again_at_once():
    async def dismisses(server):
        server.say(GREETING)
        sign_in, _ = await flight(server, PLAIN, "ENABLE QRESYNC")
        server.say(f"{sign_in} OK [CAPABILITY {CAN}] in", "* BYE Too many connections")

    with pytest.raises(TooManyConnections):
        async with arriving(dismisses, welcomes):
            pass


async def test_a_server_that_takes_the_next_command_for_an_answer_never_gets_the_password_as_a_command():
    async def asks(server):
        server.say(GREETING)
        await flight(server, PLAIN)
        server.ask()
        assert await server.hear() != "AG1lAHNlY3JldA=="
        await server.farewell()
        assert not any(line.startswith(b"AG1l") for line in server.heard)

    async def again(server):
        await welcomes(server, sign_in=LOGIN)

    async with arriving(asks, again) as (_, memory, at):
        assert memory.recall(at.place, "me").deaf_behind == {"PLAIN"}


async def test_a_server_that_takes_what_comes_behind_for_a_strangers_is_asked_again():
    async def talk(server):
        server.say(GREETING)
        sign_in, enable, listing = await flight(server, PLAIN, "ENABLE QRESYNC", "LIST .*")
        server.say(f"{enable} BAD who?", f"{listing} BAD who?", f"{sign_in} OK [CAPABILITY {CAN}] in")
        await server.answer("ENABLE QRESYNC", "* ENABLED QRESYNC", "OK")

    async with arriving(talk, behind=Early()) as (session, memory, at):
        assert session.enabled == {"QRESYNC"}
        assert memory.recall(at.place, "me").deaf_behind == {"PLAIN"}


async def test_a_server_that_says_nothing_to_the_flight_is_asked_the_slow_way_next_time():
    memory = ServerMemory()

    async def hangs_up(server):
        server.say(GREETING)
        await flight(server, PLAIN, "ENABLE QRESYNC")

    async with serving(hangs_up) as port:
        memory.learn(lesson(port))
        with pytest.raises(ServerUnreachable):
            await connect(remote(port), Passwords(), memory=memory)
    assert memory.text() == ""
