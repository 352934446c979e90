"""A mailbox whose server refuses for the pace: each piece of work is done as if nothing had been, after a pause."""

import asyncio
from contextlib import aclosing, asynccontextmanager

import pytest
from tests.contract.worlds import Baseline
from tests.fakes.lying_server import Answer, LyingServer

from postboat.errors import AccountError, FolderError
from postboat.imap.folders import ImapFolders
from postboat.imap.large import LARGE
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.patience import Patience, Throttled
from postboat.model import FLAGGED, NO_FLAGS, Content, Intent, Reflagging, Refused, Side, Stored

ONE = b"Subject: one\r\nMessage-ID: <one@x>\r\n\r\nbody of one\r\n"
TWO = b"Subject: two\r\n\r\nbody of two\r\n"
BIG = b"Subject: big\r\n\r\n" + b"x" * LARGE


class Clock:
    def __init__(self):
        self.time, self.slept = 0.0, []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Refusing:
    """Refuses one command in the words given, and does nothing of it; the next ones are granted."""

    def __init__(self, text, times=1):
        self.text, self.times = text, times

    def __call__(self, answer, command):
        if not self.times:
            return answer
        self.times -= 1
        return Answer(tagged=self.text)


class Undoing(Refusing):
    """For commands that the server carries out before it lies about them."""

    def __init__(self, server, text, times=1):
        super().__init__(text, times)
        self.server = server

    def __call__(self, answer, command):
        if self.times and command.startswith(b"APPEND"):
            self.server.inbox.mail.pop()
        return super().__call__(answer, command)


THROTTLED = b"NO Request is throttled. Suggested Backoff Time: 7000 milliseconds"
FOR_LONG = b"NO Request is throttled. Suggested Backoff Time: 299961 milliseconds"


@asynccontextmanager
async def mailbox(server):
    clock = Clock()
    async with server.pool() as pool:
        pool.patience = Patience(now=lambda: clock.time, sleep=clock.sleep)
        box = ImapMailbox(pool, "INBOX")
        box.clock = clock
        yield box


def server():
    made = LyingServer()
    made.inbox.put(ONE)
    made.inbox.put(TWO, "\\Seen")
    made.inbox.put(BIG)
    return made


def knows():
    return Baseline({"1": NO_FLAGS}, checkpoint=None, validity="7")


async def look(box):
    return sorted((await box.changes(knows())).appeared)


async def read(box):
    found = {}
    async with aclosing(box.read(["1", "2", "3"])) as items:
        async for item in items:
            found[item.key] = item.data if item.data is not None else b"".join([c async for c in item.chunks()])
    return found


async def fingerprints(box):
    return sorted(await box.fingerprints(["1", "2"]))


async def reflag(box):
    return await box.reflag([Reflagging("1", frozenset({FLAGGED}), NO_FLAGS)])


async def delete(box):
    return await box.delete(["1"], expunge=True)


async def store(box):
    contents = [Content(str(n), NO_FLAGS, None, len(TWO), TWO) for n in range(1, 4)]
    return [type(outcome) for outcome in await box.store(contents, await box.intend(contents))]


async def find(box):
    content = Content("x", NO_FLAGS, 1_577_836_800.0, len(ONE), ONE)
    await box.validity()
    box._opening.floor = 1
    tokens = await box.intend([content])
    box._opening.floor = None
    return await box.find([Intent(Side.REMOTE, "x", tokens[0], NO_FLAGS)])


WORKS = [
    (look, "SELECT"),
    (look, "UID FETCH"),
    (read, "SELECT"),
    (read, "UID FETCH 1:2"),
    (read, "UID FETCH 3 (UID BODY"),
    (read, "UID FETCH 3 (UID FLAGS INTERNALDATE RFC822.SIZE"),
    (fingerprints, "SELECT"),
    (fingerprints, "UID FETCH"),
    (reflag, "SELECT"),
    (reflag, "UID STORE"),
    (delete, "SELECT"),
    (delete, "UID STORE"),
    (delete, "UID EXPUNGE"),
    (store, "SELECT"),
    (store, "APPEND"),
    (find, "SELECT"),
    (find, "UID FETCH"),
]


@pytest.mark.parametrize(("work", "command"), WORKS, ids=lambda value: getattr(value, "__name__", value))
async def test_what_was_refused_for_the_pace_is_done_after_the_pause(work, command):
    honest, busy = server(), server()
    async with mailbox(honest) as box:
        wanted = await work(box)
    busy.lies[command] = lie = Undoing(busy, THROTTLED)
    async with mailbox(busy) as box:
        assert await work(box) == wanted
        assert not lie.times, "it was refused"
        assert box.clock.slept == [7.0]
    assert [(mail.wire, mail.flags) for mail in busy.inbox.mail] == [
        (mail.wire, mail.flags) for mail in honest.inbox.mail
    ]


@pytest.mark.parametrize(
    ("work", "command"), [w for w in WORKS if w[1] != "APPEND"], ids=lambda value: getattr(value, "__name__", value)
)
async def test_what_is_refused_for_longer_ends_the_account_and_says_when_to_come_back(work, command):
    busy = server()
    busy.lies[command] = Undoing(busy, FOR_LONG, times=1000)
    async with mailbox(busy) as box:
        with pytest.raises(AccountError, match="try again in 5 min"):
            await work(box)
        assert box.clock.slept == []


async def test_messages_that_were_stored_before_the_server_had_enough_are_told():
    busy = server()
    granted = []

    def lie(answer, command):
        if len(granted) < 2:
            granted.append(command)
            return answer
        busy.inbox.mail.pop()
        return Answer(tagged=FOR_LONG)

    busy.lies["APPEND"] = lie
    async with mailbox(busy) as box:
        contents = [Content(str(n), NO_FLAGS, None, len(TWO), TWO) for n in range(1, 30)]
        outcomes = await box.store(contents, await box.intend(contents))
    assert [type(outcome) for outcome in outcomes] == [Stored] * 2 + [Refused] * 27
    assert not any(outcome.own_fault for outcome in outcomes[2:])
    assert len(busy.inbox.mail) == 5
    assert len(busy.commands("APPEND")) < 29


async def test_a_folder_that_stays_busy_fails_alone():
    busy = server()
    busy.lies["SELECT"] = Refusing(b"NO [INUSE] somebody is in there", times=1000)
    async with mailbox(busy) as box:
        with pytest.raises(Throttled, match="try again in some minutes: SELECT: somebody is in there") as caught:
            await box.validity()
        assert isinstance(caught.value, FolderError)
        assert sum(box.clock.slept) <= 60


async def test_folders_are_listed_after_the_pause():
    busy = server()
    busy.lies["LIST"] = Refusing(THROTTLED)
    clock = Clock()
    async with busy.pool() as pool:
        pool.patience = Patience(now=lambda: clock.time, sleep=clock.sleep)
        listed = await ImapFolders(pool).list()
    assert [folder.wire for folder in listed.folders] == ["INBOX"]
    assert clock.slept == [7.0]


async def test_a_server_that_does_not_list_for_long_ends_the_account():
    busy = server()
    busy.lies["LIST"] = Refusing(FOR_LONG, times=1000)
    async with busy.pool() as pool:
        with pytest.raises(AccountError, match="try again in 5 min"):
            await ImapFolders(pool).list()
