"""
Times and text from outside, as reports show them.

What a server or a label says may hold anything: line ends, terminal escapes, marks that turn the direction of writing.
It goes through :func:`one_line` or :func:`block` before a terminal, a page or a spreadsheet shows it.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Callable, Iterable, Optional

from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import printable, short_duration

# Up to this number, every integer is exact.
_EXACT = 2**53
# Control characters, what turns or hides the text around it, unpaired surrogates, and what is not a character.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


def one_line(text: str, longest: Optional[int] = None) -> str:
    r"""
    Write a text in one line, with escapes for what a terminal would not show as it is.

    >>> print(one_line(" a\n  b\x1b[2J "))
    a b\u001b[2J

    Args:
        text: Any text.
        longest: The most characters to return; a longer text is cut and ends with "…".
    """
    # No more is looked at than can be shown, with as much again for white space.
    looked_at = text if longest is None else text[: 2 * longest + 1]
    line = printable(" ".join(looked_at.split()))
    if longest is not None and (len(line) > longest or len(looked_at) < len(text)):
        return line[: longest - 1] + "…"
    return line


def block(text: str) -> str:
    r"""
    Keep the lines of a text, and escape what cannot be shown or would change how the rest is shown.

    >>> print(block("1 packet\r\n\x1b[31m2 packets"))
    1 packet
    \u001b[31m2 packets
    """
    return _UNSHOWABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def plain_number(value: float) -> str:
    """
    Write a number for programs: without rounding, and an integer without a decimal point.

    >>> plain_number(4.0), plain_number(0.0004), plain_number(1e300)
    ('4', '0.0004', '1e+300')
    """
    return str(int(value)) if float(value).is_integer() and abs(value) < _EXACT else repr(float(value))


def duration_words(row: Row) -> str:
    """Return how long a run took; empty where that is not known."""
    return "" if row.duration is None else short_duration(row.duration.total_seconds())


def in_zone(when: Optional[datetime], zone: Optional[tzinfo]) -> Optional[datetime]:
    """Convert a time to another zone; return it unchanged at the edge of the calendar or without a zone."""
    try:
        return when if zone is None or when is None else when.astimezone(zone)
    except (OverflowError, ValueError):
        return when


def moment(when: datetime) -> str:
    """
    Write date and time to the second, with the zone.

    >>> from datetime import timezone
    >>> moment(datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc))
    '2026-05-04 03:02:01 +00:00'
    """
    written = when.isoformat(" ", "seconds")
    return f"{written[:19]} {written[19:]}".rstrip()


def time_of_day(when: datetime) -> str:
    """Write the time of day, with tenths of a second where it is not a whole second."""
    return f"{when:%H:%M:%S}" + (f".{when.microsecond // 100_000}" if when.microsecond else "")


def times_of_day(among: Iterable[Optional[datetime]]) -> Callable[[datetime], str]:
    """Return what writes the time of day, with the day before it unless all of some times are of the same day."""
    if len({when.date() for when in among if when is not None}) <= 1:
        return time_of_day
    return lambda when: f"{when.date()} {time_of_day(when)}"
