"""Hours, days, weeks, months and years in the zone of the user."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone

import pytest
from dateutil import tz

from pscheduler_batch.report.buckets import bucket_size, bucket_words, local_time, start_of, starts_between

UTC = timezone.utc
BERLIN = tz.gettz("Europe/Berlin")
LORD_HOWE = tz.gettz("Australia/Lord_Howe")
KOLKATA = tz.gettz("Asia/Kolkata")


def starts(span, first, zone):
    """Return the starts of all buckets as texts."""
    size = bucket_size(span)
    begin = first.timestamp()
    return [start.isoformat() for start in starts_between(size, begin, begin + span.total_seconds(), zone)]


@pytest.mark.parametrize(
    ("span", "name"),
    [
        (timedelta(), "hour"),
        (timedelta(days=2), "hour"),
        (timedelta(days=2, seconds=1), "day"),
        (timedelta(days=100), "day"),
        (timedelta(days=101), "week"),
        (timedelta(days=3 * 365), "month"),
        (timedelta(days=30 * 365), "year"),
    ],
)
def test_the_span_decides_how_large_they_are(span, name):
    """There are at most some hundred of them."""
    size = bucket_size(span)
    number = len(list(starts_between(size, 0.0, span.total_seconds(), UTC)))

    assert size.name == name
    assert number <= 122


@pytest.mark.parametrize(
    "zone", [UTC, BERLIN, LORD_HOWE, KOLKATA, tz.gettz("America/Havana"), tz.gettz("Pacific/Apia")]
)
@pytest.mark.parametrize("span", [timedelta(hours=47), timedelta(days=99), timedelta(days=700), timedelta(days=3000)])
def test_every_time_is_in_one_of_them(zone, span):
    """Whatever clocks do in between, the start of the bucket of every time is in the list, in order, and once."""
    size = bucket_size(span)
    for first in (
        datetime(2026, 10, 24, 3, 7, tzinfo=UTC),
        datetime(2026, 4, 4, 1, 59, tzinfo=UTC),
        datetime(2011, 12, 29, tzinfo=UTC),
    ):
        begin = first.timestamp()
        found = list(starts_between(size, begin, begin + span.total_seconds(), zone))
        times = [begin + span.total_seconds() * part / 997 for part in range(998)]
        of_times = [start_of(size, local_time(when, zone), zone) for when in times]

        assert found == sorted(set(found))
        assert set(of_times) <= set(found)
        assert all(start.timestamp() <= when for start, when in zip(of_times, times))
        assert of_times == sorted(of_times)


def test_days_are_local_and_may_have_23_or_25_hours():
    """Midnight has the offset of its own day."""
    assert starts(timedelta(days=3), datetime(2026, 3, 28, 11, tzinfo=UTC), BERLIN) == [
        "2026-03-28T00:00:00+01:00",
        "2026-03-29T00:00:00+01:00",
        "2026-03-30T00:00:00+02:00",
        "2026-03-31T00:00:00+02:00",
    ]
    assert starts(timedelta(days=3), datetime(2026, 10, 24, 23, tzinfo=UTC), BERLIN) == [
        "2026-10-25T00:00:00+02:00",
        "2026-10-26T00:00:00+01:00",
        "2026-10-27T00:00:00+01:00",
        "2026-10-28T00:00:00+01:00",
    ]


def test_an_hour_that_occurs_twice_is_two_hours():
    """They differ by their offset; the hour that is skipped is not there."""
    assert starts(timedelta(hours=3), datetime(2026, 10, 24, 23, 30, tzinfo=UTC), BERLIN) == [
        "2026-10-25T01:00:00+02:00",
        "2026-10-25T02:00:00+02:00",
        "2026-10-25T02:00:00+01:00",
        "2026-10-25T03:00:00+01:00",
    ]
    assert starts(timedelta(hours=1), datetime(2026, 3, 29, 0, 30, tzinfo=UTC), BERLIN) == [
        "2026-03-29T01:00:00+01:00",
        "2026-03-29T03:00:00+02:00",
    ]


def test_weeks_begin_on_monday():
    """The first one may begin before the first time."""
    found = starts(timedelta(days=110), datetime(2026, 11, 1, 12, tzinfo=UTC), UTC)

    assert found[:2] == ["2026-10-26T00:00:00+00:00", "2026-11-02T00:00:00+00:00"]
    assert bucket_words(bucket_size(timedelta(days=110)), datetime(2026, 11, 2, tzinfo=UTC)) == "2026-11-02"


@pytest.mark.parametrize("zone", [None, tz.gettz("America/Havana")])
def test_a_day_that_has_no_midnight(monkeypatch, zone):
    """In Havana, clocks are set forward at midnight; the day before ends there."""
    monkeypatch.setitem(os.environ, "TZ", "America/Havana")
    time.tzset()
    try:
        found = starts(timedelta(days=3), datetime(2024, 3, 8, 12, tzinfo=UTC), zone)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert [datetime.fromisoformat(each).astimezone(UTC).isoformat(" ", "hours") for each in found] == [
        *("2024-03-08 05+00:00", "2024-03-09 05+00:00", "2024-03-10 05+00:00", "2024-03-11 04+00:00"),
    ]
    assert [each[:10] for each in found] == ["2024-03-08", "2024-03-09", "2024-03-10", "2024-03-11"]
