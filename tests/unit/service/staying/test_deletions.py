"""What was deleted little by little counts together."""

from __future__ import annotations

from postboat.model import Limits
from postboat.service.staying.deletions import Deletions


def test_what_was_let_pass_counts_for_a_while():
    deletions = Deletions(600)
    guard = deletions.guard(Limits(), 0)
    guard._passed["INBOX"].update({"1", "2"})
    deletions.remember(guard, 0)
    later = deletions.guard(Limits(), 599)
    assert later.passed == {"INBOX": {"1", "2"}}
    later._passed["INBOX"].add("3")
    deletions.remember(later, 599)
    assert deletions.guard(Limits(), 600).passed == {"INBOX": {"3"}}, "each from its own time on"
    assert deletions.guard(Limits(), 1199).passed == {}
