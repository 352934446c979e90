"""What is known of the mailbox that a session has selected, kept up by what the server says on the way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.imap.wire.framer import ProtocolViolation
from postboat.imap.wire.responses import Condition, Exists, Expunged, Unknown, Vanished
from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN, FlagsHeld
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.errors import CommandFailed
    from postboat.imap.wire.responses import Response, ResponseCode
    from postboat.model import Flags

SYSTEM_FLAGS: Flags = frozenset({SEEN, ANSWERED, FLAGGED, DELETED, DRAFT})
_EVERYTHING = FlagsHeld(SYSTEM_FLAGS, keywords=True)
_NOTHING = FlagsHeld(frozenset(), keywords=False)
_MAKES_KEYWORDS = "\\*"
_RECENT = "\\Recent"
_GONE_TEXT = re.compile(
    r"does ?n[o']t exist|does not exist|no such (mailbox|folder)|(unknown|non-?existent) (mailbox|folder)", re.I
)


@dataclass(slots=True)
class Selected:
    """A selected mailbox. What the server did not tell, or told as 0, is None."""

    name: str
    """Wire name."""
    read_only: bool = False
    asked_read_only: bool = False
    """Whether EXAMINE opened it; `read_only` also when SELECT did and the server allows no more."""
    exists: int = 0
    """Messages in it by now."""
    uidvalidity: int | None = None
    uidnext: int | None = None
    """As told at the selection; some servers never do (Courier, 163)."""
    highestmodseq: int | None = None
    """As told at the selection, so that nothing which came later is taken for seen; None for NOMODSEQ too."""
    holds: FlagsHeld = _EVERYTHING
    """Flags it keeps for ever; without PERMANENTFLAGS all (RFC 3501 section 7.1), opened for reading none."""
    uid_not_sticky: bool = False
    """Whether UIDs are worth nothing in the next session (RFC 4315 section 2)."""
    understood: bool = True
    """Whether every response since the SELECT made sense; one that did not may have told of any change."""

    @property
    def turned_read_only(self) -> bool:
        """Whether the server allows less than was asked for: READ-ONLY in answer to a SELECT."""
        return self.read_only and not self.asked_read_only

    def note(self, response: Response) -> None:
        """Take in an untagged response that came while the mailbox is selected."""
        match response:
            case Exists(count):
                self.exists = count
            case Expunged(seq) if 0 < seq <= self.exists:
                self.exists -= 1
            case Vanished(uids, earlier=False):
                self.exists -= min(len(uids), self.exists)
            case Unknown():
                self.understood = False
            case _:
                pass


class Selecting:
    """Gathers the answer to a SELECT or EXAMINE; `take` gets what it says of messages (RFC 7162 section 3.2.5).

    It also gets `[CLOSED]`, before which everything was said of another mailbox.
    """

    def __init__(self, name: str, *, read_only: bool, take: Callable[[Response], None] | None = None) -> None:
        self.name, self.read_only = name, read_only
        self._take = take
        self.hearers: list[Callable[[Response], None]] = []
        """Who hears what the server says of the mailbox behind the selection, whichever question it answers."""
        self._begin()

    def _begin(self) -> None:
        self._asked = Selected(self.name, self.read_only, asked_read_only=self.read_only)
        self._permanent: Flags | None = None

    def note(self, response: Response) -> None:
        """Take in an untagged response; all that came before `[CLOSED]` was about the mailbox before."""
        if isinstance(response, Condition) and response.code is not None:
            if response.code.name != "CLOSED":
                self._note_code(response.code)
                return
            self._begin()
        else:
            self._asked.note(response)
        if self._take is not None:
            self._take(response)

    def follow(self, response: Response) -> None:
        """Take in an untagged response that came behind the selection, for as long as the mailbox is selected.

        Raises ProtocolViolation when it shows that the server speaks of another mailbox already.
        """
        if isinstance(response, Condition) and response.code is not None:
            self._require_same(response.code)
        self._asked.note(response)
        for hear in self.hearers:
            hear(response)

    def _require_same(self, code: ResponseCode) -> None:
        told = code.uidvalidity
        if code.name == "CLOSED" or (told is not None and told != self._asked.uidvalidity):
            raise ProtocolViolation("the server went on to another mailbox before it answered all about the last one")

    def finish(self, condition: Condition) -> Selected:
        """The mailbox as the tagged OK leaves it."""
        selected = self._asked
        if condition.code is not None:
            self._note_code(condition.code)
            selected.read_only = selected.read_only or condition.code.name == "READ-ONLY"
        if selected.read_only:
            selected.holds = _NOTHING
        elif self._permanent is not None:
            selected.holds = held(self._permanent)
        return selected

    def _note_code(self, code: ResponseCode) -> None:
        selected = self._asked
        selected.uidvalidity = code.uidvalidity or selected.uidvalidity
        selected.uidnext = code.uidnext or selected.uidnext
        selected.highestmodseq = code.highestmodseq or selected.highestmodseq
        if code.name == "NOMODSEQ":
            selected.highestmodseq = None
        elif code.name == "UIDNOTSTICKY":
            selected.uid_not_sticky = True
        permanent = code.permanent_flags
        if permanent is not None:
            self._permanent = permanent


def held(permanent: Flags) -> FlagsHeld:
    r"""The meaning of PERMANENTFLAGS: the flags named, and any keyword when `\*` is among them."""
    return FlagsHeld(permanent - {_MAKES_KEYWORDS, _RECENT}, keywords=_MAKES_KEYWORDS in permanent)


def is_gone(failure: CommandFailed) -> bool:
    """Whether a refusal says that the mailbox is not there (RFC 5530: NONEXISTENT; older servers: in words)."""
    return failure.code == "NONEXISTENT" or (not failure.code and bool(_GONE_TEXT.search(failure.text)))
