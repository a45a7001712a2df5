"""
Numbers, spans and labels in words for people, and other people's words in one line.

What a server or a label says may hold anything (line ends, terminal escapes, marks that turn the direction of writing),
so it goes through :func:`one_line` before a terminal, a table or a spreadsheet sees it.
"""

from __future__ import annotations

import math
from typing import Optional

from pscheduler_batch.report.rows import Figure, Row
from pscheduler_batch.text import number_words, printable, short_duration

MILLISECONDS = "ms"
BITS = "bit/s"

_KILO = 1000
_PREFIXES = ("", "k", "M", "G", "T", "P")


def one_line(text: str, longest: Optional[int] = None) -> str:
    r"""
    Bring a text into one line that a terminal only shows.

    >>> print(one_line(" a\n  b\x1b[2J "))
    a b\u001b[2J

    Args:
        text: Anything.
        longest: How many characters of it are enough; what is longer is cut, and ends with "…".
    """
    # No more is looked at than can be shown, with as much again for white space.
    looked_at = text if longest is None else text[: 2 * longest + 1]
    line = printable(" ".join(looked_at.split()))
    if longest is not None and (len(line) > longest or len(looked_at) < len(text)):
        return line[: longest - 1] + "…"
    return line


def rate_words(bits: float) -> str:
    """
    Write a rate in the unit that suits it.

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


def duration_words(row: Row) -> str:
    """Say how long a run took; nothing where that is not known."""
    return "" if row.duration is None else short_duration(row.duration.total_seconds())


def is_number(value: object) -> bool:
    """Say whether a JSON value is a number that can be reckoned with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
