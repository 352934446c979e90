"""What each job of the whole program may cost on the wire, and all that it may change on the server; no times.

`test_wire_budget.py` holds signing in and listing to theirs. Limits are what was measured and little more: octets vary
with the digits in dates and UIDVALIDITYs, and the round trips of many folders at once with who comes first. Everything
else is exact. A limit that is passed means that the job costs more than it did.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.real import jobs
from tests.real.budget import Cost, scene
from tests.servers.dovecot import DovecotServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.real.jobs import Job
    from tests.servers.cyrus import CyrusServer

    Server = DovecotServer | CyrusServer

pytestmark = pytest.mark.real

_ALL_ELSE = "IMAP4rev1 SASL-IR UIDPLUS MULTIAPPEND NAMESPACE ENABLE LIST-EXTENDED LIST-STATUS SPECIAL-USE"
MASKED = {
    "condstore": f"{_ALL_ELSE} LITERAL+ MOVE CONDSTORE",
    "esearch": f"{_ALL_ELSE} LITERAL+ MOVE ESEARCH",
    "plain": "IMAP4rev1",
    "literal_minus": f"{_ALL_ELSE} LITERAL- MOVE ESEARCH CONDSTORE QRESYNC",
    "no_move": f"{_ALL_ELSE} LITERAL+ ESEARCH CONDSTORE QRESYNC",
}
"""Capabilities that Dovecot owns up to."""

STORE_SEEN = r"UID STORE 201:400 +FLAGS.SILENT (\Seen)"
STORE_DELETED = r"UID STORE 101:200 +FLAGS.SILENT (\Deleted)"
MUTATIONS: dict[tuple[Job, str], list[str]] = {
    (jobs.a_message_is_put_on_disk, ""): ['APPEND "folder07"'],
    (jobs.forty_messages_are_put_on_disk, ""): ['APPEND "INBOX"'] * 2,
    (jobs.forty_messages_are_put_on_disk, "plain"): ['APPEND "INBOX"'] * 40,
    (jobs.large_messages_are_put_on_disk, ""): ['APPEND "INBOX"'],
    (jobs.large_messages_are_put_on_disk, "literal_minus"): ['APPEND "INBOX"'] * 3,
    (jobs.flags_on_both_sides, ""): [STORE_SEEN],
    (jobs.removals_on_both_sides, ""): ["UID EXPUNGE 101:200", STORE_DELETED],
    (jobs.removals_on_both_sides, "plain"): ["EXPUNGE", STORE_DELETED],
    (jobs.moved_on_disk, ""): ['UID MOVE 1:50 "A"'],
    (jobs.moved_on_disk, "no_move"): [
        'UID COPY 1:50 "A"',
        "UID EXPUNGE 1:50",
        r"UID STORE 1:50 +FLAGS.SILENT (\Deleted)",
    ],
}
"""Every command of a job that changes something on the server, by server, or on all others; none if nothing is said."""
BODIES: dict[Job, int] = {
    jobs.a_message_arrives: 1,
    jobs.the_first_sync: 600,
    jobs.a_folder_is_renamed_on_the_server: 10,
}
"""Whole messages that come from the server."""
FOLDERS: dict[Job, tuple[str, ...]] = {
    jobs.a_message_arrives: ("folder00", "folder07"),
    jobs.a_message_is_put_on_disk: ("folder07",),
    jobs.moved_on_disk: ("INBOX", "A"),
    jobs.moved_on_the_server: ("INBOX", "A"),
    jobs.the_first_sync: ("folder00", "folder29"),
    jobs.a_folder_is_renamed_on_the_server: ("B",),
}
"""Where both sides are compared in the end."""

# Round trips, connections, commands, octets up and down.
BUDGET: list[tuple[Job, str, Cost]] = [
    (jobs.nothing_in_a_hundred_folders, "dovecot", Cost(1, 1, 6, 250, 12_500)),
    (jobs.nothing_in_a_folder_of_5000, "dovecot", Cost(1, 1, 6, 250, 1_050)),
    (jobs.nothing_in_a_folder_of_5000, "condstore", Cost(1, 1, 4, 180, 650)),
    (jobs.nothing_in_a_folder_of_5000, "esearch", Cost(2, 1, 13, 650, 1_700)),
    (jobs.nothing_in_a_hundred_folders, "esearch", Cost(14, 3, 315, 12_500, 70_000)),
    (jobs.nothing_since_our_own_changes, "dovecot", Cost(2, 1, 8, 370, 12_900)),
    (jobs.nothing_since_our_own_changes, "plain", Cost(2, 1, 7, 250, 24_000)),
    (jobs.a_message_arrives, "dovecot", Cost(3, 1, 9, 420, 9_100)),
    (jobs.a_message_arrives, "condstore", Cost(3, 1, 8, 390, 8_700)),
    (jobs.a_message_arrives, "plain", Cost(8, 3, 140, 5_800, 37_000)),
    (jobs.a_message_is_put_on_disk, "dovecot", Cost(3, 1, 9, 4_450, 4_900)),
    (jobs.forty_messages_are_put_on_disk, "dovecot", Cost(4, 1, 10, 4_500, 1_750)),
    (jobs.forty_messages_are_put_on_disk, "literal_minus", Cost(4, 1, 9, 4_450, 1_450)),
    (jobs.forty_messages_are_put_on_disk, "plain", Cost(44, 1, 47, 5_300, 5_700)),
    (jobs.large_messages_are_put_on_disk, "dovecot", Cost(3, 1, 9, 18_700, 1_600)),
    (jobs.large_messages_are_put_on_disk, "literal_minus", Cost(6, 1, 10, 18_700, 1_600)),
    (jobs.flags_on_both_sides, "dovecot", Cost(4, 1, 12, 530, 20_800)),
    (jobs.flags_on_both_sides, "condstore", Cost(4, 1, 11, 490, 21_200)),
    (jobs.flags_on_both_sides, "esearch", Cost(4, 1, 17, 800, 2_700)),
    (jobs.flags_on_both_sides, "plain", Cost(4, 1, 11, 380, 24_000)),
    (jobs.flags_on_both_sides, "cyrus", Cost(4, 1, 12, 530, 24_500)),
    (jobs.removals_on_both_sides, "dovecot", Cost(5, 1, 15, 630, 3_200)),
    (jobs.removals_on_both_sides, "condstore", Cost(6, 1, 16, 670, 5_900)),
    (jobs.removals_on_both_sides, "plain", Cost(6, 1, 15, 480, 14_600)),
    (jobs.removals_on_both_sides, "cyrus", Cost(5, 1, 15, 630, 9_300)),
    (jobs.moved_on_disk, "dovecot", Cost(4, 1, 15, 650, 3_300)),
    (jobs.moved_on_disk, "esearch", Cost(4, 1, 21, 920, 4_100)),
    (jobs.moved_on_disk, "cyrus", Cost(4, 1, 15, 650, 4_000)),
    (jobs.moved_on_disk, "no_move", Cost(6, 1, 19, 790, 4_000)),
    (jobs.moved_on_the_server, "dovecot", Cost(5, 1, 14, 640, 14_200)),
    (jobs.moved_on_the_server, "condstore", Cost(6, 1, 16, 720, 12_000)),
    (jobs.moved_on_the_server, "cyrus", Cost(3, 1, 12, 550, 10_700)),
    (jobs.the_first_sync, "dovecot", Cost(17, 3, 145, 7_000, 160_000)),
    (jobs.a_folder_is_renamed_on_the_server, "dovecot", Cost(4, 1, 11, 440, 3_800)),
]


@pytest.fixture(scope="module")
def masked() -> Iterator[Callable[[str], DovecotServer]]:
    """Dovecot with the capabilities of that name, started when it is first asked for."""
    with ExitStack() as servers:
        running: dict[str, DovecotServer] = {}

        def server(name: str) -> DovecotServer:
            if name not in running:
                running[name] = servers.enter_context(DovecotServer(capability=MASKED[name]))
            return running[name]

        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest, masked: Callable[[str], DovecotServer]) -> Server:
    """The server of the row under test."""
    name = request.node.callspec.params["name"]
    return masked(name) if name in MASKED else request.getfixturevalue(name)


@pytest.mark.parametrize(("job", "name", "limit"), BUDGET, ids=[f"{job.__name__}-{name}" for job, name, _ in BUDGET])
async def test_a_job_keeps_to_its_budget(tmp_path: Path, server: Server, job: Job, name: str, limit: Cost) -> None:
    async with scene(tmp_path, server.account()) as here:
        await job(here)
        sailed = await here.run()
        assert sailed.code == (6 if job is jobs.a_folder_is_renamed_on_the_server else 0), sailed.events
        assert here.mutations == MUTATIONS.get((job, name), MUTATIONS.get((job, ""), []))
        assert here.bodies == BODIES.get(job, 0)
        assert here.cost.over(limit) == {}, here.cost
        here.voyage.assert_same(*FOLDERS.get(job, ("INBOX",)))
