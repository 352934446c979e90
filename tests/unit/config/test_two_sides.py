"""Either side of an account may be a server or a tree of Maildirs, and no place is claimed twice."""

from __future__ import annotations

import pytest

from postboat.config.load import load as load_config
from postboat.config.schema import MaildirConfig, Secret, ServerConfig
from postboat.errors import ConfigError
from postboat.model import Side

NEAR = 'type = "IMAP"\nremotehost = "localhost"\nremoteport = 1143\nremoteuser = "me"'
FAR = 'type = "IMAP"\nremotehost = "imap.example.org"\nremoteuser = "me"'
HERE = 'type = "Maildir"\nlocalfolders = "{home}/here"'
THERE = 'type = "Maildir"\nlocalfolders = "{home}/there"'


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def read(home):
    """Read accounts A, B and so on, each given as its local and its remote repository."""

    def read(*accounts):
        names = "ABC"[: len(accounts)]
        lines = ["[general]", f"accounts = {list(names)}"]
        for name, (local, remote) in zip(names, accounts, strict=True):
            lines += [f"[account.{name}]", f'localrepository = "{name}L"', f'remoterepository = "{name}R"']
            lines += [f"[repository.{name}L]", local, f"[repository.{name}R]", remote]
        path = home / "config.toml"
        path.write_text("\n".join(lines).replace("{home}", str(home)))
        path.chmod(0o644)
        return load_config(path)

    return read


@pytest.fixture
def problems(read):
    def problems(*accounts):
        with pytest.raises(ConfigError) as caught:
            read(*accounts)
        return [problem.split(": ", 1)[1] for problem in caught.value.problems]

    return problems


def test_two_servers_are_an_account(read):
    (account,) = read((NEAR, FAR)).accounts
    assert isinstance(account.local, ServerConfig)
    assert isinstance(account.remote, ServerConfig)
    assert (account.on(Side.LOCAL), account.on(Side.REMOTE)) == (account.local, account.remote)


def test_a_file_with_many_passwords_that_others_can_read_is_warned_about_once(read, home):
    (told,) = read(*((f'{side}\nremotepass = "x"' for side in (NEAR, FAR)),)).warnings
    assert told.endswith(f"can be read by other users of this machine; run chmod 600 {home}/config.toml")


def test_two_trees_of_maildirs_are_an_account(read, home):
    (account,) = read((HERE, THERE + '\nstrip_prefix = "Old."\nrename = { Sent = "Gesendet" }')).accounts
    assert isinstance(account.remote, MaildirConfig)
    assert account.remote.localfolders == home / "there"
    assert (account.remote.rules.strip_prefix, account.remote.rules.rename) == ("Old.", {"Sent": "Gesendet"})
    assert account.newmail_hook is None
    assert not account.has_hooks


def test_maildirs_are_not_the_remote_side_of_a_server(problems):
    (problem,) = problems((FAR, HERE))
    assert problem == (
        "account.A.localrepository: names AL, a server, and remoterepository AR, a tree of Maildirs; "
        "swap the two: the server is the remote side then"
    )


def test_a_local_server_has_every_option_of_a_remote_one(read, home):
    options = {
        "ssl": False,
        "starttls": False,
        "remotepass": '"here"',
        "maxconnections": 7,
        "holdconnectionopen": False,
        "keepalive": 60,
        "idlefolders": ["INBOX", "Work"],
        "subscribedonly": True,
        "reference": '"Mail"',
        "expunge": False,
        "keepdeleted": 2.5,
        "auth_mechanisms": ["LOGIN"],
        "readonly": True,
        "createfolders": False,
        "sync_deletes": False,
        "newmail_hook": '"beep"',
        "nametrans": '"lambda name: name"',
        "folderfilter": '"lambda name: True"',
        "strip_prefix": '"INBOX."',
    }
    spelt = {True: "true", False: "false"}
    near = NEAR + "".join(
        f"\n{name} = {spelt.get(value, value) if isinstance(value, bool) else value}" for name, value in options.items()
    )
    local = read((near, FAR)).accounts[0].local
    assert isinstance(local, ServerConfig)
    assert (local.ssl, local.starttls, local.expunge, local.keepdeleted) == (False, False, False, 2.5)
    assert (local.maxconnections, local.holdconnectionopen, local.keepalive) == (7, False, 60)
    assert (local.idlefolders, local.auth_mechanisms) == (("INBOX", "Work"), ("LOGIN",))
    assert (local.subscribedonly, local.reference, local.password.remotepass) == (True, "Mail", Secret("here"))
    assert (local.readonly, local.createfolders, local.sync_deletes) == (True, False, False)
    assert local.rules.nametrans is not None
    assert local.rules.folderfilter is not None


