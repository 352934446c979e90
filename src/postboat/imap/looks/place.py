"""Where a look takes place: a session that may be shared, and the folder on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.looks.flight import Flight
from postboat.imap.wire.uid_set import MAX_UID, UidSet
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.imap.checkpoint import Anchor
    from postboat.imap.looks.heard import Heard
    from postboat.imap.looks.listing import Listing
    from postboat.imap.opening import Opening
    from postboat.imap.session import Session


@dataclass(frozen=True, slots=True)
class Place:
    """A folder on a session that readers may share: every flight selects the folder itself."""

    session: Session
    opening: Opening
    anchor: Anchor | None = None
    """The newest message whose size is known from an earlier look."""

    def flight(self, since: tuple[int, int] | None = None) -> Flight:
        """Begin a flight; see `Flight`."""
        return Flight(self.session, self.opening, since)

    def can(self, *capabilities: str) -> bool:
        """Whether the server announces any of these."""
        return not self.session.capabilities.isdisjoint(capabilities)

    def above(self, reached: int) -> str:
        """The UIDs above `reached`, and that of the anchor, by whose details it is known again."""
        first = reached + 1
        if self.anchor is None or self.anchor.uid > reached:
            return f"{first}:{MAX_UID}"
        return f"{reached}:{MAX_UID}" if self.anchor.uid == reached else f"{self.anchor.uid},{first}:{MAX_UID}"

    def is_another(self, heard: Heard) -> bool:
        """Whether another message has the anchor's UID by now; one that is gone tells nothing."""
        return (
            self.anchor is not None and heard.listing.sizes.get(self.anchor.uid, self.anchor.size) != self.anchor.size
        )

    @property
    def details(self) -> str:
        """Items to ask for of a message that is new: its flags, size, and name in all mailboxes of the account."""
        items = ["UID", "FLAGS"]
        if self.session.kind.asks_size:
            items.append("RFC822.SIZE")
        if self.can("OBJECTID"):
            items.append("EMAILID")
        elif self.can("X-GM-EXT-1"):
            items.append("X-GM-MSGID")
        return " ".join(items)

    async def complete(self, listing: Listing, uids: Iterable[int]) -> None:
        """Ask for the details of new messages that came without them; none of these is believed to be there by it."""
        wanted = UidSet.of(uid for uid in uids if uid not in listing.sizes and uid not in listing.marks)
        if not wanted or self.details == "UID FLAGS":
            return
        with self.flight() as flight:
            flight.fetch(wanted, self.details)
            await flight.landed()
        if flight.refused is not None:
            raise flight.refused
        listing.sizes |= flight.heard.listing.sizes
        listing.marks |= flight.heard.listing.marks
