"""A mailbox moves one way: what arrives, what is left alone on either side, and the last line that counts it all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.fakes.lying_server import WAYS, Answer
from tests.hostile.siege import besieged, peaceful
from tests.real.crossing import LOCAL, MUTATING, REMOTE, Crossing
from tests.real.ends import End, ServerEnd, TreeEnd
from tests.real.voyage import Sailed, digest, digests, message
from tests.servers.dovecot import DovecotServer

from postboat.config.schema import FolderRules
from postboat.events import FolderProgressed, Mirrored, PlanHeld, PlanShown
from postboat.mirrored import NotTold
from postboat.model import Side, Verdict
from postboat.service.run_options import RunOptions
from postboat.service.supervisor import run
from postboat.service.verdict import NOT_ALL_SHOWN

pytestmark = pytest.mark.real

ONE_WAY = RunOptions(one_way=True)
NARROW = "plugin {\n  quota_max_mail_size = 10K\n}\nprotocol imap {\n  mail_plugins = $mail_plugins quota\n}\n"
SOME = [message(number) for number in range(6)]
KINDS = [("dovecot", "dovecot"), ("dovecot", "maildir"), ("maildir", "maildir")]
BETWEEN_SERVERS = pytest.mark.parametrize("crossing", KINDS[:1], ids="-".join, indirect=True)
ONTO_DISK = pytest.mark.parametrize("crossing", KINDS[1:2], ids="-".join, indirect=True)


@pytest.fixture(params=KINDS, ids="-".join)
def crossing(request, tmp_path) -> Crossing:
    """An old mailbox with two folders of six messages each, and an empty new one."""

    def end(kind: str, side: Side) -> End:
        if kind == "maildir":
            return TreeEnd(tmp_path / side.value)
        return ServerEnd(request.getfixturevalue(kind).account())

    made = Crossing(tmp_path, *(end(kind, side) for kind, side in zip(request.param, Side, strict=True)))
    made.remote.create("Archive")
    made.remote.deliver(*SOME, flags=r"\Seen")
    made.remote.deliver(*SOME, folder="Archive")
    return made


@pytest.fixture
def servers(request, dovecot, tmp_path) -> Crossing:
    """Two servers, with six messages on the old one."""
    made = Crossing(tmp_path, ServerEnd(dovecot.account()), ServerEnd(dovecot.account()))
    made.remote.deliver(*SOME)
    return made


def verdict(sailed: Sailed) -> Mirrored:
    """The last line, which comes once."""
    (told,) = sailed.of(Mirrored)
    return told


def reasons(sailed: Sailed) -> list[tuple[str, str, str, int]]:
    """What is missing: folder, subject, why, and how many."""
    return [(one.folder, one.subject, one.why, one.count) for one in verdict(sailed).missing]


async def test_all_of_one_side_comes_to_the_other_and_is_counted(crossing):
    first = await crossing.sync(ONE_WAY)
    assert (first.code, first.done.down, first.done.up) == (0, 12, 0)
    told = verdict(first)
    assert (told.source, told.target) == ("TestRemote", "TestLocal")
    assert (told.messages, told.there, told.folders, told.missing, told.untold) == (12, 12, 2, (), ())
    crossing.assert_same()
    again = await crossing.sync(ONE_WAY)
    assert (again.code, again.done.changes, verdict(again).there) == (0, 0, 12)


async def test_neither_side_loses_anything_and_the_old_one_gets_nothing(crossing):
    await crossing.sync(ONE_WAY)
    crossing.remote.delete(SOME[0])
    crossing.remote.flag(SOME[1], add=r"\Flagged")
    crossing.remote.deliver(message(10))
    crossing.local.delete(SOME[2])
    crossing.local.flag(SOME[3], add=r"\Answered")
    crossing.local.deliver(message(20))
    crossing.local.create("Mine")
    crossing.local.deliver(message(21), folder="Mine")
    before = {folder: crossing.remote.census(folder) for folder in crossing.remote.folders()}
    sailed = await crossing.sync(ONE_WAY)
    assert {folder: crossing.remote.census(folder) for folder in crossing.remote.folders()} == before
    here = crossing.local.holds()
    assert here.keys() == digests([SOME[0], SOME[1], *SOME[3:], message(10), message(20)])
    flags = [here.get(digest(each)) for each in SOME]
    assert (flags[1], flags[3]) == ({r"\Seen", r"\Flagged"}, {r"\Seen", r"\Answered"})
    assert crossing.local.holds("Mine").keys() == digests([message(21)])
    assert (sailed.code, sailed.of(PlanHeld)) == (0, [])  # what its user removed himself is no failure
    assert (verdict(sailed).messages, verdict(sailed).there) == (12, 11)
    assert reasons(sailed) == [("INBOX", "message 2", "removed", 1)]


async def test_a_later_run_both_ways_does_what_was_left_undone(crossing):
    await crossing.sync(ONE_WAY)
    crossing.remote.delete(SOME[0])
    crossing.local.delete(SOME[1])
    crossing.local.flag(SOME[2], add=r"\Flagged")
    crossing.local.deliver(message(20))
    await crossing.sync(ONE_WAY)
    both = await crossing.settle()
    crossing.assert_same()
    kept, done = digests([*SOME[2:], message(20)]), (both.done.up, both.done.deleted_local, both.done.deleted_remote)
    if crossing.servers:
        assert (crossing.remote.holds().keys(), done) == (kept, (1, 1, 1))
    else:  # Maildirs that are only read bear no mark: they are matched anew once they do, and nothing is deleted
        assert (crossing.remote.holds().keys(), done) == (kept | digests(SOME[:2]), (2, 0, 0))
    back = await crossing.sync(ONE_WAY)
    assert (back.code, back.done.changes, verdict(back).there) == (0, 0, crossing.local.census().total() + 6)


@BETWEEN_SERVERS
async def test_what_would_look_like_an_accident_is_held_by_a_later_run_both_ways_and_by_none_one_way(crossing):
    await crossing.sync(ONE_WAY)
    crossing.local.empty()
    mirrored = await crossing.sync(ONE_WAY)
    assert (mirrored.code, mirrored.of(PlanHeld)) == (3, [])
    assert reasons(mirrored) == [("INBOX", "", "lost", 6)]
    both = await crossing.sync()
    assert (both.code, [held.count for held in both.of(PlanHeld)]) == (6, [6])
    once_more = await crossing.sync(ONE_WAY)
    assert (once_more.code, crossing.remote.census().total()) == (3, 6)
    await crossing.decide(Verdict.RESTORE, "INBOX")
    assert (await crossing.sync(ONE_WAY)).code == 0
    crossing.assert_same()


@BETWEEN_SERVERS
async def test_a_folder_that_is_gone_from_the_new_side_is_neither_held_nor_made_anew_but_named(crossing):
    await crossing.sync(ONE_WAY)
    crossing.local.remove("Archive")
    sailed = await crossing.sync(ONE_WAY)
    assert (sailed.code, sailed.of(PlanHeld), crossing.local.folders()) == (3, [], {"INBOX"})
    assert reasons(sailed) == [("Archive", "", "lost", 6)]
    assert (verdict(sailed).messages, verdict(sailed).there) == (12, 6)


@ONTO_DISK
async def test_a_folder_that_is_gone_from_the_old_side_stays_on_the_new_one(crossing):
    await crossing.sync(ONE_WAY)
    crossing.remote.remove("Archive")
    sailed = await crossing.sync(ONE_WAY)
    assert (sailed.code, sailed.of(PlanHeld), crossing.local.census("Archive").total()) == (0, [], 6)
    assert (verdict(sailed).messages, verdict(sailed).there) == (6, 6)


@BETWEEN_SERVERS
async def test_copies_of_one_message_count_each_and_what_both_had_counts_as_there(crossing):
    crossing.remote.deliver(SOME[0], SOME[0])
    crossing.local.deliver(*SOME[:3])
    sailed = await crossing.sync(ONE_WAY)
    told = verdict(sailed)
    assert (sailed.code, told.messages, told.there) == (0, 14, 14)
    assert crossing.local.census().total() == 8


async def test_the_old_server_is_only_ever_read(servers):
    await servers.sync(ONE_WAY)
    servers.remote.deliver(message(10))
    servers.local.flag(SOME[1], add=r"\Answered")
    servers.local.delete(SOME[2])
    async with servers.recorded() as wires:
        await servers.sync(ONE_WAY)
    assert wires[REMOTE].commands_sent(*MUTATING, "SELECT") == []
    assert wires[REMOTE].commands_sent("EXAMINE")
    assert wires[LOCAL].commands_sent("UID EXPUNGE", "EXPUNGE", "UID STORE") == []


async def test_where_nothing_changed_no_folder_is_opened_to_count(servers):
    await servers.sync(ONE_WAY)
    await servers.sync(ONE_WAY)
    async with servers.recorded() as wires:
        told = verdict(await servers.sync(ONE_WAY))
    assert (told.messages, told.there) == (6, 6)
    assert [wire.commands_sent("SELECT", "EXAMINE") for wire in wires.values()] == [[], []]


async def test_a_message_that_arrives_while_it_is_at_work_is_named(servers):
    events = []

    def hear(event) -> None:
        if isinstance(event, FolderProgressed) and not any(isinstance(each, FolderProgressed) for each in events):
            servers.remote.deliver(message(10))
        events.append(event)

    code = await run(servers.whole, ONE_WAY, hear, None)
    told = verdict(Sailed(code, tuple(events)))
    assert (code, told.messages, told.there) == (3, 7, 6)
    assert [(one.subject, one.why) for one in told.missing] == [("message 10", "arrived")]
    assert (await servers.sync(ONE_WAY)).code == 0


async def test_what_the_new_side_lost_while_it_was_at_work_does_not_count_as_there(servers):
    events = []

    def hear(event) -> None:
        events.append(event)
        if isinstance(event, FolderProgressed) and event.done.down:
            servers.local.delete(SOME[0])

    code = await run(servers.whole, ONE_WAY, hear, None)
    told = verdict(Sailed(code, tuple(events)))
    assert (told.messages, told.there, [one.why for one in told.missing]) == (6, 5, ["removed"])


@BETWEEN_SERVERS
async def test_a_dry_run_tells_what_would_be_missing(crossing):
    crossing.local.deliver(*SOME[:3])
    sailed = await crossing.sync(replace(ONE_WAY, dry_run=True))
    told = verdict(sailed)
    assert (sailed.code, told.messages, told.there, told.due) == (0, 12, 3, 9)
    assert len(sailed.of(PlanShown)) == 2
    assert crossing.local.census().total() == 3
    assert "Archive" not in crossing.local.folders()


@ONTO_DISK
async def test_the_verdict_is_about_the_folders_asked_for_and_names_those_that_rules_leave_out(crossing):
    crossing.vary(REMOTE, rules=FolderRules(exclude=("Arch*",)))
    all_wanted = await crossing.sync(ONE_WAY)
    assert (verdict(all_wanted).messages, verdict(all_wanted).left_out) == (6, ("Archive",))
    some = await crossing.sync(replace(ONE_WAY, folders=("Archive",)))
    told = verdict(some)
    assert (told.messages, told.there, told.folders, told.only, told.left_out) == (6, 6, 1, ("Archive",), ())


@BETWEEN_SERVERS
async def test_a_folder_that_cannot_be_made_is_named_with_the_number_of_its_messages(crossing):
    crossing.vary(LOCAL, createfolders=False)
    sailed = await crossing.sync(ONE_WAY)
    told = [one for one in verdict(sailed).missing if one.folder == "Archive"]
    assert (sailed.code, [(one.why, one.count) for one in told]) == (3, [("folder", 6)])
    assert "createfolders" in told[0].reason


async def test_messages_that_the_new_server_refuses_are_named_with_its_reason(dovecot, tmp_path):
    with DovecotServer(extra=NARROW) as narrow:
        crossing = Crossing(tmp_path, ServerEnd(dovecot.account()), ServerEnd(narrow.account()))
        crossing.remote.deliver(*SOME, message(10, size=20_000))
        for _ in range(2):  # also while it is put aside
            sailed = await crossing.sync(ONE_WAY)
            (large,) = verdict(sailed).missing
            assert (sailed.code, verdict(sailed).messages, verdict(sailed).there) == (3, 7, 6)
            assert (large.subject, large.why) == ("message 10", "refused")
            assert "larger than the maximum size" in large.reason


async def test_of_messages_without_lasting_names_it_says_that_it_cannot_be_told(tmp_path):
    server = peaceful(WAYS["plain"], messages=3)
    server.lies["EXAMINE"] = lambda answer, _: Answer(
        [*answer.untagged, b"NO [UIDNOTSTICKY] they change"], answer.tagged
    )
    async with besieged(tmp_path, server) as siege:
        sailed = await siege.sync(ONE_WAY)
        assert (sailed.code, sailed.done.down) == (3, 3)
        assert verdict(sailed).untold == (NotTold("INBOX", NOT_ALL_SHOWN),)


async def test_a_lost_root_is_asked_about_and_nothing_is_told_of_its_messages(tmp_path, dovecot):
    crossing = Crossing(tmp_path, ServerEnd(dovecot.account()), TreeEnd(tmp_path / "local"))
    crossing.remote.deliver(*SOME)
    await crossing.sync(ONE_WAY)
    crossing.local.root.rename(tmp_path / "elsewhere")
    sailed = await crossing.sync(ONE_WAY)
    assert (sailed.code, len(sailed.of(PlanHeld)), crossing.local.root.exists()) == (6, 1, False)
    assert [one.folder for one in verdict(sailed).untold] == [""]
