"""The socket over which a run that goes on is watched and told what to do: lines of JSON, one request a connection.

A guest that sends rubbish or nothing, reads slowly or leaves in the middle costs a bounded amount of memory and time,
and is never waited for by anything else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from postboat.errors import PostboatError
from postboat.event_json import encode
from postboat.service.control.request import Request, understand
from postboat.service.control.socket import claimed
from postboat.status_json import as_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from postboat.model import Verdict
    from postboat.service.bus import Bus, Subscription
    from postboat.service.known_folders import Target
    from postboat.status import ServiceStatus

log = logging.getLogger("postboat.service")
GUESTS = 64
"""Connections at a time; further ones are told to come later."""
REQUEST_OCTETS = 65_536
REQUEST_SECONDS = 5.0
"""What a guest may take to say what it wants."""
STALLED_SECONDS = 60.0
"""For so long a guest may read nothing of what is written to it."""
LOOK_SECONDS = 60.0
"""Between looks whether the socket is still there."""


class Controls(Protocol):
    """What can be asked of a run that goes on. Each refusal is a `PostboatError` that says what is possible."""

    @property
    def status(self) -> ServiceStatus:
        """What it is at; every event is learnt before, or in the same step as, it is published on the bus."""
        ...

    def now(self, targets: Sequence[Target]) -> None:
        """Sync at once, even what is paused or waits; no target means all accounts. Returns without waiting."""
        ...

    def pause(self, accounts: Sequence[str]) -> None:
        """Let accounts rest once their sync under way is done; none named means all."""
        ...

    def resume(self, accounts: Sequence[str]) -> None:
        """Let accounts go on; none named means all."""
        ...

    async def confirm(self, targets: Sequence[Target], verdict: Verdict) -> Sequence[str]:
        """Give the user's word on held deletions; return the accounts in which something was held."""
        ...

    def stop(self, *, finish: bool = False) -> None:
        """End within seconds, or once the syncs under way are done. Returns without waiting."""
        ...

    async def reload(self) -> Sequence[str]:
        """Read the configuration again; return what is wrong with it, in which case the one before stays."""
        ...


@asynccontextmanager
async def serving(path: Path, controls: Controls, bus: Bus) -> AsyncIterator[None]:
    """Serve guests on the socket `path` inside the block, and leave neither socket nor connection behind.

    Raises `AlreadyServed` when another process serves there, and `ControlUnusable` when the place is not safe.
    """
    house = _House(controls, bus)
    door = _Door(path, house)
    await door.open()
    caretaker = asyncio.create_task(door.stay_open(), name="control")
    try:
        yield
    finally:
        caretaker.cancel()
        await asyncio.gather(caretaker, return_exceptions=True)
        door.close()
        await house.close()


class _Door:
    """The socket on which guests knock. One that is cleaned away, as at the end of a login session, is made anew."""

    def __init__(self, path: Path, house: _House) -> None:
        self._path, self._house = path, house
        self._open = ExitStack()

    async def open(self) -> None:
        """Let guests in. Raises as `serving`."""
        with ExitStack() as opening:
            listening = opening.enter_context(claimed(self._path))
            server = await asyncio.start_unix_server(self._house.receive, sock=listening, limit=REQUEST_OCTETS)
            opening.callback(server.close)
            self._open = opening.pop_all()

    async def stay_open(self) -> None:
        """Look now and then whether it is still there."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if not self._path.exists():
                    self.close()
                    await self.open()
            except (PostboatError, OSError) as refusal:
                log.debug("the control socket is gone: %s", refusal)

    def close(self) -> None:
        """Let no more guests in."""
        self._open.close()


class _House:
    """Receives guests, each in a task of its own."""

    def __init__(self, controls: Controls, bus: Bus) -> None:
        self._controls, self._bus = controls, bus
        self._guests: set[asyncio.Task[None]] = set()
        self._closed = False

    def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let a guest in."""
        if self._closed:  # it was at the door when that was shut
            writer.transport.abort()
            return
        guest = _Guest(self._controls, self._bus, reader, writer)
        work = guest.serve() if len(self._guests) < GUESTS else guest.turn_away()
        task = asyncio.get_running_loop().create_task(work, name="control")
        self._guests.add(task)
        task.add_done_callback(self._guests.discard)

    async def close(self) -> None:
        """Let all guests go."""
        self._closed = True
        guests = tuple(self._guests)
        for guest in guests:
            guest.cancel()
        await asyncio.gather(*guests, return_exceptions=True)


