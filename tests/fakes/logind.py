"""A logind that sleeps when a test says so: the part of org.freedesktop.login1 that programs use, on any bus."""

from __future__ import annotations

import asyncio
import os
from typing import Self

from dbus_fast import Message, MessageType, NameFlag, RequestNameReply, Variant
from dbus_fast.aio import MessageBus

LOGIN1 = "org.freedesktop.login1"
PATH = "/org/freedesktop/login1"
MANAGER = f"{LOGIN1}.Manager"


class Lock:
    """A delay lock that was given away. The other end of its pipe tells when it is released, by closing or by death."""

    def __init__(self, words: list[str]) -> None:
        self.what, self.who, self.why, self.mode = words
        self._ours, self.theirs = os.pipe()
        self.released = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._ours, self._end)

    def _end(self) -> None:
        self.forget()
        self.released.set()

    def forget(self) -> None:
        """Watch it no longer."""
        if self._ours >= 0:
            asyncio.get_running_loop().remove_reader(self._ours)
            os.close(self._ours)
            self._ours = -1


class FakeLogind:
    """Gives locks, and announces sleeps; `refuses` makes it give none. Use it with `async with`."""

    def __init__(self, address: str, *, delay: float = 5.0, refuses: bool = False) -> None:
        self._address, self._delay, self._refuses = address, delay, refuses
        self._bus: MessageBus | None = None
        self.locks: asyncio.Queue[Lock] = asyncio.Queue()
        self.asked, self.refused, self.said_delay = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.answers_after: asyncio.Event | None = None
        """When set: requests for a lock are not answered before."""
        self._given: list[Lock] = []
        self._answering: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> Self:
        self._bus = await MessageBus(self._address, negotiate_unix_fd=True).connect()
        self._bus.add_message_handler(self._answer)
        assert await self._bus.request_name(LOGIN1, NameFlag.DO_NOT_QUEUE) is RequestNameReply.PRIMARY_OWNER
        return self

    async def __aexit__(self, *_: object) -> None:
        for answering in self._answering:
            answering.cancel()
        for lock in self._given:
            lock.forget()
        assert self._bus is not None
        self._bus.disconnect()
        try:
            await self._bus.wait_for_disconnect()
        except (OSError, EOFError):
            pass  # the bus itself may have ended before

    def _answer(self, asked: Message) -> Message | bool:
        if asked.message_type is not MessageType.METHOD_CALL:
            return False
        if asked.member == "Inhibit" and self._refuses:
            self.refused.set()
            return Message.new_error(asked, "org.freedesktop.DBus.Error.AccessDenied", "not for you")
        if asked.member == "Inhibit":
            self.asked.set()
            self._answering.append(asyncio.ensure_future(self._give_lock(asked)))
            return True
        assert asked.body == [MANAGER, "InhibitDelayMaxUSec"]
        self.said_delay.set()
        return Message.new_method_return(asked, "v", [Variant("t", int(self._delay * 1e6))])

    async def _give_lock(self, asked: Message) -> None:
        assert self._bus is not None
        if self.answers_after is not None:
            await self.answers_after.wait()
        lock = Lock(asked.body)
        self._given.append(lock)
        self.locks.put_nowait(lock)
        try:
            await self._bus.send(Message.new_method_return(asked, "h", [0], [lock.theirs]))
        finally:
            os.close(lock.theirs)

    @property
    def open_locks(self) -> int:
        """How many locks are held right now."""
        return sum(not lock.released.is_set() for lock in self._given)

    async def announce(self, sleep: bool) -> None:
        """Say that a sleep begins or is over, as far as programs need to know."""
        assert self._bus is not None
        await self._bus.send(Message.new_signal(PATH, MANAGER, "PrepareForSleep", "b", [sleep]))
