import json
from dataclasses import replace

import pytest

from postboat.imap.memory import Lesson, ServerMemory

LESSON = Lesson(
    "imap.example.org:993",
    "me",
    "PLAIN",
    frozenset({"IMAP4REV1", "QRESYNC"}),
    offered=frozenset({"AUTH=PLAIN"}),
    announces=False,
    deaf_behind=frozenset({"CRAM-MD5"}),
    lists_all=False,
    delimiter="/",
)


def remembering(lesson=LESSON):
    memory = ServerMemory()
    memory.learn(lesson)
    memory.correct(lists_all=lesson.lists_all, delimiter=lesson.delimiter)
    return memory


@pytest.mark.parametrize("lesson", [LESSON, replace(LESSON, delimiter=None, mechanism="", offered=frozenset())])
def test_what_was_learnt_survives_as_text(lesson):
    memory = ServerMemory()
    memory.restore(remembering(lesson).text())
    assert memory.recall(LESSON.place, "me") == lesson
    assert not memory.changed


def test_nothing_is_remembered_at_first():
    memory = ServerMemory()
    assert (memory.recall(LESSON.place), memory.text(), memory.changed) == (None, "", False)
    assert (memory.lists_all, memory.delimiter) == (True, None)


def test_another_lesson_is_a_change_and_the_same_one_is_none():
    memory = ServerMemory()
    memory.restore(remembering().text())
    memory.learn(LESSON)
    assert not memory.changed
    memory.learn(replace(LESSON, mechanism="LOGIN"))
    assert memory.changed


def test_to_forget_is_a_change_too():
    memory = ServerMemory()
    memory.restore(remembering().text())
    memory.forget()
    assert memory.changed
    assert memory.text() == ""


@pytest.mark.parametrize(("place", "user"), [("imap.example.org:143", "me"), ("imap.example.org:993", "you")])
def test_a_lesson_is_about_one_user_of_one_server(place, user):
    assert remembering().recall(place, user) is None
    assert remembering().recall("imap.example.org:993") == LESSON


def test_where_the_server_is_another_by_now_what_it_failed_in_is_tried_again():
    memory = remembering()
    memory.learn(replace(LESSON, capabilities=frozenset({"IMAP4REV1"}), deaf_behind=frozenset(), lists_all=True))
    assert (memory.lists_all, memory.recall(LESSON.place).deaf_behind) == (True, frozenset())


def test_what_was_corrected_stays_so_while_the_server_is_the_same():
    memory = remembering()
    memory.learn(replace(LESSON, deaf_behind=frozenset({"PLAIN"}), lists_all=True, delimiter=None))
    assert (memory.lists_all, memory.delimiter) == (False, "/")
    assert memory.recall(LESSON.place).deaf_behind == {"CRAM-MD5", "PLAIN"}


def test_the_password_is_nowhere_in_it():
    assert set(json.loads(remembering().text())) == {"form", *Lesson.__slots__}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "null",
        json.dumps({"form": 2}),
        *(
            json.dumps({**json.loads(remembering().text()), **wrong})
            for wrong in (
                {"form": 1},
                {"capabilities": "IMAP4REV1"},
                {"capabilities": [1]},
                {"announces": "yes"},
                {"delimiter": 7},
                {"place": None},
                {"more": True},
            )
        ),
    ],
)
def test_what_makes_no_sense_is_as_good_as_nothing(text):
    memory = ServerMemory()
    memory.restore(text)
    assert memory.recall(LESSON.place) is None
    assert memory.text() == ""
    assert not memory.changed
