"""What an account has to do, and when. Pure: `now` is seconds on a clock that goes on while the machine sleeps.

Three things make an account due: somebody asked, something was heard (from a server or the disk), or it is time for a
refresh. What was heard waits until it is quiet for a moment. A failure puts everything off, but not what was asked; one
of some folders only these.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from postboat.maildir.touched import Touched
    from postboat.model import FolderName, Side
    from postboat.service.staying.pace import Pace

    Mailbox = tuple[Side, str]
    """A mailbox of a server, by its wire name."""
    Place = tuple[Side, FolderName]
    """A folder on one side."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done in one go."""

    everything: bool = False
    """All folders of both sides are looked at; what follows is part of that."""
    asked: bool = False
    """Whether the user waits for it."""
    named: frozenset[str] = frozenset()
    """Folders that the user asked for, as events name them."""
    mailboxes: frozenset[Mailbox] = frozenset()
    """Those in which a server says that something happened."""
    touched: Mapping[Place, Touched | None] = field(default_factory=dict)
    """Maildirs in which something happened, with what is known of it; None: nothing, so that all is looked at."""

    @property
    def is_any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.everything or self.named or self.mailboxes or self.touched)


class Agenda:
    """The account's list of things to do. `interval` is seconds between refreshes; None: none after the first."""

    def __init__(self, interval: float | None, pace: Pace) -> None:
        self._interval, self._pace = interval, pace
        self._everything = True
        self._asked = False
        self._named: set[str] = set()
        self._mailboxes: set[Mailbox] = set()
        self._touched: dict[Place, Touched | None] = {}
        self._first_heard: float | None = None
        self._quiet_at = 0.0
        self._refresh_at: float | None = None
        self._not_before: float | None = None
        self._again_at: float | None = None
        """When all is looked at again because some folders failed."""
        self._failing: set[Mailbox | Place] = set()
        """These, by all that is heard of them: it waits until then."""
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether only what is asked for is done."""
        return self._paused

    @property
    def waits(self) -> bool:
        """Whether a failure puts everything off."""
        return self._not_before is not None

    @property
    def is_put_off(self) -> bool:
        """Whether a failure keeps it, or some of its folders, waiting."""
        return self._not_before is not None or self._again_at is not None

    @property
    def refresh_at(self) -> float | None:
        """When all folders are looked at though nothing was heard."""
        return self._refresh_at

    def ask(self) -> None:
        """Do everything now, whatever failed before."""
        self._everything = self._asked = True
        self._not_before = None

    def ask_for(self, folders: Iterable[str]) -> None:
        """Do these folders now, named as events name them, whatever failed before."""
        self._named.update(folders)
        self._asked, self._not_before = True, None

    def look_at_everything(self) -> None:
        """Look at all folders as soon as may be: something happened of which nobody knows where."""
        self._everything = True

    def heard_server(self, side: Side, mailboxes: Iterable[str], now: float) -> None:
        """Note mailboxes of a server in which something happened, by their wire names."""
        if news := {(side, mailbox) for mailbox in mailboxes} - self._failing:
            self._mailboxes |= news
            self._heard(now, self._pace.settle_server)

    def heard_disk(self, side: Side, folder: FolderName, touched: Touched | None, now: float) -> None:
        """Note a Maildir in which something happened; None when it is not known what."""
        place = side, folder
        if place in self._failing:
            return
        if place in self._touched:
            known = self._touched[place]
            touched = known.merged(touched) if known is not None and touched is not None else None
        self._touched[place] = touched
        self._heard(now, self._pace.settle_disk)

    def pause(self) -> None:
        """Do only what is asked for, until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Go on, with everything: what happened meanwhile was not listened to."""
        self._paused, self._everything, self._not_before = False, True, None

    def failed(self, until: float) -> None:
        """Do everything again at `until`, and nothing before unless asked."""
        self._everything, self._not_before = True, until

    def failed_in(self, folders: Iterable[Mailbox | Place], until: float) -> None:
        """Do everything again at `until`, and nothing in these folders before unless asked."""
        self._failing.update(folders)
        self._again_at = until

    def hurry(self) -> None:
        """Try again now what was put off by a failure."""
        self._everything |= self._again_at is not None
        self._not_before = None

    def done(self, work: Work, now: float) -> None:
        """Note that work was done; the next refresh is an interval away when it was all."""
        if work.everything:
            self._refresh_at = None if self._interval is None else now + self._interval

    def due_at(self) -> float | None:
        """When there is something to do, which may be in the past; None: not before something happens."""
        if self._asked:
            return 0.0
        if self._paused:
            return None
        due = [0.0] if self._everything else []
        due += [at for at in (self._refresh_at, self._again_at) if at is not None]
        if self._first_heard is not None:
            due.append(min(self._quiet_at, self._first_heard + self._pace.longest_settle))
        if not due:
            return None
        return max(min(due), self._not_before or 0.0)

    def take(self, now: float) -> Work:
        """Take all there is to do now off the list."""
        everything = self._everything or any(at is not None and now >= at for at in (self._refresh_at, self._again_at))
        named, mailboxes = frozenset(self._named), frozenset(self._mailboxes)
        work = Work(everything, self._asked, named, mailboxes, dict(self._touched))
        self._everything = self._asked = False
        self._named.clear()
        self._mailboxes.clear()
        self._touched.clear()
        self._first_heard = self._not_before = None
        if everything:
            self._failing.clear()
            self._again_at = None
        return work

    def _heard(self, now: float, settle: float) -> None:
        if self._first_heard is None:
            self._first_heard, self._quiet_at = now, now
        self._quiet_at = max(self._quiet_at, now + settle)
