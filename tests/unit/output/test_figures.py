"""Tests of the numbers of measurements in words."""

from __future__ import annotations

import pytest

from pscheduler_batch.output.figures import Figure, figure_words, is_number, rate_words


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
