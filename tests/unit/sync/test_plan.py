"""The planner's table, row by row and in both directions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postboat.model import (
    ANSWERED,
    DELETED,
    FLAGGED,
    FORWARDED,
    NO_FLAGS,
    SEEN,
    Changes,
    FlagsHeld,
    Message,
    Pairing,
    Policy,
    Reflagging,
    Side,
)
from postboat.operations import Adopt, Copy, Delete, Forget, Plan, Reflag
from postboat.sync.plan import Observed, make_plan

REMOTE, LOCAL = Side
PAIR = Pairing("7", "seven", NO_FLAGS, "rm", "lm")
SERVER = FlagsHeld(keywords=True)
BOTH = pytest.mark.parametrize("side", list(Side))


def flags(*names: str) -> frozenset[str]:
    return frozenset(names)


def plan(
    remote: Changes = Changes(),
    local: Changes = Changes(),
    *,
    pairings: tuple[Pairing, ...] = (PAIR,),
    twins: tuple[tuple[str, str], ...] = (),
    policy: Policy = Policy(),
) -> Plan:
    remote = replace(remote, holds=SERVER if remote.holds == FlagsHeld() else remote.holds)
    return make_plan(Observed({REMOTE: remote, LOCAL: local}, pairings, twins), policy)


def on(side: Side, mine: Changes, theirs: Changes = Changes(), **more) -> Plan:
    """A plan for `mine` on `side` and `theirs` on the other."""
    return plan(mine, theirs, **more) if side is REMOTE else plan(theirs, mine, **more)


def appeared(*keys: str, size: int | None = 10) -> Changes:
    return Changes(appeared={key: Message(key, flags(SEEN), size, "mark") for key in keys})


def gone(side: Side) -> Changes:
    return Changes(vanished=frozenset({PAIR.key(side)}))


def reflagged(side: Side, *names: str) -> Changes:
    return Changes(reflagged={PAIR.key(side): flags(*names)})


@BOTH
def test_new_on_one_side_is_copied_to_the_other(side):
    made = on(side, appeared("9"), pairings=())
    assert made == Plan(copies=(Copy(side.other, "9", flags(SEEN), 10, "mark"),))


@BOTH
def test_newest_messages_are_copied_first(side):
    made = on(side, appeared("9", "10", "100", "11"), pairings=())
    assert [copy.key for copy in made.copies] == ["100", "11", "10", "9"]


def test_twins_never_recorded_are_adopted_without_transfer():
    made = plan(appeared("9"), appeared("nine"), pairings=(), twins=(("9", "nine"),))
    assert made == Plan(adopts=(Adopt(Pairing("9", "nine", flags(SEEN), "mark", "mark")),))


def test_twins_with_different_flags_are_adopted_and_get_the_flags_of_both():
    remote = Changes(appeared={"9": Message("9", flags(SEEN))})
    local = Changes(appeared={"nine": Message("nine", flags(FLAGGED))})
    made = plan(remote, local, pairings=(), twins=(("9", "nine"),))
    pairing = Pairing("9", "nine", NO_FLAGS)
    assert made.adopts == (Adopt(pairing),)
    assert made.reflags == (
        Reflag(pairing, Reflagging("9", flags(FLAGGED)), Reflagging("nine", flags(SEEN)), flags(SEEN, FLAGGED)),
    )


def test_twins_are_not_marked_for_deletion_because_one_of_them_is():
    remote = Changes(appeared={"9": Message("9", flags(DELETED))})
    local = Changes(appeared={"nine": Message("nine", NO_FLAGS)})
    made = plan(remote, local, pairings=(), twins=(("9", "nine"),))
    assert made.reflags[0].remote == Reflagging("9", remove=flags(DELETED))
    assert made.reflags[0].local is None


@BOTH
def test_gone_on_one_side_is_deleted_on_the_other(side):
    assert on(side, gone(side)) == Plan(deletes=(Delete(side.other, PAIR),))


def test_gone_from_both_sides_is_forgotten():
    assert plan(gone(REMOTE), gone(LOCAL)) == Plan(forgets=(Forget(PAIR),))


@BOTH
def test_deleted_here_and_changed_there_comes_back(side):
    made = on(side, gone(side), reflagged(side.other, ANSWERED))
    assert made == Plan(
        copies=(Copy(side, PAIR.key(side.other), flags(ANSWERED), mark=PAIR.mark(side.other), replaces=PAIR),)
    )


@BOTH
def test_deleted_here_and_marked_for_deletion_there_is_deleted(side):
    made = on(side, gone(side), reflagged(side.other, DELETED))
    assert made.deletes == (Delete(side.other, PAIR),)


@BOTH
def test_a_flag_set_on_one_side_is_set_on_the_other(side):
    made = on(side, reflagged(side, SEEN))
    (reflag,) = made.reflags
    assert reflag.on(side) is None
    assert reflag.on(side.other) == Reflagging(PAIR.key(side.other), add=flags(SEEN))
    assert reflag.agreed == flags(SEEN)


@BOTH
def test_a_flag_removed_on_one_side_is_removed_on_the_other(side):
    pairing = replace(PAIR, flags=flags(SEEN, FORWARDED))
    made = on(side, reflagged(side, FORWARDED), pairings=(pairing,))
    (reflag,) = made.reflags
    assert reflag.on(side.other) == Reflagging(PAIR.key(side.other), remove=flags(SEEN))
    assert reflag.agreed == flags(FORWARDED)


def test_different_flags_changed_on_both_sides_are_all_kept():
    pairing = replace(PAIR, flags=flags(SEEN))
    made = plan(reflagged(REMOTE, SEEN, FLAGGED), reflagged(LOCAL, ANSWERED), pairings=(pairing,))
    (reflag,) = made.reflags
    assert reflag.agreed == flags(FLAGGED, ANSWERED)
    assert reflag.remote == Reflagging("7", add=flags(ANSWERED), remove=flags(SEEN))
    assert reflag.local == Reflagging("seven", add=flags(FLAGGED))


def test_the_same_change_on_both_sides_only_concerns_the_ledger():
    made = plan(reflagged(REMOTE, SEEN), reflagged(LOCAL, SEEN))
    assert made == Plan(adopts=(Adopt(replace(PAIR, flags=flags(SEEN)), PAIR),))


def test_a_keyword_that_a_maildir_cannot_hold_only_concerns_the_ledger():
    made = plan(reflagged(REMOTE, "holiday"))
    assert made == Plan(adopts=(Adopt(replace(PAIR, flags=flags("holiday")), PAIR),))


def test_a_flag_that_the_server_cannot_hold_is_not_sent_and_not_undone():
    server = FlagsHeld(flags(SEEN, DELETED))
    made = make_plan(
        Observed({REMOTE: Changes(holds=server), LOCAL: reflagged(LOCAL, FORWARDED, SEEN)}, (PAIR,)), Policy()
    )
    (reflag,) = made.reflags
    assert reflag.remote == Reflagging("7", add=flags(SEEN))
    assert reflag.local is None
    assert reflag.agreed == flags(SEEN, FORWARDED)


@BOTH
def test_a_readonly_side_gets_nothing(side):
    policy = Policy(readonly=frozenset({side}))
    made = on(side.other, appeared("9"), policy=policy)
    assert made.nothing
    assert on(side.other, gone(side.other), policy=policy).nothing
    assert on(side.other, reflagged(side.other, SEEN), policy=policy).nothing


@BOTH
def test_changes_of_a_readonly_side_still_reach_the_other(side):
    policy = Policy(readonly=frozenset({side}))
    assert on(side, appeared("9"), pairings=(), policy=policy).copies
    assert on(side, gone(side), policy=policy).deletes
    (reflag,) = on(side, reflagged(side, SEEN), policy=policy).reflags
    assert reflag.on(side.other) == Reflagging(PAIR.key(side.other), add=flags(SEEN))


@BOTH
def test_what_stays_different_because_of_a_readonly_side_is_no_change_later(side):
    """The other side keeps its own flag, the baseline follows the readonly side."""
    policy = Policy(readonly=frozenset({side}))
    made = on(side.other, reflagged(side.other, FLAGGED), reflagged(side, SEEN), policy=policy)
    (reflag,) = made.reflags
    assert reflag.on(side.other) == Reflagging(PAIR.key(side.other), add=flags(SEEN))
    settled = replace(PAIR, flags=reflag.agreed)
    assert reflag.agreed == flags(SEEN)
    again = on(side.other, reflagged(side.other, FLAGGED, SEEN), policy=policy, pairings=(settled,))
    assert again.nothing


@BOTH
def test_a_side_found_unwritable_is_treated_as_readonly(side):
    unwritable = Changes(readonly=True)
    assert on(side, unwritable, gone(side.other)).nothing


@BOTH
def test_deletions_are_not_repeated_without_sync_deletes(side):
    policy = Policy(sync_deletes=frozenset({side.other}))
    assert on(side, gone(side), policy=policy).nothing
    assert on(side, gone(side), reflagged(side.other, SEEN), policy=policy).nothing
    assert on(side.other, gone(side.other), policy=policy).deletes


def test_without_expunge_a_message_already_marked_is_left_alone():
    policy = Policy(expunge=frozenset({Side.LOCAL}))
    assert plan(local=gone(LOCAL), policy=policy).deletes == (Delete(REMOTE, PAIR),)
    marked = replace(PAIR, flags=flags(DELETED))
    assert plan(local=gone(LOCAL), policy=policy, pairings=(marked,)).nothing


def test_without_expunge_unmarking_on_the_server_brings_a_message_back():
    marked = replace(PAIR, flags=flags(DELETED))
    made = plan(reflagged(REMOTE), gone(LOCAL), policy=Policy(expunge=frozenset({Side.LOCAL})), pairings=(marked,))
    assert made.copies == (Copy(LOCAL, "7", NO_FLAGS, mark="rm", replaces=marked),)


def test_a_renamed_file_keeps_its_pairing():
    renamed = Changes(renamed={"seven": Message("7even", NO_FLAGS, mark="m2")})
    made = plan(local=renamed)
    assert made == Plan(adopts=(Adopt(replace(PAIR, local="7even", local_mark="m2"), PAIR),))


def test_a_renamed_and_reflagged_file_is_adopted_first_and_then_reflagged():
    renamed = Changes(renamed={"seven": Message("7even", flags(SEEN), mark="m2")})
    made = plan(local=renamed)
    now = replace(PAIR, local="7even", local_mark="m2")
    assert made.adopts == (Adopt(now, PAIR),)
    assert made.reflags == (Reflag(now, Reflagging("7", add=flags(SEEN)), None, flags(SEEN)),)


def test_a_renamed_file_whose_server_message_is_gone_is_deleted_under_its_new_name():
    renamed = Changes(renamed={"seven": Message("7even", NO_FLAGS, mark="m2")})
    made = plan(gone(REMOTE), renamed)
    now = replace(PAIR, local="7even", local_mark="m2")
    assert made == Plan(adopts=(Adopt(now, PAIR),), deletes=(Delete(LOCAL, now),))


def test_nothing_changed_plans_nothing():
    assert plan(pairings=()).nothing


@BOTH
def test_gone_from_a_side_that_is_never_modified_is_deleted_whatever_the_other_side_changed(side):
    made = on(side, gone(side), reflagged(side.other, FLAGGED), policy=Policy(readonly=frozenset({side})))
    assert made == Plan(deletes=(Delete(side.other, PAIR),))
