"""A face that draws in a process of its own, as the run sees it: fed without ever being waited for.

Whatever becomes of that process, the run goes on, and its user is told in lines what he would have seen.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from postboat.errors import PostboatError
from postboat.events import Mirrored, Warned
from postboat.ui.apart import words
from postboat.ui.apart.feed import Feed
from postboat.ui.apart.line import ChildLine
from postboat.ui.apart.process import Process
from postboat.ui.apart.stray import Stray
from postboat.ui.link import CannotShow
from postboat.ui.plain.basic import Basic
from postboat.ui.sentences.summary import summary
from postboat.ui.sentences.telling import told_stopped, told_trouble
from postboat.ui.view import fold

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence

    from postboat.config.schema import Secret
    from postboat.config.secrets import Prompter
    from postboat.events import Event
    from postboat.status import ServiceStatus
    from postboat.ui.words import Manner

    Ask = Callable[[Mapping[str, Any]], Awaitable[None]]
    """Does what the face asks for. Raises `PostboatError` that says why not."""

STARTING = 10.0
"""Seconds that a face may take until it draws."""
LEAVING = 1.5
"""Seconds that it may take to leave the screen."""
FAREWELL = 2.0
"""Seconds that `show` takes at most once its events are over."""
STRAYS = 100
"""Lines of what others write to standard error that are shown at a time."""
TROUBLES = 200
"""Lines about what went wrong that are told once the screen is free."""


def command_of(name: str) -> Sequence[str]:
    """What starts the process of a face; it imports nothing from the directory that it happens to be started in."""
    return sys.executable, "-P", "-m", "postboat.ui.apart.child", name


class Apart:
    """Shows a run by a child process. `ready` first, then `show`; it is a `config.secrets.Prompter` as well."""

    farewell = FAREWELL
    lights = True
    """Whether it shows what connections do."""

    def __init__(
        self,
        name: str,
        manner: Manner,
        status: ServiceStatus,
        *,
        goes_on: bool,
        ask: Ask,
        plain: Basic | None = None,
        terminal: Prompter | None = None,
        command: Sequence[str] = (),
    ) -> None:
        self.name, self._goes_on, self._ask, self._terminal = name, goes_on, ask, terminal
        self._draws_here = name != "tk"
        self._plain = plain or Basic(manner)
        self._command = command or command_of(name)
        self._feed = Feed(status)
        self._stray = Stray(self._tell_stray)
        self._strays: deque[str] = deque(maxlen=STRAYS)
        """What was written to standard error since the loop had its last turn."""
        self._troubles: deque[str] = deque(maxlen=TROUBLES)
        self._line = ChildLine(self._feed, manner, goes_on=goes_on, answer=self._answer)
        self._process: Process | None = None
        self._in_lines = asyncio.Event()
        """Set once the child is gone and the terminal is as it was before."""
        self._told = asyncio.Event()
        """Set once it is told, too, why the child is gone."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        """Whether the run ends because the face's user wants it to."""

    # From start to end

    def begin(self) -> None:
        """Start the child, and do not wait for it; raises `CannotShow` when that cannot be done."""
        try:
            self._process = Process(self._command)
        except OSError as error:
            raise CannotShow(str(error)) from error

    async def ready(self) -> None:
        """Wait until the child can draw. Raises `CannotShow` when it cannot; it and its traces are gone then."""
        if self._process is None:
            self.begin()
        assert self._process is not None
        self._loop = asyncio.get_running_loop()
        self._line.open(self._process.socket)
        try:
            async with asyncio.timeout(STARTING):
                await self._line.ready()
        except TimeoutError:
            self.close()
            raise CannotShow(words.TOO_LATE) from None
        except BaseException:
            self.close()
            raise
        if self._draws_here and sys.stderr.isatty():
            self._stray.catch()

    async def show(self, events: AsyncIterable[Event]) -> None:
        """Show events until there are no more, by the child or, once that is gone, in lines; then sum up."""
        watching = asyncio.create_task(self._watch(getattr(events, "look_away", None)), name="face apart")
        self._heed_suspension()
        dropped = 0
        try:
            async for event in events:
                if (now_dropped := getattr(events, "dropped", 0)) > dropped:
                    self._feed.miss(now_dropped - dropped)
                    dropped = now_dropped
                await self._take(event)
            await self._take_leave()
        finally:
            watching.cancel()
            self.close()
            self._told.set()
            await asyncio.gather(watching, return_exceptions=True)

    async def _take(self, event: Event) -> None:
        if self._in_lines.is_set():
            await self._plain.take(event)
            return
        view = self._plain.view
        fold(view, event, self._plain.clock())
        if not view.lasting and not isinstance(event, Mirrored):  # which is the end of the summary
            self._troubles.extend(told_trouble(event, view, self._plain.manner))
        self._line.offer(event, time.time())

    async def _watch(self, look_away: Callable[[], None] | None) -> None:
        """Go on in lines when the child ends before the run does; lines do not tell what connections do."""
        await self._line.over.wait()
        if self._line.dismissed or self._process is None:
            return
        if not self._line.stood_still:
            await self._process.gone(LEAVING)
        parting = self._parting(self._process.code)
        if look_away is not None:
            look_away()
        said = self._end_child(screen=not self._line.left_well)
        await self._plain.err.lines((*said, *self._troubles, *parting))
        self._troubles.clear()
        self._told.set()

    def _parting(self, code: int | None) -> Sequence[str]:
        line = self._line
        if self._stopping:
            return ()
        if line.wants_to_leave:
            return (words.left(goes_on=self._goes_on),)
        how = words.STANDS_STILL if line.stood_still else words.how_it_ended(code, line.last_words)
        return (words.ended(self.name, how, goes_on=self._goes_on),)

    async def _take_leave(self) -> None:
        """Let the child go as the run is over, and tell on the screen that is free again what came of it."""
        view, plain = self._plain.view, self._plain
        if self._in_lines.is_set():
            await plain.tell(told_stopped(view, plain.manner))
            return
        self._line.dismiss()
        try:
            async with asyncio.timeout(LEAVING):
                await self._line.over.wait()
        except TimeoutError:
            pass
        said = self._end_child(screen=not self._line.left_well)
        await plain.err.lines((*said, *self._troubles))
        if not view.lasting:
            await plain.out.lines(summary(view, plain.manner))
        await plain.tell(told_stopped(view, plain.manner))

    def _end_child(self, *, screen: bool) -> list[str]:
        """End the child for certain and have the terminal as before; return what was written over its head."""
        if self._in_lines.is_set() or self._process is None:
            return []
        self._line.close()
        self._suspend_as_others()
        self._process.end(screen=screen and self._draws_here)
        self._in_lines.set()
        return self._stray.release()

    def close(self) -> None:
        """Leave nothing behind, without waiting; may be called twice."""
        for line in self._end_child(screen=True):
            self._plain.err.write_now(f"{line}\n")

    def _tell_stray(self, text: str) -> None:
        """Show a line that somebody wrote to standard error, or of very many the last; called in a thread."""
        self._strays.append(text)
        if len(self._strays) == 1 and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._offer_strays)

    def _offer_strays(self) -> None:
        while self._strays:
            self._line.offer(Warned(self._strays.popleft()), time.time())

    # What comes from the child

    async def _answer(self, facts: Mapping[str, Any]) -> str:
        """Do what it asks for; return why not."""
        try:
            await self._ask(facts)
        except PostboatError as refusal:
            return str(refusal)
        self._stopping |= facts["do"] == "stop"
        return ""

    async def __call__(self, question: str) -> Secret | None:
        """Let the face ask for a password; when it is gone, ask on the terminal, if there is one."""
        if not self._in_lines.is_set():
            answer = await self._line.ask(question)
            if answer is not None or not self._line.over.is_set():
                return answer
            await self._told.wait()
        return await self._terminal(question) if self._terminal is not None else None

    # Ctrl+Z

    def _heed_suspension(self) -> None:
        """Stop together with the child, which has to leave the screen first."""
        if self._draws_here and self._loop is not None and threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGTSTP, self._suspend)

    def _suspend(self) -> None:
        if self._process is not None:
            self._process.stop_with_it()

    def _suspend_as_others(self) -> None:
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGTSTP)
