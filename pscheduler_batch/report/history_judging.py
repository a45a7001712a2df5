"""Judge whether the jobs of many outputs meet expectations, over all their runs in a period (ADR 61)."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Dict, List, Sequence, Set, Tuple

from pscheduler_batch.metrics.distribution import SampleCounts
from pscheduler_batch.metrics.expectations import Expectation, Judgment, KnownJob, resolve
from pscheduler_batch.metrics.measurement import Measurement, Pool, with_load
from pscheduler_batch.metrics.samples import NO_SAMPLES
from pscheduler_batch.report.judging import judge
from pscheduler_batch.report.matching import JobKey
from pscheduler_batch.report.rows import JobMetrics, Row


class _Together:
    """What all runs of one test of a job measured together."""

    def __init__(self, test: str) -> None:
        self._test = test
        self._pool = Pool(test)
        self._loaded, self._idle = SampleCounts(), SampleCounts()

    def add(self, row: Row) -> None:
        self._pool.add(Measurement(row.metrics, row.samples))
        self._loaded.add(row.samples.loaded)
        self._idle.add(row.samples.idle)

    def metrics(self, job: int, label: str) -> JobMetrics:
        pool, counts = self._pool, (self._loaded.counts, self._idle.counts)
        return JobMetrics(
            job=job,
            job_label=label,
            test=self._test,
            runs=pool.runs,
            metrics=with_load(self._test, Measurement(pool.metrics), *counts).metrics,
            packets=pool.packets,
            intervals=pool.intervals,
            loaded=self._loaded.size,
            idle=self._idle.size,
        )


class HistoryJudge:
    """Collects what expectations need to know of runs; nothing without expectations."""

    def __init__(self, expectations: Sequence[Expectation] = ()) -> None:
        """
        Start without a run.

        Args:
            expectations: The expectations.
        """
        self._expectations = expectations
        self._numbers: Dict[JobKey, int] = {}
        self._tests: List[Set[str]] = []
        self._rows: List[Row] = []
        self._together: Dict[Tuple[int, str], _Together] = {}

    def know(self, job: JobKey, row: Row) -> int:
        """
        Know a job by one of its runs, which need not be in the period.

        Returns:
            The number of the job among all jobs of all outputs.
        """
        number = self._numbers.setdefault(job, len(self._numbers))
        if number == len(self._tests):
            self._tests.append(set())
        self._tests[number].add(row.test)
        return number

    def add(self, job: JobKey, row: Row, source: str) -> None:
        """
        Add a run in the period.

        Args:
            job: Its job.
            row: The run.
            source: The name of the output.
        """
        if not self._expectations:
            return
        number = self.know(job, row)
        if row.metrics:
            self._together.setdefault((number, row.test), _Together(row.test)).add(row)
        # Messages name the run, which is one of many outputs.
        name = f"{os.path.basename(source)}: {row.job_label}"
        kept = replace(row, job=number, job_label=name, task={}, text=None, html=None, result=None, participants=None)
        self._rows.append(replace(kept, samples=NO_SAMPLES))

    def judgments(self) -> Tuple[Judgment, ...]:
        """
        Judge the expectations.

        Raises:
            ExpectationError: An expectation is about no job.
        """
        labels = {number: label for (label, _), number in self._numbers.items()}
        jobs = [
            KnownJob(number, label, enabled=True, tests=frozenset(self._tests[number] - {""}))
            for number, label in labels.items()
        ]
        metrics = [each.metrics(number, labels[number]) for (number, _), each in self._together.items()]
        return judge(resolve(self._expectations, jobs), self._rows, metrics, labels)
