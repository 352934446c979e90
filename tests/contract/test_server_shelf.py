"""What is removed from a real server is kept first, and comes back when it is missed."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.contract.imap_world import ImapWorld
from tests.contract.replica_contract import LARGE, ONE, THREE, TWO, content, mail
from tests.contract.worlds import DATE
from tests.servers.dovecot import DovecotServer
from tests.servers.proxy import Proxy
from tests.servers.recorder import Recorder

from postboat.errors import FolderError, PostboatError
from postboat.imap.dial import connect
from postboat.imap.mailbox import ImapMailbox
from postboat.imap.pool import Pool
from postboat.maildir.shelf import write_octets
from postboat.model import DELETED, FLAGGED, SEEN, FolderName, Marked, Refused, Stored
from postboat.service.shores.server_shelf import ServerQuarantine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.servers.process import Account

    from postboat.imap.session import Session
    from postboat.model import Key

pytestmark = pytest.mark.real
FOLDER = FolderName(("Contract",))
ODD = b"Subject: bare\r\n\r\na\nb\rc\r\r\n"
"""No Maildir could keep this one and give it back as it was."""


class Died(Exception):
    """The run ended here."""


class Harbour(ImapWorld):
    """A folder on a server, and the quarantine for what is removed from it."""

    def __init__(self, account: Account, root: Path) -> None:
        super().__init__(account)
        self.root, self.days = root, 0.0
        self.anew()

    def anew(self) -> None:
        """As a new run finds it, `days` later."""
        self.quarantine = ServerQuarantine(self.root, 30, clock=lambda: DATE + 86_400 * self.days)
        self.shelf = self.quarantine.shelf(FOLDER)

    def reached_over(self, line: Proxy) -> Pool[Session]:
        config = replace(self.remote, remotehost=line.host, remoteport=line.port)
        return Pool(lambda: connect(config, self._password), 1)

    def files(self) -> list[Path]:
        """What is kept."""
        return sorted(file for file in self.root.rglob("*") if file.is_file())

    def octets(self) -> list[bytes]:
        return sorted(file.read_bytes() for file in self.files())

    async def key_of(self, wire: bytes) -> Key:
        (key,) = [key for key, held in (await self.held()).items() if held.wire == wire]
        return key

    async def put_back(self) -> int:
        """All that is kept."""
        count = 0
        for kept in await self.quarantine.kept(lambda _done, _of: None):
            count += await self.quarantine.put_back(kept, self.replica())
        return count


@pytest.fixture
async def harbour(dovecot, tmp_path) -> AsyncIterator[Harbour]:
    async with opened(dovecot.account(), tmp_path) as harbour:
        yield harbour


@asynccontextmanager
async def opened(account: Account, root: Path) -> AsyncIterator[Harbour]:
    harbour = Harbour(account, root / "quarantine")
    await harbour.open()
    try:
        yield harbour
    finally:
        await harbour.close()


@pytest.fixture(scope="module")
def plain_dovecot() -> Iterator[DovecotServer]:
    """Without UIDPLUS."""
    with DovecotServer(capability="IMAP4rev1 UNSELECT NAMESPACE") as server:
        yield server


@pytest.mark.parametrize("server", ["dovecot", "plain_dovecot", "cyrus", "courier", "pymap"])
async def test_what_is_deleted_is_kept_and_can_be_put_back(request, tmp_path, server):
    async with opened(request.getfixturevalue(server).account(), tmp_path) as harbour:
        await harbour.deliver([ONE, TWO], frozenset({SEEN, FLAGGED}))
        await harbour.deliver([THREE])
        before = await harbour.held()
        keys = [await harbour.key_of(ONE), await harbour.key_of(TWO)]
        assert await harbour.replica().delete(keys, expunge=True) == []
        assert harbour.octets() == sorted([ONE, TWO])
        assert [held.wire for held in (await harbour.held()).values()] == [THREE]
        assert await harbour.put_back() == 2
        after = await harbour.held()
        assert Counter(after.values()) == Counter(before.values())
        assert not set(keys) & set(after) and harbour.files() == []


async def test_octets_keywords_and_dates_come_back_as_they_were(harbour):
    flags = frozenset({SEEN, "$Label1", "with,comma", "k=v;/", "x" * 40})
    await harbour.deliver([ODD, LARGE], flags, date=86_399.0)
    before = await harbour.held()
    await harbour.replica().delete([*before], expunge=True)
    assert harbour.octets() == sorted(held.wire for held in before.values())
    assert await harbour.put_back() == 2
    assert Counter((await harbour.held()).values()) == Counter(before.values())


async def test_nothing_is_kept_of_what_is_gone_or_only_marked(harbour):
    await harbour.deliver([ONE, TWO])
    one, two = await harbour.key_of(ONE), await harbour.key_of(TWO)
    await harbour.remove([one])
    assert await harbour.replica().delete([one], expunge=True) == []
    assert await harbour.replica().delete([two], expunge=False) == [Marked(two)]
    assert harbour.files() == []


async def test_what_was_copied_because_the_server_cannot_move_is_not_kept(courier, tmp_path):
    async with opened(courier.account(), tmp_path) as harbour:
        await harbour.deliver([ONE, TWO])
        one, two = await harbour.key_of(ONE), await harbour.key_of(TWO)
        source, target = harbour.replica(), ImapMailbox(harbour.pool, "INBOX")
        tokens = await target.intend([content(one, ONE)])
        (moved,) = await source.move([one], target, tokens)
        assert isinstance(moved, Stored) and moved.copied
        assert await source.delete([one, two], expunge=True) == []
        assert harbour.octets() == [TWO]


async def test_what_turns_out_to_be_only_marked_is_kept_all_the_same(plain_dovecot, tmp_path):
    """Another program may expunge it."""
    async with opened(plain_dovecot.account(), tmp_path) as harbour:
        await harbour.deliver([ONE])
        await harbour.deliver([TWO], frozenset({DELETED}))
        one = await harbour.key_of(ONE)
        assert await harbour.replica().delete([one], expunge=True) == [Marked(one)]
        assert harbour.octets() == [ONE]
        harbour.anew()
        await harbour.replica().delete([one], expunge=True)
        assert harbour.octets() == [ONE]


async def test_what_an_interrupted_run_kept_is_not_kept_twice_but_as_long_as_if_it_came_now(harbour):
    await harbour.deliver([ONE, TWO])
    one, two = await harbour.key_of(ONE), await harbour.key_of(TWO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("postboat.imap.mailbox.remove", _interrupted)
        with pytest.raises(Died):
            await harbour.replica().delete([one], expunge=True)
    assert len(harbour.files()) == 1 and len(await harbour.held()) == 2
    harbour.days = 20
    harbour.anew()
    assert await harbour.replica().delete([one, two], expunge=True) == []
    assert harbour.octets() == sorted([ONE, TWO])
    harbour.days = 35
    harbour.anew()
    await harbour.quarantine.prune(pytest.fail)
    assert harbour.octets() == sorted([ONE, TWO])


async def _interrupted(*_: object, **__: object) -> None:
    raise Died


async def test_what_cannot_be_kept_is_not_deleted(harbour):
    await harbour.deliver([ONE, LARGE])
    harbour.root.write_bytes(b"in the way")
    keys = list(await harbour.held())
    refused = await harbour.replica().delete(keys, expunge=True)
    assert sorted(one.key for one in refused if isinstance(one, Refused)) == sorted(keys)
    assert all("cannot be kept there: Not a directory. It is not deleted" in one.reason for one in refused)
    assert len(await harbour.held()) == 2


async def test_only_what_was_kept_before_the_disk_was_full_is_deleted(harbour, monkeypatch):
    await harbour.deliver([ONE, LARGE])
    one, large = await harbour.key_of(ONE), await harbour.key_of(LARGE)

    def nearly_full(fd: int, octets: bytes) -> None:
        if len(octets) > len(ONE):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_octets(fd, octets)

    monkeypatch.setattr("postboat.maildir.shelf.write_octets", nearly_full)
    (refused,) = await harbour.replica().delete([one, large], expunge=True)
    assert isinstance(refused, Refused) and refused.key == large and "make room there" in refused.reason
    assert list(await harbour.held()) == [large]
    assert harbour.octets() == [ONE], "nothing is left of what was begun"


async def test_one_that_cannot_be_read_stays_and_the_others_go(harbour, monkeypatch):
    await harbour.deliver([ONE, TWO])
    one, two = await harbour.key_of(ONE), await harbour.key_of(TWO)
    monkeypatch.setattr("postboat.imap.bodies.is_notice", lambda body: body == ONE)
    (refused,) = await harbour.replica().delete([one, two], expunge=True)
    assert isinstance(refused, Refused) and refused.key == one and "notice" in refused.reason
    assert list(await harbour.held()) == [one]
    assert harbour.octets() == [TWO]


async def test_an_interrupted_putting_back_doubles_nothing(harbour, monkeypatch):
    """The server stored them, and the run died before it could remove the files."""
    wires = [mail(f"number {number}") for number in range(4)]
    await harbour.deliver(wires)
    await harbour.replica().delete(list(await harbour.held()), expunge=True)
    with monkeypatch.context() as patch:
        patch.setattr("postboat.maildir.kept_files.KeptFiles.settle", _dies)
        with pytest.raises(Died):
            await harbour.put_back()
    assert len(await harbour.held()) == 4 and len(harbour.files()) == 5
    assert await harbour.put_back() == 4
    assert sorted(held.wire for held in (await harbour.held()).values()) == wires
    assert harbour.files() == []


def _dies(*_: object) -> None:
    raise Died


@pytest.mark.parametrize("came", [0, 1])
async def test_of_notes_with_one_header_only_that_is_put_back_which_was_not_yet(harbour, monkeypatch, came):
    """The run died when one of them was stored; both were written down, and the server shows the same of both."""
    notes = [b"Subject: note\r\n\r\n" + text + b"\r\n" for text in (b"milk", b"eggs")]
    await harbour.deliver(notes)
    await harbour.replica().delete(list(await harbour.held()), expunge=True)
    with monkeypatch.context() as patch:
        patch.setattr("postboat.imap.mailbox.ImapMailbox.store", _dies)
        with pytest.raises(Died):
            await harbour.put_back()
    await harbour.deliver(notes[came : came + 1])
    assert await harbour.put_back() == 2
    assert sorted(held.wire for held in (await harbour.held()).values()) == sorted(notes)
    assert harbour.files() == []


async def test_a_line_that_breaks_while_they_are_put_back_doubles_nothing(dovecot, tmp_path, soon_dealt_with):
    """The server stored them, and its answer was lost."""
    account = dovecot.account()
    wires = [mail(f"number {number}") for number in range(4)]
    async with opened(account, tmp_path) as harbour, Proxy(account.host, account.port) as line:
        await harbour.deliver(wires)
        await harbour.replica().delete(list(await harbour.held()), expunge=True)
        (kept,) = await harbour.quarantine.kept(lambda _done, _of: None)
        far = harbour.reached_over(line)
        mailbox = ImapMailbox(far, "Contract")
        await mailbox.validity()
        line.cut_after_down = 10
        with pytest.raises(PostboatError):
            await harbour.quarantine.put_back(kept, mailbox)
        await far.close()
        assert len(harbour.files()) == 5 and await harbour.held(), "some were stored, and no file is gone"
        assert await harbour.put_back() == 4
        assert sorted(held.wire for held in (await harbour.held()).values()) == wires


async def test_what_the_server_refuses_stays_kept(harbour, monkeypatch):
    await harbour.deliver([ONE, TWO])
    await harbour.replica().delete(list(await harbour.held()), expunge=True)
    (file,) = [file for file in harbour.files() if file.read_bytes() == ONE]
    file.write_bytes(b"Subject: nul\r\n\r\n\0\r\n")
    with pytest.raises(FolderError, match=r"1 messages are back, and 1 stay .* NUL"):
        await harbour.put_back()
    assert [held.wire for held in (await harbour.held()).values()] == [TWO]
    assert harbour.files() == [file]


async def test_many_messages_are_kept_in_few_flights(dovecot, tmp_path):
    account = dovecot.account()
    async with (
        Recorder(account.host, account.port) as wire,
        opened(replace(account, host=wire.host, port=wire.port), tmp_path) as harbour,
    ):
        await harbour.deliver_many(600)
        keys = list(await harbour.held())
        wire.delay = 0.01
        wire.forget()
        assert await harbour.replica().delete(keys, expunge=True) == []
        assert 3 <= wire.round_trips <= 10
        assert len(harbour.files()) == len(keys) and not await harbour.held()


async def test_much_is_kept_in_little_memory(harbour):
    await harbour.deliver([mail(f"number {number}", ("x" * 70 + "\r\n") * 3_000) for number in range(80)])
    await harbour.deliver([LARGE])
    keys = list(await harbour.held())
    tracemalloc.start()
    try:
        assert await harbour.replica().delete(keys, expunge=True) == []
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    assert len(harbour.files()) == len(keys)
