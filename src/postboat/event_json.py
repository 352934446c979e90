"""Events as lines of JSON, as they are written for programs and sent over the control socket, and back."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from postboat import events
from postboat.events import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    Read = Callable[[object], object]
    """Makes a value of what JSON gave for it. Raises TypeError when it is no such value."""


def encode(event: Event, when: datetime) -> str:
    """Write one event as a line of pure ASCII, so that no encoding and no line separator can break it."""
    facts = {"event": type(event).__name__, "time": when.isoformat(timespec="milliseconds")}
    return json.dumps(facts | dataclasses.asdict(event), default=_plain)


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def decode(facts: Mapping[str, Any]) -> Event | None:
    """Read an event that another program sent; None for one that is not known here, or not in this form.

    Every value is of the type that its field is declared with.
    """
    kind = getattr(events, str(facts.get("event")), None)
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        return None
    try:
        return kind(**_read_fields(kind, facts))
    except (TypeError, OverflowError):
        return None


def read_as(hint: Any, value: object) -> Any:
    """Read one value of the type `hint` that `encode` or `json.dumps` wrote. Raises TypeError when it is none."""
    try:
        return _reader(hint)(value)
    except OverflowError as error:
        raise TypeError(str(error)) from error


def _read_fields(kind: type, facts: Mapping[str, Any]) -> dict[str, object]:
    """What of the facts is known here, which a newer program may have added to."""
    return {name: read(facts[name]) for name, read in _readers(kind).items() if name in facts}


@cache
def _readers(kind: type) -> dict[str, Read]:
    return {name: _reader(hint) for name, hint in get_type_hints(kind).items()}


@cache
def _reader(hint: Any) -> Read:
    """How a value is read that is declared as `hint`: what the types of events are made of."""
    if hint is object:
        return lambda value: value
    if hint is float:
        return _number
    if isinstance(hint, UnionType):
        return _either(tuple(map(_reader, get_args(hint))))
    if get_origin(hint) is tuple:
        return _several(_reader(get_args(hint)[0]))
    if dataclasses.is_dataclass(hint):
        return lambda value: hint(**_read_fields(hint, _exactly(dict, value)))  # type: ignore[operator, arg-type]
    plain = get_origin(hint) or hint
    if plain not in (str, int, bool, NoneType, dict):
        raise NotImplementedError(f"events have no values of the type {hint}")
    return lambda value: _exactly(plain, value)


def _exactly(kind: type, value: object) -> Any:
    """Refuse what is of another type, be it related: true is no number."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _number(value: object) -> float:
    number = float(value) if type(value) is int else _exactly(float, value)
    if not isfinite(number):
        raise TypeError(f"{number} is no number to go by")
    return float(number)


def _several(read: Read) -> Read:
    return lambda values: tuple([read(value) for value in _exactly(list, values)])


def _either(reads: tuple[Read, ...]) -> Read:
    def first_fit(value: object) -> object:
        for read in reads:
            try:
                return read(value)
            except TypeError:
                continue
        raise TypeError(f"{value!r} is none of what it may be")

    return first_fit
