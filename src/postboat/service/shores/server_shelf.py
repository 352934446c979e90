"""What is removed from a server is kept in the state directory, and stored there anew when it is missed."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from postboat.errors import FolderError, MessageError
from postboat.maildir.quarantine import Quarantine
from postboat.model import DRAFT, Intent, Refused, Side, Stored
from postboat.sync.twins import confirmed
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from postboat.imap.mailbox import ImapMailbox
    from postboat.maildir.kept_files import KeptFiles
    from postboat.maildir.quarantine import Kept
    from postboat.maildir.shelf import Shelf
    from postboat.model import Content, FolderName, Key
    from postboat.service.shores.shore import Told

PIECE = 1 << 20
"""Octets of a large message that are written by one hop into a thread."""
BATCH_OCTETS = 4 << 20
"""Octets that are read at once to be stored again; a large message is streamed."""
BATCH_MESSAGES = 250


class ServerQuarantine:
    """The quarantine of one server, in the directory `root`; what is in it is kept for `days`."""

    def __init__(self, root: Path, days: float, *, clock: Callable[[], float] = time.time, fsync: bool = True) -> None:
        self._quarantine = Quarantine(root, days, clock=clock, fsync=fsync)
        self._days, self._fsync = days, fsync

    def shelf(self, folder: FolderName) -> ServerShelf | None:
        """Where what is removed from `folder` is kept; None when nothing is to be."""
        return ServerShelf(self._quarantine, folder) if self._days > 0 else None

    async def kept(self, told: Told) -> Sequence[Kept]:
        """All that is kept, oldest first; `told` hears how many batches were read. Raises `FolderError`."""
        return await in_thread(self._quarantine.kept, told)

    async def prune(self, warn: Callable[[str], None]) -> None:
        """Remove what was kept for long enough; `warn` is told what cannot be removed."""
        for left in await in_thread(self._quarantine.prune):
            warn(f"{left}: was kept for long enough and cannot be removed")

    async def put_back(self, kept: Kept, mailbox: ImapMailbox) -> int:
        r"""Store kept messages in their mailbox as new ones, with their flags but \Deleted; returns how many.

        A file is removed once its message is stored, and none is stored twice by a run after one that was interrupted.
        Raises `FolderError` when the server refused some, after all others were stored.
        """
        refused: list[Refused] = []
        async with self._opened(kept) as files:
            count = await _settle_interrupted(files, mailbox)
            for names in await in_thread(lambda: list(files.batches(BATCH_OCTETS, BATCH_MESSAGES))):
                contents = await in_thread(files.read, names)
                refusals = await _store(files, mailbox, contents)
                count += len(contents) - len(refusals)
                refused += refusals
        if refused:
            done = f"{count} messages are back, and {len(refused)} stay in the quarantine"
            raise FolderError(f"{kept.folder}: {done}: {refused[0].reason}")
        return count

    @asynccontextmanager
    async def _opened(self, kept: Kept) -> AsyncIterator[KeptFiles]:
        from postboat.maildir.kept_files import KeptFiles  # here, since hardly any run needs it

        files = await in_thread(KeptFiles, self._quarantine.root, kept, fsync=self._fsync)
        try:
            yield files
        finally:
            await in_thread(files.close)


async def _settle_interrupted(files: KeptFiles, mailbox: ImapMailbox) -> int:
    """Find what an interrupted run has stored, and remove the files of that; returns how many it were."""
    noted = await in_thread(files.noted)
    if not noted:
        return 0
    # A mailbox looks at its tokens only: which side it is on, it does not know.
    intents = [Intent(Side.LOCAL, name, token, frozenset()) for name, token in noted.items()]
    found = {name: one.key for name, one in (await mailbox.find(intents)).items() if isinstance(one, Stored)}
    stored = await _proved(found, noted, files, mailbox)
    await in_thread(files.settle, stored)
    return len(stored)


async def _proved(
    found: Mapping[str, Key], noted: Collection[str], files: KeptFiles, mailbox: ImapMailbox
) -> Collection[str]:
    """Those that are stored for sure: of notes and drafts that share a header, only the text tells which one is."""
    from postboat.maildir.kept_files import flags_of  # here, since hardly any run needs it

    prints = await mailbox.fingerprints(found.values())
    named = {key for key, shown in prints.items() if shown.named}
    sure = [name for name, key in found.items() if key in named and DRAFT not in flags_of(name)]
    left = dict.fromkeys(name for name in noted if name not in sure)
    unsure = {key: prints[key].size for name, key in found.items() if name in left and key in prints}
    if not unsure:
        return sure
    return sure + [name for name, _ in await confirmed(left, unsure, _Reading(files), mailbox)]


class _Reading:
    """Kept messages, to be read as those of a folder are."""

    def __init__(self, files: KeptFiles) -> None:
        self._files = files

    async def read(self, keys: Sequence[Key]) -> AsyncIterator[Content]:
        """Yield those that are there."""
        for content in await in_thread(self._files.read, keys):
            yield content


async def _store(files: KeptFiles, mailbox: ImapMailbox, contents: Sequence[Content]) -> list[Refused]:
    """Intent, effect, record: store messages, and remove the files of those that were. Returns what was refused."""
    if not contents:
        return []
    tokens = await mailbox.intend(contents)
    await in_thread(files.note, {content.key: token for content, token in zip(contents, tokens, strict=True)})
    outcomes = await mailbox.store(contents, tokens)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    kept = {outcome.key for outcome in refused}
    await in_thread(files.settle, [content.key for content in contents if content.key not in kept])
    return refused


class ServerShelf:
    """Where messages of one folder are kept (`imap.shelving.Shelf`)."""

    def __init__(self, quarantine: Quarantine, folder: FolderName) -> None:
        self._quarantine, self._folder = quarantine, folder

    async def held(self, names: Collection[str]) -> Collection[str]:
        """See `Quarantine.held`."""
        return await in_thread(self._quarantine.held, self._folder, names)

    async def keep(self, messages: Sequence[tuple[str, Content]]) -> None:
        """Write messages to files that are durable when it returns, a large one piece by piece."""
        shelf = self._quarantine.shelf(self._folder)
        assert shelf is not None, "nothing is kept for no days"
        with shelf.open():
            await in_thread(_write_small, shelf, messages)
            for name, content in messages:
                if content.data is None:
                    await _write_large(shelf, name, content)
            await in_thread(_finish, shelf)


def _write_small(shelf: Shelf, messages: Sequence[tuple[str, Content]]) -> None:
    from postboat.maildir.kept_files import file_name  # here, since hardly any run needs it

    for name, content in messages:
        if content.data is not None:
            shelf.write(file_name(name, content.flags), content.data, content.date)


async def _write_large(shelf: Shelf, name: str, content: Content) -> None:
    """Raises `MessageError` when not all of it comes."""
    from postboat.maildir.kept_files import file_name  # here, since hardly any run needs it

    assert content.chunks is not None, "a content has data or chunks"
    file, waiting, size = file_name(name, content.flags), bytearray(), 0
    async for chunk in content.chunks():
        waiting += chunk
        size += len(chunk)
        if len(waiting) >= PIECE:
            await in_thread(shelf.write, file, bytes(waiting), content.date)
            waiting.clear()
    await in_thread(shelf.write, file, bytes(waiting), content.date)
    if size != content.size:
        raise MessageError(f"{size} octets came of {content.size}", passing=True)


def _finish(shelf: Shelf) -> None:
    shelf.finish_copies()
    shelf.sync()
