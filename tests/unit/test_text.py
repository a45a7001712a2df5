"""Tests of numbers and durations in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.text import number_words, short_duration, two_units


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (-0.00000001, "0"),
        (0.000042, "0.000042"),
        (0.1 + 0.2, "0.3"),
        (-12.345, "-12.3"),
        (99.94, "99.9"),
        (1500, "1500"),
        (123456.7, "123457"),
        (1e14, "100000000000000"),
        (1e300, "1e+300"),
    ],
)
def test_numbers_have_three_significant_digits(value, words):
    """All digits before the point are kept; only very large numbers have an exponent."""

    assert number_words(value) == words


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (0.0004, "0 s"), (59.96, "60 s"), (60, "1 min"), (3601, "1 h 1 s"), (86400 * 1000, "1,000 d")],
)
def test_durations_are_written_in_two_units(seconds, shown):
    """The largest two that are not zero."""

    assert two_units(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.000001, "0.001 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1 s"),
        (1, "1 s"),
        (59.94, "59.9 s"),
        (60, "1 min"),
        (119.6, "2 min"),
        (3599.6, "1 h"),
        (86399.9, "1 d"),
        (1e6, "11 d 14 h"),
        (-185, "-3 min 5 s"),
    ],
)
def test_short_durations_have_at_most_two_units(seconds, words):
    """Seconds are carried: there are never 60 of them."""

    assert short_duration(seconds) == words
