"""A terminal that understands the few sequences we may use, and refuses any other."""

from __future__ import annotations

import io
import re

_SEQUENCE = re.compile(r"\x1b\[(\d*)([A-Za-z])|(\r)|(\n)|([^\x00-\x1f\x7f-\x9f])")


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal and can show what is on its screen."""

    encoding = "utf-8"

    def __init__(self, *, isatty: bool = True) -> None:
        super().__init__()
        self._isatty = isatty

    def isatty(self) -> bool:
        return self._isatty

    @property
    def screen(self) -> list[str]:
        """Rows as a person sees them now, without colours, scrolled out ones included."""
        rows: list[list[str]] = [[]]
        row = column = 0
        text = self.getvalue()
        at = 0
        while at < len(text):
            found = _SEQUENCE.match(text, at)
            assert found, f"not for a terminal: {text[at : at + 10]!r}"
            at = found.end()
            number, letter, carriage, newline, char = found.groups()
            if carriage:
                column = 0
            elif newline:
                row, column = row + 1, 0
                if row == len(rows):
                    rows.append([])
            elif char:
                line = rows[row]
                line += " " * (column + 1 - len(line))
                line[column] = char
                column += 1
            elif letter == "A":
                row -= int(number or 1)
                assert row >= 0, "the cursor went above the screen"
            elif letter == "K":
                del rows[row][column:]
            elif letter == "J":
                del rows[row][column:]
                del rows[row + 1 :]
            else:
                assert letter == "m", f"unexpected sequence {letter!r}"
        return ["".join(line).rstrip() for line in rows if line or line is not rows[-1]]


class FakeFile(io.StringIO):
    """A stream that is no terminal, in a given encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding
