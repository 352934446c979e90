"""What is in a mailbox now, and what of it differs from what was agreed.

Only UIDs are ever used, and absence counts only when arithmetic proves that the whole mailbox was listed: servers
cut answers short, hide messages, and announce removals late.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING

from postboat.imap.wire.uid_set import UidSet
from postboat.model import MAILDIR_FLAGS, Changes, FlagsHeld, Message
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from postboat.imap.session import Selected, Session
    from postboat.imap.wire.responses import Fetched
    from postboat.model import Flags, Key

EVERYTHING = "1:4294967295"
"""All UIDs. With `1:*` Cyrus 3.6 leaves out removals above the last message."""

MANY = 5000
"""Comparing more messages than this would keep the event loop from its other work for too long."""

ANY_FLAG = FlagsHeld(MAILDIR_FLAGS, keywords=True)


@dataclass(slots=True)
class Listing:
    """A mailbox's messages as one answer listed them."""

    flags: dict[int, Flags] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    complete: bool = False
    """Whether as many messages were listed as the mailbox holds."""
    understood: bool = True
    """Whether all that the server said between the SELECT and the end of the answer made sense."""

    def take(self, message: Fetched) -> None:
        """Note what the server says of a message; data without a UID belongs to no message for sure."""
        if message.uid is None:
            return
        if message.flags is not None:
            self.flags[message.uid] = message.flags
        if message.size is not None:
            self.sizes[message.uid] = message.size


def holds_of(selected: Selected) -> FlagsHeld:
    """Flags that count. Opened for reading only, a mailbox keeps none for ever, but those it shows are its own."""
    return ANY_FLAG if selected.read_only else selected.holds


def checkpoint_of(session: Session, selected: Selected) -> str | None:
    """The state of a mailbox at its SELECT as a checkpoint; None when the server cannot prove "unchanged" by it.

    All four numbers count: there are servers whose HIGHESTMODSEQ stands still while mail arrives. Nor is it believed
    of a server that said something at the SELECT which makes no sense, as a broken VANISHED.
    """
    numbers = (selected.uidvalidity, selected.uidnext, selected.exists, selected.highestmodseq)
    if "CONDSTORE" not in session.capabilities and "QRESYNC" not in session.capabilities:
        return None
    if not selected.understood:
        return None
    if None in numbers or not selected.highestmodseq or selected.highestmodseq < 1:
        return None
    return json.dumps(numbers)


async def began_anew(session: Session, selected: Selected, agreed: Collection[Key], checkpoint: str | None) -> bool:
    """Whether UIDs are given out a second time under one UIDVALIDITY, against RFC 3501 section 2.3.1.1.

    UIDNEXT never falls: so it does when a mailbox was created anew or restored from a backup. A server that does not
    tell UIDNEXT is believed, and so is one whose UIDNEXT is always too low.
    """
    if not selected.uidnext:
        return False
    if selected.uidnext < _uidnext_of(checkpoint):
        return True
    reached = max(map(int, agreed), default=0)
    return selected.uidnext <= reached and not await _shown_above_uidnext(session, selected, reached)


async def _shown_above_uidnext(session: Session, selected: Selected, uid: int) -> bool:
    """Whether the mailbox shows `uid` and yet tells a UIDNEXT that is not above it, which therefore proves nothing.

    The second question comes after the first: a message that arrived meanwhile under `uid` lifts a true UIDNEXT. The
    mailbox is selected anew for it, for what STATUS tells may be another number than what SELECT tells.
    """
    if not await session.present(UidSet.of([uid])):
        return False
    again = await session.select(selected.name, read_only=selected.asked_read_only)
    return again.uidvalidity == selected.uidvalidity and bool(again.uidnext) and (again.uidnext or 0) <= uid


def _uidnext_of(checkpoint: str | None) -> int:
    """UIDNEXT as `checkpoint_of` wrote it down; 0 without one."""
    return int(json.loads(checkpoint)[1]) if checkpoint is not None else 0


async def list_everything(session: Session, *, with_sizes: bool, known: int) -> Listing:
    """List all messages of the selected mailbox, a second time when the count is wrong the first time.

    `known` is how many messages were there before: an empty mailbox is then asked again in other words.
    """
    items = "UID FLAGS RFC822.SIZE" if with_sizes else "UID FLAGS"
    for attempt in range(2):
        if attempt:
            await session.noop()
        listing = await _list(session, items, known)
        if listing.complete:
            break
    listing.understood = session.selected is not None and session.selected.understood
    return listing


async def _list(session: Session, items: str, known: int) -> Listing:
    listing = Listing()
    if _exists(session) == 0:
        # Some servers refuse a FETCH of nothing.
        listing.complete = known == 0 or not await session.search("ALL")
        return listing
    await session.fetch(EVERYTHING, items, listing.take)
    listing.complete = len(listing.flags) == _exists(session)
    return listing


def _exists(session: Session) -> int:
    """How many messages the mailbox holds by now: the session counts what arrives and goes."""
    return session.selected.exists if session.selected else -1


async def sizes_of(session: Session, uids: Iterable[int]) -> Mapping[int, int]:
    """Sizes in octets as the server states them, for those it states."""
    listing = Listing()
    wanted = UidSet.of(uids)
    if wanted:
        await session.fetch(wanted, "UID RFC822.SIZE", listing.take)
    return listing.sizes


async def compare_aside(
    listing: Listing, agreed: Mapping[Key, Flags], holds: FlagsHeld, checkpoint: str | None, *, readonly: bool = False
) -> Changes:
    """As `compare`; when there is much to compare, in a thread, so that other folders and the screen go on."""
    work = partial(compare, listing, agreed, holds, checkpoint, readonly=readonly)
    return await asyncio.to_thread(work) if max(len(listing.flags), len(agreed)) > MANY else work()


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
        key, shown = str(uid), holds.mask(flags)
        before = agreed.get(key)
        if before is None:
            appeared[key] = Message(key, shown, listing.sizes.get(uid))
        elif shown != holds.mask(before):
            reflagged[key] = shown
    vanished = frozenset(key for key in agreed if int(key) not in listing.flags) if listing.complete else frozenset()
    return Changes(
        appeared,
        reflagged,
        vanished,
        holds=holds,
        checkpoint=checkpoint if listing.complete and listing.understood else None,
        complete=listing.complete,
        readonly=readonly,
    )
