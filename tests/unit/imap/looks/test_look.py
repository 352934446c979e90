"""Which way of looking is taken, what it costs, and what it asks for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.contract.worlds import Baseline
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox
from tests.fakes.scripted_server import serve

from postboat.config.schema import Secret, ServerConfig
from postboat.errors import FolderError, KeysRenewed
from postboat.imap.checkpoint import read_anchors, read_checkpoint
from postboat.imap.dial import connect
from postboat.imap.looks import esearch, plain
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.pool import Pool
from postboat.model import FLAGGED, NO_FLAGS, SEEN, Glimpse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from postboat.imap.session import Session
    from postboat.model import Changes, Flags, Key

WIRE = b"Subject: one\r\n\r\nbody\r\n"
DELTAS = ["qresync", "condstore", "condstore without esearch"]
NUMBERS = """
    S: * FLAGS (\\Seen)
    S: * {exists} EXISTS
    S: * OK [UIDVALIDITY 7] valid
    S: * OK [UIDNEXT {uidnext}] next
    S: * OK [HIGHESTMODSEQ {modseq}] highest
"""


class Frugal(Baseline):
    """A ledger that is asked for few messages only, and for none when nothing happened."""

    asked = 0

    async def count(self) -> int:
        self.asked += 1
        return await super().count()

    async def flags(self) -> Mapping[Key, Flags]:
        raise AssertionError("the whole ledger is read")


def server_of(count: int, way: str = "plain", more: str = "") -> LyingServer:
    server = LyingServer(f"{WAYS[way]} {more}".strip())
    for _ in range(count):
        server.inbox.put(WIRE)
    return server


async def look(pool: Pool[Session], known: Baseline, name: str = "INBOX") -> Changes:
    changes = await ImapMailbox(pool, name).changes(known)
    known.agree(changes)
    return changes


@asynccontextmanager
async def scripted(script: str) -> AsyncIterator[Pool[Session]]:
    """A pool of one session to a server that expects exactly this dialogue."""

    async def password(_: str | None) -> tuple[str, Secret]:
        return "me", Secret("pw")

    async with serve(script) as server:
        remote = ServerConfig(
            name="r",
            remotehost="127.0.0.1",
            remoteport=server.port,
            remoteuser="me",
            ssl=False,
            starttls=False,
            timeout=5,
        )
        pool: Pool[Session] = Pool(lambda: connect(remote, password), 1)
        yield pool
        pool_session = next(iter(pool._open), None)
        if pool_session is not None:
            pool_session.abort()


# ---- what it costs


async def test_with_qresync_the_questions_go_out_with_the_select_and_removals_are_confirmed() -> None:
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC] Dovecot ready
    C: ENABLE QRESYNC
    S: * ENABLED QRESYNC
    S: %t OK enabled
    C: SELECT "INBOX" \\(QRESYNC \\(7 20\\)\\)
    C: UID FETCH 4:4294967295 \\(UID FLAGS RFC822.SIZE\\)
    {NUMBERS.format(exists=3, uidnext=5, modseq=25)}
    S: * VANISHED (EARLIER) 2
    S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (24))
    S: * 3 FETCH (UID 4 FLAGS () MODSEQ (25))
    S: %2 OK [READ-WRITE] selected
    S: * 3 FETCH (UID 4 FLAGS () RFC822.SIZE 70)
    S: %3 OK fetched
    C: SELECT "INBOX" \\(CONDSTORE\\)
    C: UID FETCH 2 \\(UID FLAGS\\)
    {NUMBERS.format(exists=3, uidnext=5, modseq=25)}
    S: %4 OK [READ-WRITE] selected
    S: %5 OK fetched
    """
    known = Frugal({"1": NO_FLAGS, "2": NO_FLAGS, "3": NO_FLAGS}, checkpoint="[7, 4, 3, 20]")
    async with scripted(script) as pool:
        changes = await look(pool, known)
    assert changes.vanished == {"2"}
    assert changes.reflagged == {"1": {SEEN}}
    assert [(m.key, m.size) for m in changes.appeared.values()] == [("4", 70)]
    assert changes.checkpoint == "[7, 5, 3, 25]\n[[4, 70]]"


