"""
Times as people write them on a command line: "7d", "yesterday", "2026-11-20 08:00", "P7D".

dateutil reads dates, but also much that can have several meanings: "5" is the fifth of this month, and 11/12/2026 is in
November. Such texts are errors here.
"""

from __future__ import annotations

import re
import time
from datetime import MAXYEAR, MINYEAR, datetime, timedelta, tzinfo
from typing import Any, Mapping, NamedTuple, Optional

from dateutil import tz
from dateutil.parser import parse

from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.text import shorten

ACCEPTED = '7d, 36h, 2w, P7D, yesterday, 2026-11-20 or "2026-11-20 08:00"'
_LONGEST = 60
_UNITS: Mapping[str, timedelta] = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(s|m|h|d|w|(?:sec|second|min|minute|hour|day|week)s?)(?![a-z]) ?")
_SPAN = re.compile(f"(?:{_PART.pattern})+(?:ago)?")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = 3
_AMBIGUOUS = re.compile(r"\b\d{1,2}([./-])\d{1,2}\1\d{2,4}\b")
# dateutil takes it for 3 hours behind UTC.
_SHIFTED_ZONE = re.compile(r"(?:UTC|GMT)\s*[+-]", re.IGNORECASE)
# Seconds: the largest offset of a zone. The second date in "2026-11-20 - 2026-11-25" looks like a larger one.
_LARGEST_OFFSET = 14 * 3600
_ZONE_HINT = "has an unknown time zone; use UTC or an offset such as +01:00"
# Fields that the text does not set are those of the default.
_FIELDS = ("year", "month", "day", "hour")


class Moment(NamedTuple):
    """
    A time that was given.

    Attributes:
        start: The time; of a day, its start.
        end: The same time; of a day, its end.
    """

    start: datetime
    end: datetime


def parse_moment(text: str, now: datetime, zone: Optional[tzinfo] = None) -> Moment:
    """
    Read a time.

    >>> now = datetime(2026, 11, 28, 12, 30, tzinfo=tz.UTC)
    >>> [str(parse_moment(text, now, tz.UTC).start)[:16] for text in ("36h", "yesterday", "2026-11-20 08:00")]
    ['2026-11-27 00:30', '2026-11-27 00:00', '2026-11-20 08:00']

    Args:
        text: A span before now, such as "7d", "1 week ago" or "P7D"; "now"; or a day, a time or both: "yesterday",
            "today", a weekday, 2026-11-20 or "20 Nov" (each is the last one), 08:00 or "8 pm". A time may have a zone:
            Z, UTC, GMT, an offset, or an abbreviation that the machine's own zone has.
        now: The time.
        zone: The zone of times that name none; None is that of the machine.

    Raises:
        ValueError: It is something else. The text of the error is a whole sentence.
    """
    given = " ".join(text.split())
    try:
        span = _span_of(given.lower()) if len(given) <= _LONGEST else None
        if span is not None:
            return Moment(now - span, now - span)
        return Moment(now, now) if given.lower() == "now" else _day_or_time(given, now, zone)
    except _MomentError as error:
        raise ValueError(f'"{shorten(given)}" {error}') from error
    except (ArithmeticError, ValueError, OSError) as error:
        raise ValueError(f'"{shorten(given)}" is not a time; use {ACCEPTED}') from error


class _MomentError(ValueError):
    """The reason why a text is not a time."""


def _span_of(given: str) -> Optional[timedelta]:
    if re.match("p[0-9t]", given):
        try:
            return parse_duration(given.upper())
        except ValueError as error:
            raise _MomentError(str(error)) from error
    if _SPAN.fullmatch(given) is None:
        return None
    return sum((_UNITS[unit[0]] * float(number) for number, unit in _PART.findall(given)), timedelta())


def _day_or_time(given: str, now: datetime, zone: Optional[tzinfo]) -> Moment:
    if _AMBIGUOUS.search(given) is not None:
        raise _MomentError("can be read in several ways; write the date as 2026-11-20")
    if _SHIFTED_ZONE.search(given) is not None:
        raise _MomentError(_ZONE_HINT)
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    text = _with_date(given, today)
    other = today.replace(year=today.year - 4, month=today.month % 12 + 1, day=today.day % 28 + 1, hour=1)
    found, shifted = (parse(text, default=default, tzinfos=_zone_named) for default in (today, other))
    if not MINYEAR < found.year < MAXYEAR:
        # In other zones, or a day later, this may be no year at all.
        raise ValueError(text)
    is_set = {name: getattr(found, name) == getattr(shifted, name) for name in _FIELDS}
    is_alone = is_set["hour"] and not any(is_set[name] for name in ("year", "month", "day"))
    if not is_alone and not (is_set["month"] and is_set["day"]):
        raise ValueError(text)
    start = _placed(found, zone)
    if not is_alone and not is_set["year"] and start > now:
        start = _placed(found.replace(year=found.year - 1), zone)
    if is_set["hour"]:
        return Moment(start, start)
    return Moment(start, _placed(start.replace(tzinfo=None) + timedelta(days=1), zone))


def _with_date(given: str, today: datetime) -> str:
    """Replace the name of a day by its date."""
    word, _, rest = given.partition(" ")
    days = {"today": 0, "yesterday": 1}.get(word.lower())
    for number, name in enumerate(_WEEKDAYS):
        if len(word) >= _SHORT and name.startswith(word.lower()):
            days = (today.weekday() - number) % 7
    return given if days is None else f"{(today - timedelta(days=days)).date().isoformat()} {rest}"


def _placed(found: datetime, zone: Optional[tzinfo]) -> datetime:
    """Add the local zone to a time that has none, with the offset at that time."""
    if found.tzinfo is not None:
        return found
    return found.astimezone() if zone is None else found.replace(tzinfo=zone)


def _zone_named(name: Optional[str], offset: Optional[int]) -> Any:
    """Find a zone; dateutil ignores unknown names."""
    if offset is not None:
        if abs(offset) > _LARGEST_OFFSET:
            raise ValueError(offset)
        return tz.tzoffset(name, offset)
    if name is None:
        return None
    if name in {"UTC", "GMT", "Z"}:
        return tz.UTC
    if name in time.tzname:
        return tz.tzlocal()
    raise _MomentError(_ZONE_HINT)
