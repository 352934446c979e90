"""Recognising what was sent: never a message that came before, never one message twice, never a different one."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postboat.errors import MessageError
from postboat.imap.recover import Candidate, Token, match, match_stored, token_for
from postboat.model import NO_FLAGS, Content

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HEADERS = st.sampled_from(["h1", "h2"])
SIZES = st.sampled_from([10, 20])
DATES = st.sampled_from([None, 100, 200])
TOKENS = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(Token, st.just("7"), st.integers(1, 6), SIZES, HEADERS, DATES)
)
CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 9), st.none() | SIZES, HEADERS, DATES), unique_by=lambda c: c.uid
).map(lambda found: sorted(found, key=lambda c: c.uid))


@given(TOKENS, CANDIDATES)
def test_only_messages_with_the_header_that_came_later_match_and_each_once(
    tokens: dict[str, Token], candidates: list[Candidate]
) -> None:
    by_uid = {candidate.uid: candidate for candidate in candidates}

    found = match(tokens, candidates)

    assert len(set(found.values())) == len(found)
    for key, uid in found.items():
        assert uid >= tokens[key].uidnext
        assert by_uid[uid].header == tokens[key].header
        assert by_uid[uid].size == tokens[key].size or by_uid[uid].date == tokens[key].date


@given(st.lists(st.tuples(HEADERS, SIZES, DATES)), st.data())
def test_all_that_was_stored_unchanged_is_found(traits: list[tuple[str, int, int | None]], data: st.DataObject) -> None:
    tokens = {str(n): Token("7", 5, size, header, date) for n, (header, size, date) in enumerate(traits)}
    stored = data.draw(st.permutations(list(tokens.values())))
    candidates = [Candidate(uid, t.size, t.header, t.date) for uid, t in enumerate(stored, 5)]

    found = match(tokens, candidates)

    assert sorted(found.values()) == [candidate.uid for candidate in candidates]
    assert Counter((tokens[key].header, tokens[key].size) for key in found) == Counter((h, s) for h, s, _ in traits)


@given(TOKENS, CANDIDATES)
def test_what_matches_for_certain_is_not_changed_by_guessing(
    tokens: dict[str, Token], candidates: list[Candidate]
) -> None:
    certain, guessed = match(tokens, candidates), match_stored(tokens, candidates)

    assert certain.items() <= guessed.items()
    assert len(set(guessed.values())) == len(guessed)


def test_a_wrong_size_or_a_wrong_date_is_forgiven_but_not_both() -> None:
    token = Token("7", 1, 10, "h", 100)

    assert match({"a": token}, [Candidate(1, 99, "h", 100)]) == {"a": 1}
    assert match({"a": token}, [Candidate(1, 10, "h", 999)]) == {"a": 1}
    assert match({"a": token}, [Candidate(1, 99, "h", 999)]) == {}
    assert match({"a": token}, [Candidate(1, 10, "other", 100)]) == {}


def test_a_header_with_lines_added_is_known_by_its_message_id_and_date() -> None:
    token = Token("7", 1, 10, "h", 100, "<a@b>")

    assert match({"a": token}, [Candidate(1, 99, "other", 100, "<a@b>")]) == {"a": 1}
    assert match({"a": token}, [Candidate(1, 99, "other", 200, "<a@b>")]) == {}
    assert match({"a": token}, [Candidate(1, 99, "other", 100, "<c@d>")]) == {}
    assert match_stored({"a": token}, [Candidate(1, 9, "x", 2, "<a@b>"), Candidate(2, 8, "y", 3)]) == {"a": 1}
    assert match({"a": Token("7", 1, 10, "h", 100)}, [Candidate(1, 99, "other", 100)]) == {}


def test_a_changed_header_of_a_stored_message_leaves_date_and_size_when_they_are_its_own() -> None:
    tokens = {"a": Token("7", 1, 10, "h1", 100), "b": Token("7", 1, 20, "h2", 100)}
    strangers = [Candidate(1, 5, "x", 1), Candidate(4, 6, "x", 2)]

    assert match_stored(tokens, [strangers[0], Candidate(2, 20, "y", 100), Candidate(3, 10, "z", 100)]) == {
        "a": 3,
        "b": 2,
    }
    twice = {"a": Token("7", 1, 10, "h1", 100), "b": Token("7", 1, 10, "h2", 100)}
    assert match_stored(twice, [*strangers, Candidate(5, 10, "y", 100)]) == {}


def test_as_many_new_messages_as_were_stored_are_these_in_their_order() -> None:
    tokens = {"a": Token("7", 1, 10, "h1", 100), "b": Token("7", 1, 20, "h2", 100)}

    assert match_stored(tokens, [Candidate(5, 15, "x", 1), Candidate(6, 25, "y", 1)]) == {"a": 5, "b": 6}


@given(st.builds(Token, st.text(), st.integers(0), st.integers(0), st.text(), st.none() | st.integers(0), st.text()))
def test_a_token_is_read_as_it_was_written(token: Token) -> None:
    assert Token.decode(token.encode()) == token


@given(st.text())
def test_no_text_makes_reading_a_token_fail(text: str) -> None:
    Token.decode(text)


@pytest.mark.parametrize("step", [1, 7, 4096])
async def test_a_streamed_message_has_the_token_of_a_whole_one(step: int) -> None:
    wire = b"Subject: x\r\nX: \xff\r\n\r\n" + b"body\r\n" * 2000
    pulled: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(wire), step):
            pulled.append(start)
            yield wire[start : start + step]

    whole = Content("a", NO_FLAGS, 1.7, len(wire), wire)
    streamed = Content("a", NO_FLAGS, 1.7, len(wire), chunks=chunks)

    assert await token_for(streamed, "7", 3) == await token_for(whole, "7", 3)
    assert max(pulled) < 4096, "no more is read than holds the header"


async def test_a_message_that_cannot_be_read_any_more_gets_a_token_that_matches_nothing() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"Subject: "
        raise MessageError("it vanished")

    token = await token_for(Content("a", NO_FLAGS, None, 1000, chunks=chunks), "7", 3)

    assert match({"a": token}, [Candidate(3, 1000, "h", None)]) == {}