def test_a_server_keeps_what_is_deleted_where_it_is_the_local_side(read):
    (account,) = read((NEAR, FAR)).accounts
    assert (account.local.keepdeleted, account.remote.keepdeleted) == (30, 0)
    (account,) = read((NEAR + "\nkeepdeleted = 0", FAR + "\nkeepdeleted = 7")).accounts
    assert (account.local.keepdeleted, account.remote.keepdeleted) == (0, 7)


def test_gmail_may_be_either_side(read):
    gmail = 'type = "Gmail"\nremoteuser = "me"'
    for sides in ((gmail, FAR), (FAR, gmail)):
        (account,) = read(sides).accounts
        assert "imap.gmail.com" in {account.local.remotehost, account.remote.remotehost}


@pytest.mark.parametrize(("near", "far", "hook"), [("a", "b", "b"), ("a", "", "a"), ("", "b", "b"), ("", "", None)])
def test_the_hook_for_new_mail_is_the_remote_sides_or_else_the_local_ones(read, near, far, hook):
    (account,) = read((f'{NEAR}\nnewmail_hook = "{near}"', f'{FAR}\nnewmail_hook = "{far}"')).accounts
    assert account.newmail_hook == hook
    assert account.has_hooks is bool(hook)


@pytest.mark.parametrize(
    "other",
    [
        'type = "IMAP"\nremotehost = "IMAP.example.org"\nremoteuser = "me"',
        'type = "IMAP"\nremotehost = "imap.example.org"\nremoteport = 143\nssl = false\nremoteuser = "me"',
    ],
)
def test_a_mailbox_is_not_synced_with_itself(problems, other):
    (problem,) = problems((FAR, other))
    assert problem.startswith("repository.AL.remotehost: both sides of account A are the same mailbox, as AR has")


def test_one_tunnel_on_both_sides_is_one_mailbox(problems):
    tunnel = 'type = "IMAP"\npreauthtunnel = "ssh host imapd"'
    (problem,) = problems((tunnel, tunnel))
    assert "repository.AL.preauthtunnel: both sides" in problem


def test_this_machine_is_one_host_by_whatever_name(problems):
    (problem,) = problems((NEAR, NEAR.replace("localhost", "127.0.0.1")))
    assert "are the same mailbox" in problem


def test_a_user_of_netrc_counts_as_the_user(problems, home):
    (home / ".netrc").write_text("machine imap.example.org login me password x\n")
    (problem,) = problems((FAR, FAR.replace('\nremoteuser = "me"', "")))
    assert "are the same mailbox" in problem


@pytest.mark.parametrize(
    "other", [FAR.replace('"me"', '"you"'), FAR.replace("imap.", "mail."), FAR + "\nremoteport = 1993"]
)
def test_two_mailboxes_of_one_provider_are_two(read, other):
    assert len(read((FAR, other)).accounts) == 1


def test_one_repository_is_not_both_sides(home):
    path = home / "config.toml"
    text = '[general]\naccounts = ["A"]\n[account.A]\nlocalrepository = "R"\nremoterepository = "R"\n[repository.R]\n'
    path.write_text(text + FAR)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (problem,) = caught.value.problems
    assert "account.A.localrepository: names R, as remoterepository does: both sides are the same mailbox" in problem


