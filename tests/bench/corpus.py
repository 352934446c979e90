"""The mail of the benchmark: made from fixed seeds, so every run on every machine has the same.

Sizes follow a log-normal distribution like those of real mailboxes: 10,000 messages are about 56 MB, half of them below
3 kB. Contents are as compressible as mail: words, and base64 in the large ones.
"""

from __future__ import annotations

import base64
import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MEDIAN, SPREAD, LARGEST = 2800, 1.13, 4_000_000
"""Octets of half the messages at most, the deviation of the logarithm of their sizes, and octets of the largest."""
MOSTLY_TEXT = 20_000
"""Octets from which a message is an attachment with a few words, and no longer words alone."""
FIRST_DAY = 1_500_000_000
FLAGS = ("S", "S", "S", "S", "S", "S", "RS", "RS", "FS", "")
"""Maildir letters, drawn with equal chances: nine of ten are read."""
SYLLABLES = ("ba", "con", "de", "er", "fi", "gra", "ho", "in", "ka", "lo", "men", "nor", "ta", "ver", "zu", "st")
HEADER = """\
Return-Path: <{sender}@{host}>
Delivered-To: reader@bench.example
Received: from mail.{host} (mail.{host} [192.0.2.{octet}])
\tby mx.bench.example with ESMTPS id {token}
\tfor <reader@bench.example>; {date}
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={host}; s=mail;
\th=from:to:subject:date:message-id; bh={token}{token};
\tb={token}{token}{token}{token}{token}
From: {sender} <{sender}@{host}>
To: Reader <reader@bench.example>
Subject: {subject}
Date: {date}
Message-ID: <{number}.{token}@{host}>
MIME-Version: 1.0
Content-Type: {kind}

"""
TINY = """\
From: {sender}@example.org
To: reader@bench.example
Subject: tiny {number}
Date: {date}
Message-ID: <tiny.{series}.{number}@example.org>

{number}
"""


@dataclass(frozen=True)
class Message:
    """A message as it lies on disk, with LF line ends; `date` in seconds since 1970, `flags` in Maildir letters."""

    content: bytes
    date: int
    flags: str

    @property
    def wire_size(self) -> int:
        """Octets with CRLF line ends."""
        return len(self.content) + self.content.count(b"\n")


def realistic(count: int, series: int = 0) -> Iterator[Message]:
    """Messages of realistic sizes and headers; another `series` has other messages."""
    rng = random.Random(f"realistic {series}")
    for number in range(count):
        size = min(LARGEST, int(rng.lognormvariate(math.log(MEDIAN), SPREAD)))
        yield _message(rng, f"{series}.{number}", size, FIRST_DAY + series * 86400 + number * 600)


def tiny(count: int, series: int = 0) -> Iterator[Message]:
    """Messages of some 170 octets."""
    for number in range(count):
        date = FIRST_DAY + number
        text = TINY.format(sender=f"s{number % 97}", number=number, series=series, date=_date(date))
        yield Message(text.encode(), date, FLAGS[number % len(FLAGS)])


def huge(size: int, series: int = 0) -> Message:
    """One message of `size` octets and a little."""
    return _message(random.Random(f"huge {series}"), f"huge.{series}", size, FIRST_DAY)


def _message(rng: random.Random, number: str, size: int, date: int) -> Message:
    attached = size > MOSTLY_TEXT
    head = HEADER.format(
        sender=_word(rng),
        host=f"{_word(rng)}.example",
        octet=rng.randrange(256),
        token=f"{rng.getrandbits(80):020x}",
        subject=" ".join(_word(rng) for _ in range(rng.randrange(2, 8))),
        date=_date(date),
        number=number,
        kind="application/octet-stream\nContent-Transfer-Encoding: base64" if attached else "text/plain; charset=utf-8",
    ).encode()
    body = _slice(_base64() if attached else _words(), rng, max(0, size - len(head)))
    return Message(head + body, date, rng.choice(FLAGS))


def _slice(pool: bytes, rng: random.Random, size: int) -> bytes:
    """Cut `size` octets, and the rest of a line, out of the pool; a large piece goes round it."""
    start = rng.randrange(len(pool))
    whole, rest = divmod(size, len(pool))
    turned = pool[start:] + pool[:start]
    return turned * whole + turned[:rest] + b"\n"


def _date(date: int) -> str:
    return format_datetime(datetime.fromtimestamp(date, UTC))


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randrange(1, 5)))


@cache
def _words() -> bytes:
    rng = random.Random("words")
    lines = (" ".join(_word(rng) for _ in range(9)) for _ in range(10_000))
    return "".join(f"{line[:76]}\n" for line in lines).encode()


@cache
def _base64() -> bytes:
    return base64.encodebytes(random.Random("base64").randbytes(57 * 20_000))
