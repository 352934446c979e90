"""A mailbox on servers that lie, forget, hide and refuse."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.worlds import Baseline
from tests.fakes.lying_server import Answer, LyingServer, Mailbox

from postboat.errors import ConnectionLost, FolderError, FolderGone, KeysRenewed
from postboat.imap.checkpoint import read_checkpoint
from postboat.imap.folders import ImapFolders
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.marking import LEFT
from postboat.imap.recover import Token
from postboat.imap.session import Session
from postboat.imap.uploads import NOT_FOUND
from postboat.imap.wire.uid_set import UidSet
from postboat.model import (
    DELETED,
    FLAGGED,
    NO_FLAGS,
    SEEN,
    Content,
    Gone,
    Intent,
    Marked,
    Reflagging,
    Refused,
    Side,
    Stored,
    Unreadable,
    Unsettled,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from postboat.model import Flags, Key

POOR = "IMAP4REV1"
DATE = 1_577_836_800.0  # what the server gives by itself
ONE = b"Subject: one\r\n\r\nbody of one\r\n"
TWO = b"Subject: two\r\n\r\nbody of two, longer\r\n"


@asynccontextmanager
async def mailbox(server: LyingServer, *, size: int = 1, **options: bool) -> AsyncIterator[ImapMailbox]:
    async with server.pool(size) as pool:
        yield ImapMailbox(pool, "INBOX", **options)


def content(key: Key, wire: bytes, flags: Flags = NO_FLAGS, date: float | None = DATE) -> Content:
    return Content(key, flags, date, len(wire), wire)


async def read(box: ImapMailbox, *keys: Key) -> list[Content | Gone | Unreadable]:
    async with aclosing(box.read(keys)) as items:  # type: ignore[type-var]
        return [item async for item in items]


async def store(box: ImapMailbox, *contents: Content) -> Sequence[Stored | Refused | Unsettled]:
    return await box.store(contents, await box.intend(contents))


def without(*begin: bytes) -> Callable[[Answer, bytes], Answer]:
    """Leave out untagged responses that hold one of `begin`."""
    return lambda answer, _: Answer([u for u in answer.untagged if not any(b in u for b in begin)], answer.tagged)


def once(lie: Callable[[Answer, bytes], Answer | None]) -> Callable[[Answer, bytes], Answer | None]:
    """Lie the first time only."""
    told: list[bytes] = []

    def maybe(answer: Answer, command: bytes) -> Answer | None:
        told.append(command)
        return lie(answer, command) if len(told) == 1 else answer

    return maybe


def refuse(text: bytes) -> Callable[[Answer, bytes], Answer]:
    return lambda _answer, _command: Answer(tagged=text)


def knows(*uids: int, flags: Flags = NO_FLAGS, checkpoint: str | None = None) -> Baseline:
    return Baseline({str(uid): flags for uid in uids}, checkpoint=checkpoint, validity="7")


# ---- identity


async def test_without_a_uidvalidity_nothing_is_written() -> None:
    server = LyingServer()
    server.lies["SELECT"] = without(b"UIDVALIDITY")
    async with mailbox(server) as box:
        with pytest.raises(FolderError, match="UIDVALIDITY"):
            await box.delete(["1"], expunge=True)
        with pytest.raises(FolderError, match="UIDVALIDITY"):
            await box.store([content("a", ONE)], ["token"])
    assert not server.commands("UID", "APPEND")


async def test_a_uidvalidity_that_changes_during_the_run_stops_the_folder() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        assert await box.validity() == "7"
        await box.changes(knows())
        server.inbox.uidvalidity = 8
        with pytest.raises(FolderError, match="changed its UIDVALIDITY"):
            await box.delete(["1"], expunge=True)
        with pytest.raises(FolderError, match="changed its UIDVALIDITY"):
            await box.reflag([Reflagging("1", add=frozenset({SEEN}))])
    assert not server.commands("UID STORE", "UID EXPUNGE")


async def test_the_same_uidvalidity_at_another_owner_is_another_validity() -> None:
    server = LyingServer()
    async with server.pool() as pool:
        told = {await ImapFolders(pool, owner=who).mailbox("INBOX").validity() for who in ("a@x", "b@x", "a@y", "")}
        missing = ImapFolders(pool, owner="a@x").mailbox("None", may_be_missing=True)
        assert await missing.validity() == ""
    assert told == {"7 a@x", "7 b@x", "7 a@y", "7"}


async def test_tokens_hold_the_uidvalidity_without_the_owner() -> None:
    server = LyingServer()
    async with server.pool() as pool:
        tokens = await ImapMailbox(pool, "INBOX", owner="a@x").intend([content("a", ONE)])
        server.inbox.put(ONE)
        found = await ImapMailbox(pool, "INBOX", owner="b@x").find([Intent(Side.REMOTE, "a", tokens[0], NO_FLAGS)])
    assert found == {"a": Stored("a", "1")}


async def test_a_uidnext_not_above_the_agreed_uids_means_that_keys_were_given_out_anew() -> None:
    server = LyingServer()
    for wire in (ONE, TWO):
        server.inbox.put(wire)
    async with mailbox(server) as box:
        with pytest.raises(KeysRenewed):
            await box.changes(knows(1, 2, 3))
        assert (await box.changes(knows(1, 2))).nothing


def lags_behind(answer: Answer, _: bytes) -> Answer:
    """UIDNEXT is one too low."""
    lower = [re.sub(rb"UIDNEXT (\d+)", lambda told: b"UIDNEXT %d" % (int(told[1]) - 1), u) for u in answer.untagged]
    return Answer(lower, answer.tagged)


async def test_a_uidnext_that_is_always_too_low_proves_nothing() -> None:
    server = LyingServer()
    for wire in (ONE, TWO):
        server.inbox.put(wire)
    server.lies["SELECT"] = lags_behind
    async with mailbox(server) as box:
        assert (await box.changes(knows(1, 2))).nothing
        server.inbox.mail.pop(0)
        assert (await box.changes(knows(1, 2))).vanished == {"1"}


async def test_mail_that_comes_while_we_look_does_not_hide_that_keys_were_given_out_anew() -> None:
    server = LyingServer()
    for wire in (ONE, TWO):
        server.inbox.put(wire)

    def comes_just_before(answer: Answer, command: bytes) -> Answer:
        server.inbox.put(ONE)
        return Answer([b"3 EXISTS", b"SEARCH 3"])

    server.lies["UID SEARCH"] = comes_just_before
    async with mailbox(server) as box:
        with pytest.raises(KeysRenewed):
            await box.changes(knows(1, 2, 3))
    assert len(server.commands("UID SEARCH")) == 1


async def test_a_uidnext_below_that_of_the_checkpoint_means_so_too() -> None:
    server = LyingServer()
    for wire in (ONE, TWO, ONE):
        server.inbox.put(wire)
    async with mailbox(server) as box:
        checkpoint = (await box.changes(knows())).checkpoint
    server.boxes["INBOX"] = Mailbox()
    async with mailbox(server) as box:
        with pytest.raises(KeysRenewed):
            await box.changes(knows(checkpoint=checkpoint))


async def test_an_emptied_mailbox_with_a_uidnext_that_can_be_is_an_empty_one() -> None:
    server = LyingServer()
    server.inbox.uidnext = 3
    async with mailbox(server) as box:
        assert (await box.changes(knows(1, 2))).vanished == {"1", "2"}


async def test_a_server_that_tells_no_uidnext_is_believed() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.lies["SELECT"] = without(b"UIDNEXT")
    async with mailbox(server) as box:
        assert (await box.changes(knows(1, 2))).vanished == {"2"}


async def test_a_folder_that_is_gone_is_told() -> None:
    server = LyingServer()
    del server.boxes["INBOX"]
    async with mailbox(server) as box:
        with pytest.raises(FolderGone):
            await box.validity()


async def test_a_folder_that_may_be_missing_is_empty() -> None:
    server = LyingServer()
    del server.boxes["INBOX"]
    async with mailbox(server, read_only=True, may_be_missing=True) as box:
        assert await box.validity() == ""
        changes = await box.changes(knows(1, 2))
        assert changes.nothing
        assert await box.find([Intent(Side.REMOTE, "a", "[]", NO_FLAGS)]) == {}


async def test_a_folder_opened_for_reading_only_is_never_written_to() -> None:
    server = LyingServer()
    server.inbox.put(ONE, SEEN)
    async with mailbox(server, read_only=True) as box:
        assert (await box.changes(knows())).appeared["1"].flags == {SEEN}
        for work in (box.delete(["1"], expunge=True), box.reflag([Reflagging("1", remove=frozenset({SEEN}))])):
            with pytest.raises(FolderError, match="reading only"):
                await work
        with pytest.raises(FolderError, match="reading only"):
            await store(box, content("a", ONE))
    assert not server.commands("SELECT", "UID STORE", "APPEND")


async def test_of_two_servers_a_folders_failure_says_whose_it_is() -> None:
    server = LyingServer()
    async with server.pool(1) as pool:
        pool.called = "New: "
        with pytest.raises(FolderError, match=r"^New: the server opened the folder for reading only$"):
            await store(ImapMailbox(pool, "INBOX", read_only=True), content("1", ONE))
        del server.boxes["INBOX"]
        with pytest.raises(FolderGone, match=r"^New: the server has no such folder"):
            await ImapMailbox(pool, "INBOX").validity()


async def test_a_folder_that_turns_out_read_only_says_so_and_is_read_all_the_same() -> None:
    server = LyingServer()
    server.inbox.put(ONE, SEEN)
    server.lies["SELECT"] = lambda answer, _: Answer(answer.untagged, b"OK [READ-ONLY] selected")
    async with mailbox(server) as box:
        first = await box.changes(knows(1))
        again = await box.changes(knows(1, flags=frozenset({SEEN}), checkpoint=first.checkpoint))
    assert (first.readonly, dict(first.reflagged)) == (True, {"1": {SEEN}})
    assert (again.readonly, again.nothing, len(server.commands("UID SEARCH"))) == (True, True, 0)


async def test_a_folder_that_was_to_be_opened_for_reading_only_did_not_turn_out_so() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    async with mailbox(server, read_only=True) as box:
        first = await box.changes(knows())
        again = await box.changes(knows(1, checkpoint=first.checkpoint))
    assert not first.readonly
    assert not again.readonly


async def test_learning_the_validity_and_looking_take_one_select() -> None:
    server = LyingServer()
    async with mailbox(server) as box:
        await box.validity()
        await box.changes(knows())
        assert len(server.commands("SELECT")) == 1
        await box.changes(knows())
        assert len(server.commands("SELECT")) == 2


# ---- looking


async def test_an_unchanged_mailbox_is_not_listed() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        first = await box.changes(knows())
        assert first.checkpoint is not None
        shown: list[Answer] = []
        server.lies["UID FETCH"] = lambda answer, _: shown.append(answer) or answer
        assert (await box.changes(knows(1, checkpoint=first.checkpoint))).nothing
        assert sum(len(answer.untagged) for answer in shown) == 1, "the newest is shown, to be known again"


@pytest.mark.parametrize("number", ["uidnext", "highestmodseq", "mail"])
async def test_one_changed_number_is_enough_to_look(number: str) -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.put(TWO)
    async with mailbox(server) as box:
        checkpoint = (await box.changes(knows())).checkpoint
        if number == "mail":
            server.inbox.mail.pop()
        else:
            setattr(server.inbox, number, getattr(server.inbox, number) + 1)
        changes = await box.changes(knows(1, 2, checkpoint=checkpoint))
        assert changes.vanished == ({"2"} if number == "mail" else set())
        assert changes.checkpoint not in (None, checkpoint)


@pytest.mark.parametrize("missing", [b"HIGHESTMODSEQ", b"UIDNEXT"])
async def test_without_proof_there_is_no_checkpoint(missing: bytes) -> None:
    server = LyingServer()
    server.lies["SELECT"] = without(missing)
    async with mailbox(server) as box:
        assert (await box.changes(knows())).checkpoint is None


async def test_a_modseq_without_the_capability_proves_nothing() -> None:
    server = LyingServer("IMAP4REV1 UIDPLUS")
    server.lies["SELECT"] = lambda answer, _: Answer([*answer.untagged, b"OK [HIGHESTMODSEQ 7] so"], answer.tagged)
    async with mailbox(server) as box:
        assert read_checkpoint((await box.changes(knows())).checkpoint) is None


async def test_the_checkpoint_is_older_than_what_happened_during_the_look() -> None:
    server = LyingServer()
    server.inbox.put(ONE)

    def meanwhile(answer: Answer, _: bytes) -> Answer:
        server.inbox.put(TWO)
        return answer

    server.lies["UID FETCH"] = once(meanwhile)
    async with mailbox(server) as box:
        first = await box.changes(knows())
        assert set(first.appeared) == {"1"}
        second = await box.changes(knows(1, checkpoint=first.checkpoint))
        assert set(second.appeared) == {"2"}


async def test_a_listing_cut_short_is_asked_for_again() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.put(TWO)
    server.lies["UID FETCH"] = once(without(b"UID 2 "))
    async with mailbox(server) as box:
        changes = await box.changes(knows(1, 2))
    assert changes.complete
    assert not changes.vanished
    assert len(server.commands("UID FETCH 1:2 ")) == len(server.commands("SELECT")) == 2


async def test_a_listing_cut_short_twice_deletes_nothing() -> None:
    server = LyingServer()
    for wire in (ONE, TWO, ONE):
        server.inbox.put(wire)
    server.lies["UID FETCH"] = without(b"UID 2 ")
    async with mailbox(server) as box:
        changes = await box.changes(knows(1, 2))
    assert not changes.complete
    assert not changes.vanished
    assert changes.checkpoint is None
    assert set(changes.appeared) == {"3"}


async def test_an_expunge_in_the_middle_of_the_listing_is_counted() -> None:
    server = LyingServer()
    for wire in (ONE, TWO, ONE):
        server.inbox.put(wire)

    def expunged(answer: Answer, _: bytes) -> Answer:
        del server.inbox.mail[1]
        return Answer([answer.untagged[0], b"2 EXPUNGE", b"2 FETCH (UID 3 FLAGS ())"], answer.tagged)

    server.lies["UID FETCH"] = once(expunged)
    async with mailbox(server) as box:
        changes = await box.changes(knows(1, 2, 3))
    assert changes.complete
    assert changes.vanished == {"2"}


async def test_data_without_a_uid_belongs_to_no_message() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.lies["UID FETCH"] = lambda a, _: Answer([b"1 FETCH (FLAGS (\\Seen))", *a.untagged], a.tagged)
    async with mailbox(server) as box:
        assert (await box.changes(knows(1))).nothing


async def test_more_messages_listed_than_there_are_prove_nothing() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.uidnext = 10
    server.lies["UID FETCH"] = lambda a, _: Answer([*a.untagged, b"2 FETCH (UID 9 FLAGS ())"], a.tagged)
    async with mailbox(server) as box:
        changes = await box.changes(knows(1, 2))
    assert not changes.complete
    assert not changes.vanished


async def test_an_empty_mailbox_is_believed_only_when_a_search_agrees() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.lies["SELECT"] = without(b"EXISTS")
    async with mailbox(server) as box:
        assert not (await box.changes(knows(1))).complete
        server.inbox.mail.clear()
        assert (await box.changes(knows(1))).vanished == {"1"}
    assert server.commands("UID SEARCH")


async def test_flags_the_server_cannot_keep_are_not_missed() -> None:
    server = LyingServer()
    server.inbox.put(ONE, "\\Seen")
    server.lies["SELECT"] = lambda answer, _: Answer(
        [u.replace(b"\\Answered \\Flagged \\Deleted \\Draft \\*", b"\\Deleted") for u in answer.untagged], answer.tagged
    )
    async with mailbox(server) as box:
        assert (await box.changes(knows(1, flags=frozenset({SEEN, FLAGGED, "$Forwarded"})))).nothing
        assert not await box.reflag([Reflagging("1", add=frozenset({FLAGGED}), remove=frozenset({"$Forwarded"}))])
    assert not server.commands("UID STORE")


async def test_only_ranges_with_a_number_at_their_end_are_sent() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        await box.changes(knows())
        await read(box, "1")
        await box.fingerprints(["1"])
        await store(box, content("a", TWO))
        await box.reflag([Reflagging("1", add=frozenset({SEEN}))])
        await box.delete(["1"], expunge=True)
        await box.changes(knows(1))
    assert not [c for c in server.commands("UID") if "*" in c.split()[2]]
    assert not server.commands("FETCH", "STORE", "CLOSE", "SEARCH", "EXPUNGE", "COPY")
    assert not [c for c in server.commands("UID STORE") if "FLAGS.SILENT" not in c or " FLAGS" in c]


# ---- reading


async def test_a_message_that_an_ok_passed_over_is_asked_for_again() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.put(TWO)
    server.lies["UID FETCH 1:2 (UID FLAGS INTERNALDATE BODY"] = without(b"UID 2 ")
    async with mailbox(server) as box:
        found = {item.key: item for item in await read(box, "1", "2")}
    assert {key: item.data for key, item in found.items() if isinstance(item, Content)} == {"1": ONE, "2": TWO}


async def test_a_message_that_is_never_sent_is_unreadable() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.put(TWO)
    server.lies["UID FETCH"] = without(b"UID 2 ")
    async with mailbox(server) as box:
        first, second = await read(box, "1", "2")
    assert isinstance(first, Content)
    assert second == Unreadable("2", "the server lists it but does not send it")


@pytest.mark.parametrize("body", [b"BODY[] NIL", b'BODY[] ""', b"BODY[] {0}\r\n"])
async def test_an_empty_body_of_a_message_that_is_not_empty_is_unreadable(body: bytes) -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.lies["UID FETCH 1 (UID FLAGS INTERNALDATE BODY"] = lambda _, __: Answer(
        [b"1 FETCH (UID 1 FLAGS () %s)" % body]
    )
    async with mailbox(server) as box:
        (item,) = await read(box, "1")
    assert isinstance(item, Unreadable)


async def test_a_message_the_server_refuses_does_not_hold_up_the_others() -> None:
    server = LyingServer()
    for number in range(9):
        server.inbox.put(b"Subject: %d\r\n\r\n" % number)

    def fails(answer: Answer, command: bytes) -> Answer:
        whole = any(b"UID 5 " in untagged for untagged in answer.untagged) and b"BODY" in command
        return Answer(tagged=b"NO [SERVERBUG] no body") if whole else answer

    server.lies["UID FETCH"] = fails
    async with mailbox(server) as box:
        found = await read(box, *map(str, range(1, 10)))
    assert [item.key for item in found if isinstance(item, Content)] == list("12346789")
    (bad,) = [item for item in found if isinstance(item, Unreadable)]
    assert (bad.key, "no body" in bad.reason) == ("5", True)


EXCHANGE = (
    b"From: Microsoft Exchange Server 2010\r\n"
    b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 1\r\n\r\nThe server ...\r\n"
)
COURIER = b"From: System Administrator <root@localhost>\r\nSubject: message unavailable\r\n\r\nThis message is ...\r\n"


@pytest.mark.parametrize("notice", [EXCHANGE, COURIER])
@pytest.mark.parametrize("size", [100, 2_000_000])
async def test_a_notice_in_place_of_a_message_is_unreadable(notice: bytes, size: int) -> None:
    server = LyingServer()
    server.inbox.put(notice)
    server.lies["UID FETCH"] = lambda a, _: Answer(
        [u.replace(b"RFC822.SIZE %d" % len(notice), b"RFC822.SIZE %d" % size) for u in a.untagged], a.tagged
    )
    async with mailbox(server) as box:
        (item,) = await read(box, "1")
    assert isinstance(item, Unreadable)
    assert "notice" in item.reason


@pytest.mark.parametrize("size", [100, 2_000_000])
async def test_a_notice_in_place_of_a_message_that_went_means_gone(size: int) -> None:
    server = LyingServer()
    server.inbox.put(COURIER)
    server.lies["UID FETCH"] = lambda a, _: Answer(
        [u.replace(b"RFC822.SIZE %d" % len(COURIER), b"RFC822.SIZE %d" % size) for u in a.untagged], a.tagged
    )
    server.lies["UID SEARCH"] = lambda _, __: Answer([b"SEARCH"])
    async with mailbox(server) as box:
        assert await read(box, "1") == [Gone("1")]


async def test_a_large_message_whose_stream_is_refused_is_unreadable() -> None:
    server = LyingServer()
    server.inbox.put(b"Subject: large\r\n\r\n" + b"x" * 2_000_000)
    server.inbox.put(ONE)
    server.lies["UID FETCH 1 (UID BODY"] = refuse(b"NO [UNAVAILABLE] not now")
    async with mailbox(server) as box:
        small, large = await read(box, "1", "2")
    assert isinstance(small, Content)
    assert isinstance(large, Unreadable)


async def test_a_large_message_may_be_read_twice_from_one_content() -> None:
    server = LyingServer()
    wire = b"Subject: large\r\n\r\n" + b"x" * 2_000_000
    server.inbox.put(wire)
    async with mailbox(server) as box, aclosing(box.read(["1"])) as items:  # type: ignore[type-var]
        item = await anext(items)
        assert isinstance(item, Content)
        assert item.chunks is not None
        async with aclosing(item.chunks()) as begin:  # type: ignore[type-var]
            await anext(begin)
        assert b"".join([chunk async for chunk in item.chunks()]) == wire


async def test_a_size_that_is_wrong_is_only_a_hint() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.lies["UID FETCH"] = lambda a, _: Answer(
        [u.replace(b"RFC822.SIZE %d" % len(ONE), b"RFC822.SIZE 3000000") for u in a.untagged], a.tagged
    )
    async with mailbox(server) as box, aclosing(box.read(["1"])) as items:  # type: ignore[type-var]
        item = await anext(items)
        assert isinstance(item, Content)
        assert (item.size, item.data) == (len(ONE), ONE)


async def test_no_session_is_held_while_small_messages_are_handed_out() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.put(TWO)
    async with mailbox(server, size=1) as box:
        async with aclosing(box.read(["1", "2"])) as items:  # type: ignore[type-var]
            async for item in items:
                assert not await box.reflag([Reflagging(item.key, add=frozenset({SEEN}))])
    assert [mail.flags for mail in server.inbox.mail] == [{SEEN}, {SEEN}]


# ---- storing


async def test_a_fingerprint_tells_whether_the_header_holds_a_message_id() -> None:
    server = LyingServer()
    server.inbox.put(b"Message-ID: <a@b>\r\n" + ONE)
    server.inbox.put(ONE + b"Message-ID: <a@b>\r\n")
    async with mailbox(server) as box:
        prints = await box.fingerprints(["1", "2"])
    assert [prints[key].named for key in ("1", "2")] == [True, False]


async def test_without_uidplus_stored_messages_are_found_by_their_headers() -> None:
    server = LyingServer(POOR)
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        outcomes = await store(box, content("a", TWO), content("b", ONE), content("c", ONE))
    assert outcomes == [Stored("a", "2"), Stored("b", "3"), Stored("c", "4")]


async def test_two_batches_of_equal_messages_are_never_given_one_uid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen both messages before either of them is told which is its own."""
    fetch, both = Session.fetch, asyncio.Barrier(2)

    async def fetch_together(*words: Any) -> Any:
        await both.wait()
        answer = await fetch(*words)
        await both.wait()
        return answer

    monkeypatch.setattr(Session, "fetch", fetch_together)
    server = LyingServer(POOR)
    async with mailbox(server, size=2) as box:
        stored = await asyncio.gather(store(box, content("a", ONE)), store(box, content("b", ONE)))
    assert {outcome.key for outcomes in stored for outcome in outcomes} == {"1", "2"}


