"""What only two servers do to each other: one of them refuses, is away or may only mark; each names folders its way."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import pytest
from tests.real.crossing import LOCAL, MUTATING, REMOTE, Crossing, between, bodies_fetched, messages_sent
from tests.real.ends import ServerEnd
from tests.real.voyage import digest, digests, message
from tests.servers.dovecot import DovecotServer

from postboat.config.schema import FolderRules, PasswordSources, Secret
from postboat.events import AccountFailed, MessageFailed
from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

SIDES = pytest.mark.parametrize("side", list(Side), ids=lambda side: side.value)
SOME = [message(number) for number in range(4)]
SMALL = """
protocol imap {
  mail_plugins = $mail_plugins quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=100K
  quota_max_mail_size = 60K
}
"""


@pytest.fixture(scope="module")
def dovecot_small() -> Iterator[DovecotServer]:
    """A server on which a user has room for 100 kB, and none for a message of more than 60."""
    with DovecotServer(extra=SMALL) as server:
        yield server


@pytest.fixture(scope="module")
def dovecot_plain() -> Iterator[DovecotServer]:
    """Dovecot that announces nothing but IMAP4rev1: no UIDPLUS, no LITERAL+, no CONDSTORE, no NAMESPACE."""
    with DovecotServer(capability="IMAP4rev1") as server:
        yield server


@pytest.fixture
def crossing(dovecot, tmp_path) -> Crossing:
    return Crossing(tmp_path, ServerEnd(dovecot.account()), ServerEnd(dovecot.account()))


def kinds_with(one: str, side: Side) -> tuple[str, str]:
    """That server on a side, and Dovecot on the other."""
    return (one, "dovecot") if side is REMOTE else ("dovecot", one)


async def test_two_servers_that_can_do_nothing_special_are_kept_the_same(dovecot_plain, tmp_path, request):
    crossing = between(("dovecot_plain", "dovecot_plain"), tmp_path, request)
    remote, local = crossing.remote, crossing.local
    remote.deliver(*SOME, flags=r"\Seen")
    local.deliver(message(10), message(11, size=5 << 20))
    local.create("Archive")
    await crossing.settle()
    crossing.assert_same()
    remote.flag(SOME[0], add=r"\Flagged")
    local.delete(SOME[1])
    remote.delete(SOME[2])
    local.move(SOME[3], to="Archive")
    await crossing.settle()
    crossing.assert_same()
    assert remote.holds().keys() == digests([SOME[0], message(10), message(11, size=5 << 20)])
    assert remote.holds("Archive") == {digest(SOME[3]): {r"\Seen"}}
    await crossing.assert_at_rest()
    crossing.forget()
    async with crossing.recorded() as wires:
        again = await crossing.settle()
    assert (again.done.adopted, sum(map(messages_sent, wires.values()))) == (4, 0)
    crossing.assert_same()


@SIDES
async def test_what_a_server_has_no_room_for_is_put_aside_and_the_rest_goes_on(dovecot_small, tmp_path, request, side):
    """One message is too large for it, and another for what is left of the user's quota."""
    crossing = between(kinds_with("dovecot_small", side), tmp_path, request)
    full, other = crossing.ends[side], crossing.ends[side.other]
    large = message(20, size=70_000)
    halves = [message(number, size=40_000) for number in range(21, 24)]
    full.deliver(message(1))
    await crossing.settle()
    other.deliver(large, *halves, message(30), message(31))
    other.delete(message(1))
    first = await crossing.sync()
    assert first.code == 3
    failures = first.of(MessageFailed)
    assert len(failures) == first.done.failed == 2
    assert all("quota" in failure.reason.lower() or "size" in failure.reason.lower() for failure in failures), failures
    assert full.holds().keys() >= digests([message(30), message(31)])
    assert len(full.holds().keys() & digests(halves)) == 2
    async with crossing.recorded() as wires:
        second = await crossing.sync()
    assert second.done.aside == 2 and second.done.changes == 0
    assert wires[side].commands_sent(*MUTATING) == bodies_fetched(wires[side.other]) == []
    full.delete(*halves[:2])
    await crossing.sync()
    assert not other.holds().keys() & digests(halves[:2])


