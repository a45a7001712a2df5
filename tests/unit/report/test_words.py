"""Tests of numbers and times in words, and of strangers' texts in one line."""

from __future__ import annotations

import unicodedata

import pytest

from pscheduler_batch.report.rows import Figure
from pscheduler_batch.report.words import figure_words, is_number, one_line, rate_words
from tests.support.output_documents import HOSTILE


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
def test_what_is_no_number(value):
    """True is not 1 here."""

    assert not is_number(value)