async def test_without_uidnext_too() -> None:
    server = LyingServer(POOR)
    server.inbox.put(ONE)
    server.lies["SELECT"] = without(b"UIDNEXT")
    server.lies["STATUS"] = lambda _, __: Answer([b'STATUS "INBOX" ()'])
    async with mailbox(server) as box:
        assert await store(box, content("a", ONE)) == [Stored("a", "2")]


@pytest.mark.parametrize("code", [b"[APPENDUID 99 2]", b"[APPENDUID 7 0]", b"[APPENDUID 7 1:3]", b"[APPENDUID 7]", b""])
async def test_an_appenduid_that_cannot_be_is_not_believed(code: bytes) -> None:
    server = LyingServer()
    server.inbox.put(TWO)
    server.lies["APPEND"] = lambda answer, _: Answer(answer.untagged, b"OK " + code + b" stored")
    async with mailbox(server) as box:
        assert await store(box, content("a", ONE)) == [Stored("a", "2")]


async def test_one_uid_told_for_two_messages_is_believed_once() -> None:
    server = LyingServer()
    server.lies["APPEND"] = lambda answer, _: Answer(answer.untagged, b"OK [APPENDUID 7 1] stored")
    async with mailbox(server) as box:
        assert await store(box, content("a", ONE), content("b", TWO)) == [Stored("a", "1"), Stored("b", "2")]


