import pytest

from postboat.imap.abilities import Abilities


def abilities(*names):
    known = Abilities()
    known.announce(frozenset(names))
    return known


def test_nothing_is_known_before_the_server_announces():
    assert (Abilities().names, Abilities().known) == (frozenset(), False)


def test_the_last_announcement_replaces_the_others():
    known = abilities("IDLE")
    known.announce(frozenset({"MOVE"}))
    assert (known.names, known.known) == ({"MOVE"}, True)


def test_what_was_announced_before_a_sign_in_is_no_longer_known_after_it():
    known = abilities("IDLE")
    known.sign_in_begins()
    assert known.known
    known.signed_in()
    assert (known.names, known.known) == ({"IDLE"}, False)


def test_the_same_announcement_during_a_sign_in_is_known_after_it():
    known = abilities("IDLE")
    known.sign_in_begins()
    known.announce(known.names)
    known.signed_in()
    assert known.known


def test_what_was_said_in_clear_is_forgotten():
    known = abilities("FORGED")
    known.forget()
    assert (known.names, known.known) == (frozenset(), False)


def test_a_guess_serves_until_the_server_announces_and_never_lets_a_literal_go_unasked():
    guessed = Abilities()
    guessed.guess(frozenset({"LITERAL+"}))
    assert (guessed.names, guessed.known, guessed.must_ask(1)) == ({"LITERAL+"}, False, True)
    guessed.announce(frozenset({"LITERAL+", "IDLE"}))
    assert (guessed.names, guessed.known, guessed.must_ask(1)) == ({"LITERAL+", "IDLE"}, True, False)


@pytest.mark.parametrize(
    ("name", "octets", "asks"),
    [
        ("IMAP4REV1", 1, True),
        ("LITERAL+", 1 << 30, False),
        ("LITERAL-", 4096, False),
        ("LITERAL-", 4097, True),
        ("IMAP4REV2", 4096, False),
        ("IMAP4REV2", 4097, True),
    ],
)
def test_literals_that_the_server_must_be_asked_about(name, octets, asks):
    assert abilities(name).must_ask(octets) is asks
