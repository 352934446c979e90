import pytest

from postboat.imap.wire.dates import internal_date, seconds_of


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1584230400, "15-Mar-2020 00:00:00 +0000"),
        (0, " 1-Jan-1970 00:00:00 +0000"),
        (1577869200.9, " 1-Jan-2020 09:00:00 +0000"),
        (1608508799, "20-Dec-2020 23:59:59 +0000"),
        (-5.0, " 1-Jan-1970 00:00:00 +0000"),
        (1e18, "31-Dec-2099 23:59:59 +0000"),
        (float("nan"), " 1-Jan-1970 00:00:00 +0000"),
        (float("-inf"), " 1-Jan-1970 00:00:00 +0000"),
    ],
)
def test_dates_are_written_in_utc_and_clamped(seconds, text):
    assert internal_date(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (" 1-Jan-2020 10:00:00 +0100", 1577869200),
        ("01-Jan-2020 09:00:00 +0000", 1577869200),
        ("1-jan-2020 03:30:00 -0530", 1577869200),
        ("01-Jan-2020 09:00:00 GMT", 1577869200),
        ("31-Dec-1969 23:59:59 +0000", -1),
        ("31-Dec-2016 23:59:60 +0000", 1483228799),
    ],
)
def test_dates_are_read_with_their_zone(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-Jan-0000 00:00:00 +0000",
        "31-Feb-2020 00:00:00 +0000",
        "01-Foo-2020 00:00:00 +0000",
        "01-Jan-2020 25:00:00 +0000",
        "01-Jan-2020 00:00:00",
        "01-Jan-2020 00:00:00 +9999",
        "01-Jan-20200 00:00:00 +0000",
    ],
)
def test_what_is_no_date_is_none(text):
    assert seconds_of(text) is None
