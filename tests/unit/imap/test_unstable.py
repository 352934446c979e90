"""A mailbox whose UIDs do not last is read by what its messages are, and never written to."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.contract.worlds import Baseline
from tests.fakes.lying_server import Answer, LyingServer

from postboat.errors import FolderError, KeysRenewed
from postboat.imap.folders import ImapFolders
from postboat.likeness import fingerprint
from postboat.model import DRAFT, NO_FLAGS, SEEN, Content, Glimpse, Gone, Reflagging

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from postboat.imap.mailbox import ImapMailbox
    from postboat.model import Changes, Key

ONE = b"Message-ID: <1@x>\r\nSubject: one\r\n\r\nbody of one\r\n"
TWO = b"Message-ID: <2@x>\r\nSubject: two\r\n\r\nbody of two\r\n"
LARGE = b"Message-ID: <3@x>\r\nSubject: large\r\n\r\n" + b"x" * 1_200_000 + b"\r\n"


def never_lasting(server: LyingServer, word: bytes) -> Callable[[Answer, bytes], Answer]:
    """With every selection the messages get other UIDs, the last comes first; UIDVALIDITY as `word` has it."""

    def lie(answer: Answer, _: bytes) -> Answer:
        server.inbox.mail.reverse()
        for number, mail in enumerate(server.inbox.mail, server.inbox.uidnext):
            mail.uid = number
        server.inbox.uidnext += len(server.inbox.mail)
        told = [line for line in answer.untagged if b"UIDVALIDITY" not in line]
        kept = [line for line in answer.untagged if b"UIDVALIDITY" in line]
        return Answer([*told, *(kept if b"STICKY" in word else []), *([word] if word else [])], answer.tagged)

    return lie


@pytest.fixture(
    params=[b"", b"OK [UIDVALIDITY 0] none", b"NO [UIDNOTSTICKY] they change"], ids=["missing", "0", "not sticky"]
)
def server(request: pytest.FixtureRequest) -> LyingServer:
    server = LyingServer()
    server.lies["SELECT"] = server.lies["EXAMINE"] = never_lasting(server, request.param)
    server.inbox.put(ONE, SEEN)
    server.inbox.put(TWO)
    return server


@asynccontextmanager
async def mailbox(server: LyingServer, glimpse: Glimpse | None = None) -> AsyncIterator[tuple[ImapMailbox, list[str]]]:
    warned: list[str] = []
    async with server.pool(2) as pool:
        folders = ImapFolders(pool, owner="me@x", warn=warned.append)
        yield folders.mailbox("INBOX", glimpse=glimpse), warned


async def bodies(box: ImapMailbox, *keys: Key) -> dict[Key, object]:
    found: dict[Key, object] = {}
    async with aclosing(box.read(keys)) as items:  # type: ignore[type-var]
        async for item in items:
            data = item
            if isinstance(item, Content):
                data = item.data if item.data is not None else b"".join([chunk async for chunk in item.chunks()])  # type: ignore[misc,assignment]
            assert item.key not in found
            found[item.key] = data
    return found


def agreed(changes: Changes) -> Baseline:
    known = Baseline(validity="by content me@x")
    known.agree(changes)
    return known


async def test_messages_are_known_from_one_session_to_the_next(server: LyingServer) -> None:
    async with mailbox(server) as (box, warned):
        assert await box.validity() == "by content me@x"
        first = await box.changes(Baseline())
        assert sorted(message.flags for message in first.appeared.values()) == [NO_FLAGS, {SEEN}]
    assert len(warned) == 1
    assert "only fetched" in warned[0]
    server.inbox.put(TWO)
    async with mailbox(server) as (box, _):
        await box.validity()
        again = await box.changes(agreed(first))
        assert len(again.appeared) == 1
        assert (again.vanished, again.reflagged, again.complete, again.readonly) == (frozenset(), {}, False, True)


async def test_what_is_read_is_what_was_meant_though_its_uid_is_another_by_then(server: LyingServer) -> None:
    server.inbox.put(LARGE)
    async with mailbox(server) as (box, _):
        await box.validity()
        keys = list((await box.changes(Baseline())).appeared)
        prints = await box.fingerprints(keys)
        read = await bodies(box, *keys, "not there.1")
        heads = await box.headers([*keys, "not there.1"])
    assert read.pop("not there.1") == Gone("not there.1")
    assert sorted(map(len, read.values())) == sorted(map(len, (ONE, TWO, LARGE)))  # type: ignore[arg-type]
    for key, wire in read.items():
        assert isinstance(wire, bytes)
        assert prints[key] == fingerprint(wire, len(wire))
        assert b"Subject: " + {ONE: b"one", TWO: b"two", LARGE: b"large"}[wire] in heads[key]


async def test_equal_copies_are_each_read_once(server: LyingServer) -> None:
    server.inbox.put(ONE)
    async with mailbox(server) as (box, _):
        await box.validity()
        first = await box.changes(Baseline())
        assert len(first.appeared) == 3
        assert sorted((await bodies(box, *first.appeared)).values()) == [ONE, ONE, TWO]  # type: ignore[type-var]
    server.inbox.mail = [mail for mail in server.inbox.mail if mail.wire != ONE]
    async with mailbox(server) as (box, _):
        await box.validity()
        assert not (await box.changes(agreed(first))).vanished


async def test_flags_are_taken_over(server: LyingServer) -> None:
    async with mailbox(server) as (box, _):
        await box.validity()
        first = await box.changes(Baseline())
    for mail in server.inbox.mail:
        mail.flags = {DRAFT}
    async with mailbox(server) as (box, _):
        await box.validity()
        assert set((await box.changes(agreed(first))).reflagged.values()) == {frozenset({DRAFT})}


async def test_nothing_is_ever_written(server: LyingServer) -> None:
    async with mailbox(server) as (box, _):
        await box.validity()
        assert (await box.changes(Baseline())).readonly
        with pytest.raises(FolderError):
            await box.delete(["1"], expunge=True)
        with pytest.raises(FolderError):
            await box.reflag([Reflagging("1", add=frozenset({SEEN}))])
        assert await box.find([]) == {}
    assert not server.commands("UID STORE", "UID EXPUNGE", "EXPUNGE", "APPEND", "CLOSE")


async def test_a_list_of_folders_that_told_a_uidvalidity_is_not_believed(server: LyingServer) -> None:
    async with mailbox(server, Glimpse("7 me@x")) as (box, warned):
        assert await box.validity() == "7 me@x"
        with pytest.raises(KeysRenewed):
            await box.changes(Baseline({"1": NO_FLAGS}, validity="7 me@x"))
        assert len((await box.changes(Baseline())).appeared) == 2
    assert len(warned) == 1
