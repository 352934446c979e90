"""The dashboard as a Textual application: one widget, one loop, and no more work than there is news.

It draws when something came, when a key was pressed and when a shown clock ticks, and not more than four times a
second but for keys. A terminal that has not taken the last screen yet gets no other.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App
from textual.screen import Screen

from postboat.ui import words as common
from postboat.ui.blinkenlights.canvas import Canvas
from postboat.ui.blinkenlights.colours import LIGHT_FROM, is_light, palette
from postboat.ui.blinkenlights.helm import Helm
from postboat.ui.blinkenlights.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual import events
    from textual.driver import Driver
    from textual.widget import Widget

    from postboat.ui.blinkenlights.terminal import BackgroundTold
    from postboat.ui.board.spans import Look
    from postboat.ui.link import Link

APART = 0.25
"""Seconds between two drawings, but for those that answer a key."""
EARS = 0.05
"""Seconds between two looks at a link that has much to say."""
TICK = 1.0
"""Seconds between two drawings when nothing comes: clocks go on."""


class Stage(Screen[None], inherit_bindings=False):
    """The only screen, which adds nothing to what is on it."""

    DEFAULT_CSS: ClassVar[str] = "Stage { background: ansi_default; layout: vertical; overflow: hidden hidden; }"
    AUTO_FOCUS: ClassVar[str | None] = ""


class Dashboard(App[int], inherit_bindings=False):
    """Shows a run and hands on what its user wants."""

    DEFAULT_CSS: ClassVar[str] = ""
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    ALLOW_SELECT: ClassVar[bool] = False
    TITLE = "postboat"

    def __init__(self, link: Link, look: Look, *, driver_class: type[Driver] = Terminal) -> None:
        super().__init__(driver_class=driver_class, ansi_color=True)
        self.animation_level = "none"
        self.look = look
        self.link = link
        self.helm = Helm(link, look)
        self.canvas = Canvas()
        self.defect: Exception | None = None
        """What in the dashboard itself went wrong."""
        self._light = is_light(os.environ)
        self._hearing: int | None = None
        self._timer: Any = None
        self._drawn = 0.0
        self._shows_accounts = False
        """Whether the last drawing did; one that has nothing to show yet puts off no other."""

    # --- beginning and end ----------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        """Give the only screen."""
        return Stage(id="_default")

    def compose(self) -> Iterable[Widget]:
        """Put the canvas on it."""
        yield self.canvas

    def on_mount(self) -> None:
        """Draw, though nothing is known yet; then listen."""
        self._choose_colours()
        self._draw()
        self._listen()

    def leave(self) -> None:
        """End, and say nothing."""
        self._guarded(self._stop_listening)
        self.exit(0)

    def _handle_exception(self, error: Exception) -> None:
        """Keep what went wrong for who started this: nothing is written to a screen that is not free yet."""
        self.defect = self.defect or error
        self._stop_listening()
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()

    def _set_pointer_shape(self, shape: str) -> None:
        """Leave the mouse's pointer as it is."""

    def _guarded(self, call: Callable[..., None], *arguments: object) -> None:
        """Do what the loop calls by itself: what goes wrong there ends the dashboard too."""
        try:
            call(*arguments)
        except Exception as error:
            self._handle_exception(error)

    # --- the link ---------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Wait for the link. Its descriptor may be another one each time."""
        loop = self._running_loop()
        self._hearing = self.link.fileno()
        loop.add_reader(self._hearing, partial(self._guarded, self._hear))

    def _stop_listening(self) -> None:
        loop = self._running_loop()
        if self._hearing is not None:
            loop.remove_reader(self._hearing)
            self._hearing = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hear(self) -> None:
        """Take what came; then leave the link alone for a moment, so that much of it costs little."""
        loop = self._running_loop()
        if self._hearing is not None:
            loop.remove_reader(self._hearing)
            self._hearing = None
        self.helm.hear(self.link.take())
        if self.helm.done:
            self.leave()
            return
        loop.call_later(EARS, partial(self._guarded, self._listen_again))
        self._draw_soon()

    def _listen_again(self) -> None:
        if not self._exit and self._running and self._hearing is None:
            self._listen()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _draw_soon(self) -> None:
        """Draw as soon as it is time."""
        loop = self._running_loop()
        self._draw_at(max(loop.time(), self._drawn + (APART if self._shows_accounts else 0)))

    def _draw_at(self, when: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._running_loop().call_at(when, partial(self._guarded, self._draw))

    def _draw(self) -> None:
        """Draw now, and again when the clocks have gone on."""
        loop = self._running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._exit:
            return
        self._drawn, self._shows_accounts = loop.time(), bool(self.helm.board.accounts)
        if getattr(self._driver, "busy", False):
            self._draw_at(self._drawn + APART)
            return
        self.canvas.show(self.helm.screen(*self.size), self.size.width)
        self._draw_at(self._drawn + TICK - self.link.now() % TICK)

    def draw_anew(self) -> None:
        """Draw all of it on a terminal that shows something else."""
        self._draw()
        self.refresh(layout=True)
        self.canvas.repaint()

    def _choose_colours(self) -> None:
        system = None if self.no_color else self.console.color_system
        self.canvas.palette = palette(system, colour=not self.no_color, light=self._light)
        self.canvas.repaint()

    def on_background_told(self, told: BackgroundTold) -> None:
        """Take the colours for this background."""
        self._light = told.brightness >= LIGHT_FROM
        self._choose_colours()

    def _running_loop(self) -> Any:
        assert self._loop is not None, "the dashboard runs"
        return self._loop

    # --- keys and the mouse -------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Fit what is shown to the terminal."""
        loop = self._running_loop()
        self._draw_at(max(loop.time(), self._drawn + EARS))

    def on_key(self, event: events.Key) -> None:
        """Do what a key asks for, and show it at once."""
        event.stop()
        match event.key:
            case "ctrl+z":
                self.action_suspend_process()
            case "ctrl+l":
                self.draw_anew()
            case _:
                self.helm.press(event.key, event.character if event.is_printable and event.character else "")
                self._answer()

    def on_paste(self, event: events.Paste) -> None:
        """Take what was pasted."""
        self.helm.paste(event.text)
        self._answer()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the account that was clicked."""
        row = self.canvas.rows[event.y] if event.y < len(self.canvas.rows) else []
        named = [text.strip() for text, style in row if style == "name"]
        for account in self.helm.board.accounts:
            if named and named[0] == common.fit(common.clean(account), common.width(named[0])):
                self.helm.choose(account)
                self._answer()
                return

    def on_mouse_scroll_up(self) -> None:
        """Scroll as the arrow keys do."""
        self.helm.press("up")
        self._answer()

    def on_mouse_scroll_down(self) -> None:
        """Scroll as the arrow keys do."""
        self.helm.press("down")
        self._answer()

    def action_suspend_process(self) -> None:
        """Stop the job, as Ctrl+Z does anywhere else."""
        if isinstance(self._driver, Terminal):
            self._driver.suspend()

    def _answer(self) -> None:
        if self.helm.done:
            self.leave()
        else:
            self._draw()
