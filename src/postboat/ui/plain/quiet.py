"""Nothing at all when all is well; what goes wrong on stderr: for cron, which mails what it sees."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from postboat.ui.plain.basic import Basic
from postboat.ui.plain.out import Out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.ui.words import Manner


class Quiet(Basic):
    """Says on stderr what goes wrong or is to be decided, and nothing else."""

    def __init__(self, manner: Manner, *, err: Out | None = None) -> None:
        only = err or Out(sys.stderr)
        super().__init__(manner, out=only, err=only)

    async def tell(self, lines: Iterable[str]) -> None:
        """Keep to itself what goes as it should."""
