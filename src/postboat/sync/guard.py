"""Refuses what looks like an accident: deletions that nobody need have meant wait for the user's word.

A wiped disk and a user who tidies up look alike in a ledger. What tells them apart is how much goes at once, so all
folders of an account are judged together, after moves between them were taken out. Only deletions are ever held:
copies and flags go on. What the user has confirmed passes and counts no more; what he wants back becomes a copy.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field, replace
from typing import TYPE_CHECKING

from postboat.model import Held, Side, Suspicion, Verdict
from postboat.operations import Delete
from postboat.sync.plan import bring_back
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

    from postboat.model import Key, Limits, Pairing
    from postboat.operations import Copy, Plan
    from postboat.sync.plan import Observed

DOUBTS = (Suspicion.OTHER_DISK, Suspicion.UNMARKED)
"""What makes any deletion on the other side doubtful, however small; the first that applies is told."""


@dataclass(frozen=True, slots=True)
class Case:
    """A folder as it comes before the guard."""

    folder: str
    plan: Plan
    observed: Observed
    held: Sequence[Held] = ()
    """What was held when the last run ended, and what the user said of it since."""
    exempt: bool = False
    """Whether it may be emptied as one likes (trash, junk)."""
    doubts: Mapping[Side, frozenset[Suspicion]] = field(default_factory=dict)
    """As `FolderPair.doubts`."""
    unwritable: frozenset[Side] = frozenset()
    """Sides to which nothing can be brought back."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What of a plan may be carried out, and what is held instead."""

    plan: Plan
    held: Mapping[Side, Held] = field(default_factory=dict)
    """By the side that still has the messages; without subjects, which nobody has read yet."""
    before: Mapping[Side, Held] = field(default_factory=dict)
    """What is written down as held."""
    answered: Mapping[Side, Sequence[Pairing]] = field(default_factory=dict)
    """By the same side: the messages for which the plan does what the user said."""


class Guard:
    """Judges the folders of one account in one run, and remembers how much it let pass.

    `limits` None lets any number pass, though not what is doubtful for other reasons. `passed` is what guards of
    earlier runs let pass (`Guard.passed`) as far as it shall count.
    """

    def __init__(self, limits: Limits | None, passed: Mapping[str, Iterable[Key]] | None = None) -> None:
        self._limits = limits
        self._passed: dict[str, set[Key]] = defaultdict(set)
        for folder, keys in (passed or {}).items():
            self._passed[folder].update(keys)

    @property
    def passed(self) -> Mapping[str, Set[Key]]:
        """By folder: the messages that it let be deleted without asking, by remote keys. A connection may break and
        the folder come a second time.
        """
        return self._passed

    def judge(self, cases: Sequence[Case]) -> list[Judged]:
        """Judge folders together. What comes later is added to what passed before."""
        answered = [_answered(case) for case in cases]
        total = self._total([one for one in answered if not one.case.exempt])
        return [self._judged(one, total) for one in answered]

    def _total(self, folders: Sequence[_Answered]) -> int:
        """How many messages would go in all folders together, those included that are gone already."""
        doomed = {name: set(keys) for name, keys in self._passed.items()}
        for one in folders:
            doomed.setdefault(one.case.folder, set()).update(delete.pairing.remote for delete in one.open)
        return sum(map(len, doomed.values()))

    def _judged(self, one: _Answered, total: int) -> Judged:
        case = one.case
        held: dict[Side, Held] = {}
        passed: list[Delete] = []
        for side in Side:
            deletes = [delete for delete in one.open if delete.on is side]
            suspicion = self._suspicion(one, side, deletes, total) if deletes else None
            if suspicion is None:
                suspicion, waiting = self._waiting(case, side)
                passed += [delete for delete in deletes if not _is_among(waiting, delete, one.before)]
                deletes = [delete for delete in deletes if _is_among(waiting, delete, one.before)]
            if suspicion is not None and deletes:
                keys = frozenset(delete.pairing.remote for delete in deletes)
                held[side] = Held(side, suspicion, len(deletes), max(case.observed.paired, len(deletes)), keys)
        if not case.exempt:
            self._passed[case.folder].update(delete.pairing.remote for delete in passed)
        plan = replace(case.plan, copies=one.copies, deletes=(*one.confirmed, *passed))
        return Judged(plan, held, {before.on: before for before in case.held}, one.pairings)

    def _waiting(self, case: Case, side: Side) -> tuple[Suspicion | None, frozenset[Key]]:
        """What was held before and is without an answer, and why it was.

        It stays held, though the folder that was emptied may have had new mail since and look like one that lost a few.
        """
        for before in case.held:
            counted = before.suspicion not in DOUBTS
            if before.on is side and before.verdict is Verdict.WAITING and not (counted and self._lets_all_pass(case)):
                return before.suspicion, before.keys
        return None, frozenset()

    def _lets_all_pass(self, case: Case) -> bool:
        """Whether any number of messages may go from a folder."""
        return self._limits is None or case.exempt

    def _suspicion(self, one: _Answered, side: Side, deletes: Sequence[Delete], total: int) -> Suspicion | None:
        """Why these deletions look like an accident, if they do."""
        case, limits = one.case, self._limits
        if doubts := case.doubts.get(side.other):
            return next(doubt for doubt in DOUBTS if doubt in doubts)
        if limits is None or self._lets_all_pass(case):
            return None
        coming_back = sum(1 for copy in one.copies if copy.replaces and copy.to is side.other)
        gone = len(self._passed[case.folder] - {delete.pairing.remote for delete in deletes})
        if case.observed.lost_all(side.other) and len(deletes) + coming_back + gone >= limits.whole:
            return Suspicion.EMPTIED
        if self._is_much(one):
            return Suspicion.MANY_OF_FOLDER
        return Suspicion.MANY_OF_ACCOUNT if total > limits.account else None

    def _is_much(self, one: _Answered) -> bool:
        """Whether a folder would lose much of what it held, on both sides together."""
        assert self._limits is not None
        doomed = {delete.pairing.remote for delete in one.open}
        gone = self._passed[one.case.folder] - doomed
        count, size = len(doomed | gone), one.case.observed.paired + len(gone) - len(one.confirmed)
        return count > self._limits.folder and 100 * count > self._limits.share * size


