"""The socket between a run and the process that shows it: lines out as fast as they are read, requests in."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from postboat.config.schema import Secret
from postboat.ui.link import CannotShow

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from postboat.events import Event
    from postboat.ui.apart.feed import Feed
    from postboat.ui.words import Manner

GATHER = 0.05
"""Seconds between two times that something is handed over: what takes the place of something else does so meanwhile."""
PATIENCE = 10
"""Seconds in which a face has to read something, or is taken for dead; counted while this process is awake itself."""
TICK = 1.0
CHUNK = 65_536
REQUEST_OCTETS = 262_144


class ChildLine:
    """Talks with the child. Everything is called on the loop; nothing but `ready` and `ask` waits."""

    def __init__(
        self,
        feed: Feed,
        manner: Manner,
        *,
        goes_on: bool,
        answer: Callable[[Mapping[str, Any]], Awaitable[str]],
        patience: int = PATIENCE,
    ) -> None:
        self._feed, self._answer, self._patience = feed, answer, patience
        self._hello = {"hello": {"manner": asdict(manner), "goes_on": goes_on}}
        self._socket: socket.socket | None = None
        self._some = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready: asyncio.Future[None] | None = None
        self._questions: dict[int, asyncio.Future[Secret | None]] = {}
        self._asked = 0
        self.over = asyncio.Event()
        """Set once nothing can be told to the child any more."""
        self.dismissed = False
        """Whether it was let go."""
        self.wants_to_leave = False
        """Whether its user wants the run to go on without it."""
        self.stood_still = False
        """Whether it did not read for too long."""
        self.left_well = False
        """Whether it said that it leaves the terminal as it found it."""
        self.last_words = ""
        """Why it ended, if it said so."""

    def open(self, line: socket.socket) -> None:
        """Begin to talk."""
        self._socket = line
        self._ready = asyncio.get_running_loop().create_future()
        self._some.set()
        for work, name in ((self._hear(line), "hearing"), (self._tell(line), "telling")):
            self._begin(self._to_the_end(work), name)

    async def ready(self) -> None:
        """Wait until the child says that it can draw. Raises `CannotShow` when it says otherwise, or ends."""
        assert self._ready is not None
        await self._ready

    def offer(self, event: Event, when: float) -> None:
        """Tell an event as soon as the child reads."""
        self._feed.offer(event, when)
        self._some.set()

    def dismiss(self) -> None:
        """Tell the child that nothing more comes, once it has read what did."""
        self.dismissed = True
        self._some.set()

    async def ask(self, question: str) -> Secret | None:
        """Let the child ask its user; None when he does not answer, or the child ends."""
        self._asked += 1
        number = self._asked
        answer: asyncio.Future[Secret | None] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        if self.over.is_set():
            answer.set_result(None)
        self._say(question=number, text=question)
        try:
            return await answer
        except asyncio.CancelledError:
            self._say(withdrawn=number)
            raise
        finally:
            del self._questions[number]

    def close(self) -> None:
        """Talk no more."""
        self.over.set()
        for task in self._tasks:
            task.cancel()
        self._give_up_asking()

    def _begin(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"face apart: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _to_the_end(self, work: Awaitable[None]) -> None:
        """Hear or tell until that cannot be done any more, which is the end of all talk."""
        try:
            with suppress(OSError):
                await work
        finally:
            self.over.set()
            self._give_up_asking()

    def _give_up_asking(self) -> None:
        for answer in self._questions.values():
            if not answer.done():
                answer.set_result(None)
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(CannotShow("ended before it drew anything"))
            self._ready.exception()  # nobody may wait for it any more

    # To the child

    def _say(self, **facts: object) -> None:
        self._feed.say(**facts)
        self._some.set()

    async def _tell(self, line: socket.socket) -> None:
        await self._hand_over(line, json.dumps(self._hello) + "\n")
        while True:
            await self._some.wait()
            while text := self._feed.take():
                await self._hand_over(line, text)
                if not (self._feed or self.dismissed):
                    await asyncio.sleep(GATHER)
            if self.dismissed:
                await self._hand_over(line, json.dumps({"over": True}) + "\n")
                await asyncio.Event().wait()  # it hangs up
            self._some.clear()

    async def _hand_over(self, line: socket.socket, text: str) -> None:
        data = memoryview(text.encode())
        while data:
            if not await self._send(line, data[:CHUNK]):
                self.stood_still = True
                raise BrokenPipeError
            data = data[CHUNK:]

    async def _send(self, line: socket.socket, data: memoryview) -> bool:
        """Send some octets; False when they are not read though there was time."""
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(line, data))
        try:
            for _ in range(self._patience):  # not in one wait, which would be over after a sleep of the machine
                if (await asyncio.wait([sending], timeout=TICK))[0]:
                    await sending
                    return True
            return False
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    # From the child

    async def _hear(self, line: socket.socket) -> None:
        read, loop = b"", asyncio.get_running_loop()
        while data := await loop.sock_recv(line, CHUNK):
            *lines, read = (read + data).split(b"\n")
            if len(read) > REQUEST_OCTETS:
                raise BrokenPipeError  # it is no face of ours
            for each in lines:
                self._take(_object(each))

    def _take(self, facts: Mapping[str, Any]) -> None:
        match facts:
            case {"ready": True}:
                self._become_ready(None)
            case {"cannot": str(reason)}:
                self._become_ready(CannotShow(reason))
            case {"answer": int(number), "text": None | str() as text}:
                if (answer := self._questions.get(number)) is not None and not answer.done():
                    answer.set_result(Secret(text) if text is not None else None)
            case {"ask": int(number), "do": "leave"}:
                self.wants_to_leave = True
                self._say(answered=number, refusal="")
                self._say(over=True)
            case {"ask": int(number), "do": str()}:
                self._begin(self._do(number, facts), "request")
            case {"left": int()}:
                self.left_well = True
            case {"broke": str(how)}:
                self.last_words = how

    def _become_ready(self, refusal: CannotShow | None) -> None:
        if self._ready is None or self._ready.done():
            self.last_words = str(refusal or "")
        elif refusal is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(refusal)

    async def _do(self, number: int, facts: Mapping[str, Any]) -> None:
        self._say(answered=number, refusal=await self._answer(facts))


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
