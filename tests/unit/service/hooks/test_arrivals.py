"""What hooks are told of a sync."""

from __future__ import annotations

import json

from postboat.events import (
    AccountFailed,
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderProgressed,
    FolderStarted,
    MessagesArrived,
    Warned,
)
from postboat.service.hooks.arrivals import FULL, PUSHED, Arrivals


def learnt(*events, mode=FULL, exit_code=0):
    arrivals = Arrivals("A")
    for event in events:
        arrivals.learn(event)
    return arrivals.facts(mode=mode, exit_code=exit_code, seconds=1.23456)


def test_a_sync_that_did_nothing_has_nothing_to_tell():
    facts = learnt(FolderStarted("A", "INBOX"), FolderFinished("A", "INBOX", Counts()), Warned("odd", "A"))
    assert not facts.changed and not facts.folders and not facts.new


def test_what_is_of_another_account_is_nothing_to_this_one():
    assert not learnt(MessagesArrived("B", "INBOX", ("/m/new/1",))).folders


def test_counts_of_a_folder_that_was_begun_twice_are_added_up():
    facts = learnt(
        FolderStarted("A", "INBOX"),
        FolderProgressed("A", "INBOX", Counts(down=2)),
        FolderStarted("A", "INBOX"),
        FolderProgressed("A", "INBOX", Counts(down=1)),
        FolderFinished("A", "INBOX", Counts(down=1, up=1)),
    )
    assert facts.counts == Counts(down=3, up=1)


def test_a_folder_that_was_only_created_is_a_change():
    assert learnt(FolderCreated("A", "Lists", "local", "Lists")).changed


def test_what_is_adopted_is_no_change():
    facts = learnt(FolderFinished("A", "INBOX", Counts(adopted=5)))
    assert not facts.changed


def test_where_a_message_lies_does_not_tell_whether_it_is_news():
    file, url = "/m/INBOX/cur/1:2,", "imap://me@example.org/INBOX;UID=7"
    facts = learnt(
        MessagesArrived("A", "INBOX", (file, url), read=(file,)),
        MessagesArrived(
            "A", "INBOX", ("imap://me@example.org/INBOX;UID=8",), read=("imap://me@example.org/INBOX;UID=8",)
        ),
    )
    assert (facts.new, facts.unread) == (3, {"INBOX": (url,)})
    told = json.loads(facts.as_json("newmail_hook"))
    assert told["folders"]["INBOX"]["unread"] == [url] and told["unread"] == 1
    assert facts.environment("newmail_hook")["POSTBOAT_UNREAD"] == "1"


def test_old_and_unwanted_mail_is_new_but_no_news():
    facts = learnt(
        MessagesArrived("A", "INBOX", ("/m/new/1", "/m/cur/2:2,S"), read=("/m/cur/2:2,S",)),
        MessagesArrived("A", "INBOX", ("/m/new/3",)),
        MessagesArrived("A", "Old", ("/o/new/4",), first=True),
        MessagesArrived("A", "Junk", ("/j/new/5",), unwanted=True),
    )
    assert facts.new == 5
    assert facts.unread == {"INBOX": ("/m/new/1", "/m/new/3")}


def test_old_mail_of_which_no_files_are_named_is_counted_all_the_same():
    facts = learnt(MessagesArrived("A", "Old", (), first=True), FolderFinished("A", "Old", Counts(down=5000)))
    assert facts.new == 5000


def test_the_environment_holds_what_a_short_script_wants_to_know():
    told = (MessagesArrived("A", "INBOX", ("/m/new/1",)), MessagesArrived("A", "Lists/ä", ("/l/2",), read=("/l/2",)))
    assert learnt(*told, mode=PUSHED, exit_code=3).environment("postsynchook") == {
        "OFFLINEIMAPSYNCMODE": "idle",
        "POSTBOAT_HOOK": "postsynchook",
        "POSTBOAT_ACCOUNT": "A",
        "POSTBOAT_MODE": "idle",
        "POSTBOAT_OUTCOME": "done",
        "POSTBOAT_EXIT_CODE": "3",
        "POSTBOAT_NEW": "2",
        "POSTBOAT_UNREAD": "1",
        "POSTBOAT_FOLDERS": "INBOX\nLists/ä",
    }


def test_no_variable_is_longer_or_odder_than_a_system_takes():
    names = [f"{number:06}{'x' * 94}" for number in range(2000)]
    odd = [MessagesArrived("A", name, ("/x",)) for name in ("a\0b", "\udcff", *names)]
    folders = learnt(*odd).environment("h")["POSTBOAT_FOLDERS"]
    assert 50_000 < len(folders.encode()) <= 60_000
    assert folders.startswith("ab\n?\n000000x") and len(folders.split("\n")[-1]) == 100


def test_json_holds_all_of_it():
    facts = learnt(
        MessagesArrived("A", "INBOX", ("/m/new/\udcff",)),
        FolderFinished("A", "INBOX", Counts(down=1, bytes_down=7)),
        FolderFailed("A", "Sent", "gone"),
    )
    line = facts.as_json("postsynchook")
    assert line.isascii() and line.endswith(b"\n") and line.count(b"\n") == 1
    told = json.loads(line)
    assert (told["hook"], told["account"], told["mode"], told["outcome"]) == ("postsynchook", "A", "full", "done")
    assert (told["exit_code"], told["seconds"], told["new"], told["unread"]) == (0, 1.235, 1, 1)
    assert told["folders"]["INBOX"]["new"] == ["/m/new/\udcff"]
    assert told["folders"]["INBOX"]["counts"]["bytes_down"] == told["counts"]["bytes_down"] == 7
    assert told["folders"]["Sent"]["failed"] == "gone"


def test_an_account_that_failed_tells_its_exit_code():
    facts = learnt(AccountFailed("A", "refused", 5), exit_code=None)
    assert (facts.outcome, facts.exit_code) == ("failed", 5)
