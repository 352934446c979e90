"""All that a server says of a mailbox between a SELECT and the end of what was asked behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.looks.listing import Listing
from postboat.imap.wire.responses import (
    Condition,
    ESearched,
    Exists,
    Expunged,
    Fetched,
    FlagsListed,
    Searched,
    Unknown,
    Vanished,
)
from postboat.imap.wire.uid_set import MAX_UID, UidSet

if TYPE_CHECKING:
    from postboat.imap.opening import Told
    from postboat.imap.wire.responses import Response
    from postboat.imap.wire.uid_set import Range
    from postboat.model import Flags

TELLS_EVERY = 256
"""Messages that are listed from one telling how far it is to the next."""


class Heard:
    """Gathers untagged responses in the order of their coming; what belongs together is told by UIDs alone."""

    def __init__(self, told: Told | None = None) -> None:
        self.listing = Listing()
        self._told = told
        """Hears how many messages were listed by now, and how many there are."""
        self.vanished = UidSet()
        """UIDs that were said to be gone, as ranges: nobody knows how many are meant before they are compared."""
        self.exists = 0
        """Messages in the mailbox by now."""
        self.at_select: int | None = None
        """Messages in it when the SELECT was answered."""
        self.nameless = 0
        """Flags that came without a UID."""
        self.unstamped = MAX_UID + 1
        """The lowest UID whose flags came without a mod-sequence."""
        self.stirred = 0
        """How often something came or went behind the SELECT."""
        self.removals = 0
        """How often something went just now, as opposed to since the checkpoint."""
        self.flags: Flags | None = None
        """Flags in use in the mailbox."""
        self.searched: list[UidSet] = []
        self.esearched: list[ESearched] = []
        self.anchor = 0
        """UID of a message whose flags were not asked for when its size comes, though they come with it."""
        self.is_mixed = False
        """Whether a SELECT told of messages, and not where its own begin."""
        self._gone: list[Range] = []
        self._selecting: list[Response] = []
        self._is_closed = False

    @property
    def understood(self) -> bool:
        """Whether all made sense; what did not may have told of any change."""
        return self.listing.understood

    def selecting(self, response: Response) -> None:
        """Take what comes in answer to a SELECT; all that came before `[CLOSED]` was about the mailbox before.

        By itself a SELECT tells of no message, so what it tells of any is about that mailbox, too.
        """
        if _is_closed(response):
            self._selecting.clear()
        elif not isinstance(response, Condition | Fetched | Vanished):
            self._selecting.append(response)

    def selecting_since(self, response: Response) -> None:
        """Take what comes in answer to a SELECT that asked for changes (RFC 7162 section 3.2.5)."""
        if _is_closed(response):
            self._selecting.clear()
            self._is_closed, self.is_mixed = True, False
        elif not isinstance(response, Condition):
            self._selecting.append(response)
            self.is_mixed |= isinstance(response, Fetched | Vanished) and not self._is_closed

    def behind(self, response: Response) -> None:
        """Take what comes behind the answer to the SELECT."""
        self._settle()
        self._note(response)
        self.stirred += isinstance(response, Exists | Expunged) or (
            isinstance(response, Vanished) and not response.earlier
        )

    def end(self) -> None:
        """All answers are there."""
        self._settle()
        self.vanished = UidSet(self._gone)

    def _settle(self) -> None:
        if self._selecting:
            for response in self._selecting:
                self._note(response)
            self._selecting.clear()
        if self.at_select is None:
            self.at_select = self.exists

    def _note(self, response: Response) -> None:
        match response:
            case Fetched():
                self._note_message(response)
            case Exists(count):
                self.exists = count
            case Expunged(seq):
                self.exists -= 0 < seq <= self.exists
                self.removals += 1
            case Vanished(uids, earlier):
                self._note_gone(uids, earlier=earlier)
            case FlagsListed(flags):
                self.flags = flags
            case Searched(uids):
                self.searched.append(uids)
            case ESearched():
                self.esearched.append(response)
            case Unknown():
                self.listing.understood = False
            case _:
                pass

    def _note_message(self, message: Fetched) -> None:
        if message.uid == self.anchor and message.size is not None:
            self.listing.sizes[self.anchor] = message.size
            return
        self.listing.take(message)
        if self._told is not None and len(self.listing.flags) % TELLS_EVERY == 0:
            self._told(len(self.listing.flags), self.exists)
        if message.flags is None:
            return
        if message.uid is None:
            self.nameless += 1
        elif message.modseq is None and message.uid < self.unstamped:
            self.unstamped = message.uid

    def _note_gone(self, uids: UidSet, *, earlier: bool) -> None:
        self._gone += uids.ranges
        if not earlier:
            self.removals += 1
            self.exists -= min(len(uids), self.exists)
            flags = self.listing.flags
            for uid in list(uids) if len(uids) <= len(flags) else [uid for uid in flags if uid in uids]:
                flags.pop(uid, None)


def _is_closed(response: Response) -> bool:
    return isinstance(response, Condition) and response.code is not None and response.code.name == "CLOSED"
