"""What `postboat restore` lists: deletions that are held, and removed messages that are still kept."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from postboat.model import Suspicion
from postboat.ui import shell, words
from postboat.ui.sentences import waiting
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postboat.ui.words import Manner
    from postboat.values import Sides

SAID = {
    "confirmed": "  confirmed: the next sync deletes them",
    "restore": "  to be restored: the next sync brings them back",
}
"""What becomes of held deletions that the user had a word for already."""


class HeldFolder(waiting.Held, Protocol):
    """Deletions that are held, as `service.restore` found them."""

    @property
    def verdict(self) -> str: ...  # noqa: D102


class KeptFolder(Protocol):
    """What one run removed from one folder, as `service.restore` found it."""

    @property
    def folder(self) -> str: ...  # noqa: D102
    @property
    def when(self) -> float: ...  # noqa: D102
    @property
    def listed(self) -> str: ...  # noqa: D102
    @property
    def messages(self) -> int: ...  # noqa: D102
    @property
    def side(self) -> str: ...  # noqa: D102


class Restorable(Protocol):
    """An account as `service.restore` found it."""

    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def held(self) -> Sequence[HeldFolder]: ...  # noqa: D102
    @property
    def kept(self) -> Sequence[KeptFolder]: ...  # noqa: D102
    @property
    def days(self) -> float: ...  # noqa: D102
    @property
    def remote_days(self) -> float: ...  # noqa: D102
    @property
    def problems(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def sides(self) -> Sides | None: ...  # noqa: D102


def as_json(report: Restorable) -> Iterator[str]:
    """Write one JSON object a line, in pure ASCII: `what` is "held" or "kept", and times are as RFC 3339 has them."""
    for held in report.held:
        yield json.dumps({"what": "held"} | _facts(held))
    for kept in report.kept:
        when = datetime.fromtimestamp(kept.when, UTC).isoformat()
        yield json.dumps({"what": "kept"} | _facts(kept) | {"when": when})


def _facts(value: Any) -> dict[str, object]:
    return dataclasses.asdict(value)


def listed(report: Restorable, manner: Manner) -> Iterator[str]:
    """List what is held with what can be done about it, then what is kept with the command that brings it back."""
    name = words.clean(report.account)
    if report.sides is not None:
        manner = words.knowing(manner, {report.account: report.sides})
    if not report.problems and not report.held:
        yield f"{name}: nothing is held"
    elif report.held:
        many = sum(held.count for held in report.held)
        folders = words.plural(len({held.folder for held in report.held}), "folder")
        yield f"{name}: held: {words.plural(many, 'message')} in {folders}"
    for held in _gathered(report.held):
        yield f"  {words.clean(held.folder) or 'all folders'}: {waiting.doubt(held, manner)}"
        said = SAID.get(held.verdict)
        more = (*waiting.subjects(held), *([said] if said else waiting.choices(held, manner)))
        yield from (f"  {line}" for line in more)
    yield from _kept(report, manner)


def _gathered(held: Sequence[HeldFolder]) -> Iterator[HeldFolder | AllHeld]:
    """Each hold, but one for all where all folders are gone from one side: they are one accident, and one decision."""
    gone: dict[tuple[str, str], list[HeldFolder]] = {}
    for each in held:
        if each.suspicion == Suspicion.ALL_GONE.value:
            gone.setdefault((each.on, each.verdict), []).append(each)
        else:
            yield each
    for (on, verdict), folders in gone.items():
        yield AllHeld(folders[0].account, on, verdict, sum(each.count for each in folders))


@dataclass(frozen=True, slots=True)
class AllHeld:
    """What is held in all folders of an account together."""

    account: str
    on: str
    verdict: str
    count: int
    folder: str = ""
    suspicion: str = Suspicion.ALL_GONE.value
    subjects: tuple[str, ...] = ()

    @property
    def of(self) -> int:
        """All there are."""
        return self.count


def _kept(report: Restorable, manner: Manner) -> Iterator[str]:
    name = words.clean(report.account)
    if not report.kept:
        local = words.place(manner, report.account, "local").name
        if not report.problems and not report.days:
            yield f"{name}: what is removed from {local} is not kept (keepdeleted = 0)"
        elif not report.problems:
            yield f"{name}: nothing that was removed from {local} is kept (keepdeleted = {_days(report.days)})"
        return
    column = max(len(words.plural(kept.messages, "message")) for kept in report.kept)
    for side, other in words.OTHER.items():
        of_side = [kept for kept in report.kept if kept.side == side]
        if of_side:
            gone, deleted = (words.place(manner, report.account, each) for each in (side, other))
            days = _days(report.days if side == "local" else report.remote_days)
            yield f"{name}: removed from {gone.name}, as it was deleted {deleted.inside}, and kept for {days}:"
        for kept in of_side:
            many = words.plural(kept.messages, "message")
            yield f"  {kept.listed}  {many:<{column}}  {words.clean(kept.folder)}"
    last = report.kept[-1]
    yield f"  to get the last back:  {shell.command('restore', report.account, last.folder, manner, '--deleted')}"
    yield "  earlier ones: --deleted WHEN, with a time of the list, its beginning, or a span such as 2h or 3d"


def _days(days: float) -> str:
    return f"{days:g} day{'' if days == 1 else 's'}"
