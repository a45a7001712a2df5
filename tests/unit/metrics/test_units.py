"""Tests of the units of metrics."""

from __future__ import annotations

import pytest

from pscheduler_batch.metrics.units import column_name, is_number, rate_words, scale_of, value_words


@pytest.mark.parametrize(
    ("bits", "words"),
    [(0, "0 b/s"), (999, "999 b/s"), (999.6, "1 kb/s"), (1e5, "100 kb/s"), (9.4e12, "9.4 Tb/s"), (-5e6, "-5 Mb/s")],
)
def test_rates_have_the_unit_that_suits_them(bits, words):
    """Of thousands, as networks count."""

    assert rate_words(bits) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (2.5e9, "bit/s", "2.5 Gb/s"),
        (1.5, "s", "1.5 s"),
        (0.000042, "s", "0.042 ms"),
        (-90, "s", "-1 min 30 s"),
        (0, "s", "0 s"),
        (7.0, "", "7"),
        (0.02, "ratio", "2 %"),
        (9000, "B", "9000 bytes"),
    ],
)
def test_words_have_the_unit_that_reads_best(value, unit, words):
    """Numbers are in base units, and people see another one."""

    assert value_words(value, unit) == words


@pytest.mark.parametrize(
    ("unit", "values", "scale"),
    [
        ("s", [0.9999, 0], (1000, "ms")),
        ("s", [0.1, -1.5], (1, "s")),
        ("ratio", [5], (100, "%")),
        ("B", [5], (1, "bytes")),
        ("bit/s", [1e9], (1e-9, "Gb/s")),
        ("", [5], (1, "")),
    ],
)
def test_numbers_that_are_shown_together_have_one_unit(unit, values, scale):
    """Milliseconds as long as none of them is a second."""

    assert scale_of(unit, values) == scale


def test_the_names_of_columns_have_the_base_unit():
    """A count has none."""

    assert (column_name("rtt-mean", "s"), column_name("hops", "")) == ("rtt-mean (s)", "hops")


@pytest.mark.parametrize("value", [None, True, "1", float("nan"), float("-inf"), 10**400, [], {}])
def test_what_is_not_a_number(value):
    """True is not 1 here."""

    assert not is_number(value)
