"""Divide time into hours, days, weeks, months or years, in the zone of the user."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from typing import Iterator, NamedTuple, Optional

HOUR, DAY, WEEK, MONTH, YEAR = "hour", "day", "week", "month", "year"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class BucketSize(NamedTuple):
    """
    How much time the points of a plot stand for.

    Attributes:
        name: Such as "day".
        longest: The longest time that is divided so.
        step: Less than two buckets, and enough to get to the next one.
    """

    name: str
    longest: timedelta
    step: timedelta


_SIZES = (
    BucketSize(HOUR, timedelta(days=2), timedelta(hours=1)),
    BucketSize(DAY, timedelta(days=100), timedelta(hours=26)),
    BucketSize(WEEK, timedelta(weeks=104), timedelta(days=8)),
    BucketSize(MONTH, timedelta(days=3653), timedelta(days=32)),
    BucketSize(YEAR, timedelta.max, timedelta(days=367)),
)


def bucket_size(span: timedelta) -> BucketSize:
    """Choose the size for a span, so that there are at most some hundred buckets."""
    return next(size for size in _SIZES if span <= size.longest)


def local_time(timestamp: float, zone: Optional[tzinfo]) -> datetime:
    """
    Return a time in the zone of the user.

    Args:
        timestamp: Seconds since 1970.
        zone: The zone; None is that of the machine.

    Returns:
        A time with a fixed offset, as times with the same zone are compared without it.
    """
    return _fixed(datetime.fromtimestamp(timestamp, timezone.utc).astimezone(zone))


def start_of(size: BucketSize, when: datetime, zone: Optional[tzinfo]) -> datetime:
    """
    Return the start of the bucket of a time.

    Args:
        size: The size.
        when: The time, as :func:`local_time` returns it.
        zone: Its zone; None is that of the machine.
    """
    if size.name == HOUR:
        # An hour that occurs twice, as clocks are set back, has two offsets.
        return when.replace(minute=0, second=0, microsecond=0)
    day = when.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if size.name == WEEK:
        day -= timedelta(days=day.weekday())
    elif size.name == MONTH:
        day = day.replace(day=1)
    elif size.name == YEAR:
        day = day.replace(month=1, day=1)
    # Where clocks are set forward at midnight, the day starts at 1:00; its midnight may count as the day before.
    starts = (_placed(day + timedelta(hours=hour), zone) for hour in (0, 1))
    return next(start for start in starts if start.date() == day.date())


def starts_between(size: BucketSize, first: float, last: float, zone: Optional[tzinfo]) -> Iterator[datetime]:
    """Iterate over the starts of all buckets from the time of the first run to that of the last one."""
    start = start_of(size, local_time(first, zone), zone)
    while start.timestamp() <= last:
        yield start
        start = start_of(size, local_time((start + size.step).timestamp(), zone), zone)


def bucket_words(size: BucketSize, start: datetime) -> str:
    """
    Name a bucket.

    >>> start = datetime(2026, 11, 23, 8, tzinfo=timezone.utc)
    >>> [bucket_words(size, start) for size in _SIZES]
    ['Nov 23, 08:00', 'Nov 23', '2026-11-23', 'Nov 2026', '2026']
    """
    day = f"{_MONTHS[start.month - 1]} {start.day}"
    return {
        HOUR: f"{day}, {start:%H:%M}",
        DAY: day,
        WEEK: start.date().isoformat(),
        MONTH: f"{_MONTHS[start.month - 1]} {start.year}",
        YEAR: str(start.year),
    }[size.name]


def _placed(day: datetime, zone: Optional[tzinfo]) -> datetime:
    # A time that clocks skip becomes one that there is.
    return local_time(day.replace(tzinfo=zone).timestamp(), zone)


def _fixed(when: datetime) -> datetime:
    return when.replace(tzinfo=timezone(when.utcoffset() or timedelta()), fold=0)
