"""Modified UTF-7, in which servers name mailboxes (RFC 3501 section 5.1.3)."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64

_TO_SHIFT = re.compile(r"[^\x20-\x7e]+|&")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


def encode(name: str) -> str:
    """Write a name in printable ASCII; ValueError when it holds lone surrogates."""
    return _TO_SHIFT.sub(lambda match: "&-" if match[0] == "&" else _shifted(match[0]), name)


def decode(name: str) -> str:
    """Read a name; ValueError when it is not written exactly as `encode` writes it.

    One name has one spelling (the RFC forbids all others), so that two mailboxes never decode to the same name.
    """
    if not _PRINTABLE.fullmatch(name):
        raise ValueError(f"not printable ASCII: {name[:80]!r}")
    plain = _SHIFTED.sub(lambda match: _unshifted(match[1]) if match[1] else "&", name)
    if encode(plain) != name:
        raise ValueError(f"not modified UTF-7: {name[:80]!r}")
    return plain


def _shifted(text: str) -> str:
    octets = b2a_base64(text.encode("utf-16-be"), newline=False)
    return f"&{octets.rstrip(b'=').replace(b'/', b',').decode('ascii')}-"


def _unshifted(digits: str) -> str:
    padding = "=" * (-len(digits) % 4)
    try:
        return a2b_base64(digits.replace(",", "/") + padding).decode("utf-16-be")
    except (Error, UnicodeDecodeError) as error:
        raise ValueError(f"not modified UTF-7: &{digits[:80]}-") from error
