r"""What servers really send, each oddity under a name of its own. All are harmless when the server is sane."""

from __future__ import annotations

import re

_SYSTEM_FLAGS = {
    name.lower(): name
    for name in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\Recent", "$Forwarded")
}
_ROUNDED = re.compile(rb"(\d{1,19})\.(\d{1,19})(?:[eE]\+?(\d{1,2}))?|(\d{1,19})[eE]\+?(\d{1,2})")
_GLUED = re.compile(r"(\d+)([A-Za-z][A-Za-z0-9.]*)")
_ZERO_AT_START = re.compile(r"\A0+:(?=0*[1-9])")
_EXTENDED_LIST_DATA = re.compile(rb' \("?(?:CHILDINFO|OLDNAME|TABLESPACE|VENDOR\.[^" ()]*)"? ', re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def canonical_flag(flag: str) -> str:
    r"""Spell a system flag as RFC 3501 does, `$Forwarded` as RFC 5788 (Cyrus: `\seen`; Dovecot: `$forwarded`)."""
    return _SYSTEM_FLAGS.get(flag.lower(), flag)


def is_storable_flag(flag: str) -> bool:
    r"""Tell a flag from what only looks like one: `\*` among a message's flags (Zoho), NIL (Gmail's labels)."""
    return flag not in ("\\*", "\\", "") and flag.upper() != "NIL"


def without_padding(line: bytes) -> bytes:
    """Take off NUL octets in front of a response (seen by imapflow at servers that pad their buffers)."""
    return line.lstrip(b"\0") if line.startswith(b"\0") else line


def with_single_space(line: bytes) -> bytes:
    """Collapse the spaces behind the star (DavMail's keepalive: `*  953 EXISTS`)."""
    return b"* " + line[1:].lstrip(b" ") if line.startswith(b"*  ") else line


def lone_response_code(line: bytes) -> bytes:
    """Put the missing `* OK` before a bare `[COPYUID ...]` (Exchange) or `* [COPYUID ...]` (home.pl)."""
    if line.startswith(b"["):
        return b"* OK " + line
    return b"* OK " + line[2:] if line.startswith(b"* [") else line


def rounded_size(text: bytes) -> int | None:
    """Read a size that mail.ru wrote as a float (`9.3736e+06`), when it stands for a whole number.

    Never used for UIDs: the digits that rounding lost would name another message.
    """
    match = _ROUNDED.fullmatch(text)
    if match is None:
        return None
    whole, fraction, exponent = match[1] or match[4], (match[2] or b"").rstrip(b"0"), int(match[3] or match[5] or 0)
    if len(fraction) > exponent or len(whole) + exponent > 19:
        return None
    return int(whole + fraction) * int(10 ** (exponent - len(fraction)))


def glued_number(word: str) -> tuple[str, str] | None:
    """Part a number from the item name that follows without a space (Zimbra before 5.0.8: `UID 123MODSEQ (5)`)."""
    match = _GLUED.fullmatch(word)
    return (match[1], match[2]) if match else None


def without_zero_uid(uids: str) -> str:
    """Let a VANISHED set that begins with UID 0 begin with 1, since no message is called 0 (Dovecot 2.3: `0:1`)."""
    if "0" not in uids:
        return uids
    pieces = (_ZERO_AT_START.sub("1:", piece) for piece in uids.split(","))
    return ",".join(piece for piece in pieces if piece.strip("0"))


def usable_modseq(text: str) -> int | None:
    """Read a mod-sequence; 0 and -1 (Zoho), floats and more than 63 bits mean that there is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return None
    value = int(text)
    return value if 0 < value < 2**63 else None


def unquoted_name(rest: bytes) -> bytes:
    """Take a mailbox name that should have been quoted: all to the end of the line (Exchange, grommunio).

    Data that LIST-EXTENDED puts behind the name is left out (RFC 5258 section 6).
    """
    data = _EXTENDED_LIST_DATA.search(rest) if rest.endswith(b")") else None
    return (rest[: data.start()] if data else rest).rstrip(b" ")


def unescaped(text: bytes) -> bytes:
    r"""Undo the escapes of a quoted string, leaving a lone backslash in place (servers with `\` as delimiter)."""
    if b"\\" not in text:
        return text
    return re.sub(rb'\\([\\"])', rb"\1", text)


def without_control_characters(text: str) -> str:
    """Make a server's text fit to be shown: no terminal escapes, no line ends."""
    return _CONTROL.sub(" ", text).strip()
