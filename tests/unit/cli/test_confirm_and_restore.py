"""`confirm` and `restore`: what they are about, what they do before a sync, and what they list."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from postboat.events import RunFinished
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.model import FolderName, Held, Pairing, Side, Suspicion, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Program

ARCHIVE = FolderName.of("Archive")
ODD = FolderName.of("Work", "it's \x1b[31m „odd“")


@pytest.fixture(autouse=True)
def synced(program: Program) -> None:
    """A supervisor that finds everything in step."""

    async def supervise(config: Any, options: Any, publish: Any, prompter: Any) -> int:
        publish(RunFinished(0))
        return 0

    program.supervised_by(supervise)


def accounts_synced(program: Program) -> list[tuple[str, ...]]:
    return [options.accounts for _, options, *_ in program.seen]


def hold(tmp_path: Path, account: str, *folders: FolderName) -> None:
    """Let the account's ledger hold deletions in folders, and know INBOX in which nothing is held."""
    asyncio.run(_hold(tmp_path, account, *folders))


async def _hold(tmp_path: Path, account: str, *folders: FolderName) -> None:
    async with await AccountLedger.open(ledger_file(tmp_path / "state", account), account=account) as ledger:
        for name in (FolderName.of("INBOX"), *folders):
            folder = ledger.folder(name, name)
            await folder.open({Side.REMOTE: "1", Side.LOCAL: "x"})
            await folder.record(pairings=[Pairing("7", "a", frozenset())])
            if name in folders:
                held = Held(Side.REMOTE, Suspicion.EMPTIED, 120, 120, frozenset({"7"}), ("Invoice",))
                await folder.hold(Side.REMOTE, held)


def verdicts(tmp_path: Path, account: str) -> dict[str, Verdict]:
    """What the user said of each folder in which something is held."""
    return asyncio.run(_verdicts(tmp_path, account))


async def _verdicts(tmp_path: Path, account: str) -> dict[str, Verdict]:
    path = ledger_file(tmp_path / "state", account)
    async with await AccountLedger.open(path, account=account, dry_run=True) as ledger:
        return {str(remote): held.verdict for remote, _, held in await ledger.holds()}


@pytest.mark.parametrize(("command", "verdict"), [("confirm", Verdict.CONFIRMED), ("restore", Verdict.RESTORE)])
def test_the_users_word_on_a_folder_is_written_down_and_its_account_synced(
    program: Program, tmp_path: Path, command: str, verdict: Verdict
) -> None:
    hold(tmp_path, "A", ARCHIVE, ODD)
    assert program(command, "A:Archive") == 0
    assert verdicts(tmp_path, "A") == {"Archive": verdict, str(ODD): Verdict.WAITING}
    assert accounts_synced(program) == [("A",)]
    assert "Archive: " in program.out


def test_an_account_stands_for_all_its_folders(program: Program, tmp_path: Path) -> None:
    hold(tmp_path, "A", ARCHIVE, ODD)
    hold(tmp_path, "B", ARCHIVE)
    assert program("confirm", "A") == 0
    assert set((verdicts(tmp_path, "A")).values()) == {Verdict.CONFIRMED}
    assert verdicts(tmp_path, "B") == {"Archive": Verdict.WAITING}


def test_several_targets_are_synced_together(program: Program, tmp_path: Path) -> None:
    hold(tmp_path, "A", ARCHIVE)
    hold(tmp_path, "B", ARCHIVE)
    assert program("restore", "B:Archive", "A:Archive") == 0
    assert accounts_synced(program) == [("A", "B")]
    (_, options, *_), *_ = program.seen
    assert options.wait, "the run between the word and the sync is waited for"


def test_the_command_that_a_listing_prints_can_be_pasted(program: Program, tmp_path: Path) -> None:
    hold(tmp_path, "A", ODD)
    assert program("restore") == 0
    assert program.out.isprintable() or "\x1b" not in program.out
    (line,) = [line for line in program.out.splitlines() if "if that is meant" in line]
    pasted = bash_words(line.partition(": ")[2].strip())
    assert pasted[0] == "postboat"
    assert pasted[1:3] == ["-c", str(program.config)]
    assert program(*pasted[3:]) == 0
    assert verdicts(tmp_path, "A") == {str(ODD): Verdict.CONFIRMED}


def bash_words(line: str) -> list[str]:
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("command", ["confirm", "restore"])
def test_nothing_held_is_said_and_nothing_synced(program: Program, tmp_path: Path, command: str) -> None:
    hold(tmp_path, "A", ARCHIVE)
    assert program(command, "A:INBOX") == 0
    assert "nothing is held in INBOX" in program.err
    assert program(command, "B") == 0
    assert "B: nothing is held in this account" in program.err
    assert program.seen == []
    assert verdicts(tmp_path, "A") == {"Archive": Verdict.WAITING}
    assert not (tmp_path / "state" / "B.ledger").exists()


