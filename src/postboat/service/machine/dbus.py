"""The buses of D-Bus, as far as Postboat needs them: to call, and to hear signals. The only user of dbus-fast.

A machine without a bus, or without dbus-fast, is as good as any other: what is lost is told by a sentence, not raised.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING, Any, NoReturn

from postboat.errors import PostboatError
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

log = logging.getLogger("postboat.service")
CONNECT_SECONDS = 5.0
CALL_SECONDS = 5.0
SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
BROKER = "org.freedesktop.DBus"
BROKER_PATH = "/org/freedesktop/DBus"
NO_OWNER = f"{BROKER}.Error.NameHasNoOwner"


class DBusFailed(PostboatError):
    """A call over D-Bus failed, or the connection to the bus ended. `name` is the error's D-Bus name or ""."""

    def __init__(self, text: str, name: str = "") -> None:
        super().__init__(text)
        self.name = name


@dataclass(frozen=True, slots=True)
class NoBus:
    """There is no bus to talk to."""

    reason: str
    """Ready for a log line: what is missing and where it was looked for."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call was answered."""

    body: tuple[Any, ...]
    descriptors: tuple[int, ...] = ()
    """Open file descriptors that came with it: the caller closes them. Values of type `h` are indices into these."""


@dataclass(frozen=True, slots=True)
class _Listener:
    sender: str
    path: str
    interface: str
    member: str
    heard: Callable[[tuple[Any, ...]], None]

    @property
    def rule(self) -> str:
        named = {"sender": self.sender, "path": self.path, "interface": self.interface, "member": self.member}
        return "type='signal'," + ",".join(f"{key}='{value}'" for key, value in named.items())


class DBus:
    """One connection to a bus. Not for sharing between event loops; `close()` it, or use it with `async with`."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._listeners: list[_Listener] = []
        self._owners: dict[str, str] = {}
        self._ended = asyncio.ensure_future(_end_of(bus))
        bus.add_message_handler(self._receive)

    async def __aenter__(self) -> DBus:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        *body: object,
        within: float = CALL_SECONDS,
    ) -> Reply:
        """Call a method and return its answer; raise DBusFailed when it fails, or has none `within` so many seconds."""
        from dbus_fast import Message, MessageType

        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        answer = await self._answer(message, f"{interface}.{member}", within)
        if answer.message_type is MessageType.ERROR:
            _close_all(answer.unix_fds)
            words = answer.body[0] if answer.body else answer.error_name
            raise DBusFailed(f"{interface}.{member}: {words}", answer.error_name or "")
        return Reply(tuple(answer.body), tuple(answer.unix_fds))

    async def _answer(self, message: Message, what: str, within: float) -> Message:
        if self._ended.done():
            raise DBusFailed(f"{what}: {self._ended.result()}")
        asked = asyncio.ensure_future(self._bus.call(message))
        try:
            await asyncio.wait((asked,), timeout=within)
        except BaseException:
            asked.add_done_callback(_discard)
            raise
        if not asked.done():
            asked.add_done_callback(_discard)
            raise DBusFailed(f"{what}: no answer in {within:g} s")
        failure = asked.exception()
        if failure is not None:
            raise DBusFailed(f"{what}: {failure}") from failure
        answer = asked.result()
        if answer is None:  # so ends a call that the end of the connection overtook
            raise DBusFailed(f"{what}: the connection to the bus ended")
        return answer

    async def on_signal(
        self, sender: str, path: str, interface: str, member: str, heard: Callable[[tuple[Any, ...]], None]
    ) -> None:
        """Call `heard` with the values of each such signal that `sender` sends from now on, and nobody else."""
        if sender != BROKER and sender not in self._owners:
            await self.on_owner(sender, lambda _: None)
        await self._listen(_Listener(sender, path, interface, member, heard))

    async def on_owner(self, name: str, told: Callable[[str], None]) -> None:
        """Call `told` with the unique name of who owns `name`, "" for nobody, now and whenever that changes."""

        def changed(values: tuple[Any, ...]) -> None:
            if values[0] == name:
                self._owners[name] = values[2]
                told(values[2])

        await self._listen(_Listener(BROKER, BROKER_PATH, BROKER, "NameOwnerChanged", changed), f",arg0='{name}'")
        try:
            owner = (await self.call(BROKER, BROKER_PATH, BROKER, "GetNameOwner", "s", name)).body[0]
        except DBusFailed as failure:
            if failure.name != NO_OWNER:
                raise
            owner = ""
        self._owners[name] = owner
        told(owner)

    async def _listen(self, listener: _Listener, further: str = "") -> None:
        self._listeners.append(listener)
        await self.call(BROKER, BROKER_PATH, BROKER, "AddMatch", "s", listener.rule + further)

    def _receive(self, message: Message) -> None:
        """Hand a signal to who listens. Any program on the bus may send one that looks so: the sender counts."""
        from dbus_fast import MessageType

        if message.message_type not in (MessageType.SIGNAL, MessageType.METHOD_CALL):
            return
        _close_all(message.unix_fds)  # nobody here wants files from whoever calls
        about = (message.path, message.interface, message.member)
        for listener in self._listeners if message.message_type is MessageType.SIGNAL else ():
            sender = self._owners.get(listener.sender, listener.sender)
            if message.sender == sender and about == (listener.path, listener.interface, listener.member):
                listener.heard(tuple(message.body))

    async def lasting(self) -> NoReturn:
        """Wait while the connection lasts; raise DBusFailed when it has ended."""
        raise DBusFailed(await asyncio.shield(self._ended))

    async def close(self) -> None:
        """End the connection: calls under way fail, and the bus takes back what it gave to us by name."""
        if not self._ended.done():
            self._bus.disconnect()
        await asyncio.shield(self._ended)


async def system_bus(environment: Mapping[str, str] = os.environ) -> DBus | NoBus:
    """Connect to the machine's bus, which passes open files along."""
    return await _connect(environment.get("DBUS_SYSTEM_BUS_ADDRESS") or SYSTEM_BUS, "system bus", files=True)


