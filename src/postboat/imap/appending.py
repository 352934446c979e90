"""APPEND of many messages: several on their way at once, and several in one command, where the server takes them so.

Each command of a group costs the server as much as one message: it locks, writes and syncs the mailbox once.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, ConnectionLost, MessageError, PostboatError
from postboat.imap.abilities import SHORT
from postboat.imap.patience import Throttled
from postboat.imap.refusals import refusal
from postboat.imap.wire import commands

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from postboat.imap.session import Session
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition
    from postboat.model import Flags

    Chunks = Callable[[], AsyncIterator[bytes]]
    ToAppend = tuple[Flags, float | None, int, bytes | Chunks]
    """Flags, INTERNALDATE in seconds since the epoch, size in octets, and the octets or what yields them."""
    Group = list[int]
    """The messages that one command carries."""

FIRST = 16
"""Messages on their way at once at first: as many are sent in vain to a mailbox that is full."""
MOST = 512
"""Messages on their way at once after many were taken."""
MOST_OCTETS = 1 << 22
"""Octets on their way at once, as many as a batch has: with a quarter of them a first copy takes twice the round trips.

A larger message goes alone.
"""
GROWTH = 4
"""By how much the window grows when the server took all that was in it."""
GROUP = 32
"""Messages in one command: more of them gain nothing, and are sent again if one is refused."""
GROUP_OCTETS = 1 << 18
"""Octets in one command of several messages."""
ASKED = 2
"""Messages on their way when each must wait for the server's consent: one is asked for while one is answered."""

AppendOutcome = tuple[int, int] | CommandFailed | None
"""UIDVALIDITY and UID of what was stored, None when it was stored but the server tells no UID, or the refusal."""
_NEEDLESS_AFTER = frozenset({"TRYCREATE", "NONEXISTENT", "OVERQUOTA", "READ-ONLY"})
_OF_ALL = _NEEDLESS_AFTER - {"OVERQUOTA"}
"""Refusals of a group that none of its messages would escape alone."""


