import asyncio

import pytest
from tests.fakes.scripted_server import serve

from postboat.errors import AccountError, CommandFailed, ConnectionLost, FolderError, Retry
from postboat.imap.connection import Connection
from postboat.imap.patience import BANDWIDTH, BREATHER, GUESS, Patience, Throttled, in_words, patiently, wait_asked
from postboat.imap.refusals import refusal
from postboat.imap.wire import commands
from postboat.imap.wire.framer import Reply
from postboat.imap.wire.parser import parse

PREAUTH = "S: * PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] hello\n"


def said(line):
    """The condition that a server's line tells."""
    return parse(Reply((f"t {line}".encode(),))).condition if not line.startswith("BYE") else bye(line)


def bye(line):
    return parse(Reply((f"* {line}".encode(),)))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.time = 1000.0
        self.slept = []

    def now(self):
        return self.time

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def patience(self, warnings=None, **options):
        warn = warnings.append if warnings is not None else lambda _: None
        return Patience(warn, now=self.now, sleep=self.sleep, **options)


# Who asks to wait


@pytest.mark.parametrize(
    ("command", "line", "seconds"),
    [
        ("UID FETCH", "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", 299.961),
        ("SELECT", "NO Request is throttled. Suggested Backoff Time: 1500 milliseconds", 1.5),
        ("SELECT", "NO Server Unavailable. 15", None),
        ("UID FETCH", "OK Success [THROTTLED]", None),
        ("UID FETCH", "OK [THROTTLED] Success", None),
        ("UID FETCH", "NO [THROTTLED] slow down, try again in 2 minutes", 120),
        ("UID FETCH", "NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", BANDWIDTH),
        ("APPEND", "NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)", BANDWIDTH),
        ("SELECT", "NO [ALERT] Account exceeded command or bandwidth limits. (Failure)", BANDWIDTH),
        ("UID FETCH", "NO [OVERQUOTA] no more for today", BANDWIDTH),
        ("SELECT", "NO [INUSE] the mailbox is locked, wait 10 seconds", 10),
        ("EXAMINE", "NO [UNAVAILABLE] EXAMINE Server error - Please try again later", None),
        ("LIST", "NO [UNAVAILABLE] the user's backend is down", None),
        ("SELECT", "NO [LIMIT] SELECT Rate limit hit.", None),
        ("UID SEARCH", "NO [LIMIT] UID SEARCH Rate limit hit.", None),
        ("SELECT", "NO [ALERT] Too many simultaneous connections. (Failure)", None),
        ("SELECT", "NO Too many requests, retry after 7s", 7),
        ("", "BYE Too many concurrent connections", None),
        ("", "BYE [UNAVAILABLE] Server shutting down, try again in 1 h", 3600),
        ("", "BYE Request is throttled. Suggested Backoff Time: 2000 milliseconds", 2),
    ],
)
def test_a_server_that_asks_to_wait_is_understood(command, line, seconds):
    wait = wait_asked(command, said(line))
    assert wait is not None
    assert wait.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("SELECT", "OK [READ-WRITE] Select completed (0.001 + 0.000 secs)."),
        ("UID FETCH", "OK server busy and throttled, but done"),
        ("APPEND", "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)"),
        ("UID COPY", "NO [OVERQUOTA] Quota exceeded"),
        ("APPEND", "NO [LIMIT] message too large"),
        ("CREATE", "NO [LIMIT] too many mailboxes"),
        ("UID FETCH", "NO [LIMIT] too many messages in the set"),
        ("UID FETCH", "BAD Command Error. 10"),
        ("UID FETCH", "NO [UNAVAILABLE] UID FETCH Server error while fetching messages"),
        ("STATUS", "NO [UNAVAILABLE] this one has no index"),
        ("SELECT", "NO [NONEXISTENT] Mailbox doesn't exist: Throttled requests"),
        ("SELECT", "NO Mailbox does not exist: throttle"),
        ("UID STORE", "NO [CANNOT] server unavailable"),
        ("LOGIN", "NO [UNAVAILABLE] try again in 5 s"),
        ("AUTHENTICATE", "NO [THROTTLED] slow down"),
        ("AUTHENTICATE", "NO Request is throttled. Suggested Backoff Time: 299961 milliseconds"),
        ("", "BYE Session invalidated - AccessTokenExpired"),
        ("", "BYE Connection closed. 14"),
        ("", "BYE Logging out"),
    ],
)
def test_other_answers_are_not_taken_for_that(command, line):
    assert wait_asked(command, said(line)) is None


