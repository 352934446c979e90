"""What makes a delta believable: the numbers of the mailbox before, of the mailbox now, and of the ledger agree.

A server that tells only changes can leave one out, or tell of one that was none, and nothing else would ever show it.
So nothing of a delta is used unless all of this holds, and a look at everything takes its place when it does not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from postboat.imap.wire.uid_set import UidSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.looks.heard import Heard
    from postboat.imap.selected import Selected

LARGEST_MODSEQ = 2**63 - 1
"""RFC 7162 section 3.1: a mod-sequence has 63 bits."""


def stands_still(saved: Checkpoint, selected: Selected, heard: Heard) -> bool:
    """Whether the four numbers are those of the checkpoint, and nothing was told that speaks against it.

    A server without CHANGEDSINCE lists every message each time, which says nothing about changes.
    """
    now = (selected.uidvalidity, selected.uidnext, heard.at_select, selected.highestmodseq)
    silent = not heard.vanished and (not heard.listing.flags or ignores_since(saved, heard))
    return now == saved and silent and heard.understood


def ignores_since(saved: Checkpoint, heard: Heard) -> bool:
    """Whether the server knows no CHANGEDSINCE, whatever it announces (SmarterMail): it tells no mod-sequences."""
    return heard.unstamped < saved.uidnext


def is_believable(saved: Checkpoint, selected: Selected, heard: Heard) -> bool:
    """Whether an answer about changes since `saved` can be one, going by the numbers that came with it."""
    modseq, uidnext = selected.highestmodseq, selected.uidnext
    if not heard.understood or heard.nameless or modseq is None or uidnext is None:
        return False
    if not saved.highestmodseq <= modseq <= LARGEST_MODSEQ or uidnext < saved.uidnext:
        return False
    if not _moves_along(saved, modseq, uidnext, heard):
        return False
    arrived = max(0, heard.exists - (heard.at_select or 0))
    if sum(uid >= uidnext for uid in heard.listing.flags) > arrived:
        return False
    return not any(uid in heard.vanished for uid in heard.listing.flags)


def _moves_along(saved: Checkpoint, modseq: int, uidnext: int, heard: Heard) -> bool:
    """Whether the mod-sequence rose with what happened, and what happened is told."""
    if modseq == saved.highestmodseq:
        return uidnext == saved.uidnext  # at Hostinger it stands still while mail comes, and for flags, too
    silent = not heard.listing.flags and not heard.vanished
    return not silent or uidnext > saved.uidnext or heard.exists != saved.messages  # Amazon WorkMail is just silent


def adds_up(saved: Checkpoint, selected: Selected, heard: Heard, *, paired: int, gone: int, appeared: int) -> bool:
    """Whether messages that the ledger knows, less those gone, and those new are as many as the mailbox holds.

    Each UID that was given out since must be accounted for too, as there or as gone: a message that came and is kept
    secret could stand in for one whose removal is kept secret.
    """
    return paired - gone + appeared == heard.exists and _all_accounted(saved, selected, heard)


def none_removed(saved: Checkpoint, heard: Heard) -> bool:
    """Whether all messages of the checkpoint are still there, going by the mailbox's own numbers.

    It is for servers that do not tell of removals: where the ledger leaves messages out, or keeps some that are gone
    (as a policy may want), its sum could come out right by chance.
    """
    since = sum(uid >= saved.uidnext for uid in heard.listing.flags)
    return saved.messages + since == heard.exists


def _all_accounted(saved: Checkpoint, selected: Selected, heard: Heard) -> bool:
    first, last = saved.uidnext, (selected.uidnext or 0) - 1
    if last < first:
        return True
    told = heard.vanished | UidSet.of(uid for uid in heard.listing.flags if first <= uid <= last)
    return len(told & UidSet([(first, last)])) == last - first + 1


def one_set(heard: Heard) -> UidSet | None:
    """The UIDs that the only search of a flight found; None when its answer cannot be read."""
    sets = all_sets(heard, 1)
    if sets is not None:
        return sets[0]
    if heard.esearched or not heard.searched:
        return UidSet() if not (heard.esearched or heard.exists) else None
    return UidSet(piece for uids in heard.searched for piece in uids.ranges)


def all_sets(heard: Heard, asked: int) -> Sequence[UidSet] | None:
    """The answers to as many searches `RETURN (ALL COUNT)` in their order; None when one cannot be relied on."""
    answers = heard.esearched
    tags = [(len(answer.tag), answer.tag) for answer in answers if answer.tag is not None]
    if len(answers) != asked or any(a >= b for a, b in pairwise(tags)):
        return None
    sets = [answer.all or UidSet() for answer in answers]
    if not all(a.uid and a.count == len(found) for a, found in zip(answers, sets, strict=True)):
        return None
    return sets
