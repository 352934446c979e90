"""What the guard refuses and what it lets pass, at the limits and on both sides of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postboat.model import NO_FLAGS, Changes, Held, Limits, Message, Pairing, Side, Suspicion, Verdict
from postboat.operations import Copy, Delete, Forget, Plan, Reflag
from postboat.sync.guard import Case, Guard
from postboat.sync.plan import Observed

REMOTE, LOCAL = Side
LIMITS = Limits()
SIDES = pytest.mark.parametrize("on", list(Side), ids=lambda side: side.value)


def pairings(numbers) -> list[Pairing]:
    return [Pairing(str(number), f"n{number}", NO_FLAGS, "", f"m{number}") for number in numbers]


def losing(on: Side, count: int, of: int, *, folder: str = "A", first: int = 1, **more) -> Case:
    """A folder of which so many messages would go from side `on`, for they vanished from its other side."""
    gone = pairings(range(first, first + count))
    vanished = frozenset(pairing.key(on.other) for pairing in gone)
    changes = {on: Changes(), on.other: Changes(vanished=vanished)}
    deletes = tuple(Delete(on, pairing) for pairing in gone)
    return Case(folder, Plan(deletes=deletes), Observed(changes, gone, paired=of), **more)


def said(case: Case, verdict: Verdict, numbers=None) -> Case:
    """The case, once the user has spoken of what was held before."""
    (on,) = {delete.on for delete in case.plan.deletes}
    keys = frozenset(delete.pairing.remote for delete in case.plan.deletes) if numbers is None else numbers
    held = Held(on, Suspicion.EMPTIED, len(keys), len(keys), frozenset(keys), verdict=verdict)
    return replace(case, held=(held,))


def judge(*cases: Case, limits: Limits | None = LIMITS):
    return Guard(limits).judge(cases)


def suspicion(*cases: Case, limits: Limits | None = LIMITS) -> list[Suspicion | None]:
    """Why each case was held; None: it passed whole."""
    judged = judge(*cases, limits=limits)
    for case, one in zip(cases, judged, strict=True):
        assert len(one.plan.deletes) + sum(held.count for held in one.held.values()) == len(case.plan.deletes)
    return [next((held.suspicion for held in one.held.values()), None) for one in judged]


# ---- little by little ----------------------------------------------------------------------------------------------


def drip(on: Side, pieces: list[int], of: int) -> list[Suspicion | None]:
    """What becomes of pieces that vanish from one folder one after the other, each in a run of its own."""
    told: list[Suspicion | None] = []
    passed: dict[str, set[str]] = {}
    first = 1
    for piece in pieces:
        guard = Guard(LIMITS, passed)
        (judged,) = guard.judge([losing(on, piece, of, first=first)])
        told.append(next((held.suspicion for held in judged.held.values()), None))
        passed = {folder: set(keys) for folder, keys in guard.passed.items()}
        of, first = of - len(judged.plan.deletes), first + piece
    return told


@SIDES
def test_a_folder_that_is_emptied_in_pieces_is_emptied(on):
    assert drip(on, [3, 3, 3], 9) == [None, None, Suspicion.EMPTIED]
    assert drip(on, [1] * 5, 5) == [None, None, None, None, Suspicion.EMPTIED]


@SIDES
def test_a_tiny_folder_may_be_emptied_in_pieces_too(on):
    assert drip(on, [2, 2], 4) == [None, None]


@SIDES
def test_a_quarter_of_a_folder_may_not_go_in_pieces_either(on):
    assert drip(on, [10, 10, 10], 100) == [None, None, Suspicion.MANY_OF_FOLDER]


@SIDES
def test_two_hundred_messages_may_go_in_pieces_and_not_one_more(on):
    assert drip(on, [100, 100, 1], 100_000) == [None, None, Suspicion.MANY_OF_ACCOUNT]


# ---- a folder emptied ----------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.parametrize(("held", "why"), [(4, None), (5, Suspicion.EMPTIED), (6, Suspicion.EMPTIED)])
def test_a_folder_may_be_emptied_if_it_held_four_messages_and_not_if_it_held_five(on, held, why):
    assert suspicion(losing(on, held, held)) == [why]


@SIDES
def test_all_but_one_of_a_small_folder_may_go(on):
    assert suspicion(losing(on, 9, 10)) == [None]


def test_what_else_went_on_both_sides_does_not_hide_that_a_folder_was_emptied():
    """Fifteen messages: all are gone from the disk, and one of them from the server as well."""
    wiped = losing(REMOTE, 14, 15)
    local = replace(wiped.observed.changes[LOCAL], vanished=wiped.observed.changes[LOCAL].vanished | {"n99"})
    changes = {REMOTE: Changes(vanished=frozenset({"99"})), LOCAL: local}
    plan = replace(wiped.plan, forgets=(Forget(pairings([99])[0]),))
    assert suspicion(replace(wiped, plan=plan, observed=replace(wiped.observed, changes=changes))) == [
        Suspicion.EMPTIED
    ]


def test_what_changed_on_the_other_side_does_not_hide_that_a_folder_was_emptied():
    """Ten messages are gone; four come back since they changed, and the others are still the rest of a wiped folder."""
    wiped = losing(REMOTE, 6, 10)
    back = pairings(range(50, 54))
    vanished = wiped.observed.changes[LOCAL].vanished | {pairing.local for pairing in back}
    observed = replace(wiped.observed, changes={REMOTE: Changes(), LOCAL: Changes(vanished=vanished)})
    copies = tuple(Copy(LOCAL, pairing.remote, NO_FLAGS, replaces=pairing) for pairing in back)
    assert suspicion(replace(wiped, plan=replace(wiped.plan, copies=copies), observed=observed)) == [Suspicion.EMPTIED]


def test_half_deleted_here_and_half_there_is_no_folder_emptied_by_accident():
    here, there = losing(REMOTE, 5, 10), losing(LOCAL, 5, 10, first=50)
    changes = {REMOTE: there.observed.changes[REMOTE], LOCAL: here.observed.changes[LOCAL]}
    plan = Plan(deletes=(*here.plan.deletes, *there.plan.deletes))
    assert suspicion(Case("A", plan, Observed(changes, paired=10))) == [None]


def test_new_mail_does_not_hide_that_a_folder_was_emptied():
    wiped = losing(REMOTE, 5, 5)
    came = replace(wiped.observed.changes[LOCAL], appeared={"new": Message("new", NO_FLAGS)})
    assert suspicion(replace(wiped, observed=replace(wiped.observed, changes={REMOTE: Changes(), LOCAL: came}))) == [
        Suspicion.EMPTIED
    ]


def test_the_last_few_of_a_folder_may_go_after_the_others_were_only_marked():
    """Without expunge what was deleted stays paired, and is missing from the other side in every run."""
    gone = losing(REMOTE, 1, 10)
    vanished = frozenset(f"n{number}" for number in range(1, 11))
    observed = replace(gone.observed, changes={REMOTE: Changes(), LOCAL: Changes(vanished=vanished)})
    assert suspicion(replace(gone, observed=observed)) == [None]


# ---- much of a folder ----------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.parametrize(
    ("count", "of", "why"),
    [
        (20, 40, None),
        (21, 40, Suspicion.MANY_OF_FOLDER),
        (21, 84, None),  # a quarter
        (22, 84, Suspicion.MANY_OF_FOLDER),
        (25, 100, None),
        (26, 100, Suspicion.MANY_OF_FOLDER),
        (20, 21, None),
    ],
)
def test_more_than_twenty_messages_are_held_if_they_are_more_than_a_quarter(on, count, of, why):
    assert suspicion(losing(on, count, of)) == [why]


def test_what_goes_on_either_side_counts_together():
    here, there = losing(REMOTE, 11, 40), losing(LOCAL, 10, 40, first=50)
    changes = {REMOTE: there.observed.changes[REMOTE], LOCAL: here.observed.changes[LOCAL]}
    case = Case("A", Plan(deletes=(*here.plan.deletes, *there.plan.deletes)), Observed(changes, paired=40))
    (judged,) = judge(case)
    assert not judged.plan.deletes
    assert {side: held.count for side, held in judged.held.items()} == {REMOTE: 11, LOCAL: 10}


# ---- many of the account -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "why"), [(50, None), (51, Suspicion.MANY_OF_ACCOUNT)])
def test_two_hundred_messages_may_go_from_all_folders_together_and_not_one_more(count, why):
    cases = [losing(REMOTE, 50, 1000, folder=name) for name in "ABC"]
    assert suspicion(*cases, losing(REMOTE, count, 1000, folder="D")) == [why] * 4


def test_small_losses_beside_a_large_one_are_held_with_it():
    assert suspicion(losing(REMOTE, 250, 250), losing(REMOTE, 1, 100, folder="B")) == [
        Suspicion.EMPTIED,
        Suspicion.MANY_OF_ACCOUNT,
    ]


def test_trash_is_emptied_as_its_user_likes_and_counts_nowhere():
    trash = losing(REMOTE, 500, 500, folder="Trash", exempt=True)
    assert suspicion(trash, losing(REMOTE, 200, 1000)) == [None, None]
    assert suspicion(trash, losing(REMOTE, 201, 1000)) == [None, Suspicion.MANY_OF_ACCOUNT]


def test_a_folder_that_comes_late_is_added_to_what_went_before():
    guard = Guard(LIMITS)
    assert not guard.judge([losing(REMOTE, 150, 1000)])[0].held
    (late,) = guard.judge([losing(REMOTE, 51, 1000, folder="B")])
    assert late.held[REMOTE].suspicion is Suspicion.MANY_OF_ACCOUNT
    assert not guard.judge([losing(REMOTE, 50, 1000, folder="C")])[0].held, "what was held took nothing away"


def test_a_folder_that_comes_twice_is_counted_once():
    """Its connection broke when a hundred were deleted; the rest and a few more are what is due now."""
    guard = Guard(LIMITS)
    assert not guard.judge([losing(REMOTE, 150, 1000)])[0].held
    assert not guard.judge([losing(REMOTE, 100, 900, first=101)])[0].held, "200 in all"
    assert guard.judge([losing(REMOTE, 51, 800, first=201)])[0].held, "251 in all"


def test_a_folder_that_comes_twice_may_not_lose_more_than_a_quarter_in_two_parts():
    guard = Guard(LIMITS)
    assert not guard.judge([losing(REMOTE, 20, 60)])[0].held
    assert guard.judge([losing(REMOTE, 20, 40, first=21)])[0].held[REMOTE].suspicion is Suspicion.MANY_OF_FOLDER


# ---- limits of the user's own --------------------------------------------------------------------------------------


def test_without_limits_any_number_goes():
    assert suspicion(losing(REMOTE, 5000, 5000), limits=None) == [None]


def test_with_a_limit_of_nothing_each_deletion_is_asked_for():
    assert suspicion(losing(LOCAL, 1, 1000), limits=Limits(account=0)) == [Suspicion.MANY_OF_ACCOUNT]
    assert suspicion(losing(LOCAL, 0, 1000), limits=Limits(account=0)) == [None]


def test_limits_are_as_the_user_sets_them():
    mine = Limits(account=1000, folder=2, share=50, whole=5)
    assert suspicion(losing(REMOTE, 5, 10), limits=mine) == [None]
    assert suspicion(losing(REMOTE, 6, 10), limits=mine) == [Suspicion.MANY_OF_FOLDER]


# ---- a doubtful root -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("doubt", [Suspicion.OTHER_DISK, Suspicion.UNMARKED])
@pytest.mark.parametrize("limits", [LIMITS, None])
@pytest.mark.parametrize("exempt", [False, True])
@pytest.mark.parametrize("side", Side)
def test_when_the_root_of_a_side_is_doubtful_no_single_message_is_deleted_on_the_other(doubt, limits, exempt, side):
    case = losing(side, 1, 1000, doubts={side.other: frozenset({doubt})}, exempt=exempt)
    assert suspicion(case, limits=limits) == [doubt]


@pytest.mark.parametrize("side", Side)
def test_a_doubtful_root_keeps_nothing_from_being_deleted_in_it(side):
    assert suspicion(losing(side, 3, 1000, doubts={side: frozenset({Suspicion.UNMARKED})})) == [None]


# ---- what is held, and what is not ---------------------------------------------------------------------------------


def test_only_deletions_are_held():
    case = losing(REMOTE, 10, 10)
    pairing = pairings([77])[0]
    others = {
        "copies": (Copy(LOCAL, "99", NO_FLAGS),),
        "reflags": (Reflag(pairing, None, None, NO_FLAGS),),
        "forgets": (Forget(pairings([88])[0]),),
    }
    (judged,) = judge(replace(case, plan=replace(case.plan, **others)))
    assert judged.plan == Plan(**others)


def test_what_is_held_names_the_messages_by_their_remote_keys():
    (judged,) = judge(losing(LOCAL, 7, 7))
    assert judged.held == {LOCAL: Held(LOCAL, Suspicion.EMPTIED, 7, 7, frozenset("1234567"))}


# ---- the user's word -----------------------------------------------------------------------------------------------


@SIDES
def test_what_was_confirmed_goes_however_much_it_is(on):
    case = said(losing(on, 500, 500), Verdict.CONFIRMED)
    (judged,) = judge(case)
    assert judged.plan == case.plan and not judged.held
    assert len(judged.answered[on]) == 500


def test_what_was_confirmed_counts_towards_nothing():
    confirmed = said(losing(REMOTE, 500, 500), Verdict.CONFIRMED)
    assert suspicion(confirmed, losing(REMOTE, 200, 1000, folder="B")) == [None, None]


def test_what_was_confirmed_passes_a_doubtful_root():
    case = said(losing(REMOTE, 3, 100, doubts={LOCAL: frozenset({Suspicion.UNMARKED})}), Verdict.CONFIRMED)
    assert suspicion(case) == [None]


def test_what_came_after_the_confirmation_is_judged_by_itself():
    first = frozenset(map(str, range(1, 31)))
    grown = said(losing(REMOTE, 50, 100), Verdict.CONFIRMED, first)
    assert suspicion(grown) == [None], "twenty more may go"
    (judged,) = judge(said(losing(REMOTE, 51, 100), Verdict.CONFIRMED, first))
    assert len(judged.plan.deletes) == 30
    held = judged.held[REMOTE]
    assert (held.suspicion, held.count, held.verdict) == (Suspicion.MANY_OF_FOLDER, 21, Verdict.WAITING)
    assert held.keys.isdisjoint(first)


def test_a_word_about_one_side_is_none_about_the_other():
    case = losing(REMOTE, 10, 10)
    word = Held(LOCAL, Suspicion.EMPTIED, 10, 10, frozenset(map(str, range(1, 11))), verdict=Verdict.CONFIRMED)
    assert suspicion(replace(case, held=(word,))) == [Suspicion.EMPTIED]


def test_without_a_word_what_was_held_stays_held_though_it_is_few_of_a_folder_that_grew():
    assert suspicion(losing(REMOTE, 10, 100)) == [None]
    assert suspicion(said(losing(REMOTE, 10, 100), Verdict.WAITING)) == [Suspicion.EMPTIED]


def test_what_goes_besides_what_is_held_is_judged_by_itself():
    (judged,) = judge(said(losing(REMOTE, 12, 100), Verdict.WAITING, frozenset("12345")))
    assert len(judged.plan.deletes) == 7 and judged.held[REMOTE].keys == frozenset("12345")
    (judged,) = judge(said(losing(REMOTE, 26, 100), Verdict.WAITING, frozenset("12345")))
    assert judged.held[REMOTE].count == 26, "all of it is too much together"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_message_that_was_held_is_known_under_the_key_that_it_got_since(verdict):
    """Its user moved it away and back on the server, to save it."""
    case = said(losing(REMOTE, 10, 100), verdict)
    deletes = tuple(
        Delete(REMOTE, replace(delete.pairing, remote=f"9{delete.pairing.remote}")) for delete in case.plan.deletes
    )
    renamed = {delete.pairing.remote[1:]: Message(delete.pairing.remote, NO_FLAGS) for delete in deletes}
    changes = {**case.observed.changes, REMOTE: Changes(renamed=renamed)}
    (judged,) = judge(replace(case, plan=Plan(deletes=deletes), observed=replace(case.observed, changes=changes)))
    held = [key for one in judged.held.values() for key in one.keys]
    assert (len(held), len(judged.plan.deletes), len(judged.plan.copies)) == {
        Verdict.WAITING: (10, 0, 0),
        Verdict.CONFIRMED: (0, 10, 0),
        Verdict.RESTORE: (0, 0, 10),
    }[verdict]


def test_a_folder_that_became_exempt_and_limits_that_were_lifted_let_go_what_was_held():
    case = said(losing(REMOTE, 10, 10), Verdict.WAITING)
    assert suspicion(replace(case, exempt=True)) == [None]
    assert suspicion(case, limits=None) == [None]
    doubted = replace(case, held=(replace(case.held[0], suspicion=Suspicion.UNMARKED),))
    assert suspicion(doubted, limits=None) == [Suspicion.UNMARKED]


@SIDES
def test_what_is_wanted_back_is_copied_to_the_side_that_lost_it(on):
    case = said(losing(on, 3, 3), Verdict.RESTORE)
    (judged,) = judge(case)
    lost = [delete.pairing for delete in case.plan.deletes]
    assert not judged.plan.deletes and not judged.held
    assert [(copy.to, copy.key, copy.replaces) for copy in judged.plan.copies] == [
        (on.other, pairing.key(on), pairing) for pairing in lost
    ]
    assert judged.answered == {on: lost}


@SIDES
def test_what_is_wanted_back_is_copied_though_it_may_not_be_deleted_now(on):
    case = said(losing(on, 3, 3), Verdict.RESTORE, frozenset("12"))
    case = replace(case, plan=Plan(), unwritable=frozenset({on}))
    (judged,) = judge(case)
    assert [copy.replaces for copy in judged.plan.copies] == list(pairings([1, 2]))
    assert judged.answered == {on: pairings([1, 2])} and not judged.plan.deletes and not judged.held


def test_what_cannot_be_brought_back_is_not_deleted_either():
    case = said(losing(REMOTE, 3, 3, unwritable=frozenset({LOCAL})), Verdict.RESTORE)
    (judged,) = judge(case)
    assert judged.plan.nothing and not judged.held


def test_the_last_messages_of_a_folder_that_is_wanted_back_are_not_deleted_as_too_few_to_ask_for():
    case = said(losing(REMOTE, 10, 10), Verdict.RESTORE, frozenset("123456"))
    (judged,) = judge(case)
    assert len(judged.plan.copies) == 6 and judged.held[REMOTE].keys == {"7", "8", "9", "10"}
