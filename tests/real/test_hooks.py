"""Hooks around real syncs: told what came and where it lies, and free to run Postboat themselves."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.real.crossing import REMOTE, Crossing
from tests.real.ends import ServerEnd
from tests.real.voyage import Voyage, configuration, message

from postboat.config.schema import MailboxNames
from postboat.events import AccountFailed, HookRan, MessagesArrived, Warned
from postboat.service.run_options import RunOptions
from postboat.service.supervisor import run

pytestmark = pytest.mark.real


@pytest.fixture
def voyage(dovecot, tmp_path) -> Voyage:
    voyage = Voyage(tmp_path, dovecot.account())
    facts = shlex.quote(str(tmp_path / "facts"))
    voyage.config = replace(voyage.config, postsynchook=f"cat >> {facts}", presynchook="true")
    voyage.vary(newmail_hook=f"cat >> {facts}")
    return voyage


def told(voyage):
    """What hooks were told since they were last asked."""
    path = voyage.state.parent / "facts"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


async def test_hooks_are_told_which_files_are_new(voyage):
    voyage.deliver(message(1), message(2), flags="\\Seen")
    sailed = await voyage.sync()
    assert [event.hook for event in sailed.of(HookRan)] == ["presynchook", "postsynchook"], "old mail is no news"
    (facts,) = told(voyage)
    assert facts["folders"]["INBOX"]["first"] and facts["new"] == 2 and facts["unread"] == 0
    voyage.deliver(message(3))
    voyage.deliver(message(4), flags="(\\Seen \\Flagged)")
    sailed = await voyage.sync()
    assert [(event.hook, event.status) for event in sailed.of(HookRan)] == [
        ("presynchook", 0),
        ("newmail_hook", 0),
        ("postsynchook", 0),
    ]
    (arrived,) = sailed.of(MessagesArrived)
    assert not arrived.first
    assert sorted(Path(path).parent.name for path in arrived.paths) == ["cur", "new"]
    for facts in told(voyage):
        inbox = facts["folders"]["INBOX"]
        assert sorted(inbox["new"]) == sorted(arrived.paths)
        assert [Path(path).read_bytes() for path in inbox["unread"]] == [message(3).replace(b"\r\n", b"\n")]
        assert (facts["mode"], facts["outcome"], facts["exit_code"]) == ("full", "done", 0)


async def test_where_the_local_side_is_a_server_too_messages_are_told_by_their_urls(dovecot, tmp_path):
    near = dovecot.account()
    between = Crossing(tmp_path, ServerEnd(dovecot.account()), ServerEnd(near))
    between.vary(REMOTE, newmail_hook=f"cat >> {shlex.quote(str(between.state.parent / 'facts'))}")
    between.remote.deliver(message(1))
    await between.settle()
    assert told(between) == [], "old mail is no news"
    between.remote.deliver(message(2))
    between.remote.deliver(message(3), flags="\\Seen")
    between.local.deliver(message(4))
    (arrived,) = (await between.settle()).of(MessagesArrived)
    (facts,) = told(between)
    assert (facts["new"], facts["unread"]) == (2, 1)
    assert sorted(facts["folders"]["INBOX"]["new"]) == sorted(arrived.paths)
    (url,) = facts["folders"]["INBOX"]["unread"]
    place, _, uid = url.partition(";UID=")
    assert place == f"imap://{near.user}@{near.host}:{near.port}/INBOX"
    with between.local.phone("INBOX") as phone:
        assert phone.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1] == message(2)


async def test_mail_that_is_moved_on_the_server_is_not_new(voyage):
    voyage.create("Archive")
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    with voyage.phone("INBOX") as phone:
        phone.uid("MOVE", "1", "Archive")
    sailed = await voyage.sync()
    assert sailed.done.moved == 1 and not sailed.of(MessagesArrived)


async def test_the_first_message_of_a_mailbox_that_was_empty_is_new(voyage):
    voyage.create("Quiet")
    await voyage.sync()
    voyage.deliver(message(1), folder="Quiet")
    (arrived,) = (await voyage.sync()).of(MessagesArrived)
    assert not arrived.first


async def test_a_dry_run_runs_no_hooks(voyage):
    assert not (await voyage.sync(RunOptions(dry_run=True))).of(HookRan)


async def test_an_account_that_fails_runs_no_hook_after_it(voyage):
    account = voyage.account
    voyage.vary(remotehost="127.0.0.1", remoteport=1)
    sailed = await voyage.sync()
    assert sailed.of(AccountFailed) and [event.hook for event in sailed.of(HookRan)] == ["presynchook"]
    voyage.vary(remotehost=account.host, remoteport=account.port)


async def test_a_hook_may_lock_the_account_for_itself(voyage):
    """As a hook does that runs Postboat."""
    await voyage.sync()
    (lock,) = voyage.state.glob("*.lock")
    taking = f"import fcntl; fcntl.flock(open({str(lock)!r}), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command = f"{shlex.quote(sys.executable)} -W ignore -c {shlex.quote(taking)}"
    voyage.config = replace(voyage.config, presynchook=command, postsynchook=command)
    assert [event.status for event in (await voyage.sync()).of(HookRan)] == [0, 0]


async def test_the_folders_of_two_accounts_are_listed_for_mutt(dovecot, tmp_path):
    voyages = [Voyage(tmp_path, dovecot.account(), name=name) for name in ("One", "Two")]
    voyages[1].create("Lists", "Lists/x")
    file = tmp_path / "mailboxes"
    names = MailboxNames(file, "+%(accountname)s/%(foldername)s", sep=" ", accounts=frozenset({"One", "Two"}))
    whole = replace(configuration(voyages), mbnames=names)
    events = []
    assert await run(whole, RunOptions(dry_run=True), events.append, None) == 0
    assert not file.exists()
    for name in ("One", "Two"):
        assert await run(whole, RunOptions(accounts=(name,)), events.append, None) == 0
    assert file.read_text() == "+One/INBOX +Two/INBOX +Two/Lists +Two/Lists.x"
    assert await run(whole, RunOptions(folders=("INBOX",)), events.append, None) == 0
    assert "Lists.x" in file.read_text(), "a run over one folder knows nothing of the others"
    file.unlink()
    file.mkdir()
    await run(whole, RunOptions(), events.append, None)
    assert any(isinstance(event, Warned) and event.text.startswith("mbnames: ") for event in events)
