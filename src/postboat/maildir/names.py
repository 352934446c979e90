"""File names of a Maildir: `<unique>` in new/, `<unique>:2,<letters>` in cur/.

The unique part is a message's key. Names that other programs made (`…,U=5,FMD5=…:2,S`) are names like any other.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, NO_FLAGS, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.model import Flags, Key

LONGEST = 255
"""Octets in a file name: NAME_MAX of all common file systems."""
_INFO = ":2,"
_FLAG_OF = {"D": DRAFT, "F": FLAGGED, "P": FORWARDED, "R": ANSWERED, "S": SEEN, "T": DELETED}
_LETTER_OF = {flag: letter for letter, flag in _FLAG_OF.items()}
_NOT_IN_HOST = re.compile(r"[^A-Za-z0-9._-]")
_HOST_LENGTH = 64


class FileName(NamedTuple):
    """A file name taken apart."""

    unique: str
    flags: Flags
    others: str
    """Info letters without a flag of ours, in their order: keywords of other programs."""

    def under(self, flags: Flags) -> str:
        """The name the file bears in cur/ with `flags`; foreign letters stay."""
        return in_cur(self.unique, flags, self.others)


def parse(name: str) -> FileName:
    """Take a file name apart; one without info is wholly its unique part."""
    at = name.find(_INFO, 1)
    if at < 0:
        return FileName(name, NO_FLAGS, "")
    return FileName(name[:at], *_info(name[at + 3 :]))


@lru_cache(maxsize=1024)
def _info(info: str) -> tuple[Flags, str]:
    flags = frozenset(_FLAG_OF[letter] for letter in info if letter in _FLAG_OF)
    return flags, "".join(letter for letter in info if letter not in _FLAG_OF)


def key_and_flags(name: str) -> tuple[Key, Flags]:
    """The message's key and flags. Keys are always valid Unicode: an undecodable octet becomes `/` and its hex digits.

    No file name contains a slash, so two names never share a key by this.
    """
    at = name.find(_INFO, 1)
    unique, flags = (name, NO_FLAGS) if at < 0 else (name[:at], _info(name[at + 3 :])[0])
    if unique.isascii():
        return unique, flags
    return "".join(f"/{ord(c) - 0xDC00:02X}" if "\ud800" <= c <= "\udfff" else c for c in unique), flags


def in_cur(unique: str, flags: Flags, others: str = "") -> str:
    """A name for cur/."""
    return f"{unique}{_INFO}{letters(flags)}{others}"


def renewed(name: str, unique: str) -> str:
    """The file name with another unique part. Where that becomes too long, foreign letters go."""
    own, flags, _ = parse(name)
    full = unique + name[len(own) :]
    return full if len(full.encode("utf-8", "surrogateescape")) <= LONGEST else in_cur(unique, flags, others="")


def letters(flags: Flags) -> str:
    """The info letters of flags in ASCII order, as Maildir asks; flags without a letter are left out."""
    return "".join(sorted(_LETTER_OF[flag] for flag in flags if flag in _LETTER_OF))


def printable(name: str) -> str:
    """A file name for people's eyes: what a terminal could misread is shown as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)


def place_for(unique: str, flags: Flags) -> tuple[str, str]:
    """Subdirectory and name for a delivery: new/ without info when there is no flag to show, else cur/."""
    if flags.isdisjoint(_LETTER_OF):
        return "new", unique
    return "cur", in_cur(unique, flags)


class NameMaker:
    """Makes unique parts: `<sec>.M<usec>P<pid>Q<counter>.<host>`, never one twice."""

    def __init__(self, clock: Callable[[], float], pid: int, host: str) -> None:
        self._clock = clock
        self._pid = pid
        self._host = _NOT_IN_HOST.sub(_octal, host)[:_HOST_LENGTH] or "localhost"
        self._counter = itertools.count(1)

    def make(self) -> str:
        """A name that no other delivery on this machine bears."""
        seconds, fraction = divmod(self._clock(), 1)
        return f"{int(seconds)}.M{int(fraction * 1_000_000)}P{self._pid}Q{next(self._counter)}.{self._host}"


def _octal(match: re.Match[str]) -> str:
    r"""Replace `/` by `\057` and `:` by `\072`, as the Maildir page says; other odd octets alike."""
    return "".join(f"\\{octet:03o}" for octet in match[0].encode("utf-8", "surrogateescape"))
