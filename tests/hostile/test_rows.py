"""Every way of a hostile server that we know, and the tests that show what becomes of it: none is without one.

A line tells what the server does; the tests behind it are named by file and function.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
HERE = {
    "T": "hostile/test_transport.py", "F": "hostile/test_framing.py", "L": "hostile/test_literals.py",
    "S": "hostile/test_semantics.py", "N": "hostile/test_folder_names.py", "Z": "hostile/test_fuzz.py",
    "LIES": "hostile/test_lies.py", "CONNECTION": "unit/imap/test_connection.py", "DIAL": "unit/imap/test_dial.py",
    "COMPRESSION": "unit/imap/test_compression.py", "FRAMER": "unit/imap/wire/test_framer.py",
    "MAILBOX": "unit/imap/test_mailbox_scripted.py", "MOVING": "unit/imap/test_moving.py", "UIDS": "unit/imap/wire/test_uid_set.py",
    "READING": "unit/imap/test_reading.py", "HEARD": "unit/imap/looks/test_heard.py", "ARITHMETIC": "unit/imap/looks/test_arithmetic.py",
    "APPENDING": "unit/imap/test_appending.py", "FAULTS": "real/test_faults.py", "BYTES": "real/test_bytes.py",
    "SCALE": "real/test_scale.py", "FOLDERS": "unit/imap/test_folders.py", "COMMANDS": "unit/imap/wire/test_commands.py",
    "LASTING": "hostile/test_names_that_do_not_last.py", "ENQUIRY": "unit/imap/test_enquiry.py", "WORDS": "unit/ui/test_words.py",
}  # fmt: skip

TRANSPORT = """
a literal of more octets than there is memory or disk:
    L test_a_message_announced_beyond_all_bounds_is_left_for_later_and_the_others_come
    L test_a_large_message_announced_beyond_all_bounds_is_never_held_and_the_others_come
    L test_a_large_message_for_which_there_is_no_room_is_left_for_later_and_the_others_come
    L test_a_literal_that_is_no_message_has_small_bounds FRAMER test_an_announced_size_reserves_nothing
braces that are no length: F test_braces_that_announce_nothing_are_no_literal_and_no_message
    F test_a_zero_in_front_and_literal_plus_from_a_server_are_lengths
a line without an end: F test_a_server_that_cannot_be_read_on_is_left_and_changes_nothing
    T test_what_a_line_costs_in_memory_is_bounded FRAMER test_a_server_that_sends_too_much_is_given_up
a set of all UIDs there can be: S test_messages_said_to_be_gone_that_are_there_are_there
    S test_a_search_that_finds_what_cannot_be_finds_nothing S test_an_appenduid_that_cannot_be_costs_a_look_and_no_message
    S test_a_copyuid_that_cannot_be_costs_a_look_and_no_message UIDS test_everything_costs_nothing
brackets within brackets: F test_brackets_within_brackets_are_not_followed_into_the_deep
untagged lines without end: L test_a_flood_of_what_was_not_asked_for_is_given_up L test_octets_without_an_end_are_given_up
    READING test_a_server_that_does_not_stop_to_repeat_a_body_is_given_up T test_the_time_that_a_line_takes_follows_its_length
a literal longer or shorter than its data: F test_a_server_that_cannot_be_read_on_is_left_and_changes_nothing
    L test_a_large_message_of_another_length_than_announced_is_not_kept
a body that holds protocol: F test_what_looks_like_protocol_inside_a_message_is_mail
bare LF, NUL padding, more spaces: F test_sloppy_lines_are_read_all_the_same
compressed data that inflates without end: COMPRESSION test_what_inflates_too_much_is_given_up
    COMPRESSION test_a_large_message_is_inflated_no_faster_than_it_is_read
octets behind the OK of STARTTLS: CONNECTION test_octets_slipped_in_before_tls_are_refused
    DIAL test_what_comes_in_clear_behind_the_go_ahead_for_tls_ends_the_connection
STARTTLS taken out, PREAUTH before it: DIAL test_a_server_off_loopback_must_offer_starttls
    DIAL test_a_server_off_loopback_cannot_sign_us_in_before_tls
    CONNECTION test_a_refused_starttls_is_no_reason_to_go_on_in_clear
OK to STARTTLS before it was sent: T test_a_greeting_that_answers_what_was_not_asked_yet_gets_no_password
    CONNECTION test_a_command_cannot_be_granted_before_it_was_sent
