import time

import pytest

from postboat.imap.wire.framer import Framer, LiteralBegan, Reply, Streamed
from postboat.imap.wire.parser import parse, parse_unfinished
from postboat.imap.wire.responses import (
    Capabilities,
    Condition,
    Continuation,
    Enabled,
    ESearched,
    Exists,
    Expunged,
    Fetched,
    FlagsListed,
    IdFields,
    Listed,
    Namespaces,
    Recent,
    ResponseCode,
    Searched,
    StatusData,
    Tagged,
    Unknown,
    Vanished,
)
from postboat.imap.wire.uid_set import UidSet

NONE = frozenset()


def read(data):
    (reply,) = Framer().feed(data + b"\r\n")
    return parse(reply)


def code(name, arguments=""):
    return ResponseCode(name, arguments)


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"* OK [READ-WRITE] Select completed.", Condition("OK", code("READ-WRITE"), "Select completed.")),
        (b"* ok", Condition("OK")),
        (b"* OK [HIGHESTMODSEQ 7]", Condition("OK", code("HIGHESTMODSEQ", "7"))),
        (b"* NO [WEBALERT https://a/] Web login", Condition("NO", code("WEBALERT", "https://a/"), "Web login")),
        (b"* BYE", Condition("BYE", None, "")),
        (b"* PREAUTH Ready.", Condition("PREAUTH", None, "Ready.")),
        (b"* BAD [", Condition("BAD", None, "[")),
        (b"* OK caf\xc3\xa9 \x1b[31m\xff", Condition("OK", None, "café  [31m\ufffd")),
        (
            b'* OK [Error="a]b \\" c" X=0] done',
            Condition("OK", code("ERROR=", '"a]b \\" c" X=0'), "done"),
        ),
        (
            b"* OK [PERMANENTFLAGS (\\Seen a]b \\*)] Flags.",
            Condition("OK", code("PERMANENTFLAGS", "(\\Seen a]b \\*)"), "Flags."),
        ),
        (b"* OK [COPYUID 14  ]", Condition("OK", code("COPYUID", "14"))),
        (b"A1 OK done", Tagged("A1", Condition("OK", None, "done"))),
        (b"a1 no [TRYCREATE] none", Tagged("a1", Condition("NO", code("TRYCREATE"), "none"))),
        (b"A1 BAD", Tagged("A1", Condition("BAD"))),
        (b"+ go on", Continuation(b"go on")),
        (b"+", Continuation(b"")),
        (b"* 7 EXISTS", Exists(7)),
        (b"* 0 exists ", Exists(0)),
        (b"* 1 RECENT", Recent(1)),
        (b"* 3 EXPUNGE", Expunged(3)),
        (b"* CAPABILITY IMAP4rev1 idle", Capabilities(frozenset({"IMAP4REV1", "IDLE"}))),
        (b"* CAPABILITY LITERAL +", Capabilities(frozenset({"LITERAL", "+"}))),
        (b"* CAPABILITY", Capabilities(NONE)),
        (b"* ENABLED QRESYNC condstore", Enabled(frozenset({"QRESYNC", "CONDSTORE"}))),
        (b"* FLAGS (\\seen \\Recent $Junk)", FlagsListed(frozenset({"\\Seen", "$Junk"}))),
        (b"* SEARCH", Searched(UidSet())),
        (b"* SEARCH 3 1 2 2", Searched(UidSet.parse("1:3"))),
        (b"* SEARCH 5 (MODSEQ 917162500)", Searched(UidSet.of([5]), 917162500)),
        (b"* SEARCH 0 5 4294967296 99999999999999999999", Searched(UidSet.of([5]))),
        (b'* ESEARCH (TAG "a") UID ALL 1:3,7 COUNT 4', ESearched("a", True, {"ALL": "1:3,7", "COUNT": "4"})),
        (b"* ESEARCH", ESearched(None, False, {})),
        (b"* VANISHED 41,43:116", Vanished(UidSet.parse("41,43:116"))),
        (b"* VANISHED (EARLIER) 1:4294967295", Vanished(UidSet.parse("1:4294967295"), True)),
        (b"* VANISHED (EARLIER)", Vanished(UidSet(), True)),
        (b'* NAMESPACE (("" "/")) NIL NIL', Namespaces((("", "/"),))),
        (
            b'* NAMESPACE (("INBOX." ".") ("x" NIL)) (("~" "/" "X-PARAM" ("a"))) (("#shared/" "/"))',
            Namespaces((("INBOX.", "."), ("x", None)), (("~", "/"),), (("#shared/", "/"),)),
        ),
        (b"* ID NIL", IdFields()),
        (b'* ID ("name" "Dovecot" "Version" NIL)', IdFields({"name": "Dovecot", "version": None})),
    ],
)
def test_responses_are_read(line, response):
    assert read(line) == response


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b'* LIST (\\HasNoChildren \\UnMarked) "/" "a* b"', Listed("a* b", "/", {"\\hasnochildren", "\\unmarked"})),
        (b'* LIST () "/" INBOX', Listed("INBOX", "/")),
        (b'* LIST () NIL "flat"', Listed("flat", None)),
        (b'* LIST () "" "flat"', Listed("flat", None)),
        (b'* LIST NIL "." a', Listed("a", ".")),
        (b'* LSUB (\\Noselect) "." a', Listed("a", ".", {"\\noselect"}, is_lsub=True)),
        (b'* LIST () "/" "a\\"b\\\\c"', Listed('a"b\\c', "/")),
        (b'* LIST () "\\\\" "a\\\\b"', Listed("a\\b", "\\")),
        (b'* LIST () "\\" "a\\b"', Listed("a\\b", "\\")),
        (b'* LIST () "/" {5}\r\na "b"', Listed('a "b"', "/")),
        (b'* LIST () "/" {4}\r\na\r\nb', Listed("a\r\nb", "/")),
        (b'* LIST () "/" NIL', Listed("NIL", "/")),
        (b'* LIST () "/" [Gmail]/All (x) ', Listed("[Gmail]/All (x)", "/")),
        (b'* LIST () "/" caf\xe9', Listed("caf\xe9", "/")),
        (b'* LIST () "/" a ("CHILDINFO" ("SUBSCRIBED"))', Listed("a", "/")),
        (b'* LIST () "/" "a" ("CHILDINFO" ("SUBSCRIBED"))', Listed("a", "/")),
        (b'* LIST () "/" ""', Listed("", "/")),
        (b"* STATUS INBOX (MESSAGES 0) ", StatusData("INBOX", {"MESSAGES": 0})),
        (
            b'* STATUS "a b" (messages 3 UIDVALIDITY 1666390893380)',
            StatusData("a b", {"MESSAGES": 3, "UIDVALIDITY": 1666390893380}),
        ),
        (b"* STATUS {3}\r\na b (UIDNEXT 4)", StatusData("a b", {"UIDNEXT": 4})),
        (b"* STATUS a b (c) (MESSAGES 1 UNSEEN 2)", StatusData("a b (c)", {"MESSAGES": 1, "UNSEEN": 2})),
        (b'* STATUS "INBOX" ()', StatusData("INBOX", {})),
        (b"* STATUS a (MAILBOXID (F1) HIGHESTMODSEQ -1 MESSAGES 3)", StatusData("a", {"MESSAGES": 3})),
        (b"* STATUS a (UIDNEXT 1.5e+06 MESSAGES 3)", StatusData("a", {"MESSAGES": 3})),
    ],
)
def test_mailboxes_are_read_whatever_their_names(line, response):
    assert read(line) == response


