"""What keys do, and what the boxes say."""

import pytest
from tests.fakes.boards import WAITS, lines_of, texts
from tests.fakes.told_link import ToldLink

from postboat.ui.blinkenlights.helm import ASKED, NOTICE, Helm
from postboat.ui.board.spans import Look, width
from postboat.ui.link import Answered, Happened, Lost, Over, Question, Withdrawn

SECRET = "hush-a-bye"


def helm_of(name: str = "ten_accounts", **how: bool) -> tuple[Helm, ToldLink]:
    link = ToldLink(**how)
    helm = Helm(link, Look())
    for line in lines_of(name):
        link.time = line.when if isinstance(line, Happened) else link.time
        helm.hear([line])
    link.time += WAITS.get(name, 0.25)
    return helm, link


def press(helm: Helm, *keys: str) -> None:
    for key in keys:
        helm.press(key, key if len(key) == 1 else "")


def seen(helm: Helm, columns: int = 100, lines: int = 30) -> str:
    return "\n".join(texts(helm.screen(columns, lines)))


def test_a_digit_syncs_the_account_with_that_number_and_naught_the_tenth() -> None:
    helm, link = helm_of()
    press(helm, "1", "0", "s")
    names = helm.board.accounts
    assert link.asked == [("now", {"targets": [names[0]]}), ("now", {"targets": [names[9]]}), ("now", {"targets": []})]


def test_a_digit_without_an_account_asks_for_nothing() -> None:
    helm, link = helm_of("held")
    press(helm, "9")
    assert link.asked == []


def test_p_pauses_all_and_lets_them_go_on_when_all_are_paused() -> None:
    helm, link = helm_of("in_step")
    press(helm, "p")
    for account in helm.board.status.accounts.values():
        account.paused = True
    press(helm, "p")
    assert link.asked == [("pause", {"targets": []}), ("resume", {"targets": []})]


def test_p_in_the_detail_of_an_account_concerns_that_one() -> None:
    helm, link = helm_of("in_step")
    press(helm, "down", "enter", "p")
    assert link.asked == [("pause", {"targets": [helm.board.accounts[1]]})]


@pytest.mark.parametrize(("key", "verdict"), [("y", "confirm"), ("r", "restore")])
def test_the_word_on_a_held_plan_is_asked_for_that_folder(key: str, verdict: str) -> None:
    helm, link = helm_of("held")
    press(helm, "c")
    shown = seen(helm)
    plan = helm.board.plans()[0]
    assert f"{plan.account}: {plan.folder}" in shown and "Was that meant?" in shown
    assert all(subject in shown for subject in plan.subjects)
    press(helm, key)
    assert link.asked == [("confirm", {"targets": [f"{plan.account}:{plan.folder}"], "verdict": verdict})]


def test_escape_leaves_held_plans_undecided() -> None:
    helm, link = helm_of("held")
    press(helm, "c", "escape")
    assert link.asked == [] and helm.box is None


def test_held_plans_are_decided_one_each_time_so_that_a_key_held_down_decides_no_other() -> None:
    helm, link = helm_of("held")
    _, second = helm.board.plans()
    press(helm, "c", "right", "y", "y", "y")
    assert [facts["targets"] for _, facts in link.asked] == [[f"{second.account}:{second.folder}"]]
    assert helm.box is None


def test_after_a_word_on_a_held_plan_it_is_told_that_others_wait() -> None:
    helm, _ = helm_of("held")
    plan = helm.board.plans()[0]
    press(helm, "c", "r")
    assert f"asked to bring back {plan.account}: {plan.folder}; 1 more waits for your word: c" in seen(helm)


def test_what_was_asked_for_is_told_for_a_moment() -> None:
    helm, link = helm_of("in_step")
    press(helm, "1")
    assert f"asked to sync {helm.board.accounts[0]}" in seen(helm)
    link.time += ASKED
    assert "asked to" not in seen(helm)
    press(helm, "s")
    assert "asked to sync all accounts" in seen(helm)


def test_the_detail_of_an_account_tells_which_keys_concern_it() -> None:
    helm, _ = helm_of("held")
    press(helm, "enter")
    assert "1 sync  p pause  c held" in seen(helm).splitlines()[-1]
    helm.board.status.accounts[helm.focus.account].paused = True
    assert "p go on" in seen(helm).splitlines()[-1]


def test_where_nothing_is_held_c_says_so() -> None:
    helm, _ = helm_of("in_step")
    press(helm, "c")
    assert "no deletions wait" in seen(helm)


def test_a_password_is_answered_and_never_seen() -> None:
    helm, link = helm_of("sign_in")
    helm.hear([Question(7, "Password of anna\nthe server said: [AUTH] bad"), Question(8, "another")])
    assert "the server said: [AUTH] bad" in seen(helm)
    press(helm, *SECRET)
    helm.paste("2\n")
    assert SECRET not in seen(helm) and "•" * (len(SECRET) + 1) in seen(helm)
    assert SECRET not in repr(helm.box) and SECRET not in repr(vars(helm))
    press(helm, "enter", "escape")
    assert link.answers == [(7, f"{SECRET}2"), (8, None)] and link.asked == []
    assert helm.box is None


