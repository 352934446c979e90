"""What it means that a mailbox was not opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderError, FolderGone
from postboat.imap.listing import mailboxes
from postboat.imap.selected import is_gone

if TYPE_CHECKING:
    from postboat.imap.session import Session


async def not_opened(session: Session, name: str, failure: CommandFailed) -> FolderError:
    """What a refused SELECT means; when the refusal does not tell, the list of mailboxes does."""
    if is_gone(failure) or (failure.status == "NO" and not failure.code and not await _is_listed(session, name)):
        return FolderGone(f"the server has no such folder (any more): {failure.text}")
    return FolderError(f"the server does not open the folder: {failure.text}")


async def _is_listed(session: Session, name: str) -> bool:
    """Whether a mailbox is listed under exactly this name; yes when that cannot be learnt."""
    try:
        listed = await mailboxes(session, "", name)
    except CommandFailed:
        return True
    return any(one.name == name and "\\nonexistent" not in one.attributes for one in listed)
