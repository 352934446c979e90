"""What happens to a copy between two syncs: the work that the next one finds."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from typing import TYPE_CHECKING

from tests.bench import corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.bench.copies import Copy

    Change = Callable[[Copy, int], None]
    """Changes a copy before the round of this number, and what is expected of it."""

_names = itertools.count(1)


def nothing(_copy: Copy, _round: int) -> None:
    """Nobody does anything."""


def one_message_arrives(copy: Copy, number: int) -> None:
    """One message comes to one folder on the server."""
    folder = sorted(copy.expected)[len(copy.expected) // 3]
    message = next(corpus.realistic(1, series=9000 + number))
    copy.harbour.deliver(copy.user, folder, message.content)
    copy.expected[folder] += 1


def one_message_arrives_and_one_is_starred(copy: Copy, number: int) -> None:
    """In INBOX on the server, one message comes and another, in the middle, gets a star."""
    uid = copy.expected["INBOX"] // 2 + number
    copy.harbour.deliver(copy.user, "INBOX", next(corpus.realistic(1, series=9300 + number)).content)
    copy.harbour.star(copy.user, "INBOX", uid)
    copy.expected["INBOX"] += 1


def the_ledger_is_lost(copy: Copy, _round: int) -> None:
    """All that Postboat remembers is gone; the mail is not."""
    shutil.rmtree(copy.home / "state")


def new_messages(count: int) -> Change:
    """Return the change that a mail program puts `count` messages into the local INBOX."""

    def put(copy: Copy, number: int) -> None:
        drop(copy, corpus.realistic(count, series=9100 + number))

    return put


def huge_message(size: int) -> Change:
    """Return the change that a mail program puts one message of `size` octets into the local INBOX."""

    def put(copy: Copy, number: int) -> None:
        drop(copy, [corpus.huge(size, series=9200 + number)])

    return put


def drop(copy: Copy, messages: Iterable[corpus.Message]) -> None:
    """Put messages into the local INBOX under names of their own."""
    for message in messages:
        (copy.folder() / "cur" / f"{_fresh_name()}:2,{message.flags}").write_bytes(message.content)
        copy.expected["INBOX"] += 1


def flags(count: int) -> Change:
    """Return the change that a reader stars half of `count` local messages, or takes the stars away, and reads half."""

    def turn(copy: Copy, _round: int) -> None:
        files = copy.files()[:count]
        for index, file in enumerate(files):
            _toggle(file, "F" if index % 2 else "S")

    return turn


def deletions(count: int) -> Change:
    """Return the change that a reader removes `count` local messages."""

    def remove(copy: Copy, _round: int) -> None:
        for file in copy.files()[:count]:
            file.unlink()
        copy.expected["INBOX"] -= count

    return remove


def moves(count: int) -> Change:
    """Return the change that a reader files `count` messages of one local folder in another, under new names."""

    def move(copy: Copy, number: int) -> None:
        source, target = (f"folder-{10 + 2 * number + side:03}" for side in (0, 1))
        for file in copy.files(source)[:count]:
            file.rename(copy.folder(target) / "cur" / f"{_fresh_name()}:2,{file.name.rpartition(':2,')[2]}")
        copy.expected[source] -= count
        copy.expected[target] += count

    return move


def _toggle(file: Path, letter: str) -> None:
    unique, _, letters = file.name.partition(":2,")
    turned = "".join(sorted({letter} ^ set(letters)))
    file.rename(file.parent.parent / "cur" / f"{unique}:2,{turned}")


def _fresh_name() -> str:
    return f"{int(time.time())}.M{next(_names):07}P{os.getpid()}.reader"
