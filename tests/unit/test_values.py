"""Values behave as the standard library's frozen dataclasses do, whatever they save at the start."""

from __future__ import annotations

import copy
import dataclasses
import pickle
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


def test_repr_is_the_standard_one_and_hides_what_is_not_to_be_shown():
    assert repr(Point(1, 2)) == "Point(x=1, y=2)" and repr(Mark(1)) == "Mark(x=1, y=0, colour='red')"
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
    assert dataclasses.replace(Options(deep=True), wide=True) == Options(deep=True, wide=True)
    assert [f.name for f in dataclasses.fields(Boat)] == ["name", "crew", "secret", "draught", "cargo"]
    assert dataclasses.is_dataclass(Nothing) and dataclasses.asdict(Nothing()) == {}


@pytest.mark.parametrize("first", ["base", "derived"])
def test_the_standard_helpers_may_ask_a_class_and_its_base_in_any_order(first):
    @dataclass(frozen=True, slots=True)
    class Base:
        a: int

    @dataclass(frozen=True, slots=True)
    class Derived(Base):
        b: int = 2

    values = [Base(1), Derived(1)]
    for value in values if first == "base" else reversed(values):
        assert dataclasses.replace(value, a=5).a == 5
    assert [dataclasses.asdict(value) for value in values] == [{"a": 1}, {"a": 1, "b": 2}]


def test_what_is_made_for_each_instance_is_its_own():
    assert Boat("Anna").cargo is not Boat("Anna").cargo
    held = {"tea": 1}
    assert Boat("Anna", cargo=held).cargo is held


def test_a_default_that_all_instances_would_share_and_change_is_refused():
    with pytest.raises(TypeError, match="cargo"):

        @dataclass(slots=True)
        class Wrong:
            cargo: list[str] = []  # noqa: RUF012 - the mistake


def test_a_missing_argument_is_told_with_the_name_of_its_class():
    with pytest.raises(TypeError, match=r"Point\.__init__\(\) missing 1 required positional argument: 'x'"):
        Point()


def test_copies_are_equal_and_survive_pickling():
    boat = Boat("Anna", ("me",), cargo={"tea": 1})
    assert copy.deepcopy(boat) == boat and pickle.loads(pickle.dumps(boat)) == boat


def test_order_and_keywords_are_those_of_the_standard_library():
    assert sorted([Rank(("b",)), Rank(("a", "c"))])[0] == Rank(("a", "c"))
    assert Options(deep=True) == Options(deep=True, wide=False)
    with pytest.raises(TypeError):
        Options(True)


def test_fields_of_a_class_that_the_standard_library_made_are_not_lost_in_silence():
    with pytest.raises(TypeError, match="Rank"):

        @dataclass(frozen=True, slots=True)
        class Higher(Rank):
            stars: int
