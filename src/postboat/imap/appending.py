"""APPEND of many messages: on their way at once where the server takes literals unasked (RFC 7888)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, ConnectionLost, MessageError
from postboat.imap.refusals import refusal
from postboat.imap.wire import commands

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Sequence

    from postboat.imap.session import Session
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition
    from postboat.model import Flags

    Chunks = Callable[[], AsyncIterator[bytes]]
    ToAppend = tuple[Flags, float | None, int, bytes | Chunks]
    """Flags, INTERNALDATE in seconds since the epoch, size in octets, and the octets or what yields them."""

AHEAD = 16
"""Messages on their way to a server at once: as many are sent in vain when the first of them fills the mailbox."""

AppendOutcome = tuple[int, int] | CommandFailed | None
"""UIDVALIDITY and UID of what was stored, None when it was stored but the server tells no UID, or the refusal."""
_NEEDLESS_AFTER = frozenset({"TRYCREATE", "NONEXISTENT", "OVERQUOTA", "READ-ONLY"})


async def append_many(session: Session, name: str, messages: Sequence[ToAppend]) -> Sequence[AppendOutcome]:
    """Store messages and give the outcomes in their order.

    After a refusal that speaks of the mailbox those not yet sent are not tried: their outcome is that refusal.
    Raises `ConnectionLost`.
    """
    ahead = 1 if session.capabilities.isdisjoint({"LITERAL+", "LITERAL-"}) else AHEAD
    sent: list[asyncio.Future[Condition]] = []
    outcomes: list[AppendOutcome] = []
    for message in messages:
        if len(sent) - len(outcomes) == ahead:
            outcomes.append(_outcome(await _sent_to_its_end(sent[len(outcomes)])))
            if _is_needless_after(outcomes[-1]):
                break
        sent.append(session.ask(_append(name, message)))
    outcomes += [_outcome(await _sent_to_its_end(answer)) for answer in sent[len(outcomes) :]]
    refused = next(filter(_is_needless_after, outcomes), None)
    return outcomes + [refused] * (len(messages) - len(outcomes))


async def _sent_to_its_end(answer: asyncio.Future[Condition]) -> Condition:
    """The answer to a command that carries a message. Raises `ConnectionLost` when the message fails on the way."""
    try:
        return await answer
    except (MessageError, OSError) as error:
        # A message that ends before its announced length takes the connection with it.
        raise ConnectionLost(f"a message could not be sent to its end: {error}") from error


def _is_needless_after(outcome: AppendOutcome) -> bool:
    """Whether an outcome is a refusal that every further message would get."""
    return isinstance(outcome, CommandFailed) and outcome.code in _NEEDLESS_AFTER


def _append(name: str, message: ToAppend) -> Command:
    flags, date, size, octets = message
    literal = commands.Literal.of(octets) if isinstance(octets, bytes) else commands.Literal(None, size, octets)
    return commands.append(name, flags, date, literal)


def _outcome(condition: Condition) -> AppendOutcome:
    return _uid_of(condition) if condition.status == "OK" else refusal("APPEND", condition)


def _uid_of(condition: Condition) -> tuple[int, int] | None:
    """The UID in `[APPENDUID validity uid]` (RFC 4315 section 3), when it is one."""
    told = condition.code.appenduid if condition.code else None
    return (told[0], told[1][0]) if told is not None and len(told[1]) == 1 else None
