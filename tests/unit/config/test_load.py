"""TOML, where the configuration is looked for, and every mistake told at once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from postboat.config.load import account_names, load
from postboat.errors import ConfigError
from postboat.model import Limits

EXAMPLE = Path(__file__).parents[3] / "config.example.toml"
TOP = """\
[general]
accounts = ["A"]
{general}
[account.A]
localrepository = "L"
remoterepository = "R"
{account}
[repository.L]
type = "Maildir"
localfolders = "{home}/mail"
{local}
[repository.R]
type = "IMAP"
remotehost = "imap.example.org"
remoteuser = "me"
{remote}
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def text_of(home, *, general="", account="", local="", remote=""):
    return TOP.format(home=home, general=general, account=account, local=local, remote=remote)


@pytest.fixture
def read(home):
    def read(text=None, *, name="config.toml", overrides=(), accounts=(), **parts):
        path = home / name
        path.write_text(text_of(home, **parts) if text is None else text)
        path.chmod(0o600)
        return load(path, overrides=overrides, accounts=accounts)

    return read


@pytest.fixture
def problems(read, home):
    def problems(text=None, **kwargs):
        with pytest.raises(ConfigError) as caught:
            read(text, **kwargs)
        return [
            problem.replace(f"{home}/config", "config").replace(f"{home}/rc", "rc") for problem in caught.value.problems
        ]

    return problems


def remote_of(config):
    return config.accounts[0].remote


# What it means


def test_the_example_loads_as_it_is():
    config = load(EXAMPLE)
    assert [account.name for account in config.accounts] == ["MyMail"]
    assert config.warnings == ()


def test_the_example_shows_every_option_there_is():
    from postboat.config import known

    shown = set(re.findall(r'^#?\[?"?([a-z_0-9.A-Z]+?)\]? ?=|rename', EXAMPLE.read_text(), re.MULTILINE))
    missing = (known.GENERAL | known.ACCOUNT | known.MAILDIR | known.IMAP | known.MBNAMES) - shown - {"rename"}
    assert not missing
    assert ".rename]" in EXAMPLE.read_text()


def test_every_option_of_the_example_may_be_uncommented(read, home, tmp_path):
    for name in ("password", "client.pem", "client.key", "helpers.py"):
        path = home / ".config" / "postboat" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        path.chmod(0o600)
    text = re.sub(r"(?m)^#(?=[\[a-z\"])", "", EXAMPLE.read_text())
    text = re.sub(r"(?m)^(transporttunnel|remotehosteval) .*\n", "", text)
    config = read(text)
    assert config.warnings == ()
    remote = remote_of(config)
    assert remote.rules.rename == {"Sent Items": "Sent"}
    assert remote.rules.nametrans("INBOX.a") == "a"
    assert remote.remoteport == 993


def test_a_value_of_each_kind_is_read(read, home):
    config = read(
        general='maxsyncaccounts = 2\nui = ["tk", "tty"]\nfsync = false\nsocktimeout = 30\nmetadata = "~/state"',
        account="autorefresh = 2.5\nquick = 3\nmaxdeletes = 50\nmaxdeletesfolder = 0\nmaxdeletespercent = 100",
        local='sep = "/"\nreadonly = true\nkeepdeleted = 0.5',
        remote="""
            remotepass = "x"
            auth_mechanisms = ["PLAIN"]
            cert_fingerprint = ["AA:%s"]
            idlefolders = []
            include = ["INBOX", "Lists/*"]
            exclude = ["Spam"]
            strip_prefix = "INBOX."
            rename = { "Sent Items" = "Sent" }
            folderincludes = ["a"]
            createfolders = false
            sync_deletes = false
            expunge = false
        """
        % ("bb" * 19),
    )
    (account,) = config.accounts
    assert (config.maxsyncaccounts, config.ui, config.fsync, config.metadata) == (
        2,
        ("tk", "tty"),
        False,
        home / "state",
    )
    assert (account.autorefresh, account.quick) == (2.5, 3)
    assert account.limits == Limits(account=50, folder=0, share=100)
    assert account.local.keepdeleted == 0.5
    assert (account.local.layout, account.local.sep, account.local.readonly) == ("nested", "/", True)
    remote = account.remote
    assert remote.password.remotepass.reveal() == "x"
    assert (remote.auth_mechanisms, remote.idlefolders, remote.timeout) == (("PLAIN",), (), 30)
    assert remote.cert_fingerprint == ("aa" + "bb" * 19,)
    assert (remote.rules.include, remote.rules.exclude) == (("INBOX", "Lists/*"), ("Spam",))
    assert (remote.rules.strip_prefix, remote.rules.rename) == ("INBOX.", {"Sent Items": "Sent"})
    assert remote.rules.folderincludes == ("a",)
    assert not (remote.createfolders or remote.sync_deletes or remote.expunge)


