"""What kind of server it is, and how much at once that kind takes: a table, and nothing but limits.

A profile only tightens what is safe with every server: sync is right with any entry of this table on any server, only
slower, or refused now and then.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_NOT_THE_SET = 100
"""Octets of a command that are not its set of UIDs."""


@dataclass(frozen=True, slots=True)
class ServerKind:
    """How much a kind of server takes at once. The defaults are for a server of which nothing else is known."""

    name: str = ""
    depth: int = 100
    """Commands in flight on one connection."""
    unproven: bool = False
    """Whether the depth is 1 until a command has succeeded."""
    longest_line: int = 8000
    """Octets of one command (RFC 2683 section 3.2.1.5)."""
    batch_messages: int = 250
    """Messages whose bodies are asked for by one command."""
    flights: int = 4
    """Readers that may share one connection."""
    asks_size: bool = True
    """Whether RFC822.SIZE may be asked for; else the server fetches every message from elsewhere to count it."""

    @property
    def longest_set(self) -> int:
        """Octets of UIDs in one command."""
        return self.longest_line - _NOT_THE_SET


@dataclass(frozen=True, slots=True)
class _Marks:
    """By what a kind is known: any one of them is enough."""

    greeting: str = r"(?!)"
    """A regular expression that occurs in the greeting's text."""
    id_name: str = r"(?!)"
    """One that occurs in the name that the server gives itself (RFC 2971)."""
    capabilities: frozenset[str] = frozenset()
    hosts: tuple[str, ...] = ()
    """Domains that the host is, or is in."""

    def show(self, greeting: str, capabilities: Collection[str], id_name: str, host: str) -> bool:
        return bool(
            re.search(self.greeting, greeting, re.I)
            or re.search(self.id_name, id_name, re.I)
            or not self.capabilities.isdisjoint(capabilities)
            or any(f".{host}".endswith(f".{domain}") for domain in self.hosts)
        )


ANY = ServerKind()
"""A server of which nothing is known, and which is trusted with several commands at once from the first on."""

_STRANGER = replace(ANY, unproven=True)

# In this order: what stands in front of another server (DavMail) or is made of one (Fastmail) comes before that.
_KINDS: tuple[tuple[_Marks, ServerKind], ...] = (
    (
        _Marks(greeting=r"\bdavmail\b", id_name=r"davmail"),
        ServerKind("DavMail", depth=1, flights=1, asks_size=False),
    ),
    (
        _Marks(
            greeting=r"\bgimap\b",
            id_name=r"^gimap$",
            capabilities=frozenset({"X-GM-EXT-1"}),
            hosts=("gmail.com", "googlemail.com"),
        ),
        ServerKind("Gmail", depth=1000, longest_line=16000, batch_messages=200),
    ),
    (
        _Marks(
            greeting=r"microsoft exchange",
            id_name=r"microsoft\.exchange",
            hosts=("outlook.com", "office365.com", "office365.us", "partner.outlook.cn"),
        ),
        ServerKind("Exchange", depth=25, longest_line=2000, batch_messages=50, flights=2),
    ),
    (
        _Marks(
            greeting=r"\b(yahoo|aol)\b|\bimapgate\b",
            id_name=r"yahoo|aol",
            capabilities=frozenset({"XYMHIGHESTMODSEQ"}),
            hosts=("yahoo.com", "aol.com"),
        ),
        ServerKind("Yahoo", depth=25, longest_line=1000, flights=2),
    ),
    (_Marks(greeting=r"\bQQMail\b", hosts=("qq.com",)), ServerKind("QQ", depth=1, flights=1)),
    (_Marks(greeting=r"\bIMAP4rev1 20\d\d\w?\.\d+ at\b"), ServerKind("UW", longest_line=1000, flights=2)),
    (_Marks(greeting=r"\biscream\b", hosts=("me.com", "icloud.com")), ServerKind("iCloud", flights=2)),
    (_Marks(hosts=("fastmail.com", "messagingengine.com")), ServerKind("Fastmail", depth=1000, flights=8)),
    (_Marks(greeting=r"\bcourier-imap\b"), ServerKind("Courier", longest_line=16000)),
    (
        _Marks(greeting=r"\bcyrus imap", id_name=r"^cyrus"),
        ServerKind("Cyrus", depth=1000, flights=8),
    ),
    (
        _Marks(greeting=r"\bdovecot\b", id_name=r"^dovecot"),
        ServerKind("Dovecot", depth=1000, longest_line=60_000, flights=8),
    ),
)


def kind_of(
    greeting: str, capabilities: Collection[str], id_fields: Mapping[str, str | None] | None = None, host: str = ""
) -> ServerKind:
    """The kind of a server by what it says of itself and where it is; a stranger is tried one command at a time.

    `greeting` is the greeting's text, `capabilities` are in capitals, `id_fields` the answer to ID if there was one,
    `host` is a name or "".
    """
    id_name = (id_fields or {}).get("name") or ""
    where = host.lower().rstrip(".")
    for marks, kind in _KINDS:
        if marks.show(greeting, capabilities, id_name, where):
            return kind
    return _STRANGER
