"""When the numbers of a SELECT may stand for "unchanged"."""

from __future__ import annotations

import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.fakes.lying_server import Answer, LyingServer

from postboat.imap.looking import ANY_FLAG, MANY, Listing, checkpoint_of, compare, compare_aside, list_everything

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from postboat.imap.session import Selected, Session
    from postboat.model import Changes, Flags

NONSENSE = [b"VANISHED 5:", b"VANISHED 1:*", b"1 FETCH (UID 1 FLAGS", b"4294967296 EXPUNGE", b"X-GONE 1"]


@asynccontextmanager
async def inbox(server: LyingServer) -> AsyncIterator[tuple[Session, Selected]]:
    async with server.pool() as pool, pool.session() as session:
        yield session, await session.select("INBOX")


async def look(session: Session, selected: Selected) -> Changes:
    checkpoint = checkpoint_of(session, selected)
    assert checkpoint is not None
    return compare(await list_everything(session, with_sizes=False, known=0), {}, ANY_FLAG, checkpoint)


def saying(line: bytes) -> Callable[[Answer, bytes], Answer]:
    """The honest answer with one more response."""
    return lambda answer, _: Answer([*answer.untagged, line], answer.tagged)


def server_with_a_message() -> LyingServer:
    server = LyingServer()
    server.inbox.put(b"Subject: one\r\n\r\nbody\r\n")
    return server


async def test_a_listing_that_is_complete_and_understood_has_its_checkpoint() -> None:
    async with inbox(server_with_a_message()) as (session, selected):
        changes = await look(session, selected)
        assert (set(changes.appeared), changes.complete) == ({"1"}, True)
        assert changes.checkpoint == checkpoint_of(session, selected)


@pytest.mark.parametrize("line", NONSENSE)
async def test_numbers_beside_nonsense_at_the_select_prove_nothing(line: bytes) -> None:
    server = server_with_a_message()
    server.lies["SELECT"] = saying(line)
    async with inbox(server) as (session, selected):
        assert selected.highestmodseq
        assert checkpoint_of(session, selected) is None


@pytest.mark.parametrize("line", NONSENSE)
async def test_nonsense_in_the_listing_costs_the_checkpoint_but_no_message(line: bytes) -> None:
    server = server_with_a_message()
    server.lies["UID FETCH"] = saying(line)
    async with inbox(server) as (session, selected):
        changes = await look(session, selected)
        assert (set(changes.appeared), changes.complete, changes.checkpoint) == ({"1"}, True, None)


async def test_nonsense_in_a_listing_is_forgotten_at_the_next_select() -> None:
    server = server_with_a_message()
    server.lies["UID FETCH"] = saying(b"VANISHED 5:")
    async with inbox(server) as (session, selected):
        await look(session, selected)
        assert checkpoint_of(session, await session.select("INBOX")) is not None


class Watched(dict[str, "Flags"]):
    """Remembers the threads that looked into it."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def get(self, key: str, default: Flags | None = None) -> Flags | None:  # type: ignore[override]
        self.threads.add(threading.get_ident())
        return super().get(key, default)


@pytest.mark.parametrize(("count", "aside"), [(MANY, False), (MANY + 1, True)])
async def test_a_large_listing_is_compared_beside_the_event_loop(count: int, aside: bool) -> None:
    known = Watched()
    listing = Listing({uid: frozenset() for uid in range(1, count + 1)}, complete=True)
    changes = await compare_aside(listing, known, ANY_FLAG, None, readonly=True)
    assert (len(changes.appeared), changes.readonly) == (count, True)
    assert (known.threads == {threading.get_ident()}) is not aside
