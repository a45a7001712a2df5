"""
Collect the runs of many outputs for their history (ADR 61).

Outputs are added one after the other, and of each run only its numbers are kept. When all are known, their times decide
whether a point stands for an hour, a day or more.
"""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from pscheduler_batch.metrics.expectations import Expectation
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.model import JSON
from pscheduler_batch.report.buckets import bucket_size, local_time, start_of, starts_between
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.history import (
    ENOUGH,
    FailureReason,
    History,
    LastRuns,
    MetricHistory,
    Period,
    Series,
    spread_of,
)
from pscheduler_batch.report.history_judging import HistoryJudge
from pscheduler_batch.report.matching import LONGEST_NAME, JobKey, JobKeys, name_with_values, varied_values_of
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import count_words

# Parts of a task that do not say what is measured, and may differ in every run.
_NOT_MEASURED = frozenset({"schedule", "reference", "archives"})
# A job with more different values varies something at random.
MOST_VALUES = 500
_LONGEST_REASON = 200
# The identity of rows that nothing distinguishes from those of other outputs.
_UNKNOWN = 0
# Times in other years are those of clocks that were never set.
_YEARS = range(1990, 2100)


class _Key(NamedTuple):
    """What the runs of a job with the same test and destination have in common."""

    job: JobKey
    test: str
    destination: str


class _Runs:
    """Such runs, by their numbers from 0."""

    def __init__(self) -> None:
        self.times = array("d")
        self.outputs = array("L")
        self.tasks = array("L")
        self.reasons: Dict[int, str] = {}
        self._values: Dict[str, array[float]] = {}

    def add(self, when: datetime, output: int, task: int, row: Row) -> None:
        number = len(self.times)
        if row.failed:
            self.reasons[number] = one_line(row.reason or "", _LONGEST_REASON)
        self.times.append(when.timestamp())
        self.outputs.append(output)
        self.tasks.append(task)
        for name, value in row.metrics.items():
            values = self._values.setdefault(name, array("d"))
            values.extend([math.nan] * (number - len(values)))
            values.append(value)

    def values(self, name: str, chosen: Iterable[int]) -> Dict[int, float]:
        """Return the values of a metric in some runs; those without it are left out."""
        known = self._values.get(name, ())
        return {run: known[run] for run in chosen if run < len(known) and not math.isnan(known[run])}


@dataclass(frozen=True)
class _Chosen:
    """
    Some runs, which are one series.

    Attributes:
        runs: All runs of the same job, test and destination.
        chosen: The numbers of the runs of the series.
        buckets: The number of the bucket of each of all runs.
    """

    runs: _Runs
    chosen: Sequence[int]
    buckets: Sequence[int]

    @property
    def last(self) -> List[int]:
        """The runs of the last output that has any, in their order."""
        latest = max(self.chosen, key=lambda run: (self.runs.times[run], run))
        return [run for run in self.chosen if self.runs.outputs[run] == self.runs.outputs[latest]]

    def counts(self, chosen: Iterable[int]) -> Dict[int, int]:
        """Count runs by their buckets."""
        return dict(sorted(Counter(self.buckets[run] for run in chosen).items()))

    def metrics(self) -> Iterator[MetricHistory]:
        last = set(self.last)
        first = min(self.buckets[run] for run in last)
        before = {run for run in self.chosen if self.buckets[run] < first}
        for name, metric in METRICS.items():
            values = self.runs.values(name, self.chosen)
            if not values:
                continue
            by_bucket: Dict[int, List[float]] = {}
            for run, value in values.items():
                by_bucket.setdefault(self.buckets[run], []).append(value)
            latest = [value for run, value in values.items() if run in last]
            earlier = [value for run, value in values.items() if run in before]
            yield MetricHistory(
                metric=metric,
                spreads={bucket: spread_of(found) for bucket, found in sorted(by_bucket.items())},
                extremes=(min(values.values()), max(values.values())),
                last=spread_of(latest).median if latest else None,
                usual=spread_of(earlier) if len(earlier) >= ENOUGH else None,
            )


