"""The listing of what can be brought back."""

from __future__ import annotations

import json

from postboat.service.restore import HeldFolder, KeptFolder, Restorable
from postboat.ui.reports.restorable import as_json, listed
from postboat.ui.words import Manner

PLAIN = Manner()


def held(folder: str, suspicion: str = "emptied", *, verdict: str = "waiting", count: int = 5) -> HeldFolder:
    return HeldFolder("A", folder, "remote", suspicion, count, count, (), verdict)


def test_all_folders_that_are_gone_are_one_accident_and_one_decision() -> None:
    gone = [held(f"F{number}", "all folders gone") for number in range(300)]
    assert list(listed(Restorable("A", (*gone, held("Work")), days=30), PLAIN)) == [
        "A: held: 1,505 messages in 301 folders",
        "  Work: all 5 messages would be deleted on the server, because the folder was emptied in the Maildir",
        "    if that is meant:  postboat confirm A:Work",
        "    to get them back:  postboat restore A:Work",
        "  all folders: all 1,500 messages would be deleted on the server, because all folders are gone from the Maildir",
        "    if the right disk is not mounted: mount it, and sync again",
        "    if that is meant:  postboat confirm A",
        "    to get them back:  postboat restore A",
        "A: nothing that was removed from the Maildir is kept (keepdeleted = 30 days)",
    ]


def test_what_is_kept_is_listed_with_its_time_and_the_command_for_the_last() -> None:
    kept = (
        KeptFolder("A", "INBOX", 1.0, "2026-11-22 23:00:00", 1),
        KeptFolder("A", "Old \x1b mail", 2.0, "2026-11-23 05:59:00", 1200),
    )
    assert list(listed(Restorable("A", kept=kept, days=1), PLAIN)) == [
        "A: nothing is held",
        "A: removed from the Maildir, as it was deleted on the server, and kept for 1 day:",
        "  2026-11-22 23:00:00  1 message       INBOX",
        "  2026-11-23 05:59:00  1,200 messages  Old ? mail",
        "  to get the last back:  postboat restore $'A:Old \\033 mail' --deleted",
        "  earlier ones: --deleted WHEN, with a time of the list, its beginning, or a span such as 2h or 3d",
    ]


def test_that_nothing_is_ever_kept_is_said() -> None:
    assert list(listed(Restorable("A"), PLAIN))[-1] == (
        "A: what is removed from the Maildir is not kept (keepdeleted = 0)"
    )


def test_of_an_account_that_cannot_be_looked_at_nothing_is_claimed() -> None:
    assert list(listed(Restorable("A", problems=("the ledger cannot be opened",), exit_code=3), PLAIN)) == []


def test_json_has_every_fact_on_a_line_of_its_own() -> None:
    kept = KeptFolder("A", "INBOX", 0.0, "1970-01-01 00:00:00", 3)
    lines = list(as_json(Restorable("A", (held("Work"), held("Old", "all folders gone")), (kept,))))
    told = [json.loads(line) for line in lines]
    assert [(each["what"], each["folder"]) for each in told] == [("held", "Work"), ("held", "Old"), ("kept", "INBOX")]
    assert told[0]["verdict"] == "waiting"
    assert (told[2]["when"], told[2]["messages"]) == ("1970-01-01T00:00:00+00:00", 3)
    assert all(line.isascii() for line in lines)
