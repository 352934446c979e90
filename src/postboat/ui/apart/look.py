"""How a face may draw on this terminal, by what its user has said in the environment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from postboat.ui.board.spans import Look

if TYPE_CHECKING:
    from collections.abc import Mapping


def look_for(env: Mapping[str, str], *, ascii_only: bool = False, still: bool = False) -> Look:
    """Only ASCII where the locale has no more, or `ascii_only`; no motion where there is to be none, or `still`."""
    return Look(
        unicode=not ascii_only and _says_unicode(env) and _has_unicode(sys.stdout.encoding or "ascii"),
        motion=not still and env.get("TEXTUAL_ANIMATIONS", "").lower() != "none",
    )


def _says_unicode(env: Mapping[str, str]) -> bool:
    """Whether the user's locale does not rule it out; Python takes the one named "C" for one of UTF-8."""
    name = next(filter(None, map(env.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    encoding = name.partition(".")[2].partition("@")[0]
    return name not in ("C", "POSIX") and (not encoding or encoding.upper().replace("-", "") == "UTF8")


def _has_unicode(encoding: str) -> bool:
    try:
        return bool("●↓…".encode(encoding))
    except (UnicodeEncodeError, LookupError):
        return False
