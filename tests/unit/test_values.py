"""Values behave as the standard library's frozen dataclasses do, whatever they save at the start."""

from __future__ import annotations

import dataclasses
from dataclasses import field

import pytest

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class Boat:
    """A value with everything a field can have."""

    name: str
    crew: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)
    draught: float = field(default=1.5, compare=False)
    cargo: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 0


@dataclass(frozen=True, slots=True)
class Mark(Point):
    colour: str = "red"


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class Named:
    name: str

    def __repr__(self) -> str:
        return "hidden"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())


@dataclass(slots=True)
class Tally:
    count: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Rank:
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    deep: bool
    wide: bool = False


def standard(made):
    """The same fields as the standard library makes a class of them."""
    return dataclasses.make_dataclass(
        made.__name__, [(f.name, f.type, f) for f in dataclasses.fields(made)], frozen=True, slots=True
    )


def test_repr_is_the_standard_one_and_hides_what_is_not_to_be_shown():
    assert repr(Point(1, 2)) == repr(standard(Point)(1, 2)) == "Point(x=1, y=2)"
    assert "pssst" not in repr(Boat("Anna", secret="pssst")) and "Anna" in repr(Boat("Anna"))
    assert repr(Nothing()) == "Nothing()"


def test_values_are_equal_by_what_they_hold_and_only_to_their_own_kind():
    assert Point(1, 2) == Point(1, 2) != Point(1, 3)
    assert Mark(1, 2) != Point(1, 2) and Point(1, 2) != Mark(1, 2)
    assert Point(1) != (1, 0) and Point(1) != Nothing()
    assert Nothing() == Nothing()
    assert Boat("Anna", draught=1) == Boat("Anna", draught=2), "a field that is not to be compared"
    assert Boat("Anna", secret="a") != Boat("Anna", secret="b"), "hidden is not uncompared"


def test_equal_values_count_once_in_sets():
    assert {Point(1, 2), Point(1, 2), Mark(1, 2)} == {Mark(1, 2), Point(1, 2)}
    assert len({Nothing(), Nothing()}) == 1
    assert hash(Rank(("a",))) == hash(Rank(("a",)))


def test_what_may_change_has_no_hash_but_is_compared():
    tally = Tally()
    tally.count += 1
    assert tally == Tally(1)
    with pytest.raises(TypeError):
        hash(tally)


def test_what_a_class_defines_itself_stays():
    assert repr(Named("X")) == "hidden" and Named("a") == Named("A") and len({Named("a"), Named("A")}) == 1


def test_slots_leave_no_room_for_other_attributes():
    with pytest.raises(AttributeError):
        Point(1).z = 3
    assert not hasattr(Point(1), "__dict__")


def test_patterns_and_the_standard_helpers_work():
    match Mark(1, 2, "green"):
        case Point(x, y):
            assert (x, y) == (1, 2)
    assert dataclasses.replace(Mark(1), colour="green") == Mark(1, 0, "green")
    assert dataclasses.asdict(Mark(1)) == {"x": 1, "y": 0, "colour": "red"}
    assert Boat("Anna").cargo is not Boat("Anna").cargo, "each gets its own"


def test_order_and_keywords_are_those_of_the_standard_library():
    assert sorted([Rank(("b",)), Rank(("a", "c"))])[0] == Rank(("a", "c"))
    assert Options(deep=True) == Options(deep=True, wide=False)
    with pytest.raises(TypeError):
        Options(True)
