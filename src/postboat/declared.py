"""Reads what JSON says as the types that a dataclass declares its fields with: those that events are made of. Pure."""

from __future__ import annotations

import dataclasses
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Read = Callable[[Any], Any]
    """Makes a value of what JSON gave for it. Raises TypeError when it is no such value."""

FURTHEST = 6e10
"""Seconds before and after 1970 that can be told as a date everywhere: some nineteen centuries."""


def read_fields(kind: type, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Values for those fields of a dataclass that `facts` has; what else it has is passed over.

    Raises TypeError for a value that is not of its field's type, as `None` for a text or `true` for a number.
    """
    return {name: read_field(kind, name, facts[name]) for name in _hints(kind) if name in facts}


def read_field(kind: type, name: str, value: object) -> Any:
    """The value of one field of a dataclass. Raises TypeError when it is not of the field's type."""
    return _reader(_hints(kind)[name])(value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _reader(hint: Any) -> Read:
    """How a value is read that is declared as `hint`."""
    origin, args = get_origin(hint) or hint, get_args(hint)
    if hint is object:
        return lambda value: value
    if hint is float:
        return _number
    if origin is Annotated:
        return _one_of(hint.__metadata__)
    if isinstance(hint, UnionType):
        return _either([_reader(each) for each in args])
    if origin is tuple and args[-1] is not ...:
        return _one_each([_reader(each) for each in args])
    if origin in (tuple, list):
        return _several(origin, _reader(args[0]))
    if origin is dict:
        return _by_name(_reader(args[1]))
    if dataclasses.is_dataclass(hint):
        return lambda value: hint(**read_fields(hint, _exactly(dict, value)))  # type: ignore[operator, arg-type]
    if hint not in (str, int, bool, NoneType):
        raise NotImplementedError(f"JSON gives no values of the type {hint}")
    return lambda value: _exactly(hint, value)


def _exactly(kind: type, value: object) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _in_order(values: object) -> Any:
    return values if type(values) is tuple else _exactly(list, values)


def _number(value: object) -> float:
    try:
        number = float(value) if type(value) is int else _exactly(float, value)
    except OverflowError as error:
        raise TypeError(str(error)) from error
    if not abs(number) <= FURTHEST:  # so that it can be told as a date wherever it is one
        raise TypeError(f"{number} is no number to go by")
    return float(number)


def _either(reads: list[Read]) -> Read:
    def first_fit(value: object) -> object:
        for read in reads:
            try:
                return read(value)
            except TypeError:
                continue
        raise TypeError(f"{value!r} is none of what it may be")

    return first_fit


def _one_of(values: tuple[object, ...]) -> Read:
    def known(value: object) -> object:
        if value not in values:
            raise TypeError(f"{value!r} is none of {values!r}")
        return value

    return known


def _several(kind: Callable[[list[Any]], Any], read: Read) -> Read:
    return lambda values: kind([read(value) for value in _in_order(values)])


def _one_each(reads: list[Read]) -> Read:
    def of_fixed_length(values: object) -> object:
        if len(given := _in_order(values)) != len(reads):
            raise TypeError(f"{values!r} are not {len(reads)} values")
        return tuple([read(value) for read, value in zip(reads, given, strict=True)])

    return of_fixed_length


def _by_name(read: Read) -> Read:
    return lambda facts: {name: read(value) for name, value in _exactly(dict, facts).items()}
