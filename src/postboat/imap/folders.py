"""The folders of a server: listed once a run, created one level at a time, deleted when they are empty.

Inside Postboat a folder's name is made of Unicode parts. Its *wire name* is what the server sent, and a folder that
exists is always addressed by it, so that no decoding and encoding can turn one folder into another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import AccountError, CommandFailed, FolderError
from postboat.folder_list import FolderList, ListedFolder
from postboat.imap.checkpoint import checkpoint_text, counts_text
from postboat.imap.enquiry import KEEPS_MODSEQ, Enquiry, Wanted, enquire
from postboat.imap.listing import create, folded, means_inbox, subscribe
from postboat.imap.memory import ServerMemory
from postboat.imap.patience import patiently
from postboat.imap.removing import delete_empty
from postboat.imap.roles import marked, role_of
from postboat.imap.wire import utf7
from postboat.model import INBOX, FolderName, Glimpse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from postboat.imap.arrival import Answer
    from postboat.imap.enquiry import Found
    from postboat.imap.mailbox import ImapMailbox
    from postboat.imap.patience import Patience
    from postboat.imap.pool import Pool
    from postboat.imap.session import Session
    from postboat.imap.shelving import Shelf
    from postboat.imap.wire.responses import Listed

NOT_SELECTABLE = frozenset({"\\noselect", "\\nonexistent"})
SPECIAL_USES = frozenset({"\\all", "\\archive", "\\drafts", "\\flagged", "\\important", "\\junk", "\\sent", "\\trash"})
OTHERWISE = "call it otherwise with rename or nametrans, or leave it out with exclude"


class ImapFolders:
    """The folders of one account on its server.

    With `utf8=False` names stay in modified UTF-7. `owner` says whose they are, such as `user@host`: a ledger is of
    no use for the folders of another user or server. `warn` is told of folders that can only be read.
    """

    def __init__(
        self,
        pool: Pool[Session],
        *,
        utf8: bool = True,
        owner: str = "",
        memory: ServerMemory | None = None,
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._pool = pool
        self._warn = warn
        self._utf8 = utf8
        self._owner = owner
        self._memory = memory or ServerMemory()
        self._wanted: Wanted | None = None
        """What a listing that waits for its session wants."""
        self._early: Enquiry | None = None

    @property
    def patience(self) -> Patience:
        """The pauses that the account keeps."""
        return self._pool.patience

    @patiently
    async def list(
        self,
        *,
        subscribed_only: bool = False,
        reference: str = "",
        known: Collection[FolderName] = (),
        empty: Collection[FolderName] = (),
    ) -> FolderList:
        """All folders; with `subscribed_only` each tells whether it is subscribed to.

        `known` are those that held messages last time, `empty` the others: where the server does not count all while
        it lists, it is asked for these, and none that is `known` is believed to be gone by an extended LIST alone.
        Raises `AccountError` when the server refuses: an empty answer would look like deleted folders.
        """
        self._wanted = wanted = Wanted(reference, subscribed_only, tuple(self._guessed_wire_names({*known, *empty})))
        try:
            async with self._pool.session() as session:
                self._wanted = None
                found = await enquire(
                    session, wanted, self._memory, self._early, lambda found: self._seems_complete(found, wanted, known)
                )
                keeps_modseq = not session.capabilities.isdisjoint(KEEPS_MODSEQ)
        except CommandFailed as failure:
            raise AccountError(f"the server does not list its folders: {failure}") from failure
        finally:
            self._wanted = self._early = None
        folders = self._understood(found, subscribed_only=subscribed_only, keeps_modseq=keeps_modseq)
        self._memory.correct(delimiter=folders.delimiter)
        return folders

    def ask_early(self, session: Session, capabilities: frozenset[str]) -> Answer | None:
        """Ask on a session that is being opened for a listing, before it is known whether it lets us in.

        `capabilities` are those that the server probably has. Gives the answer that comes first, or None when no
        listing waits.
        """
        if self._wanted is None:
            return None
        self._early = Enquiry(session, self._wanted, capabilities, extended=self._memory.lists_all)
        return self._early.first_answer

    def _guessed_wire_names(self, known: Collection[FolderName]) -> Iterator[str]:
        """Wire names of folders before they are listed; a wrong one costs an answer and tells nothing."""
        as_before = FolderList(self._memory.delimiter)
        for name in sorted(known):
            try:
                yield self.wire_name(name, as_before)
            except FolderError:
                pass

    def _seems_complete(self, found: Found, wanted: Wanted, known: Collection[FolderName]) -> bool:
        """Whether an extended LIST looks as if it showed all that there is (strato: no INBOX)."""
        seen = {name for one in found.mailboxes.values() if (name := self._name(one)) is not None}
        return seen >= {INBOX, *known} and bool(found.subscriptions or not wanted.subscriptions)

    def _understood(self, found: Found, *, subscribed_only: bool, keeps_modseq: bool) -> FolderList:
        listed = _inbox_first(found.mailboxes.values())
        prefix, delimiter = found.namespace
        delimiter = next((one.delimiter for one in found.mailboxes.values() if one.delimiter), delimiter)
        folders: dict[FolderName, ListedFolder] = {}
        problems: list[str] = []
        roles = frozenset[str]().union(*(marked(one.attributes) for one in listed))
        for one in listed:
            subscribed = not subscribed_only or means_inbox(one) or folded(one.name) in found.subscriptions
            numbers = found.numbers.get(folded(one.name), {})
            try:
                glimpse = self._glimpse(numbers, keeps_modseq=keeps_modseq)
                folder = self._folder(one, roles, subscribed=subscribed, glimpse=glimpse)
            except ValueError as problem:
                problems.append(f"folder {one.name!r} is left alone: {problem}")
                continue
            same = folders.setdefault(folder.name, folder)
            if same.wire != folder.wire and folder.selectable:
                problems.append(f"folder {folder.wire!r} is left alone: its name means the same as {same.wire!r}")
            if self._utf8 and _decoded(one.name) is None:
                problems.append(f"folder {one.name!r}: its name is not valid modified UTF-7 and is used as it is")
        return FolderList(delimiter, self._decode(prefix), tuple(folders.values()), tuple(problems))

    def _folder(
        self, listed: Listed, roles: frozenset[str], *, subscribed: bool, glimpse: Glimpse | None
    ) -> ListedFolder:
        """`roles` are those that some folder is marked with. Raises ValueError when the name has an empty level."""
        name = FolderName.of(*self._parts(listed))
        return ListedFolder(
            name,
            "INBOX" if means_inbox(listed) else listed.name,
            not listed.attributes & NOT_SELECTABLE,
            listed.attributes & SPECIAL_USES,
            subscribed,
            glimpse,
            role_of([_decoded(part) or part for part in name.parts], listed.attributes, roles),
        )

    def _glimpse(self, numbers: Mapping[str, int], *, keeps_modseq: bool) -> Glimpse | None:
        """What the numbers say as the folder itself would; None without a UIDVALIDITY."""
        uidvalidity, uidnext = numbers.get("UIDVALIDITY") or None, numbers.get("UIDNEXT") or None
        if uidvalidity is None:
            return None
        modseq = numbers.get("HIGHESTMODSEQ") if keeps_modseq else None
        messages = numbers.get("MESSAGES")
        checkpoint = checkpoint_text(uidvalidity, uidnext, messages, modseq)
        likely = None if keeps_modseq else counts_text(uidvalidity, uidnext, messages)
        return Glimpse(f"{uidvalidity} {self._owner}" if self._owner else str(uidvalidity), checkpoint, likely)

    def _name(self, listed: Listed) -> FolderName | None:
        try:
            return FolderName.of(*self._parts(listed))
        except ValueError:
            return None

    def _parts(self, listed: Listed) -> Iterator[str]:
        """Levels are split on the wire, where the delimiter means itself, and decoded one by one."""
        name = listed.name
        if any(octet in name for octet in "\r\n\0"):
            raise ValueError("its name holds a line end or NUL, which no command can carry")
        if listed.delimiter and len(name) > 1:
            name = name.removesuffix(listed.delimiter)
        for part in name.split(listed.delimiter) if listed.delimiter else [name]:
            if not part:
                raise ValueError("a level of its name is empty")
            decoded = self._decode(part)
            if decoded in (".", "..") or "\0" in decoded:
                raise ValueError("a level of its name can be none in a path")
            yield decoded

    def _decode(self, part: str) -> str:
        decoded = _decoded(part) if self._utf8 else None
        return part if decoded is None else decoded

    def shown(self, wire: str) -> str:
        """What a mailbox is called where users see it, with the server's delimiter."""
        return self._decode(wire)

    def wire_name(self, name: FolderName, listing: FolderList) -> str:
        """The wire name of a folder that exists or is to be created.

        Raises `FolderError` when the server's delimiter stands inside a part, or levels are not to be had.
        """
        if (folder := listing.find(name)) is not None:
            return folder.wire
        *above, last = name.parts
        wire = self._encode(last, listing.delimiter)
        if not above:
            return wire
        if listing.delimiter is None:
            raise FolderError(f"{name} cannot be created: the server has no folders inside folders")
        return f"{self.wire_name(FolderName(tuple(above)), listing)}{listing.delimiter}{wire}"

    def _encode(self, part: str, delimiter: str | None) -> str:
        if any(character in part for character in "\r\n\0"):
            raise FolderError(f"{part!r} cannot be created: it holds a line end or NUL, which no server takes")
        if not self._utf8 and not part.isascii():
            raise FolderError(f"{part!r} cannot be created: it is not in modified UTF-7 (utf8foldernames = false)")
        try:
            wire = utf7.encode(part) if self._utf8 else part
        except ValueError as error:
            raise FolderError(f"{part!r} cannot be created: it is not Unicode") from error
        if delimiter and delimiter in wire:
            raise FolderError(f"{part!r} cannot be created: the server separates levels by {delimiter!r}; {OTHERWISE}")
        return wire

    @patiently
    async def create(self, name: FolderName, listing: FolderList) -> str:
        """Create a folder, subscribe to it, and return its wire name.

        A folder that is there already is as good as created. Levels above it are the server's business (RFC 3501
        section 6.3.3): they are only created, as folders of their own, where it refuses without them. Raises
        `FolderError` when the server refuses.
        """
        wire = self.wire_name(name, listing)
        above = list(self._levels_above(name, listing))
        async with self._pool.session() as session:
            if not await _create(session, wire, must=not above):
                for level in above:
                    await _create(session, level, must=False)
                await _create(session, wire, must=True)
            try:
                await subscribe(session, wire)
            except CommandFailed:
                pass  # the folder works without; some servers have no subscriptions
        return wire

    def _levels_above(self, name: FolderName, listing: FolderList) -> Iterator[str]:
        """Wire names of missing levels above `name`: many servers create them by themselves, some refuse."""
        for count in range(1, len(name.parts)):
            above = FolderName(name.parts[:count])
            if not above.is_inbox and listing.find(above) is None:
                yield self.wire_name(above, listing)

    @patiently
    async def delete(self, name: FolderName, listing: FolderList) -> None:
        """Delete a folder that is empty, and the subscription to it; one that is gone already is as good as deleted.

        Raises `FolderError` for the INBOX, for one that holds messages or folders, and when the server refuses.
        """
        if name.is_inbox:
            raise FolderError("the INBOX is never deleted")
        folder = listing.find(name)
        if folder is None:
            return
        if not folder.selectable:
            raise FolderError(f"folder {folder.wire!r} is not deleted: it is none that holds messages")
        await delete_empty(self._pool, folder.wire, listing.delimiter)

    def mailbox(
        self,
        wire: str,
        *,
        read_only: bool = False,
        may_be_missing: bool = False,
        glimpse: Glimpse | None = None,
        alone: bool = False,
        spool: Path | None = None,
        shelf: Shelf | None = None,
    ) -> ImapMailbox:
        """The folder of that wire name as a replica; `glimpse` is what the listing told of it.

        `alone` is for one whose connection broke: another reader's may be to blame, or it may break another's. `spool`
        is a directory for files without a name, in which large messages wait until they are stored elsewhere; `shelf`
        is where messages are kept that are removed from here.
        """
        from postboat.imap.mailbox import ImapMailbox  # here, since a run in which nothing changed opens no mailbox

        return ImapMailbox(
            self._pool,
            wire,
            read_only=read_only,
            may_be_missing=may_be_missing,
            owner=self._owner,
            glimpse=glimpse,
            alone=alone,
            spool=spool,
            shelf=shelf,
            warn=self._warn,
        )


async def _create(session: Session, wire: str, *, must: bool) -> bool:
    """CREATE, and tell whether the folder is there now. Raises `FolderError` when it is not and `must` be."""
    try:
        await create(session, wire)
    except CommandFailed as failure:
        if failure.code == "ALREADYEXISTS" or "exists" in failure.text.lower():
            return True
        if must:
            told = f"the server does not create folder {_decoded(wire) or wire!r}"
            advice = f"; {OTHERWISE}" if failure.code == "CANNOT" else ""
            raise FolderError(f"{told}: {failure.text.rstrip('.')}{advice}") from failure
        return False
    return True


def _inbox_first(listed: Iterable[Listed]) -> list[Listed]:
    """Of several folders that mean INBOX, the one in capitals counts; the rest keeps the server's order."""
    return sorted(listed, key=lambda one: (one.name != "INBOX", not means_inbox(one)))


def _decoded(name: str) -> str | None:
    """The name in Unicode; None when it is not valid modified UTF-7."""
    try:
        return utf7.decode(name)
    except ValueError:
        return None
