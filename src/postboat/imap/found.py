"""Results of searches, whichever of the two forms the server gives them in (RFC 3501, RFC 4731)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire.responses import ESearched, Searched
from postboat.imap.wire.uid_set import UidSet

if TYPE_CHECKING:
    from postboat.imap.wire.responses import Response


class Found:
    """Gathers what searches found; to be given what the server says while they are in flight."""

    def __init__(self) -> None:
        self._found: list[UidSet] = []

    def take(self, response: Response) -> None:
        """Take what is the result of a search, and leave all else."""
        if isinstance(response, Searched):
            self._found.append(response.uids)
        elif isinstance(response, ESearched) and response.all is not None:
            self._found.append(response.all)

    @property
    def uids(self) -> UidSet:
        """All that was found by now."""
        return UidSet(piece for uids in self._found for piece in uids.ranges)
