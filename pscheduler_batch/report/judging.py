"""Judge whether the jobs of a batch meet expectations (ADR 55)."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.metrics.expectations import EVERY_RUN, TOTAL, Expectation, Expected, Judgment
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import SECONDS
from pscheduler_batch.report.rows import JobMetrics, Row


def judge(
    expected: Iterable[Expected], rows: Iterable[Row], metrics: Iterable[JobMetrics], labels: Mapping[int, str]
) -> Tuple[Judgment, ...]:
    """
    Judge expectations; one without data is not met.

    Args:
        expected: The expectations of each job.
        rows: The rows of these jobs.
        metrics: The metrics of these jobs.
        labels: The labels of these jobs, by number.
    """
    rows_of: Dict[int, List[Row]] = {}
    for row in rows:
        rows_of.setdefault(row.job, []).append(row)
    metrics_of: Dict[int, List[JobMetrics]] = {}
    for each in metrics:
        metrics_of.setdefault(each.job, []).append(each)
    return tuple(_judge(each, labels[job], rows_of.get(job, []), metrics_of.get(job, [])) for job, each in expected)


def unreadable(expected: Iterable[Expected], labels: Mapping[int, str], reason: str) -> Tuple[Judgment, ...]:
    """Judge expectations whose results cannot be read."""
    return tuple(_made(each, labels[job], None, f"no data: {reason}", met=False) for job, each in expected)


def _judge(expectation: Expectation, label: str, rows: Sequence[Row], metrics: Sequence[JobMetrics]) -> Judgment:
    # The tasks of a job can have several tests, and not all of them the metric.
    concerned = [row for row in rows if not row.test or row.test in expectation.tests]
    if not concerned:
        return _made(expectation, label, None, "no data: the job was not run", met=False)
    if expectation.statistic == EVERY_RUN:
        return _judge_every_run(expectation, label, concerned)
    if expectation.statistic == TOTAL:
        return _judge_together(expectation, label, concerned, metrics)
    values = [row.metrics[expectation.metric] for row in concerned if expectation.metric in row.metrics]
    value = expectation.over_runs(values) if values else None
    return _judgment(expectation, label, value, _in_runs(len(values) or len(concerned), len(concerned)))


def _judge_every_run(expectation: Expectation, label: str, rows: Sequence[Row]) -> Judgment:
    measured = [row for row in rows if expectation.metric in row.metrics]
    lacking = [row for row in rows if expectation.metric not in row.metrics]
    if not measured:
        return _judgment(expectation, label, None, _in_runs(len(rows), len(rows)))
    values = [row.metrics[expectation.metric] for row in measured]
    worst = expectation.worst_of(values)
    failing = sum(not expectation.is_met_by(value) for value in values)
    found = f"{expectation.value_words(values[worst])} in {_run_name(measured[worst])}"
    if len(rows) > 1:
        number = failing or len(measured)
        runs = f"{'all' if number == len(rows) else f'{number:,} of'} {len(rows):,} runs"
        found = f"worst {found}; {'not met' if failing else 'met'} in {runs}"
    if lacking:
        found = f"{found}; no data in {_run_name(lacking[0])}"
        found += f" and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
    return _made(expectation, label, values[worst], found, met=not failing and not lacking)


def _judge_together(
    expectation: Expectation, label: str, rows: Sequence[Row], metrics: Sequence[JobMetrics]
) -> Judgment:
    found = [each for each in metrics if expectation.metric in each.metrics]
    if not found:
        return _judgment(expectation, label, None, _in_runs(len(rows), len(rows)))
    worst = found[expectation.worst_of([each.metrics[expectation.metric] for each in found])]
    where = _in_runs(worst.runs, sum(not row.test or row.test == worst.test for row in rows))
    return _judgment(expectation, label, worst.metrics[expectation.metric], f"{_samples(expectation, worst)}{where}")


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
        return "" if sent is None else f"of {_count(round(sent), 'packet')} "
    if METRICS[expectation.metric].of_job:
        return _packets_of(expectation.metric, metrics)
    number, noun = (metrics.packets, "packet") if expectation.unit == SECONDS else (metrics.intervals, "interval")
    return f"over {_count(number, noun)} " if number else ""


def _packets_of(metric: str, metrics: JobMetrics) -> str:
    """Return the number of packets that a metric of latency under load is of."""
    loaded, idle = f"{_count(metrics.loaded, 'packet')} under load", f"{_count(metrics.idle, 'packet')} while idle"
    words = loaded if "-loaded-" in metric else idle if "-idle-" in metric else f"{loaded} and {idle}"
    return f"over {words} "


def _in_runs(number: int, of: int) -> str:
    """
    Write in how many of some runs something is known.

    >>> _in_runs(4, 4), _in_runs(3, 4), _in_runs(1, 1)
    ('in 4 runs', 'in 3 of 4 runs', 'in 1 run')
    """
    return f"in {_count(number, 'run')}" if number >= of else f"in {number:,} of {_count(of, 'run')}"


def _run_name(row: Row) -> str:
    return f"{row.label} run {row.run}" if row.run else row.label


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
