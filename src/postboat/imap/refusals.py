"""A command's outcome that is not OK, as an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed

if TYPE_CHECKING:
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition


def refusal(name: str, condition: Condition) -> CommandFailed:
    """The exception that tells of a NO or BAD to the command of that name."""
    return CommandFailed(name, condition.status, condition.text, condition.code.name if condition.code else "")


def require_ok(command: Command, condition: Condition) -> None:
    """Raise `CommandFailed` unless the server granted the command."""
    if condition.status != "OK":
        raise refusal(command.name, condition)
