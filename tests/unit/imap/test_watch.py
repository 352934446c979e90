"""Watching a server word by word: what is asked of it, what is told, and what becomes of the sessions."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from tests.fakes.scripted_server import serve
from tests.fakes.watching import Told, watching

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import ConnectionLost, ServerUnreachable
from postboat.imap import vigil
from postboat.imap.dial import connect
from postboat.imap.pool import Pool
from postboat.imap.posts import AllMailboxes
from postboat.imap.watch import ServerWatch
from postboat.imap.wire import commands

IDLES = "S: * PREAUTH [CAPABILITY IMAP4rev1 IDLE UNSELECT] hello\n"
NOTIFIES = "S: * PREAUTH [CAPABILITY IMAP4rev1 IDLE UNSELECT NOTIFY] hello\n"
POLLS = "S: * PREAUTH [CAPABILITY IMAP4rev1 UNSELECT] hello\n"
ALL_EVENTS = r"NOTIFY SET STATUS \(personal \(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange\)\)"
FEW_EVENTS = r"NOTIFY SET STATUS \(personal \(MessageNew MessageExpunge FlagChange\)\)"
IDLE = "C: IDLE\nS: + idling\n"
DONE = "C! DONE\nS: %t OK idled\n"
NONE = "C: NOTIFY NONE\nS: %t OK silent\n"


def examined(name="INBOX", exists=3, uidnext=4, status="OK [READ-ONLY] there it is"):
    return f"""\
