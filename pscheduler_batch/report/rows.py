"""
The values that a report is made of: a row for every run, and for every iteration that has none.

They are made from the output document alone (ADR 14), so that a batch that has just ended and an output that was
saved a year ago give the same report.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Mapping, Optional, Tuple

from pscheduler_batch.model import JSON, JSONObject

# Of the tasks, texts, HTML and JSON of all runs together; a browser still opens that at once.
MOST_CHARACTERS = 20_000_000


@dataclass(frozen=True)
class Figure:
    """
    One number that a measurement gave.

    Attributes:
        name: What it is in a column of CSV, such as "rtt-mean".
        title: What it is called for people, such as "Mean round trip".
        value: The number, in the unit.
        unit: Such as "ms", "bit/s", "%"; empty where it is a count.
    """

    name: str
    title: str
    value: float
    unit: str = ""


@dataclass(frozen=True)
class Row:
    """
    A run, or an iteration that has none.

    Attributes:
        job: The number of the job, from 0.
        job_label: The job's label, cut where it is very long, or "job-N".
        iteration: The number of the iteration in its job, from 0.
        run: The number of the run in its iteration, from 0; None where there is none.
        test: The type of the test.
        lead: The host that ran the task, where that is known.
        destination: What was measured to, where the task says so.
        state: The run's state in pScheduler's words; "failed" where there is no run.
        succeeded: Whether the run gave a result that says so, and nothing else went wrong with its iteration.
        figures: The headline figures of the test, the most important one first; empty for tests that are not known.
        headline: The same in a few words for people, such as "0.31/0.40/0.52 ms, loss 0 %"; never empty: where there
            are no figures, "succeeded", or nothing else than the state.
        reason: Why it failed.
        planned: When it should have started, where the batch synchronized the start.
        start: When it started.
        end: When it ended.
        late: By how much the task was submitted after its synchronized start.
        task: What was submitted, with the values of names that begin with "_" hidden (ADR 18).
        varied: What differs between the tasks of the iterations of a job, as JSON pointers and values, where it is one
            number or text each, such as {"/test/spec/length": 512}.
        text: The result as text, as the server made it.
        html: The result as HTML, as the server made it: not to be trusted.
        result: The result as JSON, secrets hidden.
        whole: Whether task, text, HTML and JSON are here; they are left out where all of a batch would be too large.
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
    figures: Tuple[Figure, ...]
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
    whole: bool = True

    @property
    def label(self) -> str:
        """What messages call the iteration."""
        return f"{self.job_label}/{self.iteration}"

    @property
    def duration(self) -> Optional[timedelta]:
        """How long the run took; None where a server does not know, or says that it ended before it started."""
        if self.start is None or self.end is None or self.end < self.start:
            return None
        return self.end - self.start


@dataclass(frozen=True)
class BatchReport:
    """
    What became of a whole batch.

    Attributes:
        rows: In the order of jobs, iterations and runs.
        start: When the batch began; None in an output that does not say.
        end: When it ended.
        error: Why it ended before its time.
        unrun: The labels of the jobs that were not run, disabled ones and those never reached.
    """

    rows: Tuple[Row, ...]
    start: Optional[datetime]
    end: Optional[datetime]
    error: Optional[str]
    unrun: Tuple[str, ...]

    @property
    def failed(self) -> Tuple[Row, ...]:
        """The rows that did not succeed."""
        return tuple(row for row in self.rows if not row.succeeded)

    @property
    def succeeded(self) -> bool:
        """Whether nothing went wrong."""
        return self.error is None and not self.failed
