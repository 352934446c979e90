"""What a connection is used for while a command is under way, in the words of `events.Light`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.imap.wire.commands import Command

FREE, CONNECTING, WAITING = "free", "connecting", "waiting"
_WHOLE_BODY = b"BODY.PEEK[]"
_DOING = {
    **dict.fromkeys(("CAPABILITY", "STARTTLS", "LOGIN", "AUTHENTICATE", "ID", "ENABLE", "COMPRESS"), CONNECTING),
    **dict.fromkeys(("IDLE", "NOTIFY"), WAITING),
    **dict.fromkeys(("NOOP", "LOGOUT"), FREE),
    **dict.fromkeys(("NAMESPACE", "LIST", "LSUB", "STATUS"), "folders"),
    **dict.fromkeys(("CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"), "folders"),
    **dict.fromkeys(("SELECT", "EXAMINE", "UNSELECT"), "opening"),
    "UID SEARCH": "listing",
    **dict.fromkeys(("APPEND", "UID COPY", "UID MOVE"), "sending"),
    **dict.fromkeys(("EXPUNGE", "UID EXPUNGE"), "deleting"),
}


def doing(command: Command) -> str:
    """Tell in one word what a command is for; `free` for one that only finds out whether the server is there."""
    if command.name == "UID FETCH":
        return "copying" if _says(command, _WHOLE_BODY) else "listing"
    if command.name == "UID STORE":
        return "deleting" if _says(command, b"\\Deleted") else "flagging"
    return _DOING.get(command.name, FREE)


def _says(command: Command, word: bytes) -> bool:
    return any(isinstance(part, bytes) and word in part for part in command.parts)
