"""How patient a run that goes on is: every span of time that it waits for, in one place, so that tests can be quick."""

from __future__ import annotations

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, all of them."""

    settle_server: float = 0.02
    """Quiet after a word from the server before it is acted on: a move tells of two folders, one after the other."""
    settle_disk: float = 0.1
    """Quiet after a change on disk: programs change many files one after the other."""
    longest_settle: float = 1.0
    """After this it is acted on, however much goes on happening."""
    first_retry: float = 1.0
    """Before the second attempt after a failure; each further one waits twice as long."""
    longest_retry: float = 300.0
    users_turn: float = 300.0
    """Before the next attempt after a refused sign-in and what else is the user's to mend: servers lock accounts that
    are tried too often."""
    healthy: float = 60.0
    """After so long without a failure the next one counts as the first."""
    keepalive: float = 240.0
    """Between signs of life on a connection, where the configuration does not say: home routers forget it after five
    minutes or more."""
    poll_disk: float = 30.0
    """Between looks at Maildirs where the system tells nothing of changes (network file systems)."""
    accident: float = 120.0
    """For so long deletions count together: an accident comes in pieces when changes are acted on at once, but it is
    quicker than a user who goes through his mail one by one."""
    stuck: float = 3600.0
    """After so long without a word a sync is taken for stuck, and the service manager begins the program anew."""
