r"""For servers that search for little or nothing (QQ: `BAD UID SEARCH invalid argument`): a list tells the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed
from postboat.imap.wire.uid_set import MAX_UID, UidSet

if TYPE_CHECKING:
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Fetched

ALL = f"1:{MAX_UID}"


async def found_or_listed(session: Session, criteria: str, *, flag: str = "") -> UidSet:
    """What a search by `criteria` finds, or a list in its place: all messages of the mailbox, or those with `flag`.

    Raises `CommandFailed`.
    """
    try:
        return await session.search(criteria)
    except CommandFailed as refusal:
        if not knows_no_search(refusal.status):
            raise
    return await listed(session, ALL, flag=flag)


async def listed(session: Session, uids: UidSet | str, *, flag: str = "") -> UidSet:
    """UIDs of those messages among `uids` that the selected mailbox lists, with `flag` if one is given.

    Raises `CommandFailed`.
    """
    shown: set[int] = set()

    def each(message: Fetched) -> None:
        if message.uid is not None and (not flag or flag in (message.flags or ())):
            shown.add(message.uid)

    await session.fetch(uids, "UID FLAGS", each)
    found = UidSet.of(shown)
    return found & uids if isinstance(uids, UidSet) else found


def knows_no_search(status: str) -> bool:
    """Whether a server that answers a SEARCH by `status` does not know it, as opposed to being out of order."""
    return status == "BAD"
