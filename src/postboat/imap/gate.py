"""When the next command of a connection may go out: no more at once than the server takes, and none in a pause."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from postboat.imap.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.imap.pipeline import Call
    from postboat.imap.server_kind import ServerKind
    from postboat.imap.wire.commands import Command

ALONE = frozenset({"STARTTLS", "COMPRESS", "IDLE"})
"""Commands that change what the octets behind them mean: nothing may be on its way in either direction."""
AT_ANY_TIME = frozenset({"LOGOUT"})
"""Commands that no pause holds back."""
_NO_LIMIT = 1 << 30


class Gate:
    """Lets commands out one after the other, and keeps back what the server would not take yet."""

    def __init__(self) -> None:
        self.patience = Patience()
        """Who keeps the pauses."""
        self._most = self._later = _NO_LIMIT
        self._stirred = asyncio.Event()

    def limit(self, kind: ServerKind) -> None:
        """Keep from now on to the depth of that kind of server; for one unproven to one command, until one succeeds."""
        self._later = kind.depth
        self._most = 1 if kind.unproven else kind.depth
        self._stirred.set()

    def lets(self, command: Command, in_flight: Mapping[str, Call]) -> bool:
        """Whether a command may go out now."""
        if self.patience.pausing and command.name not in AT_ANY_TIME:
            return False
        if not in_flight:
            return True
        if len(in_flight) >= self._most or command.name in ALONE:
            return False
        oldest = next(iter(in_flight.values()))
        return oldest.command.name not in ALONE

    def answered(self, *, ok: bool) -> None:
        """Take that a command ended."""
        if ok:
            self._most = self._later
        self._stirred.set()

    async def passed(self, command: Command, in_flight: Mapping[str, Call]) -> None:
        """Wait until a command may go out."""
        while not self.lets(command, in_flight):
            if self.patience.pausing:
                await self.patience.passed()
            else:
                self._stirred.clear()
                await self._stirred.wait()
