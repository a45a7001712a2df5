"""Tests of times and text from outside in reports."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.report.formatting import (
    block,
    in_zone,
    moment,
    one_line,
    time_of_day,
)
from tests.support.clock import NOON
from tests.support.output_documents import HOSTILE

EAST = timezone(timedelta(hours=5, minutes=30))


def test_a_hostile_text_becomes_one_harmless_line():
    """No control character, no mark that turns the direction of writing, no half of a character is left."""
    line = one_line(HOSTILE)

    assert {unicodedata.category(character) for character in line} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()
    assert line.startswith("\\u001b[2J</script><b>\\u202egnp.exe\\u0000 =1+1\\ud800xxx")


@pytest.mark.parametrize(
    ("text", "line"),
    [("abc", "abc"), ("abcdef", "abcd…"), ("abcde", "abcde"), (" a  b ", "a b"), ("", ""), (" " * 50 + "a", "…")],
)
def test_a_long_text_is_cut(text, line):
    """What is left says that there was more."""

    assert one_line(text, 5) == line


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


def test_tenths_of_seconds_are_shown_where_there_are_any():
    """A whole second needs none."""

    assert [time_of_day(NOON + timedelta(milliseconds=n)) for n in (0, 250)] == ["12:00:00", "12:00:00.2"]
