"""Judge whether the jobs of a batch meet expectations (ADR 55)."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.metrics.expectations import EVERY_RUN, TOTAL, Expectation, Expected, Judgment
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import SECONDS
from pscheduler_batch.report.rows import JobMetrics, Row
from pscheduler_batch.text import all_words, count_words


def judge(
    expected: Iterable[Expected], rows: Iterable[Row], metrics: Iterable[JobMetrics], labels: Mapping[int, str]
) -> Tuple[Judgment, ...]:
    """
    Judge expectations; one without data is not met.

    Args:
        expected: The expectations of each job.
        rows: The rows of these jobs; they are iterated over once, and only if something is expected.
        metrics: The metrics of these jobs.
        labels: The labels of these jobs, by number.
    """
    trials = [_Trial(each, job) for job, each in expected]
    of_job: Dict[int, List[_Trial]] = {}
    for trial in trials:
        of_job.setdefault(trial.job, []).append(trial)
    for row in rows if trials else ():
        for trial in of_job.get(row.job, ()):
            trial.add(row)
    metrics_of: Dict[int, List[JobMetrics]] = {}
    for each in metrics:
        metrics_of.setdefault(each.job, []).append(each)
    return tuple(trial.judge(labels[trial.job], metrics_of.get(trial.job, [])) for trial in trials)


def unreadable(expected: Iterable[Expected], labels: Mapping[int, str], reason: str) -> Tuple[Judgment, ...]:
    """Judge expectations whose results cannot be read."""
    return tuple(_made(each, labels[job], None, f"no data: {reason}", met=False) for job, each in expected)


class _Trial:
    """What one expectation needs of the runs of one job; of their values it keeps no more than the numbers."""

    def __init__(self, expectation: Expectation, job: int) -> None:
        self.job = job
        self._expectation = expectation
        self._runs: Counter[str] = Counter()
        self._measured = 0
        self._failing = 0
        self._values = array("d")
        self._worst: Optional[Tuple[float, str]] = None
        self._lacking: Optional[str] = None

    def add(self, row: Row) -> None:
        """Take a run into account."""
        expectation = self._expectation
        # The tasks of a job can have several tests, and not all of them the metric.
        if row.test and row.test not in expectation.tests:
            return
        self._runs[row.test] += 1
        value = row.metrics.get(expectation.metric)
        if value is None:
            self._lacking = self._lacking or _run_name(row)
            return
        self._measured += 1
        if expectation.statistic not in (EVERY_RUN, TOTAL):
            self._values.append(value)
        self._failing += not expectation.is_met_by(value)
        if self._worst is None or expectation.worst_of((self._worst[0], value)):
            self._worst = value, _run_name(row)

    def judge(self, label: str, metrics: Sequence[JobMetrics]) -> Judgment:
        """Judge the expectation when all runs have been added."""
        expectation, runs = self._expectation, sum(self._runs.values())
        if not runs:
            return _made(expectation, label, None, "no data: the job was not run", met=False)
        if expectation.statistic == EVERY_RUN:
            return self._judge_every_run(label, runs)
        if expectation.statistic == TOTAL:
            return self._judge_together(label, metrics, runs)
        value = expectation.over_runs(self._values) if self._values else None
        return _judgment(expectation, label, value, _in_runs(self._measured or runs, runs))

    def _judge_every_run(self, label: str, runs: int) -> Judgment:
        if self._worst is None:
            return _judgment(self._expectation, label, None, _in_runs(runs, runs))
        value, name = self._worst
        found = f"{self._expectation.value_words(value)} in {name}"
        if runs > 1:
            number = self._failing or self._measured
            of = all_words(runs, "runs") if number == runs else f"{number:,} of {runs:,} runs"
            share = f"met in none of {runs:,} runs" if self._failing == runs else f"not met in {of}"
            found = f"worst {found}; {share if self._failing else f'met in {of}'}"
        if self._lacking is not None:
            more = runs - self._measured - 1
            found = f"{found}; no data in {self._lacking}" + (f" and {more:,} more" if more else "")
        return _made(self._expectation, label, value, found, met=not self._failing and self._lacking is None)

    def _judge_together(self, label: str, metrics: Sequence[JobMetrics], runs: int) -> Judgment:
        expectation = self._expectation
        found = [each for each in metrics if expectation.metric in each.metrics]
        if not found:
            return _judgment(expectation, label, None, _in_runs(runs, runs))
        worst = found[expectation.worst_of([each.metrics[expectation.metric] for each in found])]
        where = _in_runs(worst.runs, self._runs[""] + self._runs[worst.test])
        return _judgment(
            expectation, label, worst.metrics[expectation.metric], f"{_samples(expectation, worst)}{where}"
        )


def _judgment(expectation: Expectation, label: str, value: Optional[float], where: str) -> Judgment:
    if value is None:
        return _made(expectation, label, None, f"no data {where}", met=False)
    found = f"{expectation.value_words(value)} {where}"
    return _made(expectation, label, value, found, met=expectation.is_met_by(value))


def _made(expectation: Expectation, label: str, value: Optional[float], found: str, *, met: bool) -> Judgment:
    return Judgment(expectation.text, label, met, found, expectation.metric, value, expectation.unit)


def _samples(expectation: Expectation, metrics: JobMetrics) -> str:
    """Return the number of samples that a statistic is of, such as "over 40 packets "."""
    if not expectation.is_of_samples:
        sent = metrics.metrics.get("sent") if expectation.metric == "loss" else None
        return "" if sent is None else f"of {count_words(round(sent), 'packet')} "
    if METRICS[expectation.metric].of_job:
        return _packets_of(expectation.metric, metrics)
    number, noun = (metrics.packets, "packet") if expectation.unit == SECONDS else (metrics.intervals, "interval")
    return f"over {count_words(number, noun)} " if number else ""


def _packets_of(metric: str, metrics: JobMetrics) -> str:
    """Return the number of packets that a metric of latency under load is of."""
    loaded = f"{count_words(metrics.loaded, 'packet')} under load"
    idle = f"{count_words(metrics.idle, 'packet')} while idle"
    words = loaded if "-loaded-" in metric else idle if "-idle-" in metric else f"{loaded} and {idle}"
    return f"over {words} "


def _in_runs(number: int, of: int) -> str:
    """
    Write in how many of some runs something is known.

    >>> _in_runs(4, 4), _in_runs(3, 4), _in_runs(1, 1)
    ('in 4 runs', 'in 3 of 4 runs', 'in 1 run')
    """
    return f"in {count_words(number, 'run')}" if number >= of else f"in {number:,} of {count_words(of, 'run')}"


def _run_name(row: Row) -> str:
    return f"{row.label} run {row.run}" if row.run else row.label
