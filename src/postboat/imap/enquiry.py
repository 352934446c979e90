"""One flight that asks for all mailboxes of a server with their numbers, so that none has to be opened to see whether
anything happened in it.

Where the server can, LIST brings the numbers with it (RFC 5258, RFC 5819); elsewhere STATUS asks for those of the
mailboxes known from last time, in the same flight as the plain LIST. A mailbox of which no numbers came is unknown:
neither empty nor gone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderError
from postboat.imap.listing import folded, is_lock, mailboxes, means_inbox, merged
from postboat.imap.refusals import require_ok
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Listed, Namespaces, StatusData
from postboat.values import dataclass

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Mapping

    from postboat.imap.memory import ServerMemory
    from postboat.imap.session import Session
    from postboat.imap.wire.commands import Command
    from postboat.imap.wire.responses import Condition, Response

EXTENDED = frozenset({"LIST-EXTENDED", "LIST-STATUS"})
KEEPS_MODSEQ = frozenset({"CONDSTORE", "QRESYNC"})
_RELEVANT = EXTENDED | KEEPS_MODSEQ | {"NAMESPACE", "SPECIAL-USE"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an enquiry is about."""

    reference: str = ""
    subscriptions: bool = False
    """Whether it matters which mailboxes are subscribed to."""
    counted: tuple[str, ...] = ()
    """Wire names of mailboxes whose numbers are asked for one by one where LIST does not bring them."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a server told."""

    mailboxes: Mapping[str, Listed]
    """By wire name, in the server's order."""
    subscriptions: frozenset[str]
    """Wire names, INBOX in capitals."""
    numbers: Mapping[str, Mapping[str, int]]
    """Of mailboxes by wire name, INBOX in capitals; each as one STATUS told it."""
    namespace: tuple[str, str | None]
    """Prefix and delimiter of the user's own mailboxes; ("", None) when the server does not tell."""
    is_extended: bool
    """Whether an extended LIST brought it."""


class Enquiry:
    """An enquiry on its way: all of it is sent when this is made, without waiting for anything.

    `capabilities` are those that the server has as far as is known, `extended` says whether its LIST may be trusted
    with more than the plain form.
    """

    def __init__(
        self, session: Session, wanted: Wanted, capabilities: frozenset[str], *, extended: bool = True
    ) -> None:
        self.session, self.wanted = session, wanted
        self.is_extended = extended and capabilities >= EXTENDED and not wanted.reference
        self._capabilities = capabilities
        self._mailboxes: dict[str, Listed] = {}
        self._subscriptions: set[str] = set()
        self._numbers: dict[str, Mapping[str, int]] = {}
        self._namespace: tuple[str, str | None] = ("", None)
        self._needed = [(command, session.ask(command, self._take)) for command in self._needed_commands()]
        self._optional = [session.ask(command, self._take) for command in self._optional_commands()]

    @property
    def is_to_the_point(self) -> bool:
        """Whether it asked just what the server turned out to offer."""
        return self._capabilities & _RELEVANT == self.session.capabilities & _RELEVANT

    @property
    def first_answer(self) -> asyncio.Future[Condition]:
        """The answer that comes first."""
        return self._needed[0][1]

    async def found(self) -> Found:
        """Wait for all answers. Raises `CommandFailed` when the server does not list its mailboxes."""
        for command, answer in self._needed:
            require_ok(command, await answer)
        for answer in self._optional:
            await answer
        return Found(self._mailboxes, frozenset(self._subscriptions), self._numbers, self._namespace, self.is_extended)

    def _needed_commands(self) -> Iterator[Command]:
        wanted = self.wanted
        if self.is_extended:
            yield commands.list_("", "*", returning=" ".join(self._returning()))
            return
        yield commands.list_(wanted.reference, "*")
        if wanted.reference:
            yield commands.list_("", "INBOX")
        if wanted.subscriptions:
            yield commands.lsub(wanted.reference, "*")

    def _returning(self) -> Iterator[str]:
        if self.wanted.subscriptions:
            yield "SUBSCRIBED"
        if "SPECIAL-USE" in self._capabilities:
            yield "SPECIAL-USE"
        yield f"STATUS ({' '.join(self._items())})"

    def _items(self) -> Iterator[str]:
        yield from ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
        if not self._capabilities.isdisjoint(KEEPS_MODSEQ):
            yield "HIGHESTMODSEQ"

    def _optional_commands(self) -> Iterator[Command]:
        if "NAMESPACE" in self._capabilities and self.session.kind.asks_namespace:
            yield commands.namespace()
        if not self.is_extended:
            items = tuple(self._items())
            for name in self.wanted.counted:
                yield commands.status(name, items)

    def _take(self, response: Response) -> None:
        match response:
            case Listed() if self.session.kind.lists_locks and is_lock(response.name):
                pass
            case Listed(is_lsub=True):
                self._subscriptions.add(folded(response.name))
            case Listed():
                self._mailboxes[response.name] = merged(self._mailboxes.get(response.name), response)
                if "\\subscribed" in response.attributes:
                    self._subscriptions.add(folded(response.name))
            case StatusData():
                # One answer at a time: numbers of different moments prove nothing together.
                self._numbers[folded(response.name)] = response.items
            case Namespaces() if response.personal:
                self._namespace = response.personal[0]
            case _:
                pass


