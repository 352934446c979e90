"""Small signs with a meaning: what a connection does, how an account is. Told by shape as well as by style."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postboat.account_status import IDLE, NEEDS_USER, PAUSED, SYNCING, WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.account_status import AccountStatus
    from postboat.events import Light
    from postboat.ui.board.spans import Look
    from postboat.values import Sides


class Mark(NamedTuple):
    """A sign of one column."""

    shape: str
    plain: str
    """In ASCII."""
    style: str
    meaning: str

    def drawn(self, look: Look) -> str:
        """Give the shape that the screen can show."""
        return self.shape if look.unicode else self.plain


LIGHTS: Mapping[str, Mark] = {
    "free": Mark("·", ".", "free", "free"),
    "connecting": Mark("◌", "c", "connecting", "connecting"),
    "waiting": Mark("○", "w", "waiting", "waiting for the server to tell"),
    "folders": Mark("◇", "f", "folders", "asking for the folders"),
    "opening": Mark("◔", "o", "opening", "opening a folder"),
    "listing": Mark("≡", "l", "listing", "listing messages"),
    "copying": Mark("▼", "v", "copying", "copying from the server"),
    "sending": Mark("▲", "^", "copying", "sending to the server"),
    "flagging": Mark("⚑", "*", "flagging", "changing flags"),
    "deleting": Mark("✗", "x", "deleting", "deleting"),
}
"""What a connection does."""
UNKNOWN = Mark("?", "?", "dim", "something else")

IN_STEP = Mark("●", "o", "ok", "in step")
NOT_ALL = Mark("◎", "%", "attention", "not all in step")
AT_WORK = Mark("◐", "@", "busy", "syncing")
AWAY = Mark("◌", "-", "attention", "waits, and is tried again by itself")
YOURS = Mark("▲", "!", "error", "needs you")
FAILED = Mark("✗", "x", "error", "failed")
RESTS = Mark("‖", "=", "dim", "paused")
BEGINS = Mark("○", ".", "dim", "starting")
STATES = (IN_STEP, NOT_ALL, AT_WORK, AWAY, YOURS, FAILED, RESTS, BEGINS)
_TURNING = (("◐", "|"), ("◓", "/"), ("◑", "-"), ("◒", "\\"))
TURNS = 4.0
"""Quarter turns a second of the light of an account at work."""


GAP = Mark(" ", " ", "", "")
"""Between the connections to one server and those to another."""


def by_server(row: Sequence[Light], sides: Sides | None) -> tuple[Light, ...]:
    """Put the lights of each server together, the remote one's first; places that are left, of no server, come last."""
    if sides is None:
        return tuple(row)
    return tuple(sorted(row, key=lambda light: {sides.remote: 0, sides.local: 1}.get(light.server, 2)))


def marks(row: Sequence[Light], sides: Sides | None) -> tuple[Mark, ...]:
    """Give the signs for what connections do, those to one server apart from those to another."""
    drawn = [of_connection(light) for light in row]
    at = next((at for at, light in enumerate(row) if sides and light.server == sides.local), 0)
    return (*drawn[:at], *([GAP] if at else []), *drawn[at:])


def of_connection(light: Light) -> Mark:
    """Give the sign for what a connection does."""
    return LIGHTS.get(light.doing, UNKNOWN)


def of_account(account: AccountStatus, now: float, look: Look, *, goes_on: bool = True) -> Mark:
    """Give the sign for how an account is."""
    match account.state:
        case str(state) if state == SYNCING:
            if not look.motion:
                return AT_WORK
            shape, plain = _TURNING[int(now * TURNS) % len(_TURNING)]
            return Mark(shape, plain, AT_WORK.style, AT_WORK.meaning)
        case str(state) if state == PAUSED:
            return RESTS
        case str(state) if state == NEEDS_USER:
            return YOURS
        case str(state) if state == WAITING:
            return AWAY if goes_on else FAILED
        case str(state) if state == IDLE:
            return _at_rest(account)
    return BEGINS


def _at_rest(account: AccountStatus) -> Mark:
    if account.held or account.plans:
        return YOURS
    return NOT_ALL if account.troubles or account.hooks else IN_STEP
