"""
The values that the steps hand to each other.

All of them are frozen; use :func:`dataclasses.replace` for a changed copy. Times are aware ``datetime``, spans are
``timedelta``; ISO 8601 text exists only at the edges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Iterator, Mapping, Optional, Tuple, Union

from pscheduler_batch.errors import Problem

# What the json module makes of any JSON.
JSON = Any
JSONObject = Mapping[str, Any]

DEFAULT_SETUP_TIME = timedelta(seconds=15)


@dataclass(frozen=True)
class Transform:
    """
    A jq transform as it is written in the batch.

    Attributes:
        where: The JSON pointer of the transform in the input.
        script: The script; an array of lines in the input is joined with newlines.
        args: What becomes variables of the script.
    """

    where: str
    script: str
    args: JSONObject = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """
    One entry of ``jobs``.

    Attributes:
        number: The place in ``jobs``, from 0.
        label: The job's label, or ``job-N`` where it has none. Labels may repeat.
        enabled: A job that is not enabled is checked for shape only and never run.
        iterations: How many, or the transform that gives the number.
        tasks: One task for all iterations, or, where the input has an array, one per iteration.
        task_is_array: Whether the input has an array.
        parallel: Whether the iterations run side by side.
        backoff: How much later than the one before it each parallel iteration is submitted.
        sync_start: Whether the iterations of a parallel job start at the same time.
        setup_time: How long pScheduler is expected to need to set up a run.
    """

    number: int
    label: str
    enabled: bool
    iterations: Union[int, Transform]
    tasks: Tuple[JSONObject, ...]
    task_is_array: bool
    parallel: bool
    backoff: timedelta
    sync_start: bool
    setup_time: timedelta
    task_transform: Optional[Transform]
    continue_if: Optional[Transform]

    @property
    def where(self) -> str:
        """The JSON pointer of the job in the input."""
        return f"/jobs/{self.number}"


@dataclass(frozen=True)
class Batch:
    """
    A batch that is right in itself; its tasks are checked when they have been transformed.

    Attributes:
        schema: 1, 2 or 3.
        data: ``$global``; None where there is none.
        document: The input without its comments, which the output is a copy of.
        text: The text of the input, where it came as text; errors point into it.
        source: The name of the file, where there is one.
        warnings: What is strange but not wrong, in the order of the input; the text of each is a line.
    """

    schema: int
    data: JSON
    transform_pre: Optional[Transform]
    transform_post: Optional[Transform]
    jobs: Tuple[Job, ...]
    document: JSONObject
    text: Optional[str] = None
    source: Optional[str] = None
    warnings: Tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Iteration:
    """
    One task to be run.

    Attributes:
        job: The number of the job, from 0.
        number: The number of the iteration in its job, from 0.
        label: What messages call it: the job's label and the number.
        delay: How long after the job's begin its task is posted.
        task: What is posted.
        given: What its transforms were given that nobody is to see, and may have put into other places of the task.
    """

    job: int
    number: int
    label: str
    delay: timedelta
    task: JSONObject
    given: JSON = None

    @property
    def private(self) -> JSON:
        """All that may hold secrets which what is said of the iteration must not have in it."""
        return [self.task, self.given]


@dataclass(frozen=True)
class JobPlan:
    """
    A job with all its tasks worked out.

    Attributes:
        start: The synchronized start; None before the job has begun, and where there is none.
    """

    job: Job
    iterations: Tuple[Iteration, ...]
    start: Optional[datetime] = None


@dataclass(frozen=True)
class Plan:
    """
    A whole batch, worked out; disabled jobs have no iterations.

    Attributes:
        warnings: Those of the batch, and what is strange about the tasks, in the order of the input.
    """

    jobs: Tuple[JobPlan, ...]
    warnings: Tuple[Problem, ...] = ()

    @property
    def private(self) -> Iterator[JSON]:
        """All that may hold secrets: the task of each iteration, and what its transforms were given."""
        for job in self.jobs:
            yield from (iteration.task for iteration in job.iterations)
            # The same object, as a rule, for all iterations of a job.
            yield from {id(iteration.given): iteration.given for iteration in job.iterations}.values()


@dataclass(frozen=True)
class Run:
    """
    One execution of a task, as the server describes it.

    Attributes:
        document: The server's whole description, fields that we do not know included.
    """

    href: str
    state: str
    start_time: Optional[datetime]
    end_time: Optional[datetime]
    result_href: str
    result_merged: JSON
    document: JSONObject


@dataclass(frozen=True)
class Failure:
    """Why an iteration, or one format of one run, has no result."""

    message: str
    doing: str
    url: str


@dataclass(frozen=True)
class RunResult:
    """
    A run with what was fetched of it.

    Attributes:
        formats: The result by media type; a format that could not be had is missing here.
        failures: Why each of the missing formats is missing, by media type.
    """

    run: Run
    formats: JSONObject
    failures: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the measurement was made: there is a merged result, and it says so."""
        merged = self.run.result_merged
        return isinstance(merged, Mapping) and merged.get("succeeded") is True


@dataclass(frozen=True)
class IterationResult:
    """
    What became of an iteration.

    Attributes:
        task_href: Where the task is on its server; None when it never got there.
        runs: The runs that carry results, in order of time (ADR 15).
        failure: What went wrong, beside everything obtained before it did.
        late: By how much the task was posted after its synchronized start; None when in time.
    """

    iteration: Iteration
    task_href: Optional[str] = None
    runs: Tuple[RunResult, ...] = ()
    failure: Optional[Failure] = None
    late: Optional[timedelta] = None
