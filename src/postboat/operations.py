"""Verbs: what can be done to a folder pair. A plan is made of them, `sync.execute` carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.model import Flags, Key, Message, Pairing, Reflagging, Side


@dataclass(frozen=True, slots=True)
class Copy:
    """Give `to` the message that its other side holds as `key`."""

    to: Side
    key: Key
    flags: Flags
    """Flags as its own side shows them; what `to` cannot hold is left out on the way."""
    size: int | None = None
    mark: str = ""
    """The message's mark on its own side."""
    replaces: Pairing | None = None
    """Set when `to` had deleted the message but the other side changed it since: the change wins."""
    asked_for: bool = False
    """Whether it replaces one because the user wants it back, and not for any change."""


@dataclass(frozen=True, slots=True)
class Reflag:
    """Bring the flags of a paired message to what both sides' changes add up to."""

    pairing: Pairing
    remote: Reflagging | None
    local: Reflagging | None
    agreed: Flags

    def on(self, side: Side) -> Reflagging | None:
        """The part of the work that falls on `side`."""
        return self.remote if side.value == "remote" else self.local


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a paired message from `on`, since its other side's user removed it there."""

    on: Side
    pairing: Pairing


@dataclass(frozen=True, slots=True)
class Adopt:
    """Write down that two messages are one: no transfer."""

    pairing: Pairing
    replaces: Pairing | None = None
    """The pairing as it was, when only a key or the agreed flags changed."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop a pairing whose message is gone from both sides."""

    pairing: Pairing


@dataclass(frozen=True, slots=True)
class Move:
    """Repeat on `on` what the user did on its other side: a message went from one folder to another.

    Folders are known by their place in the sequence that moves were looked for in. A move concerns two of them and is
    therefore no part of either one's plan: it is made before they are planned.
    """

    on: Side
    source: int
    target: int
    pairing: Pairing
    """As recorded in the folder that it left."""
    message: Message
    """As it appeared in the folder to which it went, on the other side of `on`."""


Operation = Copy | Reflag | Delete | Adopt | Forget


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a folder needs: free order inside a group; adopts and forgets, copies, reflags, then deletes."""

    adopts: tuple[Adopt, ...] = ()
    forgets: tuple[Forget, ...] = ()
    copies: tuple[Copy, ...] = ()
    reflags: tuple[Reflag, ...] = ()
    deletes: tuple[Delete, ...] = ()

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> Plan:
        """Sort operations into their groups, keeping their order inside each."""
        groups: dict[type, list[Operation]] = {kind: [] for kind in (Adopt, Forget, Copy, Reflag, Delete)}
        for operation in operations:
            groups[type(operation)].append(operation)
        return cls(*(tuple(group) for group in groups.values()))  # type: ignore[arg-type]

    @property
    def nothing(self) -> bool:
        """Whether both sides already agree and the ledger knows it."""
        return not (self.adopts or self.forgets or self.copies or self.reflags or self.deletes)

    @property
    def effects(self) -> int:
        """How many operations change one of the sides; the others only change the ledger."""
        reflags = sum(1 for r in self.reflags if r.remote or r.local)
        return len(self.copies) + len(self.deletes) + reflags