@pytest.mark.parametrize(
    ("line", "fetched"),
    [
        (b"* 1 FETCH (FLAGS (\\Seen))", Fetched(1, flags={"\\Seen"})),
        (b"* 1 FETCH (UID 5 FLAGS ())", Fetched(1, 5, NONE)),
        (b"* 1 FETCH (FLAGS (\\SEEN $forwarded Foo) UID 5)", Fetched(1, 5, {"\\Seen", "$Forwarded", "Foo"})),
        (b"* 1 FETCH (UID 5 FLAGS (\\Recent) MODSEQ (917))", Fetched(1, 5, NONE, modseq=917)),
        (b"* 1 fetch (uid 5  flags (\\seen  a)  modseq (9))", Fetched(1, 5, {"\\Seen", "a"}, modseq=9)),
        (b"* 0 FETCH (FLAGS (\\Seen))", Fetched(0, flags={"\\Seen"})),
        (b"* 1 FETCH (UID 5 FLAGS (\\* a]b [c {3} caf\xe9 NIL nil))", Fetched(1, 5, {"a]b", "[c", "{3}", "caf\xe9"})),
        (b'* 1 FETCH (UID 5 FLAGS ("\\\\Seen" a))', Fetched(1, 5, {"\\Seen", "a"})),
        (b"* 1 FETCH (UID 5 FLAGS NIL)", Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 MODSEQ (0))", Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 MODSEQ (-1) RFC822.SIZE 12)", Fetched(1, 5, size=12)),
        (b"* 1 FETCH (UID 5 FLAGS () MODSEQ (0))", Fetched(1, 5, NONE)),
        (b"* 1 FETCH (UID 5 MODSEQ (99999999999999999999))", Fetched(1, 5)),
        (b"* 1 FETCH (RFC822.SIZE 9.3736e+06 UID 5)", Fetched(1, 5, size=9373600)),
        (b"* 1 FETCH (RFC822.SIZE -3 UID 5)", Fetched(1, 5)),
        (b"* 1 FETCH (RFC822.SIZE 99999999999999999999 UID 5)", Fetched(1, 5)),
        (b'* 1 FETCH (UID 5 INTERNALDATE "01-Jan-2020 09:00:00 +0000")', Fetched(1, 5, date=1577869200)),
        (b'* 1 FETCH (UID 5 INTERNALDATE "00-Jan-0000 00:00:00 +0000")', Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 EMAILID (M6d99))", Fetched(1, 5, emailid="M6d99")),
        (b"* 1 FETCH (UID 5 EMAILID NIL)", Fetched(1, 5)),
        (b"* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 5)", Fetched(1, 5, emailid="1278455344230334865")),
        (b"* 1 FETCH (X-GM-MSGID NIL UID 5)", Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 BODY[] {3}\r\na\r\n)", Fetched(1, 5, body=b"a\r\n")),
        (b"* 1 FETCH (UID 5 BODY[] ~{3}\r\n\0\0\0 FLAGS ())", Fetched(1, 5, NONE, body=b"\0\0\0")),
        (b'* 1 FETCH (UID 5 BODY[] "a\\"b")', Fetched(1, 5, body=b'a"b')),
        (b'* 1 FETCH (UID 5 BODY[] "")', Fetched(1, 5, body=b"")),
        (b"* 1 FETCH (UID 5 BODY[] NIL)", Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 BODY[] )", Fetched(1, 5)),
        (b"* 1 FETCH (BODY[] UID 5 FLAGS (a))", Fetched(1, 5, {"a"})),
        (b"* 1 FETCH (UID 5 RFC822 {1}\r\nx)", Fetched(1, 5, body=b"x")),
        (b"* 1 FETCH (UID 5 BODY[]<0> {1}\r\nx)", Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 BODY[TEXT] {1}\r\nx)", Fetched(1, 5)),
        (b"* 1 FETCH (UID 5 BODY[HEADER] {4}\r\n\r\n\r\n)", Fetched(1, 5, header=b"\r\n\r\n")),
        (b"* 1 FETCH (UID 5 BODY[HEADER.FIELDS (SUBJECT DATE)] {2}\r\n\r\n)", Fetched(1, 5, header=b"\r\n")),
        (b"* 1 FETCH (UID 5 BODY[HEADER.FIELDS (A)]<0> {2}\r\n\r\n)", Fetched(1, 5)),
        (b'* 1 FETCH (X-GM-LABELS ("\\\\Starred" [x] NIL ()) UID 5 X-OTHER 7)', Fetched(1, 5)),
        (b"* 1 FETCH (UID 123MODSEQ (5))", Fetched(1, 123, modseq=5)),
        (b"* 2 FETCH (UID 14935 (ENVELOPE (NIL)) FLAGS ())", Fetched(2, 14935, NONE)),
        (b"* 1 FETCH (UID 5 UID 5)", Fetched(1, 5)),
        (b"*  1 FETCH (UID 5)", Fetched(1, 5)),
        (b"* 1 FETCH ()", Fetched(1)),
        (b"* 1 FETCH (UID 5 FLAGS (" + b"(" * 0 + b"))", Fetched(1, 5, NONE)),
    ],
)
def test_fetch_data_is_read(line, fetched):
    assert read(line) == fetched


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"*",
        b"* ",
        b"* 1",
        b"* 1 FETCH",
        b"* 1 FETCH (UID 5",
        b"* 1 FETCH (UID 5))",
        b"* 1 FETCH (UID 5) x",
        b"* 1 FETCH (UID 0 FLAGS ())",
        b"* 1 FETCH (UID 4294967296 FLAGS ())",
        b"* 1 FETCH (UID 1.5e+06 FLAGS ())",
        b"* 1 FETCH (UID x FLAGS ())",
        b"* 1 FETCH (UID -5)",
        b"* 1 FETCH (UID NIL)",
        b"* 1 FETCH (UID 5 UID 6)",
        b"* 1 FETCH (UID 5 FLAGS () UID 6)",
        b"* 1 FETCH (UID 5 FLAGS (a) FLAGS (b))",
        b'* 1 FETCH (UID 5 BODY[] "unfinished)',
        b"* 4294967296 EXISTS",
        b"* -1 EXISTS",
        b"* 1 EXISTS 2",
        b"* 5 UIDFETCH (FLAGS ())",
        b"* 1 FETCH " + b"(" * 100 + b")" * 100,
        b"* LIST",
        b'* LIST () "/"',
        b'* LIST () "/" "a',
        b'* LIST () "/" "a"b',
        b'* LIST () "ab" x',
        b"* STATUS INBOX",
        b"* STATUS (MESSAGES 1)",
        b"* STATUS a (MESSAGES)",
        b"* SEARCH 1 x",
        b"* VANISHED",
        b"* VANISHED 1:*",
        b"* VANISHED 5:",
        b"* VANISHED 1,,2",
        b"* VANISHED 5:4294967296",
        b"* VANISHED (LATER) 5",
        b"* ESEARCH UID ALL",
        b"* FLAGS \\Seen",
        b"* NAMESPACE NIL",
        b"* SPECIAL 1",
        b"Server Unavailable. 15",
        b"CAPABILITY completed.",
    ],
)
def test_what_makes_no_sense_is_unknown(line):
    assert isinstance(parse(Reply((line,))), Unknown)