class HistoryCollector:
    """Collects the runs of outputs that started in a period."""

    def __init__(self, period: Period, expectations: Sequence[Expectation] = ()) -> None:
        """
        Start without a run.

        Args:
            period: The period.
            expectations: What all runs in it are judged by.
        """
        self._period = period
        self._judge = HistoryJudge(expectations)
        self._runs: Dict[_Key, _Runs] = {}
        self._varied: Dict[JobKey, Dict[str, None]] = {}
        self._tasks: Dict[str, int] = {}
        self._sources: List[str] = []
        self._outside = 0
        self._timeless: Counter[str] = Counter()
        self._seen: Set[int] = set()
        self._repeated: Counter[str] = Counter()

    def add(self, source: str, rows: Iterable[Row], start: Optional[datetime] = None) -> None:
        """
        Add the runs of an output, except those that an earlier output has: a copy, or the output of the same batch from
        before it was resumed.

        Args:
            source: Its name.
            rows: Its rows.
            start: When the batch started, for iterations that failed before they had a run; skipped ones are left out.
        """
        output = len(self._sources)
        self._sources.append(source)
        keys = JobKeys()
        identities: Set[int] = set()
        for row in rows:
            job = keys.of(row)
            self._judge.know(job, row)
            if row.skipped:
                continue
            when = row.result_time or row.start or row.planned or start
            identity = _identity_of(row, start)
            identities.add(identity)
            if identity in self._seen:
                self._repeated[source] += 1
            elif when is None or when.year not in _YEARS:
                self._timeless[source] += 1
            elif not self._period.includes(when):
                self._outside += 1
            else:
                self._varied.setdefault(job, {}).update(dict.fromkeys(filter(_is_measured, row.varied)))
                runs = self._runs.setdefault(_Key(job, row.test, row.destination), _Runs())
                runs.add(when, output, self._task_of(row), row)
                self._judge.add(job, row, source)
        self._seen |= identities - {_UNKNOWN}

    def history(self, zone: Optional[tzinfo] = None, notes: Sequence[str] = ()) -> History:
        """
        Make the history of what was added.

        Args:
            zone: The zone of days; None is that of the machine.
            notes: What was left out before, in words.

        Raises:
            ExpectationError: An expectation is about no job.
        """
        first = min((min(runs.times) for runs in self._runs.values()), default=0.0)
        last = max((max(runs.times) for runs in self._runs.values()), default=0.0)
        size = bucket_size(timedelta(seconds=last - first))
        buckets = tuple(starts_between(size, first, last, zone)) if self._runs else ()
        used = {output for runs in self._runs.values() for output in runs.outputs}
        places = {start: number for number, start in enumerate(buckets)}
        return History(
            period=self._period,
            sources=tuple(source for number, source in enumerate(self._sources) if number in used),
            span=(local_time(first, zone), local_time(last, zone)) if self._runs else None,
            size=size,
            buckets=buckets,
            series=tuple(
                self._series(key, varied, _Chosen(runs, chosen, numbers), zone)
                for key, runs in self._runs.items()
                for numbers in ([places[start_of(size, local_time(when, zone), zone)] for when in runs.times],)
                for varied, chosen in self._groups(key, runs)
            ),
            failures=tuple(self._failures(zone)),
            notes=(*notes, *self._notes()),
            outside=self._outside,
            judgments=self._judge.judgments(),
        )

    def _task_of(self, row: Row) -> int:
        """Return the number of the part of a task that says what is measured; most runs share a few of them."""
        measured = {name: value for name, value in row.task.items() if name not in _NOT_MEASURED}
        return self._tasks.setdefault(json.dumps(measured, sort_keys=True), len(self._tasks))

    def _groups(self, key: _Key, runs: _Runs) -> List[Tuple[Mapping[str, JSON], List[int]]]:
        """Divide runs by the values that their job varies; return these and the numbers of the runs."""
        tasks = list(self._tasks)
        found: Dict[int, Tuple[str, Mapping[str, JSON]]] = {}
        groups: Dict[str, Tuple[Mapping[str, JSON], List[int]]] = {}
        for run, task in enumerate(runs.tasks):
            if task not in found:
                varied = dict(varied_values_of(json.loads(tasks[task]), self._varied[key.job]))
                found[task] = (json.dumps(varied, sort_keys=True), varied)
            name, values = found[task]
            groups.setdefault(name, (values, []))[1].append(run)
        return list(groups.values()) if len(groups) <= MOST_VALUES else [({}, list(range(len(runs.times))))]

    def _series(self, key: _Key, varied: Mapping[str, JSON], chosen: _Chosen, zone: Optional[tzinfo]) -> Series:
        runs, last = chosen.runs, chosen.last
        failed = [run for run in chosen.chosen if run in runs.reasons]
        failed_last = [run for run in last if run in runs.reasons]
        return Series(
            name=self._name(key, varied),
            label=key.job[0],
            test=key.test,
            destination=key.destination,
            varied=varied,
            runs=chosen.counts(chosen.chosen),
            failed=chosen.counts(failed),
            last=LastRuns(
                start=local_time(max(runs.times[run] for run in last), zone),
                runs=len(last),
                failed=len(failed_last),
                reason=runs.reasons[failed_last[-1]] if failed_last else None,
                source=self._sources[runs.outputs[last[-1]]],
            ),
            metrics=tuple(chosen.metrics()),
        )

    def _name(self, key: _Key, varied: Mapping[str, JSON]) -> str:
        """Name a series so that it differs from the others."""
        label, number = key.job
        name = name_with_values(label, varied)
        if number or _Key((label, 1), *key[1:]) in self._runs:
            name += f" #{number + 1}"
        if not key.destination or key.destination in varied.values():
            return name
        others = {other.destination for other in self._runs if other.job == key.job}
        return f"{name} → {one_line(key.destination, LONGEST_NAME)}" if len(others) > 1 else name

    def _failures(self, zone: Optional[tzinfo]) -> Iterator[FailureReason]:
        counts: Counter[str] = Counter()
        jobs: Dict[str, Dict[str, None]] = {}
        latest: Dict[str, float] = {}
        for key, runs in self._runs.items():
            for run, reason in runs.reasons.items():
                counts[reason] += 1
                jobs.setdefault(reason, {})[key.job[0]] = None
                latest[reason] = max(latest.get(reason, 0.0), runs.times[run])
        for reason, number in counts.most_common():
            yield FailureReason(reason, number, tuple(jobs[reason]), local_time(latest[reason], zone))

    def _notes(self) -> Iterator[str]:
        if self._timeless:
            number, files = sum(self._timeless.values()), len(self._timeless)
            yield f"{count_words(number, 'run')} in {count_words(files, 'file')} left out: no time known"
        if self._repeated:
            number, files = sum(self._repeated.values()), len(self._repeated)
            yield f"{count_words(number, 'run')} in {count_words(files, 'file')} left out: already in another file"


def _is_measured(where: str) -> bool:
    """Return whether a value in a task, given by its JSON pointer, says what is measured."""
    return where.split("/", maxsplit=2)[1] not in _NOT_MEASURED


def _identity_of(row: Row, start: Optional[datetime]) -> int:
    """
    Identify a run by its URL and times, and an iteration without a run by its batch.

    A number, as texts of all runs of hundreds of outputs would take more memory than their metrics.
    """
    if row.run is None:
        return hash((start, row.job_label, row.job, row.iteration, row.reason)) if start else _UNKNOWN
    if not row.href or row.start is None:
        return _UNKNOWN
    return hash((row.href, row.test, row.destination, row.start, row.end, row.result_time))