def ini_of(home, *, account="", local=""):
    """A configuration in OfflineIMAP's notation."""
    return f"""\
[general]
accounts = A
[Account A]
localrepository = L
remoterepository = R
{account}
[Repository L]
type = Maildir
localfolders = {home}/mail
{local}
[Repository R]
type = IMAP
remotehost = imap.example.org
remoteuser = me
"""


def test_both_formats_have_one_meaning(read, home):
    ini = f"""\
[general]
accounts = A
[Account A]
localrepository = L
remoterepository = R
autorefresh = 5
[Repository L]
type = Maildir
localfolders = {home}/mail
sep = /
[Repository R]
type = IMAP
remotehost = imap.example.org
remoteuser = me
ssl = no
keepalive = 60
auth_mechanisms = PLAIN, LOGIN
folderincludes = ['a', 'b']
"""
    toml = read(
        account="autorefresh = 5",
        local='sep = "/"',
        remote='ssl = false\nkeepalive = 60\nauth_mechanisms = ["PLAIN", "LOGIN"]\nfolderincludes = ["a", "b"]',
    )
    assert read(ini, name="rc").accounts == toml.accounts


@pytest.mark.parametrize(
    ("lines", "limits"),
    [
        ("", Limits()),
        ("maxdeletes = false", None),
        ("maxdeletes = 0", Limits(account=0)),
        ("maxdeletesfolder = 7", Limits(folder=7)),
        ("maxdeletespercent = 0", Limits(share=0)),
    ],
)
def test_limits_are_what_is_written_and_the_rest_by_default(read, lines, limits):
    (account,) = read(account=lines).accounts
    assert account.limits == limits


@pytest.mark.parametrize("word", ["no", "No", "off", "false"])
def test_no_limit_is_told_in_offlineimaps_words(read, home, word):
    (account,) = read(ini_of(home, account=f"maxdeletes = {word}"), name="rc").accounts
    assert account.limits is None


def test_a_zero_is_a_limit_and_not_a_no(read, home):
    config = read(ini_of(home, account="maxdeletes = 0", local="keepdeleted = 0"), name="rc")
    assert config.accounts[0].limits == Limits(account=0)
    assert config.accounts[0].local.keepdeleted == 0


def test_a_wrong_limit_is_told_in_offlineimaps_words(problems, home):
    told = problems(ini_of(home, account="maxdeletes = never", local="keepdeleted = no"), name="rc")
    assert told == [
        "rc:6: Account A.maxdeletes: must be a whole number, 0 or more, or no, not 'never'",
        "rc:10: Repository L.keepdeleted: must be a number of days, 0 or more, not 'no'",
    ]


def test_limits_that_maxdeletes_takes_away_are_named(read):
    config = read(account="maxdeletes = false\nmaxdeletesfolder = 5")
    assert len(config.warnings) == 1
    assert "account.A.maxdeletesfolder: has no effect, since maxdeletes" in config.warnings[0]


def test_the_port_follows_ssl(read):
    assert remote_of(read()).remoteport == 993
    assert remote_of(read(remote="ssl = false")).remoteport == 143


def test_gmail_has_a_host_of_its_own(read, home):
    text = text_of(home).replace('"IMAP"', '"Gmail"').replace('remotehost = "imap.example.org"\n', "")
    assert remote_of(read(text)).remotehost == "imap.gmail.com"


