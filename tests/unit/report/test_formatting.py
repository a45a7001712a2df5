"""Tests of numbers, times and text from outside in reports."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.report.formatting import (
    block,
    figure_words,
    in_zone,
    is_number,
    moment,
    one_line,
    rate_words,
    time_of_day,
)
from pscheduler_batch.report.rows import Figure
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


@pytest.mark.parametrize(
    ("bits", "words"),
    [(0, "0 b/s"), (999, "999 b/s"), (999.6, "1 kb/s"), (1e5, "100 kb/s"), (9.4e12, "9.4 Tb/s"), (-5e6, "-5 Mb/s")],
)
def test_rates_have_the_unit_that_suits_them(bits, words):
    """Of thousands, as networks count."""

    assert rate_words(bits) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(2.5e9, "bit/s", "2.5 Gb/s"), (1500.0, "ms", "1.5 s"), (0.3, "ms", "0.3 ms"), (7.0, "", "7"), (2.0, "%", "2 %")],
)
def test_figures_have_their_unit(value, unit, words):
    """Rates and long times in the unit that suits them."""

    assert figure_words(Figure("name", "Title", value, unit)) == words


@pytest.mark.parametrize("value", [None, True, "1", float("nan"), float("-inf"), 10**400, [], {}])
def test_what_is_not_a_number(value):
    """True is not 1 here."""

    assert not is_number(value)


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
