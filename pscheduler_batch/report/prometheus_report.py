"""
The report for Prometheus: a file for the textfile collector of node_exporter (ADR 54).

The collector reads the text format 0.0.4 of Prometheus. The file is written so that it is OpenMetrics 1.0 as well,
which has stricter rules and an end that shows that nothing is missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import BITS, BYTES, COUNT, RATIO, SECONDS
from pscheduler_batch.output.record_store import RecordStore
from pscheduler_batch.report.formatting import one_line, plain_number
from pscheduler_batch.report.rows import BatchReport, JobMetrics, Row

_PREFIX = "pscheduler_batch"
_UNITS: Mapping[str, str] = {
    SECONDS: "seconds",
    BITS: "bits_per_second",
    RATIO: "ratio",
    BYTES: "bytes",
    COUNT: "",
}
# Prometheus keeps all labels of all series in memory.
_LONGEST_LABEL = 200
_LINES_AT_ONCE = 200
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\""})

_Value = Optional[float]


@dataclass(frozen=True)
class _Gauge:
    """A number that each run may have."""

    name: str
    meaning: str
    unit: str
    value: Callable[[Row], _Value]


class PrometheusReport:
    """
    A gauge for each metric, with a sample for each run that has it, and gauges about the batch.

    There are no timestamps, which the textfile collector refuses; the end of a run is a metric of its own.
    """

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the lines, those of a gauge together, as both formats demand."""
        batch = {"batch": PurePath(report.file).stem}
        for name, meaning, unit, value in _about_batch(report):
            if value is not None:
                yield _head(name, meaning, unit) + _sample(name, unit, _labels(batch), value)
        yield from _expectations(report.judgments, batch)
        yield from _of_jobs(report.jobs, batch)
        samples = _Samples()
        for row, labels in _labeled(report.rows, batch):
            for gauge in _GAUGES:
                value = gauge.value(row)
                if value is not None:
                    samples.add(gauge, _sample(gauge.name, gauge.unit, labels, value))
        for gauge in _GAUGES:
            yield from samples.of(gauge)
        yield "# EOF\n"


class _Samples:
    """The samples of runs: they come run by run, and are read gauge by gauge, perhaps from the disk."""

    def __init__(self) -> None:
        self._blocks = RecordStore()
        self._numbers: Dict[str, List[int]] = {}
        self._lines: Dict[str, List[str]] = {}

    def add(self, gauge: _Gauge, line: str) -> None:
        if gauge.name not in self._lines:
            self._lines[gauge.name] = [_head(gauge.name, gauge.meaning, gauge.unit)]
        lines = self._lines[gauge.name]
        lines.append(line)
        if len(lines) >= _LINES_AT_ONCE:
            block = "".join(lines).encode("utf-8", "surrogatepass")
            self._numbers.setdefault(gauge.name, []).append(self._blocks.append(block))
            lines.clear()

    def of(self, gauge: _Gauge) -> Iterator[str]:
        for number in self._numbers.get(gauge.name, ()):
            yield self._blocks[number].decode("utf-8", "surrogatepass")
        yield "".join(self._lines.get(gauge.name, ()))


def _about_batch(report: BatchReport) -> Iterator[Tuple[str, str, str, _Value]]:
    end = report.end or max((row.end for row in report.rows if row.end is not None), default=None)
    yield "runs", "runs of the batch, and iterations without a run", COUNT, len(report.rows)
    yield "failed_runs", "runs that failed, and iterations without a run", COUNT, len(report.failed)
    yield "skipped_runs", "iterations not submitted because another one had failed", COUNT, len(report.skipped)
    yield "jobs_not_run", "jobs of the batch that were not run", COUNT, len(report.unrun)
    yield "ended_early", "whether the batch ended early", COUNT, report.error is not None
    yield "start_timestamp", "when the batch started", SECONDS, _timestamp(report.start)
    yield "end_timestamp", "when the batch ended", SECONDS, _timestamp(end)
    yield "shuffle_seed", "seed of the random order of iterations", COUNT, report.seed


