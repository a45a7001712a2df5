"""The numbers of measurements, and their words for people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pscheduler_batch.text import number_words, short_duration

MILLISECONDS = "ms"
BITS = "bit/s"

_KILO = 1000
_PREFIXES = ("", "k", "M", "G", "T", "P")


@dataclass(frozen=True)
class Figure:
    """
    One number from a measurement.

    Attributes:
        name: Its name in CSV, such as "rtt-mean".
        title: Its name for people, such as "Mean round trip".
        value: The number, in the unit.
        unit: Its unit, such as "ms", "bit/s" or "%"; empty for a count.
    """

    name: str
    title: str
    value: float
    unit: str = ""


def rate_words(bits: float) -> str:
    """
    Write a rate with a prefix that suits it.

    >>> rate_words(9412345678), rate_words(999_950), rate_words(12)
    ('9.41 Gb/s', '1 Mb/s', '12 b/s')

    Args:
        bits: Bits per second.
    """
    prefix = 0
    while prefix < len(_PREFIXES) - 1 and abs(float(f"{bits:.3g}")) >= _KILO:
        bits, prefix = bits / _KILO, prefix + 1
    return f"{number_words(bits)} {_PREFIXES[prefix]}b/s"


def figure_words(figure: Figure) -> str:
    """
    Write a figure with its unit.

    >>> figure_words(Figure("throughput", "Throughput", 9.41e9, "bit/s")), figure_words(Figure("hops", "Hops", 7))
    ('9.41 Gb/s', '7')
    """
    if figure.unit == BITS:
        return rate_words(figure.value)
    if figure.unit == MILLISECONDS and abs(figure.value) >= _KILO:
        return short_duration(figure.value / _KILO)
    return f"{number_words(figure.value)} {figure.unit}".rstrip()


def is_number(value: object) -> bool:
    """Return whether a JSON value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