C: EXAMINE "{name}"
S: * {exists} EXISTS
S: * OK [UIDVALIDITY 7]
S: * OK [UIDNEXT {uidnext}]
S: %t {status}
"""


def subscribed(*statuses, events=ALL_EVENTS):
    lines = "".join(f"S: * STATUS {status}\n" for status in statuses)
    return f"C: {events}\n{lines}S: %t OK subscribed\n"


@asynccontextmanager
async def pool_to(*scripts, size=1, timeout=5):
    async def password(_):
        return "me", Secret("pw")

    async with serve(*scripts) as server:
        where = {"remotehost": "127.0.0.1", "remoteport": server.port, "remoteuser": "me"}
        remote = ServerConfig(name="r", ssl=False, starttls=False, timeout=timeout, **where)
        pool = Pool(lambda: connect(remote, password), size)
        try:
            yield pool, server
        finally:
            pool.cut("the test is over")


async def borrowed(pool):
    async with pool.session() as session:
        await session.noop()


# IDLE


async def test_whatever_happens_in_an_idle_mailbox_is_told_after_the_watch_is_armed():
    script = (
        IDLES + examined() + IDLE + "wait armed\nS: * 4 EXISTS\nS: * 2 RECENT\nS: * 2 FETCH (FLAGS ())\nS: * 1 EXPUNGE"
    )
    async with pool_to(script) as (pool, server), watching(pool, "INBOX") as (told, _):
        assert await told.until(("idle", "INBOX")) == [("idle", "INBOX")]
        server.events["armed"].set()
        for _ in range(3):
            await told.until({"INBOX"})
        assert told.all[1:] == [{"INBOX"}] * 3


async def test_a_server_that_can_do_neither_is_polled_and_the_session_is_free():
    async with pool_to(POLLS + "C: NOOP\nS: %t OK done") as (pool, _), watching(pool, "INBOX") as (told, watch):
        assert await told.until(("poll",)) == [("poll",)]
        async with pool.session() as session:
            await session.noop()
        assert not watch.done()
    assert told.all == [("poll",)], "what was not counted on is not lost"


@pytest.mark.parametrize("answer", ["NO not here", "BAD what"])
async def test_a_server_that_refuses_the_idle_it_offers_is_polled(answer):
    script = IDLES + examined() + f"C: IDLE\nS: %t {answer}\nC: NOOP\nS: %t OK done"
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (told, _):
        assert await told.until(("poll",)) == [("poll",)]
        async with pool.session() as session:
            await session.noop()


async def test_mailboxes_that_are_not_there_are_left_out():
    gone = IDLES + examined("Gone", status="NO [NONEXISTENT] no such mailbox")
    # The same connection then serves the third mailbox, or rests: which of them takes it is nobody's business.
    async with (
        pool_to(IDLES + examined() + IDLE, gone, size=3) as (pool, _),
        watching(pool, "INBOX", "Gone") as (told, _),
    ):
        await told.until(("idle", "INBOX"))
        while len(pool._resting) < 1:
            await asyncio.sleep(0.01)
        assert set(told.all) == {("idle", "INBOX")}


async def test_the_only_session_is_yielded_to_work_and_taken_back_in_silence():
    work = "C: NOOP\nS: %t OK done\n"
    script = IDLES + examined() + IDLE + DONE + work + examined() + IDLE + "set back\nwait more\nS: * 4 EXISTS"
    async with pool_to(script) as (pool, server), watching(pool, "INBOX") as (told, _):
        await told.until(("idle", "INBOX"))
        await borrowed(pool)
        await server.reached("back")
        assert told.since() == []
        server.events["more"].set()
        await told.until({"INBOX"})
        assert pool.opened == 1


async def test_a_session_wanted_while_the_watch_begins_is_yielded_as_soon_as_it_listens():
    script = IDLES + "wait wanted\n" + examined() + IDLE + DONE + "C: NOOP\nS: %t OK done\n" + examined() + IDLE
    async with pool_to(script) as (pool, server), watching(pool, "INBOX") as (told, _):
        while not pool.open_now:
            await asyncio.sleep(0.01)
        worker = asyncio.create_task(borrowed(pool))
        await asyncio.sleep(0.01)
        server.events["wanted"].set()
        await worker
        assert told.all == [("idle", "INBOX")]
        assert pool.opened == 1


async def test_a_session_wanted_again_while_the_watch_comes_back_is_yielded_before_it_listens():
    work = "C: NOOP\nS: %t OK done\n"
    returns = 'C: EXAMINE "INBOX"\nset back\nwait wanted\nS: * 4 EXISTS\nS: %t OK [READ-ONLY] there\n'
    script = IDLES + examined() + IDLE + DONE + work + returns + work + examined(exists=4) + IDLE
    async with pool_to(script) as (pool, server), watching(pool, "INBOX") as (told, _):
        await told.until(("idle", "INBOX"))
        await borrowed(pool)
        await server.reached("back")
        worker = asyncio.create_task(borrowed(pool))
        await asyncio.sleep(0.01)
        server.events["wanted"].set()
        await worker
        assert await told.until({"INBOX"}) == [{"INBOX"}]
        assert pool.opened == 1


async def test_what_happened_in_a_mailbox_during_the_work_is_told_on_return():
    work = "C: NOOP\nS: %t OK done\n"
    script = IDLES + examined() + IDLE + DONE + work + examined(exists=4, uidnext=5) + IDLE
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (told, _):
        await told.until(("idle", "INBOX"))
        async with pool.session() as session:
            await session.noop()
        assert await told.until({"INBOX"}) == [{"INBOX"}]


async def test_the_end_of_a_connection_ends_the_watch():
    script = IDLES + examined() + IDLE + "wait armed\nS: * BYE good night\nclose"
    async with pool_to(script) as (pool, server), watching(pool, "INBOX") as (told, watch):
        await told.until(("idle", "INBOX"))
        server.events["armed"].set()
        with pytest.raises(ConnectionLost, match="good night"):
            await watch
        assert told.all == [("idle", "INBOX"), "lost"]
        assert pool.open_now == 0


async def test_a_watch_that_ended_can_be_run_again():
    once = IDLES + examined() + IDLE
    told = Told()
    async with pool_to(once + "wait cut\nclose", once + "wait armed\nS: * 4 EXISTS") as (pool, server):
        watch = ServerWatch(pool, ["INBOX"], told)
        first = asyncio.create_task(watch.run())
        await told.until(("idle", "INBOX"))
        server.events["cut"].set()
        await asyncio.wait([first])
        second = asyncio.create_task(watch.run())
        await told.until(("idle", "INBOX"))
        server.events["armed"].set()
        await told.until({"INBOX"})
        second.cancel()
        await asyncio.wait([second])
    assert isinstance(first.exception(), ConnectionLost)
    assert told.all == [("idle", "INBOX"), "lost", ("idle", "INBOX"), {"INBOX"}, "lost"]


async def test_a_server_that_cannot_be_reached_ends_the_watch():
    async with pool_to("S: * BYE closed\nclose") as (pool, _), watching(pool, "INBOX") as (told, watch):
        with pytest.raises(ServerUnreachable):
            await watch
        assert told.all == []


async def test_one_lost_connection_ends_the_watch_on_all_and_drops_them():
    first = IDLES + examined() + IDLE + "wait cut\nclose"
    second = IDLES + examined("Sent") + IDLE
    async with pool_to(first, second, size=3) as (pool, server), watching(pool, "INBOX", "Sent") as (told, watch):
        await told.until(("idle", "INBOX", "Sent"))
        server.events["cut"].set()
        with pytest.raises(ConnectionLost):
            await watch
        assert told.since() == ["lost"]
        assert pool.open_now == 0


async def test_a_cancelled_watch_leaves_no_session_that_idles():
    async with pool_to(IDLES + examined() + IDLE) as (pool, _):
        async with watching(pool, "INBOX") as (told, _):
            await told.until(("idle", "INBOX"))
        assert pool.open_now == 0
        assert told.since() == ["lost"]


# An IDLE that ends by itself


async def test_an_idle_that_the_server_ends_is_asked_for_again_and_what_came_between_is_told(monkeypatch):
    monkeypatch.setattr(vigil, "SHORT", 0)
    script = IDLES + examined() + IDLE + "wait armed\nS: %t OK enough\nS: * 4 EXISTS\n" + IDLE + "S: * 5 EXISTS"
    async with pool_to(script) as (pool, server), watching(pool, "INBOX") as (told, _):
        await told.until(("idle", "INBOX"))
        server.events["armed"].set()
        await told.until({"INBOX"})
        await told.until({"INBOX"})
        assert told.all == [("idle", "INBOX"), {"INBOX"}, {"INBOX"}]


async def test_a_server_that_ends_each_idle_at_once_is_not_asked_in_a_hurry(monkeypatch):
    pauses = []

    async def wait(tasks, *, timeout=None, **how):
        if timeout is not None and "return_when" not in how:
            pauses.append(timeout)
            timeout = 0
        return await asyncio_wait(tasks, timeout=timeout, **how)

    asyncio_wait = asyncio.wait
    monkeypatch.setattr(vigil.asyncio, "wait", wait)
    script = IDLES + examined() + 8 * (IDLE + "S: %t OK enough\n") + IDLE + "S: * 4 EXISTS"
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (told, _):
        await told.until({"INBOX"})
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_a_server_that_will_not_idle_again_ends_the_watch(monkeypatch):
    monkeypatch.setattr(vigil, "SHORT", 0)
    script = IDLES + examined() + IDLE + "S: %t OK enough\nC: IDLE\nS: %t NO never again"
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (_, watch):
        with pytest.raises(ConnectionLost, match="never again"):
            await watch


# Signs of life


async def test_a_silent_server_is_asked_by_ending_the_idle(monkeypatch):
    monkeypatch.setattr("postboat.imap.pulse.AUTOMATIC", 0.05)
    script = IDLES + examined() + IDLE + DONE + IDLE + DONE + IDLE + "S: * 4 EXISTS"
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (told, _):
        assert await told.until({"INBOX"}) == [("idle", "INBOX"), {"INBOX"}]


async def test_a_server_that_does_not_answer_is_lost_and_the_next_is_asked_sooner(monkeypatch):
    monkeypatch.setattr("postboat.imap.pulse.AUTOMATIC", 0.1)
    monkeypatch.setattr("postboat.imap.pulse.SHORTEST", 0.01)
    script = IDLES + examined() + IDLE + "C! DONE\nwait never"
    async with pool_to(script, timeout=0.05) as (pool, _), watching(pool, "INBOX") as (told, watch):
        await told.until(("idle", "INBOX"))
        keepalive = watch.get_coro().cr_frame.f_locals["self"]._keepalive
        with pytest.raises(ConnectionLost, match="no answer"):
            await watch
        assert 0.06 < keepalive.interval(asyncio.get_running_loop().time()) < 0.1


async def test_a_connection_that_we_cut_teaches_nothing(monkeypatch):
    monkeypatch.setattr("postboat.imap.pulse.AUTOMATIC", 0.1)
    async with pool_to(IDLES + examined() + IDLE) as (pool, _), watching(pool, "INBOX") as (told, watch):
        await told.until(("idle", "INBOX"))
        keepalive = watch.get_coro().cr_frame.f_locals["self"]._keepalive
        await asyncio.sleep(0.07)
        pool.cut("the machine slept")
        with pytest.raises(ConnectionLost, match="the machine slept"):
            await watch
        assert keepalive._learnt is None


async def test_a_probe_ends_the_idle_and_the_watch_goes_on():
    script = IDLES + examined() + IDLE + DONE + IDLE + "S: * 4 EXISTS"
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (told, _):
        await told.until(("idle", "INBOX"))
        await pool.probe()
        assert await told.until({"INBOX"}) == [{"INBOX"}]


async def test_a_server_whose_beats_stopped_is_asked_once_and_then_as_if_it_never_had_any(monkeypatch):
    monkeypatch.setattr("postboat.imap.pulse.SHORTEST", 0.02)
    beats = 3 * "pause\nS: * OK Still here\n"
    script = IDLES + examined() + IDLE + beats + DONE + IDLE + "set asked"
    async with pool_to(script) as (pool, server), watching(pool, "INBOX", keepalive=60):
        await server.reached("asked")
        await asyncio.sleep(0.1)
        (session,) = pool._open
        assert not session._idle.is_to_end


# NOTIFY


async def test_all_mailboxes_are_watched_on_one_connection():
    told_later = "wait armed\nS: * STATUS Work (MESSAGES 3 UIDNEXT 9)\nS: * STATUS inbox (HIGHESTMODSEQ 3)\n"
    renamed = 'S: * LIST () "/" "New"\nS: * 1 EXISTS\nS: * STATUS Last (UNSEEN 1)'
    script = NOTIFIES + subscribed("INBOX (MESSAGES 1)", "Work (MESSAGES 2)") + IDLE + told_later + renamed
    async with pool_to(script, size=3) as (pool, server), watching(pool, "INBOX", "Work") as (told, _):
        assert await told.until(("notify",)) == [("notify",)], "what is told of all at first is no change"
        server.events["armed"].set()
        assert await told.until({"Last"}) == [{"Work"}, {"INBOX"}, "restructured", {"Last"}]
        assert pool.open_now == 1


async def test_numbers_told_again_are_no_change():
    numbers = "INBOX (MESSAGES 1 HIGHESTMODSEQ 5)"
    later = f"wait armed\nS: * STATUS {numbers}\nS: * STATUS INBOX (UNSEEN 0)\nS: * STATUS INBOX (UNSEEN 0)\n"
    async with pool_to(NOTIFIES + subscribed(numbers) + IDLE + later) as (pool, server), watching(pool) as (told, _):
        await told.until(("notify",))
        server.events["armed"].set()
        await told.until({"INBOX"})
        await told.until({"INBOX"})
        assert told.all == [("notify",), {"INBOX"}, {"INBOX"}], "without HIGHESTMODSEQ the same numbers prove nothing"


async def test_events_that_the_server_does_not_know_are_left_out():
    refusal = f"C: {ALL_EVENTS}\nS: %t NO [BADEVENT (MessageNew MessageExpunge FlagChange)] no such event\n"
    script = NOTIFIES + refusal + subscribed(events=FEW_EVENTS) + IDLE
    async with pool_to(script) as (pool, _), watching(pool) as (told, _):
        await told.until(("notify",))


@pytest.mark.parametrize(
    "refusal",
    [
        f"C: {ALL_EVENTS}\nS: %t BAD what\n",
        f"C: {ALL_EVENTS}\nS: %t NO not now\n",
        f"C: {ALL_EVENTS}\nS: %t NO [NOTIFICATIONOVERFLOW] too much\n",
        f"C: {ALL_EVENTS}\nS: %t OK [NOTIFICATIONOVERFLOW] too much\n",
        f"C: {ALL_EVENTS}\nS: %t NO [BADEVENT ()] no\nC: {FEW_EVENTS}\nS: %t NO [BADEVENT ()] no\n",
        subscribed() + "C: IDLE\nS: %t NO not with that\n" + NONE,
    ],
)
async def test_a_server_that_does_not_notify_is_idled_on(refusal):
    script = NOTIFIES + refusal + examined() + IDLE
    async with pool_to(script) as (pool, _), watching(pool, "INBOX") as (told, _):
        assert await told.until(("idle", "INBOX")) == [("idle", "INBOX")]


@pytest.mark.parametrize("status", ["OK", "NO"])
async def test_when_too_much_happens_at_once_the_watch_begins_anew_on_another_connection(status):
    script = NOTIFIES + subscribed() + IDLE + f"wait armed\nS: * {status} [NOTIFICATIONOVERFLOW] too much"
    async with pool_to(script) as (pool, server), watching(pool) as (told, watch):
        await told.until(("notify",))
        server.events["armed"].set()
        with pytest.raises(ConnectionLost, match="too much happened"):
            await watch
        assert told.since() == ["lost"]
        assert pool.open_now == 0


async def test_when_a_mailbox_becomes_another_one_the_watch_begins_anew_on_another_connection():
    """Dovecot 2.3 tells nothing more of an INBOX whose UIDVALIDITY changed, however much comes."""
    script = NOTIFIES + subscribed("INBOX (MESSAGES 1 UIDVALIDITY 7)") + IDLE
    script += "wait armed\nS: * STATUS INBOX (UIDVALIDITY 7 MESSAGES 2)\nS: * STATUS INBOX (UIDVALIDITY 8 MESSAGES 2)"
    async with pool_to(script) as (pool, server), watching(pool) as (told, watch):
        await told.until(("notify",))
        server.events["armed"].set()
        with pytest.raises(ConnectionLost, match="became another one"):
            await watch
        assert told.since() == [{"INBOX"}, {"INBOX"}, "lost"]


async def test_a_session_is_lent_to_workers_only_when_it_is_told_nothing_more():
    work = 'C: SELECT "Work"\nS: * 1 EXISTS\nS: %t OK [READ-WRITE] there\n'
    back = "C: UNSELECT\nS: %t OK closed\n" + subscribed("INBOX (MESSAGES 1)", "Work (MESSAGES 2)") + IDLE
    script = NOTIFIES + subscribed("INBOX (MESSAGES 1)", "Work (MESSAGES 2)") + IDLE + DONE + NONE + work + back
    async with pool_to(script + "S: * STATUS Work (MESSAGES 3)") as (pool, _), watching(pool) as (told, _):
        await told.until(("notify",))
        async with pool.session() as session:
            await session.select("Work")
        assert await told.until({"Work"}) == [{"Work"}], "what is as it was is not told on return"


async def test_a_session_that_is_still_told_of_mailboxes_is_not_left_to_others(monkeypatch):
    arm = AllMailboxes.arm

    async def cancelled_just_then(post, session):
        await arm(post, session)
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    monkeypatch.setattr(AllMailboxes, "arm", cancelled_just_then)
    async with pool_to(NOTIFIES + subscribed()) as (pool, _), watching(pool) as (_, watch):
        await asyncio.wait([watch])
        assert watch.cancelled()
        assert (pool.opened, pool.open_now) == (1, 0)


async def test_mailboxes_that_changed_came_or_went_during_the_work_are_told_on_return():
    back = subscribed("INBOX (MESSAGES 2)", "New (MESSAGES 0)", "Same (MESSAGES 9 UNSEEN 1)") + IDLE
    script = NOTIFIES + subscribed("INBOX (MESSAGES 1)", "Old (MESSAGES 2)", "Same (MESSAGES 9)") + IDLE + DONE + NONE
    async with pool_to(script + "C: NOOP\nS: %t OK done\n" + back) as (pool, _), watching(pool) as (told, _):
        await told.until(("notify",))
        async with pool.session() as session:
            await session.noop()
        assert await told.until({"INBOX"}) == ["restructured", {"INBOX"}]


async def test_a_server_that_does_not_stop_telling_loses_its_connection():
    script = NOTIFIES + subscribed() + IDLE + DONE + "C: NOTIFY NONE\nS: %t NO I go on"
    async with pool_to(script, POLLS + "C: NOOP\nS: %t OK done") as (pool, _), watching(pool) as (told, watch):
        await told.until(("notify",))
        async with pool.session() as session:
            await session.run(commands.noop())
        with pytest.raises(ConnectionLost, match="does not stop telling"):
            await watch
        assert pool.opened == 2
