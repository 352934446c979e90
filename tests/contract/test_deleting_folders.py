"""An empty folder is deleted on every server there is; one with anything in it is not."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.imap_world import ImapWorld

from postboat.errors import FolderError
from postboat.imap.dial import connect
from postboat.imap.folders import ImapFolders
from postboat.imap.listing import subscribe
from postboat.imap.pool import Pool
from postboat.model import FolderName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.imap.session import Session

pytestmark = pytest.mark.real
SERVERS = ["dovecot", "dovecot_sdbox", "cyrus", "courier", "pymap"]


@pytest.fixture(params=SERVERS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[ImapWorld]:
    """A mailbox of the server, `Contract`, which is empty."""
    world = ImapWorld(request.getfixturevalue(request.param).account())
    await world.open()
    yield world
    await world.close()


@asynccontextmanager
async def folders_of(world: ImapWorld) -> AsyncIterator[tuple[Any, ImapFolders, FolderName]]:
    pool: Pool[Session] = Pool(lambda: connect(world.remote, world._password), 3)
    try:
        folders = ImapFolders(pool)
        listing = await folders.list()
        name = next(folder.name for folder in listing.folders if folder.name.parts[-1] == "Contract")
        yield pool, folders, name
    finally:
        await pool.close()


async def test_an_empty_folder_goes_though_sessions_had_it_open(world: ImapWorld) -> None:
    async with folders_of(world) as (pool, folders, name):
        listing = await folders.list()
        wire = listing.find(name).wire  # type: ignore[union-attr]
        async with pool.session() as one, pool.session() as two:
            await one.select(wire)
            await two.select(wire, read_only=True)
            await subscribe(one, wire)
        await folders.delete(name, listing)
        left = await folders.list(subscribed_only=True)
        found = left.find(name)
        assert found is None or not found.selectable
        async with pool.session() as one, pool.session() as two:
            assert one.alive and two.alive
            assert (await one.select("INBOX")).name == (await two.select("INBOX")).name == "INBOX"
        await folders.delete(name, listing)


async def test_a_folder_with_a_message_in_it_stays(world: ImapWorld) -> None:
    async with folders_of(world) as (_, folders, name):
        listing = await folders.list()
        await world.deliver([b"Subject: just come\r\n\r\nbody\r\n"])
        with pytest.raises(FolderError, match="holds 1 messages"):
            await folders.delete(name, listing)
    assert len(await world.held()) == 1


async def test_a_folder_with_another_inside_stays(world: ImapWorld) -> None:
    async with folders_of(world) as (_, folders, name):
        listing = await folders.list()
        await folders.create(FolderName.of(*name.parts, "Inside"), listing)
        with pytest.raises(FolderError, match="inside it"):
            await folders.delete(name, listing)
        assert (await folders.list()).find(name) is not None
