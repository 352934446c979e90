"""Which folders form pairs, and what happens when one half is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postboat.errors import FolderRulesRefused
from postboat.model import INBOX, FolderName, Side, Verdict
from postboat.sync.folder_tree import Folders, FolderTask, Gone, TreePlan, contradictions, plan_tree

A, B, C = (FolderName.of(name) for name in "ABC")


class PlainNames:
    """Rules that translate nothing, but leave `excluded` out and call `renamed` otherwise."""

    def __init__(self, excluded=(), renamed=None):
        self.excluded, self.renamed = set(excluded), renamed or {}

    def wanted(self, remote):
        return remote not in self.excluded

    def local_name(self, remote):
        return self.renamed.get(remote, remote)

    def remote_name(self, local):
        back = {new: old for old, new in self.renamed.items()}
        remote = back.get(local, local)
        return None if remote in self.excluded else remote

    def sort(self, names):
        return sorted(names, key=lambda name: (not name.is_inbox, name))


def test_a_folder_on_both_sides_is_synced_and_the_inbox_comes_first():
    plan = plan_tree(Folders({A, INBOX}, {A, INBOX}), PlainNames())
    assert plan.tasks == (FolderTask(INBOX, INBOX), FolderTask(A, A))


def test_a_new_folder_is_created_on_the_side_that_lacks_it():
    plan = plan_tree(Folders({A}, {B}), PlainNames())
    assert plan.tasks == (FolderTask(A, A, Side.LOCAL), FolderTask(B, B, Side.REMOTE))


def test_names_are_translated_in_both_directions():
    names = PlainNames(renamed={A: B, FolderName.of("X"): C})
    plan = plan_tree(Folders({A}, {C}), names)
    assert plan.tasks == (FolderTask(A, B, Side.LOCAL), FolderTask(FolderName.of("X"), C, Side.REMOTE))


class TwoNames(PlainNames):
    """Rules by which both A and B are called A locally, and a new A there is B's."""

    def local_name(self, remote):
        if remote == C:
            raise FolderRulesRefused("no name")
        return A if remote == B else remote

    def remote_name(self, local):
        return B


@pytest.mark.parametrize("before", ["known", "empty"])
def test_a_local_folder_stays_the_half_of_what_it_was_synced_with(before):
    folders = Folders({INBOX}, {INBOX, A}, **{before: [(INBOX, INBOX), (A, A)]})
    plan = plan_tree(folders, TwoNames())
    assert [gone.remote for gone in plan.gone] == ([A] if before == "known" else [])
    assert B not in {task.remote for task in plan.tasks}
    assert B in {task.remote for task in plan_tree(replace(folders, **{before: []}), TwoNames()).tasks}


@pytest.mark.parametrize("there", [{INBOX}, {INBOX, A}])
def test_a_folder_that_the_rules_leave_out_now_is_not_made_under_another_name(there):
    plan = plan_tree(Folders(there, {INBOX, A}, known=[(INBOX, INBOX), (A, A)]), TwoNames(excluded={A}))
    assert plan.tasks == (FolderTask(INBOX, INBOX),)
    assert plan.gone == ()


def test_a_former_partner_that_the_rules_refuse_now_counts_for_nothing():
    plan = plan_tree(Folders({INBOX}, {INBOX, A}, known=[(INBOX, INBOX), (C, A)]), TwoNames())
    assert FolderTask(B, A, Side.REMOTE) in plan.tasks


def test_a_folder_that_the_rules_leave_out_is_neither_synced_nor_created():
    plan = plan_tree(Folders({A, INBOX}, {A, INBOX, B}), PlainNames(excluded={A, B}))
    assert plan.tasks == (FolderTask(INBOX, INBOX),)


@pytest.mark.parametrize("lacking", list(Side))
def test_a_folder_gone_from_one_side_is_neither_made_anew_nor_removed(lacking):
    there, here = ({INBOX}, {INBOX, A}) if lacking is Side.REMOTE else ({INBOX, A}, {INBOX})
    plan = plan_tree(Folders(there, here, known=[(INBOX, INBOX), (A, A)]), PlainNames())
    assert plan == TreePlan((FolderTask(INBOX, INBOX),), gone=(Gone(A, A, lacking),))


@pytest.mark.parametrize("lacking", list(Side))
def test_a_folder_that_its_user_wants_back_is_made_anew_where_it_is_missing(lacking):
    there, here = ({INBOX}, {INBOX, A}) if lacking is Side.REMOTE else ({INBOX, A}, {INBOX})
    said = {(A, A): {lacking.other: Verdict.RESTORE}}
    plan = plan_tree(Folders(there, here, known=[(INBOX, INBOX), (A, A)], verdicts=said), PlainNames())
    assert plan.tasks == (FolderTask(INBOX, INBOX), FolderTask(A, A, lacking, afresh=True))
    assert not plan.gone


def test_what_was_said_of_the_other_half_is_no_word_on_this_one():
    said = {(A, A): {Side.LOCAL: Verdict.CONFIRMED}}
    plan = plan_tree(Folders({INBOX, A}, {INBOX}, known=[(INBOX, INBOX), (A, A)], verdicts=said), PlainNames())
    assert plan.gone == (Gone(A, A, Side.LOCAL, Verdict.WAITING),)


def test_a_folder_whose_loss_was_confirmed_is_to_be_removed_from_the_other_side():
    said = {(A, A): {Side.REMOTE: Verdict.CONFIRMED}}
    folders = Folders({INBOX, A}, {INBOX}, known=[(INBOX, INBOX), (A, A)], verdicts=said)
    assert plan_tree(folders, PlainNames()).gone == (Gone(A, A, Side.LOCAL, Verdict.CONFIRMED),)
    (alone,) = plan_tree(replace(folders, may_lose=frozenset({Side.LOCAL})), PlainNames()).left_alone
    assert alone.lacking is Side.LOCAL, "where deletions are not repeated it is left alone, and nobody is asked again"