OK to a tag that is unknown or still to come: F test_a_server_that_cannot_be_read_on_is_left_and_changes_nothing
    CONNECTION test_an_answer_to_no_command_ends_the_connection
a plus that nobody waits for: T test_what_is_said_by_the_way_changes_no_outcome
    CONNECTION test_a_plus_that_nobody_waits_for_is_ignored
BYE at any time, as a greeting, again and again: T test_a_server_may_hang_up_at_any_moment
    T test_what_is_no_welcome_ends_the_account_and_changes_nothing
    T test_a_server_that_hangs_up_behind_every_answer_is_not_called_for_ever
NO or BAD in the middle of a pipeline: S test_one_refusal_in_a_flight_is_of_one_command
    S test_what_follows_a_refused_select_is_void
untagged NO and BAD: T test_what_is_said_by_the_way_changes_no_outcome
silence, or an octet now and then: T test_a_server_that_falls_silent_is_given_up T test_an_octet_now_and_then_is_no_answer
    T test_a_literal_may_come_slowly_but_not_by_the_octet T test_words_that_tell_nothing_are_no_answer_for_ever
alerts, addresses and escapes in texts: T test_no_text_or_name_of_a_server_steers_the_terminal
    T test_what_is_said_by_the_way_changes_no_outcome WORDS test_a_foreign_text_cannot_steer_a_terminal
anything at all: Z test_damaged_dialogues_are_cut_and_read_alike_in_any_pieces
    Z test_a_connection_that_hears_damaged_dialogues_ends_in_time_and_in_words
    Z test_a_run_among_damaged_answers_loses_no_message
"""

SEMANTICS = """
EXPUNGE while messages are listed: S test_numbers_that_no_message_has_name_no_message
    MAILBOX test_an_expunge_in_the_middle_of_the_listing_is_counted LIES test_a_lie_removes_nothing_and_doubles_nothing
EXPUNGE or FETCH of number 0 or beyond the last: S test_numbers_that_no_message_has_name_no_message
EXISTS shrinks without EXPUNGE: S test_a_mailbox_that_shrinks_or_swells_in_words_only_loses_nothing
    MAILBOX test_an_empty_mailbox_is_believed_only_when_a_search_agrees
UIDs that do not ascend, or come twice: S test_uids_that_do_not_ascend_are_uids_all_the_same
    S test_the_same_message_told_twice_is_one_message S test_two_answers_about_one_message_or_number_are_about_the_uid
UID 0 or of more than 32 bits: S test_what_is_no_uid_names_no_message
UID at or above UIDNEXT: S test_mail_at_or_above_uidnext_is_mail
UIDNEXT falls: S test_a_uidnext_that_falls_lets_nothing_be_deleted
    MAILBOX test_a_uidnext_below_that_of_the_checkpoint_means_so_too
new mail below UIDNEXT: S test_new_mail_below_uidnext_is_new_mail
UIDVALIDITY missing, 0 or other in each session:
    S test_without_a_uidvalidity_nothing_is_changed_and_nothing_doubled
    S test_a_uidvalidity_of_each_session_its_own_doubles_and_deletes_nothing
UIDVALIDITY changes in the middle: S test_a_uidvalidity_that_changes_with_each_select_stops_the_folder
    S test_a_uidvalidity_told_in_the_middle_of_an_answer_voids_it FAULTS test_a_uidvalidity_that_changes_in_the_middle_mixes_nothing_up
UIDNOTSTICKY: S test_uids_that_do_not_last_name_no_message_to_change
HIGHESTMODSEQ goes back, is 0, missing or too large: S test_a_highestmodseq_that_cannot_be_hides_nothing
    LIES test_a_lie_removes_nothing_and_doubles_nothing
a message's MODSEQ above HIGHESTMODSEQ, 0 or -1: S test_a_modseq_of_a_message_that_cannot_be_hides_nothing
CHANGEDSINCE ignored: LIES test_a_lie_removes_nothing_and_doubles_nothing
CHANGEDSINCE tells nothing though flags differ: S test_changes_that_are_kept_secret_show_when_the_mod_sequence_rose
VANISHED of messages that are there: S test_messages_said_to_be_gone_that_are_there_are_there
    LIES test_a_lie_removes_nothing_and_doubles_nothing
VANISHED changes numbers, EARLIER does not: HEARD test_earlier_removals_do_not_change_the_count
    HEARD test_a_removal_now_takes_back_what_was_shown_before_without_counting_a_range_out
