"""What is asked of one sync of an account."""

from __future__ import annotations

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks of one run."""

    accounts: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Remote folder names as the server spells them; empty: all that the rules want."""
    dry_run: bool = False
    quick: bool = False
    """Where only a look at each folder would show changed flags, do without that look."""
    retry: bool = False
    """Try messages that failed before again, though they are not due."""
    one_way: bool = False
    """Bring what the remote side has to the local one, change nothing there and delete nothing here, and count."""
    wait: bool = False
    """Wait for another run to end instead of failing with `LedgerLocked`."""
