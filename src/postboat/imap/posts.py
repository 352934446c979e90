"""What a watcher watches on one connection: all mailboxes by NOTIFY, or one by IDLE; and whom it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.imap import notify
from postboat.imap.listing import folded
from postboat.imap.wire.responses import Exists, Expunged, Fetched, Listed, StatusData, Vanished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postboat.imap.session import Session
    from postboat.imap.wire.responses import Response

_CHANGES = (Exists, Expunged, Vanished, Fetched)


class Listener(Protocol):
    """Who is told. Mailboxes are named as on the wire; the methods are called from the loop and must not wait."""

    def armed(self, how: str, folders: tuple[str, ...]) -> None:
        """Changes are told from now on, by `notify` in all mailboxes, by `idle` in `folders`, by `poll` in none.

        What happened before must be looked for.
        """
        ...

    def changed(self, mailboxes: frozenset[str]) -> None:
        """Something happened in these mailboxes, perhaps by our own doing."""
        ...

    def restructured(self) -> None:
        """Mailboxes were made, renamed, deleted, subscribed to or unsubscribed from."""
        ...

    def lost(self) -> None:
        """Nothing is told any more until `armed` says so."""
        ...


class Post(Protocol):
    """What is watched on one connection."""

    how: str
    """`notify` or `idle`."""
    folder: str
    """Which mailbox; "" for all."""

    async def arm(self, session: Session) -> None:
        """Have the server tell of changes, and tell of those since it was last armed.

        Raises `CommandFailed` or `FolderError` when that is impossible, and `ConnectionLost`.
        """
        ...

    def hear(self, response: Response) -> None:
        """Take what the server says."""
        ...

    async def disarm(self, session: Session) -> None:
        """Leave the session as others want it. Raises `CommandFailed` and `ConnectionLost`."""
        ...


class Teller:
    """Passes on what happens while the listener counts on being told; before that, it has to look for itself."""

    def __init__(self, listener: Listener, is_counted_on: Callable[[], bool]) -> None:
        self._listener, self._is_counted_on = listener, is_counted_on

    def changed(self, mailboxes: frozenset[str]) -> None:
        """As `Listener.changed`."""
        if mailboxes and self._is_counted_on():
            self._listener.changed(mailboxes)

    def restructured(self) -> None:
        """As `Listener.restructured`."""
        if self._is_counted_on():
            self._listener.restructured()


class AllMailboxes:
    """Watches all of the user's own mailboxes by NOTIFY."""

    how, folder = "notify", ""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._known: dict[str, dict[str, int]] | None = None
        """What STATUS told of mailboxes, by wire name; None before it was armed."""
        self._arriving: dict[str, dict[str, int]] | None = None
        """The same, while it is being armed."""
        self._session: Session | None = None

    async def arm(self, session: Session) -> None:
        """Subscribe, and tell of mailboxes whose numbers are others than those known."""
        self._session, self._arriving = session, {}
        await notify.subscribe(session)
        known, self._known, self._arriving = self._known, self._arriving, None
        if known is None:
            return
        if known.keys() != self._known.keys():
            self._teller.restructured()
        both = known.keys() & self._known.keys()
        self._teller.changed(frozenset(name for name in both if _differ(known[name], self._known[name])))

    def hear(self, response: Response) -> None:
        """Tell of a change; when the server gave up telling, end the connection."""
        if isinstance(response, StatusData):
            self._hear_numbers(folded(response.name), response.items)
        elif isinstance(response, Listed):
            self._hear_name(folded(response.name), exists="\\nonexistent" not in response.attributes)
        elif notify.is_overflow(response) and self._session is not None:
            self._session.abort("too much happened at once for the server to tell it")

    def _hear_numbers(self, name: str, items: Mapping[str, int]) -> None:
        """Take a STATUS, which tells what changed only; Dovecot repeats some, and sends them with nothing changed.

        Of an INBOX that got another UIDVALIDITY, Dovecot 2.3 tells nothing more on this connection.
        """
        numbers = self._known if self._arriving is None else self._arriving
        assert numbers is not None, "it is heard from its arming on"
        before = numbers.setdefault(name, {})
        is_old = "HIGHESTMODSEQ" in items and all(before.get(item) == number for item, number in items.items())
        is_another = before.keys() & items.keys() >= {"UIDVALIDITY"} and before["UIDVALIDITY"] != items["UIDVALIDITY"]
        before.update(items)
        if numbers is self._known and not is_old:
            self._teller.changed(frozenset({name}))
            if is_another and self._session is not None:
                self._session.abort("a mailbox became another one, of which the server may tell nothing more")

    def _hear_name(self, name: str, *, exists: bool) -> None:
        if self._known is not None and exists:
            self._known.setdefault(name, {})
        elif self._known is not None:
            self._known.pop(name, None)
        self._teller.restructured()

    async def disarm(self, session: Session) -> None:
        """Unsubscribe: others do not expect numbers that they did not ask for."""
        await notify.unsubscribe(session)


def _differ(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """Whether two STATUS of a mailbox contradict each other."""
    return any(one[item] != other[item] for item in one.keys() & other.keys())


class OneMailbox:
    """Watches one mailbox, which is selected for reading, by IDLE."""

    how = "idle"

    def __init__(self, folder: str, teller: Teller) -> None:
        self.folder, self._teller = folder, teller
        self._before: tuple[int | None, ...] | None = None

    async def arm(self, session: Session) -> None:
        """Select the mailbox, and tell of it when its numbers are others than when we left."""
        selected = await session.select(self.folder, read_only=True)
        numbers = (selected.uidvalidity, selected.uidnext, selected.highestmodseq, selected.exists)
        before, self._before = self._before, numbers
        if before is not None and before != numbers:
            self._tell()

    def hear(self, response: Response) -> None:
        """Tell of messages that came, went or changed."""
        if isinstance(response, _CHANGES) and not (isinstance(response, Vanished) and response.earlier):
            self._tell()

    def _tell(self) -> None:
        self._teller.changed(frozenset({self.folder}))

    async def disarm(self, session: Session) -> None:
        """Leave the mailbox selected, as all who select one do."""