def test_the_systems_authorities_are_the_default(read):
    assert remote_of(read(remote='sslcacertfile = "OS-DEFAULT"')).sslcacertfile is None


@pytest.mark.parametrize(
    ("lines", "layout", "sep"),
    [
        ("", "flat", "."),
        ('sep = "-"', "flat", "-"),
        ('sep = "/"', "nested", "/"),
        ('layout = "nested"', "nested", "/"),
        ('layout = "maildir++"', "maildir++", "."),
    ],
)
def test_layout_and_separator_follow_from_each_other(read, lines, layout, sep):
    local = read(local=lines).accounts[0].local
    assert (local.layout, local.sep) == (layout, sep)


def test_host_port_user_and_password_may_be_evaluated(read, home):
    (home / "helpers.py").write_text("def secret(name): return 'hush ' + name\nHOST = b'h.example.org'\n")
    config = read(
        general='pythonfile = "~/helpers.py"',
        remote="""
            remotehosteval = "HOST"
            remoteporteval = "900 + 93"
            remoteusereval = "'you'"
            remotepasseval = "secret('A')"
            """,
    )
    remote = remote_of(config)
    assert (remote.remotehost, remote.remoteport, remote.remoteuser) == ("h.example.org", 993, "you")
    assert remote.password.remotepasseval() == "hush A"


def test_the_pythonfile_is_executed_once_and_its_names_are_seen_by_all_rules(read, home):
    (home / "helpers.py").write_text(
        "import dataclasses, pathlib\nwith pathlib.Path('%s').open('a') as file: file.write('x')\n"
        "@dataclasses.dataclass\nclass C:\n    x: int = 1\n"
        "def keep(name): return helper(name)\ndef helper(name): return name == 'a'\n" % (home / "count")
    )
    config = read(
        general='pythonfile = "~/helpers.py"',
        remote='folderfilter = "keep"\nnametrans = "lambda n: re.sub(\'a\', str(C().x), n)"\nfolderincludes = "[\'z\']"',
    )
    rules = remote_of(config).rules
    assert (rules.folderfilter("a"), rules.folderfilter("b"), rules.nametrans("a")) == (True, False, "1")
    assert rules.folderincludes == ("z",)
    assert (home / "count").read_text() == "x"


def test_the_password_is_not_evaluated_before_it_is_needed(read):
    config = read(remote='remotepasseval = "1 / 0"')
    with pytest.raises(ZeroDivisionError):
        remote_of(config).password.remotepasseval()


def test_no_repr_shows_a_password(read):
    config = read(remote='remotepass = "hunter2"')
    assert "hunter2" not in repr(config)


def test_only_the_accounts_asked_for_are_returned(read, home):
    text = text_of(home) + text_of(home).split("\n\n", 1)[1].replace("account.A", "account.B").replace(
        '"L"', '"L2"'
    ).replace('"R"', '"R2"').replace("repository.L", "repository.L2").replace("repository.R", "repository.R2").replace(
        "/mail", "/mail2"
    )
    text = text.replace('accounts = ["A"]', 'accounts = ["A", "B"]')
    assert [account.name for account in read(text).accounts] == ["A", "B"]
    assert [account.name for account in read(text, accounts=["B"]).accounts] == ["B"]


def test_every_account_of_a_file_has_a_name_though_it_is_not_listed(home):
    path = home / "config.toml"
    path.write_text(text_of(home, account="[account.'B:C']\nmaxdeletes = 'wrong'"))
    assert account_names(path) == ["A", "B:C"]
    path.write_text("[broken")
    assert account_names(path) == [], "what is wrong is for `load` to tell"


def test_an_unknown_account_is_told(problems):
    assert problems(accounts=["Aa"]) == ["-a: there is no account Aa; did you mean A?"]


@pytest.mark.parametrize("section", ["Repository_R", "Repository R", "repository.R", "repository_R"])
def test_overrides_find_their_section_in_any_spelling(read, section):
    overrides = [f"{section}:maxconnections=9", f"{section}:subscribedonly=yes", f"{section}:exclude=a, b"]
    remote = remote_of(read(overrides=overrides))
    assert (remote.maxconnections, remote.subscribedonly, remote.rules.exclude) == (9, True, ("a", "b"))


