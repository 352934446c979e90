r"""Changes flags and removes messages, always by UID and never beyond the messages named.

Flags are added and removed, never replaced: what other programs set stays. Nothing is expunged that others marked
\Deleted, and no mailbox is left by CLOSE, which would do that.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed
from postboat.imap.reading import present_of
from postboat.imap.wire.uid_set import UidSet
from postboat.model import DELETED, Gone, Marked, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from postboat.imap.session import Session
    from postboat.model import Flags, FlagsHeld, Key, Reflagging


async def change_flags(session: Session, reflaggings: Sequence[Reflagging], holds: FlagsHeld) -> list[Refused | Gone]:
    """Add and remove flags, all messages of equal change by one command.

    Returns what the server refused, and the messages that are gone: a STORE passes over them in silence.
    """
    refused: dict[Key, Refused] = {}
    for (sign, flags), uids in _grouped(reflaggings, holds).items():
        for refusal in await _store(session, uids, sign, flags):
            refused.setdefault(refusal.key, refusal)
    wanted = UidSet.of(int(reflagging.key) for reflagging in reflaggings)
    gone = wanted - await present_of(session, wanted)
    return [*refused.values(), *(Gone(str(uid)) for uid in gone)]


def _grouped(reflaggings: Iterable[Reflagging], holds: FlagsHeld) -> dict[tuple[str, Flags], list[int]]:
    groups: dict[tuple[str, Flags], list[int]] = defaultdict(list)
    for wanted in reflaggings:
        for sign, flags in (("+", holds.mask(wanted.add)), ("-", holds.mask(wanted.remove))):
            if flags:
                groups[sign, flags].append(int(wanted.key))
    return groups


async def _store(session: Session, uids: Sequence[int], sign: str, flags: Flags) -> list[Refused]:
    """Change one set; when the server refuses it as a whole, message by message. Gone is as good as done."""
    wanted = UidSet.of(uids)
    try:
        await session.store(wanted, sign, flags)
        return []
    except CommandFailed as failure:
        if failure.status != "NO":
            raise
        refusal = failure
    present = await present_of(session, wanted)
    if len(wanted) == 1:
        return [Refused(str(uid), f"the server refused {refusal}") for uid in present]
    return [refused for uid in present for refused in await _store(session, [uid], sign, flags)]


async def remove(session: Session, uids: Sequence[int], *, expunge: bool) -> list[Refused | Marked]:
    r"""Mark messages \Deleted and, with `expunge`, remove exactly these; returns those that are still there."""
    refused = await _store(session, uids, "+", frozenset({DELETED}))
    failed = {refusal.key for refusal in refused}
    ours = UidSet.of(uid for uid in uids if str(uid) not in failed)
    if not ours:
        return list(refused)
    if expunge and "UIDPLUS" in session.capabilities:
        await session.expunge_uids(ours)
    elif expunge and not await session.search("DELETED") - ours:
        await session.expunge_all()
    left = await present_of(session, ours)
    return [*refused, *(Marked(str(uid)) for uid in left)]
