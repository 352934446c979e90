"""What a server says, as frozen values: one class for each kind of response (RFC 3501 section 7 and extensions).

Names of mailboxes are *wire names*: the octets that the server sent, each as the character of that number, which is
modified UTF-7 in plain ASCII when the server keeps the rules. `commands` writes such a name back unchanged.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.imap.wire.uid_set import UidSet, parse_ranges
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.imap.wire.framer import Streamed
    from postboat.model import Flags

MOST_EXPANDED = 1_000_000
"""UIDs; a set of more than these in APPENDUID or COPYUID is not believed, since it would be written out."""


@dataclass(frozen=True, slots=True)
class ResponseCode:
    """What stands in brackets in a condition. The helpers give None when the code is another one or malformed."""

    name: str
    """In capitals."""
    arguments: str = ""

    def number(self, name: str) -> int | None:
        """The number that goes with `name`, as in `[UIDVALIDITY 7]`; may exceed 32 bits."""
        words = self.arguments.split()
        if self.name != name or len(words) != 1 or not (words[0].isascii() and words[0].isdigit()):
            return None
        return int(words[0]) if len(words[0]) <= 19 else None

    @property
    def uidvalidity(self) -> int | None:
        """`[UIDVALIDITY n]`."""
        return self.number("UIDVALIDITY")

    @property
    def uidnext(self) -> int | None:
        """`[UIDNEXT n]`."""
        return self.number("UIDNEXT")

    @property
    def highestmodseq(self) -> int | None:
        """`[HIGHESTMODSEQ n]` (RFC 7162 section 3.1.2.1); 0 is reported as None, since it proves nothing."""
        return self.number("HIGHESTMODSEQ") or None

    @property
    def permanent_flags(self) -> Flags | None:
        r"""`[PERMANENTFLAGS (...)]`; contains `\*` when keywords can be made."""
        from postboat.imap.wire.quirks import canonical_flag

        if self.name != "PERMANENTFLAGS" or not self.arguments.startswith("("):
            return None
        words = self.arguments.strip("() ").split()
        return frozenset(canonical_flag(word) for word in words if word.upper() != "NIL")

    @property
    def appenduid(self) -> tuple[int, tuple[int, ...]] | None:
        """`[APPENDUID validity uids]` (RFC 4315 section 3), the UIDs in the order in which they stand."""
        words = self.arguments.split()
        if self.name != "APPENDUID" or len(words) != 2:
            return None
        try:
            return int(words[0]), tuple(_expanded(words[1]))
        except ValueError:
            return None

    @property
    def copyuid(self) -> tuple[int, tuple[tuple[int, int], ...]] | None:
        """`[COPYUID validity sources destinations]` as the validity and pairs of source and destination UID.

        Pairs are made by position, not by size: Gmail lists destinations in descending order. None when the two sets
        are not equally long, are empty (Exchange), or are absurdly large.
        """
        words = self.arguments.split()
        if self.name != "COPYUID" or len(words) != 3:
            return None
        try:
            return int(words[0]), tuple(zip(_expanded(words[1]), _expanded(words[2]), strict=True))
        except ValueError:
            return None

    @property
    def capabilities(self) -> frozenset[str] | None:
        """`[CAPABILITY ...]`, in capitals."""
        return frozenset(self.arguments.upper().split()) if self.name == "CAPABILITY" else None


def _expanded(text: str) -> list[int]:
    """Every UID of a set in the order in which it stands; ValueError when it is no set or too large a one."""
    ranges = parse_ranges(text)
    if sum(abs(last - first) + 1 for first, last in ranges) > MOST_EXPANDED:
        raise ValueError("too many UIDs")
    uids: list[int] = []
    for first, last in ranges:
        UidSet(((first, last),))
        uids.extend(range(first, last + 1) if first <= last else range(first, last - 1, -1))
    return uids


@dataclass(frozen=True, slots=True)
class Condition:
    """OK, NO, BAD, BYE or PREAUTH with its text, untagged or inside a `Tagged` (RFC 3501 section 7.1)."""

    status: str
    """In capitals."""
    code: ResponseCode | None = None
    text: str = ""
    """For people, free of control characters."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """The end of a command."""

    tag: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Continuation:
    """The server waits for the client (RFC 3501 section 7.5)."""

    text: bytes = b""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Data of one message; an item that was not sent or that made no sense is None (RFC 3501 section 7.4.2)."""

    seq: int
    uid: int | None = None
    flags: Flags | None = None
    r"""Without `\Recent`."""
    date: float | None = None
    """INTERNALDATE in seconds since the epoch."""
    size: int | None = None
    """RFC822.SIZE: a hint, servers are wrong about it."""
    body: bytes | Streamed | None = None
    header: bytes | None = None
    modseq: int | None = None
    emailid: str | None = None
    """EMAILID (RFC 8474 section 5.1), or what Gmail has for it (X-GM-MSGID)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A mailbox in a LIST or LSUB answer."""

    name: str
    """Wire name."""
    delimiter: str | None
    """None: no hierarchy."""
    attributes: frozenset[str] = frozenset()
    r"""In lower case with their backslash, as in `\noselect`."""
    is_lsub: bool = False


