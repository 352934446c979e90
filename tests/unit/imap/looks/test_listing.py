"""What of a listing differs from what was agreed."""

from __future__ import annotations

import threading

import pytest

from postboat.imap.looks.aside import MANY, aside
from postboat.imap.looks.listing import ANY_FLAG, Listing, compare
from postboat.imap.wire.responses import Fetched
from postboat.model import DELETED, FLAGGED, NO_FLAGS, SEEN, FlagsHeld, Message


def listing(*, complete: bool = True, understood: bool = True) -> Listing:
    """Messages 1 to 3, the second one seen."""
    listed = Listing(complete=complete, understood=understood)
    for uid in (1, 2, 3):
        listed.take(Fetched(uid, uid, frozenset({SEEN}) if uid == 2 else NO_FLAGS, size=uid * 10, emailid=f"M{uid}"))
    return listed


def test_it_tells_new_changed_and_missing_messages() -> None:
    agreed = {"1": NO_FLAGS, "2": NO_FLAGS, "4": NO_FLAGS}
    changes = compare(listing(), agreed, ANY_FLAG, "checkpoint", readonly=True)
    assert changes.appeared == {"3": Message("3", NO_FLAGS, 30, "M3")}
    assert changes.reflagged == {"2": {SEEN}}
    assert changes.vanished == {"4"}
    assert (changes.checkpoint, changes.complete, changes.readonly) == ("checkpoint", True, True)


def test_without_all_messages_none_is_missing_and_nothing_is_proved() -> None:
    changes = compare(listing(complete=False), {"4": NO_FLAGS}, ANY_FLAG, "checkpoint")
    assert (changes.vanished, changes.checkpoint, changes.complete) == (frozenset(), None, False)


def test_beside_nonsense_nothing_is_proved() -> None:
    changes = compare(listing(understood=False), {"4": NO_FLAGS}, ANY_FLAG, "checkpoint")
    assert (changes.vanished, changes.checkpoint) == ({"4"}, None)


def test_flags_that_the_mailbox_cannot_keep_are_no_change() -> None:
    agreed = {"1": frozenset({FLAGGED, "Work"}), "2": frozenset({SEEN, FLAGGED}), "3": frozenset({DELETED})}
    changes = compare(listing(), agreed, FlagsHeld(frozenset({SEEN, DELETED})), None)
    assert changes.reflagged == {"3": NO_FLAGS}


def test_data_without_a_uid_belongs_to_no_message() -> None:
    listed = Listing()
    listed.take(Fetched(1, None, NO_FLAGS, size=5))
    assert not (listed.flags or listed.sizes)


@pytest.mark.parametrize(("count", "beside"), [(MANY, False), (MANY + 1, True)])
async def test_work_on_many_messages_is_done_beside_the_event_loop(count: int, beside: bool) -> None:
    assert (await aside(count, threading.get_ident) != threading.get_ident()) is beside
