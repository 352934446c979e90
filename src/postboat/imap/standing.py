"""Where a conversation stands (RFC 3501 section 3), and what may be said there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.errors import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition

NONAUTH, AUTH, SELECTED, LOGOUT = "NONAUTH", "AUTH", "SELECTED", "LOGOUT"
"""The states, in aioimaplib's words."""

_AFTER = {
    "LOGIN": AUTH,
    "AUTHENTICATE": AUTH,
    "SELECT": SELECTED,
    "EXAMINE": SELECTED,
    "CLOSE": AUTH,
    "UNSELECT": AUTH,
    "LOGOUT": LOGOUT,
}


class KeepsState(Protocol):
    """Whoever the state belongs to."""

    state: str
    """One of the four, or another before the greeting."""


class Standing:
    """The state now, and the one expected when all commands under way succeed.

    `legal_in` gives the states in which a command may be sent, by its verb; one that is not in it always may.
    """

    def __init__(self, keeper: KeepsState, legal_in: Mapping[str, Collection[str]]) -> None:
        self._keeper, self._legal_in = keeper, legal_in
        self._expected = NONAUTH

    @property
    def now(self) -> str:
        """The state that the answers so far have led to."""
        return self._keeper.state

    def greeted(self, *, preauthenticated: bool) -> None:
        """Take the greeting."""
        self._keeper.state = AUTH if preauthenticated else NONAUTH

    def send(self, command: Command, *, first: bool) -> None:
        """Expect a command to succeed; `first` when none is under way before it.

        Raises `CommandFailed` when RFC 3501 forbids it in the state that is expected then.
        """
        if first:
            self._expected = self.now
        allowed = self._legal_in.get(command.verb)
        if allowed is not None and self._expected not in allowed:
            raise CommandFailed(command.name, "BAD", f"not possible in state {self._expected}")
        self._expected = _AFTER.get(command.name, self._expected)

    def concluded(self, name: str, condition: Condition) -> None:
        """Take the end of a command. A SELECT that is refused leaves no mailbox selected.

        What was sent behind a sign-in that is refused is refused too: then another one may be tried at once.
        """
        if condition.status == "OK":
            self._keeper.state = _AFTER.get(name, self.now)
        elif name in ("SELECT", "EXAMINE") and condition.status == "NO":
            self._keeper.state = AUTH
        elif _AFTER.get(name) == AUTH and self.now == NONAUTH:
            self._expected = NONAUTH

    def ended(self) -> None:
        """Take the connection's end."""
        self._keeper.state = LOGOUT
