"""Reads Postboat's own format, TOML, keeping the line of every key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.config.document import KINDS, Document, Place, Problems, did_you_mean, entry
from postboat.config.toml_lines import Lines, index_lines

if TYPE_CHECKING:
    from pathlib import Path

    from postboat.config.document import Section

_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)$")


def read(path: Path, text: str, problems: Problems) -> Document:
    """Read a TOML file; what cannot be read is noted in `problems` and left out."""
    document = Document(path, toml=True)
    tables = _parse(path, text, problems)
    lines = index_lines(text) if tables else Lines()
    for key, value in tables.items():
        place = Place(str(path), lines.line(key))
        if key in ("account", "repository") and isinstance(value, dict):
            _add_named(document, key, value, lines, problems)
        elif key in ("general", "mbnames") and isinstance(value, dict):
            _fill(document.add(key, "", place.line), value, lines)
        else:
            problems.error(place, f"{key}: {_what_instead(key, value)}")
    return document


def _parse(path: Path, text: str, problems: Problems) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError, as is a number of 5000 digits
        message = str(error) if isinstance(error, ValueError) else "is nested too deeply"
        found = _AT_LINE.search(message)
        line = int(found[1]) if found else text.count("\n") + 1
        what = message[: found.start()] if found else message.removesuffix(" (at end of document)")
        problems.error(Place(str(path), line), f"is not TOML: {what}")
        return {}


def _add_named(document: Document, kind: str, tables: dict[str, object], lines: Lines, problems: Problems) -> None:
    for name, table in tables.items():
        line = lines.line(kind, name)
        if isinstance(table, dict):
            _fill(document.add(kind, name, line), table, lines)
        else:
            place = Place(str(document.path), line)
            problems.error(place, f"{kind}.{name}: options need a section with a name, such as [{kind}.NAME]")


def _fill(section: Section, table: dict[str, object], lines: Lines) -> None:
    path = (section.kind, section.name) if section.name else (section.kind,)
    for option, value in table.items():
        place = Place(section.place.source, lines.line(*path, option))
        section.entries[option] = entry(option, value, place, text=False)


def _what_instead(key: str, value: object) -> str:
    if key in KINDS:
        return f"must be a table: [{key}.NAME]" if key in ("account", "repository") else f"must be a table: [{key}]"
    if isinstance(value, dict):
        return f"is not a section of the configuration{did_you_mean(key, KINDS[:3])}"
    return "stands outside any section; put a line [general] above it"