async def test_a_server_that_keeps_one_copy_of_equal_messages_gives_its_uid_once() -> None:
    server = LyingServer()

    def same(answer: Answer, _: bytes) -> Answer:
        del server.inbox.mail[1:]
        return Answer([], b"OK [APPENDUID 7 1] Success")

    server.lies["APPEND"] = same
    async with mailbox(server) as box:
        first, second = await store(box, content("a", ONE), content("b", ONE))
    assert first == Stored("a", "1")
    assert isinstance(second, Refused)
    assert "one copy" in second.reason
    assert "as UID 1" in second.reason
    assert second.own_fault


async def test_mail_that_comes_meanwhile_is_not_taken_for_the_second_of_identical_messages() -> None:
    server = LyingServer()

    def same(answer: Answer, _: bytes) -> Answer:
        if len(server.inbox.mail) == 1:
            return answer
        del server.inbox.mail[1:]
        server.inbox.put(b"Subject: from a stranger\r\n\r\n")
        return Answer([], b"OK [APPENDUID 7 1] Success")

    server.lies["APPEND"] = same
    async with mailbox(server) as box:
        first, second = await store(box, content("a", ONE), content("b", ONE))
    assert first == Stored("a", "1")
    assert isinstance(second, Refused)


@pytest.mark.parametrize(
    ("header", "date", "body"),
    [
        (b"Message-ID: <other@x>\r\n", "01-Jan-2020 00:00:00 +0000", b""),
        (b"", "02-Jan-2020 00:00:00 +0000", b""),
        (b"", "01-Jan-2020 00:00:00 +0000", b"x" * 9000),
    ],
)
async def test_mail_that_cannot_be_what_was_stored_is_not_taken_for_it(header: bytes, date: str, body: bytes) -> None:
    server = LyingServer(POOR)

    def filed_elsewhere(answer: Answer, _: bytes) -> Answer:
        server.inbox.mail.pop()
        server.inbox.put(header + b"Subject: from a stranger\r\n\r\n" + body, date=date)
        return answer

    server.lies["APPEND"] = filed_elsewhere
    async with mailbox(server) as box:
        (outcome,) = await store(box, content("a", b"Message-ID: <a@b>\r\n" + ONE))
    assert isinstance(outcome, Unsettled)
    assert "delete this copy" in outcome.reason