def test_brackets_deeper_than_the_stack_are_unknown_and_quick():
    began = time.perf_counter()
    assert isinstance(parse(Reply((b"* 1 FETCH (X " + b"(" * 5_000_000,))), Unknown)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "line",
    [
        b"* STATUS " + b"(A 1 " * 100_000,
        b"* STATUS " + b"A 1 " * 100_000 + b"(",
        b"* STATUS x (" + b"A 1 " * 100_000,
        b'* LIST () "/" ' + b'" (' * 100_000,
        b'* LIST () "/" "' + b"\\" * 100_001,
        b"* OK [" + b'x"' * 100_000,
        b"* OK [x " + b"(" * 100_000,
        b"* 1 FETCH (UID 1 FLAGS (" + b"a " * 100_000,
        b"* 1 FETCH (" + b"BODY[ " * 100_000,
        b"* VANISHED " + b"0:" * 100_000,
        b"x" * 1_000_000,
    ],
    ids=lambda line: line[:16].decode(),
)
def test_a_hostile_line_is_done_with_quickly(line):
    began = time.perf_counter()
    parse(Reply((line,)))
    assert time.perf_counter() - began < 1


def test_equal_flags_are_one_object():
    first, second = read(b"* 1 FETCH (UID 5 FLAGS (\\Seen a))"), read(b"* 2 FETCH (UID 6 FLAGS (\\Seen a))")
    assert first.flags is second.flags


def test_a_streamed_body_is_marked():
    reply = Reply((b"* 1 FETCH (UID 5 BODY[] ", Streamed(9), b")"))
    assert parse(reply) == Fetched(1, 5, body=Streamed(9))


def test_what_came_before_a_large_body_is_known():
    frame = LiteralBegan((b'*  1 FETCH (UID 5 FLAGS (a) INTERNALDATE "01-Jan-2020 09:00:00 +0000" BODY[] ',), 9)
    assert parse_unfinished(frame) == Fetched(1, 5, frozenset("a"), 1577869200.0)


@pytest.mark.parametrize("text", [b"* 1 FETCH (UID x BODY[] ", b'* LIST () "/" ', b"* 1 FETCH ("])
def test_a_strange_beginning_is_no_knowledge(text):
    assert parse_unfinished(LiteralBegan((text,), 9)) in (None, Fetched(1))
