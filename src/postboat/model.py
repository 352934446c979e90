"""Nouns: the things Postboat talks about, as frozen values without behaviour beyond their own arithmetic.

A *replica* is one side of a folder: an IMAP mailbox or a Maildir folder. Two replicas form a *folder pair*. What
both sides last agreed on is the *baseline*, kept by the *ledger* as *pairings*. A replica reports its *changes*
since that baseline; the planner turns the changes of both sides into operations.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

Key = str
"""Names a message inside one replica: the UID in decimal for IMAP, the unique part of the file name for Maildir."""

Flags = frozenset[str]
"""Flag names as IMAP writes them. System flags in RFC 3501 spelling; keywords as the server spells them."""

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"
FORWARDED = "$Forwarded"
NO_FLAGS: Flags = frozenset()
MAILDIR_FLAGS: Flags = frozenset({SEEN, ANSWERED, FLAGGED, DELETED, DRAFT, FORWARDED})


class Side(Enum):
    """One of the two sides of an account."""

    REMOTE = "remote"
    LOCAL = "local"

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.LOCAL if self is Side.REMOTE else Side.REMOTE


@dataclass(frozen=True, slots=True, order=True)
class FolderName:
    """A folder's place in the hierarchy, free of any side's separator. Parts are Unicode and never empty.

    `str()` joins the parts with "/" for people; a separator's meaning belongs to `config.folder_names`,
    `imap.folders` and `maildir.layout`.
    """

    parts: tuple[str, ...]

    @classmethod
    def of(cls, *parts: str) -> FolderName:
        """Build a name from its parts; INBOX at the top is spelt in capitals (RFC 3501 section 5.1)."""
        if parts and parts[0].upper() == "INBOX":
            parts = ("INBOX", *parts[1:])
        return cls(parts)

    def __str__(self) -> str:
        return "/".join(self.parts)

    @property
    def is_inbox(self) -> bool:
        """Whether this is the INBOX itself."""
        return self.parts == ("INBOX",)


INBOX = FolderName(("INBOX",))


@dataclass(frozen=True, slots=True)
class FlagsHeld:
    """Which flags a replica can store. What it cannot store is neither sent to it nor missed on it."""

    flags: Flags = MAILDIR_FLAGS
    keywords: bool = False
    """Whether any further keyword can be stored (IMAP: PERMANENTFLAGS contains `\\*`)."""

    def mask(self, flags: Flags) -> Flags:
        """The part of `flags` that can be stored."""
        if self.keywords:
            return frozenset(f for f in flags if f in self.flags or not f.startswith("\\"))
        return flags & self.flags


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a listing shows it; the body is fetched only when it is copied."""

    key: Key
    flags: Flags
    size: int | None = None
    """Octets in wire form (CRLF), a hint for batching only; None when the replica would have to read it."""
    mark: str = ""
    """How the replica recognises the message under another key (Maildir: inode number, size, mtime and birth)."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs on one side from what was agreed on."""

    appeared: Mapping[Key, Message] = field(default_factory=dict)
    """Messages that no pairing knows."""
    reflagged: Mapping[Key, Flags] = field(default_factory=dict)
    """Paired messages whose storable flags differ from the agreed ones, with their present flags."""
    vanished: frozenset[Key] = frozenset()
    """Paired messages that are gone. Empty where a listing was not `complete`."""
    renamed: Mapping[Key, Message] = field(default_factory=dict)
    """Agreed key to the message under its present key: another program renamed the file."""
    holds: FlagsHeld = FlagsHeld()
    checkpoint: str | None = None
    """Opaque to all but the replica: what makes the next look cheap. None when nothing can be proved later.

    Only the first line is what a `Glimpse` tells; what follows is for looks."""
    complete: bool = True
    """Whether the whole folder was seen, so that absence means deletion; else nothing is said of what is not told."""
    readonly: bool = False
    """Whether this side turned out not to be writable (IMAP: READ-ONLY); its flags are still to be believed."""

    @property
    def nothing(self) -> bool:
        """Whether this side is as it was agreed."""
        return not (self.appeared or self.reflagged or self.vanished or self.renamed)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What is known of one side of a folder without opening it: enough to tell that nothing changed, or not."""

    validity: str
    """As `Replica.validity` would answer; "" when it is not known."""
    checkpoint: str | None = None
    """As a look would return it now in `Changes.checkpoint`; None when nothing can be proved by it."""
    likely: str | None = None
    """Where there is no proof: as the first line of a look's checkpoint would be if nothing but flags changed."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """One message on both sides and the flags both agreed on: a row of the ledger."""

    remote: Key
    local: Key
    flags: Flags
    remote_mark: str = ""
    local_mark: str = ""

    def key(self, side: Side) -> Key:
        """The message's key on `side`."""
        return self.remote if side is Side.REMOTE else self.local

    def mark(self, side: Side) -> str:
        """The message's mark on `side`."""
        return self.remote_mark if side is Side.REMOTE else self.local_mark