async def test_the_only_new_message_is_what_was_stored_however_its_header_looks() -> None:
    server = LyingServer(POOR)
    server.alters = lambda wire: b"X-Changed: yes\r\n" + wire
    async with mailbox(server) as box:
        assert await store(box, content("a", ONE), content("b", ONE)) == [Stored("a", "1"), Stored("b", "2")]


async def test_a_changed_header_and_no_uidplus_leave_date_and_size_to_tell() -> None:
    server = LyingServer(POOR)
    server.alters = lambda wire: b"X-Seen: y\r\n" + wire if len(wire) > len(ONE) else wire.replace(b"one", b"0ne", 1)
    async with mailbox(server) as box:
        outcomes = await store(box, content("a", ONE, date=DATE + 60), content("b", TWO))
    assert outcomes == [Stored("a", "1"), Stored("b", "2")]


def server_that_leaves_it_open(server: LyingServer) -> None:
    """Whatever is stored gets another header and date, and a stranger's mail comes just before it."""
    server.keeps_date = False

    def changes_and_a_stranger_comes(wire: bytes) -> bytes:
        server.inbox.put(b"Subject: a stranger\r\n\r\n")
        return b"X-Changed: y\r\n" + wire

    server.alters = changes_and_a_stranger_comes


async def unsettled(server: LyingServer, wire: bytes, date: float = DATE) -> Intent:
    """What the ledger keeps of a message that was stored under an unknown UID."""
    async with mailbox(server) as box:
        (outcome,) = await store(box, content("a", wire, date=date))
    assert isinstance(outcome, Unsettled)
    return Intent(Side.REMOTE, "a", outcome.token, NO_FLAGS)