def test_an_override_is_checked_like_the_file(problems):
    told = problems(overrides=["Repository_R:maxconnections=none", "maxsyncacounts=3"])
    assert told == [
        "-k: general.maxsyncacounts: is not known; did you mean maxsyncaccounts?",
        "-k: repository.R.maxconnections: must be a whole number, 1 or more, not 'none'",
    ]


def test_an_override_may_mend_the_file(read):
    assert remote_of(read(remote="maxconnections = 0", overrides=["repository.R:maxconnections=1"])).maxconnections == 1


# Where it is looked for


def test_the_usual_places_are_looked_at_in_their_order(home):
    rc, xdg, own = home / ".offlineimaprc", home / ".config/offlineimap/config", home / ".config/postboat/config.toml"
    ini = text_of(home).replace("[account.", "[Account ").replace("[repository.", "[Repository ")
    ini = re.sub(r'[\[\]]?"[\[\]]?', "", ini).replace("accounts = [A", "accounts = A")
    for path, text in ((rc, ini), (xdg, ini), (own, text_of(home))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        assert load(None).source == path


def test_no_configuration_tells_where_it_looked_and_how_to_begin(home):
    with pytest.raises(ConfigError) as caught:
        load(None)
    (problem,) = caught.value.problems
    for place in (".config/postboat/config.toml", ".config/offlineimap/config", ".offlineimaprc"):
        assert str(home / place) in problem
    assert "config.example.toml" in problem


def test_a_file_that_is_not_there_is_told(home):
    with pytest.raises(ConfigError, match="nothere: cannot be read: No such file"):
        load(home / "nothere")


def test_a_directory_is_no_configuration(home):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(home)


def test_the_format_is_recognised_by_what_is_in_the_file(read, home):
    assert read(name="anything").accounts == read().accounts


def test_a_broken_toml_file_without_the_ending_is_still_toml(problems, home):
    assert problems(text_of(home, remote="ssl = maybe"), name="rc") == ["rc:16: is not TOML: Invalid value"]


def test_offlineimaps_notation_in_a_toml_file_is_told(problems):
    told = problems("[general]\naccounts = A\n[Account A]\n")
    assert told == ["config.toml:3: is OfflineIMAP's notation; give the file a name without .toml"]


def test_a_file_in_another_encoding_is_told_with_the_line(home):
    path = home / "config.toml"
    path.write_bytes(b"[general]\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"config\.toml:2: is not UTF-8"):
        load(path)


def test_line_ends_of_windows_and_a_byte_order_mark_are_taken(home):
    path = home / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + text_of(home).replace("\n", "\r\n").encode())
    assert load(path).accounts


# What is wrong with it


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(problems):
    told = problems(
        general="maxsyncaccount = 3\nfsync = 'yes'",
        account="autorefresh = -1",
        local='sep = "::"',
        remote='remoteport = 99999\nssl = "on"\nmaxconnections = 0\nfolderfilter = "nosuch"',
    )
    assert told == [
        "config.toml:3: general.maxsyncaccount: is not known; did you mean maxsyncaccounts?",
        "config.toml:4: general.fsync: must be true or false, not 'yes'",
        "config.toml:8: account.A.autorefresh: must be a number of minutes, 0 or more, not -1",
        "config.toml:12: repository.L.sep: must be one character that is neither a letter, a digit nor %, such as"
        " \".\", not '::'",
        "config.toml:17: repository.R.remoteport: must be a whole number, from 1 to 65535, not 99999",
        "config.toml:18: repository.R.ssl: must be true or false, not 'on'",
        "config.toml:19: repository.R.maxconnections: must be a whole number, 1 or more, not 0",
        "config.toml:20: repository.R.folderfilter: cannot be evaluated: NameError: name 'nosuch' is not defined",
    ]


@pytest.mark.parametrize(
    ("part", "line", "told"),
    [
        ("general", "pythonfile = '/nosuch.py'", "general.pythonfile: cannot read /nosuch.py: No such file"),
        ("general", "metadata = '/dev/null'", "general.metadata: /dev/null is not a directory"),
        ("general", "metadata = '~/mail'", "keeps its mail; use another"),
        ("general", "maxsyncaccounts = true", "must be a whole number, 1 or more, not True"),
        ("general", "folderfilter = 'x'", "is not known here; it belongs to a repository"),
        ("account", "maxconnections = 3", "is not known here; it belongs to an IMAP repository"),
        ("account", "quick = -2", "must be a whole number, -1 or more"),
        ("account", "autorefresh = nan", "must be a number of minutes"),
        ("account", "maxdeletes = -1", "account.A.maxdeletes: must be a whole number, 0 or more, or false, not -1"),
        ("account", "maxdeletes = true", "must be a whole number, 0 or more, or false, not True"),
        ("account", "maxdeletes = 'no'", "must be a whole number, 0 or more, or false, not 'no'"),
        ("account", "maxdeletes = 2.5", "must be a whole number, 0 or more, or false, not 2.5"),
        ("account", "maxdeletesfolder = false", "must be a whole number, 0 or more, not False"),
        ("account", "maxdeletespercent = 101", "must be a whole number, from 0 to 100, not 101"),
        ("account", "maxdelete = 5", "is not known; did you mean maxdeletes?"),
        ("account", "keepdeleted = 5", "is not known here; it belongs to a repository"),
        ("local", "maxdeletes = 5", "is not known here; it belongs to an account"),
        ("local", "keepdeleted = 'a week'", "repository.L.keepdeleted: must be a number of days, 0 or more, not 'a w"),
        ("local", "keepdeleted = -1", "must be a number of days, 0 or more, not -1"),
        ("local", "layout = 'nestd'", "must be one of flat, nested, maildir++, not 'nestd'; did you mean nested?"),
        ("local", "layout = 'flat'\nsep = '/'", "flat does not go with sep"),
        ("local", "layout = 'maildir++'\nsep = '-'", 'must be "." with layout maildir++'),
        ("local", "remotehost = 'x'", "is not known here; it belongs to an IMAP repository"),
        ("local", "maxconnections = 1", "is not known here; it belongs to an IMAP repository"),
        ("remote", "localfolders = 'x'", "is not known here; it belongs to a Maildir repository"),
        ("remote", "remotehots = 'x'", "is not known; did you mean remotehost?"),
        (
            "remote",
            "auth_mechanisms = ['PLIAN']",
            "'PLIAN' is not known; there are PLAIN, CRAM-MD5, LOGIN; did you mean",
        ),
        ("remote", "auth_mechanisms = ['XOAUTH2']", "leaves no way to sign in yet"),
        ("remote", "cert_fingerprint = ['abc']", "'abc' is not a SHA digest"),
        ("remote", "sslcacertfile = '/nosuch.pem'", "sslcacertfile: cannot read /nosuch.pem"),
        ("remote", "remotepassfile = '~/nosuch'", "remotepassfile: cannot read"),
        ("remote", "remotepassfile = '$NOSUCH/x'", "uses $NOSUCH, which is not set in the environment"),
        ("remote", "remotepassfile = '~nosuchuser/x'", "names a home directory that is not there"),
        ("remote", "preauthtunnel = 'a'\ntransporttunnel = 'b'", "is one tunnel too many beside preauthtunnel"),
        ("remote", "ssl = false\nstarttls = false", "would send the password in plain text to imap.example.org"),
        ("remote", "nametrans = '1'", "must be a function such as lambda name: name.lower(), not 1"),
        ("remote", "nametrans = 'lambda n: ('", "is not a Python expression"),
        ("remote", "nametrans = 3", "must be a text in quotes, not 3"),
        ("remote", "folderincludes = '3'", "must be a list of texts such as ['INBOX', 'Sent'], not 3"),
        ("remote", "folderincludes = [3]", "must be a list of texts such as ['INBOX', 'Sent'], not [3]"),
        ("remote", "remoteporteval = '0'", "must give a whole number from 1 to 65535, not 0"),
        ("remote", "remotehosteval = 'None'", "must give a host name, not None"),
        ("remote", "rename = {a = 1}", "must be a table of names"),
        ("remote", "include = 3", "must be a list of texts"),
        ("remote", "keepalive = '60'", "must be a number of seconds, 0 or more, not '60'"),
        ("remote", "preauthtunnel = false", "must be a text in quotes, not False"),
    ],
)
def test_each_mistake_is_told_with_what_would_be_right(problems, part, line, told):
    found = problems(**{part: line})
    assert len(found) == 1, found
    assert told in found[0]
    assert re.match(r"config\.toml:\d+: \w", found[0])


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('accounts = ["A"]', "", 'general.accounts: is missing; write accounts = "A"'),
        ('accounts = ["A"]', 'accounts = ["A", "A"]', "names A 2 times"),
        ('accounts = ["A"]', 'accounts = ["A", "Ab"]', "names Ab, but there is no [account.Ab]; did you mean A?"),
        ('localrepository = "L"', "", "account.A.localrepository: is missing"),
        (
            'remoterepository = "R"',
            'remoterepository = "Rr"',
            "names Rr, but there is no [repository.Rr]; did you mean R?",
        ),
        ('type = "Maildir"', "", 'repository.L.type: is missing; write type = "Maildir"'),
        (
            'type = "Maildir"',
            'type = "IMAP"',
            "repository.L.type: IMAP does not go with localfolders; use type = Maildir",
        ),
        ('type = "Maildir"', 'type = "GmailMaildir"', "repository.L.type: GmailMaildir comes later"),
        (
            'type = "Maildir"',
            'type = "maildir"',
            "must be Maildir, IMAP or Gmail, not 'maildir'; did you mean Maildir?",
        ),
        ('type = "IMAP"', 'type = "Imap"', "must be Maildir, IMAP or Gmail, not 'Imap'; did you mean IMAP?"),
        (
            'type = "IMAP"',
            'type = "Maildir"',
            "repository.R.type: Maildir does not go with remotehost; use type = IMAP",
        ),
        ('remotehost = "imap.example.org"', "", "repository.R.remotehost: is missing"),
        ('remotehost = "imap.example.org"', 'remotehost = "imaps://x"', "must be a host name such as"),
        ('remoteuser = "me"', "", "repository.R.remoteuser: is missing"),
        ("[general]", "[generl]", "generl: is not a section of the configuration; did you mean general?"),
        ("[general]", "", "accounts: stands outside any section; put a line [general] above it"),
        ("[account.A]", "[account.'a/b']", "is a name that cannot be a file's"),
        ("[account.A]", "[account]", "account.localrepository: options need a section with a name"),
        ("[general]", "[[general]]", "general: must be a table: [general]"),
    ],
)
def test_each_gap_is_told(problems, home, old, new, told):
    text = text_of(home)
    assert old in text
    if "a/b" in new:
        text = text.replace('["A"]', '["a/b"]')
    found = problems(text.replace(old, new, 1))
    assert any(told in problem for problem in found), found


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_plain_text_is_allowed_on_this_machine(read, home, host):
    text = text_of(home, remote="ssl = false\nstarttls = false").replace("imap.example.org", host)
    assert not remote_of(read(text)).starttls


