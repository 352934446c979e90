"""What the window shows of recorded runs, without a window."""

from __future__ import annotations

import dataclasses
import time

import pytest
from tests.fakes.boards import VOYAGES, lines_of, voyage
from tests.fakes.told_link import ToldLink

from postboat.events import Light, Warned
from postboat.ui.board.lights import LIGHTS
from postboat.ui.link import Happened, Lost, Snapshot
from postboat.ui.window.discs import SHAPES
from postboat.ui.window.palette import DARK, LIGHT
from postboat.ui.window.presenter import Presenter

NAMES = sorted(path.stem for path in VOYAGES.glob("*.ndjson"))


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def presented(name, **how):
    board, now = voyage(name)
    return Presenter(board, ToldLink(goes_on=board.goes_on, **how)), board, now


def texts(picture):
    """All strings of a picture, with where they stand."""
    if isinstance(picture, str):
        yield picture
    elif isinstance(picture, tuple | list):
        for part in picture:
            yield from texts(part)
    elif dataclasses.is_dataclass(picture):
        for field in dataclasses.fields(picture):
            if field.name not in ("account", "target"):  # what requests say, never shown
                yield from texts(getattr(picture, field.name))


def card(picture, account):
    return next(card for card in picture.cards if card.account == account)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_shown_has_a_colour_and_a_shape_and_cannot_steer_anything(name):
    presenter, _, now = presented(name)
    picture = presenter.picture(now)
    for shown in picture.cards:
        for mark in (shown.mark, *shown.lights):
            assert mark.shape in SHAPES
            assert mark.style in LIGHT.styles
            assert mark.tip
        assert shown.style in LIGHT.styles
        assert all(0 <= folder.share <= 1 for folder in shown.folders if folder.share is not None)
        assert all(0 <= share <= 1 for share in shown.spark)
    lines, _ = presenter.new_lines()
    assert {line.style for line in lines} | {each.style for each in picture.troubles} <= set(LIGHT.styles)
    assert not [text for text in (*texts(picture), *texts(lines)) if any(c < " " and c != "\n" for c in text)]


def test_both_palettes_know_the_same_styles():
    assert LIGHT.styles.keys() == DARK.styles.keys()


def test_each_thing_a_connection_does_has_a_shape_of_its_own():
    drawn = [SHAPES[doing] for doing in LIGHTS]
    assert len(set(drawn)) == len(LIGHTS)


def test_a_moment_later_the_same_is_the_same():
    presenter, _, now = presented("in_step")
    assert presenter.picture(now) == presenter.picture(now)


def test_a_first_sync_shows_bars_counts_and_lights():
    presenter, _, now = presented("first_sync")
    work = card(presenter.picture(now), "work")
    inbox = next(folder for folder in work.folders if folder.name == "INBOX")
    assert inbox.share == pytest.approx(679 / 10_204, abs=0.001)
    assert inbox.text.startswith("679 of 10,204 · ")
    assert inbox.text.endswith(" left")
    assert work.folders[-1].text == "+23 in step"
    assert "copying" in {light.shape for light in work.lights}
    assert any(light.tip.startswith("Copying from the server: ") for light in work.lights)
    assert max(work.spark) == 1.0


def test_of_many_folders_at_work_some_are_shown_and_the_others_counted():
    presenter, _, now = presented("folders_300")
    lists = card(presenter.picture(now), "lists")
    assert len(lists.folders) == 7
    assert lists.folders[-1].text == "and 6 more at work, +163 in step"


def test_a_held_plan_tells_why_how_many_subjects_and_what_follows():
    presenter, _, now = presented("held")
    picture = presenter.picture(now)
    plan = picture.plans[0]
    note = next(note for shown in picture.cards for note in shown.notes if note.plan == 0)
    assert "would be deleted" in plan.reason
    assert plan.reason.lower().rstrip(".") in note.text.lower()
    assert plan.subjects
    assert "deleted" in plan.pass_on
    assert "again" in plan.bring_back
    assert picture.style == "error"


def test_a_refused_password_tells_what_to_do_on_the_card_and_among_the_troubles():
    presenter, _, now = presented("sign_in")
    picture = presenter.picture(now)
    notes = [note for shown in picture.cards for note in shown.notes]
    assert any("postboat check -a" in note.advice for note in notes)
    assert any("postboat check -a" in trouble.advice for trouble in picture.troubles)
    assert picture.headline.endswith("needs you")


def test_the_first_ten_accounts_have_keys():
    presenter, board, now = presented("ten_accounts")
    for name in ("eleventh",):
        board.status.account(name, now)
    assert [shown.key for shown in presenter.picture(now).cards] == [*"1234567890", ""]


def test_the_filter_hides_accounts_and_lines_but_keeps_their_keys():
    presenter, board, now = presented("ten_accounts")
    presenter.new_lines()
    second = board.accounts[1]
    presenter.filter(f" {second.upper()} ")
    picture = presenter.picture(now)
    assert [(shown.account, shown.key) for shown in picture.cards] == [(second, "2")]
    assert picture.traffic.startswith("9 accounts hidden by the filter")
    lines, anew = presenter.new_lines()
    assert anew
    assert lines
    assert all(second in line.text for line in lines if line.when.strip())


def test_lines_of_the_log_are_given_once():
    presenter, board, now = presented("error")
    assert presenter.new_lines()[0]
    assert presenter.new_lines() == ([], False)
    board.learn(Happened(Warned("the disk is nearly full", "work"), now), now)
    lines, anew = presenter.new_lines()
    assert [line.text for line in lines] == ["work: the disk is nearly full"]
    assert not anew


def test_a_service_that_is_away_is_told_and_nothing_looks_fine():
    presenter, board, now = presented("in_step")
    board.learn(Lost("nothing listens"), now)
    picture = presenter.picture(now)
    assert "nothing listens" in picture.banner
    assert {shown.mark.style for shown in picture.cards} == {"dim"}
    assert not any(shown.lights for shown in picture.cards)


def test_a_refusal_is_shown_until_something_else_is_asked_for():
    presenter, _, now = presented("in_step")
    presenter.refused("work is not an account")
    assert "work is not an account" in presenter.picture(now).banner
    presenter.refused("")
    assert not presenter.picture(now).banner


def test_a_recording_tells_its_speed():
    board, now = voyage("in_step")
    link = ToldLink(replay=True)
    presenter = Presenter(board, link)
    link.faster()
    assert "2 times" in presenter.picture(now).banner


def test_an_unknown_light_is_shown_all_the_same():
    presenter, board, now = presented("in_step")
    name = board.accounts[0]
    board.desk(name).lights = (Light("juggling", "INBOX"),)
    assert card(presenter.picture(now), name).lights[0].shape in SHAPES


def test_an_end_asked_for_is_told_until_a_new_beginning():
    presenter, _, now = presented("in_step")
    presenter.stopping()
    assert presenter.picture(now).headline == "Stopping"
    snapshot = next(line for line in lines_of("in_step") if isinstance(line, Snapshot))
    presenter.note(snapshot)
    assert presenter.picture(now).headline != "Stopping"
