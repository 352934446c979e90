"""Where a folder lies below the root, and back: three layouts, one reversible escaping.

What a directory name cannot hold is written as `%` and two capital hex digits for each octet of its UTF-8 form. A
`%` of the name itself is written as it is, unless the result would read as an escape. So names that people use stay
as they are, no two folders share a directory, and no name can point outside its place.
"""

from __future__ import annotations

import re
from dataclasses import replace

from postboat.errors import ConfigError, FolderError
from postboat.maildir.names import LONGEST
from postboat.model import INBOX, FolderName
from postboat.values import dataclass

DEEPEST = 32
"""Levels of hierarchy beyond which a folder is refused."""
SUBDIRECTORIES = ("cur", "new", "tmp")
_LOOKS_ESCAPED = re.compile(r"%(?=[0-9A-F]{2})")
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")


class Layout:
    """The directory of each folder, relative to the root; "" is the root itself.

    `flat`: hierarchy as `sep` inside one directory name; `nested`: as directories; `maildir++`: INBOX is the root,
    every other folder one directory `.A.B`. Raises `ConfigError` for a separator that cannot serve.
    """

    def __init__(self, kind: str = "flat", sep: str = ".") -> None:
        self.kind = "nested" if kind == "flat" and sep == "/" else kind
        self.sep = {"nested": "/", "maildir++": "."}.get(self.kind, sep)
        if self.kind not in ("flat", "nested", "maildir++"):
            raise ConfigError([f"layout: {kind!r} is unknown, use flat, nested or maildir++"])
        if len(self.sep) != 1 or self.sep.isalnum() or self.sep == "%" or not self.sep.isprintable():
            raise ConfigError([f"sep: {sep!r} cannot separate folder names, use one character such as . or /"])

    def directory(self, name: FolderName) -> str:
        """The directory of a folder. Raises `FolderError` for a name that no directory can hold."""
        if self.kind == "maildir++" and name == INBOX:
            return ""
        if not name.parts or not all(name.parts) or len(name.parts) > DEEPEST:
            raise FolderError(
                f"{name}: has an empty part or more than {DEEPEST} levels and cannot be kept as a Maildir"
            )
        parts = [self._written(name, part, at) for at, part in enumerate(name.parts)]
        directory = ("." if self.kind == "maildir++" else "") + self.sep.join(parts)
        if any(len(step.encode()) > LONGEST for step in directory.split("/")):
            raise FolderError(f"{name}: is too long for a directory name (at most {LONGEST} octets)")
        return directory

    def name(self, directory: str) -> FolderName | None:
        """The folder of a directory; None when it cannot be one of this layout's.

        A directory of another program's making may end in a space or a dot, which ours never do: two directories
        then bear one name, and the one that `directory` gives is meant.
        """
        if self.kind == "maildir++":
            return INBOX if not directory else self._dotted(directory)
        if self.kind == "flat" and "/" in directory:
            return None
        return self._read(directory.split(self.sep))

    def _dotted(self, directory: str) -> FolderName | None:
        if not directory.startswith(".") or "/" in directory:
            return None
        name = self._read(directory[1:].split("."))
        return None if name == INBOX else name

    def _written(self, name: FolderName, part: str, at: int) -> str:
        try:
            octets = len(part.encode())
        except UnicodeEncodeError:
            raise FolderError(f"{name!r}: is not valid Unicode") from None
        if octets > LONGEST:
            raise FolderError(f"{name}: has a part longer than {LONGEST} octets, too long for a directory name")
        return _escaped(part, self._spot(at, len(name.parts)))

    def _read(self, texts: list[str]) -> FolderName | None:
        if len(texts) > DEEPEST:
            return None
        parts = [_plain(text, self._spot(at, len(texts))) for at, text in enumerate(texts)]
        if any(not part for part in parts):
            return None
        return FolderName(tuple(part for part in parts if part))

    def _spot(self, at: int, count: int) -> _Spot:
        if self.kind == "nested":
            return _Spot(self.sep, begins=True, ends=True, whole=True)
        flat, last = self.kind == "flat", at == count - 1
        return _Spot(self.sep, begins=flat and at == 0, ends=last, whole=flat and count == 1)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a part stands in its directory name, which decides what is forbidden to it."""

    sep: str
    begins: bool
    ends: bool
    whole: bool
    """Whether it is all of a name that could be taken for one of a Maildir's own subdirectories."""


def _escaped(part: str, spot: _Spot) -> str:
    """The part as it is, if that reads back as itself, else escaped."""
    if _guarded(part, spot) == part and not _is_escape(part, spot):
        return part
    return _guarded(_LOOKS_ESCAPED.sub("%25", part), spot)


def _plain(text: str, spot: _Spot) -> str | None:
    """Undo `_escaped`; None for what it never gives and what may not be a folder's name either."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        return None
    if _is_escape(text, spot):
        return _unescaped(text)
    # A trailing space or dot is only escaped for the sake of other systems: where it is found it is accepted.
    return text if _guarded(text, replace(spot, ends=False)) == text else None


def _is_escape(text: str, spot: _Spot) -> bool:
    """Whether the text is how some other part is written. Ends, since undoing an escape shortens."""
    plain = _unescaped(text)
    return plain is not None and plain != text and _escaped(plain, spot) == text


def _unescaped(text: str) -> str | None:
    try:
        return _ESCAPES.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode(), text)
    except UnicodeDecodeError:
        return None


def _guarded(text: str, spot: _Spot) -> str:
    """Escape what a directory name cannot hold or other programs would misread; leaves `%` alone."""
    text = "".join(_octets(c) if c in ("/", spot.sep) or _is_control(c) else c for c in text)
    if spot.begins and text.startswith("."):
        text = "%2E" + text[1:]
    if spot.ends and text.endswith((" ", ".")):
        text = text[:-1] + _octets(text[-1])
    if spot.whole and text in SUBDIRECTORIES:
        text = _octets(text[0]) + text[1:]
    return text


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f"


def _octets(character: str) -> str:
    return "".join(f"%{octet:02X}" for octet in character.encode())
