"""What a pool asks of the sessions that it lends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from postboat.imap.slots import Shareable

if TYPE_CHECKING:
    from postboat.imap.patience import Patience


class Poolable(Shareable, Protocol):
    """What the pool asks of a session."""

    @property
    def busy(self) -> bool:
        """Whether commands are without an answer."""
        ...

    @property
    def octets(self) -> tuple[int, int]:
        """Octets received and sent over the connection."""
        ...

    @property
    def is_one_too_many(self) -> bool:
        """Whether the server ended it because there are too many."""
        ...

    @property
    def local_address(self) -> str | None:
        """The address of this machine that it runs from, if there is one."""
        ...

    def obey(self, patience: Patience) -> None:
        """Keep its pauses."""
        ...

    def doubt(self, within: float) -> None:
        """Drop the connection unless the server gives a sign of life within so many seconds; nobody waits for it."""
        ...

    def abort(self, why: str = ...) -> None:
        """Drop the connection at once."""
        ...

    async def noop(self) -> None:
        """Make the server give a sign of life."""
        ...

    async def logout(self) -> None:
        """Take leave of the server."""
        ...
