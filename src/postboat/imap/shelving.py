"""Bodies of messages are kept before a server is told to remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from postboat.model import Content


class Shelf(Protocol):
    """Where one folder's messages are kept. `service.shores.server_shelf` has one that lies in the quarantine."""

    async def held(self, names: Collection[str]) -> Collection[str]:
        """Those of `names` that are kept already, for as long from now on as what would be put there now.

        Raises `FolderError` when that cannot be found out.
        """
        ...

    async def keep(self, messages: Sequence[tuple[str, Content]]) -> None:
        """Keep messages, each under a name that no other one bears; they are durable when it returns.

        Raises `FolderError` when nothing can be kept there, and `MessageError` when a stream fails.
        """
        ...
