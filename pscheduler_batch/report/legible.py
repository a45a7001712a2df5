"""What a page shows of long texts and of times that others gave."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Optional

# Control characters, what turns or hides the text around it, halves of characters, and what is no character.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


def block(text: str) -> str:
    r"""
    Keep the lines of a text, and write what cannot be shown, or would change how the rest is shown, as its escape.

    >>> print(block("1 packet\r\n\x1b[31m2 packets"))
    1 packet
    \u001b[31m2 packets
    """
    return _UNSHOWABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))


def in_zone(when: Optional[datetime], zone: Optional[tzinfo]) -> Optional[datetime]:
    """Give a time in another zone; as it is where the calendar ends, or where there is no zone."""
    try:
        return when if zone is None or when is None else when.astimezone(zone)
    except (OverflowError, ValueError):
        return when


def moment(when: datetime) -> str:
    """
    Say a date and a time, to the second, with its zone.

    >>> from datetime import timezone
    >>> moment(datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc))
    '2026-05-04 03:02:01 +00:00'
    """
    written = when.isoformat(" ", "seconds")
    return f"{written[:19]} {written[19:]}".rstrip()


def time_of_day(when: datetime) -> str:
    """Say a time alone, to the tenth of a second where it is not a whole one."""
    return f"{when:%H:%M:%S}" + (f".{when.microsecond // 100_000}" if when.microsecond else "")