FETCH answers fewer than asked: S test_an_ok_that_passed_over_messages_is_asked_again
    S test_a_message_never_sent_is_left_for_later_and_the_others_come
a body of NIL, nothing or no octets: S test_what_is_no_body_is_no_message
    S test_an_empty_message_is_kept_only_if_its_size_says_so
a body that differs the second time: S test_a_message_that_changes_on_the_server_stays_what_it_was_on_disk
a notice in place of a message: S test_a_notice_in_place_of_a_message_is_not_kept_as_the_message
another message's body: S test_different_bodies_for_one_message_are_none
    L test_a_large_message_under_another_messages_number_is_not_kept
STATUS says other than SELECT: S test_a_status_that_is_not_true_is_no_more_than_a_reason_to_look
LIST cut short, refused in the middle, without INBOX: S test_a_list_of_folders_that_is_not_all_deletes_none
a folder goes and comes back: S test_a_folder_that_goes_and_comes_back_keeps_its_mail
APPEND granted and the message lost: S test_a_message_taken_and_lost_by_the_server_is_not_lost_with_it
APPEND without an answer: S test_an_append_whose_answer_is_lost_is_not_sent_twice
    FAULTS test_messages_stored_whose_answers_are_lost_are_not_stored_twice
APPENDUID that cannot be: S test_an_appenduid_that_cannot_be_costs_a_look_and_no_message
    APPENDING test_uids_that_cannot_be_those_of_a_group_are_not_given_to_it
COPYUID that cannot be: S test_a_copyuid_that_cannot_be_costs_a_look_and_no_message
    MOVING test_uids_that_cannot_be_are_not_believed_and_the_messages_are_looked_for
MOVE interrupted: MOVING test_a_move_whose_answer_was_lost_is_found_by_its_token
    MOVING test_a_move_refused_in_the_middle_tells_of_each_message_what_became_of_it
STORE granted and forgotten: S test_a_flag_that_the_server_takes_and_forgets_is_sent_once
flags of every odd kind: S test_flags_of_every_odd_kind_cost_no_message_and_no_other_flag
INTERNALDATE that is no date: S test_a_date_that_is_none_costs_no_message
RFC822.SIZE that is not the size: L test_a_size_that_is_a_lie_costs_nothing_but_a_stream
messages of no octets or without a header: S test_messages_that_are_hardly_any_are_messages
    S test_an_empty_message_is_kept_only_if_its_size_says_so
octets of all kinds, mixed line ends: S test_messages_that_are_hardly_any_are_messages
    BYTES test_odd_messages_come_down_octet_for_octet
a million messages: CONNECTION test_a_hundred_thousand_messages_in_one_answer_are_read
    SCALE test_many_messages_and_folders_of_two_accounts_within_the_bound T test_what_a_line_costs_in_memory_is_bounded
"""

NAMES = """
names that lead out of the root: N test_a_name_of_a_folder_leads_nowhere_but_into_the_root
names with another delimiter, or none: N test_all_of_them_together_share_no_directory
names that look alike: N test_names_that_look_alike_are_two_folders
INBOX in any case: N test_every_spelling_of_inbox_is_one_folder_at_the_top_only
very many and very deep folders: N test_very_many_folders_are_no_reason_to_run_out
names on disk that would be commands: N test_a_name_on_disk_reaches_the_server_as_one_name_or_not_at_all
    FOLDERS test_a_name_the_server_cannot_bear_is_refused
"""


def rows(text: str) -> dict[str, list[str]]:
    """Each row's tests, as `file::function`."""
    found: dict[str, list[str]] = {}
    for line in text.strip().splitlines():
        words = line.split()
        if not line.startswith(" "):
            name, _, rest = line.partition(":")
            words, tests = rest.split(), found.setdefault(name, [])
        tests += [f"{HERE[file]}::{test}" for file, test in zip(words[::2], words[1::2], strict=True)]
    return found


ROWS = {**rows(TRANSPORT), **rows(SEMANTICS), **rows(NAMES)}


@cache
def functions(file: str) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse((TESTS / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", ROWS)
def test_each_way_of_a_hostile_server_has_a_test(row):
    assert ROWS[row], "without a test"
    missing = [node for node in ROWS[row] if node.split("::")[1] not in functions(node.split("::")[0])]
    assert not missing


def test_all_the_ways_that_are_known_are_listed():
    """Rows of the survey of hostile servers; transport has one more, for anything at all."""
    assert (len(rows(TRANSPORT)), len(rows(SEMANTICS)), len(rows(NAMES))) == (21, 37, 6)
