"""Which folder names pass a repository's filters. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.errors import FolderRulesRefused

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.config.schema import FolderRules

_GMAIL_ROOTS = ("[Gmail]", "[Google Mail]")


class FolderFilter:
    """Decides by `folderincludes`, `include`, `exclude` and `folderfilter`."""

    def __init__(self, rules: FolderRules) -> None:
        self._rules = rules
        self._include = [_glob(glob) for glob in rules.include]
        self._exclude = [_glob(glob) for glob in rules.exclude]

    def __call__(self, name: str) -> bool:
        """Whether a name passes. Raises `FolderRulesRefused` when `folderfilter` fails."""
        if name in self._rules.folderincludes:
            return True
        if self._include and not any(glob.match(name) for glob in self._include):
            return False
        if any(glob.match(name) for glob in self._exclude):
            return False
        if self._rules.folderfilter is None:
            return True
        return bool(called(self._rules.folderfilter, name, "folderfilter", f"folder {name!r}"))


def _glob(glob: str) -> re.Pattern[str]:
    """Compile a glob; the brackets of Gmail's root are a name, not a set of characters."""
    from fnmatch import translate  # only declarative filters need it

    for root in _GMAIL_ROOTS:
        if glob.startswith(root):
            glob = "[[]" + glob[1:]
    return re.compile(translate(glob))


def called(rule: Callable[[str], object], name: str, option: str, what: str) -> object:
    """The answer of a user's rule. Raises `FolderRulesRefused`, telling `what` it was asked about, when it fails."""
    try:
        return rule(name)
    except Exception as error:
        raise FolderRulesRefused(f"{option} fails for {what}: {described(error)}") from error


def described(error: Exception) -> str:
    """An exception on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
