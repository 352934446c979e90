"""Messages as nobody should write them and somebody did: what goes in must come out, octet for octet.

Dovecot keeps every one of `odd_messages()`; what Cyrus and Courier do to some of them is in `known`.
`troublesome_messages()` are refused or changed by Dovecot too. All were tried on Dovecot 2.3.19 (maildir and sdbox),
Cyrus 3.6.1 and Courier 5.0.13, by APPEND and FETCH of `BODY.PEEK[]`.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGE = 1 << 20
"""Messages from this size on are left out of `small_odd_messages`."""


def canonical(message: bytes) -> bytes:
    """Wire form: every LF that no CR precedes becomes CRLF, and nothing else changes."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", message)


def digest(message: bytes) -> str:
    """SHA-256 of the wire form: equal for two copies of one message, whatever their line ends on disk."""
    return hashlib.sha256(canonical(message)).hexdigest()


@dataclass(frozen=True)
class OddMessage:
    """One message; `known` maps a server's name to what it does instead of keeping it: "refused: …" or "changed: …"."""

    name: str
    make: Callable[[], bytes] = field(repr=False)
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def raw(self) -> bytes:
        """As a program may have left it on disk; line ends as they may be."""
        return self.make()

    @property
    def wire(self) -> bytes:
        """In wire form."""
        return canonical(self.raw)


def odd_messages() -> tuple[OddMessage, ...]:
    """Every odd message that a careful server keeps; one of them has 30 MB."""
    return tuple(_odd(name, made) for kind in (_HEADERS, _BODIES, _SHAPES) for name, made in kind.items())


def small_odd_messages() -> tuple[OddMessage, ...]:
    """Those that a quick test can afford."""
    return tuple(message for message in odd_messages() if message.name not in _LARGE)


def troublesome_messages() -> tuple[OddMessage, ...]:
    """Messages that even a careful server refuses or changes."""
    return tuple(_odd(name, made) for name, made in _TROUBLESOME.items())


def _odd(name: str, made: bytes | Callable[[], bytes]) -> OddMessage:
    return OddMessage(name, (lambda: made) if isinstance(made, bytes) else made, _KNOWN.get(name, {}))


def _head(name: str, *lines: bytes, last: bytes = b"\r\n\r\n") -> bytes:
    """A plain header with a Message-ID of its own, then `lines`, then the empty line."""
    own = [b"From: a@example.org", b"To: b@example.org", b"Subject: " + name.encode()]
    own.append(b"Message-ID: <" + re.sub(rb"\W", b".", name.encode()) + b"@odd.example.org>")
    return b"\r\n".join([*own, *lines]) + last


def _plain(name: str, body: bytes) -> bytes:
    return _head(name) + body


