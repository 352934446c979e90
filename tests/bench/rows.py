"""The jobs that are timed, the mailboxes they are done with, and what they must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.bench import changes, corpus
from tests.bench.between import INTERIMAP, MBSYNC_MAILDIRS, OFFLINEIMAP_SERVERS, POSTBOAT_MAILDIRS, POSTBOAT_SERVERS
from tests.bench.programs import MBSYNC, MBSYNC_HASTY, MBSYNC_HASTY_PLAIN, MBSYNC_PLAIN, OFFLINEIMAP, POSTBOAT
from tests.bench.results import compared, faster, memory, octets, received, result, round_trips, sent, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.changes import Change
    from tests.bench.harbour import Mailbox
    from tests.bench.programs import Program
    from tests.bench.results import Goal, Results

FAR = 0.05
"""Seconds of a round trip to a server that is not next door."""
HUGE = 200_000_000
FOLDERS, EACH = 100, 100
ALL, TWO = (POSTBOAT, MBSYNC, OFFLINEIMAP), (POSTBOAT, MBSYNC)
BETWEEN_SERVERS = (POSTBOAT_SERVERS, INTERIMAP, OFFLINEIMAP_SERVERS)


@dataclass(frozen=True)
class Row:
    """One job: a first sync of `mailbox`, or with a `change` the sync that finds it.

    `rtt` in seconds. A `long` row is left out of a quick run. `shores` says what the mailbox is brought from and to: a
    server and a Maildir, two servers with such a round trip each, or two trees of Maildirs.
    """

    name: str
    title: str
    mailbox: str
    rtt: float
    goals: tuple[Goal, ...] = ()
    programs: tuple[Program, ...] = TWO
    change: Change | None = None
    rounds: int = 3
    long: bool = False
    shores: Literal["mixed", "servers", "maildirs"] = "mixed"


def many_folders() -> Mailbox:
    """INBOX and 99 others, 100 messages in each."""
    names = ("INBOX", *(f"folder-{number:03}" for number in range(1, FOLDERS)))
    return {name: corpus.realistic(EACH, series) for series, name in enumerate(names, 100)}


MAILBOXES: dict[str, Callable[[], Mailbox]] = {
    "real": lambda: {"INBOX": corpus.realistic(10_000)},
    "real1k": lambda: {"INBOX": corpus.realistic(1000)},
    "many": many_folders,
    "tiny10k": lambda: {"INBOX": corpus.tiny(10_000)},
    "tiny100k": lambda: {"INBOX": corpus.tiny(100_000)},
    "huge": lambda: {"INBOX": iter([corpus.huge(HUGE)])},
    "empty": lambda: {"INBOX": iter(())},
}
VAST = {"million": 1_000_000}
"""Mailboxes with so many messages in INBOX that they need a server of their own."""


COUNTS = {"first-tiny-10k": 10_000, "first-tiny-100k": 100_000}


def per_message(results: Results, row: str) -> float:
    """Seconds for each message of a first sync."""
    return result(results, row).seconds / COUNTS[row]


ROWS = (
    Row(
        "first-10k",
        "first sync, 10,000 messages of realistic sizes, RTT 0",
        "real",
        0,
        programs=(POSTBOAT, MBSYNC, MBSYNC_HASTY, OFFLINEIMAP),
        goals=(faster(6, "mbsync"), faster(1.5, "mbsync, no fsync"), faster(40, "offlineimap")),
    ),
    Row(
        "first-10k-plain",
        "the same, mbsync told not to compress",
        "real",
        0,
        programs=(POSTBOAT, MBSYNC_PLAIN, MBSYNC_HASTY_PLAIN),
    ),
    Row(
        "push-far",
        "1,000 new local messages, RTT 50 ms",
        "real",
        FAR,
        change=changes.new_messages(1000),
        goals=(faster(1, "mbsync"),),
    ),
    Row(
        "flags-far",
        "2,000 local changes of flags, RTT 50 ms",
        "real",
        FAR,
        change=changes.flags(2000),
        goals=(faster(1, "mbsync"),),
    ),
    Row(
        "delete-far",
        "1,000 local messages deleted, RTT 50 ms",
        "real",
        FAR,
        change=changes.deletions(1000),
        goals=(faster(1, "mbsync"),),
    ),
    Row(
        "first-folders-far",
        "first sync, 100 folders of 100, RTT 50 ms",
        "many",
        FAR,
        programs=ALL,
        goals=(faster(15, "mbsync"),),
    ),
    Row(
        "nothing-folders-far",
        "nothing changed, 100 folders, RTT 50 ms",
        "many",
        FAR,
        programs=ALL,
        change=changes.nothing,
        goals=(faster(25, "mbsync"), round_trips(5)),
    ),
    Row(
        "nothing-folders",
        "nothing changed, 100 folders, RTT 0",
        "many",
        0,
        programs=ALL,
        change=changes.nothing,
        rounds=9,
        goals=(faster(1, "mbsync"), within(0.3)),
    ),
    Row(
        "one-new-far",
        "one new message in one of 100 folders, RTT 50 ms",
        "many",
        FAR,
        programs=ALL,
        change=changes.one_message_arrives,
        goals=(faster(20, "mbsync"),),
    ),
    Row(
        "move-far",
        "100 messages moved between local folders, RTT 50 ms",
        "many",
        FAR,
        change=changes.moves(EACH),
        goals=(faster(15, "mbsync"), sent(20)),
    ),
    Row("first-tiny-10k", "first sync, 10,000 tiny messages, RTT 0", "tiny10k", 0),
    Row("nothing-10k-far", "nothing changed, a folder of 10,000, RTT 50 ms", "tiny10k", FAR, change=changes.nothing),
    Row(
        "first-tiny-100k",
        "first sync, 100,000 tiny messages, RTT 0",
        "tiny100k",
        0,
        long=True,
        goals=(
            faster(10, "mbsync"),
            compared("first-tiny-10k", per_message, 1.2, "a message costs at most 1.2× what it costs at 10,000"),
            memory(150),
        ),
    ),
    Row(
        "nothing-100k-far",
        "nothing changed, a folder of 100,000, RTT 50 ms",
        "tiny100k",
        FAR,
        change=changes.nothing,
        rounds=5,
        long=True,
        goals=(
            faster(1.5, "mbsync"),
            compared("nothing-10k-far", octets, 1.05, "no more octets than for a folder of 10,000"),
        ),
    ),
    Row(
        "nothing-100k",
        "nothing changed, a folder of 100,000, RTT 0",
        "tiny100k",
        0,
        change=changes.nothing,
        rounds=9,
        long=True,
        goals=(faster(1, "mbsync"),),
    ),
    Row("huge-down", "a message of 200 MB comes down, RTT 0", "huge", 0, goals=(memory(80),), rounds=1),
    Row(
        "huge-up",
        "a message of 200 MB goes up, RTT 0",
        "empty",
        0,
        change=changes.huge_message(HUGE),
        goals=(memory(80),),
        rounds=1,
    ),
    Row(
        "nothing-1m",
        "nothing changed, a folder of 1,000,000, RTT 0",
        "million",
        0,
        programs=(POSTBOAT,),
        change=changes.nothing,
        rounds=5,
        long=True,
        goals=(within(1), memory(300)),
    ),
    Row(
        "one-1m",
        "one message new and one starred in a folder of 1,000,000, RTT 0",
        "million",
        0,
        programs=(POSTBOAT,),
        change=changes.one_message_arrives_and_one_is_starred,
        long=True,
        goals=(within(2), memory(300)),
    ),
    Row(
        "servers-first-10k",
        "first copy from server to server, 10,000 messages of realistic sizes, RTT 0",
        "real",
        0,
        programs=BETWEEN_SERVERS,
        goals=(faster(1, "interimap"), faster(3, "offlineimap")),
        shores="servers",
    ),
    Row(
        "servers-first-far",
        "first copy from server to server, 1,000 messages, RTT 50 ms to each",
        "real1k",
        FAR,
        programs=BETWEEN_SERVERS,
        goals=(faster(1, "interimap"), faster(3, "offlineimap")),
        shores="servers",
    ),
    Row(  # OfflineIMAP would take five minutes a round
        "servers-first-10k-far",
        "first copy from server to server, 10,000 messages, RTT 50 ms to each",
        "real",
        FAR,
        programs=(POSTBOAT_SERVERS, INTERIMAP),
        goals=(faster(1, "interimap"),),
        shores="servers",
    ),
    Row(
        "servers-nothing-far",
        "nothing changed in 100 folders on two servers, RTT 50 ms to each",
        "many",
        FAR,
        programs=BETWEEN_SERVERS,
        change=changes.nothing,
        goals=(within(0.7), faster(1, "interimap")),
        shores="servers",
    ),
    Row(
        "servers-one-new-far",
        "one new message in one of 100 folders, RTT 50 ms to each server",
        "many",
        FAR,
        programs=BETWEEN_SERVERS,
        change=changes.one_message_arrives,
        goals=(faster(1, "interimap"),),
        shores="servers",
    ),
    Row(  # the others bring everything to both servers a second time
        "servers-lost-ledger",
        "the ledger lost, 10,000 messages on two servers, RTT 0",
        "real",
        0,
        programs=(POSTBOAT_SERVERS,),
        change=changes.the_ledger_is_lost,
        goals=(sent(100), received(6)),  # the bodies have 112 MB
        shores="servers",
    ),
    Row(
        "maildirs-first-10k",
        "first copy from Maildir to Maildir, 10,000 messages of realistic sizes",
        "real",
        0,
        programs=(POSTBOAT_MAILDIRS, MBSYNC_MAILDIRS),
        shores="maildirs",
    ),
)
