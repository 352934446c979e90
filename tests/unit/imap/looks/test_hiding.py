"""When a mailbox may hold messages older than all that it shows."""

import pytest

from postboat.imap.looks.hiding import may_hide_older
from postboat.imap.looks.listing import Listing, compare
from postboat.model import NO_FLAGS, FlagsHeld

GMAIL = {"IMAP4REV1", "X-GM-EXT-1"}
YAHOO = {"IMAP4REV1", "UIDONLY", "MESSAGELIMIT=500"}


@pytest.mark.parametrize("shown", [1000, 2000, 5000, 10_000])
def test_a_mailbox_of_gmail_may_at_exactly_the_sizes_that_its_user_can_choose(shown):
    assert may_hide_older(GMAIL, shown)
    assert not may_hide_older(GMAIL, shown - 1) and not may_hide_older(GMAIL, shown + 1)


def test_one_of_yahoo_may_from_the_limit_on_that_it_announces():
    assert not may_hide_older(YAHOO, 499)
    assert may_hide_older(YAHOO, 500) and may_hide_older(YAHOO, 501)
    assert may_hide_older({"UIDONLY"}, 1000) and not may_hide_older({"UIDONLY", "MESSAGELIMIT=many"}, 999)


def test_no_other_does():
    assert not may_hide_older({"IMAP4REV1", "MESSAGELIMIT=1000"}, 1000)


def test_only_what_is_older_than_all_that_is_shown_is_hidden():
    listing = Listing({5: NO_FLAGS, 7: NO_FLAGS}, complete=True, may_hide_older=True)
    agreed = dict.fromkeys(("3", "4", "5", "6", "7", "8"), NO_FLAGS)
    assert compare(listing, agreed, FlagsHeld(), None).vanished == {"6", "8"}
    listing.may_hide_older = False
    assert compare(listing, agreed, FlagsHeld(), None).vanished == {"3", "4", "6", "8"}
