"""A desktop that notes what it is to show: org.freedesktop.Notifications on any bus."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Self

from dbus_fast import Message, MessageType, NameFlag, RequestNameReply
from dbus_fast.aio import MessageBus

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"


class Notification(NamedTuple):
    """What a program wants to be shown."""

    id: int
    replaces: int
    summary: str
    body: str
    category: str


class FakeDesktop:
    """Shows notifications in `shown`. Use it with `async with`."""

    def __init__(self, address: str, *, capabilities: tuple[str, ...] = ("body",), refuses: bool = False) -> None:
        self._address, self._capabilities, self._refuses = address, list(capabilities), refuses
        self._bus: MessageBus | None = None
        self._last = 0
        self.shown: list[Notification] = []

    async def __aenter__(self) -> Self:
        self._bus = await MessageBus(self._address).connect()
        self._bus.add_message_handler(self._answer)
        assert await self._bus.request_name(NAME, NameFlag.DO_NOT_QUEUE) is RequestNameReply.PRIMARY_OWNER
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._bus is not None
        self._bus.disconnect()
        await asyncio.wait_for(self._bus.wait_for_disconnect(), 5)

    async def close(self, number: int) -> None:
        """The user closes a notification."""
        assert self._bus is not None
        await self._bus.send(Message.new_signal(PATH, NAME, "NotificationClosed", "uu", [number, 2]))

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL or message.interface != NAME:
            return None
        if message.member == "GetCapabilities":
            return Message.new_method_return(message, "as", [self._capabilities])
        if self._refuses:
            return Message.new_error(message, f"{NAME}.Error.Refused", "no room")
        _, replaces, _, summary, body, _, hints, _ = message.body
        self._last = replaces or self._last + 1
        self.shown.append(Notification(self._last, replaces, summary, body, hints["category"].value))
        return Message.new_method_return(message, "u", [self._last])
