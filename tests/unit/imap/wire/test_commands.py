import pytest

from postboat.imap.wire import commands
from postboat.imap.wire.commands import Literal
from postboat.imap.wire.uid_set import UidSet


def written(command):
    return command.name.encode() + b"".join(p if isinstance(p, bytes) else b"{%d}" % p.size for p in command.parts)


UIDS = UidSet.parse("1:3,7")
MESSAGE = Literal.of(b"hello")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (commands.capability(), b"CAPABILITY"),
        (commands.noop(), b"NOOP"),
        (commands.logout(), b"LOGOUT"),
        (commands.starttls(), b"STARTTLS"),
        (commands.login("me", 'a"\\b'), b'LOGIN "me" "a\\"\\\\b"'),
        (commands.login("me", "pä"), b'LOGIN "me" {3}'),
        (commands.authenticate("PLAIN"), b"AUTHENTICATE PLAIN"),
        (commands.authenticate("PLAIN", b"\0a\0b"), b"AUTHENTICATE PLAIN AGEAYg=="),
        (commands.authenticate("EXTERNAL", b""), b"AUTHENTICATE EXTERNAL ="),
        (commands.id_(), b"ID NIL"),
        (commands.id_({"name": "Postboat", "version": "1"}), b'ID ("name" "Postboat" "version" "1")'),
        (commands.namespace(), b"NAMESPACE"),
        (commands.list_("", "*"), b'LIST "" "*"'),
        (commands.lsub("", "%"), b'LSUB "" "%"'),
        (commands.status("a b", ["MESSAGES", "UIDNEXT"]), b'STATUS "a b" (MESSAGES UIDNEXT)'),
        (commands.select("INBOX"), b'SELECT "INBOX"'),
        (commands.select("INBOX", condstore=True), b'SELECT "INBOX" (CONDSTORE)'),
        (commands.examine("{5}"), b'EXAMINE "{5}"'),
        (commands.select("a\tb"), b"SELECT {3}"),
        (commands.select("caf\xe9"), b"SELECT {4}"),
        (commands.create("a"), b'CREATE "a"'),
        (commands.create("caf\xe9"), b"CREATE {4}"),
        (commands.subscribe("a"), b'SUBSCRIBE "a"'),
        (commands.uid_fetch(UIDS, "UID FLAGS"), b"UID FETCH 1:3,7 (UID FLAGS)"),
        (commands.uid_fetch("9:4294967295", ["UID", "BODY.PEEK[]"]), b"UID FETCH 9:4294967295 (UID BODY.PEEK[])"),
        (commands.uid_store(UIDS, "+", {"\\Seen", "$x"}), b"UID STORE 1:3,7 +FLAGS.SILENT ($x \\Seen)"),
        (commands.uid_search("UID 1:9 SEEN"), b"UID SEARCH UID 1:9 SEEN"),
        (commands.uid_expunge(UIDS), b"UID EXPUNGE 1:3,7"),
        (commands.expunge(), b"EXPUNGE"),
        (commands.uid_copy(UIDS, "b"), b'UID COPY 1:3,7 "b"'),
        (commands.uid_move(UIDS, "b"), b'UID MOVE 1:3,7 "b"'),
        (commands.append("a", (), None, MESSAGE), b'APPEND "a" () {5}'),
        (
            commands.append_all("a", [((), 0, MESSAGE), (["\\Seen"], None, MESSAGE)]),
            b'APPEND "a" () " 1-Jan-1970 00:00:00 +0000" {5} (\\Seen) {5}',
        ),
        (
            commands.append("a", ["\\Seen", "b]"], 0, MESSAGE),
            b'APPEND "a" (\\Seen b]) " 1-Jan-1970 00:00:00 +0000" {5}',
        ),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else "",
)
def test_commands_are_written_as_the_rfcs_say(command, text):
    assert written(command) == text
    assert not text.endswith(b" ")


@pytest.mark.parametrize("bad", ["a\r\nA1 DELETE INBOX", "a\n", "a\r", "a\0"])
@pytest.mark.parametrize(
    "build",
    [
        commands.select,
        commands.create,
        commands.uid_search,
        commands.authenticate,
        lambda bad: commands.list_("a", bad),
        lambda bad: commands.login("me", bad),
        lambda bad: commands.login(bad, "secret"),
        lambda bad: commands.id_({"name": bad}),
        lambda bad: commands.status("a", [bad]),
        lambda bad: commands.uid_fetch(bad, "FLAGS"),
        lambda bad: commands.uid_fetch("1", bad),
        lambda bad: commands.uid_store("1", "+", [bad]),
        lambda bad: commands.append("a", [bad], None, MESSAGE),
        lambda bad: commands.append(bad, (), None, MESSAGE),
    ],
)
def test_no_argument_can_become_another_command(build, bad):
    with pytest.raises(ValueError):
        build(bad)


@pytest.mark.parametrize("flag", ["", "a b", "(", "a)", "\\*", "*", "%", '"', "é", "\\\\x", "a\\b", "{3}"])
def test_a_flag_that_would_break_the_list_is_refused(flag):
    with pytest.raises(ValueError):
        commands.uid_store("1", "+", [flag])


def test_flags_are_never_replaced():
    with pytest.raises(ValueError):
        commands.uid_store("1", "", ["\\Seen"])


def test_a_name_beyond_octets_is_no_wire_name():
    with pytest.raises(ValueError, match="wire"):
        commands.select("台北")


def test_secrets_are_not_shown():
    for command in (commands.login("me", "opensesame"), commands.authenticate("PLAIN", b"opensesame")):
        assert command.sensitive
        assert "opensesame" not in repr(command)
        assert "b3Blb" not in repr(command)
    assert "opensesame" not in repr(Literal.of(b"opensesame"))
