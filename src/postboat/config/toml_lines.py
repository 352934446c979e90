"""Finds the line of every key in a TOML text, which tomllib does not tell.

The text has been accepted by tomllib before, so nothing here looks for mistakes.
"""

from __future__ import annotations

import re
from dataclasses import field

from postboat.values import dataclass

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""{1,3}(?!")' "|" r"'''.*?'''{1,3}(?!')" "|" r'"(?:\\.|[^"\\\n])*"' "|" r"'[^'\n]*'", re.DOTALL
)
_PLAIN = re.compile(r"[^\"'#\[\]{}\n]+")


@dataclass(slots=True)
class Lines:
    """The line of each key, by its path from the top."""

    of: dict[tuple[str, ...], int] = field(default_factory=dict)

    def line(self, *path: str) -> int:
        """The line of a key, else that of the nearest thing around it; 0 if there is none."""
        while path:
            if path in self.of:
                return self.of[path]
            path = path[:-1]
        return 0


def index_lines(text: str) -> Lines:
    """Index every table header and every key outside inline tables."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = 0
        self._line = 1
        self._lines = Lines()

    def scan(self) -> Lines:
        table: tuple[str, ...] = ()
        while self._skip(_BLANK) < len(self._text):
            line, start = self._line_here(), self._at
            if self._text[self._at] == "[":
                self._at += 2 if self._text.startswith("[[", self._at) else 1
                table = self._key()
                self._note(table, line)
                self._skip_value()
            else:
                self._note(table + self._key(), line)
                self._skip_value()
            if self._at == start:
                break  # not TOML after all
        return self._lines

    def _note(self, path: tuple[str, ...], line: int) -> None:
        for end in range(1, len(path) + 1):
            self._lines.of.setdefault(path[:end], line)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return self._at

    def _line_here(self) -> int:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            start = self._at
            quoted = self._text[start : start + 1] in ("'", '"')
            self._skip(_STRING if quoted else _BARE)
            written = self._text[start : self._at]
            parts.append(_unquoted(written) if quoted else written)
            self._skip(_SPACE)
            if self._text[self._at : self._at + 1] != ".":
                return tuple(parts)
            self._at += 1

    def _skip_value(self) -> None:
        """Go to the end of the line on which the value ends."""
        depth = 0
        while self._at < len(self._text):
            char = self._text[self._at]
            if char in "\"'":
                before = self._at
                if self._skip(_STRING) == before:
                    return self._to_line_end()  # not TOML after all
            elif char == "#":
                self._skip(_BLANK) if depth else self._to_line_end()
            elif char in "[{":
                depth, self._at = depth + 1, self._at + 1
            elif char in "]}":
                depth, self._at = max(0, depth - 1), self._at + 1
            elif char == "\n":
                if not depth:
                    return
                self._at += 1
            else:
                self._skip(_PLAIN)

    def _to_line_end(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end


def _unquoted(written: str) -> str:
    if written.startswith("'") or "\\" not in written:
        return written[1:-1]
    import tomllib

    try:
        return str(tomllib.loads(f"key = {written}")["key"])
    except ValueError:
        return written[1:-1]  # not TOML after all