@pytest.mark.parametrize(
    ("there", "how"), [("here", "is also that"), ("here/sub", "has inside it that"), (".", "lies inside that")]
)
def test_maildirs_of_both_sides_lie_apart(problems, there, how):
    found = problems((HERE, THERE.replace("/there", f"/{there}")))
    assert len(found) == 1
    assert found[0].startswith("repository.AR.localfolders:")
    assert "of AL, the other side; give AR a directory of its own" in found[0]


@pytest.mark.parametrize("accounts", [((HERE, FAR), (THERE, HERE)), ((THERE, HERE), (HERE, FAR))])
def test_no_two_accounts_have_one_tree_of_maildirs(problems, accounts):
    (problem,) = problems(*accounts)
    assert "is also that of account A; give account B a directory of its own" in problem


def test_metadata_is_not_where_remote_maildirs_are(home, read):
    read((HERE, THERE))
    with pytest.raises(ConfigError, match="is where account A keeps its mail"):
        load_config(home / "config.toml", overrides=[f"metadata={home}/there"])


def test_two_accounts_do_not_bring_their_mail_to_one_mailbox(problems, read):
    other = FAR.replace("imap.", "mail.")
    (problem,) = problems((NEAR, FAR), (NEAR, other))
    assert problem.startswith("repository.BL.remotehost: is the local mailbox of account A as well")
    assert "limit BL to folders of its own with folderfilter, include or exclude" in problem
    (problem,) = problems((NEAR, FAR), (NEAR + '\ninclude = ["B/*"]', other))
    assert "limit AL to folders of its own" in problem


def test_filters_let_two_accounts_share_a_local_mailbox(read):
    other = FAR.replace("imap.", "mail.")
    shared = ((NEAR + '\nexclude = ["B/*"]', FAR), (NEAR + '\ninclude = ["B/*"]', other))
    assert len(read(*shared).accounts) == 2


def test_a_mailbox_may_be_the_source_of_two_accounts(read):
    assert len(read((HERE, FAR), (THERE, FAR)).accounts) == 2


@pytest.mark.parametrize(
    ("local", "told"),
    [
        (
            HERE.replace("Maildir", "Gmail"),
            "AL.type: Gmail does not go with localfolders; use type = Maildir, or remotehost",
        ),
        (
            NEAR.replace("IMAP", "Maildir"),
            "AL.type: Maildir does not go with remotehost; use type = IMAP, or localfolders",
        ),
        ('type = "Maildir"\npreauthtunnel = "x"', "AL.type: Maildir does not go with preauthtunnel; use type = IMAP"),
        (NEAR.replace('type = "IMAP"\n', ""), 'AL.type: is missing; write type = "IMAP"'),
        ('sep = "."', 'AL.type: is missing; write type = "Maildir"'),
        ('type = "IMAP"\nremoteuser = "me"', "AL.remotehost: is missing"),
        (NEAR.replace("IMAP", "Imap"), "AL.type: must be Maildir, IMAP or Gmail, not 'Imap'; did you mean IMAP?"),
    ],
)
def test_a_type_that_the_options_contradict_is_told(problems, local, told):
    assert any(told in problem for problem in problems((local, FAR)))


def test_a_type_decides_where_options_of_both_kinds_are_written(problems):
    (problem,) = problems((f'{NEAR}\nlocalfolders = "x"', FAR))
    assert problem.startswith("repository.AL.localfolders: is not known here; it belongs to a Maildir repository")


def test_modified_utf7_on_disk_is_no_matter_between_maildirs(read, home):
    (home / "here" / "Entw&APw-rfe").mkdir(parents=True)
    assert len(read((HERE, THERE)).accounts) == 1


def test_a_bad_option_of_a_local_server_is_told_with_its_section(problems):
    (problem,) = problems((NEAR + "\nmaxconnections = 0", FAR))
    assert problem.startswith("repository.AL.maxconnections: must be a whole number")
