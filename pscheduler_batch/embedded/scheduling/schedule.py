"""The ``schedule`` of a task: when its runs start."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Mapping, Optional

from pscheduler_batch.iso8601 import parse_duration, parse_timestamp

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class UnusableScheduleError(Exception):
    """A schedule that is valid by the task's schema but cannot be followed."""


@dataclass(frozen=True)
class Schedule:
    """
    The schedule of a task.

    Attributes:
        start: The first start as written: a timestamp, a duration from now, or ``@`` and a duration to whose next
            multiple it is rounded up; None is as soon as possible.
        slip: How much later a run may start.
        random_slip: Whether to choose the slip at random.
        repeat: The time from one start to the next; None is a single run.
        until: The latest start of a run.
        max_runs: The maximum number of runs.
    """

    start: Optional[str] = None
    slip: timedelta = timedelta(0)
    random_slip: bool = False
    repeat: Optional[timedelta] = None
    until: Optional[datetime] = None
    max_runs: Optional[int] = None

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Schedule:
        """
        Return the ``schedule`` of a task.

        Raises:
            UnusableScheduleError: It cannot be followed. A duration as ``until`` is valid by the schema, but the
                database rejects it (recording c22); ``repeat-cron`` is not supported.
        """
        if "repeat-cron" in document:
            raise UnusableScheduleError("repeat-cron is not supported")
        try:
            schedule = cls(
                start=document.get("start"),
                slip=parse_duration(document.get("slip", "P0D")),
                random_slip=bool(document.get("sliprand", False)),
                repeat=parse_duration(document["repeat"]) if "repeat" in document else None,
                until=parse_timestamp(document["until"]) if "until" in document else None,
                max_runs=document.get("max-runs"),
            )
        except (TypeError, ValueError) as error:
            raise UnusableScheduleError(str(error)) from error
        if schedule.repeat is not None and schedule.repeat <= timedelta(0):
            raise UnusableScheduleError("the time from one run to the next is zero")
        return schedule

    def first_start(self, now: datetime) -> Optional[datetime]:
        """
        Return the first start, which may be in the past; None is as soon as possible.

        Raises:
            UnusableScheduleError: It is not a time.
        """
        if self.start is None:
            return None
        try:
            if self.start.startswith("@"):
                return _next_multiple(now, parse_duration(self.start[1:]))
            if self.start.startswith("P"):
                return now + parse_duration(self.start)
            return parse_timestamp(self.start)
        except (OverflowError, ValueError, ZeroDivisionError) as error:
            raise UnusableScheduleError(str(error)) from error


def _next_multiple(now: datetime, span: timedelta) -> datetime:
    return _EPOCH + math.ceil((now - _EPOCH) / span) * span
