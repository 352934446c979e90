"""A command's outcome that is not OK, as an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed
from postboat.imap.patience import Throttled, wait_asked

if TYPE_CHECKING:
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition


def refusal(name: str, condition: Condition) -> CommandFailed:
    """The exception that tells of a NO or BAD to the command of that name.

    Raises `Throttled` when the refusal is for the pace and says nothing of what was asked for.
    """
    wait = wait_asked(name, condition)
    if wait is not None:
        raise Throttled(name, condition.text, wait)
    return CommandFailed(name, condition.status, condition.text, condition.code.name if condition.code else "")


def require_ok(command: Command, condition: Condition) -> None:
    """Raise `CommandFailed`, or `Throttled`, unless the server granted the command."""
    if condition.status != "OK":
        raise refusal(command.name, condition)