async def test_with_condstore_too() -> None:
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1 CONDSTORE ESEARCH] Dovecot ready
    C: SELECT "INBOX" \\(CONDSTORE\\)
    C: UID FETCH 1:3 \\(UID FLAGS\\) \\(CHANGEDSINCE 20\\)
    C: UID FETCH 4:4294967295 \\(UID FLAGS RFC822.SIZE\\)
    {NUMBERS.format(exists=4, uidnext=5, modseq=25)}
    S: %1 OK [READ-WRITE] selected
    S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (24))
    S: %2 OK fetched
    S: * 4 FETCH (UID 4 FLAGS () RFC822.SIZE 70)
    S: %3 OK fetched
    """
    known = Frugal({"1": NO_FLAGS, "2": NO_FLAGS, "3": NO_FLAGS}, checkpoint="[7, 4, 3, 20]")
    async with scripted(script) as pool:
        changes = await look(pool, known)
    assert (changes.reflagged, set(changes.appeared), changes.vanished) == ({"1": {SEEN}}, {"4"}, frozenset())


async def test_without_either_the_windows_go_out_with_the_select() -> None:
    script = f"""
    S: * PREAUTH [CAPABILITY IMAP4rev1] Dovecot ready
    C: SELECT "INBOX"
    C: UID FETCH 1:3 \\(UID FLAGS\\)
    C: UID FETCH 4:4294967295 \\(UID FLAGS RFC822.SIZE\\)
    {NUMBERS.format(exists=1, uidnext=5, modseq=25)}
    S: %1 OK [READ-WRITE] selected
    S: * 1 FETCH (UID 3 FLAGS ())
    S: %2 OK fetched
    S: %3 OK fetched
    """
    async with scripted(script) as pool:
        changes = await look(pool, Baseline({"1": NO_FLAGS, "3": NO_FLAGS}))
    assert changes.vanished == {"1"}


@pytest.mark.parametrize("way", DELTAS)
async def test_a_delta_reads_no_more_of_the_ledger_than_what_changed(way: str) -> None:
    server = server_of(20, way)
    async with server.pool() as pool:
        known = Frugal()
        known.agree(await ImapMailbox(pool, "INBOX").changes(Baseline()))
        server.inbox.put(WIRE)
        server.inbox.flag(4, SEEN)
        if way == "qresync":
            server.inbox.drop(7)
        changes = await look(pool, known)
    assert (set(changes.appeared), set(changes.reflagged)) == ({"21"}, {"4"})
    assert changes.vanished == ({"7"} if way == "qresync" else set())


@pytest.mark.parametrize("way", DELTAS)
async def test_equal_numbers_read_nothing_of_it(way: str) -> None:
    server = server_of(20, way)
    async with server.pool() as pool:
        known = Frugal()
        known.agree(await ImapMailbox(pool, "INBOX").changes(Baseline()))
        assert (await look(pool, known)).nothing
    assert not known.asked
    assert len(server.commands("SELECT")) == 2


async def test_what_we_stored_ourselves_is_not_new() -> None:
    server = server_of(3, "qresync")
    async with server.pool() as pool:
        known = Frugal()
        known.agree(await ImapMailbox(pool, "INBOX").changes(Baseline()))
        known.flags_by_key[str(server.inbox.put(WIRE, SEEN))] = frozenset({SEEN})
        changes = await look(pool, known)
    assert changes.nothing
    assert changes.checkpoint is not None


# ---- which way


async def test_few_messages_are_listed_and_many_are_asked_for_by_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esearch, "FEW", 5)
    server = server_of(4, "esearch")
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        await look(pool, known)
        assert not server.commands("UID SEARCH")
        server.inbox.put(WIRE)
        await look(pool, known)
        server.inbox.flag(3, SEEN, "Work")
        listed = len(server.commands("UID FETCH 1:"))
        assert (await look(pool, known)).reflagged == {"3": {SEEN, "Work"}}
    assert server.commands("UID SEARCH RETURN (ALL COUNT) UID 1:4294967295 KEYWORD Work")
    assert len(server.commands("UID FETCH 1:")) == listed


async def test_a_keyword_we_know_is_searched_for_even_when_it_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)
    server = server_of(4, "esearch")
    server.inbox.flag(2, "Work")

    def without_work(answer: Answer, _: bytes) -> Answer:
        return Answer([line.replace(b" Work", b"") for line in answer.untagged], answer.tagged)

    server.lies["SELECT"] = without_work
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        assert (await look(pool, known)).nothing
    assert server.commands("UID SEARCH")


@pytest.mark.parametrize("keywords", [[f"k{n}" for n in range(30)], ["odd]one"]])
async def test_very_many_or_odd_keywords_are_listed(monkeypatch: pytest.MonkeyPatch, keywords: list[str]) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)
    server = server_of(4, "esearch")
    server.inbox.flag(2, *keywords)
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        assert (await look(pool, known)).nothing
    assert known.flags_by_key["2"] == set(keywords)
    assert not server.commands("UID SEARCH")


@pytest.mark.parametrize("way", WAYS)
async def test_an_emptied_mailbox_is_asked_in_two_ways(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)
    server = server_of(3, way)
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        server.inbox.drop(1, 2, 3)
        assert (await look(pool, known)).vanished == {"1", "2", "3"}
    assert server.commands("UID SEARCH")


@pytest.mark.parametrize("way", WAYS)
async def test_a_mailbox_made_anew_under_its_old_uidvalidity_is_noticed(way: str) -> None:
    server = server_of(3, way)
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        server.boxes["INBOX"] = Mailbox()
        server.inbox.put(WIRE)
        with pytest.raises(KeysRenewed):
            await look(pool, known)


@pytest.mark.parametrize("way", WAYS)
async def test_messages_left_unpaired_and_removals_not_repeated_stay_told(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under a policy that keeps one side as it is: the ledger and the mailbox differ for good."""
    monkeypatch.setattr(esearch, "FEW", 1)
    server = server_of(6, way)
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        server.inbox.put(WIRE)
        server.inbox.drop(2)
        first = await ImapMailbox(pool, "INBOX").changes(known)
        known.checkpoint = first.checkpoint
        server.inbox.put(WIRE)
        second = await ImapMailbox(pool, "INBOX").changes(known)
        known.checkpoint = second.checkpoint
        server.inbox.drop(5)
        third = await ImapMailbox(pool, "INBOX").changes(known)
    assert (set(first.appeared), first.vanished) == ({"7"}, {"2"})
    assert "8" in second.appeared
    assert "5" in third.vanished


