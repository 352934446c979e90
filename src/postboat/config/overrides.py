"""`-k [section:]option=value`: options from the command line, put over those of the file before anything is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.document import Place, did_you_mean, entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.config.document import Document, Problems, Section

_PLACE = Place("-k")


def apply_overrides(document: Document, overrides: Sequence[str], problems: Problems) -> None:
    """Put each override in its section. A message never repeats a value, which may be a password."""
    for override in overrides:
        where, equals, value = override.partition("=")
        title, colon, option = where.rpartition(":")
        if not equals or not option.strip():
            problems.error(_PLACE, "needs the form [section:]option=value")
            continue
        section = _find(document, title.strip() if colon else "general", problems)
        if section is not None:
            option = option.strip() if document.toml else option.strip().lower()
            section.entries[option] = entry(option, value, _PLACE, text=True)
            section.inherited.discard(option)


def _find(document: Document, title: str, problems: Problems) -> Section | None:
    by_spelling = {spelling: section for section in document.sections.values() for spelling in _spellings(section)}
    for wanted in (title, title.replace("_", " ")):
        if wanted in by_spelling:
            return by_spelling[wanted]
    if title == "general":
        return document.add("general", "", 0)
    titles = [section.title for section in document.sections.values()]
    problems.error(_PLACE, f"there is no section {title}{did_you_mean(title, titles)}")
    return None


def _spellings(section: Section) -> list[str]:
    """Every way to write a section's title: OfflineIMAP's, TOML's, and either with `_` for a space."""
    if not section.name:
        return [section.kind]
    names = (section.name, section.name.replace("_", " "))
    kinds = (section.kind, section.kind.title())
    return [f"{kind}{mark}{name}" for kind in kinds for mark in " ._" for name in names]
