"""What the user looks at: a panel, an account, a place in a list, a filter. A small value of the drawer's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

PANELS = ("", "detail", "errors", "log", "held", "help")
"""What can be shown; "" is the main screen."""


@dataclass(frozen=True, slots=True)
class Focus:
    """What is looked at."""

    panel: str = ""
    """One of `PANELS`."""
    account: str = ""
    """The account under the cursor; "" before there was a cursor: the first."""
    scroll: int = 0
    """Lines that a panel is scrolled down, or the log up from its newest line."""
    filter: str = ""
    """Of accounts, folders and lines of the log only those are shown that contain this, in whatever case."""
    typing: bool = False
    """Whether the filter is being typed."""


def moved(focus: Focus, names: Sequence[str], by: int) -> Focus:
    """Move the cursor over these accounts, no further than to the first or the last."""
    if not names:
        return focus
    before = names.index(focus.account) if focus.account in names else 0
    return replace(focus, account=names[max(0, min(len(names) - 1, before + by))])


def opened(focus: Focus, panel: str) -> Focus:
    """Show a panel from its beginning, or the main screen again when it is shown already."""
    return replace(focus, panel="" if focus.panel == panel else panel, scroll=0)


def matches(focus: Focus, *texts: str) -> bool:
    """Whether one of the texts contains what is filtered for."""
    wanted = focus.filter.casefold()
    return not wanted or any(wanted in text.casefold() for text in texts)