def _multipart(name: str, boundary: bytes, body: bytes, kind: bytes = b"mixed") -> bytes:
    return (
        _head(name, b"MIME-Version: 1.0", b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"') + body
    )


def _noise(size: int, *without: int) -> bytes:
    """Reproducible octets, all values but those left out."""
    allowed = [octet for octet in range(256) if octet not in without]
    return bytes(random.Random(size).choices(allowed, k=size))


# ---- odd in the header ------------------------------------------------------------------------------------------

_HEADERS: dict[str, bytes | Callable[[], bytes]] = {
    "8-bit header, latin-1": _head("latin-1", b"X-Name: J\xf6rg M\xfcller", b"From: J\xf6rg <j@example.org>")
    + b"x\r\n",
    "8-bit header, utf-8": _head("utf-8", "Subject: Grüße aus Köln 🚣".encode()) + b"x\r\n",
    "8-bit header, koi8-r and shift-jis": _head(
        "koi8", "Subject: Привет".encode("koi8-r"), "X-Jp: こんにちは".encode("shift-jis")
    )
    + b"x\r\n",
    "header that is not utf-8": _head("not utf-8", b"Subject: \xc3\x28 \xed\xa0\x80 \xff\xfe") + b"x\r\n",
    "unicode addresses": _head("smtputf8", "From: пример <ящик@пример.рф>".encode(), "To: 用户@例子.广告".encode())
    + b"x\r\n",
    "no space after the colon": b"From:a@example.org\r\nSubject:tight\r\nMessage-ID:<tight@odd.example.org>\r\n\r\nbody\r\n",
    "many spaces after the colon": b"From:    a@example.org\r\nSubject:\t \t wide   \r\n\r\nbody\r\n",
    "space before the colon": b"From : a@example.org\r\nSubject : early space\r\n\r\nbody\r\n",
    "trailing spaces in the header": b"From: a@example.org  \t\r\nSubject: trailing \r\n\r\nbody\r\n",
    "empty header values": b"From: a@example.org\r\nSubject:\r\nTo: \r\nCc:\r\nX-Empty:\t\r\n\r\nbody\r\n",
    "folded with tabs": _head(
        "tabs", b"X-Long: one\r\n\ttwo\r\n\t\tthree\r\n \t four", b"References:\r\n\t<a@b>\r\n\t<c@d>"
    )
    + b"x\r\n",
    "fold that holds only spaces": _head("blank fold", b"X-Blank: a\r\n  \r\n\t\r\n b") + b"x\r\n",
    "first line is a fold": b" Subject: looks like a fold\r\nFrom: a@example.org\r\n\r\nbody\r\n",
    "form feed and vertical tab in the header": _head("ff", b"X-Odd: a\x0cb\x0bc", b"Subject: \x0c\x0bpage") + b"x\r\n",
    "lone CR in the header": _head("CR in the header", b"X-Odd: one\rtwo") + b"x\r\n",
    "control octets in the header": _head("controls", b"X-Odd: \x01\x07\x08\x1b[31m\x7f") + b"x\r\n",
    "unicode line separators in the header": _head("nel", "X-Odd: a\u2028b\u2029c\u0085d".encode() + b"\x1c\x1d\x1e")
    + b"x\r\n",
    "duplicate headers": _head("twice", b"Subject: again", b"From: c@example.org", b"Message-ID: <2@odd>") + b"x\r\n",
    "header line without colon": _head("no colon", b"this is not a header", b"X-After: yes") + b"body\r\n",
    "From line first": b"From a@example.org Thu Jan  1 00:00:00 1970\r\n" + _head("From line") + b"body\r\n",
    "quoted From line first": b">From a@example.org Thu Jan  1 00:00:00 1970\r\n" + _head("quoted From") + b"body\r\n",
    "first line without colon": b"hello, I am no header at all\r\nneither am I\r\n\r\nand this is the body\r\n",
    "header name with odd characters": _head("odd names", b"X(a)[b]/c?=: 1", b"X_\xe4: 2", b": no name", b"{5}: 3")
    + b"x\r\n",
    "byte order mark at the start": b"\xef\xbb\xbf" + _head("bom") + b"body\r\n",
    "header only, without an empty line": _head("header only", last=b"\r\n"),
    "header only, without a line end": _head("header cut short", last=b""),
    "header only, with the empty line": _head("header and nothing"),
    "one line": b"Subject: one line\r\n",
    "a thousand Received lines": lambda: (
        b"".join(
            b"Received: from h%d.example.org by h%d.example.org;\r\n\tMon, 1 Jan 2024\r\n" % (n, n + 1)
            for n in range(1000)
        )
        + _plain("received", b"x\r\n")
    ),
    "header line of 64 kB": lambda: _head("long header", b"X-Long: " + b"v" * 65536) + b"x\r\n",
    "header folded over 64 kB": lambda: (
        _head("long fold", b"To: " + b",\r\n ".join([b"someone@example.org"] * 3000)) + b"x\r\n"
    ),
    "encoded words": _head(
        "words", b"Subject: =?utf-8?q?=C3=A4?= =?iso-8859-1?b?5A==?=\r\n =?broken?x?y?= =?utf-8?q?=FF?="
    )
    + b"x\r\n",
    "date of nonsense": _head("date", b"Date: Fri, 99 Foo -1 25:61:61 +9999 (yes)") + b"x\r\n",
    "literal and quote marks": _head("marks", b'Subject: {12}\r\n "unbalanced \\ (quote {3+}', b"X-Tag: * 1 FETCH (")
    + b"A1 OK\r\n",
}

# ---- odd in the body --------------------------------------------------------------------------------------------

_BODIES: dict[str, bytes | Callable[[], bytes]] = {
    "no body": _head("no body"),
    "only an empty line": b"\r\n",
    "only empty lines": b"\r\n" * 17,
    "only a body": b"\r\nthis message has no header, only a body\r\n",
    "empty lines before the header": b"\r\n\r\n" + _plain("late header", b"body\r\n"),
    "no line end at the end": _plain("no line end", b"the end"),
    "empty lines at the end": _plain("empty lines at the end", b"the end\r\n\r\n\r\n\r\n"),
    "From lines in the body": _plain(
        "From", b"From here\r\n>From there\r\n>>From\r\nFrom a@b Mon Jan  1 00:00:00 2024\r\n"
    ),
    "lines of a dot": _plain("dots", b".\r\n..\r\n.hidden\r\nQUIT\r\n.\r\n"),
    "trailing spaces": _plain("trailing spaces", b"two  \r\ntab\t\r\n   \r\n-- \r\nme\r\n"),
    "lines of tabs": _plain("lines of tabs", b"\t\r\n\t\t\t\r\n\ta\t\r\n"),
    "lone CR in the body": _plain("lone CR", b"one\rtwo\r\r three\r\nfour\r\n"),
    "unix line ends": _plain("unix", b"one\r\ntwo\r\n").replace(b"\r\n", b"\n"),
    "mixed line ends": _plain("mixed", b"one\ntwo\r\nthree\n\nfour\r\n\r\nfive\n"),
    "unix header over a dos body": _head("unix header").replace(b"\r\n", b"\n") + b"one\r\ntwo\r\n",
    "dos header over a unix body": _plain("dos header", b"one\ntwo\n"),
    "line of 100 kB": lambda: _plain("long line", b"x" * 100_000 + b"\r\n"),
    "lines around the limits": lambda: _plain(
        "limits",
        b"".join(
            b"y" * n + b"\r\n"
            for n in (76, 78, 996, 997, 998, 999, 1000, 1022, 1023, 1024, 4095, 4096, 8190, 8191, 8192)
        ),
    ),
    "megabyte without a line end": lambda: _plain("no lines", b"z" * LARGE),
    "invalid utf-8": _head("invalid utf-8", b"Content-Type: text/plain; charset=utf-8")
    + b"\xc3\x28\xa0\xff\xf0\x9f\r\n",
    "all octets but NUL, CR and LF": lambda: _plain("binary", _noise(10_000, 0, 10, 13) + b"\r\n"),
    "control octets": _plain(
        "controls in the body", bytes(range(1, 10)) + b"\x0b\x0c" + bytes(range(14, 32)) + b"\x7f\r\n"
    ),
    "end of file octets": _plain("ctrl-z", b"before\x1aafter\x04\r\n\x1a\r\n"),
    "unicode line separators": _plain("separators", "a\u2028b\u2029c\u0085d\r\n".encode()),
    "byte order mark in the body": _plain("bom in the body", b"\xef\xbb\xbfbody\r\n"),
    "utf-16 without NUL": _head("utf-16", b"Content-Type: text/plain; charset=utf-16be")
    + "丁七万丈三上下".encode("utf-16-be")
    + b"\r\n",
    "format=flowed": _head("flowed", b"Content-Type: text/plain; format=flowed; delsp=yes")
    + b"soft \r\nbreak\r\n>> quoted \r\n>> more\r\n -- stuffed\r\n-- \r\nsig\r\n",
    "quoted-printable": _head("qp", b"Content-Transfer-Encoding: quoted-printable")
    + b"a=\r\nb=  \r\n=C3=A4=\r\n=ZZ =\r\n=",
    "base64 in odd lines": _head("base64", b"Content-Transfer-Encoding: base64")
    + b"QQ\r\nUF\r\n\r\nBQkND\r\n  RERE \r\nRQ==\r\nRg==\r\n====\r\n",
    "base64 of one line": lambda: (
        _head("base64 line", b"Content-Transfer-Encoding: base64") + base64.b64encode(_noise(60_000))
    ),
    "uuencode": _plain("uu", b"begin 644 a b.txt\r\n#0V%T\r\n`\r\nend\r\n"),
    "what looks like IMAP": _plain(
        "imap", b")\r\n* 5 EXPUNGE\r\nA001 OK done\r\n* BYE {10}\r\n+ go\r\nA2 LOGOUT {3+}\r\n"
    ),
    "what looks like a header": _plain("header again", _head("inside") + b"Subject: body\r\n\r\nend\r\n"),
    "30 MB": lambda: _plain("30 MB", (b"0123456789abcdef" * 4 + b"\r\n") * (30_000_000 // 66)),
}

# ---- odd in the shape -------------------------------------------------------------------------------------------

_SHAPES: dict[str, bytes | Callable[[], bytes]] = {
    "no end boundary": _multipart("no end", b"b", b"--b\r\n\r\npart\r\n--b\r\n\r\nlast part\r\n"),
    "nested without end boundaries": _multipart(
        "nested",
        b"outer",
        b'--outer\r\nContent-Type: multipart/alternative; boundary="inner"\r\n\r\n--inner\r\n\r\na\r\n\r\n\r\n--inner\r\n\r\nb\r\n'
        b"\r\n--outer\r\n\r\nc\r\n",
    ),
    "boundary that begins another": _multipart(
        "prefix", b"b", b"--bb\r\n\r\nno part\r\n--b\r\n\r\npart\r\n--b--\r\n--bb--\r\n"
    ),
    "boundary of odd characters": _multipart(
        "odd boundary", b"a '()+_,-./:=?b", b"--a '()+_,-./:=?b\r\n\r\nx\r\n--a '()+_,-./:=?b--\r\n"
    ),
    "empty boundary": _multipart("empty boundary", b"", b"--\r\n\r\nx\r\n----\r\n"),
    "boundary never used": _multipart("unused", b"nowhere", b"no part at all\r\n"),
    "no boundary": _head("no boundary", b"Content-Type: multipart/mixed") + b"--\r\n\r\nx\r\n",
    "spaces after the boundary": _multipart("spaces", b"b", b"--b \t\r\n\r\nx\r\n--b-- \t\r\n"),
    "preamble and epilogue": _multipart(
        "around", b"b", b"pre\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n\r\nepilogue without end"
    ),
    "no line end after the end boundary": _multipart("cut", b"b", b"--b\r\n\r\nx\r\n--b--"),
    "parts without header or body": _multipart("hollow", b"b", b"--b\r\n--b\r\n\r\n--b\r\nX: y\r\n--b--\r\n"),
    "two thousand parts": lambda: _multipart(
        "parts", b"b", b"".join(b"--b\r\n\r\npart %d\r\n" % n for n in range(2000)) + b"--b--\r\n"
    ),
    "multiparts fifty deep": lambda: (
        b"".join(_multipart(f"deep {n}", b"b%d" % n, b"--b%d\r\n" % n) for n in range(50)) + b"x"
    ),
    "message in a message": _head("outer", b"Content-Type: message/rfc822")
    + _head("middle", b"Content-Type: message/rfc822")
    + _plain("inner", b"x"),
    "message in base64": _head("encoded", b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64")
    + base64.encodebytes(_plain("hidden", b"x\r\n")).replace(b"\n", b"\r\n"),
    "partial message": _head("partial", b'Content-Type: message/partial; id="a@b"; number=2; total=3') + b"middle\r\n",
    "delivery report": _multipart(
        "report",
        b"r",
        b"--r\r\n\r\nfailed\r\n--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        b"Action: failed\r\n\r\n--r\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: x\r\n--r--\r\n",
        kind=b"report",
    ),
    "S/MIME, opaque": lambda: (
        _head(
            "smime",
            b"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
            b"Content-Transfer-Encoding: base64",
        )
        + base64.encodebytes(_noise(3000)).replace(b"\n", b"\r\n")
    ),
    "S/MIME, signed": _multipart(
        "signed",
        b"----A_1",
        b"This is an S/MIME signed message\r\n\r\n------A_1\r\nContent-Type: text/plain \r\n\r\nexact  \r\n\r\n\r\n------A_1\r\n"
        b"Content-Type: application/pkcs7-signature\r\n\r\nMIIB\r\n------A_1--\r\n\r\n",
        kind=b"signed",
    ),
    "PGP, inline": _plain(
        "pgp",
        b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\n- From me  \r\n- -- \r\n-----BEGIN PGP SIGNATURE-----\r\n"
        b"\r\niQ==\r\n=abcd\r\n-----END PGP SIGNATURE-----\r\n",
    ),
    "PGP, encrypted": _multipart(
        "pgp mime",
        b"p",
        b"--p\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--p\r\n"
        b"Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQ==\r\n--p--\r\n",
        kind=b"encrypted",
    ),
    "unknown charset and encoding": _head(
        "unknown", b"Content-Type: text/x; charset=x-klingon", b"Content-Transfer-Encoding: rot13"
    )
    + b"uryyb\r\n",
    "broken content type": _head(
        "broken", b"Content-Type: text; /; charset=\"unclosed; name=*0*=''%zz", b"Content-Type: a/b"
    )
    + b"x\r\n",
    "file name of odd characters": _head(
        "file name", b'Content-Disposition: attachment; filename="../../etc/pass\\"wd"; filename*=utf-8\'\'%2e%2e%2f%00'
    )
    + b"x\r\n",
}

_LARGE = frozenset({"30 MB", "megabyte without a line end"})

# ---- what good servers refuse or change -------------------------------------------------------------------------

_TROUBLESOME: dict[str, bytes | Callable[[], bytes]] = {
    "nothing at all": b"",
    "NUL in the body": _plain("NUL", b"a\x00b\r\n"),
    "NUL in the header": _head("NUL in the header", b"X-Nul: a\x00b") + b"x\r\n",
    "utf-16 with NUL": _head("utf-16 with NUL", b"Content-Type: text/plain; charset=utf-16")
    + "\ufeffhi\r\n".encode("utf-16-le"),
    "lone CR at the end": _plain("CR at the end", b"the end\r"),
    "CR CR LF": _plain("CR CR LF", b"one\r\r\ntwo\r\r\r\nthree\r\n"),
    "old Mac line ends": _plain("old mac", b"one\r\ntwo\r\n").replace(b"\r\n", b"\r"),
}

_MUNGED = {"cyrus": "changed: 8-bit octets in the header become X"}
_INVALID = {"cyrus": "refused: NO Message contains invalid header"}
_NUL = {"cyrus": "refused: NO Message contains NUL characters", "dovecot": "changed: NUL becomes 0x80"}
_NO_CR = "changed: lone CRs are dropped"
_ENDED = {"courier": "changed: a line end is added"}

_KNOWN: dict[str, Mapping[str, str]] = {
    "8-bit header, latin-1": _MUNGED,
    "8-bit header, utf-8": _MUNGED,
    "8-bit header, koi8-r and shift-jis": _MUNGED,
    "header that is not utf-8": _MUNGED,
    "unicode addresses": _MUNGED,
    "unicode line separators in the header": _MUNGED,
    "byte order mark at the start": _MUNGED,
    "space before the colon": _INVALID,
    "header line without colon": _INVALID,
    "quoted From line first": _INVALID,
    "first line without colon": _INVALID,
    "header name with odd characters": _INVALID,
    "header only, without a line end": {**_INVALID, **_ENDED},
    **dict.fromkeys(
        (
            "no line end at the end",
            "megabyte without a line end",
            "quoted-printable",
            "base64 of one line",
            "preamble and epilogue",
            "no line end after the end boundary",
            "multiparts fifty deep",
            "message in a message",
        ),
        _ENDED,
    ),
    "lone CR in the header": {"courier": _NO_CR},
    "lone CR in the body": {"courier": _NO_CR},
    "two thousand parts": {"courier": "changed: BODY[] ends after 300 parts"},
    "nothing at all": {
        **_ENDED,
        "cyrus": "refused: NO Zero-length message literal",
        "dovecot": "refused: NO Can't save a zero byte message",
    },
    "NUL in the body": _NUL,
    "NUL in the header": _NUL,
    "utf-16 with NUL": {**_NUL, "courier": _NO_CR},
    "lone CR at the end": {**_ENDED, "dovecot": "changed: the last CR is dropped"},
    "CR CR LF": {"dovecot": "changed: one CR less in front of each CR LF", "courier": _NO_CR},
    "old Mac line ends": {**_INVALID, "dovecot": "changed: the last CR is dropped", "courier": _NO_CR},
}
