"""What is due when."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from postboat.model import FolderName, Side
from postboat.service.staying.agenda import Agenda
from postboat.service.staying.pace import Pace

PACE = Pace(settle_server=0.02, settle_disk=0.1, longest_settle=1.0)
INBOX = FolderName.of("INBOX")
REMOTE, LOCAL = Side


@dataclass
class Files:
    """Stands for what events told of files."""

    names: set[str] = field(default_factory=set)

    def merged(self, other: Files) -> Files:
        return Files(self.names | other.names)


@pytest.fixture
def agenda() -> Agenda:
    """One whose first look is done at 100."""
    agenda = Agenda(300, PACE)
    agenda.done(agenda.take(100), 100)
    return agenda


def test_everything_is_due_at_once():
    agenda = Agenda(300, PACE)
    assert agenda.due_at() == 0
    assert agenda.take(5).everything


def test_the_next_refresh_comes_an_interval_after_the_end_of_the_last(agenda):
    assert agenda.due_at() == agenda.refresh_at == 400
    assert agenda.take(400).everything


def test_without_an_interval_everything_is_done_once():
    agenda = Agenda(None, PACE)
    agenda.done(agenda.take(100), 100)
    assert agenda.due_at() is None


def test_after_a_sleep_a_refresh_is_overdue(agenda):
    assert agenda.due_at() < 100 + 8 * 3600


def test_what_the_server_says_waits_until_it_is_quiet(agenda):
    agenda.heard_server(REMOTE, {"INBOX"}, 200)
    assert agenda.due_at() == pytest.approx(200.02)
    agenda.heard_server(REMOTE, {"Archive"}, 200.015)
    assert agenda.due_at() == pytest.approx(200.035)
    work = agenda.take(200.04)
    assert (work.everything, work.mailboxes) == (False, {(REMOTE, "INBOX"), (REMOTE, "Archive")})
    assert agenda.due_at() == 400


def test_a_disk_that_is_never_quiet_is_looked_at_all_the_same(agenda):
    for tick in range(50):
        agenda.heard_disk(LOCAL, INBOX, Files({str(tick)}), 200 + tick * 0.09)
    assert agenda.due_at() == 201
    assert len(agenda.take(205).touched[LOCAL, INBOX].names) == 50


def test_when_it_is_not_known_what_happened_it_stays_unknown(agenda):
    agenda.heard_disk(LOCAL, INBOX, Files({"a"}), 200)
    agenda.heard_disk(LOCAL, INBOX, None, 200)
    agenda.heard_disk(LOCAL, INBOX, Files({"b"}), 200)
    assert agenda.take(201).touched == {(LOCAL, INBOX): None}


def test_the_same_name_on_two_servers_is_two_mailboxes(agenda):
    agenda.heard_server(REMOTE, {"INBOX"}, 200)
    agenda.heard_server(LOCAL, {"INBOX"}, 200)
    assert agenda.take(201).mailboxes == {(REMOTE, "INBOX"), (LOCAL, "INBOX")}
    agenda.failed_in({(LOCAL, "INBOX")}, 300)
    agenda.heard_server(LOCAL, {"INBOX"}, 210)
    agenda.heard_disk(LOCAL, INBOX, None, 210)
    agenda.heard_server(REMOTE, {"INBOX"}, 210)
    work = agenda.take(211)
    assert (work.mailboxes, work.touched.keys()) == ({(REMOTE, "INBOX")}, {(LOCAL, INBOX)})


def test_work_is_taken_once(agenda):
    agenda.heard_server(REMOTE, {"INBOX"}, 200)
    assert agenda.take(201).is_any
    assert not agenda.take(201).is_any


def test_a_failure_puts_everything_off(agenda):
    agenda.failed(250)
    agenda.heard_server(REMOTE, {"INBOX"}, 200)
    assert agenda.due_at() == 250
    work = agenda.take(250)
    assert work.everything
    assert work.mailboxes == {(REMOTE, "INBOX")}
    assert agenda.due_at() == 400, "unless it fails again"


def test_what_the_user_asks_for_is_not_put_off(agenda):
    agenda.failed(250)
    agenda.ask()
    assert agenda.due_at() == 0
    assert agenda.take(201).everything


def test_one_folder_can_be_asked_for(agenda):
    agenda.ask_for({"INBOX"})
    assert agenda.due_at() == 0
    work = agenda.take(201)
    assert (work.asked, work.everything, work.named) == (True, False, {"INBOX"})


def test_a_changed_network_ends_the_wait(agenda):
    agenda.failed(250)
    agenda.hurry()
    assert agenda.due_at() == 0


def test_who_pauses_gets_only_what_he_asks_for(agenda):
    agenda.pause()
    agenda.heard_server(REMOTE, {"INBOX"}, 200)
    agenda.look_at_everything()
    assert agenda.due_at() is None
    agenda.ask_for({"INBOX"})
    assert agenda.due_at() == 0
    agenda.take(201)
    agenda.resume()
    assert agenda.take(202).everything


def test_a_small_sync_does_not_put_the_refresh_off(agenda):
    agenda.heard_server(REMOTE, {"INBOX"}, 200)
    agenda.done(agenda.take(201), 201)
    assert agenda.due_at() == 400


def test_folders_that_failed_wait_and_the_others_do_not(agenda):
    agenda.failed_in({(REMOTE, "Odd"), (LOCAL, FolderName.of("Odd"))}, 160)
    agenda.heard_server(REMOTE, {"Odd"}, 110)
    agenda.heard_disk(LOCAL, FolderName.of("Odd"), None, 110)
    assert agenda.is_put_off and agenda.due_at() == 160
    agenda.heard_server(REMOTE, {"Odd", "INBOX"}, 120)
    assert agenda.take(121).mailboxes == {(REMOTE, "INBOX")}
    assert agenda.due_at() == 160
    assert agenda.take(160).everything
    agenda.heard_server(REMOTE, {"Odd"}, 170)
    assert agenda.take(171).mailboxes == {(REMOTE, "Odd")}


def test_what_is_asked_of_a_folder_that_failed_is_done_at_once(agenda):
    agenda.failed_in({(REMOTE, "Odd")}, 160)
    agenda.ask_for({"Odd"})
    assert agenda.due_at() == 0 and agenda.take(110).named == {"Odd"}


def test_folders_that_failed_are_tried_at_once_when_the_reason_may_be_gone(agenda):
    agenda.failed_in({(REMOTE, "Odd")}, 160)
    agenda.hurry()
    assert agenda.due_at() == 0 and agenda.take(110).everything
    assert not agenda.is_put_off
