"""Carries out a plan: effects first, records second, events third.

Order: what only concerns the ledger; copies; flags; deletions; checkpoints last, only when everything they cover was
applied. A failure of the folder or the connection ends the work where it stands, so that no deletion follows copies
that may not have taken place. A side that refuses a copy gets no deletions either, unless it was the message's own
fault: or a full mailbox could never be emptied. A crash between an effect and its record is healed by the next
observation: copies leave intents, everything else can be seen.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.events import (
    Counts,
    FolderProgressed,
    MessageCameBack,
    MessageFailed,
    MessagesArrived,
    MessagesAside,
    Warned,
)
from postboat.model import (
    DELETED,
    DRAFT,
    SEEN,
    Content,
    Gone,
    Intent,
    Marked,
    Pairing,
    Refused,
    Side,
    Stored,
    Unreadable,
    Unsettled,
)
from postboat.sync.aside import NONE_ASIDE, put_aside, without_copies
from postboat.sync.batches import batches, held
from postboat.sync.checkpoints import before_effects, checkpoints_to_save, left_undone
from postboat.sync.in_order import Turn, each_in_turn
from postboat.tasks import each, together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postboat.events import Publish
    from postboat.model import Aside, Flags, Key, Reflagging
    from postboat.operations import Copy, Delete, Plan, Reflag
    from postboat.sync.aside import Asides
    from postboat.sync.folder_pair import FolderPair
    from postboat.sync.plan import Observed
    from postboat.sync.ports import Replica


Outcome = Stored | Refused | Unsettled

NO_NEWS = frozenset({SEEN, DRAFT, DELETED})
"""Flags under which a new message is news to nobody."""
AHEAD = 4
"""Transfers under way at once where they are stored one after the other: the next are read meanwhile, over so many
connections and no more, since each costs a sign-in."""
OLD_PATHS_TOLD = 1000
"""A first sync may bring more messages than anyone wants to hear of one by one."""
ONE_COPY = "the side it goes to keeps one copy of identical messages, and has it already as message"


async def execute(plan: Plan, observed: Observed, pair: FolderPair, publish: Publish) -> Counts:
    """Carry out `plan`, setting single messages aside that cannot be handled; return what was done."""
    work = _Work(pair, publish, observed.asides, observed.arrived)
    work.tell_moved(observed.moved)
    if not plan.nothing and (taken_back := before_effects(pair)):
        await pair.ledger.save_checkpoints(taken_back)
    await work.adopt_and_forget(plan)
    try:
        await work.copy(without_copies(plan.copies, observed.withheld))
    finally:  # what came by then is there and recorded, though the rest failed
        work.tell_arrived(first=_is_first(pair, observed))
    await work.reflag(plan.reflags)
    await work.delete(plan.deletes)
    work.tell_unsettled(observed.unsettled)
    work.tell_waiting(observed.asides)
    is_done = not (work.done.failed or work.postponed or observed.unfinished or any(observed.withheld.values()))
    saved = checkpoints_to_save(observed.changes, plan, work.marked, pair.policy) if is_done else {}
    if saved := {**left_undone(pair, observed.changes, saved), **saved}:
        await pair.ledger.save_checkpoints(saved)
    return work.done


async def delete_left_behind(deletes: Sequence[Delete], pair: FolderPair, publish: Publish) -> Counts:
    """Delete messages that went to another folder by being copied; return what was done."""
    work = _Work(pair, publish)
    await work.delete(deletes)
    return work.done


class _Work:
    """One folder's work under way, and what of it is done."""

    def __init__(
        self,
        pair: FolderPair,
        publish: Publish,
        asides: Asides = NONE_ASIDE,
        arrived: Sequence[tuple[Key, Flags]] = (),
    ) -> None:
        self.pair, self.publish = pair, publish
        self._before = {(aside.to, aside.origin): aside for aside in asides.all}
        """How copies failed in earlier runs."""
        self.done = Counts()
        self.marked: list[Pairing] = []
        """Messages that could only be marked, and are still there."""
        self.postponed = 0
        """Messages that changed under our hands: no failure, but the next run must look again."""
        self._arrived = list(arrived)
        """New messages on the local side, as they were delivered."""
        self._in_doubt = {aside.to for aside in asides.waiting if not aside.own_fault}
        """Sides that refused a copy, now or before: until it is there, nothing is deleted from them."""

    async def adopt_and_forget(self, plan: Plan) -> None:
        adopted = [adopt.pairing for adopt in plan.adopts]
        replaced = [adopt.replaces for adopt in plan.adopts if adopt.replaces]
        forgotten = [forget.pairing for forget in plan.forgets]
        if adopted or forgotten:
            await self.pair.ledger.record(pairings=adopted, forget=[*replaced, *forgotten])
            self._did(Counts(adopted=sum(1 for adopt in plan.adopts if adopt.replaces is None)))

    async def copy(self, copies: Sequence[Copy]) -> None:
        both = [[copy for copy in copies if copy.to is side] for side in (Side.LOCAL, Side.REMOTE)]
        await together(*(self._copy_all(part) for part in both))

    async def _copy_all(self, copies: Sequence[Copy]) -> None:
        """Copy to one side: the newest first, but where readers see messages in the order in which they were stored."""
        if not copies or not self.pair.replica(copies[0].to).numbers_in_order:
            await each(batches(copies), lambda batch: self._copy_batch(batch, Turn()), width=self.pair.width)
        else:
            await each_in_turn(batches(copies[::-1]), self._copy_batch, width=min(self.pair.width, AHEAD))

    async def _copy_batch(self, batch: Sequence[Copy], turn: Turn) -> None:
        """Read the batch's messages from their own side and deliver them to the other one."""
        waiting = {copy.key: copy for copy in batch}
        async with self.pair.transfers.lent(held(batch)):
            await self._carry(waiting, self.pair.replica(batch[0].to.other), turn)

    async def _carry(self, waiting: dict[Key, Copy], source: Replica, turn: Turn) -> None:
        places = {key: place for place, key in enumerate(waiting)}
        contents: list[tuple[Copy, Content]] = []
        unread: list[Refused] = []
        to = next(iter(waiting.values())).to
        async with aclosing(source.read(list(waiting))) as items:  # type: ignore[type-var]
            async for item in items:
                copy = waiting.pop(item.key)
                match item:
                    case Content(data=None):
                        await self._deliver([(copy, item)], turn)
                    case Content():
                        contents.append((copy, item))
                    case Unreadable(reason=reason, passing=passing):
                        unread.append(Refused(item.key, reason, own_fault=True, passing=passing))
                    case Gone():
                        self.postponed += 1
        unread += [Refused(key, "the other side lists it but did not send it", own_fault=True) for key in waiting]
        await self._put_aside(to, unread)
        if contents:
            await self._deliver(sorted(contents, key=lambda one: places[one[1].key]), turn, last=True)

    async def _deliver(self, batch: Sequence[tuple[Copy, Content]], turn: Turn, *, last: bool = False) -> None:
        """Intent, effect, record: store contents on the side the copies go to, the `last` of a turn or not.

        Only the effect has to wait for its turn: one batch is stored while the one before is recorded.
        """
        to = batch[0][0].to
        replica, ledger = self.pair.replica(to), self.pair.ledger
        contents = [content for _, content in batch]
        tokens = await replica.intend(contents)
        intents = [
            Intent(to, content.key, token, content.flags, copy.mark)
            for (copy, content), token in zip(batch, tokens, strict=True)
        ]
        await ledger.intend(intents)
        await turn.come()
        outcomes = await replica.store(contents, tokens)
        if last:
            turn.pass_on()
        outcomes = await self._none_twice(to, tokens, outcomes)
        stored = [
            (copy, content, outcome)
            for (copy, content), outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Stored)
        ]
        await ledger.intend(
            [
                Intent(to, outcome.key, outcome.token, content.flags, copy.mark)
                for (copy, content), outcome in zip(batch, outcomes, strict=True)
                if isinstance(outcome, Unsettled) and outcome.token
            ]
        )
        await ledger.record(
            pairings=[_paired(*one) for one in stored],
            forget=[copy.replaces for copy, _, _ in stored if copy.replaces],
            settled=[i for i, outcome in zip(intents, outcomes, strict=True) if _settles(outcome)],
        )
        self._tell_copies(to, stored)
        done = [self._before[to, content.key] for _, content, _ in stored if (to, content.key) in self._before]
        await self._put_aside(to, [outcome for outcome in outcomes if isinstance(outcome, Refused)], done)
        for outcome in outcomes:
            if isinstance(outcome, Unsettled):
                self._in_doubt.add(to)
                self._failed(self._copy_to(to, outcome.key), outcome.reason)

    async def _put_aside(self, to: Side, failures: Sequence[Refused], done: Sequence[Aside] = ()) -> None:
        """Write down copies that failed, to be tried later, and drop what was written of those done; then tell."""
        now = self.pair.clock()
        asides = [put_aside(to, failure, self._before.get((to, failure.key)), now) for failure in failures]
        await self.pair.ledger.put_aside(asides, taken_back=done)
        for failure in failures:
            if not failure.own_fault:
                self._in_doubt.add(to)
            self._failed(self._copy_to(to, failure.key), failure.reason)

    async def _none_twice(self, to: Side, tokens: Sequence[str], outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """A server may keep one copy of identical messages and answer with the one it has (Gmail).

        A message that is paired with another one cannot be paired a second time: the two would take turns. A key that
        was chosen beforehand, as names of files are, is of no other message.
        """
        stored = ((o.key, token) for o, token in zip(outcomes, tokens, strict=True) if isinstance(o, Stored))
        told = [key for key, token in stored if key != token]
        if not told:
            return outcomes
        paired = await self.pair.ledger.pairings(to, told)
        return [
            Refused(outcome.origin, f"{ONE_COPY} {outcome.key}; delete one of the two", own_fault=True)
            if isinstance(outcome, Stored) and _partner(paired, outcome.key, to) not in (None, outcome.origin)
            else outcome
            for outcome in outcomes
        ]

    def _tell_copies(self, to: Side, stored: Sequence[tuple[Copy, Content, Stored]]) -> None:
        octets = sum(content.size for _, content, _ in stored)
        if to is Side.LOCAL:
            self._arrived += [(outcome.key, content.flags) for copy, content, outcome in stored if not copy.replaces]
            self._did(Counts(down=len(stored), bytes_down=octets))
        else:
            self._did(Counts(up=len(stored), bytes_up=octets))
        for copy, _, _ in stored:
            if copy.replaces and not copy.asked_for:
                self.publish(MessageCameBack(self.pair.account, self.pair.name, to.value, copy.key))

    async def reflag(self, reflags: Sequence[Reflag]) -> None:
        """Bring both sides to the agreed flags, then write down those that neither side refused.

        Nothing is agreed on a message that vanished meanwhile: the change on the other side still wins over that.
        """
        if not reflags:
            return
        refused = await together(self._reflag_on(Side.REMOTE, reflags), self._reflag_on(Side.LOCAL, reflags))
        failed = {Side.REMOTE: refused[0], Side.LOCAL: refused[1]}
        agreed = [
            replace(reflag.pairing, flags=reflag.agreed)
            for reflag in reflags
            if not any(reflag.pairing.key(side) in failed[side] for side in Side)
        ]
        await self.pair.ledger.record(pairings=agreed)
        self._did(Counts(reflagged=len(agreed)))

    async def _reflag_on(self, side: Side, reflags: Sequence[Reflag]) -> set[str]:
        work: list[Reflagging] = [part for reflag in reflags if (part := reflag.on(side))]
        refused = await self.pair.replica(side).reflag(work) if work else ()
        for outcome in refused:
            if isinstance(outcome, Refused):
                self._failed(f"flags of message {outcome.key} on the {side.value} side", outcome.reason)
            else:
                self.postponed += 1
        return {outcome.key for outcome in refused}

    async def delete(self, deletes: Sequence[Delete]) -> None:
        await together(self._delete_on(Side.REMOTE, deletes), self._delete_on(Side.LOCAL, deletes))

    async def _delete_on(self, side: Side, deletes: Sequence[Delete]) -> None:
        """Remove messages from one side and forget them; those only marked stay in the ledger as marked."""
        pairings = {delete.pairing.key(side): delete.pairing for delete in deletes if delete.on is side}
        if not pairings or side in self._in_doubt:
            self._postpone(side, len(pairings))
            return
        outcomes = await self.pair.replica(side).delete(list(pairings), expunge=side in self.pair.policy.expunge)
        marked, kept = [], set()
        for outcome in outcomes:
            kept.add(outcome.key)
            if isinstance(outcome, Marked):
                pairing = pairings[outcome.key]
                marked.append(replace(pairing, flags=pairing.flags | {DELETED}))
            else:
                self._failed(f"deletion of message {outcome.key} on the {side.value} side", outcome.reason)
        gone = [pairing for key, pairing in pairings.items() if key not in kept]
        self.marked += marked
        await self.pair.ledger.record(pairings=marked, forget=gone)
        marked_anew = sum(DELETED not in pairings[pairing.key(side)].flags for pairing in marked)
        count = len(gone) + marked_anew
        self._did(Counts(deleted_remote=count) if side is Side.REMOTE else Counts(deleted_local=count))

    def _postpone(self, side: Side, count: int) -> None:
        """Leave deletions to a later run, and say so: what was refused may be what is to be deleted, written anew."""
        self.postponed += count
        if count:
            many = "1 deletion waits" if count == 1 else f"{count} deletions wait"
            until = f"{self.pair.where[side]} until all copies to that side have succeeded"
            self.publish(Warned(f"{self.pair.name}: {many} {until}", self.pair.account))

    def tell_arrived(self, *, first: bool) -> None:
        """Say which new messages lie on the local side."""
        if self._arrived:
            few = not first or len(self._arrived) <= OLD_PATHS_TOLD
            paths = {self.pair.lies(key, flags): flags for key, flags in self._arrived} if few else {}
            read = tuple(path for path, flags in paths.items() if not flags.isdisjoint(NO_NEWS))
            account, name, unwanted = self.pair.account, self.pair.name, self.pair.exempt
            self.publish(MessagesArrived(account, name, tuple(paths), first, unwanted, read))

    def tell_moved(self, count: int) -> None:
        """Count what was moved here before."""
        if count:
            self._did(Counts(moved=count))

    def tell_unsettled(self, unsettled: Sequence[Unsettled]) -> None:
        """Say of messages stored by an earlier run that nobody knows yet under which key."""
        for outcome in unsettled:
            self._failed(f"copy of message {outcome.key}", outcome.reason)

    def tell_waiting(self, asides: Asides) -> None:
        """Say of messages that failed before that they were not tried now."""
        if asides.waiting:
            first = asides.waiting[0]
            self._did(Counts(aside=len(asides.waiting)))
            told = len(asides.waiting), first.not_before, first.reason
            self.publish(MessagesAside(self.pair.account, self.pair.name, *told))

    def _copy_to(self, to: Side, key: Key) -> str:
        return f"putting message {key} {self.pair.where[to]}"

    def _did(self, counts: Counts) -> None:
        self.done += counts
        self.publish(FolderProgressed(self.pair.account, self.pair.name, self.done))

    def _failed(self, what: str, reason: str) -> None:
        self.done += Counts(failed=1)
        self.publish(MessageFailed(self.pair.account, self.pair.name, what, reason))


def _is_first(pair: FolderPair, observed: Observed) -> bool:
    """Whether the folder was never in step; one that was may look so for the copies that failed in it."""
    return observed.anew or (pair.first and (pair.again or not observed.asides.all))


def _settles(outcome: Outcome) -> bool:
    """Whether nothing is left to find out; an unsettled copy without a token of its own keeps the one it had."""
    return not isinstance(outcome, Unsettled) or bool(outcome.token)


def _partner(paired: Mapping[Key, Pairing], key: Key, side: Side) -> Key | None:
    """Which message of the other side is paired with `key` of `side`."""
    pairing = paired.get(key)
    return pairing.key(side.other) if pairing else None


def _paired(copy: Copy, content: Content, stored: Stored) -> Pairing:
    """The pairing that a successful copy makes."""
    if copy.to is Side.LOCAL:
        return Pairing(content.key, stored.key, content.flags, copy.mark, stored.mark)
    return Pairing(stored.key, content.key, content.flags, stored.mark, copy.mark)
