"""
The history of many outputs: each metric over days, and the last run beside the usual (ADR 61).

:mod:`~pscheduler_batch.report.history_collector` makes it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Iterable, Mapping, NamedTuple, Optional, Tuple

from pscheduler_batch.metrics.distribution import Distribution
from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.table import HIGHER, LOWER, PERCENTILES, Metric
from pscheduler_batch.metrics.units import BITS, SECONDS
from pscheduler_batch.model import JSON
from pscheduler_batch.report.buckets import BucketSize

USUAL = "usual"
UNUSUALLY_HIGH = "unusually high"
UNUSUALLY_LOW = "unusually low"
TOO_FEW = "too few runs"
NO_VALUE = "no value"
# So many runs before the last one are enough to say what is usual.
ENOUGH = 5
# What is outside the usual by less than this share of the median is not worth a sentence.
_WORTH = 0.05
# Computing adds errors in the last digits.
_PRECISION = 1e-9
_LOW, _HIGH = 0.1, PERCENTILES["p90"]


class Period(NamedTuple):
    """
    The time in which runs started.

    Attributes:
        since: The first time; None if there is no limit.
        until: The first time after it; None if there is no limit.
    """

    since: Optional[datetime] = None
    until: Optional[datetime] = None

    def includes(self, when: datetime) -> bool:
        """Return whether a time is in it."""
        return (self.since is None or when >= self.since) and (self.until is None or when < self.until)


@dataclass(frozen=True)
class Spread:
    """
    The values of a metric in some runs.

    Attributes:
        runs: How many values there are.
        median: Their median, in the base unit.
        p10: A tenth of them are below this value.
        p90: A tenth of them are above this value.
    """

    runs: int
    median: float
    p10: float
    p90: float


@dataclass(frozen=True)
class MetricHistory:
    """
    The values of one metric in the runs of a series.

    Attributes:
        metric: The metric.
        spreads: Its values by the number of the bucket; buckets without a value are left out.
        extremes: The smallest and the largest value.
        last: The median of the last runs; None where none of them has the metric.
        usual: Its values in the buckets before that of the last runs; None where there are too few.
    """

    metric: Metric
    spreads: Mapping[int, Spread]
    extremes: Tuple[float, float]
    last: Optional[float]
    usual: Optional[Spread]

    @property
    def verdict(self) -> str:
        """
        Whether the last value is usual.

        Outside the range from p10 to p90 it is "higher" or "lower"; if it is farther outside than the range is wide,
        and by more than 5 % of the median, it is "unusually high" or "unusually low". A count, a size or a ratio that
        hardly ever varied may differ by less.
        """
        if self.last is None:
            return NO_VALUE
        if self.usual is None:
            return TOO_FEW
        distance = self.distance
        if not distance:
            return USUAL
        width = self.usual.p90 - self.usual.p10
        is_continuous = width or self.metric.unit in {BITS, SECONDS}
        if abs(distance) > max(width, abs(self.usual.median) * _WORTH if is_continuous else 0.0):
            return UNUSUALLY_HIGH if distance > 0 else UNUSUALLY_LOW
        return HIGHER if distance > 0 else LOWER

    @property
    def distance(self) -> float:
        """How far the last value is above (or, if negative, below) the usual range; 0 inside."""
        if self.last is None or self.usual is None:
            return 0.0
        if any(math.isclose(self.last, bound, rel_tol=_PRECISION) for bound in (self.usual.p10, self.usual.p90)):
            return 0.0
        return max(self.last - self.usual.p90, 0.0) + min(self.last - self.usual.p10, 0.0)

    @property
    def is_constant(self) -> bool:
        """Whether all values are equal."""
        return math.isclose(*self.extremes, rel_tol=_PRECISION)

    @property
    def is_unusual(self) -> bool:
        """Whether the last value is so far from the usual that it is worth a sentence."""
        return self.verdict in {UNUSUALLY_HIGH, UNUSUALLY_LOW}

    @property
    def is_worse(self) -> Optional[bool]:
        """Whether a value that is not usual is worse; None where that is not clear."""
        if not self.distance or not self.metric.better:
            return None
        return (self.distance > 0) == (self.metric.better == LOWER)


@dataclass(frozen=True)
class LastRuns:
    """
    The runs of a series in the last output that has any.

    Attributes:
        start: The start of the last one.
        runs: How many there are.
        failed: How many of them failed.
        reason: Why the last one of these failed; None if none did.
        source: The name of the output.
    """

    start: datetime
    runs: int
    failed: int
    reason: Optional[str]
    source: str


@dataclass(frozen=True)
class Series:
    """
    Runs that measured the same: of one job, with the same values where the job varies them, to one destination.

    Attributes:
        name: The label with what varies.
        label: The label of the job.
        test: The type of the test.
        destination: The destination, where tasks name one.
        varied: The values that the job varies, by JSON pointer.
        runs: How many runs there are, by the number of the bucket.
        failed: How many of them failed.
        last: The last runs.
        metrics: The metrics that any of the runs has, in the order of the table.
    """

    name: str
    label: str
    test: str
    destination: str
    varied: Mapping[str, JSON]
    runs: Mapping[int, int]
    failed: Mapping[int, int]
    last: LastRuns
    metrics: Tuple[MetricHistory, ...]


@dataclass(frozen=True)
class FailureReason:
    """
    Runs that failed for the same reason.

    Attributes:
        reason: The reason.
        runs: How many there are.
        jobs: The labels of their jobs.
        last: When the last of them started.
    """

    reason: str
    runs: int
    jobs: Tuple[str, ...]
    last: datetime


@dataclass(frozen=True)
class History:
    """
    Many outputs.

    Attributes:
        period: The time in which the runs started.
        sources: The names of the outputs that have runs in the period.
        span: When the first and the last run started; None without runs.
        size: The size of a bucket.
        buckets: The starts of all buckets from the first run to the last one, in the zone of the user.
        series: The runs by what they measured, in the order in which that first appeared.
        failures: Why runs failed, most frequent reasons first.
        notes: What was left out and why, in words.
        outside: How many runs were not in the period.
        judgments: The expectations.
    """

    period: Period
    sources: Tuple[str, ...]
    span: Optional[Tuple[datetime, datetime]]
    size: BucketSize
    buckets: Tuple[datetime, ...]
    series: Tuple[Series, ...]
    failures: Tuple[FailureReason, ...]
    notes: Tuple[str, ...] = ()
    outside: int = 0
    judgments: Tuple[Judgment, ...] = ()

    @property
    def runs(self) -> int:
        """The number of runs."""
        return sum(sum(each.runs.values()) for each in self.series)

    @property
    def failed(self) -> int:
        """The number of runs that failed."""
        return sum(sum(each.failed.values()) for each in self.series)

    @cached_property
    def last_source(self) -> str:
        """The name of the output with the last run; empty without runs."""
        last = max((each.last for each in self.series), key=lambda last: last.start, default=None)
        return "" if last is None else last.source


def spread_of(values: Iterable[float]) -> Spread:
    """Return the spread of some values, of which there is at least one."""
    found = Distribution(Counter(values))
    return Spread(found.size, found.percentile(PERCENTILES["median"]), found.percentile(_LOW), found.percentile(_HIGH))
