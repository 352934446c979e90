"""`quick`: which of an account's refreshes do without a look at flags where that would cost much."""

from __future__ import annotations

from postboat.service.run_options import RunOptions


class Quick:
    """Lets `quick` refreshes be quick between two that are not; all for less than 0."""

    def __init__(self, quick: int) -> None:
        self._quick = quick
        self._left = 0

    def options(self, *, asked: bool) -> RunOptions:
        """What the next look at everything is to be like. Other runs, of commands given by hand, are waited for."""
        return RunOptions(quick=self._quick < 0 or (self._left > 0 and not asked), wait=True)

    def done(self, options: RunOptions) -> None:
        """Note that there was one."""
        self._left = self._left - 1 if options.quick else self._quick
