"""Moves between mailboxes, on servers that lie, forget and refuse."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.fakes.lying_server import Answer, LyingServer, Mailbox

from postboat.errors import ConnectionLost, FolderError
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.moving import CANNOT, LEFT, NOT_FOUND_THERE
from postboat.imap.recover import Token
from postboat.model import DELETED, FLAGGED, Content, Gone, Intent, Refused, Side, Stored, Unsettled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

DATE = 1_577_836_800.0
WITH_MOVE = "IMAP4REV1 UIDPLUS MOVE LITERAL+"
WITH_COPY = "IMAP4REV1 UIDPLUS LITERAL+"
WITH_LITTLE = "IMAP4REV1 MOVE"


def wire(name: str) -> bytes:
    return f"Subject: {name}\r\nMessage-ID: <{name}@x>\r\n\r\nbody of {name}\r\n".encode()


def server_of(capabilities: str = WITH_MOVE, *names: str) -> LyingServer:
    server = LyingServer(capabilities)
    server.boxes["Archive"] = Mailbox(uidvalidity=9, uidnext=30)
    for name in names or ("one", "two", "three"):
        server.inbox.put(wire(name), FLAGGED)
    return server


@asynccontextmanager
async def both(server: LyingServer) -> AsyncIterator[tuple[ImapMailbox, ImapMailbox]]:
    async with server.pool() as pool:
        yield ImapMailbox(pool, "INBOX"), ImapMailbox(pool, "Archive")


async def tokens_of(to: ImapMailbox, *names: str, date: float | None = DATE) -> Sequence[str]:
    contents = [Content(name, frozenset(), date, len(wire(name)), wire(name)) for name in names]
    return await to.intend(contents)


async def move(server: LyingServer, *keys: str) -> Sequence[Stored | Unsettled | Refused | Gone]:
    names = {"1": "one", "2": "two", "3": "three"}
    async with both(server) as (box, to):
        return await box.move(keys, to, await tokens_of(to, *(names.get(key, key) for key in keys)))


def says(code: str, place: str = "untagged") -> Callable[[Answer, bytes], Answer]:
    """Move or copy by the book, and tell `code` of it."""

    def lie(answer: Answer, _command: bytes) -> Answer:
        others = [line for line in answer.untagged if b"COPYUID" not in line]
        told = f"[{code}]".encode()
        if place == "tagged":
            return Answer(others, b"OK " + told + b" done")
        return Answer([b"OK " + told if place == "untagged" else told, *others], b"OK done")

    return lie


# By MOVE


async def test_messages_are_moved_in_one_flight_with_their_flags_and_dates() -> None:
    server = server_of()
    server.inbox.mail[0].date = "05-May-2005 00:00:00 +0000"
    assert await move(server, "1", "3") == [Stored("1", "30"), Stored("3", "31")]
    assert server.inbox.uids() == [2]
    moved = server.boxes["Archive"].mail[0]
    assert (moved.wire, moved.flags, moved.date) == (wire("one"), {FLAGGED}, "05-May-2005 00:00:00 +0000")
    assert server.commands("UID MOVE", "UID SEARCH", "APPEND", "UID STORE", "UID EXPUNGE") == [
        "UID SEARCH UID 1,3",
        'UID MOVE 1,3 "Archive"',
        "UID SEARCH UID 1,3",
    ]


@pytest.mark.parametrize("place", ["untagged", "bare", "tagged"])
async def test_the_new_uids_are_taken_from_wherever_they_are_told(place: str) -> None:
    server = server_of()
    server.lies["UID MOVE"] = says("COPYUID 9 1:2 31,30", place)
    assert await move(server, "1", "2") == [Stored("1", "31"), Stored("2", "30")]
    assert not server.commands("UID FETCH")


@pytest.mark.parametrize(
    "code",
    [
        "COPYUID 8 1:2 30:31",  # another mailbox, or the same made anew
        "COPYUID 9 1:2 30,30",
        "COPYUID 9 1,1 30:31",
        "COPYUID 9 1:2 30",
        "COPYUID 9 1:2 29:30",  # older than the move
        "COPYUID 9 1,3 30:31",  # not asked for
        "COPYUID 9 ",
        "COPYUID 14  ",
        "ALERT",
    ],
)
async def test_uids_that_cannot_be_are_not_believed_and_the_messages_are_looked_for(code: str) -> None:
    server = server_of()
    server.lies["UID MOVE"] = says(code)
    assert await move(server, "2", "1") == [Stored("2", "31"), Stored("1", "30")]
    assert server.commands("UID FETCH 30:")


async def test_a_uid_that_another_copy_has_is_not_given_twice() -> None:
    server = server_of()
    server.lies["UID MOVE"] = says("COPYUID 9 1 30")
    async with both(server) as (box, to):
        content = Content("a", frozenset(), DATE, len(wire("three")), wire("three"))
        assert await to.store([content], await to.intend([content])) == [Stored("a", "30")]
        assert await box.move(["1"], to, await tokens_of(to, "one")) == [Stored("1", "31")]


async def test_what_is_not_certainly_found_is_stored_for_sure_and_unsettled() -> None:
    server = server_of(WITH_LITTLE)

    def replaces(answer: Answer, _command: bytes) -> Answer:
        mail = server.boxes["Archive"].mail[0]
        mail.wire, mail.date = b"Subject: altogether different\r\nMessage-ID: <other@x>\r\n\r\n\r\n", "01-Jan-2021"
        return answer

    server.lies["UID MOVE"] = replaces
    (outcome,) = await move(server, "1")
    assert isinstance(outcome, Unsettled) and outcome.reason == NOT_FOUND_THERE
    token = Token.decode(outcome.token)
    assert token is not None and token.stored


async def test_a_message_that_went_before_is_gone() -> None:
    server = server_of()
    assert await move(server, "2", "7") == [Stored("2", "30"), Gone("7")]


async def test_a_message_that_goes_while_others_are_moved_is_gone() -> None:
    server = server_of()

    def loses(answer: Answer, _command: bytes) -> Answer:
        server.inbox.drop(1)
        return answer

    server.lies["UID SEARCH"] = loses
    assert await move(server, "1", "2") == [Gone("1"), Stored("2", "30")]


@pytest.mark.parametrize("refusal", [b"NO [OVERQUOTA] full", b"NO [TRYCREATE] none", b"BAD what?", b"NO [LIMIT] busy"])
async def test_a_refused_move_leaves_every_message_where_it_was(refusal: bytes) -> None:
    server = server_of()
    server.lies["UID MOVE"] = lambda _answer, _command: Answer(tagged=refusal)
    server.unable = {"UID MOVE"}
    before = [(mail.uid, set(mail.flags)) for mail in server.inbox.mail]
    outcomes = await move(server, "1", "2")
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused]
    assert [(mail.uid, set(mail.flags)) for mail in server.inbox.mail] == before


async def test_a_move_refused_in_the_middle_tells_of_each_message_what_became_of_it() -> None:
    server = server_of()

    def half(answer: Answer, _command: bytes) -> Answer:
        kept, box = wire("two"), server.boxes["Archive"]
        box.drop(31)
        server.inbox.mail.append(type(box.mail[0])(2, kept))
        return Answer([b"OK [COPYUID 9 1 30]"], b"NO [OVERQUOTA] full")

    server.lies["UID MOVE"] = half
    first, second = await move(server, "1", "2")
    assert first == Stored("1", "30")
    assert isinstance(second, Refused) and "full" in second.reason


async def test_what_a_refused_move_took_all_the_same_is_found() -> None:
    server = server_of()
    server.lies["UID MOVE"] = lambda _answer, _command: Answer(tagged=b"NO something went wrong")
    assert await move(server, "1", "2") == [Stored("1", "30"), Stored("2", "31")]


async def test_what_vanished_under_a_refused_move_is_gone_and_not_said_to_be_stored() -> None:
    server = server_of()

    def loses(_answer: Answer, _command: bytes) -> Answer:
        server.boxes["Archive"].drop(30)
        return Answer(tagged=b"NO something went wrong")

    server.lies["UID MOVE"] = loses
    assert await move(server, "1") == [Gone("1")]


async def test_a_move_that_does_nothing_is_noticed() -> None:
    server = server_of()
    server.unable = {"UID MOVE"}
    assert await move(server, "1") == [Refused("1", LEFT)]
    assert server.inbox.uids() == [1, 2, 3]


async def test_what_a_move_left_behind_is_told_and_not_touched() -> None:
    server = server_of()

    def leaves(answer: Answer, _command: bytes) -> Answer:
        server.inbox.mail.insert(0, type(server.inbox.mail[0])(1, wire("one")))
        return answer

    server.lies["UID MOVE"] = leaves
    assert await move(server, "1", "2") == [Stored("1", "30", copied=True), Stored("2", "31")]
    assert server.inbox.uids() == [1, 3]
    assert not server.commands("UID STORE", "UID EXPUNGE")


# By COPY


async def test_without_move_messages_are_copied_and_nothing_is_marked_or_removed() -> None:
    server = server_of(WITH_COPY)
    server.inbox.mail[2].flags.add(DELETED)
    copied = [Stored("1", "30", copied=True), Stored("2", "31", copied=True)]
    assert await move(server, "1", "2") == copied
    assert server.inbox.uids() == [1, 2, 3]
    assert [mail.flags for mail in server.inbox.mail] == [{FLAGGED}, {FLAGGED}, {FLAGGED, DELETED}]
    assert server.boxes["Archive"].mail[0].flags == {FLAGGED}
    assert len(server.commands("UID COPY")) == 1
    assert not server.commands("UID STORE", "UID EXPUNGE")


async def test_a_copied_message_that_somebody_removed_at_once_may_still_be_deleted() -> None:
    server = server_of(WITH_COPY)

    def loses(answer: Answer, _command: bytes) -> Answer:
        server.inbox.drop(1)
        return answer

    server.lies["UID COPY"] = loses
    async with both(server) as (box, to):
        assert await box.move(["1"], to, await tokens_of(to, "one")) == [Stored("1", "30", copied=True)]
        assert not await box.delete(["1"], expunge=True)
    assert server.inbox.uids() == [2, 3]


async def test_after_a_refused_copy_nothing_is_removed() -> None:
    server = server_of(WITH_COPY)
    server.unable = {"UID COPY"}
    server.lies["UID COPY"] = lambda _answer, _command: Answer(tagged=b"NO [OVERQUOTA] full")
    outcomes = await move(server, "1", "2", "8")
    assert [type(outcome) for outcome in outcomes] == [Refused, Refused, Gone]
    assert not server.commands("UID STORE", "UID EXPUNGE")
    assert server.inbox.uids() == [1, 2, 3]


async def test_a_copy_without_copyuid_is_looked_for_before_it_is_said_to_be_there() -> None:
    server = server_of(WITH_COPY)
    server.lies["UID COPY"] = says("COPYUID 14  ", "tagged")
    assert await move(server, "1", "2") == [Stored("1", "30", copied=True), Stored("2", "31", copied=True)]
    assert server.commands("UID FETCH 30:")
    assert server.inbox.uids() == [1, 2, 3]


async def test_a_copy_that_nobody_finds_costs_no_message() -> None:
    server = server_of(WITH_COPY)
    server.unable = {"UID COPY"}
    server.lies["UID COPY"] = lambda _answer, _command: Answer()
    (outcome,) = await move(server, "1")
    assert isinstance(outcome, Unsettled)
    assert server.inbox.uids() == [1, 2, 3]
    assert not server.commands("UID STORE", "UID EXPUNGE")


async def test_a_message_the_copy_left_out_is_not_said_to_be_copied() -> None:
    server = server_of(WITH_COPY)

    def only_the_first(_answer: Answer, _command: bytes) -> Answer:
        server.boxes["Archive"].drop(31)
        return Answer(tagged=b"OK [COPYUID 9 1 30] done")

    server.lies["UID COPY"] = only_the_first
    assert await move(server, "1", "2") == [Stored("1", "30", copied=True), Refused("2", LEFT)]
    assert server.inbox.uids() == [1, 2, 3]


async def test_a_server_that_can_neither_move_nor_tell_uids_is_left_alone() -> None:
    server = server_of("IMAP4REV1")
    assert await move(server, "1", "2") == [Refused("1", CANNOT), Refused("2", CANNOT)]
    assert not server.commands("UID")


# Mailboxes that are not what they were


async def test_nothing_is_moved_out_of_a_mailbox_that_was_made_anew() -> None:
    server = server_of()
    async with both(server) as (box, to):
        await box.validity()
        await box.fingerprints(["1"])
        tokens = await tokens_of(to, "one")
        server.inbox.uidvalidity = 8
        with pytest.raises(FolderError, match="UIDVALIDITY"):
            await box.move(["1"], to, tokens)
    assert not server.commands("UID MOVE")


async def test_nothing_is_moved_out_of_a_mailbox_opened_for_reading_only() -> None:
    server = server_of()
    server.lies["SELECT"] = lambda answer, command: (
        Answer(answer.untagged, b"OK [READ-ONLY] no") if b"INBOX" in command else answer
    )
    async with both(server) as (box, to):
        with pytest.raises(FolderError, match="reading only"):
            await box.move(["1"], to, await tokens_of(to, "one"))
    assert not server.commands("UID MOVE")


async def test_keys_of_a_mailbox_made_anew_are_not_given_out() -> None:
    server = server_of()
    async with both(server) as (box, to):
        tokens = await tokens_of(to, "one")
        server.boxes["Archive"] = Mailbox(uidvalidity=10, uidnext=30)
        with pytest.raises(FolderError, match="UIDVALIDITY"):
            await box.move(["1"], to, tokens)


# Connections that break


@pytest.mark.parametrize("kept", [True, False], ids=["date kept", "date of the move"])
@pytest.mark.parametrize("date", [DATE, DATE + 77, None], ids=["same date", "touched file", "no date"])
async def test_a_move_whose_answer_was_lost_is_found_by_its_token(kept: bool, date: float | None) -> None:
    server = server_of()

    def cut(_answer: Answer, _command: bytes) -> None:
        for mail in server.boxes["Archive"].mail:
            mail.date = mail.date if kept else "01-Jan-2026 00:00:00 +0000"

    server.lies["UID MOVE"] = cut
    async with both(server) as (box, to):
        tokens = await tokens_of(to, "one", "two", date=date)
        with pytest.raises(ConnectionLost):
            await box.move(["1", "2"], to, tokens)
    intents = [Intent(Side.REMOTE, f"l{n}", token, frozenset()) for n, token in enumerate(tokens)]
    async with both(server) as (_, to):
        assert await to.find(intents) == {"l0": Stored("l0", "30"), "l1": Stored("l1", "31")}


async def test_a_move_that_did_not_come_about_is_not_found() -> None:
    server = server_of()
    server.unable = {"UID MOVE"}
    server.lies["UID MOVE"] = lambda _answer, _command: None
    async with both(server) as (box, to):
        tokens = await tokens_of(to, "one")
        with pytest.raises(ConnectionLost):
            await box.move(["1"], to, tokens)
    async with both(server) as (_, to):
        assert not await to.find([Intent(Side.REMOTE, "l", tokens[0], frozenset())])
    assert server.inbox.uids() == [1, 2, 3]