@dataclass(frozen=True, slots=True)
class Content:
    """A message in transit, in wire form: every line ends in CRLF, all other bytes are what they were.

    Either `data` holds it whole or `chunks` streams it (large messages). A streamed content must be consumed before
    the iterator that yielded it is asked for the next one.
    """

    key: Key
    """Its key on the side it comes from."""
    flags: Flags
    date: float | None
    """INTERNALDATE in seconds since the epoch (RFC 3501 section 2.3.3)."""
    size: int
    """Octets in wire form: exact, since it becomes a literal's length."""
    data: bytes | None = None
    chunks: Callable[[], AsyncIterator[bytes]] | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A message that could not be read because it vanished or moved since it was listed: no error, look again."""

    key: Key


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that is there but could not be read; `reason` is for people."""

    key: Key
    reason: str
    passing: bool = False
    """As in `Refused`."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Outcome of storing one content: its key and mark at the destination."""

    origin: Key
    key: Key
    mark: str = ""
    copied: bool = False
    """After a move: whether the side could only copy, so that the message is in its old folder too."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Outcome of an operation on one message that the side refused; `key` names it as the caller did."""

    key: Key
    reason: str
    own_fault: bool = False
    """Whether it was for what the message is (too large for the room there is, empty, with a NUL in it), so that it
    says nothing about the side; deletions go on then, and may make room."""
    passing: bool = False
    """Whether it may well be over by the next run (a broken line, a full disk): tried again then, before it waits."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Outcome of storing one content that took place under a key not known yet.

    Its intent stays, with `token` in place of the one it had: by it `find` knows that the message is stored for sure.
    Such a message is looked for in every run and never sent again.
    """

    key: Key
    reason: str
    token: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    r"""Outcome of deleting one message that could only be marked \Deleted: it is still there."""

    key: Key


@dataclass(frozen=True, slots=True)
class Intent:
    """A copy that is about to be made, written down first so that a crash cannot double it.

    `token` is made by the destination (a file name; UIDNEXT, size and header hash) and only it can read it.
    """

    to: Side
    origin: Key
    token: str
    flags: Flags
    mark: str = ""
    """The mark of the message on its own side, so that it is known again if it is renamed before this is settled."""


@dataclass(frozen=True, slots=True)
class Reflagging:
    """Flags to add to and to remove from one message."""

    key: Key
    add: Flags = NO_FLAGS
    remove: Flags = NO_FLAGS

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.add or self.remove)


@dataclass(frozen=True, slots=True)
class Aside:
    """A copy that failed for what the message is or what a side makes of it: not tried again before its time."""

    to: Side
    origin: Key
    reason: str
    """For people."""
    tries: int = 1
    not_before: float = 0
    """When it is due again, in seconds since the epoch."""
    own_fault: bool = False
    """As `Refused.own_fault`: whether it says nothing about the side, so that deletions from it go on meanwhile."""


class Suspicion(Enum):
    """Why deletions look like an accident, and wait for the user's word."""

    EMPTIED = "emptied"
    """All messages of a folder would go."""
    MANY_OF_FOLDER = "many of the folder"
    MANY_OF_ACCOUNT = "many of the account"
    FOLDER_GONE = "folder gone"
    """The folder itself is gone from one side."""
    ALL_GONE = "all folders gone"
    """Every folder is gone from one side: a missing root, an empty listing."""
    OTHER_DISK = "other disk"
    """The root of the Maildirs lies on another file system than before."""
    UNMARKED = "unmarked"
    """The root of the Maildirs lacks the marker that it had."""


class Verdict(Enum):
    """What the user said of deletions that were held."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    """They are meant: carry them out."""
    RESTORE = "restore"
    """They are not: bring the messages back to the side that lost them."""


@dataclass(frozen=True, slots=True)
class Held:
    """Deletions in one folder that were not carried out."""

    on: Side
    """The side that still has the messages, from which they would be deleted."""
    suspicion: Suspicion
    count: int
    """How many messages would go."""
    of: int
    """How many messages the folder held when both sides last agreed."""
    keys: frozenset[Key] = frozenset()
    """Remote keys of their pairings; when the whole folder is gone from the other side, of those held before that."""
    subjects: tuple[str, ...] = ()
    """A few of their subjects, for people."""
    verdict: Verdict = Verdict.WAITING


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages a run may delete without asking. Folders for trash and junk count towards none of it."""

    account: int = 200
    """Of all folders of an account together."""
    folder: int = 20
    """Of one folder, when it is also more than `share` of it."""
    share: int = 25
    """Percent of a folder's messages."""
    whole: int = 5
    """A folder that held so many messages may not be emptied."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two copies of one message have in common, wherever they lie."""

    header: bytes
    """SHA-256 of the header in wire form, without the empty line that ends it."""
    size: int | None
    """Octets in wire form."""
    named: bool = field(default=True, compare=False)
    """Whether the header holds a Message-ID; without one, equal headers say little about the rest."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What of a message costs little to learn. Equal ones that no other message bears are of one message, as a rule."""

    size: int | None
    """Octets in wire form."""
    date: int | None
    """INTERNALDATE in whole seconds since the epoch."""
    name: bytes
    """What stands in its Message-ID field; empty without one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user allows."""

    readonly: frozenset[Side] = frozenset()
    """Sides that are never modified."""
    sync_deletes: frozenset[Side] = frozenset(Side)
    """Sides whose deletions are repeated on the other one."""
    expunge: frozenset[Side] = frozenset(Side)
    """Sides from which deletions remove messages; on any other one, a server, they only mark them \\Deleted."""
