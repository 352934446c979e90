"""One folder's part in the sync of its account: created where it is missing, looked at, settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import AccountError, ConnectionLost, PostboatError
from postboat.events import (
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderProgressed,
    MessageFailed,
    PlanShown,
)
from postboat.sync.execute import delete_left_behind
from postboat.sync.folder_pair import look, settle
from postboat.sync.moves import leaving_out
from postboat.sync.observe import observe
from postboat.sync.plan import make_plan
from postboat.sync.tally import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from postboat.events import Event, Publish
    from postboat.model import Key, Pairing, Side
    from postboat.operations import Delete, Move, Operation
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.folder_tree import FolderTask
    from postboat.sync.plan import Observed

    MakePair = Callable[[FolderTask, bool], FolderPair]
    """Gives the folder's pair; the second argument says whether its connection broke in this run already."""
    Create = Callable[[FolderTask], Awaitable[FolderCreated]]


class FolderRun:
    """How far a folder came. Whatever stops it is published and stops no other; an `AccountError` passes."""

    def __init__(
        self, account: str, name: str, task: FolderTask, make_pair: MakePair, create: Create, publish: Publish
    ) -> None:
        self.account, self.name, self.task = account, name, task
        self._make_pair, self._create, self._publish = make_pair, create, publish
        self._pair: FolderPair | None = None
        self._seen: Observed | None = None
        self.done = Counts()
        self.failed = False
        self._created = task.create is None
        self._again = False
        self._leaving: set[Key] = set()

    @property
    def seen(self) -> tuple[FolderPair, Observed] | None:
        """The folder and what a look found; None before it, and when it must be looked at again."""
        return (self._pair, self._seen) if self._pair is not None and self._seen is not None else None

    def now_seen(self, observed: Observed) -> None:
        """Take something else for what was found: messages were moved meanwhile."""
        self._seen = observed

    def look_again(self, leaving: Collection[Pairing] = ()) -> None:
        """Forget what was seen: something was done of which nobody knows how it ended.

        Messages in `leaving` may go to another folder even now. What is done to them here would go along, so nothing
        is before the next run.
        """
        self._pair, self._seen, self._again = None, None, True
        self._leaving |= {pairing.remote for pairing in leaving}

    async def look(self) -> None:
        """Find out what changed; a second time on a new connection when the first one breaks."""
        await self._guarded(self._look)

    async def look_quietly(self) -> None:
        """As `look`, for a dry run: nobody is told that anything began."""
        await self._guarded(self._look_quietly)

    async def settle(self) -> None:
        """Bring both sides in step, looking first if that is not done, anew if the connection breaks."""
        if not self.failed:
            await self._guarded(self._settle)

    async def has_recorded(self, side: Side, key: Key) -> bool:
        """Whether the ledger knows a message of this folder."""
        return self._pair is not None and bool(await self._pair.ledger.pairings(side, [key]))

    async def delete_left_behind(self, deletes: Sequence[Delete]) -> None:
        """Delete messages that were copied to another folder, to which their user had moved them."""
        if not self.failed:
            await self._guarded(lambda: self._delete(deletes))

    async def _delete(self, deletes: Sequence[Delete]) -> None:
        pair = self._pair or self._make_pair(self.task, True)
        self.done += await delete_left_behind(deletes, pair, self._tell_failures)

    def _tell_failures(self, event: Event) -> None:
        """Pass on what went wrong: the folder was called finished, and progress would take that back."""
        if isinstance(event, MessageFailed):
            self._publish(event)

    def show(self, moves: Sequence[tuple[Move, str]]) -> None:
        """Publish what a sync of the folder would do; `moves` begin here, each with the name of where it ends."""
        if self.seen is None:
            return
        pair, seen = self.seen
        plan = make_plan(seen, pair.policy)
        moved = [{**(describe(move) or {}), "to": target} for move, target in moves]
        operations: list[Operation] = [*plan.adopts, *plan.copies, *plan.reflags, *plan.deletes]
        told = tuple(fact for operation in operations if (fact := describe(operation)))
        self._publish(PlanShown(self.account, self.name, (*moved, *told)))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            try:
                await work()
            except ConnectionLost:
                self.look_again()
                await work()
        except AccountError:
            raise
        except PostboatError as failure:
            self.failed = True
            self._publish(FolderFailed(self.account, self.name, str(failure)))

    async def _look(self) -> None:
        pair = await self._begun()
        seen = await look(pair, self._publish)
        if self._leaving:
            seen = leaving_out(seen, [pairing for pairing in seen.pairings if pairing.remote in self._leaving])
        self._seen = seen

    async def _look_quietly(self) -> None:
        self._seen = await observe(await self._begun())

    async def _begun(self) -> FolderPair:
        if not self._created:
            self._publish(await self._create(self.task))
            self._created = True
        self._pair = self._make_pair(self.task, self._again)
        return self._pair

    async def _settle(self) -> None:
        if self.seen is None:
            await self._look()
        assert self.seen is not None
        progress = _Progress(self._publish)
        try:
            await settle(*self.seen, progress)
        finally:
            self.done += progress.done  # what was done counts, also when the folder failed half way


class _Progress:
    """Passes a folder's events on and remembers how far it came."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self.done = Counts()

    def __call__(self, event: Event) -> None:
        if isinstance(event, FolderProgressed | FolderFinished):
            self.done = event.done
        self._publish(event)
