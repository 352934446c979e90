"""One folder's part in the sync of its account: created where it is missing, looked at, settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.errors import AccountError, ConnectionLost, PostboatError, ValidityChanged
from postboat.events import (
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderProgressed,
    MessageFailed,
    PlanHeld,
    PlanShown,
)
from postboat.sync.execute import delete_left_behind
from postboat.sync.folder_pair import look, plan, settle
from postboat.sync.hold import tell_held
from postboat.sync.moves import leaving_out, lost_any
from postboat.sync.tally import describe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from postboat.events import Event, Publish
    from postboat.model import Key, Pairing, Side
    from postboat.operations import Delete, Move, Operation
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.folder_tree import FolderTask
    from postboat.sync.guard import Case, Guard, Judged
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
        self._judged: Judged | None = None
        self.done = Counts()
        self.held: tuple[PlanHeld, ...] = ()
        """What was held in it, as it was told."""
        self.failed = False
        self._created = task.create is None
        self._again = False
        self._leaving: set[Key] = set()

    @property
    def seen(self) -> tuple[FolderPair, Observed] | None:
        """The folder and what a look found; None before it, and when it must be looked at again."""
        return (self._pair, self._seen) if self._pair is not None and self._seen is not None else None

    @property
    def lost_any(self) -> bool:
        """Whether it was looked at and messages are gone from it."""
        return self._seen is not None and lost_any(self._seen)

    @property
    def holds_more(self) -> bool:
        """Whether the guard holds messages here that were not held before."""
        held = {} if self._judged is None else self._judged.held
        before = {} if self._judged is None else self._judged.before
        return any(one.keys - (before[side].keys if side in before else frozenset()) for side, one in held.items())

    def repeats_losses_of(self, side: Side) -> bool:
        """Whether the guard lets messages go from the other side that are gone from `side`."""
        return self._judged is not None and any(delete.on is side.other for delete in self._judged.plan.deletes)

    def now_seen(self, observed: Observed) -> None:
        """Take something else for what was found: messages were moved meanwhile."""
        self._seen = observed

    async def plan(self) -> Case:
        """What is due in a folder that was looked at, for the guard."""
        assert self.seen is not None
        return await plan(*self.seen)

    def now_judged(self, judged: Judged) -> None:
        """Take what the guard lets pass."""
        self._judged = judged

    def look_again(self, leaving: Collection[Pairing] = ()) -> None:
        """Forget what was seen: something was done of which nobody knows how it ended.

        Messages in `leaving` may go to another folder even now. What is done to them here would go along, so nothing
        is before the next run.
        """
        self._pair, self._seen, self._judged, self._again = None, None, None, True
        self._leaving |= {pairing.remote for pairing in leaving}

    async def look(self) -> None:
        """Find out what changed; a second time on a new connection when the first one breaks."""
        await self._again_if_lost(lambda: self._look(self._publish))

    async def look_quietly(self) -> None:
        """As `look`, for a dry run: nobody is told that anything began."""
        await self._again_if_lost(lambda: self._look(_to_nobody))

    async def settle(self, guard: Guard) -> None:
        """Bring both sides in step, looking and judging first if that is not done, anew if the connection breaks."""
        if not self.failed:
            await self._again_if_lost(lambda: self._settle(guard))

    async def has_recorded(self, side: Side, key: Key) -> bool:
        """Whether the ledger knows a message of this folder."""
        return self._pair is not None and bool(await self._pair.ledger.pairings(side, [key]))

    async def delete_left_behind(self, deletes: Sequence[Delete]) -> None:
        """Delete messages that were copied to another folder, to which their user had moved them."""
        if not self.failed:
            await self._again_if_lost(lambda: self._delete(deletes))

    async def _delete(self, deletes: Sequence[Delete]) -> None:
        pair = self._pair or self._make_pair(self.task, True)
        self.done += await delete_left_behind(deletes, pair, self._tell_failures)

    def _tell_failures(self, event: Event) -> None:
        """Pass on what went wrong: the folder was called finished, and progress would take that back."""
        if isinstance(event, MessageFailed):
            self._publish(event)

    async def show(self, moves: Sequence[tuple[Move, str]], guard: Guard) -> None:
        """Publish what a sync of the folder would do; `moves` begin here, each with the name of where it ends."""
        if self.seen is None:
            return
        judged = await self._judge(guard)
        due = judged.plan
        moved = [{**(describe(move) or {}), "to": target} for move, target in moves]
        operations: list[Operation] = [*due.adopts, *due.copies, *due.reflags, *due.deletes]
        told = tuple(fact for operation in operations if (fact := describe(operation)))
        self._publish(PlanShown(self.account, self.name, (*moved, *told)))
        await tell_held(self.seen[0], judged, self._tell)

    async def _again_if_lost(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            try:
                await work()
            except (ConnectionLost, ValidityChanged):
                self.look_again()
                await work()
        except AccountError:
            raise
        except PostboatError as failure:
            self.failed = True
            self._publish(FolderFailed(self.account, self.name, str(failure)))

    async def _look(self, publish: Publish) -> None:
        pair = await self._begun()
        seen = await look(pair, publish)
        if self._leaving:
            seen = leaving_out(seen, [pairing for pairing in seen.pairings if pairing.remote in self._leaving])
        self._seen = seen

    async def _begun(self) -> FolderPair:
        if not self._created:
            self._publish(await self._create(self.task))
            self._created = True
        self._pair = self._make_pair(self.task, self._again)
        return self._pair

    async def _settle(self, guard: Guard) -> None:
        if self.seen is None:
            await self._look(self._publish)
        assert self.seen is not None
        progress = _Progress(self._tell)
        try:
            await settle(*self.seen, await self._judge(guard), progress)
        finally:
            self.done += progress.done  # what was done counts, also when the folder failed half way

    async def _judge(self, guard: Guard) -> Judged:
        """What may be done; a folder that was not judged together with the others is judged by itself."""
        if self._judged is None:
            (self._judged,) = guard.judge([await self.plan()])
        return self._judged

    def _tell(self, event: Event) -> None:
        """Publish, though not a second time what is held, as when the connection broke in between."""
        if not isinstance(event, PlanHeld):
            self._publish(event)
        elif event not in self.held:
            self.held = (*(told for told in self.held if told.on != event.on), event)
            self._publish(event)


class _Progress:
    """Passes a folder's events on and remembers how far it came."""

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self.done = Counts()

    def __call__(self, event: Event) -> None:
        if isinstance(event, FolderProgressed | FolderFinished):
            self.done = event.done
        self._publish(event)


def _to_nobody(event: Event) -> None:
    """For what is done without a word."""
