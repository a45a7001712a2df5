"""Tests of what a page shows of long texts and of times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.report.legible import block, in_zone, moment, time_of_day

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize("text", ["two\n\tlines", "שלום", "日本語 é", "👩‍🔬", "a\u00a0b"])
def test_what_people_write_stays(text):
    """In every script, with line ends and tabs."""

    assert block(text) == text


@pytest.mark.parametrize(
    "character", ["\x00", "\x1b", "\x7f", "\x9b", "\r", "\u202e", "\u2066", "\ud800", "\ufeff", "\U000e0041"]
)
def test_what_is_obeyed_or_hidden_is_written_as_its_escape(character):
    """So that it is seen and does nothing."""

    assert block(f"a{character}b") == f"a\\u{ord(character):04x}b"


def test_times_move_to_another_zone():
    """The instant stays the same."""

    assert moment(in_zone(NOON, EAST)) == "2026-03-01 17:30:00 +05:30"
    assert in_zone(NOON, None) is NOON
    assert in_zone(None, EAST) is None


def test_a_time_at_the_end_of_the_calendar_stays():
    """A server may say any time."""
    last = datetime.max.replace(tzinfo=timezone.utc)

    assert in_zone(last, EAST) is last


def test_tenths_of_seconds_are_said_where_there_are_any():
    """A whole second needs none."""

    assert [time_of_day(NOON + timedelta(milliseconds=n)) for n in (0, 250)] == ["12:00:00", "12:00:00.2"]
