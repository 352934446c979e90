"""The dashboard as Textual runs it: when it draws, what it paints, how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from rich.color import ColorType
from tests.fakes.told_link import NOON, ToldLink
from textual.events import Paste

from postboat.events import AccountRests, ServiceStarted
from postboat.status import ServiceStatus
from postboat.ui.blinkenlights.app import Dashboard
from postboat.ui.blinkenlights.colours import DARK, LIGHT, NONE, SIXTEEN, is_light, palette
from postboat.ui.blinkenlights.terminal import BackgroundTold
from postboat.ui.board.spans import STYLES, Look
from postboat.ui.link import Happened, Over, Question, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = (
    Snapshot(ServiceStatus(1, "1.0", NOON, "/config.toml")),
    Happened(ServiceStarted(("work", "home")), NOON),
)


@pytest.fixture
def link() -> Iterator[ToldLink]:
    link = ToldLink(*BEGIN)
    yield link
    link.close()


def app_for(link: ToldLink, look: Look | None = None) -> Dashboard:
    return Dashboard(link, look or Look())


def painted(app: Dashboard) -> list[str]:
    return [app.canvas.render_line(y).text for y in range(app.size.height)]


async def until(app: Dashboard, text: str) -> list[str]:
    async with asyncio.timeout(5):
        while not any(text in line for line in painted(app)):
            await asyncio.sleep(0.01)
    return painted(app)


async def test_the_first_screen_is_drawn_before_the_link_says_anything() -> None:
    link = ToldLink()
    app = app_for(link)
    async with app.run_test(size=(60, 12)):
        lines = painted(app)
        assert "postboat" in lines[0] and len(lines) == 12
    link.close()


async def test_what_the_link_tells_is_drawn(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 12)):
        lines = await until(app, "work")
        assert any("home" in line for line in lines)


async def test_only_lines_that_changed_are_painted_again(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 24)):
        await until(app, "work")
        rows = list(app.canvas.rows)
        assert app.canvas.show(list(rows), 80) == 0
        rows[3] = [*rows[3][:-1], type(rows[3][0])("changed", "")]
        assert app.canvas.show(rows, 80) == 1


async def test_much_that_comes_at_once_is_drawn_seldom(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 24)):
        await until(app, "work")
        draws = 0
        real = app.helm.screen

        def counted(columns: int, lines: int) -> object:
            nonlocal draws
            draws += 1
            return real(columns, lines)

        app.helm.screen = counted  # type: ignore[method-assign,assignment]
        loop = asyncio.get_running_loop()
        began = loop.time()
        while loop.time() - began < 0.5:
            link.say(Happened(AccountRests("work", NOON + loop.time()), NOON))
            await asyncio.sleep(0.005)
        assert 1 <= draws <= 5


async def test_it_ends_when_the_link_is_over(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test() as pilot:
        await until(app, "work")
        link.say(Over())
        async with asyncio.timeout(5):
            while app.is_running:
                await pilot.pause(0.02)
    assert app.defect is None and app.return_value == 0


async def test_keys_reach_the_run_and_quit_asks_first(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(app, "work")
        await pilot.press("2", "q")
        assert link.asked == [("now", {"targets": ["home"]})]
        await until(app, "Leave?")
        await pilot.press("ctrl+c")
    assert app.return_value == 0


async def test_keys_of_textual_do_nothing(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(app, "work")
        await pilot.press("ctrl+q", "ctrl+p", "tab", "shift+tab", "f12")
        await pilot.pause()
        assert app.is_running and len(app.screen_stack) == 1 and link.asked == []


async def test_a_pasted_password_is_not_seen(link: ToldLink) -> None:
    app = app_for(link)
    link.say(Question(3, "Password?"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(app, "Password?")
        app.post_message(Paste("s3cret"))
        lines = await until(app, "••••••")
        assert not any("s3cret" in line for line in lines)
        assert "s3cret" not in app.export_screenshot()
        await pilot.press("enter")
    assert link.answers == [(3, "s3cret")]


async def test_a_click_puts_the_cursor_on_an_account(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 24)) as pilot:
        lines = await until(app, "home")
        await pilot.click(offset=(6, next(y for y, line in enumerate(lines) if "home" in line)))
        await pilot.pause()
        assert app.helm.focus.account == "home"


async def test_every_size_is_filled(link: ToldLink) -> None:
    app = app_for(link)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(app, "work")
        for columns, lines in ((20, 5), (1, 1), (200, 60)):
            await pilot.resize_terminal(columns, lines)
            async with asyncio.timeout(5):
                while (len(app.canvas.rows), app.canvas.render_line(0).cell_length) != (lines, columns):
                    await asyncio.sleep(0.01)


async def test_a_defect_ends_it_and_is_kept_for_who_started_it(link: ToldLink) -> None:
    app = app_for(link)
    with pytest.raises(ZeroDivisionError):
        async with app.run_test() as pilot:
            await until(app, "work")

            def broken(columns: int, lines: int) -> None:
                raise ZeroDivisionError

            app.helm.screen = broken  # type: ignore[method-assign,assignment]
            link.say(*BEGIN)
            async with asyncio.timeout(5):
                while app.is_running:
                    await pilot.pause(0.02)
    assert isinstance(app.defect, ZeroDivisionError) and not app._exit_renderables


async def test_the_colours_follow_the_background(link: ToldLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    app = app_for(link)
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(BackgroundTold(0.95))
        await pilot.pause()
        light = app.canvas.palette["error"]
        app.post_message(BackgroundTold(0.05))
        await pilot.pause()
        assert light != app.canvas.palette["error"]


async def test_without_colour_nothing_is_painted_in_one(link: ToldLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_for(link)
    async with app.run_test(size=(80, 24)):
        await until(app, "work")
        styles = [segment.style for y in range(24) for segment in app.canvas.render_line(y) if segment.style]
        assert styles and not any(style.color or style.bgcolor for style in styles)


def test_sixteen_colours_are_those_of_the_terminal() -> None:
    few = palette("standard", colour=True, light=False)
    used = [few[name].color for name in STYLES if few[name].color]
    assert used and all(colour.type is ColorType.STANDARD for colour in used)


def test_every_style_has_a_look_everywhere() -> None:
    assert set(STYLES) <= set(DARK) == set(LIGHT) == set(SIXTEEN) and set(NONE) <= set(DARK)
    assert not any("#" in look or "on " in look for look in (*SIXTEEN.values(), *NONE.values()))
    assert not any(" on " in look for look in (*DARK.values(), *LIGHT.values()))


@pytest.mark.parametrize(("told", "light"), [("0;15", True), ("15;0", False), ("", False), ("0;default;7", True)])
def test_a_light_background_is_guessed_from_what_the_terminal_says(told: str, light: bool) -> None:
    assert is_light({"COLORFGBG": told}) is light
