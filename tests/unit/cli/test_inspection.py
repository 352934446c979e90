"""`check` and `folders` show what `service.inspect` found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from postboat.service.inspect import AccountReport, FolderReport

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Program

REPORTS = [
    AccountReport("A", folders=(FolderReport("INBOX", "INBOX", True), FolderReport("Spam", "", False, "filtered"))),
    AccountReport("B", exit_code=4, problems=("no route to host",)),
]


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def inspect(config: Any, options: Any, prompter: Any, publish: Any) -> list[AccountReport]:
        assert prompter is None
        return [report for report in REPORTS if not options.accounts or report.account in options.accounts]

    monkeypatch.setattr("postboat.service.inspect.check", inspect)
    monkeypatch.setattr("postboat.service.inspect.folders", inspect)


def test_check_tells_of_every_account_and_ends_with_the_gravest(program: Program) -> None:
    assert program("check") == 4
    assert "A: all right" in program.out
    assert "B: cannot be synced, 1 problem" in program.out
    assert "no route to host" in program.out
    assert program("check", "-a", "A") == 0


def test_check_writes_json(program: Program) -> None:
    assert program("check", "--json") == 4
    told = [json.loads(line) for line in program.out.splitlines()]
    assert [account["account"] for account in told] == ["A", "B"]
    assert told[0]["folders"][1]["why"] == "filtered"


def test_folders_lists_both_names(program: Program) -> None:
    assert program("folders", "-a", "A") == 0
    assert program.out.splitlines() == ["INBOX  ->  INBOX", "Spam   --  left alone: filtered"]


def test_folders_tells_problems_on_stderr(program: Program) -> None:
    assert program("folders") == 4
    assert "B: no route to host" in program.err
    assert "no route" not in program.out


def test_folders_writes_json(program: Program) -> None:
    assert program("folders", "--json") == 4
    told = [json.loads(line) for line in program.out.splitlines()]
    assert [(folder["account"], folder["remote"]) for folder in told] == [("A", "INBOX"), ("A", "Spam")]
