"""Round trips are counted by what may depend on what, not by the pieces in which octets happen to pass."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.bench.flights import Connection, Traffic


def ask(connection: Connection, size: int = 10) -> int:
    """A command leaves and arrives; return its flight."""
    flight = connection.sent(size)
    connection.reached_server(flight)
    return flight


def answer(connection: Connection, size: int = 100) -> None:
    """The server sends something, and it arrives."""
    connection.reached_client(connection.answered(size))


def test_who_waits_for_every_answer_takes_as_many_round_trips_as_commands():
    connection = Connection()
    answer(connection)  # the greeting
    for _ in range(7):
        ask(connection)
        answer(connection)
    assert connection.trips == 7


def test_who_sends_everything_at_once_takes_one():
    connection = Connection()
    for _ in range(7):
        ask(connection)
    for _ in range(7):
        answer(connection)
    assert connection.trips == 1


def test_a_command_sent_while_an_answer_streams_is_one_more_however_many_pieces_come():
    connection = Connection()
    ask(connection)
    for _ in range(5):
        answer(connection)
    for _ in range(5):
        connection.sent(10)
        answer(connection)
    assert connection.trips == 2


def test_an_answer_under_way_does_not_make_what_is_sent_meanwhile_depend_on_it():
    connection = Connection()
    ask(connection)
    under_way = connection.answered(100)
    ask(connection)
    assert connection.trips == 1
    connection.reached_client(under_way)
    ask(connection)
    assert connection.trips == 2


def test_an_answer_sent_before_a_command_arrived_is_no_answer_to_it():
    connection = Connection()
    late = connection.sent(10)
    answer(connection)  # the greeting, sent before
    connection.reached_server(late)
    connection.sent(10)
    assert connection.trips == 1


@given(st.lists(st.sampled_from(["ask", "answer"]), max_size=60))
def test_never_more_round_trips_than_turns(story):
    connection = Connection()
    turns, last = 0, "answer"
    for step in story:
        ask(connection) if step == "ask" else answer(connection)
        turns += step == "ask" and last == "answer"
        last = step
    assert connection.trips == turns


def test_traffic_tells_the_sum_and_the_connection_with_the_most():
    carried = Traffic.of([Connection(up=1, down=10, trips=3), Connection(up=2, down=20, trips=5)])
    assert carried == Traffic(connections=2, up=3, down=30, trips=8, most_trips=5)
    assert Traffic.of([]).most_trips == 0
