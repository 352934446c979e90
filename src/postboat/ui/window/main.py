"""Opens the window, and sees to its end: by the user, the run, a signal or the loss of the display."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import tkinter
from tkinter import READABLE
from typing import TYPE_CHECKING

from postboat.config.paths import state_dir
from postboat.ui.link import CannotShow
from postboat.ui.window import desktop, memory, words
from postboat.ui.window.palette import LIGHT
from postboat.ui.window.session import Session
from postboat.ui.window.theme import Theme
from postboat.ui.window.window import SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postboat.ui.link import Link

BROKE = 1


def show(link: Link) -> int:
    """Show a run until its end; 0. Raises `CannotShow` when the display does not let a window be opened."""
    dpi = _dots_per_inch()
    root = tkinter.Tk(className=words.TITLE)
    try:
        root.withdraw()
        _leave_when_the_display_does()
        known = memory.recall(state_dir)
        theme = Theme(root, LIGHT, dpi)
        dark = known.dark if known.dark is not None else desktop.prefers_dark(os.environ)
        session = Session(root, theme, link, known, dark=bool(dark))
        if dark is None:
            desktop.ask_for_dark(root, lambda answer: session.follow_desktop(dark=answer))
        _place(root, theme, known.geometry)
        with _heeding_signals(root, session.end):
            session.begin()
            with _defects(root):
                root.mainloop()
        memory.remember(known, state_dir)
    finally:
        with contextlib.suppress(tkinter.TclError):
            root.destroy()
    return 0


@contextlib.contextmanager
def _defects(root: tkinter.Tk) -> Iterator[None]:
    """Raise what a callback raises, which Tk would only print."""
    found: list[BaseException] = []

    def note(_kind: object, error: BaseException, _where: object) -> None:
        found.append(error)
        root.quit()

    root.report_callback_exception = note
    yield
    if found:
        raise found[0]


def _dots_per_inch() -> float:
    """Ask the X server's resources; Tk tells them only to programs of the name they are for."""
    try:
        probe = tkinter.Tk(className="Xft")
    except tkinter.TclError as refusal:
        raise CannotShow(str(refusal)) from None
    probe.withdraw()
    said, measured = str(probe.tk.call("option", "get", ".", "dpi", "Dpi")), probe.winfo_fpixels("1i")
    probe.destroy()
    return desktop.dots_per_inch(said, measured, os.environ)


def _place(root: tkinter.Tk, theme: Theme, remembered: str) -> None:
    """Show the window where it was the last time, or else in its first size."""
    width, height = root.winfo_screenwidth(), root.winfo_screenheight()
    first = "x".join(str(min(theme.px(side), room)) for side, room in zip(SIZE, (width, height), strict=True))
    root.geometry(memory.on_screen(remembered, width, height) or first)
    root.deiconify()
    root.focus_force()  # where no window manager gives it the keyboard


@contextlib.contextmanager
def _heeding_signals(root: tkinter.Tk, end: Callable[[], None]) -> Iterator[None]:
    """Let Python see signals while Tk waits, and end by those that nobody else heeds."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    root.createfilehandler(reader, READABLE, lambda *_: reader.recv(100))
    waking = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    ours = (signal.SIG_DFL, signal.default_int_handler)
    before = {
        each: signal.signal(each, lambda *_: end())
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
        if signal.getsignal(each) in ours
    }
    try:
        yield
    finally:
        signal.set_wakeup_fd(waking)
        for each, handler in before.items():
            signal.signal(each, handler)
        root.deletefilehandler(reader)
        reader.close()
        writer.close()


def _leave_when_the_display_does() -> None:
    """Leave with a sentence when the X server goes away: Xlib ends the process, and has no sentence for people."""

    def leave(_display: int | None) -> int:
        sys.stderr.write(f"{words.DISPLAY_LOST}\n")
        sys.stderr.flush()
        os._exit(BROKE)

    global _handler
    try:
        xlib = ctypes.CDLL("libX11.so.6")
    except OSError:  # not a window of X
        return
    _handler = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(leave)
    xlib.XSetIOErrorHandler(_handler)


_handler: object = None
"""What Xlib calls; it must live as long as the process."""
