"""What a dry run found to do."""

from __future__ import annotations

from postboat.events import (
    PlanShown,
)
from postboat.ui import words
from postboat.ui.sentences import dry_run
from postboat.ui.words import Manner

DRY = Manner(dry_run=True)


OPERATIONS = (
    *({"do": "copy", "to": "local", "message": str(n), "flags": ["\\Seen"], "size": 1} for n in range(12)),
    {"do": "copy", "to": "remote", "message": "1.h", "flags": [], "size": None},
    {"do": "copy", "to": "remote", "message": "2.h\x1b", "flags": [], "size": None},
    {"do": "reflag", "remote": "5", "local": "x", "add_remote": ["\\Seen"], "remove_remote": ["\\Flagged"]},
    {"do": "delete", "on": "local", "message": "9.h"},
    {"do": "delete", "on": "remote", "message": "9"},
)


def test_a_plan_is_told_as_a_whole_and_then_one_by_one() -> None:
    head, *details = dry_run.planned(PlanShown("A", "INBOX", OPERATIONS), DRY)
    assert head == (
        "INBOX: would copy 12 to local, 2 to remote, change flags of 1, delete 1 locally, delete 1 on the server"
    )
    assert details[0] == "  copy message 0 to local (\\Seen)"
    assert details[13:] == [
        "  copy message 2.h? to remote",
        "  change flags of message 5: on the server (+\\Seen -\\Flagged)",
        "  delete message 9.h locally",
        "  delete message 9 on the server",
    ]


def test_a_long_plan_is_told_up_to_a_bound() -> None:
    many = tuple({"do": "delete", "on": "local", "message": str(n)} for n in range(1234))
    lines = dry_run.planned(PlanShown("A", "INBOX", many), DRY)
    assert lines[0] == "INBOX: would delete 1,234 locally"
    assert len(lines) == words.DETAILS + 2
    assert lines[-1] == "  and 1,214 more"


def test_a_plan_tells_how_many_copies_on_both_sides_it_would_pair() -> None:
    pairs = tuple({"do": "adopt", "remote": str(n), "local": f"{n}.h"} for n in range(20))
    head, *details = dry_run.planned(PlanShown("A", "INBOX", pairs), DRY)
    assert head == "INBOX: would pair 20 that both sides hold"
    assert details[0] == "  pair message 0 on the server with 0.h"


def test_pairing_does_not_crowd_out_what_a_plan_copies_and_deletes() -> None:
    pairs = tuple({"do": "adopt", "remote": str(n), "local": f"{n}.h"} for n in range(words.DETAILS))
    delete = {"do": "delete", "on": "remote", "message": "99"}
    head, first, *_ = dry_run.planned(PlanShown("A", "INBOX", (*pairs, delete)), DRY)
    assert head == "INBOX: would delete 1 on the server, pair 20 that both sides hold"
    assert first == "  delete message 99 on the server"


def test_a_plan_tells_which_messages_it_would_move_where() -> None:
    moves = (
        {"do": "move", "on": "remote", "message": "7", "to": "Archive/2024"},
        {"do": "move", "on": "remote", "message": "8", "to": "Tr\x1bash"},
        {"do": "move", "on": "local", "message": "9.h", "to": "Archive"},
        {"do": "delete", "on": "remote", "message": "10"},
    )
    assert dry_run.planned(PlanShown("A", "INBOX", moves), DRY) == (
        "INBOX: would move 1 locally, move 2 on the server, delete 1 on the server",
        "  move message 7 on the server to Archive/2024",
        "  move message 8 on the server to Tr?ash",
        "  move message 9.h locally to Archive",
        "  delete message 10 on the server",
    )


def test_an_empty_plan_needs_no_line() -> None:
    assert dry_run.planned(PlanShown("A", "INBOX", ()), DRY) == ()
