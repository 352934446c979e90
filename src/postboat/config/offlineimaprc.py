"""Reads OfflineIMAP's own file. ConfigParser, which OfflineIMAP uses, gives the values; lines are found beside it."""

from __future__ import annotations

import re
from configparser import ConfigParser, InterpolationError, MissingSectionHeaderError, ParsingError
from typing import TYPE_CHECKING

from postboat.config.document import Document, Place, Problems, did_you_mean, entry

if TYPE_CHECKING:
    from pathlib import Path

    from postboat.config.document import Section

_HEADER = re.compile(r"\[(?P<title>.+)\]")
_OPTION = re.compile(r"(?P<option>.*?)\s*[=:]")
_TITLE = re.compile(r"(Account|Repository)\s+(.*\S)\s*$")
_WORDS = ("general", "mbnames", "Account", "Repository", "DEFAULT")
DEFAULT = "DEFAULT"
FORMAT = ("mbnames", "peritem")
"""An option whose %(names)s are for later."""

Index = dict[tuple[str, str], int]
"""Line of each option by section title and option; of a section with the option \"\"."""


def read(path: Path, text: str, problems: Problems) -> Document:
    """Read an OfflineIMAP file; what cannot be read is noted in `problems` and left out."""
    document = Document(path, toml=False)
    index, sound = _index(path, text, problems)
    parser = ConfigParser(strict=False)
    try:
        parser.read_string(text)
    except MissingSectionHeaderError:
        return document  # told by _index
    except ParsingError as error:
        if sound:  # its own text would show the line, which may hold a password
            for line, _ in error.errors:
                problems.error(Place(str(path), line), "is not understood; write option = value")
    for title in parser.sections():
        section = _section(document, title, index, problems)
        if section is not None:
            _fill(section, title, parser, index, problems)
    return document


def _index(path: Path, text: str, problems: Problems) -> tuple[Index, bool]:
    """Find the line of each section and option by ConfigParser's rules, and note what it would stumble over."""
    index: Index = {}
    title, option, indent, sound = "", "", 0, True
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip()
        if not content or content[0] in "#;":
            continue
        here = len(line) - len(line.lstrip())
        if title and option and here > indent:
            continue  # a value goes on
        indent, place = here, Place(str(path), number)
        if header := _HEADER.match(content):
            title, option = header["title"], ""
            sound &= title == DEFAULT or _note(index, (title, ""), place, f"[{title}]", problems)
        elif not title:
            word = content.split("=")[0].split(":")[0].strip()
            problems.error(place, f"{word}: stands before any section; put a line [general] above it")
            return index, False
        elif (found := _OPTION.match(content)) and found["option"]:
            option = found["option"].lower()
            sound &= _note(index, (title, option), place, f"{title}.{option}", problems)
        else:
            problems.error(place, f"{title}: is not understood; write option = value, or indent what continues a value")
            sound = False
    return index, sound


def _note(index: Index, key: tuple[str, str], place: Place, name: str, problems: Problems) -> bool:
    first = index.setdefault(key, place.line)
    if first == place.line:
        return True
    problems.error(place, f"{name}: is written twice, first in line {first}; delete one")
    return False


def _section(document: Document, title: str, index: Index, problems: Problems) -> Section | None:
    line = index.get((title, ""), 0)
    if title in ("general", "mbnames"):
        return document.add(title, "", line)
    if found := _TITLE.match(title):
        return document.add(found[1].lower(), found[2], line)
    word = title.split()[0] if title.split() else title
    hint = did_you_mean(word, _WORDS) or "; sections are [general], [Account NAME], [Repository NAME]"
    problems.warn(Place(str(document.path), line), f"[{title}]: is not a section of the configuration{hint}")
    return None


def _fill(section: Section, title: str, parser: ConfigParser, index: Index, problems: Problems) -> None:
    source = section.place.source
    for option in parser.options(title):
        own = index.get((title, option))
        place = Place(source, own or index.get((DEFAULT, option), section.place.line))
        if own is None:
            section.inherited.add(option)
        try:
            value = parser.get(title, option, raw=(title, option) == FORMAT)
        except InterpolationError:  # its text would show the value, which may be a password
            if own is not None:
                what = "a % stands for itself only as %%; %(name)s inserts another option's value"
                problems.error(place, f"{section.title}.{option}: {what}")
            continue
        section.entries[option] = entry(option, value, place, text=True)
