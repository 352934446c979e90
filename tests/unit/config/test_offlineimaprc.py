"""OfflineIMAP's own file, and every example of the article that made it known, with its gaps filled."""

from __future__ import annotations

import pytest

from postboat.config.load import load
from postboat.errors import ConfigError

BASIC = """\
[general]
accounts = MyMail

[Account MyMail]
localrepository = MyMailLocal
remoterepository = MyMailRemote
{account}

[Repository MyMailLocal]
type = Maildir
localfolders = ~/MyMail

[Repository MyMailRemote]
type = IMAP
remotehost = imap.example.org
remoteuser = my-username-goes-here
ssl = yes
{remote}
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    def read(text, **kwargs):
        path = tmp_path / ".offlineimaprc"
        path.write_text(text)
        return load(path, **kwargs)

    return read


def remote_of(read, lines):
    return read(BASIC.format(account="", remote=lines)).accounts[0].remote


def problems_of(read, text, **kwargs):
    with pytest.raises(ConfigError) as caught:
        read(text, **kwargs)
    return caught.value.problems


def test_the_basic_example_is_read_as_printed(read, tmp_path):
    config = read(BASIC.format(account="", remote=""))
    (account,) = config.accounts
    assert account.name == "MyMail"
    assert account.local.localfolders == tmp_path / "MyMail"
    assert (account.local.layout, account.local.sep) == ("flat", ".")
    assert (account.remote.remotehost, account.remote.remoteport) == ("imap.example.org", 993)
    assert account.remote.remoteuser == "my-username-goes-here"
    assert account.remote.ssl
    assert account.autorefresh is None
    assert config.warnings == ()


def test_ssl_is_on_when_the_line_is_deleted(read):
    config = read(BASIC.format(account="", remote="").replace("ssl = yes\n", ""))
    assert config.accounts[0].remote.ssl


def test_the_gaps_of_the_printed_example_are_told_with_their_lines(read, tmp_path):
    printed = BASIC.format(account="", remote="").replace("imap.example.org", "")
    assert problems_of(read, printed) == [
        f"{tmp_path}/.offlineimaprc:15: Repository MyMailRemote.remotehost: is missing;"
        " write remotehost = imap.example.org"
    ]
    assert problems_of(read, printed.removeprefix("[general]\n")) == [
        f"{tmp_path}/.offlineimaprc:1: accounts: stands before any section; put a line [general] above it"
    ]


def test_autorefresh_is_in_minutes(read):
    assert read(BASIC.format(account="autorefresh = 5", remote="")).accounts[0].autorefresh == 5


def test_several_accounts_are_separated_by_commas(read, tmp_path):
    second = BASIC.split("\n\n", 1)[1].format(account="", remote="").replace("MyMail", "Work")
    config = read(BASIC.format(account="", remote="").replace("= MyMail\n", "= MyMail, Work\n", 1) + second)
    assert [account.name for account in config.accounts] == ["MyMail", "Work"]
    assert config.accounts[1].local.localfolders == tmp_path / "Work"


def test_boosting_performance(read):
    text = BASIC.format(account="", remote="maxconnections = 3\nholdconnectionopen = true\nkeepalive = 60")
    config = read(text.replace("[general]", "[general]\nmaxsyncaccounts = 5"))
    remote = config.accounts[0].remote
    assert config.maxsyncaccounts == 5
    assert (remote.maxconnections, remote.holdconnectionopen, remote.keepalive) == (3, True, 60)


def test_a_list_of_faces_may_go_on_in_the_next_line(read):
    ui = "[general]\nui = Tk.Blinkenlights, Curses.Blinkenlights,\n  TTY.TTYUI"
    config = read(BASIC.format(account="", remote="").replace("[general]", ui))
    assert config.ui == ("Tk.Blinkenlights", "Curses.Blinkenlights", "TTY.TTYUI")
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("lines", "kept", "left_out"),
    [
        (
            "folderfilter = lambda foldername: foldername in\n      ['INBOX', 'Sent Mail',\n       'Received']",
            ["INBOX", "Sent Mail", "Received"],
            ["Spam"],
        ),
        (
            "folderfilter = lambda foldername: foldername not in\n      ['Spam', 'Junk']",
            ["INBOX", "Trash"],
            ["Spam", "Junk"],
        ),
        (
            "folderfilter = lambda foldername:\n     not re.search('(^Trash$|Del)', foldername)",
            ["INBOX", "Trash2"],
            ["Trash", "Old Deleted"],
        ),
    ],
)
def test_a_folderfilter_may_go_on_over_lines(read, lines, kept, left_out):
    rule = remote_of(read, lines).rules.folderfilter
    assert all(rule(name) for name in kept)
    assert not any(rule(name) for name in left_out)


def test_couriers_prefix_is_taken_off_with_the_regular_expression_as_printed(read):
    rule = remote_of(read, "nametrans = lambda foldername:\n   re.sub('^INBOX\\.', '', foldername)").rules.nametrans
    assert [rule("INBOX.Sent"), rule("INBOX"), rule("INBOXES")] == ["Sent", "INBOX", "INBOXES"]


def test_folderincludes_and_idlefolders_are_python_lists(read):
    remote = remote_of(read, "folderincludes = ['a',\n  'b, c']\nidlefolders = ['INBOX', 'x']")
    assert remote.rules.folderincludes == ("a", "b, c")
    assert remote.idlefolders == ("INBOX", "x")


def test_foldersort_compares_two_names_and_has_cmp(read):
    rule = remote_of(read, "foldersort = lambda x, y: -cmp(x, y)").rules.foldersort
    assert rule("a", "b") > 0 > rule("b", "a")
    assert rule("a", "a") == 0


@pytest.mark.parametrize("word", ["yes", "true", "on", "1", "YES"])
def test_yes_is_written_in_many_ways(read, word):
    assert remote_of(read, f"subscribedonly = {word}").subscribedonly


@pytest.mark.parametrize("word", ["no", "false", "off", "0", "Off"])
def test_no_is_written_in_many_ways(read, word):
    assert not remote_of(read, f"expunge = {word}").expunge


def test_defaults_are_inherited_and_interpolated_and_a_percent_is_doubled(read):
    text = BASIC.format(account="", remote="remotepass = 50%%off").replace("imap.example.org", "imap.%(domain)s")
    config = read("[DEFAULT]\ndomain = example.net\nmaxconnections = 7\n" + text)
    remote = config.accounts[0].remote
    assert remote.remotehost == "imap.example.net"
    assert remote.maxconnections == 7
    assert remote.password.remotepass.reveal() == "50%off"


def test_a_single_percent_is_explained_without_showing_the_password(read):
    (problem,) = problems_of(read, BASIC.format(account="", remote="remotepass = 50%hunter2"))
    assert ":18: Repository MyMailRemote.remotepass: a % stands for itself only as %%" in problem
    assert "hunter2" not in problem


def test_a_comment_after_a_value_is_part_of_the_value(read):
    (problem,) = problems_of(read, BASIC.format(account="", remote="maxconnections = 3 # fast"))
    assert "'3 # fast'" in problem


def test_home_is_expanded_before_variables(read, tmp_path, monkeypatch):
    monkeypatch.setenv("WHERE", "there")
    text = BASIC.format(account="", remote="").replace("~/MyMail", "~/$WHERE/mail")
    assert read(text).accounts[0].local.localfolders == tmp_path / "there" / "mail"


def test_what_is_written_twice_is_told_with_both_lines(read, tmp_path):
    text = BASIC.format(account="autorefresh = 5\nAutorefresh = 6", remote="") + "\n[general]\n"
    problems = problems_of(read, text)
    assert [problem.removeprefix(f"{tmp_path}/.offlineimaprc") for problem in problems] == [
        ":8: Account MyMail.autorefresh: is written twice, first in line 7; delete one",
        ":21: [general]: is written twice, first in line 1; delete one",
    ]


def test_options_without_effect_are_named_not_passed_over(read):
    text = BASIC.format(account="maxsize = 5", remote="usecompression = yes\nmaxconection = 3")
    warnings = read(text + "\n[mbnames]\nfilename = x\n[Acount X]\n").warnings
    assert [warning.split(": ", 1)[1] for warning in warnings] == [
        "Account MyMail.maxsize: has no effect yet",
        "Repository MyMailRemote.usecompression: has no effect yet",
        "Repository MyMailRemote.maxconection: is not known and has no effect; did you mean maxconnections?",
        "mbnames: has no effect without the option enabled",
        "[Acount X]: is not a section of the configuration; did you mean Account?",
    ]


def test_a_required_option_with_a_typo_is_recognised(read):
    problems = problems_of(read, BASIC.format(account="", remote="").replace("remotehost", "remotehos"))
    assert problems[0].endswith("write remotehost = imap.example.org; did you mean remotehos?")


def test_old_names_in_modified_utf7_on_disk_are_not_taken_for_new_folders(read, tmp_path):
    (tmp_path / "MyMail" / "Entw&APw-rfe").mkdir(parents=True)
    (tmp_path / "MyMail" / "Q&A-Z").mkdir()
    (problem,) = problems_of(read, BASIC.format(account="", remote=""))
    assert "Account MyMail.utf8foldernames: is missing" in problem
    assert "'Entw&APw-rfe'; write utf8foldernames = no" in problem
    config = read(BASIC.format(account="utf8foldernames = no", remote=""))
    assert not config.accounts[0].remote.rules.utf8foldernames
    assert not config.accounts[0].local.rules.utf8foldernames


def test_the_command_line_overrides_the_file_as_in_offlineimap(read):
    text = BASIC.format(account="autorefresh = 5", remote="")
    overrides = ["maxsyncaccounts=2", "Account_MyMail:autorefresh=7", "Repository MyMailRemote:remotepass=a=b%c"]
    config = read(text, overrides=overrides)
    assert config.maxsyncaccounts == 2
    assert config.accounts[0].autorefresh == 7
    assert config.accounts[0].remote.password.remotepass.reveal() == "a=b%c"


def test_a_wrong_override_never_shows_its_value(read):
    text = BASIC.format(account="", remote="")
    problems = problems_of(read, text, overrides=["Repository_MyMail:remotepass=hunter2", "hunter2", ":=hunter2"])
    assert problems[0].startswith("-k: there is no section Repository_MyMail; did you mean Repository MyMail")
    assert problems[1] == "-k: needs the form [section:]option=value"
    assert "hunter2" not in "".join(problems)


def test_quotes_around_a_word_are_taken_for_the_other_notation_and_not_for_a_part_of_it(read):
    pin = "ab" * 32
    remote = remote_of(read, f'cert_fingerprint = "{pin}", {pin}\nauth_mechanisms = "PLAIN"')
    assert remote.cert_fingerprint == (pin, pin)
    assert remote.auth_mechanisms == ("PLAIN",)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("lambda name: name in ['a', 'b'", "'[' was never closed"),
        ("lambda name: name in [\n  'a'", "'[' was never closed"),
        ("lambda name: name in {'a'", "'{' was never closed"),
        ("lambda name: re.search('a', name", "'(' was never closed"),
        ("lambda name: name in 'a']", "unmatched ']'"),
        ("lambda name: name == 'a'))", "unmatched ')'"),
        ("lambda name: name == 'a", "unterminated string literal"),
        (
            "lambda name: name in ['a',\n  'b')",
            "closing parenthesis ')' does not match opening parenthesis '['",
        ),
    ],
)
def test_a_rule_that_is_not_python_is_told_by_what_is_written_and_not_by_how_it_is_read(read, rule, told):
    (problem,) = problems_of(read, BASIC.format(account="", remote=f"folderfilter = {rule}"))
    assert problem.endswith(f":18: Repository MyMailRemote.folderfilter: is not a Python expression: {told}")


def test_an_unknown_option_is_told_beside_the_mistakes(read, tmp_path):
    text = BASIC.format(account="", remote="maxconection = 3\nkeepalive = often")
    path = f"{tmp_path}/.offlineimaprc"
    assert problems_of(read, text) == [
        f"{path}:19: Repository MyMailRemote.keepalive: must be a number of seconds, 0 or more, not 'often'",
        f"warning: {path}:18: Repository MyMailRemote.maxconection: is not known and has no effect;"
        " did you mean maxconnections?",
    ]


TWO_SERVERS = """\
[general]
accounts = MyMail