def test_a_refusal_for_the_pace_is_no_refusal_of_what_was_asked():
    with pytest.raises(Throttled, match=r"try again in 5 min: SELECT: Request is throttled") as caught:
        refusal("SELECT", said("NO Request is throttled. Suggested Backoff Time: 299961 milliseconds"))
    assert isinstance(caught.value, FolderError)
    assert not isinstance(caught.value, CommandFailed)
    assert caught.value.retry is Retry.LATER


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (1.5, "2 s"), (59, "59 s"), (90, "90 s"), (91, "2 min"), (299.9, "5 min"), (7200, "2 h")],
)
def test_a_length_of_time_is_told_in_round_words(seconds, words):
    assert in_words(seconds) == words


# Pauses

SHORT = "NO [THROTTLED] wait 10 seconds"
SOME = "NO [THROTTLED] slow down"
LONG = "NO [THROTTLED] try again in 5 minutes"


async def test_a_pause_lasts_as_long_as_the_server_asks_and_is_told_once():
    clock, warnings = Clock(), []
    patience = clock.patience(warnings)
    for _ in range(25):  # as many were in flight
        patience.hear("UID FETCH", said(SHORT))
    assert patience.pausing
    await patience.passed()
    assert (clock.time, patience.pausing) == (1010.0, False)
    assert warnings == ["the server asks to wait 10 s"]


async def test_without_a_time_each_pause_is_twice_as_long():
    clock = Clock()
    patience = clock.patience()
    for _ in range(3):
        for _ in range(25):
            patience.hear("UID FETCH", said(SOME))
        await patience.passed()
    assert clock.slept == [GUESS, 2 * GUESS, 4 * GUESS]


async def test_a_longer_request_prolongs_a_pause():
    clock = Clock()
    patience = clock.patience()
    patience.hear("UID FETCH", said(SHORT))
    patience.hear("UID FETCH", said("NO [THROTTLED] wait 30 seconds"))
    patience.hear("UID FETCH", said(SHORT))
    await patience.passed()
    assert clock.time == 1030.0


async def test_who_sleeps_learns_that_the_pause_was_prolonged():
    clock = Clock()

    async def sleep(seconds):
        clock.time += seconds
        if clock.time == 1010.0:
            patience.hear("UID FETCH", said(SHORT))

    patience = Patience(now=clock.now, sleep=sleep)
    patience.hear("UID FETCH", said(SHORT))
    await patience.passed()
    assert clock.time == 1020.0


async def test_more_than_a_minute_in_all_is_not_waited():
    clock = Clock()
    patience = clock.patience(longest=25)
    refused = Throttled("UID FETCH", "slow down", wait_asked("UID FETCH", said(SHORT)))
    for _ in range(2):
        patience.hear("UID FETCH", said(SHORT))
        patience.go_on_after(refused)
        await patience.passed()
    patience.hear("UID FETCH", said(SHORT))
    assert not patience.pausing
    with pytest.raises(AccountError, match="try again in 10 s"):
        patience.go_on_after(refused)
    with pytest.raises(AccountError, match="try again in 10 s"):
        await patience.before_connecting()


async def test_what_is_busy_alone_stops_its_folder_and_not_the_account():
    patience = Clock().patience(longest=0)
    busy = said("NO [INUSE] somebody else is in there")
    patience.hear("SELECT", busy)
    with pytest.raises(Throttled, match="try again in some minutes: SELECT: somebody else"):
        patience.go_on_after(Throttled("SELECT", busy.text, wait_asked("SELECT", busy)))
    await patience.before_connecting()


async def test_a_remark_beside_what_was_granted_slows_down_and_never_stops():
    clock, warnings = Clock(), []
    patience = clock.patience(warnings, longest=0)
    for _ in range(5):
        patience.hear("UID FETCH", said("OK Success [THROTTLED]"))
        await patience.passed()
    assert clock.slept == [BREATHER] * 5
    await patience.before_connecting()


# Repeating


class Folder:
    def __init__(self, patience, *answers):
        self.patience, self.answers, self.calls = patience, list(answers), 0

    @patiently
    async def look(self, what):
        self.calls += 1
        await self.patience.passed()
        answer = said(self.answers.pop(0))
        self.patience.hear("SELECT", answer)
        if answer.status != "OK":
            raise refusal("SELECT", answer)
        return what


async def test_what_was_refused_for_its_pace_is_repeated_after_the_pause():
    clock = Clock()
    folder = Folder(clock.patience(), SHORT, SOME, "OK here")
    assert await folder.look("it") == "it"
    assert (folder.calls, clock.time) == (3, 1000 + 10 + GUESS)


async def test_what_is_refused_for_long_is_not_repeated():
    folder = Folder(Clock().patience(), LONG)
    with pytest.raises(AccountError, match="try again in 5 min"):
        await folder.look("it")
    assert folder.calls == 1


async def test_other_refusals_are_not_repeated():
    folder = Folder(Clock().patience(), "NO never")
    with pytest.raises(CommandFailed, match="never"):
        await folder.look("it")
    assert folder.calls == 1


