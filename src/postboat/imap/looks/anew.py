"""Whether a mailbox may give out UIDs a second time under one UIDVALIDITY, against RFC 3501 section 2.3.1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire import commands

if TYPE_CHECKING:
    from postboat.imap.checkpoint import Checkpoint
    from postboat.imap.looks.place import Place
    from postboat.imap.selected import Selected


async def began_anew(place: Place, selected: Selected, reached: int, saved: Checkpoint | None) -> bool:
    """Whether UIDs that the ledger knows, the last of which is `reached`, may mean other messages by now.

    UIDNEXT never falls: so it does when a mailbox was created anew or restored from a backup. When mail came since, it
    may have grown past where it was, but the mod-sequence, which never falls either, has not. It also begins anew when
    only an index was lost. A server that does not tell UIDNEXT is believed, and so is one whose UIDNEXT is always too
    low.
    """
    if saved is not None and (selected.highestmodseq or saved.highestmodseq) < saved.highestmodseq:
        return True
    if not selected.uidnext:
        return False
    if saved is not None and selected.uidnext < saved.uidnext:
        return True
    return selected.uidnext <= reached and not await _shown_above_uidnext(place, reached)


async def _shown_above_uidnext(place: Place, uid: int) -> bool:
    """Whether the mailbox shows `uid` and yet tells a UIDNEXT that is not above it, which therefore proves nothing.

    The second question comes after the first: a message that arrived meanwhile under `uid` lifts a true UIDNEXT. The
    mailbox is selected anew for it, for what STATUS tells may be another number than what SELECT tells.
    """
    with place.flight() as first:
        first.ask(commands.uid_search(f"UID {uid}"))
        await first.landed()
    if first.refused is not None:
        raise first.refused
    if not any(uid in found for found in first.heard.searched):
        return False
    with place.flight() as second:
        again = await second.landed()
    return bool(again.uidnext) and (again.uidnext or 0) <= uid
