"""
Durations and timestamps of ISO 8601, to Python's values and back.

The two libraries behind it take some 50 ms to import, half of the time of a short command, so they are imported for the
first text that needs them; most durations do not.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, cast

# Durations of a fixed length: weeks, days and a time part, at least one of them. The time part may be a T alone, as in
# pScheduler.
_NUMBER = r"[0-9]+(?:[.,][0-9]+)?"
_DATE_PART = rf"(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
_TIME_PART = rf"(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
_FIXED = re.compile(rf"P(?=[0-9T]){_DATE_PART}{_TIME_PART}")
_WHOLE = re.compile(
    r"P(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+)S)?)?"
)
# These are compiled when they are first used; most texts need neither.
_UNFIXED = rf"P(?:{_NUMBER}[YMWD])*(?:{_NUMBER}[YM])(?:{_NUMBER}[YMWD])*(?:T[\s\S]*)?"

# Plain seconds: no sign, no exponent, ASCII digits only.
_SECONDS = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"

# A longer duration, wait or delay is taken for an error; the calendar ends in the year 9999.
LONGEST = timedelta(days=3650)

_EXAMPLE = "an ISO 8601 duration such as PT1M30S"


def parse_duration(text: str) -> timedelta:
    """
    Read an ISO 8601 duration of weeks, days, hours, minutes and seconds.

    >>> parse_duration("PT1M30S")
    datetime.timedelta(seconds=90)

    Args:
        text: Such as ``PT15S``, ``P1DT12H`` or ``PT0.5S``.

    Raises:
        ValueError: It is something else, is negative, or has years or months, which have no fixed length. The text
            of the error is the reason alone; the caller adds the place and the value.
    """
    if _FIXED.fullmatch(text) is None:
        raise ValueError(_why_not_a_duration(text))
    whole = _WHOLE.fullmatch(text)
    try:
        if whole is not None:
            return timedelta(**{unit: int(number) for unit, number in whole.groupdict("0").items()})
        return cast("timedelta", _isodate().parse_duration(text))
    except (ArithmeticError, ValueError) as error:
        raise ValueError("is too long") from error


def parse_span(text: str) -> timedelta:
    """
    Read a duration of the command line: an ISO 8601 duration, or seconds as a plain number.

    >>> parse_span("PT1M30S") == parse_span("90") == parse_span("90.0")
    True

    Raises:
        ValueError: It is something else, is negative, is longer than ten years, or has years or months. The text of the
            error is the reason alone, as in :func:`parse_duration`.
    """
    if re.fullmatch(r"-\s*[0-9.]+", text):
        raise ValueError("is negative")
    try:
        span = timedelta(seconds=float(text)) if re.fullmatch(_SECONDS, text) else parse_duration(text)
    except OverflowError:
        span = timedelta.max
    except ValueError as error:
        # If the form as a whole is wrong, plain seconds are an option as well.
        raise ValueError(str(error).replace(_EXAMPLE, f"a number of seconds or {_EXAMPLE}")) from error
    if span > LONGEST:
        raise ValueError(f"is too long: more than {LONGEST.days:,} days")
    return span


def format_duration(span: timedelta) -> str:
    """
    Write a span as an ISO 8601 duration of days, hours, minutes and seconds.

    >>> format_duration(timedelta(seconds=90.5)), format_duration(timedelta(0))
    ('PT1M30.5S', 'P0D')
    """
    return str(_isodate().duration_isoformat(span))


def _isodate() -> Any:
    import isodate  # noqa: PLC0415 - see the docstring of the module

    return isodate


def parse_timestamp(text: str) -> datetime:
    """
    Read an ISO 8601 timestamp with a time zone.

    >>> parse_timestamp("2026-03-01T12:00:00Z").isoformat()
    '2026-03-01T12:00:00+00:00'

    Raises:
        ValueError: It is something else, or has no time zone. The text of the error is the reason alone.
    """
    from dateutil.parser import isoparse  # noqa: PLC0415 - see the docstring of the module

    try:
        moment = isoparse(text)
    except (ArithmeticError, ValueError) as error:
        raise ValueError("is not an ISO 8601 timestamp such as 2026-03-01T12:00:00Z") from error
    if moment.utcoffset() is None:
        raise ValueError("has no time zone; add Z or an offset such as +02:00")
    return moment


def format_timestamp(moment: datetime) -> str:
    """
    Write an aware time as an ISO 8601 timestamp with its offset.

    Raises:
        ValueError: The time has no zone.
    """
    if moment.utcoffset() is None:
        raise ValueError("a time without a zone cannot be written")
    return moment.isoformat()


def _why_not_a_duration(text: str) -> str:
    if not text.strip():
        return f"is empty; expected {_EXAMPLE}"
    if re.match("-P|P.*-[0-9]", text):
        return "is negative"
    if re.fullmatch(_UNFIXED, text):
        unfixed = "has years or months; these have no fixed length, so use weeks, days, hours, minutes or seconds"
        return f"{unfixed} (one minute is PT1M)" if "M" in text.partition("T")[0] else unfixed
    if text == "P":
        return f"is incomplete; expected {_EXAMPLE}"
    if _FIXED.fullmatch(text.strip().upper()):
        return f"is not {_EXAMPLE}; write it as {text.strip().upper()}"
    return f"is not {_EXAMPLE}"