@SIDES
async def test_where_nothing_is_expunged_deletions_are_marked(crossing, side):
    crossing.remote.deliver(*SOME)
    await crossing.settle()
    crossing.vary(side, expunge=False)
    marking, other = crossing.ends[side], crossing.ends[side.other]
    other.delete(SOME[0])
    await crossing.settle()
    held = marking.holds()
    assert held.keys() == digests(SOME) and r"\Deleted" in held[digest(SOME[0])]
    assert other.holds().keys() == digests(SOME[1:])
    await crossing.assert_at_rest()
    marking.delete(SOME[1])
    await crossing.settle()
    assert other.holds().keys() == digests(SOME[2:]), "what is removed there for good is removed here"
    await crossing.assert_at_rest()


@SIDES
async def test_a_server_that_is_away_is_named_and_nothing_happens_on_the_other(crossing, side):
    crossing.remote.deliver(*SOME)
    await crossing.settle()
    crossing.ends[side.other].deliver(message(9))
    crossing.ends[side.other].delete(SOME[0])
    before = crossing.ends[side.other].census()
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        crossing.vary(side, remoteport=nobody.getsockname()[1])
        away = await crossing.sync()
    assert_failed(away, 4, crossing.config.on(side).name)
    assert crossing.ends[side.other].census() == before
    crossing.vary(side, remoteport=crossing.servers[side].account.port)
    await crossing.settle()
    crossing.assert_same()
    await crossing.assert_at_rest()


@SIDES
async def test_a_server_that_refuses_the_password_is_named(crossing, side):
    crossing.vary(side, password=PasswordSources(remotepass=Secret("wrong")))
    crossing.ends[side.other].deliver(*SOME)
    refused = await crossing.sync()
    assert_failed(refused, 5, crossing.config.on(side).name)
    assert "wrong" not in str(refused.events)


def assert_failed(sailed, code: int, name: str) -> None:
    """The account failed so, and it is said where."""
    (failed,) = sailed.of(AccountFailed)
    assert (sailed.code, failed.exit_code) == (code, code), failed
    assert name in failed.reason, failed


@SIDES
async def test_a_namespace_is_translated_on_either_side(tmp_path, request, side):
    """On Courier everything lies below INBOX, and levels are parted by dots."""
    crossing = between(kinds_with("courier", side), tmp_path, request)
    courier, other = crossing.ends[side], crossing.ends[side.other]
    courier.create("Archive", "Lists", "Lists/Work")
    courier.deliver(*SOME, folder="Lists/Work")
    other.create("Sent", "Projects", "Projects/Boat")
    other.deliver(message(7), folder="Projects/Boat")
    await crossing.settle()
    crossing.assert_same()
    assert {"INBOX", "Archive", "Lists", "Lists/Work", "Sent", "Projects", "Projects/Boat"} == other.folders()
    await crossing.assert_at_rest()


async def test_rules_for_names_work_on_either_side(crossing):
    remote, local = crossing.remote, crossing.local
    remote_rules = FolderRules(
        nametrans=lambda name: re.sub(r"^Work/", "Job/", name), folderfilter=lambda name: name != "Spam"
    )
    local_rules = FolderRules(nametrans=lambda name: re.sub(r"^Job/", "Work/", name), exclude=("Private",))
    crossing.vary(REMOTE, rules=remote_rules)
    crossing.vary(LOCAL, rules=local_rules)
    remote.create("Work", "Work/Boat", "Spam")
    remote.deliver(message(1), folder="Work/Boat")
    local.create("Job", "Job/Sails", "Private")
    local.deliver(message(2), folder="Job/Sails")
    await crossing.settle()
    assert local.census("Job/Boat") == remote.census("Work/Boat") and remote.census("Work/Boat").total() == 1
    assert remote.census("Work/Sails") == local.census("Job/Sails") and local.census("Job/Sails").total() == 1
    assert "Spam" not in local.folders() and "Private" not in remote.folders()
    await crossing.assert_at_rest()


@SIDES
async def test_what_a_server_makes_above_a_new_folder_is_there_on_both_sides_after_one_run(side, tmp_path, request):
    """Cyrus makes a folder of each level above; others list such levels as no folders at all."""
    crossing = between(kinds_with("cyrus", side), tmp_path, request)
    crossing.ends[side.other].create("Lists/Work/Deep")
    crossing.ends[side.other].deliver(SOME[0], folder="Lists/Work/Deep")
    await crossing.settle()
    assert crossing.ends[side].folders() >= {"Lists", "Lists/Work", "Lists/Work/Deep"}
    assert crossing.ends[side.other].folders() == crossing.ends[side].folders()
    await crossing.assert_at_rest()
