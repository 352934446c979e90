"""Events as lines of JSON, as they are written for programs and sent over the control socket, and back."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from postboat import events
from postboat.declared import read_fields
from postboat.events import Event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def encode(event: Event, when: datetime) -> str:
    """Write one event as a line of pure ASCII, so that no encoding and no line separator can break it."""
    facts = {"event": type(event).__name__, "time": when.isoformat(timespec="milliseconds")}
    return json.dumps(facts | dataclasses.asdict(event), default=_plain)


def decode(facts: Mapping[str, Any]) -> Event | None:
    """Read an event that another program sent; None for one that is not known here, or not in this form."""
    kind = getattr(events, str(facts.get("event")), None)
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        return None
    try:
        return kind(**read_fields(kind, facts))
    except TypeError:
        return None


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)
