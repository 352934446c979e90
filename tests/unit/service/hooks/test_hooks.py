"""Which hooks run when, and what is told of them."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path

import pytest

from postboat.config.schema import AccountConfig, MaildirConfig, ServerConfig
from postboat.events import AccountWaits, Counts, FolderFinished, HookRan, MessagesArrived
from postboat.service.hooks.hooks import Hooks
from postboat.service.outcome import Outcome

NEW = MessagesArrived("A", "INBOX", ("/m/new/1",))
CHANGED = FolderFinished("A", "INBOX", Counts(reflagged=1))
WELL = Outcome()
HOOKS = ("presynchook", "postsynchook", "newmail_hook")


class Told:
    """Hooks that write down that they ran, and what was published of them."""

    def __init__(self, home, **more):
        self.home = home
        note = 'printf "%s %s %s %s|" {} "$POSTBOAT_MODE" "$POSTBOAT_OUTCOME" "$POSTBOAT_EXIT_CODE" >> ran'
        options = {"presynchook": note.format("pre"), "postsynchook": note.format("post")} | more
        remote = ServerConfig(name="R", newmail_hook=options.pop("newmail_hook", note.format("new")))
        account = AccountConfig("A", MaildirConfig(name="L", localfolders=Path("/m")), remote, **options)
        self.events = []
        self.hooks = Hooks(account, self.events.append, environment=dict(os.environ))

    @property
    def ran(self):
        path = self.home / "ran"
        said = path.read_text().split("|")[:-1] if path.exists() else []
        path.unlink(missing_ok=True)
        return said

    async def cycle(self, *events, everything=True, outcome=WELL):
        if everything:
            await self.hooks.before()
        for event in events:
            self.hooks.learn(event)
        await self.hooks.after(everything, outcome, 0.5)


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda **more: Told(tmp_path, **more)


async def test_a_refresh_runs_the_hooks_before_and_after_it_though_nothing_changed(told):
    told = told()
    await told.cycle()
    assert told.ran == ["pre full  ", "post full done 0"]
    assert [(event.account, event.hook, event.status) for event in told.events] == [
        ("A", "presynchook", 0),
        ("A", "postsynchook", 0),
    ]


async def test_a_pushed_change_runs_the_hook_after_it_only_if_it_changed_anything(told):
    told = told()
    await told.cycle(everything=False)
    assert told.ran == []
    await told.cycle(CHANGED, everything=False, outcome=Outcome(failed=1))
    assert told.ran == ["post idle done 3"]


@pytest.mark.parametrize("hook", ["presynchook", "postsynchook"])
async def test_a_look_that_a_hook_asked_for_has_no_hooks_unless_it_changes_something(told, hook):
    told = told(**dict.fromkeys(HOOKS, None) | {hook: "until test -e asked; do sleep 0.01; done"})
    cycle = asyncio.create_task(told.cycle())
    while not told.hooks._is_running:
        await asyncio.sleep(0)
    told.hooks.asked()
    (told.home / "asked").touch()
    await cycle
    assert len(told.events) == 1
    await told.cycle()
    assert len(told.events) == 1, "that one was asked for by the hook"
    await told.cycle()
    assert len(told.events) == 2, "and this one is a refresh"
    told.hooks.asked()
    await told.cycle()
    assert len(told.events) == 3, "and this one the user's"


async def test_new_mail_runs_its_hook_first_and_once(told):
    told = told()
    await told.cycle(NEW, MessagesArrived("A", "Lists", ("/l/new/1",)), everything=False)
    assert told.ran == ["new idle done 0", "post idle done 0"]


@pytest.mark.parametrize(
    "event",
    [
        MessagesArrived("A", "INBOX", ("/m/new/1",), first=True),
        MessagesArrived("A", "Junk", ("/m/new/1",), unwanted=True),
        MessagesArrived("A", "Sent", ("/m/cur/1:2,S",), read=("/m/cur/1:2,S",)),
        MessagesArrived("B", "INBOX", ("/m/new/1",)),
    ],
)
async def test_mail_that_is_no_news_runs_no_hook_for_new_mail(told, event):
    told = told(presynchook="", postsynchook="")
    await told.cycle(event)
    assert told.ran == []


async def test_what_one_sync_did_is_not_told_again_after_the_next(told):
    told = told()
    await told.cycle(NEW, everything=False)
    assert told.ran
    await told.cycle(everything=False)
    assert told.ran == []


async def test_an_account_that_failed_runs_no_hook_after_it_unless_mail_came(told):
    told = told()
    refused = AccountWaits("A", "no", 5, None)
    await told.cycle(refused, outcome=None)
    assert told.ran == ["pre full  "]
    await told.cycle(NEW, refused, outcome=None)
    assert told.ran == ["pre full  ", "new full failed 5", "post full failed 5"]


async def test_a_hook_that_fails_or_takes_too_long_is_told_and_no_more(told):
    told = told(presynchook="echo no; exit 4", postsynchook="sleep 60", hooktimeout=0.2)
    await told.cycle()
    before, after = told.events
    assert (before.status, before.output) == (4, "no")
    assert (after.status, after.output) == (None, "took longer than 0.2 seconds and was ended")
    assert 0.2 <= after.seconds < 3


async def test_facts_are_on_the_hooks_input(told):
    told = told(postsynchook="cat", presynchook="cat")
    await told.cycle(NEW)
    before, _, after = (event for event in told.events if isinstance(event, HookRan))
    assert json.loads(before.output)["outcome"] is None
    assert json.loads(after.output)["folders"]["INBOX"]["new"] == ["/m/new/1"]


async def test_a_hook_for_new_mail_may_be_python_that_runs_beside_the_loop(told):
    called = []
    told = told(newmail_hook=lambda: called.append(threading.current_thread()), postsynchook="")
    await told.cycle(NEW, everything=False)
    assert called != [threading.main_thread()] and len(called) == 1
    assert [(event.hook, event.status) for event in told.events] == [("newmail_hook", 0)]


@pytest.mark.parametrize(
    ("error", "output"),
    [
        (ValueError("odd"), "ValueError: odd"),
        (SystemExit(3), "RuntimeError: SystemExit"),
        (TimeoutError(), "TimeoutError: "),
    ],
)
async def test_python_that_raises_is_told(told, error, output):
    def fail():
        raise error

    told = told(newmail_hook=fail, postsynchook="")
    await told.cycle(NEW, everything=False)
    assert [(event.status, event.output) for event in told.events] == [(1, output)]


async def test_python_that_hangs_is_left_alone_and_not_called_twice_at_once(told):
    go_on, calls = threading.Event(), []

    def hang():
        calls.append(None)
        go_on.wait(10)

    told = told(newmail_hook=hang, postsynchook="", hooktimeout=0.1)
    await told.cycle(NEW, everything=False)
    await told.cycle(NEW, everything=False)
    assert [event.output for event in told.events] == [
        "took longer than 0.1 seconds",
        "the call before has not ended yet",
    ]
    go_on.set()
    while told.hooks._calling:
        await asyncio.sleep(0.001)
    await told.cycle(NEW, everything=False)
    assert len(calls) == 2 and told.events[-1].status == 0
