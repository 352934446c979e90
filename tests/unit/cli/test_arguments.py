"""The command line as people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from postboat.cli.arguments import parse, split_command, split_list
from postboat.cli.commands.sync import read
from postboat.cli.debug import Debug


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        ([], "sync", []),
        (["sync"], "sync", []),
        (["-o"], "sync", ["-o"]),
        (["check"], "check", []),
        (["-c", "check", "folders"], "folders", ["-c", "check"]),
        (["--config", "sync", "check", "-a", "x"], "check", ["--config", "sync", "-a", "x"]),
        (["--config=f", "check"], "check", ["--config=f"]),
        (["-cf", "check"], "check", ["-cf"]),
        (["-o", "-f", "check"], "sync", ["-o", "-f", "check"]),
        (["-a", "folders"], "sync", ["-a", "folders"]),
        (["nonsense", "check"], "sync", ["nonsense", "check"]),
        (["--", "check"], "sync", ["--", "check"]),
    ],
)
def test_the_command_is_found_wherever_it_stands(words: list[str], command: str, rest: list[str]) -> None:
    assert split_command(words) == (command, rest)


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a,b", ["a", "b"]), (" a , b ,", ["a", "b"]), (r"Smith\, John,b", ["Smith, John", "b"]), ("", [])],
)
def test_lists_have_commas_and_names_may_too(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


def test_all_options_of_sync_arrive() -> None:
    words = "-c f.toml -a A,B -a C -f INBOX,Sent -u tk,basic -o -q -k Account_A:quick=1 -k x=y,z -l log -d imap"
    usage = parse([*words.split(), "--dry-run", "--json", "--wait"])
    assert usage.command == "sync"
    assert (usage.config, usage.logfile) == (Path("f.toml"), Path("log"))
    assert (usage.accounts, usage.folders) == (("A", "B", "C"), ("INBOX", "Sent"))
    assert (usage.ui, usage.debug) == (("tk", "basic"), ("imap",))
    assert usage.overrides == ("Account_A:quick=1", "x=y,z")
    assert usage.once
    assert usage.quick
    assert usage.dry_run
    assert usage.json
    assert usage.wait


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An account with options that the command line may overrule."""
    config = tmp_path / "config.toml"
    config.write_text(
        "[general]\naccounts = ['A']\n"
        "[account.A]\nlocalrepository = 'L'\nremoterepository = 'R'\nautorefresh = 5\nquick = 3\n"
        "[repository.L]\ntype = 'Maildir'\nlocalfolders = '/m'\n"
        "[repository.R]\ntype = 'IMAP'\nremotehost = 'localhost'\nremoteuser = 'me'\n"
    )
    return config


@pytest.mark.parametrize(("words", "quick"), [(["-q"], -1), ([], 3)])
def test_quick_goes_for_all_refreshes_of_a_run_that_goes_on(config: Path, words: list[str], quick: int) -> None:
    usage = parse(["-c", str(config), *words])
    with Debug.from_usage(usage) as debug:
        assert [account.quick for account in read(usage, debug).accounts] == [quick]


@pytest.mark.parametrize(("words", "most"), [(["-1"], (1, 1)), (["-q1"], (1, 1)), ([], (5, 3))])
def test_minus_1_is_one_account_and_one_connection_at_a_time(
    config: Path, words: list[str], most: tuple[int, int]
) -> None:
    usage = parse(["-c", str(config), *words])
    with Debug.from_usage(usage) as debug:
        read_so = read(usage, debug)
    assert (read_so.maxsyncaccounts, read_so.accounts[0].remote.maxconnections) == most


def test_nothing_asked_for_is_nothing_set() -> None:
    usage = parse([])
    assert (usage.config, usage.accounts, usage.folders, usage.ui, usage.overrides) == (None, (), (), None, ())
    assert not (usage.once or usage.quick or usage.single or usage.dry_run or usage.json or usage.wait)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["chek"], "chek: no such command; there are sync, check, folders"),
        (["--dry"], "no such option: --dry"),
        (["check", "--dry-run"], "no such option: --dry-run"),
        (["-d", "imap,moon"], "-d: moon is not known; there are imap"),
        (["-c"], "expected one argument"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_says_what_there_is(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(words)
    assert exit_.value.code == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["sync", "-h"], ["check", "--help"], ["folders", "--help"]])
def test_help_is_exit_code_0(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(words)
    assert exit_.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


def test_no_value_of_an_override_is_repeated_in_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["-k", "Repository_R:remotepass=geheim", "-d", "moon"])
    assert "geheim" not in capsys.readouterr().err


@pytest.mark.parametrize("option", ["-a", "-f", "-u", "-d"])
def test_an_option_for_names_needs_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([option, " ,"])
    assert f"{option}: needs a name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("top", "Show the dashboard of the run that goes on, or of a recorded one."),
        ("resume", "Let the run that goes on take accounts up again."),
        ("stop", "End the run that goes on."),
    ],
)
def test_the_help_of_a_command_can_be_understood_by_itself(
    command: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse([command, "--help"])
    assert told in capsys.readouterr().out
