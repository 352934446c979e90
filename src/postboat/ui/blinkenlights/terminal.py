"""The terminal as the dashboard drives it: nothing here waits for it, and one that is gone ends the dashboard.

Textual's own driver reads and writes in threads, wakes ten times a second, and reads a terminal that was hung up for
ever. This one hangs on the loop. It opens the terminal anew, so that what it changes of the open file (it must not
wait) does not concern the run, which shares the inherited one.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import select
import signal
import termios
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

from postboat.ui.link import CannotShow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postboat.ui.blinkenlights.app import Dashboard

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?1000h\x1b[?1006h\x1b[?2004h"
"""The other screen, no cursor, no wrapping, clicks, pastes told as such."""
LEAVE = "\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"
ASK = "\x1b[?2026$p\x1b]11;?\x1b\\"
"""Can drawings be shown at once when they are complete? What colour is the background?"""
MUTE = frozenset({"linux", "dumb", "vt100", "vt102", "vt220"})
"""Values of TERM of terminals that might print such questions."""
PATIENCE = 1.0
"""Seconds that a terminal gets to take the last of what was written."""
ESCAPE = 0.12
"""Seconds after which an escape that nothing follows is the key."""
CHUNK = 16384
BACKGROUND = re.compile(
    r"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})[^\x07\x1b]*(?:\x07|\x1b\\)"
)
FATAL = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


class BackgroundTold(Message):
    """The terminal said how bright its background is: 0.0 to 1.0."""

    def __init__(self, brightness: float) -> None:
        super().__init__()
        self.brightness = brightness


class Terminal(Driver):
    """Draws on the terminal that standard output is, and reads its keys."""

    def __init__(
        self, app: Dashboard, *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._dashboard = app
        self._fd = _open()
        self._encoding = "utf-8" if app.look.unicode else "ascii"
        self._pending = bytearray()
        self._writing = False
        self._active = False
        self._attributes: list[Any] | None = None
        self._raw: list[Any] = []
        """How the terminal was set by this; who has it after a shell took it back may have set it otherwise."""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._parser = XTermParser()
        self._awaited = False
        self._before = ""
        self._size = self._measure()

    @property
    def busy(self) -> bool:
        """Whether the terminal has not taken yet what was drawn before."""
        return bool(self._pending)

    @property
    def can_suspend(self) -> bool:
        """A shell's job control may stop the dashboard."""
        return True

    # --- what is drawn --------------------------------------------------------------------------------------------

    def write(self, data: str) -> None:
        """Note what the terminal is to show; `flush` sends it."""
        self._pending += data.encode(self._encoding, "replace")

    def flush(self) -> None:
        """Send what the terminal takes now, the rest when it takes more."""
        try:
            while self._pending:
                del self._pending[: os.write(self._fd, self._pending[:CHUNK])]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._fd, self._go_on)
        except OSError:
            self._lose()

    def _go_on(self) -> None:
        self._writing = False
        self._loop.remove_writer(self._fd)
        self.flush()

    def _drain(self) -> None:
        """Wait a moment for the terminal to take the last, so that the shell gets it back as it was."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while self._pending and any(state & select.POLLOUT for _, state in poll.poll(PATIENCE * 1000)):
            self.flush()
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)
        self._pending.clear()

    # --- what is typed --------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lose()
            return
        self._feed(self._without_answer(self._decode(data)))
        self._loop.call_later(ESCAPE, self._tick)

    def _without_answer(self, text: str) -> str:
        """Take out what the terminal says of its background, which Textual would take for keys."""
        if not self._awaited:
            return text
        text, self._before = self._before + text, ""
        if told := BACKGROUND.search(text):
            self._awaited = False
            red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in told.groups())
            self.process_message(cast("Any", BackgroundTold(0.3 * red + 0.59 * green + 0.11 * blue)))
            return text[: told.start()] + text[told.end() :]
        start = text.find("\x1b]11;")
        if start >= 0 and len(text) - start < 64:
            text, self._before = text[:start], text[start:]
        return text

    def _feed(self, text: str) -> None:
        if text:
            for message in self._parser.feed(text):
                self.process_message(message)

    def _tick(self) -> None:
        for message in self._parser.tick():
            self.process_message(message)

    def _resized(self) -> None:
        self._size = self._measure()
        size = Size(*self._size)
        self.process_message(events.Resize(size, size))

    def _measure(self) -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(self._fd)
        except OSError:
            columns, lines = 0, 0
        return columns or 80, lines or 24

    # --- beginning and end ----------------------------------------------------------------------------------------

    def start_application_mode(self) -> None:
        """Take the terminal."""
        self._active = True
        with contextlib.suppress(termios.error):
            self._attributes = termios.tcgetattr(self._fd)
            termios.tcsetattr(self._fd, termios.TCSANOW, _raw(self._attributes))
            self._raw = termios.tcgetattr(self._fd)
        self.write(ENTER)
        if os.environ.get("TERM", "") not in MUTE and os.environ.get("TERM_PROGRAM") != "Apple_Terminal":
            self._awaited = True
            self.write(ASK)
        self.flush()
        self._loop.add_reader(self._fd, self._read)
        self._listen()
        self._resized()

    def _listen(self) -> None:
        self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
        self._loop.add_signal_handler(signal.SIGTSTP, self.suspend)
        self._loop.add_signal_handler(signal.SIGCONT, self._come_back)
        for number in FATAL:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._loop.add_signal_handler(number, self._lose if number == signal.SIGHUP else self._dashboard.leave)

    def disable_input(self) -> None:
        """Hear neither keys nor signals any more."""
        self._loop.remove_reader(self._fd)
        for number in (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT):
            self._loop.remove_signal_handler(number)

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        if not self._active:
            return
        self._active = False
        self.disable_input()
        self.write(LEAVE)
        self._drain()
        with contextlib.suppress(termios.error), _from_anywhere():
            if self._attributes is not None and (_is_ours(self._fd) or termios.tcgetattr(self._fd) == self._raw):
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._attributes)

    def close(self) -> None:
        """Let go of the terminal."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lose(self) -> None:
        """End, for nobody sees this any more."""
        self._pending.clear()
        self._loop.remove_reader(self._fd)
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)
        self._dashboard.leave()

    # --- job control ----------------------------------------------------------------------------------------------

    def suspend(self) -> None:
        """Stop the whole job, the run that feeds the dashboard with it, until the shell lets it go on."""
        self.stop_application_mode()
        # The default action does nothing where no shell could let it go on; a handler could not tell.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(0, signal.SIGTSTP)
        self._resume()

    def _come_back(self) -> None:
        """Take the terminal again after somebody stopped only this process."""
        self.stop_application_mode()
        self._resume()

    def _resume(self) -> None:
        self.start_application_mode()
        self._dashboard.draw_anew()


def reachable() -> None:
    """Raise `CannotShow` unless there is a terminal to draw on."""
    try:
        os.close(_open())
    except OSError as error:
        raise CannotShow(str(error)) from None


def _open() -> int:
    """Open the terminal anew. Raises OSError when there is none."""
    if not os.isatty(1):
        raise OSError("standard output is no terminal")
    flags = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
    attempts: list[Callable[[], str]] = [lambda: os.ttyname(1), lambda: "/dev/tty"]
    for path in attempts:
        with contextlib.suppress(OSError):
            return os.open(path(), flags)
    raise OSError("the terminal cannot be opened")


def _is_ours(fd: int) -> bool:
    """Whether no shell has taken the terminal back, as it does when the run that this shows is killed."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:  # no shell rules over it
        return True


@contextlib.contextmanager
def _from_anywhere() -> Iterator[None]:
    """Set the terminal from the background as well, where that stops a process, or fails in one left alone."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTTOU, before)


def _raw(attributes: list[Any]) -> list[Any]:
    """Have each key told at once, as it is, none of them a signal."""
    raw = list(attributes)
    raw[0] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    raw[6] = [*raw[6]]
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    return raw