def test_a_password_can_be_corrected() -> None:
    helm, link = helm_of("sign_in")
    helm.hear([Question(1, "?")])
    press(helm, "x", "ctrl+u", "a", "b", "backspace", "q", "enter")
    assert link.answers == [(1, "aq")]


def test_a_withdrawn_question_goes_away_and_the_next_one_stays() -> None:
    helm, link = helm_of("sign_in")
    helm.hear([Question(1, "first?"), Question(2, "second?"), Withdrawn(1)])
    assert "second?" in seen(helm) and "first?" not in seen(helm)
    helm.hear([Withdrawn(2)])
    assert helm.box is None and link.answers == []


def test_a_question_waits_until_the_users_own_box_is_closed() -> None:
    helm, link = helm_of("in_step")
    press(helm, "q")
    helm.hear([Question(1, "password?")])
    assert "Leave?" in seen(helm)
    press(helm, "escape")
    assert "password?" in seen(helm)
    press(helm, "q", "enter")
    assert link.answers == [(1, "q")]


def test_the_entry_of_a_password_is_seen_on_the_smallest_screen() -> None:
    helm, _ = helm_of("sign_in")
    helm.hear([Question(1, "a long question " * 20)])
    press(helm, "a", "b")
    assert "••" in seen(helm, 20, 5) and "[enter]" in seen(helm, 20, 5)


def test_leaving_a_run_of_ones_own_asks_whether_it_goes_on() -> None:
    helm, link = helm_of("in_step", owned=True)
    press(helm, "q", "escape")
    assert link.asked == []
    press(helm, "q", "g", "q", "q")
    assert link.asked == [("leave", {}), ("stop", {})] and not helm.done


def test_leaving_a_service_leaves_it_alone_or_stops_it() -> None:
    helm, link = helm_of("in_step")
    press(helm, "q", "q")
    assert helm.done and link.asked == []
    helm, link = helm_of("in_step")
    press(helm, "ctrl+c", "s")
    assert helm.done and link.asked == [("stop", {})]


def test_leaving_a_single_run_stops_it_and_waits_for_its_end() -> None:
    helm, link = helm_of("first_sync", goes_on=False, owned=True)
    press(helm, "q")
    assert link.asked == [("stop", {})] and not helm.done and "stopping" in seen(helm)
    helm.hear([Over()])
    assert helm.done


def test_a_recording_is_steered_and_asked_for_nothing() -> None:
    helm, link = helm_of("in_step", replay=True)
    press(helm, "space", "plus", "plus", "minus", "s", "1", "p")
    assert (link.halted, link.speed, link.asked) == (True, 2.0, [])
    assert "recording" in seen(helm)
    press(helm, "q")
    assert helm.done


def test_a_refusal_is_told_until_a_key_is_pressed_or_time_passes() -> None:
    helm, link = helm_of()
    press(helm, "s")
    helm.hear([Answered(1, "the run\x1b[2J is over")])
    assert "not done: the run?[2J is over" in seen(helm)
    link.time += NOTICE
    assert "not done" not in seen(helm)


def test_what_is_done_is_not_told_beyond_that_it_was_asked_for() -> None:
    helm, _ = helm_of()
    press(helm, "s")
    before = seen(helm)
    helm.hear([Answered(1)])
    assert seen(helm) == before


def test_typing_a_filter_is_no_command() -> None:
    helm, link = helm_of()
    press(helm, "slash", "s", "q")
    assert helm.focus.filter == "sq" and helm.focus.typing and link.asked == []
    press(helm, "enter")
    assert helm.focus.filter == "sq" and not helm.focus.typing
    press(helm, "escape")
    assert helm.focus.filter == ""


def test_pasted_text_is_no_row_of_commands() -> None:
    helm, link = helm_of()
    helm.paste("sssq123")
    assert link.asked == [] and helm.box is None


def test_panels_open_scroll_to_their_end_and_close() -> None:
    helm, _ = helm_of("folders_300")
    press(helm, "l", "end")
    seen(helm, 80, 12)
    press(helm, "home")
    assert helm.focus.panel == "log" and helm.focus.scroll > 0
    press(helm, "end")
    assert helm.focus.scroll == 0
    press(helm, "escape", "question_mark")
    assert helm.focus.panel == "help"
    press(helm, "question_mark")
    assert helm.focus.panel == ""


def test_a_lost_service_is_told() -> None:
    helm, _ = helm_of("in_step")
    helm.hear([Lost("connection refused")])
    assert "trying again" in seen(helm)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (20, 5), (23, 9), (80, 24), (200, 60)])
@pytest.mark.parametrize("unicode", [True, False])
def test_boxes_fit_any_screen(size: tuple[int, int], unicode: bool) -> None:
    for name, keys, more in (
        ("held", "c", ()),
        ("hostile", "c", ()),
        ("in_step", "q", ()),
        ("sign_in", "ä漢", (Question(1, "漢字 " * 30),)),
    ):
        helm, _ = helm_of(name)
        helm.look = Look(unicode=unicode)
        helm.hear(more)
        press(helm, *keys)
        drawn = texts(helm.screen(*size))
        assert len(drawn) == size[1] and {width(line) for line in drawn} == {size[0]}
        assert unicode or all(line.isascii() for line in drawn)
