"""Passwords: where they come from, in which order, and what happens after a refusal."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from dataclasses import replace

import pytest

from postboat.config.schema import PasswordSources, Secret, ServerConfig
from postboat.config.secrets import PasswordGiver
from postboat.errors import SignInRefused
from postboat.model import Side

REMOTE = ServerConfig(name="R", remotehost="imap.example.org", remoteuser="me")


class Prompt:
    """A user who types these answers."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.questions = []

    async def __call__(self, question):
        self.questions.append(question)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else None
        return None if answer is None else Secret(answer)


def giver(prompter=None, *, netrc=(), user="me", lock=None, eval_seconds=60, account="A", **sources):
    remote = replace(REMOTE, remoteuser=user, password=PasswordSources(**sources))
    return PasswordGiver(account, remote, prompter, lock, eval_seconds=eval_seconds, netrc=netrc)


async def password(give, refusal=None):
    given = await give(refusal)
    return None if given is None else given[1].reveal()


@pytest.fixture
def netrc(tmp_path):
    path = tmp_path / ".netrc"
    path.write_text("machine imap.example.org login me password from-netrc\n")
    return (path,)


@pytest.fixture
def passfile(tmp_path):
    path = tmp_path / "password"
    path.write_text("  from-file \nsecond line\n")
    return path


async def test_sources_are_tried_in_their_order(netrc, passfile):
    sources = {
        "remotepasseval": lambda: "from-eval",
        "remotepass": Secret("from-option"),
        "remotepassfile": passfile,
    }
    prompt = Prompt("typed")
    for expected in ("from-eval", "from-option", "from-file"):
        assert await password(giver(prompt, netrc=netrc, **sources)) == expected
        del sources[next(iter(sources))]
    assert await password(giver(prompt, netrc=netrc)) == "from-netrc"
    assert prompt.questions == []
    assert await password(giver(prompt)) == "typed"