@pytest.mark.parametrize("host", ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1"])
def test_plain_text_is_refused_to_hosts_that_only_look_like_this_machine(problems, home, host):
    text = text_of(home, remote="ssl = false\nstarttls = false").replace("imap.example.org", host)
    assert "plain text" in problems(text)[0]


def test_a_tunnel_needs_no_host_and_may_be_plain_text(read, home):
    text = text_of(home, remote="ssl = false\nstarttls = false\npreauthtunnel = 'x'")
    text = text.replace('remotehost = "imap.example.org"', "").replace('remoteuser = "me"', "")
    assert remote_of(read(text)).preauthtunnel == "x"


def test_ssl_goes_through_a_transport_tunnel(read):
    assert remote_of(read(remote="transporttunnel = 'x'")).ssl


def test_a_user_in_netrc_needs_not_be_configured(read, home):
    (home / ".netrc").write_text("machine imap.example.org login me password x")
    assert remote_of(read(text_of(home).replace('remoteuser = "me"', ""))).remoteuser == ""


def test_a_wrong_pythonfile_is_told_with_its_own_line(problems, home):
    (home / "helpers.py").write_text("import re\nre.nosuch()\n")
    (problem,) = problems(general='pythonfile = "~/helpers.py"')
    assert problem.startswith(f"config.toml:3: general.pythonfile: {home}/helpers.py:2: AttributeError")
    (home / "helpers.py").write_text("x = 1\n\ndef (:\n")
    (problem,) = problems(general='pythonfile = "~/helpers.py"')
    assert problem.startswith(f"config.toml:3: general.pythonfile: {home}/helpers.py:3: is not Python")


def test_a_password_is_never_in_a_message(problems):
    for line in ("remotepas = 'hunter2'", "remotepasseval = 'hunter2 §'", "remotepass = ['hunter2']"):
        assert "hunter2" not in "".join(problems(remote=line))
    assert "hunter2" not in "".join(problems(remote='remotepass = "hunter2'))


def two_accounts(home, second):
    text = text_of(home).replace('["A"]', '["A", "B"]')
    return (
        text
        + f"""
[account.B]
localrepository = "L2"
remoterepository = "R"
[repository.L2]
type = "Maildir"
localfolders = "{second}"
"""
    )


def test_two_accounts_may_share_a_server(read, home):
    assert len(read(two_accounts(home, home / "other")).accounts) == 2


@pytest.mark.parametrize(
    ("second", "how"), [("mail", "is also that"), ("mail/x", "lies inside that"), ("", "has inside it that")]
)
def test_two_accounts_must_not_share_a_directory(problems, home, second, how):
    (problem,) = problems(two_accounts(home, home / second))
    assert problem.startswith("config.toml:23: repository.L2.localfolders:")
    assert how in problem
    assert "confusion and corruption" in problem


def test_a_link_does_not_hide_that_two_accounts_share_a_directory(problems, home):
    (home / "mail").mkdir()
    (home / "link").symlink_to(home / "mail")
    assert "is also that" in problems(two_accounts(home, home / "link"))[0]


def test_directories_whose_names_begin_alike_are_not_one_inside_the_other(read, home):
    assert len(read(two_accounts(home, home / "mail2")).accounts) == 2


@pytest.mark.parametrize("written", ["$CREDENTIALS_DIRECTORY/secret", "${CREDENTIALS_DIRECTORY}/secret"])
def test_a_password_that_only_a_service_has_is_looked_for_elsewhere_by_hand(read, home, monkeypatch, written):
    option = f'remotepassfile = "{written}"'
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert remote_of(read(remote=option)).password.remotepassfile is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(home))
    with pytest.raises(ConfigError, match="remotepassfile: cannot read"):
        read(remote=option)
    (home / "secret").write_text("x")
    assert remote_of(read(remote=option)).password.remotepassfile == home / "secret"


