"""ISO 8601 durations and timestamps."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.iso8601 import format_duration, format_timestamp, parse_duration, parse_span, parse_timestamp


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("PT15S", timedelta(seconds=15)),
        ("PT1M30S", timedelta(seconds=90)),
        ("PT1.5S", timedelta(milliseconds=1500)),
        ("PT0,5M", timedelta(seconds=30)),
        ("PT0.5H", timedelta(minutes=30)),
        ("P1W", timedelta(weeks=1)),
        ("P1DT12H", timedelta(hours=36)),
        ("P1W2DT3H4M5S", timedelta(days=9, hours=3, minutes=4, seconds=5)),
        ("P0D", timedelta(0)),
        ("PT0S", timedelta(0)),
        ("PT", timedelta(0)),
        ("P1DT", timedelta(days=1)),
        ("P0.5DT", timedelta(hours=12)),
        ("PT36H", timedelta(hours=36)),
        ("PT0.000001S", timedelta(microseconds=1)),
    ],
)
def test_a_duration_of_fixed_length_is_a_span(text, span):
    """Weeks, days and times are read, fractions too."""
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("P1Y", "no fixed length"),
        ("P1M", "no fixed length"),
        ("P0Y", "no fixed length"),
        ("P1Y2DT1H", "no fixed length"),
        ("-PT5S", "is negative"),
        ("P-1D", "is negative"),
        ("PT-5S", "is negative"),
        ("P", "is incomplete"),
        ("+PT5S", "is not an ISO 8601 duration"),
        ("PT5", "is not an ISO 8601 duration"),
        ("PT5S5S", "is not an ISO 8601 duration"),
        ("PT1S1M", "is not an ISO 8601 duration"),
        ("PT1e3S", "is not an ISO 8601 duration"),
        ("PT٣S", "is not an ISO 8601 duration"),
        ("60", "is not an ISO 8601 duration"),
        ("2026-03-01", "is not an ISO 8601 duration"),
        ("pt5s", "write it as PT5S"),
        ("PT5S\n", "write it as PT5S"),
        ("P99999999999D", "is too long"),
        ("P" + "9" * 5000 + "D", "is too long"),
    ],
)
def test_what_is_no_duration_is_refused_with_the_reason(text, reason):
    """The reason is specific to the error."""
    with pytest.raises(ValueError, match=reason):
        parse_duration(text)


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "P0D"),
        (timedelta(seconds=90), "PT1M30S"),
        (timedelta(seconds=1.5), "PT1.5S"),
        (timedelta(days=14), "P14D"),
        (timedelta(days=3, seconds=5), "P3DT5S"),
        (timedelta(seconds=-5), "-PT5S"),
    ],
)
def test_a_span_is_written_as_a_duration(span, text):
    """Fractions are kept, and zero is P0D."""
    assert format_duration(span) == text


def test_a_written_span_reads_as_the_same_span():
    """Writing loses nothing, down to the microsecond."""
    chance = random.Random(8601)  # noqa: S311 - no secret
    spans = [timedelta(microseconds=chance.randrange(10 ** chance.randrange(1, 16))) for _ in range(300)]

    assert [parse_duration(format_duration(span)) for span in spans] == spans


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T07:43:15+00:00", datetime(2026, 11, 22, 7, 43, 15, tzinfo=timezone.utc)),
        ("2026-11-22T07:43:15Z", datetime(2026, 11, 22, 7, 43, 15, tzinfo=timezone.utc)),
        ("2026-11-22T09:43:15+02:00", datetime(2026, 11, 22, 7, 43, 15, tzinfo=timezone.utc)),
        ("20261122T074315-0500", datetime(2026, 11, 22, 12, 43, 15, tzinfo=timezone.utc)),
        ("2026-11-22T07:43:15.25Z", datetime(2026, 11, 22, 7, 43, 15, 250000, tzinfo=timezone.utc)),
    ],
)
def test_a_timestamp_is_an_aware_time(text, moment):
    """The zone is kept, whatever form it has."""
    parsed = parse_timestamp(text)

    assert parsed == moment
    assert parsed.utcoffset() is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-11-22T07:43:15", "time zone"),
        ("2026-11-22", "time zone"),
        ("", "is not an ISO 8601 timestamp"),
        ("yesterday", "is not an ISO 8601 timestamp"),
        ("2026-13-01T00:00:00Z", "is not an ISO 8601 timestamp"),
        ("9999-12-31T24:00:00Z", "is not an ISO 8601 timestamp"),
        ("1767225600", "is not an ISO 8601 timestamp"),
    ],
)
def test_what_is_no_timestamp_is_refused_with_the_reason(text, reason):
    """A time without a zone is ambiguous, so it is refused as well."""
    with pytest.raises(ValueError, match=reason):
        parse_timestamp(text)


def test_a_time_is_written_with_its_zone():
    """What is written reads as the same time."""
    moment = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))

    assert format_timestamp(moment) == "2026-03-01T12:00:00.000005+02:00"
    assert parse_timestamp(format_timestamp(moment)) == moment


def test_a_time_without_a_zone_is_not_written():
    """Such a time is a bug."""
    with pytest.raises(ValueError, match="zone"):
        format_timestamp(datetime(2026, 3, 1))  # noqa: DTZ001 - this is what is tested


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("2.5", 2.5),
        (".5", 0.5),
        ("3.", 3),
        ("0", 0),
        ("007", 7),
        ("PT2.5S", 2.5),
        ("PT1M30S", 90),
        ("P1D", 86400),
    ],
)
def test_a_span_is_a_duration_or_plain_seconds(text, seconds):
    """The command line takes either."""
    assert parse_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "^is empty; expected a number of seconds or an ISO 8601 duration"),
        ("-1", "^is negative"),
        ("- 1.5", "^is negative"),
        ("-PT1S", "^is negative"),
        ("P1M", "no fixed length"),
        ("P1Y", "no fixed length"),
        ("nan", "^is not a number of seconds or an ISO 8601 duration such as PT1M30S$"),
        ("inf", "^is not a number of seconds"),
        ("1e3", "^is not a number of seconds"),
        ("1_000", "^is not a number of seconds"),
        ("0x10", "^is not a number of seconds"),
        ("٣", "^is not a number of seconds"),
        ("10s", "^is not a number of seconds"),
        ("5 minutes", "^is not a number of seconds"),
        ("1,5", "^is not a number of seconds"),
        (" 5", "^is not a number of seconds"),
        (".", "^is not a number of seconds"),
        ("P3650DT1S", "^is too long: more than 3,650 days$"),
        ("P999999999D", "^is too long: more than 3,650 days$"),
        ("9" * 20, "^is too long: more than 3,650 days$"),
        ("9" * 5000, "is too long"),
    ],
)
def test_what_is_no_span_is_refused_with_the_reason(text, reason):
    """There is no guessing."""
    with pytest.raises(ValueError, match=reason):
        parse_span(text)