async def enquire(
    session: Session,
    wanted: Wanted,
    memory: ServerMemory,
    early: Enquiry | None,
    seems_complete: Callable[[Found], bool],
) -> Found:
    """What the server tells; what an extended LIST refuses or leaves out is asked for by a plain one.

    `early` is an enquiry that was sent when a session was opened, perhaps this one. The INBOX is always among the
    mailboxes. Raises `CommandFailed` when the server refuses to list.
    """
    found = await _found(session, wanted, memory, early, seems_complete)
    if any(map(means_inbox, found.mailboxes.values())):
        return found
    # Every server has one (RFC 3501 section 5.1), though strato lists it only when it is asked for.
    asked = await mailboxes(session, "", "INBOX")
    inbox = next(filter(means_inbox, asked), Listed("INBOX", None))
    return replace(found, mailboxes={inbox.name: inbox, **found.mailboxes})


async def _found(
    session: Session,
    wanted: Wanted,
    memory: ServerMemory,
    early: Enquiry | None,
    seems_complete: Callable[[Found], bool],
) -> Found:
    first = await _found_early(session, early) or await _found_at_once(session, wanted, memory)
    if first is None:
        return await _found_plainly(session, wanted)
    if not first.is_extended or seems_complete(first):
        return first
    plain = await _found_plainly(session, replace(wanted, counted=()))
    if not (first.mailboxes.keys() >= plain.mailboxes.keys() and first.subscriptions >= plain.subscriptions):
        memory.correct(lists_all=False)
    return replace(plain, numbers=first.numbers)


async def _found_early(session: Session, early: Enquiry | None) -> Found | None:
    """What was asked for when the session was opened; None when that was in vain, or not done."""
    if early is None or early.session is not session:
        return None
    try:
        found = await early.found()
    except CommandFailed:
        return None
    return found if early.is_to_the_point else None


async def _found_at_once(session: Session, wanted: Wanted, memory: ServerMemory) -> Found | None:
    """What is asked for in one flight; None when the server refuses an extended LIST.

    A mailbox that is still selected is left first: servers count that as the session has seen it so far (Dovecot).
    """
    if session.mailbox is not None:
        with suppress(FolderError):  # a refused selection leaves nothing selected either
            await session.unselect()
    enquiry = Enquiry(session, wanted, session.capabilities, extended=memory.lists_all)
    try:
        return await enquiry.found()
    except CommandFailed as failure:
        if not enquiry.is_extended:
            raise
        if failure.status == "BAD":
            memory.correct(lists_all=False)
        return None


async def _found_plainly(session: Session, wanted: Wanted) -> Found:
    return await Enquiry(session, wanted, session.capabilities, extended=False).found()