def test_a_password_that_others_can_read_is_warned_about(home):
    path, passfile = home / "config.toml", home / "password"
    passfile.write_text("x")
    path.write_text(text_of(home, remote='remotepass = "x"\nremotepassfile = "~/password"'))
    for file in (path, passfile):
        file.chmod(0o644)
    first, second = load(path).warnings
    assert f"repository.R.remotepass: can be read by other users of this machine; run chmod 600 {path}" in first
    assert f"chmod 600 {passfile}" in second
    for file in (path, passfile):
        file.chmod(0o600)
    assert load(path).warnings == ()


def test_a_misspelt_face_is_refused_where_it_is_written(problems):
    (told,) = problems(general="ui = ['blinkenlights', 'ttyy']")
    assert told.startswith("config.toml:3: general.ui: 'ttyy' is no user interface; there are tty, basic, quiet, ")
    assert told.endswith("; did you mean tty?")


@pytest.mark.parametrize(
    "names", ["ttyui", "Tk.Blinkenlights, blinkenlights,\n  TTY.TTYUI", "Machine.MachineUI, syslog"]
)
def test_offlineimaps_names_of_faces_are_known(read, home, names):
    text = ini_of(home).replace("[general]", f"[general]\nui = {names}", 1)
    assert list(read(text, name="rc").ui) == [name.strip() for name in names.split(",")]


