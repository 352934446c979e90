"""Commands that can be pasted into a shell as they are, whatever the names in them are made of. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.ui import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.ui.words import Manner

_PLAIN_WORD = re.compile(r"[\w@%+:,./-]+")


def command(name: str, account: str, folder: str, manner: Manner, *options: str) -> str:
    """Write a command about an account or one of its folders, ready to be pasted into a shell."""
    target = f"{account}:{folder}" if folder else account
    word = quoted(target, ascii_only=not manner.arrows)
    arguments = [*options, "--", word] if target.startswith("-") else [word, *options]
    return " ".join([manner.program, name, *arguments])


def joined(arguments: Sequence[str]) -> str:
    """Write the words of a command so that a shell takes them apart as they are."""
    return " ".join(map(quoted, arguments))


def quoted(text: str, *, ascii_only: bool = False) -> str:
    r"""Quote a word for a shell. What could steer a terminal or get lost on the way is written as `$'\ooo'`."""
    if text and _PLAIN_WORD.fullmatch(text) and (text.isascii() or not ascii_only):
        return text
    if words.clean(text) == text and (text.isascii() or not ascii_only):
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(_escaped(char, ascii_only=ascii_only) for char in text) + "'"


def _escaped(char: str, *, ascii_only: bool) -> str:
    if char in "\\'":
        return f"\\{char}"
    if words.clean(char) == char and (char.isascii() or not ascii_only):
        return char
    foreign = "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"
    return "".join(f"\\{octet:03o}" for octet in char.encode(errors=foreign))