async def test_nothing_is_repeated_for_ever():
    folder = Folder(Patience(longest=1e9, sleep=lambda _: asyncio.sleep(0), now=lambda: 0.0), *[SHORT] * 100)
    folder.patience.passed = lambda: asyncio.sleep(0)
    with pytest.raises(Throttled):
        await folder.look("it")
    assert folder.calls < 60


async def test_a_pause_can_be_cancelled():
    patience = Patience()
    patience.hear("SELECT", said(SHORT))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await patience.passed()


# On the wire


class Bell:
    """A sleep that ends when the test rings."""

    def __init__(self):
        self.time, self.slept, self.rings = 0.0, asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds):
        self.slept.set()
        await self.rings.wait()
        self.time += seconds

    def patience(self):
        return Patience(now=lambda: self.time, sleep=self.sleep)


async def test_one_pause_holds_back_all_connections_of_an_account():
    bell = Bell()
    refuses = PREAUTH + f"C: NOOP\nS: %t {SHORT}\nC: NOOP\nS: %t OK done\n"
    grants = PREAUTH + "C: NOOP\nS: %t OK done\n"
    async with serve(refuses, grants) as server:
        one = await Connection.start(server.open_transport, timeout=5)
        other = await Connection.start(server.open_transport, timeout=5)
        patience = bell.patience()
        one.gate.patience = patience
        other.gate.patience = patience
        assert (await one.send(commands.noop())).status == "NO"
        answers = [other.send(commands.noop()), one.send(commands.noop())]
        await bell.slept.wait()
        assert len(server.heard) == 1
        bell.rings.set()
        assert [(await answer).status for answer in answers] == ["OK", "OK"]
        await one.close()
        await other.close()


async def test_a_pause_is_not_taken_for_the_servers_silence():
    bell = Bell()
    async with serve(PREAUTH + f"C: NOOP\nS: %t {SHORT}\nC: NOOP\nS: %t OK done\n") as server:
        connection = await Connection.start(server.open_transport, timeout=0.1)
        connection.gate.patience = bell.patience()
        await connection.send(commands.noop())
        again = connection.send(commands.noop())
        await asyncio.sleep(0.35)
        assert connection.alive
        bell.rings.set()
        assert (await again).status == "OK"
        await connection.close()


async def test_a_connection_can_be_left_and_cut_during_a_pause():
    bell = Bell()
    async with serve(PREAUTH + f"C: NOOP\nS: %t {SHORT}\nC: LOGOUT\nS: * BYE bye\nS: %t OK bye\n") as server:
        connection = await Connection.start(server.open_transport, timeout=5)
        connection.gate.patience = bell.patience()
        await connection.send(commands.noop())
        assert (await connection.send(commands.logout())).status == "OK"
        await connection.close()
    async with serve(PREAUTH + f"C: NOOP\nS: %t {SHORT}\n") as server:
        connection = await Connection.start(server.open_transport, timeout=5)
        connection.gate.patience = bell.patience()
        await connection.send(commands.noop())
        waiting = connection.send(commands.noop())
        connection.abort()
        with pytest.raises(ConnectionLost):
            await waiting
        await connection.close()


async def test_a_farewell_may_ask_for_a_pause():
    patience = Clock().patience()
    async with serve(PREAUTH + "C: NOOP\nS: * BYE [UNAVAILABLE] back soon\nclose") as server:
        connection = await Connection.start(server.open_transport, timeout=5)
        connection.gate.patience = patience
        with pytest.raises(ConnectionLost, match="back soon"):
            await connection.send(commands.noop())
        assert patience.pausing
        assert not connection.is_one_too_many
        await connection.close()


@pytest.mark.parametrize(
    "ending",
    [
        "S: %t NO [ALERT] Too many simultaneous connections. (Failure)",
        "S: * BYE Too many simultaneous connections\nclose",
        "S: %t NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
    ],
)
async def test_a_connection_that_is_one_too_many_is_given_up(ending):
    async with serve(PREAUTH + f"C: SELECT.*\n{ending}\n") as server:
        connection = await Connection.start(server.open_transport, timeout=5)
        answer = connection.send(commands.select("A"))
        await asyncio.wait([answer])
        assert connection.is_one_too_many
        assert not connection.alive
        await connection.close()


async def test_a_new_run_has_all_its_patience_again():
    clock = Clock()
    patience = clock.patience()
    patience.hear("UID FETCH", said(SOME))
    patience.hear("UID FETCH", said(LONG))
    await patience.passed()
    with pytest.raises(AccountError):
        await patience.before_connecting()
    patience.renew()
    await patience.before_connecting()
    patience.hear("UID FETCH", said(SOME))
    await patience.passed()
    assert clock.slept == [GUESS, GUESS]
    patience.hear("UID FETCH", said("NO [THROTTLED] wait 50 seconds"))
    assert patience.pausing
