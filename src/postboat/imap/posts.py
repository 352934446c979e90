"""What a watcher watches on one connection: all mailboxes by NOTIFY, or one by IDLE; and whom it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.imap import notify
from postboat.imap.listing import folded
from postboat.imap.wire.responses import Exists, Expunged, Fetched, Listed, StatusData, Vanished

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._before: dict[str, dict[str, int]] | None = None
        """What STATUS told when it was armed last, by wire name."""
        self._arriving: dict[str, dict[str, int]] | None = None
        """The same, while it is being armed."""
        self._session: Session | None = None

    async def arm(self, session: Session) -> None:
        """Subscribe, and tell of mailboxes whose numbers are others than when it was armed before."""
        self._session, self._arriving = session, {}
        await notify.subscribe(session)
        numbers, before = self._arriving, self._before
        self._before, self._arriving = numbers, None
        if before is None:
            return
        if before.keys() != numbers.keys():
            self._teller.restructured()
        self._teller.changed(frozenset(name for name in numbers if before.get(name) != numbers[name]))

    def hear(self, response: Response) -> None:
        """Tell of a change; when the server gave up telling, end the connection."""
        if isinstance(response, StatusData) and self._arriving is not None:
            self._arriving.setdefault(folded(response.name), {}).update(response.items)
        elif isinstance(response, StatusData):
            self._teller.changed(frozenset({folded(response.name)}))
        elif isinstance(response, Listed):
            self._teller.restructured()
        elif notify.is_overflow(response) and self._session is not None:
            self._session.abort("too much happened at once for the server to tell it")

    async def disarm(self, session: Session) -> None:
        """Unsubscribe: others do not expect numbers that they did not ask for."""
        await notify.unsubscribe(session)


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
