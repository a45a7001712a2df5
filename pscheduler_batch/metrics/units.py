"""
The units of metrics (ADR 53).

In memory and in files for programs, every number is in a base unit: seconds, bits per second, a ratio, bytes, or a
count. For people, the unit that reads best is chosen when a number becomes text or a plot.
"""

from __future__ import annotations

import math
from typing import Iterable, Tuple

from pscheduler_batch.text import number_words, short_duration

SECONDS = "s"
BITS = "bit/s"
RATIO = "ratio"
BYTES = "B"
COUNT = ""

_KILO = 1000
_PREFIXES = ("", "k", "M", "G", "T", "P")


def value_words(value: float, unit: str) -> str:
    """
    Write a number for people.

    >>> [value_words(value, unit) for value, unit in ((0.0123, "s"), (9.41e9, "bit/s"), (0.25, "ratio"), (7, ""))]
    ['12.3 ms', '9.41 Gb/s', '25 %', '7']

    Args:
        value: The number in its base unit.
        unit: The base unit.
    """
    if unit == BITS:
        return rate_words(value)
    if unit == SECONDS:
        return short_duration(value)
    if unit == RATIO:
        return f"{number_words(value * 100)} %"
    return f"{number_words(value)} bytes" if unit == BYTES else number_words(value)


def rate_words(bits: float) -> str:
    """
    Write a rate with a prefix that suits it.

    >>> rate_words(9412345678), rate_words(999_950), rate_words(12)
    ('9.41 Gb/s', '1 Mb/s', '12 b/s')

    Args:
        bits: Bits per second.
    """
    prefix = _prefix(bits)
    return f"{number_words(bits / _KILO**prefix)} {_PREFIXES[prefix]}b/s"


def _prefix(bits: float) -> int:
    """Return the index of the prefix that suits a rate."""
    prefix = 0
    while prefix < len(_PREFIXES) - 1 and abs(float(f"{bits:.3g}")) >= _KILO:
        bits, prefix = bits / _KILO, prefix + 1
    return prefix


def scale_of(unit: str, values: Iterable[float]) -> Tuple[float, str]:
    """
    Choose the unit for numbers that are shown together, such as those of a plot.

    >>> scale_of("s", [0.3, 0.002]), scale_of("bit/s", [2e9, 5e8]), scale_of("ratio", [0.1])
    ((1000.0, 'ms'), (1e-09, 'Gb/s'), (100.0, '%'))

    Args:
        unit: The base unit.
        values: The numbers.

    Returns:
        What to multiply them by, and the unit that they have then.
    """
    if unit == BITS:
        prefix = _prefix(max(map(abs, values), default=0.0))
        return 1 / _KILO**prefix, f"{_PREFIXES[prefix]}b/s"
    if unit == SECONDS:
        return (1000.0, "ms") if all(abs(value) < 1 for value in values) else (1.0, "s")
    return (100.0, "%") if unit == RATIO else (1.0, "bytes" if unit == BYTES else unit)


def column_name(name: str, unit: str) -> str:
    """Return the name of a column in a file for programs, such as "rtt-mean (s)"; a count has its name alone."""
    return f"{name} ({unit})" if unit else name


def is_number(value: object) -> bool:
    """Return whether a JSON value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