@dataclass(frozen=True, slots=True)
class StatusData:
    """Numbers about a mailbox; one that was not sent or that made no sense is absent."""

    name: str
    """Wire name."""
    items: Mapping[str, int] = field(default_factory=dict)
    """By name in capitals."""


@dataclass(frozen=True, slots=True)
class Exists:
    """How many messages the selected mailbox holds."""

    count: int


@dataclass(frozen=True, slots=True)
class Recent:
    """How many messages are new to this session; of no use to us."""

    count: int


@dataclass(frozen=True, slots=True)
class Expunged:
    """A message is gone, and all later ones count one less."""

    seq: int


@dataclass(frozen=True, slots=True)
class Vanished:
    """Messages are gone (RFC 7162 section 3.2.10)."""

    uids: UidSet
    earlier: bool = False
    """Whether they went before; then sequence numbers stay."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server can do, in capitals."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class FlagsListed:
    """Flags in use in the selected mailbox."""

    flags: Flags


@dataclass(frozen=True, slots=True)
class Searched:
    """A SEARCH answer: UIDs, or sequence numbers, as was asked for."""

    uids: UidSet
    modseq: int | None = None


@dataclass(frozen=True, slots=True)
class ESearched:
    """An ESEARCH answer (RFC 4731 section 3.1)."""

    tag: str | None
    uid: bool
    items: Mapping[str, str]
    """Names in capitals with their values as sent."""

    @property
    def all(self) -> UidSet | None:
        """The ALL item; None when it was not sent, which also means that nothing matched."""
        try:
            return UidSet.parse(self.items["ALL"])
        except (KeyError, ValueError):
            return None

    @property
    def count(self) -> int | None:
        """The COUNT item."""
        value = self.items.get("COUNT", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= 19 else None


@dataclass(frozen=True, slots=True)
class Enabled:
    """Extensions now in effect, in capitals (RFC 5161 section 3.2)."""

    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Prefix and delimiter of each namespace (RFC 2342 section 5)."""

    personal: tuple[tuple[str, str | None], ...] = ()
    others: tuple[tuple[str, str | None], ...] = ()
    shared: tuple[tuple[str, str | None], ...] = ()


@dataclass(frozen=True, slots=True)
class IdFields:
    """What the server says about itself, by field name in lower case (RFC 2971 section 3.2)."""

    fields: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A response that is not understood: never an error, never a value."""

    text: bytes
    """Its beginning, for a log."""


Response = (
    Condition
    | Tagged
    | Continuation
    | Fetched
    | Listed
    | StatusData
    | Exists
    | Recent
    | Expunged
    | Vanished
    | Capabilities
    | FlagsListed
    | Searched
    | ESearched
    | Enabled
    | Namespaces
    | IdFields
    | Unknown
)
