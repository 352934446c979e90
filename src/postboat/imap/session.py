"""A signed-in conversation with a server: what Postboat asks of it, in the words of mailboxes and messages.

Commands are pipelined where one does not depend on another. Sequence numbers are never sent, and data that arrives
without a UID is nobody's.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from postboat import __version__
from postboat.errors import PostboatError
from postboat.events import Light
from postboat.imap.found import Found
from postboat.imap.idle import Idle
from postboat.imap.missing import not_opened
from postboat.imap.patience import Patience
from postboat.imap.refusals import require_ok
from postboat.imap.selected import Selected, Selecting
from postboat.imap.selection import Selection
from postboat.imap.server_kind import ANY, kind_of
from postboat.imap.tls import describe
from postboat.imap.wire import commands
from postboat.imap.wire.doing import FREE, WAITING
from postboat.imap.wire.responses import Condition, Enabled, Fetched, IdFields
from postboat.imap.wire.uid_set import UidSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from postboat.imap.connection import Connection
    from postboat.imap.tunnel import Tunnel
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Response

__all__ = ["Selected", "Session"]

PAYS_FROM = 256 * 1024
"""Octets to be carried from which a round trip for COMPRESS is made up for."""
FAREWELL = 2.0
"""Seconds that leaving may take."""


class Session:
    """What a server does for us once we are signed in.

    The pool lends it to one task, or to several that only read: these open a mailbox before each of their flights.
    """

    def __init__(self, connection: Connection, server: str, tunnel: Tunnel | None = None) -> None:
        self._connection = connection
        self._tunnel = tunnel
        self.server = server
        """Host and port, or the tunnel's command, for people."""
        self._selection: Selection | None = None
        """The SELECT sent last."""
        self._aside: list[asyncio.Future[Condition]] = []
        """Answers that nobody waits for."""
        self._idle: Idle | None = None
        self._overhears: Callable[[Response], None] | None = None
        self._host = ""
        self._is_proven = False
        self.kind = ANY
        """How much the server takes at once."""
        self.obey(Patience())
        self._has_asked_to_compress = False
        self.enabled: frozenset[str] = frozenset()
        """What the server switched on for us (RFC 5161), in capitals."""
        connection.listen(self._note)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server can do now, in capitals."""
        return self._connection.capabilities

    @property
    def tls(self) -> str:
        """How the connection is protected, for people."""
        return describe(self._connection.tls)[0] or ("through a tunnel" if self._tunnel else "plain text")

    @property
    def certificate(self) -> str:
        """Whose certificate the server showed, for people; "" without TLS."""
        return describe(self._connection.tls)[1]

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as this side knows."""
        return self._connection.alive

    @property
    def is_cut(self) -> bool:
        """Whether it was this side that ended it."""
        return self._connection.is_cut

    @property
    def local_address(self) -> str | None:
        """The address of this machine that the connection runs from; None where no IP is spoken."""
        return self._connection.local_address

    @property
    def is_one_too_many(self) -> bool:
        """Whether the server ended it because there are too many."""
        return self._connection.is_one_too_many

    @property
    def busy(self) -> bool:
        """Whether commands are without an answer that somebody waited for."""
        self._aside = [answer for answer in self._aside if not answer.done()]
        return self._connection.pending > len(self._aside)

    @property
    def mailbox(self) -> str | None:
        """Wire name of the mailbox selected last, by the order of sending; None when that was refused."""
        last = self._selection
        return last.selecting.name if last is not None and last.stands else None

    @property
    def selection(self) -> Selection | None:
        """The SELECT sent last, whatever becomes of it."""
        return self._selection

    @property
    def depth(self) -> int:
        """How many readers may share it."""
        return self.kind.flights

    @property
    def octets(self) -> tuple[int, int]:
        """Octets received and sent over the connection."""
        return self._connection.glow.octets

    def light(self) -> Light:
        """Tell what it is used for, by what is in flight or was since the last look."""
        doing = self._connection.glow.doing()
        watches = doing == FREE and self._overhears is not None
        return Light(WAITING if watches else doing, self.mailbox or "")

    def obey(self, patience: Patience) -> None:
        """Keep its pauses between commands, and tell it when the server asks for one."""
        self.patience = patience
        self._connection.gate.patience = patience

    def introduce(self, capabilities: frozenset[str]) -> asyncio.Future[Condition] | None:
        """Say who we are where the server wants to know (RFC 2971): NetEase opens no mailbox for strangers.

        Nobody waits for the answer, and a refusal does no harm.
        """
        if "ID" not in capabilities:
            return None
        about_us = {"name": "Postboat", "version": __version__}
        self._aside.append(self.ask(commands.id_(about_us), self._hear_introduction))
        return self._aside[-1]

    def _hear_introduction(self, response: Response) -> None:
        if isinstance(response, IdFields):
            self.recognise(self._host, response.fields)

    def recognise(self, host: str, id_fields: Mapping[str, str | None] | None = None, *, proven: bool = False) -> None:
        """Find out what kind of server this is, and keep to what that takes. To be called once signed in.

        `proven` says that it took several commands at once before.
        """
        self._host, self._is_proven = host, self._is_proven or proven
        kind = kind_of(self._connection.greeting.text, self.capabilities, id_fields, host)
        self.kind = replace(kind, unproven=False) if self._is_proven else kind
        self._connection.gate.limit(self.kind)

    def enable(self, extension: str) -> asyncio.Future[Condition]:
        """Ask the server to switch an extension on (RFC 5161); `enabled` tells once the answer is there."""

        def take(response: Response) -> None:
            if isinstance(response, Enabled):
                self.enabled |= response.names

        return self.ask(commands.enable(extension), take)

    def open(
        self,
        name: str,
        *,
        read_only: bool = False,
        fresh: bool = False,
        since: tuple[int, int] | None = None,
        take: Callable[[Response], None] | None = None,
    ) -> Selection:
        """Send a SELECT, unless the mailbox is the one selected last, and return without waiting for the answer.

        What is asked next (`ask`) goes out behind it in the same flight. `name` is the wire name. `fresh` selects even
        what is selected already, and so does `since`: UIDVALIDITY and mod-sequence, all changes after which are told
        (QRESYNC, to be enabled before) to `take`, which gets everything that the SELECT says of messages.
        """
        last = self._selection
        if last is not None and not (fresh or since) and last.stands and last.is_of(name, read_only=read_only):
            return last
        selecting = Selecting(name, read_only=read_only, take=take)
        build = commands.examine if read_only else commands.select
        condstore = not self.capabilities.isdisjoint({"CONDSTORE", "QRESYNC"})
        command = build(name, condstore=condstore, since=since)
        answer = self._connection.send(command, on_untagged=selecting.note)
        self._selection = Selection(selecting, command, answer, partial(not_opened, self), lambda: self.alive)
        return self._selection

    def ask(self, command: Command, take: Callable[[Response], None] | None = None) -> asyncio.Future[Condition]:
        """Send a command at once; `take` gets the untagged responses that come while it is the oldest in flight.

        The future's result is the condition, whatever it is, or `ConnectionLost`.
        """
        return self._connection.send(command, on_untagged=self._heard(take))

    def idle(self) -> Idle:
        """Send IDLE (RFC 2177); nothing else is sent until it is over. What the server tells is overheard."""
        self._idle = Idle(self._connection, self._heard())
        return self._idle

    def overhear(self, hears: Callable[[Response], None] | None) -> None:
        """Tell `hears` all that the server says of the selected mailbox or of none, but what answers a SELECT."""
        self._overhears = hears

    def doubt(self, within: float) -> None:
        """Drop the connection unless the server gives a sign of life within so many seconds; nobody waits for it.

        It is made to give one by a NOOP, ahead of what is asked next, or by the end of the IDLE that it is in.
        """
        if not self.alive:
            return
        if self._idle is None or self._idle.reply.done():
            self._aside.append(self.ask(commands.noop()))
        else:
            self._idle.end()
        self._connection.doubt(within)

    async def ask_all(
        self, wanted: Sequence[Command], take: Callable[[Response], None] | None = None
    ) -> Sequence[Condition]:
        """Send commands in one flight and wait for every answer, whatever it is."""
        answers = [self.ask(command, take) for command in wanted]
        return [await answer for answer in answers]

    async def run(self, command: Command, take: Callable[[Response], None] | None = None) -> Condition:
        """Send a command and wait for its OK. Raises `CommandFailed`."""
        condition = await self.ask(command, take)
        require_ok(command, condition)
        return condition

    async def compress(self) -> bool:
        """Go on compressed in both directions (RFC 4978), once all that is in flight is answered; tells whether.

        What others send meanwhile waits.
        """
        self._has_asked_to_compress = True
        if "COMPRESS=DEFLATE" not in self.capabilities:
            return False
        return (await self.ask(commands.compress())).status == "OK"

    async def compress_if_it_pays(self, octets: int) -> None:
        """Go on compressed when so many octets of messages are to be carried that it makes up for a round trip.

        Nothing is compressed on the way to this machine or through a tunnel, and nothing twice.
        """
        if octets >= PAYS_FROM and not self._has_asked_to_compress and self._connection.is_compressible:
            await self.compress()

    @property
    def selected(self) -> Selected | None:
        """The mailbox selected last, kept up to date by what the server says; None while that is in doubt."""
        return self._selection.known if self._selection is not None else None

    async def select(self, name: str, *, read_only: bool = False) -> Selected:
        """Select a mailbox by its wire name, even when it is selected already.

        Raises `FolderGone` when there is no such mailbox, `FolderError` when the server does not open it.
        """
        return await self.open(name, read_only=read_only, fresh=True).mailbox()

    async def ensure(self, name: str, *, read_only: bool = False) -> Selected:
        """Select a mailbox unless it is selected in this way. Raises as `select`."""
        return await self.open(name, read_only=read_only).mailbox()

    async def unselect(self) -> None:
        """Have no mailbox selected any more, or the INBOX for reading where the server knows no UNSELECT (RFC 3691).

        Never CLOSE: that removes what others marked. Raises `CommandFailed`, and as `select`.
        """
        if "UNSELECT" in self.capabilities:
            self._selection = None
            await self.run(commands.unselect())
        else:
            await self.select("INBOX", read_only=True)

    async def fetch(self, uids: UidSet | str, items: str, each: Callable[[Fetched], None]) -> Condition:
        """Fetch `items` and give every message's data that has a UID to `each`, in the order of arrival.

        Raises `CommandFailed` when the server refuses any part of it; what `each` got before that is valid.
        """

        def take(response: Response) -> None:
            if isinstance(response, Fetched) and response.uid is not None:
                each(response)

        return await self.in_pieces(uids, lambda piece: commands.uid_fetch(piece, items), take)

    @asynccontextmanager
    async def stream(self, uid: int) -> AsyncIterator[tuple[int, AsyncIterator[bytes]]]:
        """Fetch one message as its exact size in octets and its octets in pieces.

        Raises LookupError when the server sends no body, `CommandFailed` when it refuses. What is not consumed when
        the block ends is read and thrown away. The octets end in `MessageError` when they are another message's.
        """
        command = commands.uid_fetch(str(uid), "UID BODY.PEEK[]")
        while self._aside:
            await self._aside.pop()
        async with self._connection.run_streaming(command, self._note) as stream:
            if stream.size is None:
                raise LookupError(f"no body came for UID {uid}")
            stream.uid = uid
            yield stream.size, stream

    async def search(self, criteria: str) -> UidSet:
        """UIDs of the messages that match `criteria` (RFC 3501 section 6.4.4). Raises `CommandFailed`."""
        found = Found()
        await self.run(commands.uid_search(criteria), found.take)
        return found.uids

    async def present(self, uids: UidSet) -> UidSet:
        """Those of `uids` that the mailbox shows now. Raises `CommandFailed`."""
        found = Found()
        await self.in_pieces(uids, lambda piece: commands.uid_search(f"UID {piece}"), found.take)
        return found.uids & uids

    async def noop(self) -> None:
        """Let the server tell what it kept back. Raises `CommandFailed`."""
        await self.run(commands.noop())

    async def logout(self) -> None:
        """Take leave and close, within two seconds each for the server and a tunnel; never raises.

        Nobody waits for the server's answer, but where a tunnel's command may need the time to pass our words on.
        """
        try:
            async with asyncio.timeout(FAREWELL):
                if self._tunnel is None:
                    await self._connection.leave(commands.logout())
                else:
                    await self._connection.run(commands.logout(), check=False)
                    await self._connection.close()
        except (PostboatError, OSError, TimeoutError):
            pass
        finally:
            self._connection.abort()
        if self._tunnel is not None:
            await self._tunnel.end()

    def abort(self, why: str = "the connection was cut") -> None:
        """Cut the connection at once."""
        self._connection.abort(why)
        if self._tunnel is not None:
            self._tunnel.kill()

    def _note(self, response: Response) -> None:
        self._heard()(response)

    def _heard(self, take: Callable[[Response], None] | None = None) -> Callable[[Response], None]:
        """What hears a response: it is about the mailbox that is selected last by now."""
        selecting = self._selection.selecting if self._selection is not None else None

        def heard(response: Response) -> None:
            if selecting is not None:
                selecting.follow(response)
            if self._overhears is not None:
                self._overhears(response)
            if take is not None:
                take(response)

        return heard

    async def in_pieces(
        self,
        uids: UidSet | str,
        build: Callable[[UidSet | str], Command],
        take: Callable[[Response], None] | None = None,
    ) -> Condition:
        """Send as many commands as a long set takes, in one flight; the last condition, or the one that has a code."""
        pieces = list(self.kind.pieces(uids)) if isinstance(uids, UidSet) else [uids]
        wanted = [build(piece) for piece in pieces]
        conditions = await self.ask_all(wanted, take)
        _require_all(wanted, conditions)
        return next((c for c in conditions if c.code is not None), conditions[-1] if conditions else Condition("OK"))


def _require_all(wanted: Sequence[Command], conditions: Sequence[Condition]) -> None:
    for command, condition in zip(wanted, conditions, strict=True):
        require_ok(command, condition)
