"""What messages are about, for people: subjects and senders out of headers, whatever is wrong with them."""

from __future__ import annotations

from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import parseaddr, parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from postboat.model import Key

SAMPLE = 5
"""Messages of which the subjects are told."""
LONGEST = 200
"""Characters of a subject that are kept."""
_MOST_READ = 65536
"""Octets of a header that are looked at."""


def sample(keys: Collection[Key]) -> list[Key]:
    """A few of the messages, the newest first: UIDs grow, and so do the times that begin Maildir names."""
    return sorted(keys, key=lambda key: (len(key), key), reverse=True)[:SAMPLE]


def subjects_of(keys: Sequence[Key], headers: Mapping[Key, bytes]) -> tuple[str, ...]:
    """The subjects of messages in the order of `keys`; "" for one that has none, and none for what was not read."""
    return tuple(subject(headers[key]) for key in keys if key in headers)


def subject(header: bytes) -> str:
    """The subject in a header, decoded (RFC 2047), on one line and without control characters; "" if there is none.

    Raw octets are taken for UTF-8, as RFC 6532 has them.
    """
    return _shown(_decoded(_field(header, "Subject")))


def sender(header: bytes) -> str:
    """Who wrote a message: the name that a header gives, else the address, else all it says; in one line, as above."""
    field = _field(header, "From")
    name, address = parseaddr(field)
    return next((told for text in (_decoded(name), address, field) if (told := _shown(text).strip())), "")


def date(header: bytes) -> float | None:
    """When a message says that it was written, in seconds since the epoch; None if it does not, or makes no sense."""
    try:
        return parsedate_to_datetime(_field(header, "Date")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _field(header: bytes, name: str) -> str:
    fields = HeaderParser(policy=compat32).parsestr(header[:_MOST_READ].decode("utf-8", "replace"), headersonly=True)
    return str(fields[name] or "")


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in " ".join(text.split()))[:LONGEST]


def _decoded(text: str) -> str:
    """Encoded words decoded; the text as it is where they are malformed or of a charset that nobody knows."""
    try:
        return str(make_header(decode_header(text)))
    except (MessageError, LookupError, ValueError):
        return text
