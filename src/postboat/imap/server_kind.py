"""What kind of server it is, and how much at once that kind takes: a table, and nothing but limits.

A profile only tightens what is safe with every server: sync is right with any entry of this table on any server, only
slower, or refused now and then.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.imap.wire.uid_set import MAX_UID
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from postboat.imap.wire.uid_set import UidSet

_NOT_THE_SET = 100
"""Octets of a command that are not its set of UIDs."""
_LARGEST_MAILBOX = 4_000_000
_LEAST = 100
"""Messages that any server deals with at once, whatever it says."""


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
    """Whether RFC822.SIZE may be asked for of a whole mailbox; else the server fetches each message to count it."""
    asks_namespace: bool = True
    """Whether NAMESPACE may be asked for."""
    tells_removals: bool = True
    """Whether what it says of removals is worth to be asked for (QRESYNC); else who is there is always counted."""
    forgets_flagged: bool = False
    r"""Whether \Flagged is lost on other ways to the mailbox when it comes with APPEND."""
    mixes_up: bool = False
    """Whether it may send another message's body when another session removed a message meanwhile."""
    lists_locks: bool = False
    """Whether it lists the locks of mailboxes among the mailboxes."""
    most_messages: int = MAX_UID
    """Messages that one command deals with: the server leaves out the others (MESSAGELIMIT, RFC 9738)."""

    @property
    def longest_set(self) -> int:
        """Octets of UIDs in one command."""
        return self.longest_line - _NOT_THE_SET

    def pieces(self, uids: UidSet) -> Iterator[UidSet]:
        """The set as sets that one command takes each.

        One of more UIDs than mailboxes have is cut by its length only: a server that lies made it up.
        """
        return uids.split(self.longest_set, self.most_messages if len(uids) <= _LARGEST_MAILBOX else MAX_UID)


@dataclass(frozen=True, slots=True)
class _Marks:
    """By what a kind is known: any one of them is enough. All in lower case but the capability."""

    greeting: str | None = None
    """Words in the greeting's text."""
    id_name: str | None = None
    """How the name begins that the server gives itself (RFC 2971)."""
    capability: str | None = None
    hosts: tuple[str, ...] = ()
    """Domains that the host is, or is in."""

    def show(self, greeting: str, capabilities: Collection[str], id_name: str, host: str) -> bool:
        return (
            (self.greeting is not None and self.greeting in greeting)
            or (self.id_name is not None and id_name.startswith(self.id_name))
            or self.capability in capabilities
            or any(f".{host}".endswith(f".{domain}") for domain in self.hosts)
        )


ANY = ServerKind()
"""A server of which nothing is known, and which is trusted with several commands at once from the first on."""

_STRANGER = replace(ANY, unproven=True)

# A gateway (DavMail) comes before the server that it stands in front of.
_KINDS: tuple[tuple[_Marks, ServerKind], ...] = (
    (_Marks("davmail", "davmail"), ServerKind("DavMail", depth=1, flights=1, asks_size=False)),
    (
        _Marks("gimap ready", "gimap", "X-GM-EXT-1", ("gmail.com", "googlemail.com")),
        ServerKind("Gmail", depth=1000, longest_line=16000, batch_messages=200),
    ),
    (
        _Marks(
            "microsoft exchange",
            "microsoft.exchange",
            hosts=("outlook.com", "office365.com", "office365.us", "partner.outlook.cn"),
        ),
        # Exchange 2003 ends the connection over NAMESPACE, and no Exchange has a prefix. A message that is stored with
        # \Flagged is not flagged in Outlook.
        ServerKind(
            "Exchange",
            depth=25,
            longest_line=2000,
            batch_messages=50,
            flights=2,
            asks_namespace=False,
            forgets_flagged=True,
        ),
    ),
    (
        _Marks("imapgate", "yahoo", "XYMHIGHESTMODSEQ", ("yahoo.com", "aol.com")),
        ServerKind("Yahoo", depth=25, longest_line=1000, flights=2),
    ),
    (_Marks("qqmail", hosts=("qq.com",)), ServerKind("QQ", depth=1, flights=1)),
    # It finds bodies by their place in a list that a removal by another session shifts.
    (_Marks("imaprev1", "hmailserver"), ServerKind("hMailServer", unproven=True, mixes_up=True)),
    (_Marks(" imap4rev1 200"), ServerKind("UW", longest_line=1000, flights=2, lists_locks=True)),
    # iCloud's VANISHED is malformed or names other messages: clients that believed it deleted mail.
    (
        _Marks("iscream ready", capability="XAPPLEPUSHSERVICE", hosts=("me.com", "icloud.com")),
        ServerKind("iCloud", flights=2, tells_removals=False),
    ),
    (_Marks(hosts=("fastmail.com", "messagingengine.com")), ServerKind("Fastmail", depth=1000, flights=8)),
    (_Marks("courier-imap"), ServerKind("Courier", longest_line=16000)),
    (_Marks("cyrus imap", "cyrus"), ServerKind("Cyrus", depth=1000, flights=8)),
    (_Marks("dovecot", "dovecot"), ServerKind("Dovecot", depth=1000, longest_line=60_000, flights=8)),
)


def kind_of(
    greeting: str, capabilities: Collection[str], id_fields: Mapping[str, str | None] | None = None, host: str = ""
) -> ServerKind:
    """The kind of a server by what it says of itself and where it is; a stranger is tried one command at a time.

    `greeting` is the greeting's text, `capabilities` are in capitals, `id_fields` the answer to ID if there was one,
    `host` is a name or "".
    """
    said, id_name = greeting.lower(), ((id_fields or {}).get("name") or "").lower()
    where = host.lower().rstrip(".")
    for marks, kind in _KINDS:
        if marks.show(said, capabilities, id_name, where):
            return _limited(kind, capabilities)
    return _limited(_STRANGER, capabilities)


def message_limit(capabilities: Collection[str]) -> int | None:
    """How many messages the server deals with at once (MESSAGELIMIT, RFC 9738); None when it does not say."""
    for name in capabilities:
        word, _, number = name.partition("=")
        if word == "MESSAGELIMIT" and re.fullmatch(r"0*[1-9][0-9]{0,8}", number):
            return max(int(number), _LEAST)
    return None


def _limited(kind: ServerKind, capabilities: Collection[str]) -> ServerKind:
    limit = message_limit(capabilities)
    return kind if limit is None else replace(kind, most_messages=limit)
