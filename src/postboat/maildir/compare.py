"""A listing against what was agreed on: dictionaries in, differences out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from postboat.maildir.place import untold
from postboat.model import MAILDIR_FLAGS, Message
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from postboat.maildir.place import Told
    from postboat.maildir.scan import Entry, Listing
    from postboat.model import Flags, Key

TELLS_EVERY = 256
"""Files that are measured from one telling how far it is to the next."""


class Agreed(Protocol):
    """What comparing asks of the ledger; `sync.ports.Agreed` has it all."""

    @property
    def validity(self) -> str | None:
        """The folder's identity when its messages were paired."""
        ...

    @property
    def checkpoint(self) -> str | None:
        """The `Changes.checkpoint` last saved."""
        ...

    async def count(self) -> int:
        """How many messages are paired."""
        ...

    async def flags(self) -> Mapping[Key, Flags]:
        """Agreed flags of every paired message."""
        ...

    async def flags_of(self, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of those of `keys` that are paired."""
        ...

    async def marks(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Marks of paired messages."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """What a listing shows that was not agreed on."""

    entries: Mapping[Key, Entry]
    """Files of `appeared`."""
    appeared: Mapping[Key, Message]
    reflagged: Mapping[Key, Flags]
    vanished: frozenset[Key]
    checkpoint: str | None

    def without(self, doubtful: frozenset[Key]) -> Difference:
        """The same, but `doubtful` did not vanish: another listing showed it."""
        return replace(self, vanished=self.vanished - doubtful, checkpoint=None if doubtful else self.checkpoint)

    def measured(self, measure: Callable[[Entry], tuple[str, int | None]], told: Told = untold) -> Difference:
        """The same with the mark and the size of what appeared."""
        messages: dict[Key, Message] = {}
        for done, (key, message) in enumerate(self.appeared.items()):
            if done % TELLS_EVERY == 0:
                told(done, len(self.appeared))
            mark, size = measure(self.entries[key])
            messages[key] = replace(message, mark=mark, size=size)
        return replace(self, appeared=messages)


def difference(listing: Listing, base: Mapping[Key, Flags]) -> Difference:
    """Tell new files from changed ones. What must not be touched counts as unchanged."""
    entries = {key: entry for key, entry in listing.entries.items() if key not in base}
    return Difference(
        entries=entries,
        appeared={key: Message(key, entry.flags) for key, entry in entries.items()},
        reflagged={key: entry.flags for key, entry in listing.entries.items() if key in base},
        vanished=listing.missing - listing.untouchable.keys(),
        checkpoint=None if listing.untouchable else listing.checkpoint,
    )


def pick(found: Mapping[Key, Entry], base: Mapping[Key, Flags], gone: frozenset[Key]) -> Difference:
    """Tell new files from changed ones among a few; `base` holds what was agreed on of these, `gone` is missing."""
    entries = {key: entry for key, entry in found.items() if key not in base}
    return Difference(
        entries=entries,
        appeared={key: Message(key, entry.flags) for key, entry in entries.items()},
        reflagged={
            key: entry.flags for key, entry in found.items() if key in base and entry.flags != base[key] & MAILDIR_FLAGS
        },
        vanished=gone,
        checkpoint=None,
    )


def pair_renamed(marks: Mapping[Key, str], found: Difference) -> tuple[dict[Key, Message], dict[Key, Message]]:
    """Of what vanished and what appeared, the files that only got another name; and what then still appeared.

    One to one: where several files bear one mark (hard links), each stands for one message at most.
    """
    by_mark: dict[str, list[Key]] = {}
    for key in sorted(found.appeared, reverse=True):
        by_mark.setdefault(found.appeared[key].mark, []).append(key)
    by_mark.pop("", None)
    renamed: dict[Key, Message] = {}
    taken: set[Key] = set()
    for key in sorted(found.vanished):
        candidates = by_mark.get(marks.get(key, ""))
        if candidates:
            now = candidates.pop()
            taken.add(now)
            renamed[key] = found.appeared[now]
    return renamed, {key: message for key, message in found.appeared.items() if key not in taken}
