"""What JSON says is read as what a dataclass declares, or refused."""

from __future__ import annotations

from dataclasses import field

import pytest

from postboat.declared import read_field, read_fields
from postboat.values import SideName, dataclass


@dataclass(frozen=True, slots=True)
class Inner:
    number: int
    more: int = 5


@dataclass(slots=True)
class Outer:
    text: str = ""
    many: int = 0
    time: float | None = None
    yes: bool = False
    pair: tuple[int, int] | None = None
    several: tuple[Inner, ...] = ()
    listed: list[Inner] = field(default_factory=list)
    named: dict[str, Inner] = field(default_factory=dict)
    anything: object = None
    inner: Inner | None = None
    side: SideName = "local"


FITTING = [
    ("text", "ä", "ä"),
    ("many", 10**30, 10**30),
    ("time", 3, 3.0),
    ("time", None, None),
    ("yes", True, True),
    ("pair", [1, 2], (1, 2)),
    ("pair", (1, 2), (1, 2)),
    ("several", [{"number": 1}, {"number": 2, "more": 3}], (Inner(1), Inner(2, 3))),
    ("listed", [{"number": 1}], [Inner(1)]),
    ("named", {"a": {"number": 1}}, {"a": Inner(1)}),
    ("anything", [{}], [{}]),
    ("inner", {"number": 1, "colour": "blue"}, Inner(1)),
    ("side", "remote", "remote"),
]


@pytest.mark.parametrize(("name", "value", "read"), FITTING)
def test_a_value_is_of_its_fields_type(name: str, value: object, read: object) -> None:
    got = read_field(Outer, name, value)
    assert got == read
    assert type(got) is type(read)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("text", 1), ("text", None), ("many", True), ("many", 1.0), ("many", "1"), ("time", "soon"), ("time", True)),
        *(
            ("time", float("nan")),
            ("time", float("-inf")),
            ("time", 6.1e10),
            ("time", 10**400),
            ("yes", 1),
            ("pair", [1]),
            ("pair", "12"),
        ),
        *(("pair", [1, 2, 3]), ("pair", [1, "2"]), ("several", {}), ("several", [{}]), ("several", [None])),
        *(("listed", [1]), ("listed", None), ("named", []), ("named", {"a": 1}), ("inner", {}), ("inner", [1])),
        *(("side", "inside"), ("side", None), ("side", ["local"])),
    ],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(TypeError):
        read_field(Outer, name, value)


def test_only_what_was_said_and_is_known_is_read() -> None:
    assert read_fields(Outer, {"text": "x", "colour": "blue"}) == {"text": "x"}


def test_a_type_that_nobody_thought_of_is_noticed() -> None:
    @dataclass(slots=True)
    class Odd:
        what: bytes = b""

    Odd.__annotations__["what"] = bytes
    with pytest.raises(NotImplementedError):
        read_field(Odd, "what", "x")