def test_what_is_held_is_synced_though_something_else_is_not(program: Program, tmp_path: Path) -> None:
    hold(tmp_path, "A", ARCHIVE)
    assert program("confirm", "B", "A") == 0
    assert accounts_synced(program) == [("A",)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["A:Archvie"], "A:Archvie: account A has not synced a folder Archvie; did you mean Archive?"),
        (
            ["A:Quite another"],
            "account A has not synced a folder Quite another; `postboat folders` lists all there are",
        ),
        (["C"], "C: there is no account C; there are A, B"),
        (["MyMail:Archive"], "MyMail:Archive: there is no account MyMail; there are A, B"),
        (["A:Archive", "A:Archvie"], "did you mean Archive?"),
        (["A:Archive", "-a", "B"], "A:Archive: there is no account A; there are B"),
    ],
)
def test_a_slip_is_told_and_nothing_done(program: Program, tmp_path: Path, words: list[str], told: str) -> None:
    hold(tmp_path, "A", ARCHIVE)
    for command in ("confirm", "restore"):
        assert program(command, *words) == 2
        assert told in program.err
    assert verdicts(tmp_path, "A") == {"Archive": Verdict.WAITING}
    assert program.seen == []


def test_confirm_needs_to_know_what(program: Program) -> None:
    with pytest.raises(SystemExit) as ended:
        program("confirm")
    assert ended.value.code == 2


def test_an_account_that_is_not_listed_can_be_named(program: Program, tmp_path: Path) -> None:
    text = program.config.read_text()
    program.config.write_text(text.replace('["A", "B"]', '["B"]'))
    hold(tmp_path, "A", ARCHIVE)
    assert program("confirm", "A:Archive") == 0
    assert accounts_synced(program) == [("A",)]


def test_a_word_with_two_meanings_is_refused_unless_the_account_is_named(program: Program, tmp_path: Path) -> None:
    text = program.config.read_text()
    program.config.write_text(text.replace("[account.B]", '[account."A:B"]').replace('["A", "B"]', '["A", "A:B"]'))
    hold(tmp_path, "A", FolderName.of("B"))
    hold(tmp_path, "A:B", FolderName.of("B"))
    assert program("confirm", "A:B") == 2
    assert "A:B: may mean a folder of one account or another; say which by -a A or -a A:B" in program.err
    assert program("confirm", "A:B", "-a", "A") == 0
    assert verdicts(tmp_path, "A") == {"B": Verdict.CONFIRMED}
    assert verdicts(tmp_path, "A:B") == {"B": Verdict.WAITING}


@pytest.mark.parametrize("spelt", ["Work/Old/2026", "Work.Old.2026", "Work|Old|2026"])
def test_any_separator_of_a_server_is_understood(program: Program, tmp_path: Path, spelt: str) -> None:
    hold(tmp_path, "A", FolderName.of("Work", "Old", "2026"))
    assert program("confirm", f"A:{spelt}") == 0
    assert program("confirm", "A:Work/Old.2026") == 2


def test_the_listing_tells_each_hold_with_its_commands_and_json_its_facts(program: Program, tmp_path: Path) -> None:
    hold(tmp_path, "A", ARCHIVE)
    postboat = f"postboat -c {shlex.quote(str(program.config))}"
    assert program("restore") == 0
    assert program.out.splitlines() == [
        "A: held: 120 messages in 1 folder",
        "  Archive: all 120 messages would be deleted on the server, because the folder was emptied in the Maildir",
        '    "Invoice" and 119 more',
        f"    if that is meant:  {postboat} confirm A:Archive",
        f"    to get them back:  {postboat} restore A:Archive",
        "A: nothing that was removed from the Maildir is kept (keepdeleted = 30 days)",
        "B: nothing is held",
        "B: nothing that was removed from the Maildir is kept (keepdeleted = 30 days)",
    ]
    assert program("restore", "--json") == 0
    (facts,) = map(json.loads, program.out.splitlines())
    assert facts["what"] == "held"
    assert (facts["account"], facts["folder"], facts["count"], facts["verdict"]) == ("A", "Archive", 120, "waiting")
    assert program.seen == [], "a listing syncs nothing"


def test_the_listing_says_what_the_user_said_already(program: Program, tmp_path: Path) -> None:
    hold(tmp_path, "A", ARCHIVE)
    program("confirm", "A")
    program("restore", "-a", "A")
    assert "    confirmed: the next sync deletes them" in program.out.splitlines()
    assert "if that is meant" not in program.out


def test_a_damaged_ledger_is_told_of_wherever_it_is_met(program: Program, tmp_path: Path) -> None:
    path = ledger_file(tmp_path / "state", "A")
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)
    assert program("restore", "-a", "A") == 0
    assert "is damaged" in program.err
    assert "nothing is held" not in program.out, "who cannot read it cannot know"
    assert path.exists(), "a listing changes nothing"
    assert program("confirm", "A") == 0
    told = program.err.splitlines()
    assert "is damaged" in told[0]
    assert "nothing is held" in told[1]


def test_a_listing_makes_nothing(program: Program, tmp_path: Path) -> None:
    assert program("restore") == 0
    assert not (tmp_path / "state").exists()