def _expectations(judgments: Iterable[Judgment], batch: Mapping[str, str]) -> Iterator[str]:
    """Write which expectations were met; jobs with the same label have one sample, as no two may be alike."""
    met: Dict[str, bool] = {}
    for judgment in judgments:
        labels = _labels({**batch, "label": judgment.job, "expectation": judgment.expectation})
        met[labels] = judgment.met and met.get(labels, True)
    head = _head("expectation_met", "whether the job met the expectation", COUNT)
    for labels, is_met in met.items():
        yield head + _sample("expectation_met", COUNT, labels, is_met)
        head = ""


def _of_jobs(jobs: Sequence[JobMetrics], batch: Mapping[str, str]) -> Iterator[str]:
    """Write the metrics that are mainly those of all runs of a job together."""
    numbers: Dict[str, Set[int]] = {}
    for job in jobs:
        numbers.setdefault(_escaped(job.job_label), set()).add(job.job)
    for metric in METRICS.values():
        known = [job for job in jobs if metric.of_job and metric.name in job.metrics]
        name = f"job_{metric.name.replace('-', '_')}"
        head = _head(name, f"{metric.meaning}, over all runs of the job", metric.unit)
        for job in known:
            several = len(numbers[_escaped(job.job_label)]) > 1
            labels = {"label": job.job_label, "job_number": str(job.job) if several else "", "test": job.test}
            yield head + _sample(name, metric.unit, _labels({**batch, **labels}), job.metrics[metric.name])
            head = ""


def _duration(row: Row) -> _Value:
    return None if row.duration is None else row.duration.total_seconds()


def _timestamp(moment: Optional[datetime]) -> _Value:
    return None if moment is None else moment.timestamp()


def _metric(name: str) -> Callable[[Row], _Value]:
    return lambda row: row.metrics.get(name)


_GAUGES = (
    _Gauge("run_succeeded", "whether the run succeeded", COUNT, lambda row: None if row.skipped else row.succeeded),
    _Gauge("run_end_timestamp", "when the run ended", SECONDS, lambda row: _timestamp(row.end)),
    _Gauge("run_duration", "duration of the run", SECONDS, _duration),
    *(_Gauge(name.replace("-", "_"), each.meaning, each.unit, _metric(name)) for name, each in METRICS.items()),
)


def _labeled(rows: Iterable[Row], batch: Mapping[str, str]) -> Iterator[Tuple[Row, str]]:
    """
    Write the labels of runs, which no two runs have in common.

    The number of a job is a label only where several jobs have the same label, and that of a run only where its
    iteration has several.
    """
    jobs = {row.job: _escaped(row.job_label) for row in rows}
    uses = Counter(jobs.values())
    for row in rows:
        labels = {
            **batch,
            "label": row.job_label,
            "job_number": str(row.job) if uses[jobs[row.job]] > 1 else "",
            "iteration": str(row.iteration),
            "run": str(row.run) if row.runs > 1 else "",
            "test": row.test,
            "lead": row.lead,
            "destination": row.destination,
        }
        yield row, _labels(labels)


def _labels(given: Mapping[str, str]) -> str:
    """Write labels with the braces around them; an empty one is the same as none."""
    written = ",".join(f'{name}="{_escaped(text)}"' for name, text in given.items() if text)
    return f"{{{written}}}" if written else ""


def _head(name: str, meaning: str, unit: str) -> str:
    full = _full_name(name, unit)
    said = f"# UNIT {full} {_UNITS[unit]}\n" if _UNITS[unit] else ""
    return f"# HELP {full} {meaning}\n# TYPE {full} gauge\n{said}"


def _sample(name: str, unit: str, labels: str, value: float) -> str:
    return f"{_full_name(name, unit)}{labels} {plain_number(value)}\n"


def _full_name(name: str, unit: str) -> str:
    return "_".join(part for part in (_PREFIX, name, _UNITS[unit]) if part)


def _escaped(text: str) -> str:
    return one_line(text, _LONGEST_LABEL).translate(_ESCAPES)
