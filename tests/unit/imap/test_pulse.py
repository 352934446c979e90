import pytest

from postboat.imap.pulse import AUTOMATIC, LONGEST_IDLE, MEMORY, SHORTEST, Keepalive, Pulse


def beating(*times, keepalive=0):
    """The pulse of an IDLE since 0 whose server says that it is there at these times."""
    pulse = Pulse(Keepalive(keepalive), 0)
    for time in times:
        pulse.sign(time, is_beat=True)
    return pulse


def test_without_a_word_from_the_user_or_the_server_it_is_the_automatic_interval():
    assert Pulse(Keepalive(0), 100).due(100) == 100 + AUTOMATIC


def test_the_users_word_counts_but_not_below_the_shortest():
    assert Pulse(Keepalive(90), 0).due(0) == 90
    assert Pulse(Keepalive(3), 0).due(0) == SHORTEST


def test_whatever_is_heard_puts_it_off():
    pulse = Pulse(Keepalive(90), 0)
    pulse.sign(60, is_beat=False)
    assert pulse.due(60) == 150


def test_a_server_that_beats_is_left_in_peace_for_two_and_a_half_of_its_longest_intervals():
    assert beating(120, 230, 350).due(350) == 350 + 2.5 * 120


def test_one_beat_is_no_interval():
    assert beating(5).due(5) == 5 + AUTOMATIC


def test_beats_in_a_hurry_do_not_make_us_hurry():
    assert beating(1, 2).due(2) == 2 + SHORTEST


def test_a_server_that_lived_though_its_beats_stopped_is_counted_anew():
    pulse = beating(120, 240)
    pulse.proved()
    pulse.begin(600)
    assert pulse.due(600) == 600 + AUTOMATIC
    pulse.sign(700, is_beat=True)
    assert pulse.due(700) == 700 + AUTOMATIC


def test_an_interval_does_not_run_from_one_idle_into_the_next():
    pulse = beating(10)
    pulse.begin(500)
    pulse.sign(510, is_beat=True)
    assert pulse.due(510) == 510 + AUTOMATIC


def test_no_idle_lasts_for_half_an_hour_however_lively_it_is():
    assert beating(*range(100, 1700, 100)).due(1600) == LONGEST_IDLE
    assert LONGEST_IDLE < 29 * 60
    assert Pulse(Keepalive(7200), 0).due(0) == LONGEST_IDLE


@pytest.mark.parametrize(("silence", "expected"), [(240, 168), (130, 91), (119, AUTOMATIC), (1, AUTOMATIC)])
def test_a_connection_that_died_of_silence_makes_the_next_interval_shorter(silence, expected):
    keepalive = Keepalive(0)
    keepalive.died(silence, now=1000)
    assert keepalive.interval(1000) == pytest.approx(expected)


def test_it_never_falls_below_the_shortest_and_is_forgotten_after_a_day():
    keepalive = Keepalive(0)
    for _ in range(20):
        keepalive.died(keepalive.interval(0), now=0)
    assert keepalive.interval(MEMORY) == SHORTEST
    assert keepalive.interval(MEMORY + 1) == AUTOMATIC
