"""From what a server says of changes to what changed, where the arithmetic proves that it said all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import KeysRenewed
from postboat.imap.checkpoint import checkpoint_text
from postboat.imap.looks import condstore, qresync
from postboat.imap.looks.anew import began_anew
from postboat.imap.looks.arithmetic import adds_up, ignores_since, is_believable, none_removed, stands_still
from postboat.imap.looks.aside import MANY, aside
from postboat.imap.looks.census import take_census
from postboat.imap.looks.hiding import may_hide_older
from postboat.imap.looks.listing import compare, holds_of
from postboat.model import Changes
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.looks.census import Census
    from postboat.imap.looks.heard import Heard
    from postboat.imap.looks.look import Agreed
    from postboat.imap.looks.place import Place
    from postboat.imap.selected import Selected
    from postboat.model import Flags, Key

RENEWED = "the server gives out UIDs a second time: the messages are matched anew"


@dataclass(frozen=True, slots=True)
class Told:
    """A server's answer about the changes since a checkpoint, and what the ledger knows of the messages it names."""

    saved: Checkpoint
    selected: Selected
    heard: Heard
    paired: Mapping[Key, Flags]
    """Agreed flags of those messages that are paired; of all that are, when the answer names very many."""

    @property
    def gone(self) -> frozenset[Key]:
        """Paired messages that are said to be gone."""
        return frozenset(key for key in self.paired if int(key) in self.heard.vanished)

    def changes(self, appeared: Collection[int], gone: frozenset[Key]) -> Changes:
        """The answer as changes."""
        listing, holds = self.heard.listing, holds_of(self.selected)
        shown = {key: holds.mask(listing.flags[int(key)]) for key in self.paired if int(key) in listing.flags}
        return Changes(
            {str(uid): listing.message(uid, holds) for uid in appeared},
            {key: flags for key, flags in shown.items() if flags != holds.mask(self.paired[key])},
            gone,
            holds=holds,
            checkpoint=checkpoint_of(self.selected, self.heard.at_select),
            readonly=self.selected.turned_read_only,
        )


def checkpoint_of(selected: Selected, messages: int | None) -> str | None:
    """The mailbox at its SELECT, when it held so many messages; nothing that came behind it is taken for covered."""
    return checkpoint_text(selected.uidvalidity, selected.uidnext, messages, selected.highestmodseq)


async def look_since(place: Place, saved: Checkpoint, agreed: Agreed) -> Changes | None:
    """What changed since `saved`, at the cost of what did; None when the server's words do not prove it.

    Raises `KeysRenewed` when UIDs were given out anew.
    """
    session = place.session
    way = qresync if "QRESYNC" in session.enabled and session.kind.tells_removals else condstore
    with way.ask_for_changes(place, saved) as flight:
        selected = await flight.landed()
    heard = flight.heard
    if place.is_another(heard):
        raise KeysRenewed(RENEWED)
    if stands_still(saved, selected, heard):
        holds = holds_of(selected)
        checkpoint = checkpoint_of(selected, heard.at_select)
        return Changes(holds=holds, checkpoint=checkpoint, readonly=selected.turned_read_only)
    if flight.refused is not None or not is_believable(saved, selected, heard):
        return None
    if way is condstore and ignores_since(saved, heard):
        return await _as_listing(place, saved, selected, heard, agreed)
    told = Told(saved, selected, heard, await _paired(heard, agreed))
    tells_removals = way is qresync or none_removed(saved, heard)
    return await _settled(place, told, agreed, removals_known=tells_removals and not heard.removals)


async def _paired(heard: Heard, agreed: Agreed) -> Mapping[Key, Flags]:
    if len(heard.vanished) > MANY:
        return await agreed.flags()
    return await agreed.flags_of([str(uid) for uids in (heard.listing.flags, heard.vanished) for uid in uids])


async def _settled(place: Place, told: Told, agreed: Agreed, *, removals_known: bool) -> Changes | None:
    """The changes as they were told if they add up and what is gone is not shown; else what a census shows.

    Removals from a mailbox that may hide messages are always asked of a census, which tells the first that it shows.
    None when the mailbox shows a message that was said to be gone. A removal in the midst of the answer changes both
    what is told and what there should be, and proves nothing.
    """
    appeared = [uid for uid in told.heard.listing.flags if str(uid) not in told.paired]
    gone, paired = told.gone, await agreed.count()
    sums = adds_up(told.saved, told.selected, told.heard, paired=paired, gone=len(gone), appeared=len(appeared))
    hidden = bool(gone) and may_hide_older(place.session.capabilities, told.heard.exists)
    if removals_known and sums and not hidden and (told.heard.exists or not paired):
        if not await qresync.none_shown(place, map(int, gone)):
            return None
        await place.complete(told.heard.listing, [uid for uid in appeared if uid < told.saved.uidnext])
        return told.changes(appeared, gone)
    known = await agreed.flags()
    if await began_anew(place, told.selected, max(map(int, known), default=0), told.saved):
        raise KeysRenewed(RENEWED)
    census = await take_census(place, known)
    if census is None or any(int(key) in census.present for key in gone):
        return None
    if not all(uid in census.present for uid in told.heard.listing.flags):
        return None
    return _by_census(told, census)


def _by_census(told: Told, census: Census) -> Changes:
    told.heard.listing.add(census.new)
    still = Told(told.saved, told.selected, told.heard, {k: f for k, f in told.paired.items() if k not in census.gone})
    return still.changes(census.new.flags, census.gone)


async def _as_listing(
    place: Place, saved: Checkpoint, selected: Selected, heard: Heard, agreed: Agreed
) -> Changes | None:
    """The answer of a server that knows no CHANGEDSINCE and listed all messages, as the listing it is."""
    listing = heard.listing
    listing.complete = 0 < len(listing.flags) == heard.exists
    listing.may_hide_older = may_hide_older(place.session.capabilities, heard.exists)
    if not listing.complete:
        return None
    known = await agreed.flags()
    if await began_anew(place, selected, max(map(int, known), default=0), saved):
        raise KeysRenewed(RENEWED)
    await place.complete(listing, [uid for uid in listing.flags if uid < saved.uidnext and str(uid) not in known])
    checkpoint = checkpoint_of(selected, heard.at_select)
    many, holds = max(len(listing.flags), len(known)), holds_of(selected)
    return await aside(many, compare, listing, known, holds, checkpoint, readonly=selected.turned_read_only)
