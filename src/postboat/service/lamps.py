"""All connections of an account as one row of lamps, whichever of its servers they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.events import Light
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from postboat.service.lights import Lamps, Lit


@dataclass(frozen=True, slots=True)
class Named:
    """A connection whose light names its server, and folders as users see them."""

    session: Lit
    server: str
    shown: Callable[[str], str]
    """What a mailbox is called, by its wire name."""

    def light(self) -> Light:
        """What the connection is used for."""
        light = self.session.light()
        return Light(light.doing, self.shown(light.folder) if light.folder else "", self.server)


class JointLamps:
    """The connections of several servers, each server's together (`lights.Lamps`).

    Each comes with what it is called itself, and its mailboxes by their wire names: servers may write names in
    different ways.
    """

    def __init__(self, pools: Sequence[tuple[str, Lamps, Callable[[str], str]]]) -> None:
        self._pools = tuple(pools)

    @property
    def sessions(self) -> Sequence[Named]:
        """Those that are open, of one server after the other."""
        return [Named(session, name, shown) for name, pool, shown in self._pools for session in pool.sessions]

    @property
    def dialling(self) -> int:
        """How many more are being opened, to any of them."""
        return sum(pool.dialling for _, pool, _ in self._pools)

    @property
    def octets(self) -> tuple[int, int]:
        """Octets received from all of them and sent to them so far."""
        counts = [pool.octets for _, pool, _ in self._pools]
        return sum(received for received, _ in counts), sum(sent for _, sent in counts)
