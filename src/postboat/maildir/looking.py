"""What changed in a Maildir: found by the cheapest look that is sure.

A folder that stands as it was at the checkpoint is not listed. Where events told of all that happened since, only the
files they named are looked at; else all are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.maildir.compare import difference, pair_renamed
from postboat.maildir.doubles import separate
from postboat.maildir.place import untold
from postboat.maildir.scan import checkpoint_now, mark_and_size
from postboat.maildir.targeted import look_at
from postboat.maildir.touched import sealed
from postboat.model import Changes
from postboat.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postboat.maildir.compare import Agreed, Difference
    from postboat.maildir.identity import SameFolder
    from postboat.maildir.place import Told
    from postboat.maildir.touched import Touched
    from postboat.maildir.whereabouts import Whereabouts
    from postboat.model import Flags, Key

_CONFIRMATIONS = 2


class Looks:
    """Looks at one folder. `new_name` makes a name for a message that shares its own; without it none is renamed.

    `touched` is what events told since the last look, None when any may have been missed; `watch` is what sees
    whatever happens from now on, "" when nothing does.
    """

    def __init__(
        self,
        same: SameFolder,
        where: Whereabouts,
        *,
        new_name: Callable[[], str] | None,
        fsync: bool,
        touched: Touched | None = None,
        watch: str = "",
    ) -> None:
        self._same, self._where = same, where
        self._new_name, self._fsync = new_name, fsync
        self._touched, self._watch = touched, watch
        self.told: Told = untold
        """Hears in a thread how many new files were looked at, and how many there are."""

    async def changes(self, agreed: Agreed) -> Changes:
        """What differs from what was agreed. Raises `FolderError`."""
        checkpoint = agreed.checkpoint if agreed.validity is not None else None
        stands = await in_thread(self._stands, checkpoint)
        if stands is not None:
            return Changes(checkpoint=sealed(stands, self._watch))
        if self._touched is not None and self._touched.covers_all_since(checkpoint):
            few = await self._of_touched(agreed, self._touched)
            if few is not None:
                return await _told(agreed, few, checkpoint=sealed(None, self._touched.watch), complete=False)
        found = await self._of_all(agreed)
        return await _told(agreed, found, checkpoint=sealed(found.checkpoint, self._watch), complete=True)

    async def is_news(self, agreed: Agreed) -> bool:
        """Whether the touched files differ from what was agreed, or may. Raises `FolderError`."""
        found = None if self._touched is None else await self._of_touched(agreed, self._touched)
        return found is None or bool(found.appeared or found.reflagged or found.vanished)

    async def _of_touched(self, agreed: Agreed, touched: Touched) -> Difference | None:
        """What differs among the touched files; None when that is not certain."""
        base = await agreed.flags_of(touched.spots.keys())
        found = await in_thread(self._look_at, touched, base, await agreed.marks(base.keys()))
        return None if found is None or (found.vanished and not touched.is_latest()) else found

    async def _of_all(self, agreed: Agreed) -> Difference:
        """Compare with what was agreed, once no name is of two messages."""
        base = await agreed.flags()
        found = await in_thread(self._compare, base)
        if self._where.doubles and self._new_name is not None:
            marks = await agreed.marks(self._where.doubles.keys())
            await in_thread(self._separate, marks, self._new_name)
            found = await in_thread(self._compare, base)
        return found

    # What follows runs in a thread.

    def _stands(self, checkpoint: str | None) -> str | None:
        """The folder's state if it is as it was at the checkpoint."""
        stood = checkpoint.partition("\n")[0] if checkpoint is not None else ""
        with self._same.open() as folder:
            return stood if stood and checkpoint_now(folder) == stood else None

    def _look_at(self, touched: Touched, base: Mapping[Key, Flags], marks: Mapping[Key, str]) -> Difference | None:
        with self._same.open() as folder:
            looked = look_at(folder, touched, base, marks)
            if looked is None:
                return None
            found, seen = looked
            for key, entry in seen.items():
                self._where.note(key, entry)
            return found.measured(lambda entry: mark_and_size(folder, entry))

    def _separate(self, marks: Mapping[Key, str], new_name: Callable[[], str]) -> None:
        with self._same.open() as folder:
            separate(folder, self._where.doubles, marks, new_name, fsync=self._fsync)

    def _compare(self, base: Mapping[Key, Flags]) -> Difference:
        """Compare, and list again until what is missing is sure to be missing."""
        with self._same.open() as folder:
            listing = self._where.look(folder, base)
            found = difference(listing, base)
            for _ in range(_CONFIRMATIONS):
                if not found.vanished or listing.steady:
                    break
                listing = self._where.look(folder, base)
                again = difference(listing, base)
                found = again.without(again.vanished - found.vanished)
            return found.measured(lambda entry: mark_and_size(folder, entry), self.told)


async def _told(agreed: Agreed, found: Difference, *, checkpoint: str | None, complete: bool) -> Changes:
    """The difference as changes: what vanished and appeared with one mark was only renamed."""
    renamed, appeared = pair_renamed(await agreed.marks(found.vanished), found) if found.vanished else ({}, None)
    return Changes(
        appeared=found.appeared if appeared is None else appeared,
        reflagged=found.reflagged,
        vanished=found.vanished - renamed.keys(),
        renamed=renamed,
        checkpoint=checkpoint,
        complete=complete,
    )
