"""A row of the benchmark gives figures of programs that did their work, and names those that did not."""

from __future__ import annotations

import pytest
from tests.bench import changes, corpus, rows
from tests.bench import trial as trials
from tests.bench.between import POSTBOAT_MAILDIRS, POSTBOAT_SERVERS
from tests.bench.copies import Copy
from tests.bench.harbour import Harbour
from tests.bench.measure import ProgramFailed
from tests.bench.programs import POSTBOAT, Program
from tests.bench.rows import Row
from tests.bench.trial import Trial

pytestmark = pytest.mark.real

IDLE = Program("idle", "idlerc", lambda place: "", lambda place: ["true"])
MOVED = ("folder-010", "folder-011")
BROKEN = Program("broken", "brokenrc", lambda place: "", lambda place: ["sh", "-c", "echo out of order; exit 3"])


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """A trial whose mailboxes are small."""
    several = {"INBOX": list(corpus.tiny(30)), "Lists": list(corpus.realistic(3))}
    monkeypatch.setitem(rows.MAILBOXES, "several", lambda: several)
    monkeypatch.setattr(trials, "SETTLED", 0)
    monkeypatch.setitem(rows.VAST, "vast", 200)
    with Trial(tmp_path / "home", lambda words: None) as trial:
        yield trial


def test_a_first_sync_is_timed_as_often_as_it_says_and_counted_once_more(trial):
    row = Row("first", "first", "several", 0, rounds=2)
    result = trial.run(row, [POSTBOAT])["postboat"]
    assert not result.failure
    assert len(result.runs) == 2
    assert result.traffic.down > sum(message.wire_size for message in corpus.tiny(30))


def test_a_program_that_does_nothing_fails_a_first_sync_and_the_others_go_on(trial):
    results = trial.run(Row("first", "first", "several", 0.002, rounds=1), [IDLE, POSTBOAT])
    assert "INBOX: 30 on the server, 0 here" in results["idle"].failure
    assert results["postboat"].good


def test_a_program_that_ends_badly_fails_with_its_words(trial):
    failure = trial.run(Row("first", "first", "several", 0, rounds=1), [BROKEN])["broken"].failure
    assert "exit status 3" in failure and "out of order" in failure


@pytest.mark.parametrize(
    "change",
    [
        changes.one_message_arrives,
        changes.one_message_arrives_and_one_is_starred,
        changes.new_messages(5),
        changes.huge_message(100_000),
        changes.flags(10),
        changes.deletions(5),
        changes.moves(5),
    ],
)
def test_what_is_left_undone_after_a_change_is_noticed_and_what_postboat_does_is_right(tmp_path, change):
    folders = {name: list(corpus.tiny(30, series=number)) for number, name in enumerate(("INBOX", *MOVED))}
    with Harbour({"several": lambda: folders}) as harbour:
        copy = Copy(harbour, "several", POSTBOAT, tmp_path / "home")
        copy.run([harbour.address])
        copy.check()
        change(copy, 0)
        with pytest.raises(ProgramFailed):
            copy.check()
        copy.run([harbour.address])
        copy.check()


def test_a_row_after_one_that_failed_begins_with_another_copy(trial):
    def flawed(copy: Copy, _round: int) -> None:
        copy.expected["INBOX"] += 1

    assert trial.run(Row("flawed", "flawed", "several", 0, change=flawed), [POSTBOAT])["postboat"].failure
    assert trial.run(Row("good", "good", "several", 0, change=changes.nothing), [POSTBOAT])["postboat"].good


def test_a_vast_mailbox_has_as_many_messages_as_it_should(trial):
    row = Row("vast", "vast", "vast", 0, change=changes.one_message_arrives_and_one_is_starred, rounds=1)
    assert trial.run(row, [POSTBOAT])["postboat"].good


@pytest.mark.parametrize(("shores", "program"), [("servers", POSTBOAT_SERVERS), ("maildirs", POSTBOAT_MAILDIRS)])
def test_between_shores_of_one_kind_what_is_left_undone_is_noticed_and_what_postboat_does_is_right(
    trial, shores, program
):
    results = trial.run(Row("first", "first", "several", 0, rounds=2, shores=shores), [IDLE, program])
    assert "INBOX: 30 " in results["idle"].failure and ", 0 " in results["idle"].failure
    assert len(results["postboat"].runs) == 2 and not results["postboat"].failure


def test_of_two_servers_both_networks_are_counted(trial):
    row = Row("new", "new", "several", 0.002, rounds=1, shores="servers", change=changes.one_message_arrives)
    result = trial.run(row, [POSTBOAT_SERVERS])["postboat"]
    assert result.good
    assert result.traffic.connections == 2


def test_a_lost_ledger_brings_nothing_a_second_time(trial):
    row = Row("lost", "lost", "several", 0.002, rounds=1, shores="servers", change=changes.the_ledger_is_lost)
    result = trial.run(row, [POSTBOAT_SERVERS])["postboat"]
    assert result.good
    assert result.traffic.up < sum(message.wire_size for message in corpus.tiny(30))