async def session_bus(environment: Mapping[str, str] = os.environ) -> DBus | NoBus:
    """Connect to the bus of the user's session, which lies in the runtime directory if nothing else is said."""
    address = environment.get("DBUS_SESSION_BUS_ADDRESS")
    if not address:
        if not (runtime := environment.get("XDG_RUNTIME_DIR")):
            return NoBus("no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        address = f"unix:path={_escaped(runtime)}/bus"
    return await _connect(address, "session bus", files=False)


def variant(signature: str, value: object) -> object:
    """Wrap a value for where D-Bus wants its type told along with it (`v`). dbus-fast must be there: connect first."""
    from dbus_fast import Variant

    return Variant(signature, value)


async def _connect(address: str, what: str, *, files: bool) -> DBus | NoBus:
    try:
        from dbus_fast.aio import MessageBus
    except ImportError as failure:
        return NoBus(f"no {what}: dbus-fast is not installed ({failure})")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            bus = await MessageBus(address, negotiate_unix_fd=files).connect()
    except TimeoutError:
        return NoBus(f"no {what}: {address} does not answer")
    except Exception as failure:  # a foreign address, sign-in or answer raises what it likes
        return NoBus(f"no {what}: {address}: {failure}")
    return DBus(bus)


async def _end_of(bus: MessageBus) -> str:
    try:
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    except Exception as failure:
        return f"the connection to the bus ended: {failure}"
    return "the connection to the bus ended"


def _discard(asked: asyncio.Future[Any]) -> None:
    """Close the files that come with an answer nobody waits for any more."""
    if not asked.cancelled() and asked.exception() is None and asked.result() is not None:
        _close_all(asked.result().unix_fds)


def _close_all(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _escaped(path: str) -> str:
    """Write a path as an address of D-Bus has it."""
    plain = "-_/."
    return "".join(c if c.isascii() and (c.isalnum() or c in plain) else _percent(c) for c in path)


def _percent(character: str) -> str:
    return "".join(f"%{octet:02x}" for octet in os.fsencode(character))
