"""A Maildir as one side of a folder pair (`sync.ports.Replica`).

Other programs may rename, move and delete files at any moment. So where a file lies is only ever a hint, and a
message counts as gone only when listings that cannot have missed it agree.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeVar

from postboat.errors import FolderError, FolderGone, MessageError, StoreMissing
from postboat.maildir import changing, reader
from postboat.maildir.content import ToWire
from postboat.maildir.delivery import Post
from postboat.maildir.identity import UNMARKED, SameFolder, ensure_identity, read_identity
from postboat.maildir.looking import Looks
from postboat.maildir.place import Place
from postboat.maildir.scan import mark_and_size, weight_of
from postboat.maildir.whereabouts import Whereabouts
from postboat.maildir.writer import Writer
from postboat.model import Changes, Content, Gone, Refused, Stored, Unreadable
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from pathlib import Path

    from postboat.maildir.compare import Agreed
    from postboat.maildir.names import NameMaker
    from postboat.maildir.place import OpenFolder, Told
    from postboat.maildir.scan import Entry
    from postboat.maildir.shelf import Shelf
    from postboat.maildir.touched import Touched
    from postboat.model import Fingerprint, Glance, Intent, Key, Reflagging

T = TypeVar("T")

_READ_AT_ONCE = 16
_FINGERPRINT_AT_ONCE = 128
Warn = Callable[[str], None]


class MaildirMailbox:
    """One Maildir folder.

    `root` is the directory above which symbolic links are the user's business; below it none is followed. `warn` is
    told once of each file that is left alone. `read_only` writes nothing at all, not even the folder's identifier.
    `post` delivers for several folders together. What is deleted is put on the `shelf`, or unlinked without one.
    `touched` is what events told of its files, as `Looks` says; so is `watch`.
    """

    def __init__(
        self,
        path: Path,
        *,
        names: NameMaker,
        root: Path | None = None,
        fsync: bool = True,
        clock: Callable[[], float] = time.time,
        read_only: bool = False,
        warn: Warn = lambda _text: None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
        post: Post | None = None,
        shelf: Shelf | None = None,
        touched: Touched | None = None,
        watch: str = "",
    ) -> None:
        root = path.parent if root is None else root
        directory = path.relative_to(root).as_posix()
        self._place = Place(root, "" if directory == "." else directory)
        self._names, self._fsync = names, fsync
        self._read_only = read_only
        self._warn = warn
        self._new_id = new_id
        self._where = Whereabouts(clock)
        self._same = SameFolder(self._place)
        self._shelf = shelf
        new_name = None if read_only else names.make
        self._looks = Looks(self._same, self._where, new_name=new_name, fsync=fsync, touched=touched, watch=watch)
        self._writer = Writer(self._same, post or Post(fsync=fsync), fsync=fsync)
        self._warned: set[str] = set()

    @property
    def path(self) -> Path:
        """Where the folder lies."""
        return self._place.path

    @property
    def reads_freely(self) -> bool:
        """True: files are at hand."""
        return True

    @property
    def arrives_late(self) -> bool:
        """False: what is delivered is there when that returns, and is under a name of its own."""
        return False

    @property
    def numbers_in_order(self) -> bool:
        """False: readers sort files by the dates in them."""
        return False

    @property
    def checkpoints_only_grow(self) -> bool:
        """False: times of directories can be set back."""
        return False

    def tell(self, told: Told) -> None:
        """Let `told` hear how far long looks are: how many messages were looked at, of how many. From any thread."""
        self._looks.told = told

    async def validity(self) -> str:
        """The identity that `.postboat-id` gives, made when there is none; "" while the folder does not exist."""
        try:
            found = await in_thread(self._validity)
        except (FolderGone, StoreMissing):
            return ""
        self._same.expected = found
        return found

    async def changes(self, agreed: Agreed) -> Changes:
        """Compare the folder with what was agreed; without a listing when neither new/ nor cur/ changed since, or when
        events told of all that happened: then only what is said of these files is complete.

        Raises `FolderGone` or `StoreMissing` when messages were agreed on and the folder is not there, `FolderError`
        when another one is, now or whenever it is opened from then on.
        """
        if agreed.validity is not None:
            self._same.expected = agreed.validity
        try:
            changes = await self._looks.changes(agreed)
        except (FolderGone, StoreMissing):
            if await agreed.count():
                raise
            return Changes()
        self._tell()
        return changes

    async def is_news(self, agreed: Agreed) -> bool:
        """Whether the files that events told of may differ from what was agreed; Postboat's own doings do not.

        A folder that cannot be looked at is news.
        """
        if agreed.validity is not None:
            self._same.expected = agreed.validity
        try:
            return await self._looks.is_news(agreed)
        except FolderError:
            return True

    async def fingerprints(self, keys: Collection[Key]) -> Mapping[Key, Fingerprint]:
        """Hash headers and measure messages; those that are gone or unreadable are left out."""
        prints: dict[Key, Fingerprint] = {}
        for slice_ in _slices(list(keys), _FINGERPRINT_AT_ONCE):
            self._looks.told(len(prints), len(keys))
            prints |= await in_thread(self._taken, slice_, reader.fingerprint)
        return prints

    async def glances(self, keys: Collection[Key]) -> Mapping[Key, Glance]:
        """Measure messages and find their Message-IDs; those that are gone or unreadable are left out."""
        glances: dict[Key, Glance] = {}
        for slice_ in _slices(list(keys), _FINGERPRINT_AT_ONCE):
            self._looks.told(len(glances), len(keys))
            glances |= await in_thread(self._taken, slice_, reader.glance)
        return glances

    async def headers(self, keys: Collection[Key]) -> Mapping[Key, bytes]:
        """From, Subject and Date of messages; those that are gone or unreadable are left out."""
        return await in_thread(self._taken, list(keys), reader.shown_header)

    async def read(self, keys: Sequence[Key]) -> AsyncIterator[Content | Gone | Unreadable]:
        """Yield every message once; those above `reader.SMALL` octets as a stream."""
        await self._outdate_copies()
        for slice_ in _slices(keys, _READ_AT_ONCE):
            for found in await in_thread(self._read, slice_):
                yield self._streamed(found) if isinstance(found, reader.Large) else found

    def weight(self, mark: str) -> int | None:
        """Octets on disk."""
        return weight_of(mark)

    async def intend(self, contents: Sequence[Content]) -> Sequence[str]:
        """Choose the unique names that the messages will bear."""
        return [self._names.make() for _ in contents]

    async def store(self, contents: Sequence[Content], tokens: Sequence[str]) -> Sequence[Stored | Refused]:
        """Deliver by the Maildir rules, durably if `fsync`. Raises `FolderError` when the disk is full."""
        self._must_be_writable()
        outcomes = await self._writer.deliver(contents, tokens)
        await self._outdate_copies()
        return outcomes

    async def find(self, intents: Sequence[Intent], paired: Collection[Key] = ()) -> Mapping[Key, Stored]:
        """Look for the names of intents; what an interrupted delivery left in tmp/ is removed.

        A name is of one message only, so what is `paired` needs no care.
        """
        return await in_thread(self._find, intents) if intents else {}

    async def reflag(self, reflaggings: Sequence[Reflagging]) -> Sequence[Refused | Gone]:
        """Rename files to show the flags; letters that are not ours stay."""
        self._must_be_writable()
        return await in_thread(self._reflag, {r.key: r for r in reflaggings})

    async def delete(self, keys: Sequence[Key], *, expunge: bool) -> Sequence[Refused]:
        """Remove files, whatever `expunge` says."""
        self._must_be_writable()
        return await in_thread(self._delete, list(keys))

    async def intend_move(self, keys: Collection[Key], to: Self) -> Mapping[Key, str]:
        """Choose the unique names that the messages will bear."""
        return {key: to._names.make() for key in keys}

    async def move(self, keys: Sequence[Key], to: Self, tokens: Sequence[str]) -> Sequence[Stored | Refused | Gone]:
        """Rename files into the folder `to`, under their tokens; refused where that lies on another file system.

        Raises `FolderError`, also for what `to` is: what was moved before is found there by its token.
        """
        self._must_be_writable()
        to._must_be_writable()
        outcomes = await in_thread(self._move, to, dict(zip(keys, tokens, strict=True)))
        await to._outdate_copies()
        return [outcomes[key] for key in keys]

    async def _outdate_copies(self) -> None:
        """Before the ledger knows of messages that came: see `identity`."""
        if not (self._read_only or self._same.is_newer):
            await in_thread(self._same.outdate_copies)

    def _must_be_writable(self) -> None:
        if self._read_only:
            raise FolderError(f"{self.path}: is read-only for Postboat and was to be changed")

    def _tell(self) -> None:
        for reason in self._where.untouchable.values():
            if reason not in self._warned:
                self._warned.add(reason)
                self._warn(f"{self.path}: {reason}; left alone")

    # What follows runs in a thread.

    def _validity(self) -> str:
        with self._place.open() as folder:
            if self._read_only:
                return read_identity(folder.fd) or UNMARKED
            return ensure_identity(folder.fd, self._new_id)

    def _taken(self, keys: Sequence[Key], take: Callable[[OpenFolder, Entry], T]) -> dict[Key, T]:
        """What `take` finds in each message that can be read."""
        taken: dict[Key, T] = {}
        with self._same.open() as folder:

            def act(key: Key, entry: Entry) -> None:
                try:
                    taken[key] = take(folder, entry)
                except FileNotFoundError:
                    raise
                except OSError:
                    pass  # reading it for the transfer says what is wrong with it

            self._where.visit(folder, keys, act, reading=True)
        return taken

    def _read(self, keys: Sequence[Key]) -> list[Content | reader.Large | Gone | Unreadable]:
        found: list[Content | reader.Large | Gone | Unreadable] = []
        with self._same.open() as folder:

            def take(key: Key, entry: Entry) -> None:
                try:
                    found.append(reader.read_message(folder, key, entry))
                except reader.ChangedMeanwhile:
                    found.append(Gone(key))

            gone, refused = self._where.visit(folder, keys, take, reading=True)
        found += [Gone(key) for key in gone]
        return [*found, *(Unreadable(key, reason) for key, reason in refused.items())]

    def _streamed(self, large: reader.Large) -> Content:
        async def chunks() -> AsyncIterator[bytes]:
            wire, offset = ToWire(), 0
            while piece := await in_thread(self._piece, large, offset):
                offset += len(piece)
                yield wire.feed(piece)

        return Content(large.key, large.flags, large.date, large.size, chunks=chunks)

    def _piece(self, large: reader.Large, offset: int) -> bytes:
        pieces: list[bytes] = []
        with self._same.open() as folder:

            def take(_key: Key, entry: Entry) -> None:
                pieces.append(reader.read_piece(folder, entry, large.file, offset))

            try:
                self._where.visit(folder, [large.key], take, reading=True)
            except reader.ChangedMeanwhile:
                pieces.clear()
        if not pieces:
            text = f"{self.path}: message {large.key} changed or vanished while it was read"
            raise MessageError(text, passing=True)
        return pieces[0]

    def _find(self, intents: Sequence[Intent]) -> dict[Key, Stored]:
        stored: dict[Key, Stored] = {}
        with self._same.open() as folder:
            found = self._where.find(folder, [intent.token for intent in intents])
            for intent in intents:
                entry = found.get(intent.token)
                if entry is not None:
                    stored[intent.origin] = Stored(intent.origin, intent.token, mark_and_size(folder, entry)[0])
                elif not self._read_only:
                    _remove_draft(folder, intent.token)
        return stored

    def _reflag(self, work: Mapping[Key, Reflagging]) -> list[Refused | Gone]:
        with self._same.open() as folder:
            return changing.reflag(folder, self._where, work, fsync=self._fsync)

    def _delete(self, keys: Sequence[Key]) -> list[Refused]:
        with self._same.open() as folder:
            return changing.delete(folder, self._where, keys, fsync=self._fsync, shelf=self._shelf)

    def _move(self, to: MaildirMailbox, tokens: Mapping[Key, str]) -> dict[Key, Stored | Refused | Gone]:
        with self._same.open() as folder, to._same.open() as there:
            return changing.move((folder, self._where), (there, to._where), tokens, fsync=self._fsync)


def _remove_draft(folder: OpenFolder, token: str) -> None:
    try:
        os.unlink(token, dir_fd=folder.tmp)
    except FileNotFoundError:
        pass


def _slices(keys: Sequence[Key], size: int) -> list[Sequence[Key]]:
    return [keys[at : at + size] for at in range(0, len(keys), size)]
