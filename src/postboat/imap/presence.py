"""Which messages a mailbox shows: asked behind commands that pass over missing ones in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import FolderError
from postboat.imap.refusals import require_ok
from postboat.imap.unsearchable import knows_no_search, listed
from postboat.imap.wire import commands
from postboat.imap.wire.responses import ESearched, Searched
from postboat.imap.wire.uid_set import UidSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.session import Selected, Session
    from postboat.imap.wire.responses import Response


class Presence:
    """A question that is on its way once this is made, behind all that was asked of the `selected` mailbox before.

    With `now` the mailbox is selected once more for it. A NOOP would not do: Dovecot puts off what commands of one
    flight bring about until all of them are read, so that a search behind UID EXPUNGE and NOOP still finds what these
    removed. Without `now` the answer is what the next commands have before them. Dovecot may put off its end until
    these are done, too: `hear` gets all that comes before that.
    """

    def __init__(
        self,
        session: Session,
        selected: Selected,
        uids: UidSet,
        *,
        now: bool,
        hear: Callable[[Response], None] = lambda _: None,
    ) -> None:
        self._session, self._selected, self._uids, self._hear = session, selected, uids, hear
        self._found: list[UidSet] = []
        self._again = session.open(selected.name, read_only=selected.asked_read_only, fresh=True) if now else None
        # A sorted set takes a few octets where a list takes some for every message (RFC 4731 section 3.1).
        wanted = "RETURN (ALL) UID" if "ESEARCH" in session.capabilities else "UID"
        searches = [commands.uid_search(f"{wanted} {piece}") for piece in session.kind.pieces(uids)]
        self._answers = [(command, session.ask(command, self._take)) for command in searches]

    def _take(self, response: Response) -> None:
        self._hear(response)
        if isinstance(response, Searched):
            self._found.append(response.uids)
        elif isinstance(response, ESearched) and response.all is not None:
            self._found.append(response.all)

    async def known(self) -> UidSet:
        """Those of the messages that are there.

        Raises `CommandFailed`, and `FolderError` when the mailbox is not what it was.
        """
        again = await self._again.mailbox() if self._again is not None else self._selected
        if again.uidvalidity != self._selected.uidvalidity:
            raise FolderError("changed its UIDVALIDITY during the sync: the next run looks anew")
        answered = [(command, await answer) for command, answer in self._answers]
        if any(knows_no_search(answer.status) for _, answer in answered):
            return await listed(self._session, self._uids)
        for command, answer in answered:
            require_ok(command, answer)
        return UidSet(piece for uids in self._found for piece in uids.ranges) & self._uids
