"""Tells what a run that goes on is at, again with each change: `status --follow`, and `now --wait`."""

from __future__ import annotations

import json
import select
import shutil
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from postboat.account_status import SYNCING
from postboat.cli.client import Ended, NotRunning, Service, socket_for
from postboat.event_json import decode
from postboat.service.exit_codes import gravest
from postboat.status import learn
from postboat.status_json import from_json
from postboat.ui.words import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from postboat.cli.arguments import Usage
    from postboat.status import ServiceStatus

    Show = Callable[[ServiceStatus | None, float], Sequence[str]]
    """What to show of a status, or of there being none, at a time."""

TICK = 1.0
"""Seconds after which it is shown anew though nothing was told: times that count down."""
GATHER = 0.2
"""Seconds between two looks at what was told, so that a busy sync does not make a busy screen."""
RETRY = 2.0
"""Seconds between attempts to find a run, when there is none."""


def follow(usage: Usage, show: Show, *, live: bool) -> int:
    """Show it with each change until nobody reads; `live` draws it in place. Waits for a run when there is none."""
    path = socket_for(usage)
    page = _Page(live=live)
    while page.is_read:
        try:
            with Service(path) as service:
                status = from_json(service.ask("follow")["status"])
                while page.is_read:
                    page.show(show(status, time.time()))
                    status = updated(status, service.news(TICK))
                    time.sleep(GATHER)
        except (NotRunning, Ended):
            page.show(show(None, time.time()))
            time.sleep(RETRY)
    return 0


def follow_json(usage: Usage) -> int:
    """Write what it is at, then each event as it comes, until the run ends."""
    page = _Page(live=False)
    with Service(socket_for(usage)) as service:
        print(json.dumps(service.ask("follow")["status"]), flush=True)
        try:
            while page.is_read:
                for line in service.news(TICK):
                    print(json.dumps(line), flush=True)
        except Ended:
            pass
    return 0


def until_synced(usage: Usage, targets: Sequence[str]) -> int:
    """Sync at once, wait for the end of it, and return the gravest exit code of the accounts concerned."""
    with Service(socket_for(usage)) as service:
        status = from_json(service.ask("now", targets=list(targets), follow=True)["status"])
        names = [name for name in status.accounts if not targets or any(_is_about(each, name) for each in targets)]
        waited = set(names)
        before = {name for name in names if status.accounts[name].phase == SYNCING}
        """Those of which a sync was under way when it was asked for: the first end that is told is of that one."""
        while waited:
            for line in service.news(None):
                status = updated(status, [line])
                name, what = str(line.get("account")), line.get("event")
                if what == "AccountStarted" or (what in _ENDS and name in before):
                    before.discard(name)
                elif what in _ENDS:  # though it did not begin, as when there is no server to be reached
                    waited.discard(name)
    return gravest(account.verdict for name, account in status.accounts.items() if name in names)


_ENDS = frozenset({"AccountFinished", "AccountFailed", "AccountWaits"})


def _is_about(target: str, account: str) -> bool:
    return target == account or target.startswith(f"{account}:")


def updated(status: ServiceStatus, news: Iterable[dict[str, Any]]) -> ServiceStatus:
    """Fold what was told into the status, or take the one that was sent anew."""
    for line in news:
        if "event" not in line and "status" in line:  # events have facts of that name, too
            status = from_json(line["status"])
        elif (event := decode(line)) is not None:
            learn(status, event, datetime.fromisoformat(line["time"]).timestamp())
    return status


class _Page:
    """Standard output: lines that are written when they change, or a screen that is drawn anew."""

    def __init__(self, *, live: bool) -> None:
        self._live = live
        self._shown: list[str] = []

    @property
    def is_read(self) -> bool:
        """Whether anybody is there to read, as far as the system knows."""
        try:
            poll = select.poll()
            poll.register(sys.stdout.fileno(), 0)
        except (OSError, ValueError, AttributeError):
            return True
        return not poll.poll(0)

    def show(self, lines: Sequence[str]) -> None:
        """Show lines in the place of what was shown before."""
        if self._live:
            columns, rows = shutil.get_terminal_size()
            lines = [fit(line, columns) for line in lines[: rows - 1]]
        if list(lines) == self._shown:
            return
        self._shown = list(lines)
        if self._live:
            print("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", end="", flush=True)
        else:
            print(*lines, sep="\n", flush=True)