@pytest.fixture
def credentials(tmp_path, monkeypatch):
    """The directory where systemd puts what `LoadCredential=` names."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return directory


async def test_a_credential_counts_before_netrc_and_after_what_the_configuration_says(credentials, netrc, passfile):
    (credentials / "postboat.A").write_text("from-systemd\n")
    assert await password(giver(netrc=netrc, remotepassfile=passfile)) == "from-file"
    assert await password(giver(netrc=netrc)) == "from-systemd"
    assert await password(giver(netrc=netrc, account="B")) == "from-netrc"


async def test_the_name_of_an_account_leads_to_no_file_elsewhere(credentials, netrc):
    (credentials / "postboat.").mkdir()
    (credentials / "secret").write_text("elsewhere\n")
    assert await password(giver(netrc=netrc, account="/../secret")) == "from-netrc"


async def test_an_empty_credential_is_told(credentials):
    (credentials / "postboat.A").write_text("")
    with pytest.raises(SignInRefused, match=r"credential .*postboat\.A has an empty first line"):
        await giver()(None)


async def test_octets_are_taken_as_utf8():
    assert await password(giver(remotepasseval=lambda: "pässword".encode())) == "pässword"


async def test_remotepasseval_does_not_block_the_loop():
    started, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def evaluate():
        loop.call_soon_threadsafe(started.set)
        assert go_on.wait(10)
        return "late"

    task = asyncio.create_task(password(giver(remotepasseval=evaluate)))
    await started.wait()
    go_on.set()
    assert await task == "late"


async def test_remotepasseval_that_never_ends_is_given_up():
    for_ever = threading.Event()
    with pytest.raises(SignInRefused, match=r"remotepasseval of R: gave no answer within 0\.05 seconds"):
        await giver(remotepasseval=for_ever.wait, eval_seconds=0.05)(None)
    for_ever.set()


def raising(error):
    def evaluate():
        raise error

    return evaluate


@pytest.mark.parametrize(
    ("evaluate", "told"),
    [
        (lambda: None, "must give a text, not NoneType"),
        (lambda: "", "gave an empty text"),
        (lambda: b"\xff", "must give a text, not octets that are no UTF-8"),
        (raising(ValueError("hunter2")), "ValueError"),
        (raising(NameError("name 'hunter2' is not defined")), "NameError"),
        (raising(StopIteration("hunter2")), "RuntimeError"),
        (raising(SystemExit("hunter2")), "RuntimeError"),
        (raising(FileNotFoundError(2, "No such file", "pass")), "No such file"),
        (raising(subprocess.CalledProcessError(3, ["pass", "hunter2"])), "exit status 3"),
    ],
)
async def test_a_failing_remotepasseval_is_told_without_what_may_be_the_password(evaluate, told):
    with pytest.raises(SignInRefused) as caught:
        await giver(Prompt("typed"), remotepasseval=evaluate)(None)
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


async def test_remotepasseval_is_evaluated_again_once_after_a_refusal():
    answers = iter(["old", "new", "newest"])
    give = giver(remotepasseval=lambda: next(answers))
    assert [await password(give), await password(give, "no"), await password(give, "no")] == ["old", "new", None]


async def test_the_same_answer_of_remotepasseval_is_not_sent_twice():
    give = giver(Prompt("typed"), remotepasseval=lambda: "same")
    assert [await password(give), await password(give, "no")] == ["same", None]


@pytest.mark.parametrize("source", ["remotepass", "remotepassfile", "netrc"])
async def test_a_fixed_password_that_was_refused_is_not_sent_again(source, netrc, passfile):
    sources = {"remotepass": Secret("x"), "remotepassfile": passfile, "netrc": netrc}
    give = giver(Prompt("typed"), **{source: sources[source]})
    assert await password(give) is not None
    assert await password(give, "no") is None


@pytest.mark.parametrize("source", ["passfile", "netrc", "credential"])
async def test_a_password_that_was_changed_in_its_file_is_found_after_a_refusal(source, netrc, passfile, credentials):
    credential = credentials / "postboat.A"
    if source == "credential":
        credential.write_text("old")
    give = giver(netrc=netrc, remotepassfile=passfile if source == "passfile" else None)
    assert await password(give) is not None
    {"passfile": passfile, "credential": credential}.get(source, netrc[0]).write_text(
        "machine imap.example.org password new login me\n" if source == "netrc" else "new\n"
    )
    new = await password(give, "no")
    assert [new, await password(give), await password(give, "no")] == ["new", "new", None]


async def test_each_sign_in_may_find_a_newer_password():
    """As tokens do, that are good for an hour: a run that goes on for days needs a new one again and again."""
    answers = iter(range(100))
    give = giver(remotepasseval=lambda: f"token {next(answers)}")
    given = []
    for _ in range(3):
        given += [await password(give), await password(give, "expired")]
    assert given == [f"token {number}" for number in (0, 1, 1, 2, 2, 3)]


async def test_a_password_that_is_forgotten_is_looked_for_anew(passfile):
    give = giver(remotepassfile=passfile)
    await password(give)
    passfile.write_text("changed\n")
    assert await password(give) == "from-file"
    give.forget()
    assert await password(give) == "changed"


async def test_what_was_typed_is_forgotten_only_by_a_refusal():
    prompt = Prompt("typed", None, "typed later")
    give = giver(prompt)
    await password(give)
    give.forget()
    assert await password(give) == "typed"
    assert await password(give, "no") is None
    give.forget()
    assert await password(give) == "typed later"


async def test_the_prompt_is_repeated_with_the_refusal_until_it_gives_nothing():
    prompt = Prompt("first", "second")
    give = giver(prompt)
    assert [await password(give), await password(give, "not\x1b[2J so"), await password(give, "no")] == [
        "first",
        "second",
        None,
    ]
    question = "Password for me on imap.example.org (account A): "
    assert prompt.questions == [question, f"not [2J so\n{question}", f"no\n{question}"]


async def test_an_empty_answer_is_none():
    with pytest.raises(SignInRefused, match="no password was given for me on"):
        await giver(Prompt(""))(None)


async def test_a_face_may_word_the_question_in_its_own_way():
    prompt = Prompt("first", "second")
    give = giver(prompt)
    await give(None)
    await give("not\nso")
    parts = [(asked.account, asked.user, asked.refusal) for asked in prompt.questions]
    assert parts == [("A", "me", ""), ("A", "me", "not so")]


async def test_no_password_at_all_tells_how_to_give_one():
    with pytest.raises(
        SignInRefused, match=r"no password for me on imap\.example\.org: set remotepass, remotepassfile"
    ):
        await giver(None)(None)


async def test_a_service_without_a_password_is_told_of_credentials(monkeypatch):
    monkeypatch.delenv("INVOCATION_ID", raising=False)
    with pytest.raises(SignInRefused, match=r"run it on a terminal, with a user interface that asks"):
        await giver(None)(None)
    monkeypatch.setenv("INVOCATION_ID", "0")
    with pytest.raises(SignInRefused, match=r"give the service a credential postboat\.A \(LoadCredential=\)$"):
        await giver(None)(None)


async def test_one_password_is_asked_for_all_connections():
    prompt = Prompt("typed")
    give = giver(prompt)
    assert await asyncio.gather(*(password(give) for _ in range(5))) == ["typed"] * 5
    assert len(prompt.questions) == 1


async def test_connections_refused_with_the_same_password_ask_once_more_together():
    prompt = Prompt("wrong", "right")
    give = giver(prompt)

    async def connect():
        first = await password(give)
        return first, await password(give, "no")

    assert await asyncio.gather(connect(), connect(), connect()) == [("wrong", "right")] * 3
    assert len(prompt.questions) == 2


async def test_prompts_of_two_accounts_do_not_overlap():
    busy = 0

    async def prompt(question):
        nonlocal busy
        busy += 1
        assert busy == 1
        await asyncio.sleep(0)
        busy -= 1
        return Secret(question)

    lock = asyncio.Lock()
    answers = await asyncio.gather(*(password(giver(prompt, lock=lock, account=name)) for name in "AB"))
    assert ["account A" in answers[0], "account B" in answers[1]] == [True, True]


async def test_the_user_name_comes_from_netrc_if_it_is_not_configured(netrc):
    assert await giver(netrc=netrc, user="")(None) == ("me", Secret("from-netrc"))
    with pytest.raises(SignInRefused, match=r"no user name for imap\.example\.org: set remoteuser"):
        await giver(user="")(None)


@pytest.mark.parametrize(("content", "told"), [(b"\nx", "empty first line"), (b"\xff", "not UTF-8")])
async def test_a_useless_remotepassfile_is_told(tmp_path, content, told):
    path = tmp_path / "password"
    path.write_bytes(content)
    with pytest.raises(SignInRefused, match=told):
        await giver(remotepassfile=path)(None)


async def test_after_all_was_refused_the_next_sync_begins_anew():
    give = giver(remotepass=Secret("x"))
    assert [await password(give), await password(give, "no"), await password(give)] == ["x", None, "x"]


async def test_a_cancelled_prompt_leaves_the_lock_to_others():
    lock, asked = asyncio.Lock(), asyncio.Event()

    async def prompt(question):
        asked.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(password(giver(prompt, lock=lock)))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await password(giver(Prompt("typed"), lock=lock)) == "typed"


LOCAL = ServerConfig(name="L", remotehost="localhost", remoteuser="me")


def givers(prompter=None, *, local=LOCAL, remote=REMOTE, netrc=()):
    """For both servers of one account."""
    lock = asyncio.Lock()
    return {
        side: PasswordGiver("A", server, prompter, lock, side=side, netrc=netrc)
        for side, server in ((Side.REMOTE, remote), (Side.LOCAL, local))
    }


async def test_the_passwords_of_two_servers_are_asked_for_by_repository_and_one_after_the_other():
    typed = asyncio.Event()
    asked = []

    async def prompter(question):
        asked.append(question)
        await typed.wait()
        return Secret("x")

    tasks = [asyncio.create_task(password(give)) for give in givers(prompter).values()]
    for _ in range(5):
        await asyncio.sleep(0)
    assert asked == ["Password for me on imap.example.org (account A, repository R): "]
    typed.set()
    await asyncio.gather(*tasks)
    assert asked[1:] == ["Password for me on localhost (account A, repository L): "]


async def test_each_server_has_the_password_of_its_own_repository():
    local = replace(LOCAL, password=PasswordSources(remotepass=Secret("near")))
    remote = replace(REMOTE, password=PasswordSources(remotepass=Secret("far")))
    both = givers(local=local, remote=remote)
    assert (await password(both[Side.LOCAL]), await password(both[Side.REMOTE])) == ("near", "far")


async def test_netrc_has_a_password_for_each_host(tmp_path):
    path = tmp_path / ".netrc"
    path.write_text("machine localhost login me password near\nmachine imap.example.org login me password far\n")
    both = givers(netrc=(path,))
    assert (await password(both[Side.LOCAL]), await password(both[Side.REMOTE])) == ("near", "far")


async def test_netrc_tells_two_users_of_one_host_apart(tmp_path):
    path = tmp_path / ".netrc"
    path.write_text("machine one login you password far\nmachine one login me password near\n")
    both = givers(
        local=replace(LOCAL, remotehost="one"),
        remote=replace(REMOTE, remotehost="one", remoteuser="you"),
        netrc=(path,),
    )
    assert (await password(both[Side.LOCAL]), await password(both[Side.REMOTE])) == ("near", "far")


async def test_systemds_credential_of_the_account_is_never_told_to_its_local_server(tmp_path, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("INVOCATION_ID", "x")
    (tmp_path / "postboat.A").write_text("far")
    both = givers()
    assert await password(both[Side.REMOTE]) == "far"
    with pytest.raises(SignInRefused, match=r"no password for me on localhost: .* a credential postboat\.A\.L \("):
        await password(both[Side.LOCAL])
    (tmp_path / "postboat.A.L").write_text("near")
    (tmp_path / "postboat.A.R").write_text("newer")
    both = givers()
    assert (await password(both[Side.LOCAL]), await password(both[Side.REMOTE])) == ("near", "newer")


async def test_a_failing_expression_is_told_with_its_repository():
    local = replace(LOCAL, password=PasswordSources(remotepasseval=lambda: 1 / 0))
    with pytest.raises(SignInRefused, match="remotepasseval of L: ZeroDivisionError"):
        await password(givers(local=local)[Side.LOCAL])
