"""An empty folder is deleted on the server; one that holds anything is left.

DELETE takes the messages of a mailbox with it (RFC 3501 section 6.3.4), and no command deletes one only if it is
empty. So it is counted in the flight before. What remains is a message that is delivered between that count and the
DELETE, in the time of one round trip: nobody can save it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderError
from postboat.imap.listing import mailboxes, status
from postboat.imap.selected import is_gone
from postboat.imap.wire import commands

if TYPE_CHECKING:
    from postboat.imap.pool import Pool
    from postboat.imap.session import Session


async def delete_empty(pool: Pool[Session], wire: str, delimiter: str | None) -> None:
    """Delete a mailbox without messages and without others below it, and the subscription to it.

    `wire` is its wire name. One that is gone already is as good as deleted. Raises `FolderError` when it is not empty
    or the server refuses.
    """
    await _leave_everywhere(pool, wire)
    async with pool.session() as session:
        try:
            if await _is_there_and_empty(session, wire, delimiter):
                await session.run(commands.delete(wire))
        except CommandFailed as failure:
            if not is_gone(failure):
                raise FolderError(f"the server does not delete folder {wire!r}: {failure.text}") from failure
        try:
            await session.run(commands.unsubscribe(wire))
        except CommandFailed:
            pass  # a subscription to what is gone does no harm; some servers have none


async def _leave_everywhere(pool: Pool[Session], wire: str) -> None:
    """Unselect the mailbox on every session that rests: Cyrus ends those that still have it selected.

    It says `BYE Fatal error: Mailbox has been (re)moved`; others count what is selected as it was at the selection.
    """
    for _ in range(pool.open_now):
        async with pool.session(prefer=wire) as session:
            if session.mailbox != wire:
                return
            await session.unselect()


async def _is_there_and_empty(session: Session, wire: str, delimiter: str | None) -> bool:
    """Whether the mailbox is there. Raises `FolderError` when it holds messages or folders, or does not tell."""
    if delimiter:
        below = await mailboxes(session, "", f"{wire}{delimiter}*")
        if any(one.name.lower().startswith(f"{wire}{delimiter}".lower()) for one in below):
            raise FolderError(f"folder {wire!r} is not deleted: there are folders inside it")
    try:
        held = (await status(session, wire, ("MESSAGES",))).get("MESSAGES")
    except CommandFailed as failure:
        if is_gone(failure):
            return False
        raise
    if held is None:
        raise FolderError(f"folder {wire!r} is not deleted: the server does not tell whether it is empty")
    if held:
        raise FolderError(f"folder {wire!r} is not deleted: it holds {held} messages by now")
    return True
