r"""Each oddity alone; `test_parser` shows them at work."""

import pytest

from postboat.imap.wire import quirks


@pytest.mark.parametrize(
    ("flag", "spelt"),
    [
        ("\\seen", "\\Seen"),
        ("\\RECENT", "\\Recent"),
        ("$FORWARDED", "$Forwarded"),
        ("$junk", "$junk"),
        ("Seen", "Seen"),
    ],
)
def test_cyrus_and_dovecot_spell_flags_their_own_way(flag, spelt):
    assert quirks.canonical_flag(flag) == spelt


@pytest.mark.parametrize("flag", ["\\*", "NIL", "nil", "", "\\"])
def test_zoho_and_gmail_list_flags_that_are_none(flag):
    assert not quirks.is_storable_flag(flag)


def test_padding_is_taken_off_the_front_only():
    assert quirks.without_padding(b"\0\0* OK\0") == b"* OK\0"


def test_davmail_puts_many_spaces_behind_the_star():
    assert quirks.with_single_space(b"*    953 EXISTS") == b"* 953 EXISTS"
    assert quirks.with_single_space(b'* LIST () "/" "a  b"') == b'* LIST () "/" "a  b"'


@pytest.mark.parametrize("line", [b"[COPYUID 55 31 6]", b"* [COPYUID 55 31 6]", b"* OK [COPYUID 55 31 6]"])
def test_exchange_and_home_pl_send_bare_codes(line):
    assert quirks.lone_response_code(line) == b"* OK [COPYUID 55 31 6]"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"9.3736e+06", 9373600),
        (b"1e3", 1000),
        (b"12.0", 12),
        (b"1.5", None),
        (b"1.25e1", None),
        (b"1e99", None),
        (b"-1e3", None),
        (b"1e-3", None),
        (b"nan", None),
    ],
)
def test_mail_ru_rounds_sizes(text, size):
    assert quirks.rounded_size(text) == size


def test_zimbra_glues_numbers_to_names():
    assert quirks.glued_number("123MODSEQ") == ("123", "MODSEQ")
    assert quirks.glued_number("123") is None


@pytest.mark.parametrize(
    ("uids", "meant"),
    [
        ("0:1", "1:1"),
        ("0:9,12", "1:9,12"),
        ("0", ""),
        ("0,5", "5"),
        ("10,20:30", "10,20:30"),
        ("0:0", "0:0"),
        ("5", "5"),
    ],
)
def test_dovecot_lets_vanished_begin_with_zero(uids, meant):
    assert quirks.without_zero_uid(uids) == meant


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", str(2**63), "9" * 30, "¹"])
def test_zoho_counts_modifications_from_nothing(text):
    assert quirks.usable_modseq(text) is None


def test_exchange_leaves_names_unquoted():
    assert quirks.unquoted_name(b"My Folder (old)  ") == b"My Folder (old)"
    assert quirks.unquoted_name(b'a b ("CHILDINFO" ("SUBSCRIBED"))') == b"a b"


def test_a_lone_backslash_is_a_backslash():
    assert quirks.unescaped(b'a\\b\\\\c\\"d') == b'a\\b\\c"d'


def test_no_terminal_is_steered():
    assert quirks.without_control_characters("\x1b]0;x\x07a\r\nb\x9b") == "]0;x a b"
