"""The mail of the benchmark is the same in every run, and like mail."""

from __future__ import annotations

from statistics import median

from tests.bench import corpus


def test_the_same_messages_every_time():
    assert list(corpus.realistic(50)) == list(corpus.realistic(50))
    assert corpus.huge(10_000) == corpus.huge(10_000)


def test_no_message_is_like_another():
    several = [*corpus.realistic(300), *corpus.realistic(300, series=1), *corpus.tiny(300), *corpus.tiny(300, series=1)]
    assert len({message.content for message in several}) == len(several)


def test_sizes_are_like_those_of_real_mail():
    sizes = [message.wire_size for message in corpus.realistic(2000)]
    assert 2_500 < median(sizes) < 3_500
    assert 5_000 < sum(sizes) / len(sizes) < 6_500
    assert max(sizes) > 50_000


def test_lines_end_as_on_disk_and_are_not_too_long():
    for message in corpus.realistic(300):
        assert b"\r" not in message.content and message.content.endswith(b"\n")
        assert max(map(len, message.content.split(b"\n"))) < 998


def test_a_huge_message_has_the_size_it_was_asked_for():
    size = len(corpus.huge(3_000_000).content)
    assert 3_000_000 <= size <= 3_000_100
