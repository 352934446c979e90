"""Lines of JSON as they come over a control socket, from a parent or out of a file, read as what a link gives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from postboat.event_json import decode
from postboat.status_json import from_json
from postboat.ui.link import Answered, Happened, Over, Question, Snapshot, Withdrawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from postboat.ui.link import Line


def told(facts: Mapping[str, Any]) -> Snapshot | Happened | None:
    """Read what a run tells: a status or an event. None: neither, or one that only a newer program knows."""
    try:
        if "event" in facts:
            event = decode(facts)
            return Happened(event, time_of(facts)) if event is not None else None
        if "status" in facts:
            return Snapshot(from_json(facts["status"]), int(facts.get("dropped", 0)))
        if "accounts" in facts:  # as `status --format json` writes it
            return Snapshot(from_json(facts))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        pass
    return None


def time_of(facts: Mapping[str, Any]) -> float:
    """When it was told, in seconds since the epoch. Raises as `told` catches it."""
    return datetime.fromisoformat(facts["time"]).timestamp()


def as_request(do: str, facts: Mapping[str, object]) -> dict[str, object]:
    """What a face asks for, as the control socket reads it: accounts are targets, and each verdict has its own verb."""
    others = {name: value for name, value in facts.items() if name not in ("accounts", "verdict")}
    if "accounts" in facts:
        others["targets"] = facts["accounts"]
    return {"do": str(facts.get("verdict", do)), **others}


def from_parent(facts: Mapping[str, Any]) -> Line | None:
    """Read what a parent tells a face that runs apart: beside what a run tells, what is between the two."""
    match facts:
        case {"question": int(number), "text": str(text)}:
            return Question(number, text)
        case {"withdrawn": int(number)}:
            return Withdrawn(number)
        case {"answered": int(number), "refusal": str(refusal)}:
            return Answered(number, refusal)
        case {"over": True}:
            return Over()
    return told(facts)