async def test_a_checkpoint_is_of_no_use_once_the_server_keeps_no_mod_sequences() -> None:
    server = server_of(3, "condstore")
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
    server.capabilities = WAYS["plain"]
    server.inbox.drop(2)
    async with server.pool() as pool:
        assert (await look(pool, known)).vanished == {"2"}
    assert read_checkpoint(known.checkpoint) is None
    assert not server.commands("UID FETCH 1:3 (UID FLAGS) (")


# ---- what it asks for


@pytest.mark.parametrize(("capability", "item"), [("OBJECTID", "EMAILID"), ("X-GM-EXT-1", "X-GM-MSGID")])
async def test_the_name_of_a_message_in_all_mailboxes_is_asked_for_where_there_is_one(
    capability: str, item: str
) -> None:
    server = server_of(2, "condstore", capability)
    server.lies["UID FETCH"] = lambda answer, command: Answer(
        [
            line.replace(b" FLAGS", b" EMAILID (M12) FLAGS" if item == "EMAILID" else b" X-GM-MSGID 12 FLAGS")
            for line in answer.untagged
        ]
        if item.encode() in command
        else answer.untagged
    )
    async with server.pool() as pool:
        known = Baseline()
        first = await look(pool, known)
        server.inbox.put(WIRE)
        server.inbox.flag(1, FLAGGED)
        second = await look(pool, known)
    assert {m.mark for m in [*first.appeared.values(), *second.appeared.values()]} <= {"M12", "12"}
    assert all(message.mark for message in second.appeared.values())
    assert server.commands("UID FETCH 1:2 (UID FLAGS) (CHANGEDSINCE")


