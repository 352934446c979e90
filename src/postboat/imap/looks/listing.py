"""A mailbox's messages as answers showed them, and what of them differs from what was agreed."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.model import MAILDIR_FLAGS, Changes, FlagsHeld, Message
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postboat.imap.selected import Selected
    from postboat.imap.wire.responses import Fetched
    from postboat.model import Flags, Key

ANY_FLAG = FlagsHeld(MAILDIR_FLAGS, keywords=True)


@dataclass(slots=True)
class Listing:
    """What was shown of messages, by UID."""

    flags: dict[int, Flags] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    marks: dict[int, str] = field(default_factory=dict)
    """What names a message in every mailbox of the account, where the server tells it."""
    complete: bool = False
    """Whether as many messages were listed as the mailbox holds."""
    may_hide_older: bool = False
    """Whether the mailbox may hold messages older than all that it shows."""
    understood: bool = True
    """Whether all that the server said between the SELECT and the end of the answer made sense."""

    def take(self, message: Fetched) -> None:
        """Note what the server says of a message; data without a UID belongs to no message for sure."""
        uid = message.uid
        if uid is None:
            return
        if message.flags is not None:
            self.flags[uid] = message.flags
        if message.size is not None:
            self.sizes[uid] = message.size
        if message.emailid is not None:
            self.marks[uid] = message.emailid

    def add(self, more: Listing) -> None:
        """Take over all that another listing shows; it is newer."""
        self.flags |= more.flags
        self.sizes |= more.sizes
        self.marks |= more.marks

    def message(self, uid: int, holds: FlagsHeld) -> Message:
        """One of its messages, with the flags that count."""
        return Message(str(uid), holds.mask(self.flags[uid]), self.sizes.get(uid), self.marks.get(uid, ""))


def holds_of(selected: Selected) -> FlagsHeld:
    """Flags that count. Opened for reading only, a mailbox keeps none for ever, but those it shows are its own."""
    return ANY_FLAG if selected.read_only else selected.holds


def compare(
    listing: Listing, agreed: Mapping[Key, Flags], holds: FlagsHeld, checkpoint: str | None, *, readonly: bool = False
) -> Changes:
    """What differs in `listing` from the agreed flags by key.

    Without a complete listing nothing vanished. The checkpoint holds only for one that is complete and understood.
    `readonly` is passed on.
    """
    appeared: dict[Key, Message] = {}
    reflagged: dict[Key, Flags] = {}
    for uid, flags in listing.flags.items():
        key = str(uid)
        before = agreed.get(key)
        if before is None:
            appeared[key] = listing.message(uid, holds)
        elif before != flags and (shown := holds.mask(flags)) != holds.mask(before):
            reflagged[key] = shown
    vanished = frozenset(_missing(listing, agreed)) if listing.complete else frozenset()
    return Changes(
        appeared,
        reflagged,
        vanished,
        holds=holds,
        checkpoint=checkpoint if listing.complete and listing.understood else None,
        complete=listing.complete,
        readonly=readonly,
    )


def _missing(listing: Listing, agreed: Mapping[Key, Flags]) -> Iterator[Key]:
    """Keys of messages that would be listed if they were there."""
    first = min(listing.flags, default=1) if listing.may_hide_older else 1
    return (key for key in agreed if int(key) not in listing.flags and int(key) >= first)