class Window:
    """How much may be on its way to a mailbox without an answer: more after success, less after a refusal."""

    def __init__(self) -> None:
        self.messages = FIRST
        self.group = GROUP

    def taken(self, count: int) -> None:
        """Widen after the server took `count` messages."""
        self.messages = min(MOST, self.messages + (GROWTH - 1) * count)

    def refused(self, count: int) -> None:
        """Narrow after the server refused a group of `count` messages."""
        self.messages = FIRST
        self.group = max(1, count // 2)


async def append_many(
    session: Session, name: str, messages: Sequence[ToAppend], window: Window
) -> Mapping[int, AppendOutcome]:
    """Store messages; outcomes by their places, in the order in which the server dealt with them.

    A group that is refused is sent again message by message. After a refusal that speaks of the mailbox those not yet
    sent are not tried: their outcome is that refusal. Raises `ConnectionLost`.
    """
    return await _Appending(session, name, messages, window).run()


class _Appending:
    """Messages on their way into one mailbox over one session. They are known by their places in the batch."""

    def __init__(self, session: Session, name: str, messages: Sequence[ToAppend], window: Window) -> None:
        self._session, self._name, self._messages, self._window = session, name, messages, window
        self._unasked = _unasked(session.capabilities)
        self._groups = {"MULTIAPPEND", "UIDPLUS"} <= session.capabilities
        self._waiting = deque(range(len(messages)))
        self._alone: set[int] = set()
        """Messages of a refused group, which go by themselves."""
        self._sent: deque[tuple[Group, asyncio.Future[Condition]]] = deque()
        self._under_way = _Load()
        self._outcomes: dict[int, AppendOutcome] = {}
        self._needless: CommandFailed | None = None

    async def run(self) -> dict[int, AppendOutcome]:
        """Send everything and take every answer."""
        while True:
            while self._needless is None and (group := self._following()):
                self._sent.append((group, self._session.ask(self._command(group))))
            if not self._sent:
                break
            condition = await _sent_to_its_end(self._sent[0][1])
            group, _ = self._sent.popleft()
            for place in group:
                self._under_way.drop(self._size(place), asks=self._asks(place))
            self._judge(group, condition)
        if self._needless is not None:
            for place in self._waiting:
                self._outcomes[place] = self._needless
        return self._outcomes

    def _following(self) -> Group:
        """What the next command carries, none if there is no room for it now."""
        group: Group = []
        octets = 0
        while self._waiting and self._fits(self._waiting[0], group, octets):
            place = self._waiting.popleft()
            group.append(place)
            octets += self._size(place)
            self._under_way.add(self._size(place), asks=self._asks(place))
        return group

    def _fits(self, place: int, group: Group, octets: int) -> bool:
        """Whether a message may be sent now, and in the same command as `group`, which has so many octets."""
        size = self._size(place)
        if group and not (
            len(group) < self._window.group
            and octets + size <= GROUP_OCTETS
            and self._may_be_grouped(place)
            and self._may_be_grouped(group[0])
        ):
            return False
        return self._under_way.has_room(size, self._window.messages, asks=self._asks(place))

    def _may_be_grouped(self, place: int) -> bool:
        octets = self._messages[place][3]
        return self._groups and isinstance(octets, bytes) and not self._asks(place) and place not in self._alone

    def _size(self, place: int) -> int:
        return self._messages[place][2]

    def _asks(self, place: int) -> bool:
        """Whether a message must wait for the server's consent."""
        return self._unasked is not None and self._size(place) > self._unasked

    def _command(self, group: Group) -> Command:
        return commands.append_all(self._name, (_literal(self._messages[place]) for place in group))

    def _judge(self, group: Group, condition: Condition) -> None:
        if condition.status == "OK":
            self._window.taken(len(group))
            self._outcomes.update(zip(group, _uids_of(condition, len(group)), strict=True))
            return
        try:
            failure = refusal("APPEND", condition)
        except Throttled as throttled:
            self._postpone(group, throttled)
            return
        if len(group) > 1 and failure.code not in _OF_ALL:
            self._window.refused(len(group))
            self._alone.update(group)
            self._waiting.extendleft(reversed(group))
            return
        self._outcomes.update(dict.fromkeys(group, failure))
        if failure.code in _NEEDLESS_AFTER and self._needless is None:
            self._needless = failure

    def _postpone(self, group: Group, throttled: Throttled) -> None:
        """Send again what was refused for its pace, after the pause; when that is too long, it is refused."""
        try:
            self._session.patience.go_on_after(throttled)
        except PostboatError as error:
            self._needless = self._needless or CommandFailed("APPEND", "NO", str(error), "THROTTLED")
            self._outcomes.update(dict.fromkeys(group, self._needless))
        else:
            self._waiting.extendleft(reversed(group))


class _Load:
    """What is on its way without an answer."""

    def __init__(self) -> None:
        self._messages = self._octets = self._asking = 0

    def has_room(self, size: int, most: int, *, asks: bool) -> bool:
        """Whether one more message of `size` octets may go, when there may be `most`; one alone always may."""
        if not self._messages:
            return True
        fits = self._messages < most and self._octets + size <= MOST_OCTETS
        return fits and not (asks and self._asking >= ASKED)

    def add(self, size: int, *, asks: bool) -> None:
        """Take that a message is sent."""
        self._messages, self._octets, self._asking = self._messages + 1, self._octets + size, self._asking + asks

    def drop(self, size: int, *, asks: bool) -> None:
        """Take that it was answered."""
        self._messages, self._octets, self._asking = self._messages - 1, self._octets - size, self._asking - asks


async def _sent_to_its_end(answer: asyncio.Future[Condition]) -> Condition:
    """The answer to a command that carries messages. Raises `ConnectionLost` when one fails on the way."""
    try:
        return await answer
    except (MessageError, OSError) as error:
        # A message that ends before its announced length takes the connection with it.
        raise ConnectionLost(f"a message could not be sent to its end: {error}") from error


def _unasked(capabilities: frozenset[str]) -> int | None:
    """Up to how many octets a message may be sent without asking (RFC 7888); None: any number."""
    if "LITERAL+" in capabilities:
        return None
    return SHORT if "LITERAL-" in capabilities else 0


def _literal(message: ToAppend) -> tuple[Flags, float | None, commands.Literal]:
    flags, date, size, octets = message
    data = commands.Literal.of(octets) if isinstance(octets, bytes) else commands.Literal(None, size, octets)
    return flags, date, data


def _uids_of(condition: Condition, count: int) -> Sequence[tuple[int, int] | None]:
    """What `[APPENDUID validity uids]` tells of each message, in their order; nothing when it cannot be right.

    UIDs of one command ascend in the order of its messages (RFC 4315 section 3, RFC 3501 section 2.3.1.1).
    """
    told = condition.code.appenduid if condition.code else None
    if told is None or len(told[1]) != count or any(a >= b for a, b in pairwise(told[1])):
        return [None] * count
    return [(told[0], uid) for uid in told[1]]