def test_options_that_come_later_are_named(read):
    config = read(
        general="ignore-readonly = true\nsocktimeout = 0",
        account="maxage = 3",
        remote="usecompression = true\nauth_mechanisms = ['GSSAPI', 'PLAIN']",
    )
    assert [warning.split(": ", 1)[1] for warning in config.warnings] == [
        "general.ignore-readonly: has no effect yet",
        "general.socktimeout: 0 would wait for ever; 60 seconds are used",
        "account.A.maxage: has no effect yet",
        "repository.R.usecompression: has no effect yet",
        "repository.R.auth_mechanisms: GSSAPI has no effect yet",
    ]
    assert remote_of(config).auth_mechanisms == ("PLAIN",)


def test_a_run_loads_nothing_that_it_does_not_need(home):
    (home / "config.toml").write_text(text_of(home, general='metadata = "~/state"'))
    code = (
        "import sys, pathlib; from postboat.config.load import load; load(pathlib.Path(sys.argv[1]));"
        "print(*{'platformdirs', 'difflib', 'netrc', 'configparser', 'asyncio', 'ssl'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(home / "config.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.strip() == ""


def test_options_of_a_repository_are_checked_though_its_type_is_misspelt(problems, home):
    text = text_of(home, remote='ssl = "perhaps"').replace('"IMAP"', '"IMAPS"')
    wrong_type, wrong_flag = problems(text)
    assert "did you mean IMAP?" in wrong_type and "R.ssl: must be true or false" in wrong_flag


@pytest.mark.parametrize("used", ["localrepository", "remoterepository"])
def test_a_repository_is_checked_though_no_account_has_it(problems, home, used):
    text = text_of(home, local='sep = "::"\nreadonly = "no"', remote="remoteport = 0\nnametrans = '1'")
    told = problems(re.sub(f'(?m)^{used} = "', f'{used} = "Misspelt', text))
    assert [problem.split(": ")[1] for problem in told] == [
        f"account.A.{used}",
        *("repository.L.sep", "repository.L.readonly", "repository.R.remoteport", "repository.R.nametrans"),
    ]


def test_repositories_in_each_others_place_are_checked_as_what_they_are(problems, home):
    text = text_of(home, local='sep = "::"', remote="remoteport = 0")
    told = problems(text.replace('= "L"', '= "X"').replace('= "R"', '= "L"').replace('= "X"', '= "R"'))
    assert [problem.split(": ")[1] for problem in told] == [
        *("account.A.localrepository", "repository.L.sep", "repository.R.remoteport")
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('localfolders = "{home}/mail"', "localfolders = 5", "L.localfolders: must be a text in quotes, not 5"),
        ('remotehost = "imap.example.org"', "remotehost = 5", "R.remotehost: must be a text in quotes, not 5"),
        ('remoteuser = "me"', "remoteuser = 5", "R.remoteuser: must be a text in quotes, not 5"),
        ('type = "IMAP"', "type = 5", "R.type: must be a text in quotes, not 5"),
        ('type = "Maildir"', 'type = "Maildr"', "not 'Maildr'; did you mean Maildir?"),
        ('type = "Maildir"', 'type = "Maildir"\nsep = 5\nlayout = "nested"', "L.sep: must be a text in quotes, not 5"),
        ('localrepository = "L"', "localrepository = 5", "A.localrepository: must be a text in quotes, not 5"),
        ('accounts = ["A"]', "accounts = 5", 'l.accounts: must be a list of texts such as ["a", "b"], not 5'),
    ],
)
def test_one_mistake_is_told_in_one_sentence(problems, home, old, new, told):
    text = text_of(home)
    assert old.format(home=home) in text
    (problem,) = problems(text.replace(old.format(home=home), new))
    assert problem.endswith(told)


def test_warnings_follow_the_mistakes_and_say_that_they_are_warnings(problems):
    assert problems(general="ignore-readonly = true", remote="ssl = 1") == [
        "config.toml:16: repository.R.ssl: must be true or false, not 1",
        "warning: config.toml:3: general.ignore-readonly: has no effect yet",
    ]