async def test_what_is_stored_under_an_unknown_uid_is_never_called_refused() -> None:
    server = LyingServer(POOR)
    server_that_leaves_it_open(server)
    intent = await unsettled(server, ONE)
    async with mailbox(server) as box:
        assert await box.find([intent]) == {"a": Unsettled("a", NOT_FOUND, intent.token)}
        assert not server.commands("NOOP")[1:], "it is not waited for"


async def test_what_is_stored_for_sure_is_still_found_by_its_message_id() -> None:
    server = LyingServer(POOR)
    server_that_leaves_it_open(server)
    server.inbox.put(TWO)
    wire = b"Message-ID: <a@b>\r\n" + ONE
    server.lies["UID FETCH"] = without(b"FETCH")
    intent = await unsettled(server, wire, DATE + 60)
    server.lies.clear()
    async with mailbox(server) as box:
        assert await box.find([intent]) == {"a": Stored("a", "3")}


async def test_the_same_traits_find_nothing_that_may_not_have_been_stored() -> None:
    server = LyingServer(POOR)
    server.keeps_date = False
    async with mailbox(server) as box:
        wire = b"Message-ID: <a@b>\r\n" + ONE
        (token,) = await box.intend([content("a", wire, date=DATE + 60)])
        server.inbox.put(b"X-Changed: y\r\n" + wire)
        assert await box.find([Intent(Side.REMOTE, "a", token, NO_FLAGS)]) == {}


