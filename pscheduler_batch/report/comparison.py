"""
Compare the runs of some outputs with those of others (ADR 56).

Runs are compared if their jobs have the same label and the same values where a job varies them. Those values are looked
up in the tasks, so that an output with one iteration can be compared with a sweep.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any, Collection, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.metrics.difference import Difference, difference_of
from pscheduler_batch.metrics.expectations import Expectation, Judgment, KnownJob, resolve
from pscheduler_batch.metrics.table import HIGHER, LOWER, METRICS, Metric, main_metrics
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.output.record_store import RecordStore
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.matching import LONGEST_NAME, JobKey, JobKeys, name_with_values, varied_values_of
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import list_names, number_words

BETTER = "better"
WORSE = "worse"
DIFFERENT = "different"
SAME = "same"
UNCLEAR = "unclear"
TOO_FEW = "too few runs"
ONLY_BEFORE = "only before"
ONLY_AFTER = "only after"

# How many names a message lists.
_NAMED = 5


class ComparisonError(BatchError):
    """Outputs that cannot be compared."""


@dataclass(frozen=True)
class Comparison:
    """
    The values of one metric before and after.

    Attributes:
        metric: The metric.
        before: Its value in each run before, in the base unit; empty where no run has it.
        after: The same after.
    """

    metric: Metric
    before: Tuple[float, ...]
    after: Tuple[float, ...]

    @cached_property
    def difference(self) -> Optional[Difference]:
        """The difference; None where a side has no value."""
        return difference_of(self.before, self.after) if self.before and self.after else None

    @property
    def verdict(self) -> str:
        """The verdict, such as "better"; "higher" or "lower" where neither direction is better."""
        found = self.difference
        if found is None:
            return ONLY_BEFORE if self.before else ONLY_AFTER
        if not found.enough:
            return TOO_FEW
        if len({*self.before, *self.after}) == 1:
            return SAME
        return self._clear_verdict(found.shift) if found.is_clear else UNCLEAR

    @property
    def change(self) -> Optional[float]:
        """The difference as a ratio to the median before; None without one."""
        return None if self.difference is None else self._ratio(self.difference.shift)

    @property
    def change_interval(self) -> Optional[Tuple[float, float]]:
        """The interval of the change; None without one."""
        if self.difference is None or self.difference.interval is None:
            return None
        low, high = (self._ratio(bound) for bound in self.difference.interval)
        return None if low is None or high is None else (low, high)

    @property
    def change_words(self) -> str:
        """The change for people, with its interval, such as "+12.3 % (+9 to +15)"."""
        if self.difference is None:
            return ""
        interval = self.change_interval
        if interval is None or self.verdict == SAME:
            return self.brief_change
        return f"{self.brief_change} ({' to '.join(map(percent, interval))})"

    @property
    def brief_change(self) -> str:
        """The change for people, without its interval."""
        if self.difference is None:
            return ""
        change, shift = self.change, self.difference.shift
        if change is None:
            return f"{_signed(shift, value_words(abs(shift), self.metric.unit))}, from 0"
        return f"{percent(change)} %"

    def as_pairs(self) -> Dict[str, Any]:
        """Convert it to simple values; what is unknown is None."""
        found = self.difference
        change = self.change_interval or (None, None)
        interval = (None, None) if found is None or found.interval is None else found.interval
        return {
            "metric": self.metric.name,
            "unit": self.metric.unit,
            "runs-before": len(self.before),
            "runs-after": len(self.after),
            "median-before": median(self.before) if self.before else None,
            "median-after": median(self.after) if self.after else None,
            "change": self.change,
            "change-low": change[0],
            "change-high": change[1],
            "difference": None if found is None else found.shift,
            "difference-low": interval[0],
            "difference-high": interval[1],
            "p": None if found is None else found.p,
            "verdict": self.verdict,
        }

    def _clear_verdict(self, shift: float) -> str:
        if not shift:
            return DIFFERENT
        direction = HIGHER if shift > 0 else LOWER
        if not self.metric.better:
            return direction
        return BETTER if direction == self.metric.better else WORSE

    def _ratio(self, shift: float) -> Optional[float]:
        if not shift:
            return 0.0
        usual = abs(median(self.before))
        if not usual:
            return None
        # Values that are never negative cannot fall by more than 100 %.
        return shift / usual if min(self.after) < 0 else max(shift / usual, -1.0)


@dataclass(frozen=True)
class ComparedRuns:
    """
    Runs before and after that are compared.

    Attributes:
        job: The number of their job among all jobs that are compared.
        label: Its label.
        test: The type of the test.
        varied: The values that the job varies, by JSON pointer.
        runs: How many runs there are before and after, failed ones included.
        comparisons: The metrics that any of them has, in the order of the table.
    """

    job: int
    label: str
    test: str
    varied: Mapping[str, JSON]
    runs: Tuple[int, int]
    comparisons: Tuple[Comparison, ...]

    @property
    def name(self) -> str:
        """The label with what varies, such as "rtt, length=512"."""
        return name_with_values(self.label, self.varied)

    def runs_words(self, side: int) -> str:
        """Write the number of runs of a side, such as "10 runs", or "8 of 10 runs" where some measured nothing."""
        number = self.runs[side]
        measured = max((len((each.before, each.after)[side]) for each in self.comparisons), default=0)
        runs = f"{number:,} run{'' if number == 1 else 's'}"
        return runs if measured == number else f"{measured:,} of {runs}"


@dataclass(frozen=True)
class BatchComparison:
    """
    Outputs that were compared.

    Attributes:
        files: The names of the files before and after.
        groups: The runs that were compared, in the order of jobs before, then of those that are only after.
        judgments: What was expected of the changes.
    """

    files: Tuple[Tuple[str, ...], Tuple[str, ...]]
    groups: Tuple[ComparedRuns, ...]
    judgments: Tuple[Judgment, ...] = ()

    @property
    def comparisons(self) -> Iterator[Comparison]:
        """All metrics of all runs."""
        return (each for group in self.groups for each in group.comparisons)

    @property
    def others(self) -> List[Tuple[str, List[str]]]:
        """The names of the runs that could not be compared, by the reason."""
        reasons: Dict[str, List[str]] = {}
        for group in self.groups:
            if not all(group.runs):
                reasons.setdefault(ONLY_BEFORE if group.runs[0] else ONLY_AFTER, []).append(group.name)
            elif not group.comparisons:
                reasons.setdefault("nothing to compare", []).append(group.name)
        return list(reasons.items())


class _Run(NamedTuple):
    """What is kept of a run; all of it is JSON."""

    job: JobKey
    test: str
    task: JSONObject
    metrics: Mapping[str, float]


class _Side:
    """The runs of some outputs, kept on disk, as how they are grouped is known when all outputs have been read."""

    def __init__(self, outputs: Mapping[str, Iterable[Row]], metrics: Collection[str]) -> None:
        self._metrics = metrics
        self.varied: Dict[JobKey, Dict[str, None]] = {}
        self._runs = RecordStore()
        for rows in outputs.values():
            self._add(rows)

    def _add(self, rows: Iterable[Row]) -> None:
        """Add the rows of an output."""
        keys = JobKeys()
        for row in rows:
            job = keys.of(row)
            kept = {name: value for name, value in row.metrics.items() if name in self._metrics}
            self._runs.append(json.dumps(_Run(job, row.test, row.task, kept)).encode())
            self.varied.setdefault(job, {}).update(dict.fromkeys(row.varied))

    def __iter__(self) -> Iterator[_Run]:
        for number in range(len(self._runs)):
            (label, place), *others = json.loads(self._runs[number])
            yield _Run((label, place), *others)


class _Group:
    """The values of metrics in the runs that are compared with each other, before and after."""

    def __init__(self, varied: Mapping[str, JSON]) -> None:
        self.varied = varied
        self.runs = [0, 0]
        self.values: Dict[str, Tuple[array[float], array[float]]] = {}

    def add(self, side: int, metrics: Mapping[str, float]) -> None:
        self.runs[side] += 1
        for name, value in metrics.items():
            self.values.setdefault(name, (array("d"), array("d")))[side].append(value)

    @property
    def comparisons(self) -> Iterator[Comparison]:
        for name, metric in METRICS.items():
            if name in self.values:
                before, after = map(tuple, self.values[name])
                yield Comparison(metric, before, after)


def compare(
    before: Mapping[str, Iterable[Row]],
    after: Mapping[str, Iterable[Row]],
    metrics: Optional[Collection[str]] = None,
    also: Collection[str] = (),
) -> BatchComparison:
    """
    Compare outputs.

    Args:
        before: The rows of each output, by the name of its file.
        after: The same.
        metrics: The names of the metrics to compare; None for the main ones of each test.
        also: More of them.

    Raises:
        ComparisonError: They have no job in common, or no run has the metrics.
    """
    chosen = {*(main_metrics(dict.fromkeys(METRICS, 0.0)) if metrics is None else metrics), *also}
    sides = (_Side(before, chosen), _Side(after, chosen))
    jobs = tuple(side.varied for side in sides)
    empty = [side for side, found in zip(("before", "after"), jobs) if not found]
    if empty:
        raise ComparisonError(f"there are no runs to compare {' and '.join(empty)}")
    if jobs[0].keys().isdisjoint(jobs[1]):
        names = [_some(label for label, _ in each) for each in jobs]
        raise ComparisonError(
            f"the outputs have no job in common; the jobs before are {names[0]}, those after are {names[1]}"
        )
    groups: Dict[Tuple[JobKey, str, str], _Group] = {}
    varied = {job: dict.fromkeys([*jobs[0].get(job, ()), *jobs[1].get(job, ())]) for each in jobs for job in each}
    for number, side in enumerate(sides):
        for run in side:
            found = dict(varied_values_of(run.task, varied[run.job]))
            key = (run.job, run.test, json.dumps(found, sort_keys=True))
            groups.setdefault(key, _Group(found)).add(number, run.metrics)
    order = {job: number for number, job in enumerate(varied)}
    made = tuple(
        ComparedRuns(
            order[job],
            job[0],
            test,
            group.varied,
            (group.runs[0], group.runs[1]),
            tuple(group.comparisons),
        )
        for (job, test, _), group in sorted(groups.items(), key=lambda item: order[item[0][0]])
    )
    if metrics and not any(group.comparisons for group in made):
        raise ComparisonError(f"no run has {list_names(metrics)}")
    return BatchComparison((tuple(before), tuple(after)), made)


def judge_changes(expectations: Iterable[Expectation], compared: BatchComparison) -> Tuple[Judgment, ...]:
    """
    Judge the changes of metrics; one without data is not met.

    Args:
        expectations: What is expected of the changes, as ratios.
        compared: The outputs; it must have the metrics of the expectations.

    Raises:
        ExpectationError: An expectation is about no job that there was before.
    """
    jobs: Dict[int, List[ComparedRuns]] = {}
    for group in compared.groups:
        # What is new has not changed.
        if group.runs[0]:
            jobs.setdefault(group.job, []).append(group)
    known = [
        KnownJob(number, groups[0].label, enabled=True, tests=frozenset(group.test for group in groups))
        for number, groups in jobs.items()
    ]
    return tuple(_judge(each, jobs[number]) for number, each in resolve(expectations, known))


def percent(ratio: float) -> str:
    """
    Write a change in percent, with its sign.

    >>> percent(0.1234), percent(-0.5), percent(0)
    ('+12.3', '-50', '0')
    """
    return _signed(ratio, number_words(abs(ratio) * 100))


def _signed(value: float, words: str) -> str:
    return words if words == "0" or not value else f"{'+' if value > 0 else '-'}{words}"


def _judge(expectation: Expectation, groups: Iterable[ComparedRuns]) -> Judgment:
    concerned = [group for group in groups if group.test in expectation.tests]
    known: List[Tuple[ComparedRuns, Comparison, float]] = []
    lacking: List[ComparedRuns] = []
    for group in concerned:
        found = next((each for each in group.comparisons if each.metric.name == expectation.metric), None)
        change = None if found is None else _change(found)
        if found is None or change is None:
            lacking.append(group)
        else:
            known.append((group, found, change))
    words: List[str] = []
    value = None
    if known:
        worst, found, _ = known[expectation.worst_of([change for _, _, change in known])]
        value = found.change
        words.append(f"{found.change_words}, {found.verdict}" + (f" in {worst.name}" if len(concerned) > 1 else ""))
    if lacking:
        more = f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
        words.append(f"no data in {lacking[0].name}{more}")
    met = not lacking and all(expectation.is_met_by(change) for _, _, change in known)
    return Judgment(
        expectation.text, concerned[0].label, met, "; ".join(words), expectation.metric, value, expectation.unit
    )


def _change(each: Comparison) -> Optional[float]:
    """Return a change to be judged: from zero, it is infinite."""
    if each.difference is None or each.change is not None:
        return each.change
    return float("inf") if each.difference.shift > 0 else float("-inf")


def _some(names: Iterable[str]) -> str:
    every = [f'"{one_line(name, LONGEST_NAME)}"' for name in dict.fromkeys(names)]
    return ", ".join(every[:_NAMED]) + (f" and {len(every) - _NAMED} more" if len(every) > _NAMED else "")
