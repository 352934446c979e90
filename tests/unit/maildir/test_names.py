import pytest

from postboat.maildir import names
from postboat.maildir.names import NameMaker, parse, place_for
from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, NO_FLAGS, SEEN


@pytest.mark.parametrize(
    ("name", "unique", "flags", "others"),
    [
        ("1.M2P3Q4.host", "1.M2P3Q4.host", NO_FLAGS, ""),
        ("1.host:2,", "1.host", NO_FLAGS, ""),
        ("1.host:2,DFPRST", "1.host", {DRAFT, FLAGGED, FORWARDED, ANSWERED, SEEN, DELETED}, ""),
        ("1.host:2,Sac", "1.host", {SEEN}, "ac"),
        ("123_0.1.host,U=5,FMD5=7a:2,S", "123_0.1.host,U=5,FMD5=7a", {SEEN}, ""),
        ("123.R1.host,U=9:2,RS", "123.R1.host,U=9", {ANSWERED, SEEN}, ""),
        ("1.host:1,x", "1.host:1,x", NO_FLAGS, ""),
        ("1.host:2,S:2,F", "1.host", {SEEN, FLAGGED}, ":2,"),
        (":2,S", ":2,S", NO_FLAGS, ""),
    ],
)
def test_a_name_is_its_unique_part_and_its_letters(name, unique, flags, others):
    assert parse(name) == (unique, frozenset(flags), others)
    assert names.key_and_flags(name) == (unique, frozenset(flags))


def test_letters_stand_in_ascii_order_and_foreign_ones_stay():
    assert parse("1.host:2,xSb").under(frozenset({SEEN, DRAFT, "$Junk"})) == "1.host:2,DSxb"


def test_a_message_without_flags_is_delivered_to_new_without_info():
    assert place_for("u", NO_FLAGS) == ("new", "u")
    assert place_for("u", frozenset({"$Junk"})) == ("new", "u")
    assert place_for("u", frozenset({SEEN})) == ("cur", "u:2,S")
    assert place_for("u", frozenset({FLAGGED})) == ("cur", "u:2,F")


def test_names_are_plain_maildir_names_and_never_repeat():
    maker = NameMaker(lambda: 1700000000.25, 7, "my/host:x")
    assert maker.make() == r"1700000000.M250000P7Q1.my\057host\072x"
    assert len({maker.make() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("host", ["", "é\n", "x" * 300, "\udcff"])
def test_any_host_name_gives_a_file_name(host):
    name = NameMaker(lambda: 1.0, 1, host).make()
    assert name.isascii() and name.isprintable() and "/" not in name and ":" not in name
    assert len(name) < 200


def test_names_for_people_hide_nothing_from_a_terminal():
    assert names.printable("a\x1b[2J\udcff é") == r"a\x1b[2J\udcff é"