async def test_a_known_validity_needs_no_server() -> None:
    server = server_of(1)
    async with server.pool() as pool:
        box = ImapMailbox(pool, "INBOX", owner="me@here", glimpse=Glimpse("7 me@here"))
        assert await box.validity() == "7 me@here"
        assert not server.said
        assert set((await box.changes(Baseline())).appeared) == {"1"}
        server.inbox.uidvalidity = 8
        with pytest.raises(FolderError, match="changed its UIDVALIDITY"):
            await box.changes(Baseline())


async def test_an_unknown_one_is_asked_for() -> None:
    server = server_of(1)
    async with server.pool() as pool:
        box = ImapMailbox(pool, "INBOX", owner="me@here", glimpse=Glimpse(""))
        assert await box.validity() == "7 me@here"
    assert len(server.commands("SELECT")) == 1


# ---- sharing


async def test_readers_who_share_a_session_do_not_take_one_anothers_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "WINDOW", 3)
    server = server_of(40)
    server.boxes["Other"] = Mailbox(uidvalidity=9)
    for _ in range(31):
        server.boxes["Other"].put(WIRE, "\\Flagged")
    async with server.pool(1) as pool:
        known = {name: Baseline() for name in server.boxes}
        await asyncio.gather(*(look(pool, baseline, name) for name, baseline in known.items()))
        assert [len(baseline.flags_by_key) for baseline in known.values()] == [40, 31]
        server.inbox.drop(5, 33)
        server.boxes["Other"].flag(7, SEEN)
        inbox, other = await asyncio.gather(*(look(pool, baseline, name) for name, baseline in known.items()))
    assert (inbox.vanished, inbox.reflagged, inbox.complete) == ({"5", "33"}, {}, True)
    assert (other.vanished, other.reflagged, other.complete) == (frozenset(), {"7": {SEEN}}, True)
    assert len(server.commands('SELECT "INBOX"')) > 2
    assert len(server.commands("UID FETCH 13:15 ")) == 2  # once in each: none had to be asked again


# ---- UIDs given out a second time


@pytest.mark.parametrize("way", WAYS)
async def test_a_newest_message_of_another_size_is_another_message(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number has grown past where it was: only the message itself tells that the server was set back."""
    monkeypatch.setattr(esearch, "FEW", 1)
    server = server_of(3, way)
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        await look(pool, known)
        server.inbox.mail[2].wire = WIRE + b"another\r\n"
        server.inbox.put(WIRE)
        with pytest.raises(KeysRenewed):
            await look(pool, known)


@pytest.mark.parametrize("way", WAYS)
async def test_a_newest_message_that_is_gone_hands_its_office_on(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)
    server = server_of(3, way)
    async with server.pool() as pool:
        known = Baseline()
        await look(pool, known)
        server.inbox.drop(3)
        assert (await look(pool, known)).vanished == {"3"}
        assert [anchor.uid for anchor in read_anchors(known.checkpoint)] == [1, 2]
        server.inbox.flag(2, SEEN)
        assert (await look(pool, known)).reflagged == {"2": {SEEN}}
        server.inbox.mail[1].wire = WIRE + b"another\r\n"
        server.inbox.put(WIRE)
        with pytest.raises(KeysRenewed):
            await look(pool, known)
