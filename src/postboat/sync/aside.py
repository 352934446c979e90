"""Messages put aside: a copy that failed is tried again later each time, so that no run fails again for what is known.

Who holds a message that the server refuses would else send it in every run, for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from postboat.model import Aside, Side
from postboat.operations import Copy
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set

    from postboat.model import Changes, Key, Pairing, Refused
    from postboat.operations import Operation

    SomeOperation = TypeVar("SomeOperation", bound=Operation)

WAITS = (15 * 60, 60 * 60, 4 * 60 * 60, 16 * 60 * 60, 24 * 60 * 60)
"""Seconds after the first, the second … failure; the last one holds for all to come."""
LONGEST_REASON = 300
"""Characters of a reason that are kept: a server may say any amount."""


@dataclass(frozen=True, slots=True)
class Asides:
    """A folder's copies that failed before."""

    due: tuple[Aside, ...] = ()
    """Those to be tried again now."""
    waiting: tuple[Aside, ...] = ()
    """Those left out until their time comes, the one first due first."""

    @property
    def all(self) -> tuple[Aside, ...]:
        """Due or not."""
        return self.due + self.waiting

    def going_to(self, side: Side) -> set[Key]:
        """The messages that are not to be sent to `side` yet."""
        return {aside.origin for aside in self.waiting if aside.to is side}


NONE_ASIDE = Asides()


def sort_out(asides: Iterable[Aside], now: float, *, retry: bool = False) -> Asides:
    """Tell those that are due from those that are not; with `retry` all are.

    One that would wait longer than any wait lasts was written by a clock that was wrong, and is due.
    """
    due: list[Aside] = []
    waiting: list[Aside] = []
    for aside in sorted(asides, key=lambda aside: aside.not_before):
        waits = now < aside.not_before <= now + WAITS[-1]
        (waiting if waits and not retry else due).append(aside)
    return Asides(tuple(due), tuple(waiting))


def put_aside(to: Side, failure: Refused, before: Aside | None, now: float) -> Aside:
    """A copy to `to` that just failed, `before` being how it failed the last time.

    What may have passed by then is tried again in the next run, and waits when that fails too.
    """
    tries = before.tries + 1 if before else 0 if failure.passing else 1
    wait = WAITS[min(tries, len(WAITS)) - 1] if tries else 0
    return Aside(to, failure.key, failure.reason[:LONGEST_REASON], tries, now + wait, failure.own_fault)


def moot(
    asides: Sequence[Aside],
    changes: Mapping[Side, Changes],
    touched: Sequence[Pairing],
    twins: Sequence[tuple[Key, Key]],
) -> list[Aside]:
    """Those of which nothing is left to do: the message is gone from its own side, or on both."""
    if not asides:
        return []
    wanted = {side: _lacking(side, changes, touched, twins) for side in Side}
    return [a for a in asides if changes[a.to.other].complete and a.origin not in wanted[a.to]]


def _lacking(
    side: Side, changes: Mapping[Side, Changes], touched: Sequence[Pairing], twins: Sequence[tuple[Key, Key]]
) -> set[Key]:
    """The messages that `side` lacks, by their keys on the other side."""
    own = side.other
    twinned = {remote if own is Side.REMOTE else local for remote, local in twins}
    lost = {pairing.key(own) for pairing in touched if pairing.key(side) in changes[side].vanished}
    return (changes[own].appeared.keys() - twinned) | (lost - changes[own].vanished)


def without_copies(operations: Sequence[SomeOperation], withheld: Mapping[Side, Set[Key]]) -> Sequence[SomeOperation]:
    """Leave out the copies of messages that must not be sent now, also of those that would come back."""
    if not any(withheld.values()):
        return operations
    return [one for one in operations if not (isinstance(one, Copy) and one.key in withheld.get(one.to, ()))]
