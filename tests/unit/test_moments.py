"""Times as people write them."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone

import pytest
from dateutil import tz

from pscheduler_batch.moments import parse_moment

BERLIN = tz.gettz("Europe/Berlin")
# A Saturday, 13:30 in Berlin.
NOW = datetime(2026, 11, 28, 12, 30, tzinfo=timezone.utc)


def start_of(text, now=NOW):
    """Read a time in Berlin, and write it with its offset."""
    return parse_moment(text, now, BERLIN).start.isoformat(" ", "minutes")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("7d", timedelta(days=7)),
        ("36h", timedelta(hours=36)),
        ("2w", timedelta(weeks=2)),
        ("30m", timedelta(minutes=30)),
        ("90 s", timedelta(seconds=90)),
        ("1d12h", timedelta(hours=36)),
        ("1.5d", timedelta(hours=36)),
        ("1 week ago", timedelta(weeks=1)),
        ("3 days ago", timedelta(days=3)),
        ("P7D", timedelta(days=7)),
        ("PT36H", timedelta(hours=36)),
        ("p1dt12h", timedelta(hours=36)),
        ("now", timedelta()),
    ],
)
def test_spans_count_back_from_now(text, before):
    """They are exact, whatever clocks were changed in between."""
    found = parse_moment(text, NOW, BERLIN)

    assert (found.start, found.end) == (NOW - before, NOW - before)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("2026-11-20", "2026-11-20 00:00+01:00"),
        ("20261120", "2026-11-20 00:00+01:00"),
        ("2026-11-20 08:00", "2026-11-20 08:00+01:00"),
        ("20261120T0800", "2026-11-20 08:00+01:00"),
        ("2026-07-20 08:00", "2026-07-20 08:00+02:00"),
        ("2026-11-20T08:00Z", "2026-11-20 08:00+00:00"),
        ("2026-11-20 08:00 UTC", "2026-11-20 08:00+00:00"),
        ("2026-11-20 08:00-0500", "2026-11-20 08:00-05:00"),
        ("yesterday", "2026-11-27 00:00+01:00"),
        ("Yesterday 8:15", "2026-11-27 08:15+01:00"),
        ("today", "2026-11-28 00:00+01:00"),
        ("08:00", "2026-11-28 08:00+01:00"),
        ("8 pm", "2026-11-28 20:00+01:00"),
        ("saturday", "2026-11-28 00:00+01:00"),
        ("sun", "2026-11-22 00:00+01:00"),
        ("20 Nov", "2026-11-20 00:00+01:00"),
        ("24 december", "2025-12-24 00:00+01:00"),
        ("20 Nov 2024 8:00", "2024-11-20 08:00+01:00"),
    ],
)
def test_days_and_times_are_local_unless_they_say_otherwise(text, start):
    """A day or a date without a year is the last one."""
    assert start_of(text) == start


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24), ("yesterday", 24)]
)
def test_a_day_ends_when_the_next_one_starts(day, hours):
    """A day on which clocks are changed is shorter or longer."""
    found = parse_moment(day, NOW, BERLIN)

    assert found.end.astimezone(timezone.utc) - found.start.astimezone(timezone.utc) == timedelta(hours=hours)
    assert parse_moment("2026-11-20 08:00", NOW, BERLIN).start == parse_moment("2026-11-20 08:00", NOW, BERLIN).end


def test_today_is_the_local_day():
    """Shortly before midnight in UTC, it is tomorrow in Berlin."""
    assert start_of("today", datetime(2026, 11, 27, 23, 30, tzinfo=timezone.utc)) == "2026-11-28 00:00+01:00"


def test_the_zone_of_the_machine(monkeypatch):
    """It counts where no zone is given; its own abbreviations are known."""
    monkeypatch.setitem(os.environ, "TZ", "Europe/Berlin")
    time.tzset()
    try:
        local, summer, named = (parse_moment(f"2026-{text}", NOW) for text in ("11-20", "07-20", "11-20 08:00 CET"))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert local.start.isoformat() == "2026-11-20T00:00:00+01:00"
    assert summer.start.isoformat() == "2026-07-20T00:00:00+02:00"
    assert named.start.astimezone(timezone.utc).hour == 7


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "5", "08", "2026", "2026-11", "Nov", "Nov 2026", "2026-11-31", "2026-13-01", "2026-11-20 25:00"),
        *("-7d", "7", "7x", "1e5d", "7 d 3", "last week", "29 Feb", "nan", "99999999d", "9999-12-31"),
        *("0001-01-01", "0001-01-01 00:00Z", "9999-12-31 23:59-14:00"),
        *("x" * 1000, "7d" * 1000, "2026-11-20 - 2026-11-25", "2026-11-20 08:00+25:00"),
    ],
)
def test_what_is_not_a_time_is_refused(text):
    """The message says what is accepted."""
    with pytest.raises(
        ValueError, match=r'is not a time; use 7d, 36h, 2w, P7D, yesterday, 2026-11-20 or "2026'
    ) as error:
        parse_moment(text, NOW, BERLIN)

    assert len(str(error.value)) < 180


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("11/12/2026", '"11/12/2026" can be read in several ways; write the date as 2026-11-20'),
        ("12.11.26 08:00", '"12.11.26 08:00" can be read in several ways; write the date as 2026-11-20'),
        (
            "2026-11-20 08:00 XYZ",
            '"2026-11-20 08:00 XYZ" has an unknown time zone; use UTC or an offset such as +01:00',
        ),
        ("08:00 UTC+3", '"08:00 UTC+3" has an unknown time zone; use UTC or an offset such as +01:00'),
        ("P1M", '"P1M" has years or months; these have no fixed length, so use weeks, days, hours, minutes or seconds'),
        ("\x1b[2J", r'"\u001b[2J" is not a time'),
    ],
)
def test_what_has_several_meanings_is_refused(text, reason):
    """The message says why."""
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared
        parse_moment(text, NOW, BERLIN)

    assert str(error.value).startswith(reason)