class _Guest:
    """One connection: a request, and what is answered."""

    def __init__(
        self, controls: Controls, bus: Bus, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._controls, self._bus, self._reader, self._writer = controls, bus, reader, writer

    async def turn_away(self) -> None:
        """Say that there are too many guests."""
        with suppress(OSError):
            await self._refuse("too many programs are connected; try again later")
        self._writer.transport.abort()

    async def serve(self) -> None:
        """Answer the guest; no failure gets out of here."""
        try:
            await self._answer()
            self._writer.close()
            async with asyncio.timeout(STALLED_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # it left, or does not read
        finally:
            self._writer.transport.abort()

    async def _answer(self) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                line = await self._reader.readline()
        except TimeoutError:
            return await self._refuse(f"no request came within {REQUEST_SECONDS:.0f} seconds")
        except ValueError:
            return await self._refuse(f"a request is one line of at most {REQUEST_OCTETS} octets")
        if not line:
            return None
        try:
            await self._do(understand(line, self._controls.status.accounts))
        except PostboatError as refusal:
            await self._refuse(str(refusal), refusal.exit_code)
        except (OSError, TimeoutError):
            raise
        except Exception as defect:
            log.exception("a request on the control socket failed")
            await self._refuse(f"internal error, which is a defect of Postboat: {type(defect).__name__}: {defect}", 1)

    async def _do(self, request: Request) -> None:
        controls = self._controls
        match request.do:
            case "status":
                await self._grant(status=as_json(controls.status))
            case "follow":
                await self._follow(lambda: None, lights=request.lights)
            case "now" if request.follow:
                await self._follow(lambda: controls.now(request.targets))
            case "now":
                controls.now(request.targets)
                await self._grant()
            case "pause" | "resume" as verb:
                getattr(controls, verb)(request.accounts)
                await self._grant()
            case "confirm":
                await self._grant(accounts=list(await controls.confirm(request.targets, request.verdict)))
            case "reload":
                problems = tuple(await controls.reload())
                await (self._refuse("\n".join(problems), 2) if problems else self._grant())
            case "stop":
                await self._grant(pid=controls.status.pid)
                controls.stop(finish=request.finish)
                await self._until_it_leaves()

    async def _follow(self, first: Callable[[], None], *, lights: bool = False) -> None:
        """Do something, tell how things were before, then all that happens, until one side ends it."""
        events = self._bus.subscribe(lights=lights)
        leaving = asyncio.ensure_future(self._until_it_leaves())
        telling: asyncio.Future[None] | None = None
        try:
            before = as_json(self._controls.status)
            first()
            await self._grant(status=before)
            telling = asyncio.ensure_future(self._tell(events))
            await asyncio.wait((leaving, telling), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._bus.unsubscribe(events)
            for task in filter(None, (leaving, telling)):
                task.cancel()
            await asyncio.gather(*filter(None, (leaving, telling)), return_exceptions=True)

    async def _tell(self, events: Subscription) -> None:
        dropped = 0
        async for event in events:
            if events.dropped > dropped:
                events.give_up()  # what waits is in the status as well as what was dropped before
                dropped = events.dropped = events.dropped + 1  # this one, too
                await self._grant(status=as_json(self._controls.status), dropped=dropped)
                continue
            await self._write(encode(event, datetime.now(UTC)))

    async def _until_it_leaves(self) -> None:
        while await self._reader.read(4096):
            pass

    async def _grant(self, **facts: object) -> None:
        await self._write(json.dumps({"ok": True, **facts}, default=str))

    async def _refuse(self, error: str, exit_code: int = 3) -> None:
        await self._write(json.dumps({"ok": False, "error": error, "exit_code": exit_code}))

    async def _write(self, line: str) -> None:
        self._writer.write(line.encode() + b"\n")
        async with asyncio.timeout(STALLED_SECONDS):
            await self._writer.drain()
