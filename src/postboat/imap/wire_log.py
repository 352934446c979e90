"""The conversation with a server as lines for people, without secrets and without mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire.framer import Streamed
from postboat.imap.wire.quirks import without_control_characters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postboat.imap.pipeline import Call
    from postboat.imap.wire.commands import Literal
    from postboat.imap.wire.framer import Reply

    Tell = Callable[[str, str], None]
    """Takes the direction, "C" for what we say and "S" for what the server says, and the line."""

LONGEST = 400
"""Characters of a line that are shown."""
HIDDEN = "***"


class WireLog:
    """Tells each line; without a `tell` it costs nothing."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell

    def call(self, call: Call) -> None:
        """Tell a command; what LOGIN is given is hidden, and of AUTHENTICATE all but the mechanism."""
        if self._tell is None:
            return
        command = call.command
        arguments = "".join(map(_shown, command.parts))
        if command.sensitive:
            mechanism = arguments.split(" ")[1] if command.name == "AUTHENTICATE" else ""
            arguments = f" {mechanism} {HIDDEN}" if mechanism else f" {HIDDEN}"
        self._say("C", f"{call.tag} {command.name}{arguments}")

    def line(self, line: bytes, *, secret: bool) -> None:
        """Tell a line that goes on with a command; one that is secret is hidden."""
        if self._tell is not None:
            self._say("C", HIDDEN if secret else _shown(line))

    def reply(self, reply: Reply, in_flight: Iterable[Call]) -> None:
        """Tell a response; while a password is under way only its first two words, since servers echo commands."""
        if self._tell is None:
            return
        line = "".join(_literal_shown(part) if place % 2 else _shown(part) for place, part in enumerate(reply.parts))
        if any(call.command.sensitive for call in in_flight):
            line = " ".join([*line.split(" ")[: 1 if line.startswith("+") else 2], HIDDEN])
        self._say("S", line)

    def _say(self, direction: str, line: str) -> None:
        if self._tell is not None:
            shown = without_control_characters(line)
            self._tell(direction, shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…")


def _shown(part: bytes | Streamed | Literal) -> str:
    if isinstance(part, bytes):
        return part[: LONGEST + 1].decode("latin-1")
    return f"{{{part.size}}}"


def _literal_shown(part: bytes | Streamed) -> str:
    return f"{{{part.size if isinstance(part, Streamed) else len(part)}}}"
