"""Exit codes, and what is said about them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from postboat.errors import LedgerLocked
from postboat.events import AccountFinished, AccountStarted, Counts, FolderFinished, RunFinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Program

    from postboat.events import Publish


async def all_well(config: Any, options: Any, publish: Publish, prompter: Any) -> int:
    for account in config.accounts:
        publish(AccountStarted(account.name))
        publish(FolderFinished(account.name, "INBOX", Counts(down=1)))
        publish(AccountFinished(account.name, Counts(down=1), 1, 0, 0.1))
    publish(RunFinished(0))
    return 0


def raising(error: BaseException) -> Any:
    async def supervise(*_: Any) -> int:
        raise error

    return supervise


@pytest.mark.parametrize("code", [0, 3, 4, 5, 7])
def test_the_exit_code_is_the_supervisors(program: Program, code: int) -> None:
    async def supervise(*_: Any) -> int:
        return code

    program.supervised_by(supervise)
    assert program() == code


def test_all_that_happened_is_told_before_the_end(program: Program) -> None:
    program.supervised_by(all_well)
    assert program("-o") == 0
    assert program.out.splitlines() == [
        "A: INBOX: 1 new (↓1)",
        "A: in step, 1 folder, 1 new (↓1) in 0.1 s",
        "B: INBOX: 1 new (↓1)",
        "B: in step, 1 folder, 1 new (↓1) in 0.1 s",
    ]
    assert program.err == ""


def test_a_single_account_is_not_named_again_and_again(program: Program) -> None:
    program.supervised_by(all_well)
    assert program("-a", "A") == 0
    assert program.out.startswith("INBOX: 1 new (↓1)\n")


def test_quiet_means_quiet(program: Program) -> None:
    program.supervised_by(all_well)
    assert program("-o", "-u", "Noninteractive.Quiet") == 0
    assert (program.out, program.err) == ("", "")


def test_json_is_all_there_is_on_stdout(program: Program) -> None:
    program.supervised_by(all_well)
    assert program("--json") == 0
    events = [json.loads(line)["event"] for line in program.out.splitlines()]
    assert events[0] == "AccountStarted"
    assert events[-1] == "RunFinished"
    assert program.err == ""


REFRESHED = "account B:autorefresh=5"


@pytest.mark.parametrize("words", [(), ("-a", "B"), ("-u", "quiet"), ("--json",)])
def test_a_run_goes_on_when_an_account_is_to_be_refreshed(program: Program, monkeypatch, words) -> None:
    began: list[Any] = []

    class Daemon:
        def __init__(self, config: Any, *_: Any, **__: Any) -> None:
            began.append(config)

        async def run(self) -> int:
            return 0

    monkeypatch.setattr("postboat.service.staying.daemon.Daemon", Daemon)
    assert program("-k", REFRESHED, *words) == 0
    assert len(began) == 1


@pytest.mark.parametrize(
    "words", [("-o",), ("--dry-run",), ("-f", "INBOX"), ("-a", "A"), ("--wait",), ("--retry",), ("--one-way",)]
)
def test_a_run_ends_when_only_one_is_asked_for(program: Program, words) -> None:
    program.supervised_by(all_well)
    assert program("-k", REFRESHED, *words) == 0
    assert len(program.seen) == 1


def test_options_reach_the_supervisor(program: Program) -> None:
    program.supervised_by(all_well)
    program("-a", "A", "-f", "INBOX,Sent", "--dry-run", "--one-way", "--wait", "-q", "-k", "maxsyncaccounts=2")
    ((config, options, _, prompter),) = program.seen
    assert (options.accounts, options.folders) == (("A",), ("INBOX", "Sent"))
    assert (options.dry_run, options.one_way, options.wait) == (True, True, True)
    assert config.maxsyncaccounts == 2
    assert [account.name for account in config.accounts] == ["A"]
    assert prompter is None, "nobody is at the terminal"


def test_a_wrong_configuration_is_told_line_by_line(program: Program) -> None:
    program.supervised_by(all_well)
    program.config.write_text('[general]\naccounts = ["A"]\nmaxsyncacounts = 2\n')
    assert program() == 2
    assert len(program.err.splitlines()) >= 2
    assert all(line.startswith(f"{program.config}:") for line in program.err.splitlines())
    assert program.seen == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-a", "C"], "no account C"),
        (["-u", "Tk.Blinkenlights"], "tk: "),
        (["-k", "nonsense"], "[section:]option=value"),
        (["-l", "/nonexistent/log"], "/nonexistent/log cannot be written"),
    ],
)
def test_what_the_command_line_asks_in_vain_is_exit_code_2(program: Program, words: list[str], told: str) -> None:
    program.supervised_by(all_well)
    assert program(*words) == 2
    assert told in program.err
    assert program.seen == []


def test_a_missing_configuration_is_exit_code_2(program: Program) -> None:
    program.config.unlink()
    assert program() == 2
    assert str(program.config) in program.err


def test_a_foreseen_error_is_told_without_traceback(program: Program) -> None:
    program.supervised_by(raising(LedgerLocked("another run works on A")))
    assert program("-o") == 7
    assert program.err == "postboat: another run works on A\n"


DEFECT = ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", [KeyError("oh\x1bno")])])


def test_an_unforeseen_error_is_one_sentence(program: Program) -> None:
    program.supervised_by(raising(DEFECT))
    assert program("-o") == 1
    (line,) = program.err.splitlines()
    assert "internal error" in line
    assert "KeyError" in line
    assert "\x1b" not in line
    assert "-d all" in line


def test_details_of_an_unforeseen_error_come_on_request(program: Program) -> None:
    program.supervised_by(raising(DEFECT))
    assert program("-o", "-d", "all") == 1
    assert "Traceback" in program.err


def test_details_of_an_unforeseen_error_are_in_the_log_file(program: Program, tmp_path: Path) -> None:
    program.supervised_by(raising(DEFECT))
    log = tmp_path / "log"
    assert program("-o", "-l", str(log)) == 1
    assert "Traceback" not in program.err
    assert str(log) in program.err
    assert "Traceback" in log.read_text()


def test_the_log_file_is_appended_to(program: Program, tmp_path: Path) -> None:
    program.supervised_by(all_well)
    log = tmp_path / "log"
    log.write_text("before\n")
    assert program("-o", "-u", "quiet", "-l", str(log)) == 0
    first, *rest = log.read_text().splitlines()
    assert first == "before"
    assert any(line.endswith("A: INBOX: 1 new (↓1)") for line in rest)
    assert program.out == ""


def test_debug_lines_never_hold_a_password_of_the_configuration(program: Program, tmp_path: Path) -> None:
    import base64
    import logging

    async def careless(*_: Any) -> int:
        logging.getLogger("postboat.imap").debug("C: a1 LOGIN me geheim")
        logging.getLogger("postboat.imap").debug("C: %s", base64.b64encode(b"geheim").decode())
        logging.getLogger("postboat.maildir").debug("not asked for")
        return 0

    program.supervised_by(careless)
    log = tmp_path / "log"
    program("-d", "imap", "-l", str(log))
    assert "LOGIN me ***" in log.read_text()
    assert "geheim" not in log.read_text()
    assert base64.b64encode(b"geheim").decode() not in log.read_text()
    assert "not asked for" not in log.read_text()


def test_why_a_face_was_passed_over_is_told_to_who_asks_and_to_nobody_else(program: Program) -> None:
    program.supervised_by(all_well)
    assert program("-u", "blinkenlights,quiet", "-d", "ui") == 0
    assert "blinkenlights: standard output is no terminal; shown by quiet" in program.err
    assert program("-u", "blinkenlights,quiet") == 0
    assert program.err == ""


def test_logging_is_left_as_it_was(program: Program) -> None:
    import logging

    program.supervised_by(all_well)
    handlers, level = list(logging.getLogger().handlers), logging.getLogger("postboat").level
    program("-d", "all", "-u", "quiet")
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger("postboat").level == level


def test_a_display_that_breaks_does_not_end_the_sync(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("no colours left")

    monkeypatch.setattr("postboat.ui.plain.basic.Basic.show", broken)
    program.supervised_by(all_well)
    assert program("-o", "-u", "basic") == 0
    assert "the display broke, the sync goes on" in program.err
