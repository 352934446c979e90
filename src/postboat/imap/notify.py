"""NOTIFY (RFC 5465): one connection, with no mailbox selected, on which the server tells of changes in all of them.

It is asked for once on each connection: with Dovecot 2.3 a second NOTIFY SET ends all pushing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, ConnectionLost, FolderError
from postboat.imap.refusals import require_ok
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Condition

if TYPE_CHECKING:
    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Response

NEEDS = frozenset({"NOTIFY", "IDLE", "UNSELECT"})
_OF_MESSAGES = ("MessageNew", "MessageExpunge", "FlagChange")
_OF_MAILBOXES = ("MailboxName", "SubscriptionChange")
_OVERFLOW = "NOTIFICATIONOVERFLOW"


async def subscribe(session: Session) -> None:
    """Ask to be told of changes in the user's own mailboxes; their numbers come before the answer.

    Raises `CommandFailed` when the server does not tell of messages that come, go and change flags.
    """
    if session.mailbox is not None:
        await session.unselect()
    for events in (_OF_MESSAGES + _OF_MAILBOXES, _OF_MESSAGES):
        command = commands.notify(f"SET STATUS (personal ({' '.join(events)}))")
        condition = await session.ask(command)
        if is_overflow(condition):
            raise CommandFailed(command.name, "NO", condition.text, _OVERFLOW)
        if condition.code is None or condition.code.name != "BADEVENT":
            break
    require_ok(command, condition)


async def unsubscribe(session: Session) -> None:
    """Ask to be told nothing more, so that others can use the session. Raises `ConnectionLost` if that fails."""
    try:
        await session.run(commands.notify("NONE"))
    except (CommandFailed, FolderError) as failure:
        raise ConnectionLost(f"the server does not stop telling: {failure}") from failure


def is_overflow(response: Response) -> bool:
    """Whether the server gave up telling, since too much happened at once (RFC 5465 section 5.8)."""
    return isinstance(response, Condition) and response.code is not None and response.code.name == _OVERFLOW