async def test_a_strangers_mail_that_comes_later_is_not_taken_for_what_was_stored() -> None:
    server = LyingServer(POOR)
    server_that_leaves_it_open(server)
    intent = await unsettled(server, ONE)
    server.inbox.put(b"Subject: another stranger\r\n\r\nHello.\r\n")
    async with mailbox(server) as box:
        assert await box.find([intent], paired=["1", "2"]) == {"a": Unsettled("a", NOT_FOUND, intent.token)}


async def test_what_was_stored_in_another_mailbox_is_not_looked_for() -> None:
    server = LyingServer(POOR)
    server_that_leaves_it_open(server)
    intent = await unsettled(server, ONE)
    server.inbox.uidvalidity = 8
    async with mailbox(server) as box:
        assert await box.find([intent]) == {}


async def test_eight_bit_octets_that_become_an_x_are_recognised() -> None:
    server = LyingServer(POOR)
    server.alters = lambda wire: wire.replace(b"\xc3\xa9", b"XX")
    wire = b"Subject: caf\xc3\xa9\r\n\r\n"
    async with mailbox(server) as box:
        contents = [content("a", wire), content("b", wire)]
        tokens = await box.intend(contents)
        assert await box.store(contents[:1], tokens[:1]) == [Stored("a", "1")]
    async with mailbox(server) as box:
        found = await box.find([Intent(Side.REMOTE, c.key, t, NO_FLAGS) for c, t in zip(contents, tokens, strict=True)])
    assert [stored.key for stored in found.values()] == ["1"]


async def test_what_cannot_be_sent_is_refused_and_the_rest_is_sent() -> None:
    server = LyingServer("IMAP4REV1 UIDPLUS LITERAL+ APPENDLIMIT=40")
    async with mailbox(server) as box:
        outcomes = await store(
            box, content("empty", b""), content("nul", b"A: b\0\r\n\r\n"), content("big", b"x" * 41), content("ok", ONE)
        )
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused, Refused, Stored]
    assert [isinstance(outcome, Refused) and outcome.own_fault for outcome in outcomes] == [True, True, True, False]
    assert len(server.commands("APPEND")) == 1


@pytest.mark.parametrize("capabilities", ["IMAP4REV1 UIDPLUS LITERAL+", "IMAP4REV1 UIDPLUS"])
async def test_one_refused_message_does_not_hold_up_the_others(capabilities: str) -> None:
    server = LyingServer(capabilities)

    def dislikes(answer: Answer, command: bytes) -> Answer:
        if b"Subject: one" in command:
            server.inbox.mail.pop()
            return Answer(tagged=b"NO message contains something")
        return answer

    server.lies["APPEND"] = dislikes
    async with mailbox(server) as box:
        outcomes = await store(box, content("a", TWO), content("b", ONE), content("c", TWO))
    assert [type(outcome) for outcome in outcomes] == [Stored, Refused, Stored]
    assert isinstance(outcomes[1], Refused)
    assert "contains something" in outcomes[1].reason


