from postboat.maildir.compare import Difference, pair_renamed
from postboat.model import NO_FLAGS, Message


def found(vanished, appeared):
    messages = {key: Message(key, NO_FLAGS, None, mark) for key, mark in appeared.items()}
    return Difference({}, messages, {}, frozenset(vanished), None)


def test_a_message_without_a_mark_is_not_taken_for_another():
    renamed, appeared = pair_renamed({"a": "", "b": "1-2-3"}, found({"a", "b", "c"}, {"x": "", "y": "4-5-6"}))
    assert renamed == {}
    assert appeared.keys() == {"x", "y"}


def test_each_file_stands_for_one_message():
    renamed, appeared = pair_renamed({"a": "m", "b": "m", "c": "m"}, found({"a", "b", "c"}, {"x": "m", "y": "m"}))
    assert {old: message.key for old, message in renamed.items()} == {"a": "x", "b": "y"}
    assert appeared == {}