@dataclass(frozen=True, slots=True)
class _Answered:
    """A folder's plan sorted by what the user said of it."""

    case: Case
    copies: tuple[Copy, ...]
    """With the messages that he wants back."""
    confirmed: tuple[Delete, ...]
    open: tuple[Delete, ...]
    """Of which he said nothing."""
    pairings: Mapping[Side, Sequence[Pairing]]
    before: Mapping[Key, Key]
    """As `_keys_before` says."""


def _answered(case: Case) -> _Answered:
    """Do what the user said of deletions that were held."""
    said = {held.on: held for held in case.held if held.verdict is not Verdict.WAITING}
    before = _keys_before(case)
    copies: list[Copy] = []
    confirmed: list[Delete] = []
    open_: list[Delete] = []
    pairings: dict[Side, list[Pairing]] = defaultdict(list)
    for delete in (*case.plan.deletes, *_not_planned(case, said.values())):
        word = said.get(delete.on)
        if word is None or not _is_among(word.keys, delete, before):
            open_.append(delete)
            continue
        pairings[delete.on].append(delete.pairing)
        if word.verdict is Verdict.CONFIRMED:
            confirmed.append(delete)
        elif delete.on.other not in case.unwritable:
            back = bring_back(delete.pairing, delete.on.other, delete.pairing.flags)
            copies.append(replace(back, asked_for=True))
    return _Answered(case, (*case.plan.copies, *copies), tuple(confirmed), tuple(open_), pairings, before)


def _keys_before(case: Case) -> dict[Key, Key]:
    """Remote keys as they were agreed on, by those of now: who moved a message away and back gave it another."""
    return {message.key: key for key, message in case.observed.changes[Side.REMOTE].renamed.items()}


def _is_among(keys: Set[Key], delete: Delete, before: Mapping[Key, Key]) -> bool:
    """Whether a message is among `keys`, as it is called now, or was when it was held."""
    return delete.pairing.remote in keys or before.get(delete.pairing.remote) in keys


def _not_planned(case: Case, said: Iterable[Held]) -> Iterator[Delete]:
    """What is wanted back though it would not be deleted now: its user made a side readonly, lest any more goes."""
    planned = {delete.pairing for delete in case.plan.deletes} | {copy.replaces for copy in case.plan.copies}
    for word in said:
        kept, lost = (case.observed.changes[side] for side in (word.on, word.on.other))
        for pairing in case.observed.pairings if word.verdict is Verdict.RESTORE else ():
            key = pairing.key(word.on)
            is_lost = pairing.remote in word.keys and pairing.key(word.on.other) in lost.vanished
            if is_lost and pairing not in planned and key not in kept.vanished | kept.renamed.keys():
                yield Delete(word.on, pairing)