@pytest.mark.parametrize(
    ("refusal", "own_fault"),
    [
        (b"[OVERQUOTA] no", True),
        (b"[TOOBIG] no", True),
        (b"[LIMIT] no", True),
        (b"Quota exceeded", True),
        (b"Message too large.", True),
        (b"that is TOO BIG", True),
        (b"[NOPERM] you may not", False),
        (b"contains a virus", False),
    ],
)
async def test_a_refusal_for_lack_of_room_says_so(refusal: bytes, own_fault: bool) -> None:
    server = LyingServer()
    server.lies["APPEND"] = refuse(b"NO " + refusal)
    async with mailbox(server) as box:
        (outcome,) = await store(box, content("a", ONE))
    assert isinstance(outcome, Refused)
    assert outcome.own_fault is own_fault


async def test_a_folder_that_went_before_the_upload_is_told() -> None:
    server = LyingServer()
    async with mailbox(server) as box:
        tokens = await box.intend([content("a", ONE)])
        server.lies["APPEND"] = refuse(b"NO [TRYCREATE] no such mailbox")
        with pytest.raises(FolderGone):
            await box.store([content("a", ONE)], tokens)


async def test_a_connection_cut_during_the_upload_leaves_it_to_the_intents() -> None:
    server = LyingServer()
    server.lies["APPEND"] = lambda answer, command: None if b"two" in command else answer
    contents = [content("a", ONE), content("b", TWO)]
    async with mailbox(server) as box:
        tokens = await box.intend(contents)
        with pytest.raises(ConnectionLost):
            await box.store(contents, tokens)
    server.lies.clear()
    intents = [Intent(Side.REMOTE, c.key, t, NO_FLAGS) for c, t in zip(contents, tokens, strict=True)]
    async with mailbox(server) as box:
        assert await box.find(intents) == {"a": Stored("a", "1"), "b": Stored("b", "2")}
        assert await box.find(intents) == {}


async def test_intents_of_another_uidvalidity_find_nothing() -> None:
    server = LyingServer()
    async with mailbox(server) as box:
        tokens = await box.intend([content("a", ONE)])
    server.boxes["INBOX"] = Mailbox(uidvalidity=8)
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        assert await box.find([Intent(Side.REMOTE, "a", tokens[0], NO_FLAGS)]) == {}


@pytest.mark.parametrize("token", ["", "none of ours", "[]", "{}", "[1, 2]", '["7", "x", 1, "", null]'])
async def test_a_token_that_is_none_of_ours_finds_nothing(token: str) -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        assert await box.find([Intent(Side.REMOTE, "a", token, NO_FLAGS)]) == {}


async def test_intending_costs_no_command_where_the_server_tells_uids() -> None:
    server = LyingServer()
    async with mailbox(server) as box:
        await box.changes(knows())
        said = len(server.said)
        await box.intend([content("a", ONE)])
        assert len(server.said) == said


async def test_without_uidplus_a_token_holds_the_uidnext_of_the_moment() -> None:
    """What is stored is told from what came meanwhile by nothing else."""
    server = LyingServer(POOR)
    async with mailbox(server) as box:
        await box.changes(knows())
        server.inbox.put(TWO)
        (text,) = await box.intend([content("a", ONE)])
    token = Token.decode(text)
    assert token is not None and token.uidnext == 2


async def test_an_upload_cut_long_after_the_look_is_found_behind_what_came_meanwhile() -> None:
    server = LyingServer()
    server.lies["APPEND"] = lambda _answer, _command: None
    async with mailbox(server) as box:
        await box.changes(knows())
        for _ in range(3):
            server.inbox.put(TWO)
        tokens = await box.intend([content("a", ONE)])
        with pytest.raises(ConnectionLost):
            await box.store([content("a", ONE)], tokens)
    async with mailbox(server) as box:
        assert await box.find([Intent(Side.REMOTE, "a", tokens[0], NO_FLAGS)]) == {"a": Stored("a", "4")}


# ---- flags and deletions


async def test_equal_changes_go_out_as_one_command() -> None:
    server = LyingServer()
    for _ in range(6):
        server.inbox.put(ONE, FLAGGED)
    work = [Reflagging(str(uid), add=frozenset({SEEN}), remove=frozenset({FLAGGED})) for uid in (1, 2, 3, 5)]
    async with mailbox(server) as box:
        assert not await box.reflag([*work, Reflagging("6", add=frozenset({SEEN}))])
    assert server.commands("UID STORE") == [
        "UID STORE 1:3,5:6 +FLAGS.SILENT (\\Seen)",
        "UID STORE 1:3,5 -FLAGS.SILENT (\\Flagged)",
    ]


async def test_a_refused_set_is_halved_until_the_messages_to_blame_stand_alone() -> None:
    server = LyingServer()
    for _ in range(8):
        server.inbox.put(ONE)

    def dislikes(answer: Answer, command: bytes) -> Answer:
        return Answer(tagged=b"NO not this one") if 2 in UidSet.parse(command.split()[2].decode()) else answer

    server.lies["UID STORE"] = dislikes
    async with mailbox(server) as box:
        refused = await box.reflag([Reflagging(str(uid), add=frozenset({SEEN})) for uid in range(1, 10)])
    assert [(type(outcome), outcome.key) for outcome in refused] == [(Refused, "2"), (Gone, "9")]
    assert isinstance(refused[0], Refused) and "not this one" in refused[0].reason
    stores = [command.split()[2] for command in server.commands("UID STORE")]
    assert stores == ["1:9", "1:4", "5:8", "1:2", "3:4", "1", "2"]


