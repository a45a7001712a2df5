"""
The values that a report is made of: a row for every run, and for every iteration without a run.

They are made from the output document alone (ADR 35), so that a batch that has just ended and an output that was saved
a year ago give the same report.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Collection, Dict, Mapping, NamedTuple, Optional, Tuple, Union

from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.samples import NO_SAMPLES, Samples
from pscheduler_batch.model import JSON, JSONObject

# The state of an iteration that was not submitted because another one failed (ADR 72).
SKIPPED = "skipped"


@dataclass(frozen=True)
class Row:
    """
    A run, or an iteration without a run.

    Attributes:
        job: The number of the job, from 0.
        job_label: The job's label, cut where it is very long, or "job-N".
        iteration: The number of the iteration in its job, from 0.
        run: The number of the run in its iteration, from 0; None without a run.
        test: The type of the test.
        lead: The host that ran the task, where known.
        destination: The destination of the measurement, where the task names one.
        state: The state of the run in pScheduler's words; "failed" without a run, or :data:`SKIPPED`.
        succeeded: Whether the result of the run says so, and nothing else went wrong with its iteration.
        metrics: The numbers of the result by name, in base units and in the order of the table (ADR 53); empty for
            unknown tests.
        headline: The same in a few words, such as "0.31/0.40/0.52 ms, loss 0 %"; without metrics, "succeeded" or the
            state; never empty.
        reason: Why it failed.
        planned: The planned start, where the batch synchronized the start.
        start: The start of the run, or of the lead run if this is one of several results.
        end: The end of the run, or of the lead run if this is one of several results.
        late: How long after its planned start the task was submitted.
        task: What was submitted, with the values of names that begin with "_" hidden (ADR 18).
        varied: The simple values that differ between the tasks of the job, by JSON pointer, such as
            {"/test/spec/length": 512}.
        text: The result as text, rendered by the server.
        html: The result as HTML, rendered by the server: not to be trusted.
        result: The result as JSON, secrets hidden.
        participants: The results of the participants of a failed run, secrets hidden; None where they are not kept.
        runs: How many runs its iteration has.
        lead_state: The state of the lead run if this is one of several results, else None.
        result_time: When the result was made if it is one of several, where known.
        source: The name of the file that the row is from, where several are read; else empty.
        hosts: The hosts that took part, in lower case and without ports: lead, participants, source and destination; no
            loopback address beside others, as it is not the same host everywhere.
        href: The URL of the run on its server, where known.
        samples: What the metrics were computed from: single packets, intervals and paths, in order and with their
            times where these are known; empty without a result that succeeded.
    """

    job: int
    job_label: str
    iteration: int
    run: Optional[int]
    test: str
    lead: str
    destination: str
    state: str
    succeeded: bool
    metrics: Mapping[str, float]
    headline: str
    reason: Optional[str]
    planned: Optional[datetime]
    start: Optional[datetime]
    end: Optional[datetime]
    late: Optional[timedelta]
    task: JSONObject
    varied: Mapping[str, JSON]
    text: Optional[str]
    html: Optional[str]
    result: JSON
    participants: JSON = None
    runs: int = 1
    lead_state: Optional[str] = None
    result_time: Optional[datetime] = None
    source: str = ""
    hosts: Tuple[str, ...] = ()
    href: str = ""
    samples: Samples = NO_SAMPLES

    @property
    def label(self) -> str:
        """The name of the iteration in messages."""
        return f"{self.job_label}/{self.iteration}"

    @property
    def skipped(self) -> bool:
        """Whether the iteration was not submitted because another one had failed; it has not failed itself."""
        return self.run is None and self.state == SKIPPED

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return not (self.succeeded or self.skipped)

    @property
    def duration(self) -> Optional[timedelta]:
        """The duration of the run; None where its times are unknown or in the wrong order."""
        if self.start is None or self.end is None or self.end < self.start:
            return None
        return self.end - self.start

    def as_dict(self) -> Dict[str, Any]:
        """
        Convert the row to simple values, as data frames and ``csv.DictWriter`` take them.

        Returns:
            Text, numbers, truth values, times in UTC, and None: the columns of the CSV report, then the metrics that
            the run has, then what varies between the iterations of its job, by JSON pointer. Everything is in base
            units; ``duration`` and ``late`` are seconds.
        """
        return {
            "source": self.source,
            "job": self.job,
            "iteration": self.iteration,
            "run": self.run,
            "label": self.job_label,
            "test": self.test,
            "lead": self.lead,
            "destination": self.destination,
            "state": self.state,
            "succeeded": self.succeeded,
            "planned": _in_utc(self.planned),
            "start": _in_utc(self.start),
            "end": _in_utc(self.end),
            "duration": _seconds(self.duration),
            "late": _seconds(self.late),
            "headline": self.headline,
            "reason": self.reason,
            "result-time": _in_utc(self.result_time),
            **self.metrics,
            **self.varied,
        }


class Span(NamedTuple):
    """A span of time, as Unix times."""

    start: float
    end: float


@dataclass(frozen=True)
class Load:
    """
    A run of a throughput test, as a load for what other runs measured (ADR 59).

    Attributes:
        job: The number of its job.
        label: The name of its iteration.
        hosts: The hosts that took part in it.
        possible: When it may have been sending.
        certain: When it was certainly sending; None where that is not known, as for a run that failed.
        rate: The rate that it reached in bits per second, where known.
    """

    job: int
    label: str
    hosts: Tuple[str, ...]
    possible: Span
    certain: Optional[Span]
    rate: Optional[float]


@dataclass(frozen=True)
class JobMetrics:
    """
    The metrics of all runs of a job together.

    Attributes:
        job: The number of the job, from 0.
        job_label: Its label, as in its rows.
        test: The type of the test; a job whose tasks have several has one value for each.
        runs: How many runs measured something.
        metrics: The metrics, as in a row.
        packets: How many packets the statistics of delays are of.
        intervals: How many intervals the statistics of rates are of.
        loaded: How many packets were sent under load (ADR 59).
        idle: How many packets were sent while there was certainly none; 0 where no throughput test was near.
        loads: The throughput tests of other jobs that may have been a load, in order of time; of many, the first ones.
    """

    job: int
    job_label: str
    test: str
    runs: int
    metrics: Mapping[str, float]
    packets: int = 0
    intervals: int = 0
    loaded: int = 0
    idle: int = 0
    loads: Tuple[Load, ...] = ()


class Rows(Collection[Row]):
    """Rows that need not be in memory; they can be iterated over as often as needed."""

    @property
    @abstractmethod
    def failed(self) -> Collection[Row]:
        """Those that failed."""

    @property
    @abstractmethod
    def skipped(self) -> Collection[Row]:
        """Those that were skipped."""


@dataclass(frozen=True)
class BatchReport:
    """
    The results of a whole batch.

    Attributes:
        rows: The rows, in the order of jobs, iterations and runs. They can be iterated over as often as needed, and
            counted. They may be more than fit into memory, so each is read when its turn comes (ADR 57).
        start: When the batch started; None in an output that does not say.
        end: When it ended.
        error: Why it ended early, if it did.
        unrun: The labels of the jobs that were not run: disabled ones, those never reached, those without iterations.
        jobs: The metrics of jobs, in their order, where any run measured something.
        file: The name of the file that the report is written to; empty for the standard output.
        judgments: The expectations, those that were judged when the batch was run first (ADR 55).
        name: The file name of the batch, or of its output where that is all that is known; empty for standard input.
        seed: The seed of the random order of serial iterations; None if it is that of their numbers (ADR 72).
    """

    rows: Union[Rows, Tuple[Row, ...]]
    start: Optional[datetime]
    end: Optional[datetime]
    error: Optional[str]
    unrun: Tuple[str, ...]
    jobs: Tuple[JobMetrics, ...] = ()
    file: str = ""
    judgments: Tuple[Judgment, ...] = ()
    name: str = ""
    seed: Optional[int] = None

    @property
    def unmet(self) -> Tuple[Judgment, ...]:
        """The expectations that were not met."""
        return tuple(judgment for judgment in self.judgments if not judgment.met)

    @property
    def failed(self) -> Collection[Row]:
        """The rows that failed."""
        return self.rows.failed if isinstance(self.rows, Rows) else tuple(row for row in self.rows if row.failed)

    @property
    def skipped(self) -> Collection[Row]:
        """The rows of iterations that were not submitted because another one had failed."""
        return self.rows.skipped if isinstance(self.rows, Rows) else tuple(row for row in self.rows if row.skipped)

    @property
    def succeeded(self) -> bool:
        """Whether nothing went wrong, and every expectation was met."""
        return self.error is None and not (self.failed or self.skipped or self.unmet)


def _in_utc(moment: Optional[datetime]) -> Optional[datetime]:
    try:
        return None if moment is None else moment.astimezone(timezone.utc)
    except OverflowError:
        # At the edge of the calendar, which no measurement was made at.
        return None


def _seconds(span: Optional[timedelta]) -> Optional[float]:
    return None if span is None else span.total_seconds()
