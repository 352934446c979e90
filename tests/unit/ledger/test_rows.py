"""Whatever goes into a column comes back equal."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from postboat.ledger.rows import FlagColumns, from_column, name_from_column, name_to_column, to_column
from postboat.model import NO_FLAGS, FolderName

anything = st.text(st.characters(codec=None), max_size=40)


def through_sqlite(value: object) -> object:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE t (v NOT NULL)")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        return connection.execute("SELECT v FROM t WHERE v = ?", (value,)).fetchone()[0]
    finally:
        connection.close()


@given(anything)
@example("")
@example("0")
@example("7")
@example("007")
@example("-7")
@example("+7")
@example("1_000")
@example(" 7")
@example("٧")
@example("4294967295")
@example("9" * 18)
@example("9" * 19)
@example("18446744073709551616")
@example("1e3")
@example("\udcff name")
@example("\ud800")
@example("a\x00b")
def test_any_key_reads_back_exactly(key: str) -> None:
    assert from_column(through_sqlite(to_column(key))) == key  # type: ignore[arg-type]


def test_a_uid_takes_the_room_of_a_number() -> None:
    assert to_column("4294967295") == 4294967295


@given(st.lists(st.one_of(anything, st.from_regex(r"0*[0-9]{1,20}", fullmatch=True)), unique=True))
def test_different_keys_are_different_columns(keys: list[str]) -> None:
    columns = [to_column(key) for key in keys]
    assert len({(type(column), column) for column in columns}) == len(keys)


@given(st.lists(anything.filter(bool), min_size=1, max_size=4))
def test_any_name_of_a_folder_reads_back_exactly(parts: list[str]) -> None:
    name = FolderName(tuple(parts))
    assert name_from_column(str(through_sqlite(name_to_column(name)))) == name


@given(st.frozensets(anything.filter(lambda flag: flag and " " not in flag), max_size=5))
@example(frozenset({"\\Seen", "$Forwarded", "123", "a,b", "x\ty", "{5}", "%*]"}))
@example(frozenset({"7"}))
def test_any_flags_read_back_exactly(flags: frozenset[str]) -> None:
    column = through_sqlite(FlagColumns().to_column(flags))
    assert FlagColumns().from_column(column) == flags  # type: ignore[arg-type]


def test_no_flags_are_the_one_empty_set() -> None:
    assert FlagColumns().from_column(FlagColumns().to_column(frozenset())) is NO_FLAGS


@pytest.mark.parametrize("flag", ["two words", ""])
def test_what_could_not_be_read_back_is_refused(flag: str) -> None:
    with pytest.raises(ValueError, match="not flags"):
        FlagColumns().to_column(frozenset({flag}))