async def test_a_message_that_goes_while_its_flags_are_refused_is_no_refusal() -> None:
    server = LyingServer()
    server.inbox.put(ONE)

    def goes(_answer: Answer, _command: bytes) -> Answer:
        server.inbox.mail.clear()
        return Answer(tagged=b"NO it is gone")

    server.lies["UID STORE"] = goes
    async with mailbox(server) as box:
        assert await box.reflag([Reflagging("1", add=frozenset({SEEN}))]) == [Gone("1")]


async def test_what_is_there_after_a_change_is_asked_of_the_mailbox_selected_once_more() -> None:
    """A NOOP would not do: what a flight removed, Dovecot's searches behind it still show."""
    server = LyingServer()
    server.inbox.put(ONE)
    async with mailbox(server) as box:
        assert not await box.delete(["1"], expunge=True)
    verbs = [command.split(" ")[0] for command in server.commands("SELECT", "UID", "NOOP")]
    assert verbs == ["SELECT", "UID", "UID", "SELECT", "UID"]


async def test_what_a_mailbox_made_anew_shows_says_nothing_of_our_messages() -> None:
    server = LyingServer()
    server.inbox.put(ONE)

    def made_anew(answer: Answer, _command: bytes) -> Answer:
        server.inbox.uidvalidity = 8
        return answer

    server.lies["UID STORE"] = made_anew
    async with mailbox(server) as box:
        with pytest.raises(FolderError, match="UIDVALIDITY"):
            await box.reflag([Reflagging("1", add=frozenset({SEEN}))])


async def test_a_search_with_a_short_answer_is_used_where_there_is_one() -> None:
    server = LyingServer("IMAP4REV1 UIDPLUS ESEARCH")
    for _ in range(3):
        server.inbox.put(ONE)
    async with mailbox(server) as box:
        assert await box.reflag([Reflagging(str(uid), add=frozenset({SEEN})) for uid in (1, 3, 5)]) == [Gone("5")]
        assert not await box.delete(["1", "2", "3"], expunge=True)
    assert server.commands("UID SEARCH")[0] == "UID SEARCH RETURN (ALL) UID 1,3,5"


async def test_with_uidplus_only_our_own_are_expunged() -> None:
    server = LyingServer()
    for _ in range(3):
        server.inbox.put(ONE, DELETED)
    async with mailbox(server) as box:
        assert not await box.delete(["2"], expunge=True)
    assert server.inbox.uids() == [1, 3]


async def test_without_uidplus_foreign_deleted_messages_keep_ours_marked() -> None:
    server = LyingServer(POOR)
    server.inbox.put(ONE, DELETED)
    server.inbox.put(TWO)
    async with mailbox(server) as box:
        assert await box.delete(["2"], expunge=True) == [Marked("2")]
        assert server.inbox.uids() == [1, 2]
        assert not await box.delete(["1", "2"], expunge=True)
    assert server.inbox.uids() == []


async def test_a_refused_expunge_stops_the_folder() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.unable = {"UID EXPUNGE"}
    server.lies["UID EXPUNGE"] = refuse(b"NO you may not")
    async with mailbox(server) as box:
        with pytest.raises(FolderError, match="you may not"):
            await box.delete(["1"], expunge=True)


async def test_an_expunge_that_does_nothing_is_noticed() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    kept = server.inbox.mail[0]

    def nothing(_answer: Answer, _command: bytes) -> Answer:
        server.inbox.mail.append(kept)
        return Answer()

    server.lies["UID EXPUNGE"] = nothing
    async with mailbox(server) as box:
        assert await box.delete(["1"], expunge=True) == [Refused("1", LEFT)]


async def test_an_expunge_that_does_nothing_at_first_is_asked_for_again() -> None:
    """Dovecot answers so now and then while another session works in the mailbox."""
    server = LyingServer()
    server.inbox.put(ONE)
    kept, asked = server.inbox.mail[0], iter(range(9))

    def busy(_answer: Answer, _command: bytes) -> Answer:
        if next(asked) < 2:
            server.inbox.mail.append(kept)
        return Answer()

    server.lies["UID EXPUNGE"] = busy
    async with mailbox(server) as box:
        assert not await box.delete(["1"], expunge=True)
    assert next(asked) == 3 and not server.inbox.uids()


async def test_a_few_headers_cost_three_lines_of_each() -> None:
    server = LyingServer()
    server.inbox.put(b"From: me\r\nX-Long: " + b"x" * 900 + b"\r\nSubject: one\r\n\r\nbody\r\n")
    server.inbox.put(TWO)
    async with mailbox(server) as box:
        assert await box.headers(["1", "2", "9"]) == {"1": b"From: me\r\nSubject: one\r\n", "2": b"Subject: two\r\n"}
        assert await box.headers([]) == {}
    (asked,) = server.commands("UID FETCH")
    assert asked == "UID FETCH 1:2,9 (UID BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)])"


async def test_headers_that_a_server_refuses_or_sends_of_other_messages_are_left_out() -> None:
    server = LyingServer()
    server.inbox.put(ONE)
    server.inbox.put(TWO)
    server.lies["UID FETCH"] = lambda answer, _: Answer(
        [
            *answer.untagged,
            b'2 FETCH (UID 2 BODY[HEADER.FIELDS (FROM SUBJECT DATE)] "Subject: x\r\n")'.replace(b"\r\n", b""),
        ],
        b"NO [SERVERBUG] two sections are too many",
    )
    async with mailbox(server) as box:
        assert await box.headers(["1"]) == {"1": b"Subject: one\r\n"}
