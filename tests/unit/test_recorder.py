"""The recorder of the wire-budget tests counts what it says that it counts."""

import pytest
from tests.servers.recorder import Recording, commands_of


def recording(*turns):
    """What a client says begins with ">", what a server says with "<"; each is heard before the next is said."""
    made = Recording()
    for turn in turns:
        made.left(turn[1:].encode(), up=turn[0] == ">")
        made.arrived(turn[1:].encode(), up=turn[0] == ">")
    return made


def test_what_is_said_while_an_answer_is_on_its_way_is_no_round_trip_more():
    spoken = recording("<* OK hello\r\n", ">A1 NOOP\r\n")
    spoken.left(b"A1 OK\r\n", up=False)
    spoken.left(b"A2 NOOP\r\n", up=True)
    assert spoken.round_trips == 1
    spoken.arrived(b"A1 OK\r\n", up=False)
    spoken.left(b"A3 NOOP\r\n", up=True)
    assert spoken.round_trips == 2


@pytest.mark.parametrize(
    ("turns", "round_trips"),
    [
        ((), 0),
        (("<* OK hello\r\n",), 0),
        ((">A1 NOOP\r\n",), 1),
        (("<* OK hello\r\n", ">A1 NOOP\r\n", "<A1 OK\r\n"), 1),
        (("<* OK hello\r\n", ">A1 NOOP\r\n", ">A2 NOOP\r\n", "<A1 OK\r\n", "<A2 OK\r\n"), 1),
        (("<* OK hello\r\n", ">A1 NOOP\r\n", "<A1 OK\r\n", ">A2 NOOP\r\n", "<A2 OK\r\n"), 2),
        (("<* OK hello\r\n", ">A1 NOOP\r\n", "<A1 OK\r\n", ">A2 LOGOUT\r\n"), 1),
        (("<* OK hello\r\n", ">A1 NOOP\r\n", "<A1 OK\r\n", ">A2 LOGOUT\r\n", "<* BYE\r\n"), 1),
        (("<* OK hello\r\n", ">A1 AUTHENTICATE PLAIN\r\n", "<+ \r\n", ">AGE=\r\n", "<A1 OK\r\n"), 2),
    ],
)
def test_a_round_trip_is_when_the_client_speaks_after_the_server(turns, round_trips):
    assert recording(*turns).round_trips == round_trips


def test_flights_are_what_the_client_says_in_one_go():
    spoken = recording("<* OK\r\n", ">A1 NOOP\r\nA2 LI", ">ST a b\r\n", "<A1 OK\r\n", ">A3 LOGOUT\r\n")
    assert spoken.flights == [["NOOP", "LIST a b"], ["LOGOUT"]]


def test_literals_stand_in_their_command():
    octets = b"A1 APPEND a {7+}\r\nA2 x\r\ny (z)\r\nA3 LOGIN {2}\r\nme {2}\r\npw\r\n"
    assert commands_of(octets) == ["APPEND a A2 x\r\ny (z)", "LOGIN me pw"]


def test_commands_may_be_picked_by_how_they_begin():
    spoken = recording(">A1 UID FETCH 1 FLAGS\r\nA2 SELECT a\r\nA3 UID STORE 1 x\r\n")
    assert spoken.commands("UID FETCH", "SELECT") == ["UID FETCH 1 FLAGS", "SELECT a"]
