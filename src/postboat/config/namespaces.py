"""How the local side spells its folders: below its server's own prefix, or as its declarative rules say. Pure.

A *plain* name is what both sides mean: a remote name after the remote rules, or after its server's prefix is taken
off. All works on levels, so that what one server separates its levels by may stand inside a level of the other's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.model import INBOX, FolderName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postboat.config.schema import FolderRules

Levels = tuple[str, ...]


def namespace_levels(prefix: str, delimiter: str | None) -> Levels:
    """The levels of a personal namespace's prefix (RFC 2342), such as `INBOX.`; none if they are not whole."""
    if not delimiter or not prefix.endswith(delimiter):
        return ()
    levels = FolderName.of(*prefix.removesuffix(delimiter).split(delimiter)).parts
    return levels if all(levels) else ()


def below(levels: Levels, prefix: Levels) -> Levels | None:
    """What follows a prefix of whole levels; None for names that do not lie below it, or without a prefix."""
    if not prefix or len(levels) <= len(prefix) or FolderName.of(*levels).parts[: len(prefix)] != prefix:
        return None
    return levels[len(prefix) :]


class LocalSpelling:
    """Plain names to local ones, and back.

    `rename` and `strip_prefix` of the local repository lead from local names to plain ones; on the way down they are
    undone. `sep` is what stands between levels in them.
    """

    def __init__(self, rules: FolderRules, sep: str, namespace: Levels = ()) -> None:
        self._namespace = namespace
        self._strip: Levels = tuple(_spelt(rules.strip_prefix, sep).split(sep)) if rules.strip_prefix else ()
        renames = {self._stripped(_levels(old, sep)): _levels(new, sep) for old, new in rules.rename.items()}
        self._renames = {old: renames[old] for old in sorted(renames, key=_length, reverse=True)}

    def plain(self, local: Levels) -> Levels:
        """What a local name means."""
        ruled = self.ruled(local)
        if ruled != local:
            return ruled
        return below(local, self._namespace) or local

    def spelt(self, plain: Levels, *, by_rules: bool = False, from_namespace: bool = False) -> Levels | None:
        """The local name; None if that would not lead back to this one.

        A name that the remote rules made may have the local prefix already. What lay below the remote server's prefix
        always gets it, even an `INBOX` that is none there.
        """
        for candidate in self._undone(plain):
            if candidate != plain and self.ruled(candidate) == plain:
                return candidate
        found = plain
        is_there = by_rules and below(plain, self._namespace) is not None
        if from_namespace or not (is_there or _is_inbox(plain)):
            found = self._namespace + plain
        if from_namespace and FolderName.of(*found).parts != found and not _is_inbox(found):
            return None  # an `Inbox` of which only that in capitals would come back
        return found if self.ruled(found) == found else None

    def ruled(self, local: Levels) -> Levels:
        """A local name after `strip_prefix` and `rename`."""
        stripped = self._stripped(local)
        for old, new in self._renames.items():
            if FolderName.of(*stripped).parts[: len(old)] == old:
                return new + stripped[len(old) :]
        return stripped

    def _stripped(self, levels: Levels) -> Levels:
        if not self._strip:
            return levels
        *whole, part = self._strip
        count, normal = len(whole), FolderName.of(*levels).parts
        if list(normal[:count]) != whole or len(normal) <= count or not normal[count].startswith(part):
            return levels
        rest = normal[count].removeprefix(part)
        return (rest, *levels[count + 1 :]) if rest else levels

    def _undone(self, plain: Levels) -> Iterator[Levels]:
        """Names that the rules may have made this one of, the likeliest first."""
        if _is_inbox(plain) and self.ruled(plain) == plain:
            return
        for old, new in sorted(self._renames.items(), key=lambda pair: -len(pair[1])):
            if plain[: len(new)] == new:
                renamed = old + plain[len(new) :]
                yield from (self._prefixed(renamed), renamed)
        yield self._prefixed(plain)

    def _prefixed(self, levels: Levels) -> Levels:
        if not self._strip:
            return levels
        *whole, part = self._strip
        return (*whole, part + levels[0], *levels[1:])


def _is_inbox(levels: Levels) -> bool:
    return FolderName.of(*levels) == INBOX


def _levels(name: str, sep: str) -> Levels:
    return FolderName.of(*name.split(sep)).parts


def _spelt(prefix: str, sep: str) -> str:
    return sep.join(_levels(prefix, sep))


def _length(levels: Levels) -> int:
    return sum(map(len, levels)) + len(levels)