[Account MyMail]
localrepository = MyMailLocal
remoterepository = MyMailRemote

[Repository MyMailLocal]
type = IMAP
remotehost = localhost
remoteport = 1143
remoteuser = me
remotepass = near-secret
ssl = no
starttls = no
maxconnections = 2
{local}

[Repository MyMailRemote]
type = IMAP
remotehost = imap.example.org
remoteuser = my-username-goes-here
nametrans = lambda foldername: re.sub('^INBOX\\.', '', foldername)
{remote}
"""


def test_the_last_chapters_two_servers_are_read(read):
    (account,) = read(TWO_SERVERS.format(local="", remote="")).accounts
    assert (account.local.remotehost, account.local.remoteport, account.local.remoteuser) == ("localhost", 1143, "me")
    assert (account.local.ssl, account.local.starttls, account.local.maxconnections) == (False, False, 2)
    assert (account.remote.remotehost, account.remote.ssl) == ("imap.example.org", True)
    assert account.local.password.remotepass.reveal() == "near-secret"
    assert "near-secret" not in repr(account)


def test_rules_of_the_local_server_are_read_as_well(read):
    lines = "nametrans = lambda f: 'INBOX.' + f\nfolderfilter = lambda f: f != 'Trash'\nidlefolders = ['INBOX', 'Work']"
    (account,) = read(TWO_SERVERS.format(local=lines, remote="")).accounts
    assert account.local.rules.nametrans("a") == "INBOX.a"
    assert not account.local.rules.folderfilter("Trash")
    assert account.local.idlefolders == ("INBOX", "Work")


def test_maildir_options_left_behind_in_a_local_server_are_only_warned_of(read):
    config = read(TWO_SERVERS.format(local="localfolders = ~/MyMail\nsep = /", remote=""))
    assert [warning.split(": ", 1)[1] for warning in config.warnings if "chmod" not in warning] == [
        "Repository MyMailLocal.localfolders: is not known and has no effect here; it belongs to a Maildir repository",
        "Repository MyMailLocal.sep: is not known and has no effect here; it belongs to a Maildir repository",
    ]


def test_only_the_type_changed_is_not_enough(read):
    text = BASIC.format(account="", remote="").replace("type = Maildir", "type = IMAP")
    problems = problems_of(read, text)
    assert len(problems) == 1
    assert "type: IMAP does not go with localfolders; use type = Maildir, or remotehost in its place" in problems[0]


def test_gmail_may_be_the_local_side(read):
    text = TWO_SERVERS.format(local="", remote="").replace(
        "type = IMAP\nremotehost = localhost\nremoteport = 1143", "type = Gmail"
    )
    (account,) = read(text.replace("ssl = no\nstarttls = no\n", "")).accounts
    assert (account.local.remotehost, account.local.remoteport) == ("imap.gmail.com", 993)
