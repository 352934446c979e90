"""Sentences about what a dry run found to do. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from postboat.events import Counts
from postboat.ui import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from postboat.events import PlanShown
    from postboat.ui.words import Manner, Place


def would(operations: Iterable[Mapping[str, object]]) -> Counts:
    """Count what a dry run found to do in a folder."""
    kinds = Counter((operation.get("do"), operation.get("on") or operation.get("to")) for operation in operations)
    return Counts(
        down=kinds["copy", "local"],
        up=kinds["copy", "remote"],
        reflagged=sum(count for (do, _), count in kinds.items() if do == "reflag"),
        deleted_remote=kinds["delete", "remote"],
        deleted_local=kinds["delete", "local"],
        moved=kinds["move", "local"] + kinds["move", "remote"],
        adopted=kinds["adopt", None],
    )


def planned(event: PlanShown, manner: Manner) -> tuple[str, ...]:
    """Tell what a sync would do in a folder: a line for the whole, then single operations up to `words.DETAILS`."""
    if not event.operations:
        return ()
    # Pairing transfers and removes nothing: it must not crowd out what does.
    ordered = sorted(event.operations, key=lambda operation: operation.get("do") == "adopt")
    at = {side: words.place(manner, event.account, side) for side in ("local", "remote")}
    details = [f"  {_operation(operation, at)}" for operation in ordered[: words.DETAILS]]
    if len(ordered) > words.DETAILS:
        details.append(f"  and {words.number(len(ordered) - words.DETAILS)} more")
    return (f"{words.about(event, manner)}would {_groups(ordered, at)}", *details)


def _groups(operations: Sequence[Mapping[str, object]], at: Mapping[str, Place]) -> str:
    count = Counter((_text(operation, "do"), _side(operation)) for operation in operations)
    told = []
    if ways := [f"{words.number(n)} to {to.short}" for side, to in at.items() if (n := count["copy", side])]:
        told.append("copy " + ", ".join(ways))
    if reflags := count["reflag", ""]:
        told.append(f"change flags of {words.number(reflags)}")
    for what in ("move", "delete"):
        for side, place in at.items():
            if n := count[what, side]:
                told.append(f"{what} {words.number(n)} {place.where}")
    if adopts := count["adopt", ""]:
        told.append(f"pair {words.number(adopts)} that both sides hold")
    return ", ".join(told)


def _operation(operation: Mapping[str, object], at: Mapping[str, Place]) -> str:
    message, place = _text(operation, "message"), at.get(_side(operation), at["local"])
    match operation.get("do"):
        case "copy":
            return f"copy message {message} to {place.short}{_listed(operation, ('flags', ''))}"
        case "delete":
            return f"delete message {message} {place.where}"
        case "move":
            return f"move message {message} {place.where} to {_text(operation, 'to')}"
        case "reflag":
            return f"change flags of message {_text(operation, 'remote')}: {_reflagging(operation, at)}"
    where = "" if at["local"] is words.USUAL["local"] else f" {at['local'].inside}"
    return f"pair message {_text(operation, 'remote')} {at['remote'].inside} with {_text(operation, 'local')}{where}"


def _reflagging(operation: Mapping[str, object], at: Mapping[str, Place]) -> str:
    told = [
        at[side].where + flags
        for side in ("remote", "local")
        if (flags := _listed(operation, (f"add_{side}", "+"), (f"remove_{side}", "-")))
    ]
    return ", ".join(told) or "both sides agree already"


def _listed(operation: Mapping[str, object], *groups: tuple[str, str]) -> str:
    told = []
    for key, sign in groups:
        flags = operation.get(key)
        if isinstance(flags, list | tuple):
            told += [f"{sign}{words.clean(str(flag))}" for flag in flags]
    return f" ({' '.join(told)})" if told else ""


def _side(operation: Mapping[str, object]) -> str:
    return _text(operation, "on") or _text(operation, "to")


def _text(operation: Mapping[str, object], key: str) -> str:
    return words.clean(str(operation.get(key) or ""))