def test_a_folder_that_is_whole_again_is_told_though_the_rules_leave_it_out():
    said = {(A, A): {Side.REMOTE: Verdict.CONFIRMED}, (B, B): {Side.REMOTE: Verdict.CONFIRMED}}
    folders = Folders({INBOX, A, B}, {INBOX, A}, known=[(INBOX, INBOX), (A, A), (B, B)], verdicts=said)
    plan = plan_tree(folders, PlainNames(excluded={A}))
    assert plan.back == ((A, A),) and [gone.remote for gone in plan.gone] == [B]


def test_a_folder_that_held_nothing_is_made_anew_without_asking():
    plan = plan_tree(Folders({INBOX, A}, {INBOX}, known=[(INBOX, INBOX)], empty=[(A, A)]), PlainNames())
    assert plan.tasks == (FolderTask(INBOX, INBOX), FolderTask(A, A, Side.LOCAL))


def test_a_folder_gone_from_both_sides_is_forgotten():
    plan = plan_tree(Folders({INBOX}, {INBOX}, known=[(INBOX, INBOX), (A, A)]), PlainNames())
    assert plan == TreePlan((FolderTask(INBOX, INBOX),), forgotten=((A, A),))


@pytest.mark.parametrize("lost", list(Side))
def test_while_all_folders_are_gone_from_one_side_nothing_is_done_at_all(lost):
    present, gone = {INBOX, A, B}, set()
    there, here = (gone, present) if lost is Side.REMOTE else (present, gone)
    plan = plan_tree(Folders(there, here, known=[(INBOX, INBOX), (A, A)]), PlainNames())
    assert (plan.tasks, plan.left_alone, plan.all_gone) == ((), (), lost), "B is new, and not made there either"
    assert {one.remote for one in plan.gone} == {INBOX, A}


def test_one_folder_that_is_there_shows_that_not_all_are_gone_though_it_held_nothing():
    plan = plan_tree(Folders({INBOX, A}, {INBOX}, known=[(A, A)], empty=[(INBOX, INBOX)]), PlainNames())
    assert plan.all_gone is None and plan.gone == (Gone(A, A, Side.LOCAL),)
    assert plan.tasks == (FolderTask(INBOX, INBOX),)


def test_once_the_user_wants_one_of_all_folders_back_the_place_is_his():
    said = {(A, A): {Side.REMOTE: Verdict.RESTORE}}
    plan = plan_tree(Folders({INBOX, A, B}, set(), known=[(INBOX, INBOX), (A, A)], verdicts=said), PlainNames())
    assert plan.tasks == (FolderTask(A, A, Side.LOCAL, afresh=True), FolderTask(B, B, Side.LOCAL))
    assert plan.gone == (Gone(INBOX, INBOX, Side.LOCAL),) and plan.all_gone is None


def test_when_the_loss_of_all_folders_is_confirmed_new_ones_are_made():
    said = {(name, name): {Side.REMOTE: Verdict.CONFIRMED} for name in (INBOX, A)}
    plan = plan_tree(Folders({INBOX, A, B}, set(), known=[(INBOX, INBOX), (A, A)], verdicts=said), PlainNames())
    assert plan.tasks == (FolderTask(B, B, Side.LOCAL),)
    assert {one.verdict for one in plan.gone} == {Verdict.CONFIRMED}


def test_an_account_that_never_held_anything_lost_nothing():
    assert Folders(set(), {A}, empty=[(A, A)]).lost_all() is None
    assert Folders(set(), set(), known=[(A, A)]).lost_all() is None, "gone from both sides"


def test_nothing_is_created_on_a_side_where_it_is_forbidden():
    plan = plan_tree(Folders({A}, {B}, may_create=frozenset({Side.LOCAL})), PlainNames())
    assert plan.tasks == (FolderTask(A, A, Side.LOCAL),)
    assert [alone.local for alone in plan.left_alone] == [B]


def test_rules_that_would_mix_two_folders_mail_are_refused_with_all_names():
    folders = Folders({A, B}, {C})
    (problem,) = contradictions([FolderTask(B, C)], folders, [(A, C)])
    assert "'C'" in problem and "'A'" in problem and "'B'" in problem


def test_a_folder_called_otherwise_now_must_be_renamed_on_disk_first():
    (problem,) = contradictions([FolderTask(A, C, Side.LOCAL)], Folders({A}, {B}), [(A, B)])
    assert "rename the local folder" in problem
    assert not contradictions([FolderTask(A, C)], Folders({A}, {C}), [(A, B)]), "it was renamed"


def test_pairs_as_before_contradict_nothing():
    assert not contradictions([FolderTask(A, B)], Folders({A}, {B}), [(A, B), (C, C)])


@pytest.mark.parametrize("lacking", list(Side))
def test_a_folder_that_may_not_be_made_is_told_with_the_words_for_where_it_is_missing(lacking):
    there, here = ({INBOX}, {INBOX, A}) if lacking is Side.REMOTE else ({INBOX, A}, {INBOX})
    where = {Side.REMOTE: "on Work", Side.LOCAL: "on Laptop"}
    plan = plan_tree(Folders(there, here, may_create=frozenset(), where=where), PlainNames())
    assert [alone.reason.partition(",")[0] for alone in plan.left_alone] == [f"does not exist {where[lacking]}"]
