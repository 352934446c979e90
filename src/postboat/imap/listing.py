"""Mailboxes as a whole: listed, counted, created and subscribed to, none of which opens one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.refusals import require_ok
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Listed, Namespaces, StatusData

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Response


async def mailboxes(
    session: Session, reference: str = "", pattern: str = "*", *, subscribed: bool = False
) -> Sequence[Listed]:
    """Mailboxes, each once, with `subscribed` only those subscribed to. Raises `CommandFailed`."""
    found: dict[str, Listed] = {}
    subscriptions: set[str] = set()

    def take(response: Response) -> None:
        if isinstance(response, Listed):
            if response.is_lsub:
                subscriptions.add(folded(response.name))
            else:
                found[response.name] = _merged(found.get(response.name), response)

    wanted = [commands.list_(reference, pattern)]
    if subscribed:
        wanted.append(commands.lsub(reference, pattern))
    for command, condition in zip(wanted, await session.ask_all(wanted, take), strict=True):
        require_ok(command, condition)
    return [one for one in found.values() if not subscribed or folded(one.name) in subscriptions]


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


async def namespace(session: Session) -> Namespaces | None:
    """Where the user's and others' mailboxes are (RFC 2342). Raises `CommandFailed`."""
    found: list[Namespaces] = []

    def take(response: Response) -> None:
        if isinstance(response, Namespaces):
            found.append(response)

    await session.run(commands.namespace(), take)
    return found[0] if found else None


def folded(name: str) -> str:
    """A mailbox name for comparing: only INBOX has no case (RFC 3501 section 5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name


def _merged(before: Listed | None, again: Listed) -> Listed:
    """A mailbox that is listed twice: all attributes count, and a delimiter once told."""
    if before is None:
        return again
    return Listed(again.name, again.delimiter or before.delimiter, before.attributes | again.attributes)
