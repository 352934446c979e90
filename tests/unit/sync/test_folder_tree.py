"""Which folders form pairs, and what happens when one half is missing."""

from __future__ import annotations

import pytest

from postboat.model import INBOX, FolderName, Side
from postboat.sync.folder_tree import Folders, FolderTask, contradictions, plan_tree

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


def test_a_folder_that_the_rules_leave_out_is_neither_synced_nor_created():
    plan = plan_tree(Folders({A, INBOX}, {A, INBOX, B}), PlainNames(excluded={A, B}))
    assert plan.tasks == (FolderTask(INBOX, INBOX),)


def test_a_folder_deleted_on_the_server_is_not_created_there_again_nor_removed_here():
    plan = plan_tree(Folders({INBOX}, {INBOX, A}, known={A: A}), PlainNames())
    assert plan.tasks == (FolderTask(INBOX, INBOX),)
    assert [(alone.local, alone.lacking) for alone in plan.left_alone] == [(A, Side.REMOTE)]
    assert plan.left_alone[0].reason.startswith("gone from the server")


def test_a_folder_deleted_locally_is_not_created_there_again_nor_removed_on_the_server():
    plan = plan_tree(Folders({INBOX, A}, {INBOX}, known={A: A}), PlainNames())
    assert plan.tasks == (FolderTask(INBOX, INBOX),)
    assert plan.left_alone[0].reason.startswith("gone from the disk")


@pytest.mark.parametrize(
    ("left", "check", "back", "away"),
    [
        (Folders({A}, set(), known={A: A}), "disk mounted", "make its directory anew", "delete it on the server"),
        (Folders(set(), {A}, known={A: A}), "renamed there", "create it on the server", "remove its directory"),
    ],
)
def test_a_lost_folder_is_to_be_looked_for_then_brought_back_and_only_last_removed(left, check, back, away):
    (alone,) = plan_tree(left, PlainNames()).left_alone
    places = [alone.reason.index(part) for part in (check, back, away)]
    assert places == sorted(places)


def test_nothing_is_created_on_a_side_where_it_is_forbidden():
    plan = plan_tree(Folders({A}, {B}, may_create=frozenset({Side.LOCAL})), PlainNames())
    assert plan.tasks == (FolderTask(A, A, Side.LOCAL),)
    assert [(alone.local, alone.chosen) for alone in plan.left_alone] == [(B, True)]


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
