"""`dataclass` for values: as `dataclasses.dataclass` to the reader and the type checker, but cheap to define.

The standard one compiles six functions for each frozen class, some 0.4 ms of every start; a hundred classes took
longer than all that a sync of a mailbox without changes does. Here only `__init__` is compiled: comparison, hash and
repr are the same for all, and what `replace` and `asdict` want to know is found out when they ask. `frozen` makes a
value hashable and is enforced by the type checker, not at run time, which makes instances three times cheaper too.
"""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING
from inspect import get_annotations
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import Field
    from dataclasses import dataclass as dataclass
    from types import FunctionType

    Fields = Mapping[str, Field[Any]]
else:

    def dataclass(*, frozen=False, slots=False, kw_only=False, **unusual):
        """Make a class of fields, with the options of `dataclasses.dataclass`."""

        def make(cls):
            if not slots or unusual or hasattr(cls, "__post_init__"):
                return dataclasses.dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only, **unusual)
            return _made(cls, frozen=frozen, kw_only=kw_only)

        return make


SideName = Annotated[str, "remote", "local"]
"""A side (`model.Side`) in what is told to other programs."""


def _made(plain: type, *, frozen: bool, kw_only: bool) -> type:
    """Make the class anew with slots, since they cannot be added to one, and with what its fields decide."""
    own = {name: _field(plain, name) for name in get_annotations(plain)}
    fields = _inherited(plain) | own
    kept = {name: kept for name, kept in vars(plain).items() if name not in {*own, "__dict__", "__weakref__"}}
    init = _init(fields, kw_only=kw_only)
    init.__qualname__ = f"{plain.__qualname__}.__init__"
    methods = {"__init__": init, **_comparing(fields, frozen=frozen)}
    own_names = {
        "__slots__": tuple(own),
        "__match_args__": () if kw_only else tuple(fields),
        "__dataclass_fields__": _StandardFields(fields),
        "_fields": fields,
        "__qualname__": plain.__qualname__,
    }
    return type(plain)(plain.__name__, plain.__bases__, methods | kept | own_names)


def _field(plain: type, name: str) -> Field[Any]:
    given = vars(plain).get(name, MISSING)
    if type(given).__hash__ is None:
        raise TypeError(f"{plain.__qualname__}.{name}: all instances would share one {type(given).__name__}")
    field: Field[Any] = given if isinstance(given, dataclasses.Field) else dataclasses.field(default=given)
    return field


def _inherited(plain: type) -> dict[str, Field[Any]]:
    fields: dict[str, Field[Any]] = {}
    for base in reversed(plain.__mro__[1:-1]):
        if "_fields" not in vars(base) and "__dataclass_fields__" in vars(base):
            raise TypeError(f"{plain.__qualname__} cannot inherit the fields of {base.__qualname__}, made otherwise")
        fields |= vars(base).get("_fields", {})
    return fields


def _init(fields: Fields, *, kw_only: bool) -> FunctionType:
    """Compile `__init__`. Defaults are passed by name; those to be made for each instance are made in the body."""
    known: dict[str, object] = {"MISSING": MISSING}
    head, body = ["self", *(["*"] if kw_only and fields else [])], [" pass"]
    for name, field in fields.items():
        parameter = value = name
        if field.default is not MISSING:
            known[f"_{name}"] = field.default
            parameter = f"{name}=_{name}"
        elif field.default_factory is not MISSING:
            known[f"_{name}"] = field.default_factory
            parameter, value = f"{name}=MISSING", f"_{name}() if {name} is MISSING else {name}"
        head.append(parameter)
        body.append(f" self.{name} = {value}")
    made: dict[str, FunctionType] = {}
    exec(f"def __init__({', '.join(head)}):\n" + "\n".join(body), known, made)
    return made["__init__"]


def _comparing(fields: Fields, *, frozen: bool) -> dict[str, object]:
    """Comparison, hash and repr by the fields that are meant for them."""
    compared = [name for name, field in fields.items() if field.compare]
    shown = [name for name, field in fields.items() if field.repr]
    values: Callable[[object], object] = attrgetter(*compared) if compared else lambda _: ()

    def equal(self: object, other: object) -> bool:
        return values(self) == values(other) if type(self) is type(other) else NotImplemented

    def hashed(self: object) -> int:
        return hash(values(self))

    def told(self: object) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return {"__eq__": equal, "__hash__": hashed if frozen else None, "__repr__": told}


class _StandardFields:
    """What `dataclasses` notes about a class, found out by it when `replace`, `asdict` or `fields` ask."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __get__(self, instance: object, owner: type) -> Mapping[str, Field[Any]]:
        if any(field.name is None for field in self._fields.values()):
            named = [(name, Any, field) for name, field in self._fields.items()]
            dataclasses.make_dataclass(owner.__name__, named, init=False, repr=False, eq=False)
        return self._fields


@dataclass(frozen=True, slots=True)
class Sides:
    """What the sides of an account are called that are both of one kind: "the server" would not tell which."""

    remote: str
    """The repository's name."""
    local: str
    servers: bool = True
    """Whether they are servers; else both are trees of Maildirs."""
