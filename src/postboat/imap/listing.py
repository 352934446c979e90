"""Mailboxes as a whole: listed, counted, created and subscribed to, none of which opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire import commands
from postboat.imap.wire.responses import Listed, StatusData

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Response


async def mailboxes(session: Session, reference: str = "", pattern: str = "*") -> Sequence[Listed]:
    """Mailboxes, each once. Raises `CommandFailed`."""
    found: dict[str, Listed] = {}

    def take(response: Response) -> None:
        if isinstance(response, Listed) and not response.is_lsub:
            found[response.name] = merged(found.get(response.name), response)

    await session.run(commands.list_(reference, pattern), take)
    return list(found.values())


async def status(session: Session, name: str, items: Iterable[str]) -> Mapping[str, int]:
    """Numbers about a mailbox that is not selected, those that the server tells. Raises `CommandFailed`."""
    numbers: dict[str, int] = {}

    def take(response: Response) -> None:
        if isinstance(response, StatusData) and folded(response.name) == folded(name):
            numbers.update(response.items)

    await session.run(commands.status(name, items), take)
    return numbers


async def create(session: Session, name: str) -> None:
    """Create a mailbox. Raises `CommandFailed`."""
    await session.run(commands.create(name))


async def subscribe(session: Session, name: str) -> None:
    """Subscribe to a mailbox. Raises `CommandFailed`."""
    await session.run(commands.subscribe(name))


def folded(name: str) -> str:
    """A mailbox name for comparing: only INBOX has no case (RFC 3501 section 5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name


def means_inbox(listed: Listed) -> bool:
    """Whether it is the INBOX, in whatever case."""
    return folded(listed.name) == "INBOX"


def is_lock(name: str) -> bool:
    """Whether it is the lock file of a mailbox, which UW-imapd lists beside that for as long as it is open."""
    return name.endswith(".lock")


def merged(before: Listed | None, again: Listed) -> Listed:
    """A mailbox that is listed twice: all attributes count, and a delimiter once told."""
    if before is None:
        return again
    return Listed(again.name, again.delimiter or before.delimiter, before.attributes | again.attributes)
