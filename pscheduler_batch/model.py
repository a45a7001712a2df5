"""
The values that the steps pass to each other.

All of them are frozen; use :func:`dataclasses.replace` for a changed copy. Times are aware ``datetime``, durations are
``timedelta``; ISO 8601 text exists only at the edges.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, FrozenSet, Iterable, Iterator, Mapping, Optional, Sequence, Tuple, Union

from pscheduler_batch.errors import Problem, SchedulerError
from pscheduler_batch.redaction import Redactor, redactor_of, secret_pairs

# Any JSON, as the json module reads it.
JSON = Any
JSONObject = Mapping[str, Any]

DEFAULT_SETUP_TIME = timedelta(seconds=15)

# The seeds of random orders are below this: numbers in jq are exact up to 2^53.
SEEDS = 10**15


@dataclass(frozen=True)
class Transform:
    """
    A jq transform of the batch.

    Attributes:
        where: The JSON pointer of the transform in the input.
        script: The script; an array of lines in the input is joined with newlines.
        args: The variables of the script.
    """

    where: str
    script: str
    args: JSONObject = field(default_factory=dict)

    @cached_property
    def secrets(self) -> JSON:
        """The secrets of its variables, as pairs."""
        return secret_pairs(self.args)


@dataclass(frozen=True)
class Job:
    """
    One entry of ``jobs``.

    Attributes:
        number: The index in ``jobs``.
        label: The job's label, or ``job-N`` without one. Labels need not be unique.
        enabled: Whether it is run; otherwise only its form is checked.
        left_out: Whether it is not enabled because it was not selected (ADR 70).
        only: The numbers of the iterations that are run; None for all.
        iterations: The number of iterations, or the transform that returns it.
        tasks: One task for all iterations, or, if the input has an array, one per iteration.
        task_is_array: Whether the input has an array.
        parallel: Whether the iterations run in parallel.
        backoff: The delay between the submissions of parallel iterations.
        sync_start: Whether the iterations of a parallel job start at the same time.
        setup_time: The time that pScheduler is expected to need to set up a run.
        at_once: How many of its parallel iterations may be under way at once; None for all of them.
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
    left_out: bool = False
    only: Optional[FrozenSet[int]] = None
    at_once: Optional[int] = None

    @property
    def where(self) -> str:
        """The JSON pointer of the job in the input."""
        return f"/jobs/{self.number}"


def label_of(job: JSON, number: int) -> str:
    """Return the label of a job, or the name that stands for a missing or blank one."""
    label = job.get("label") if isinstance(job, Mapping) else None
    return label if isinstance(label, str) and label.strip() else f"job-{number}"


@dataclass(frozen=True)
class Batch:
    """
    A batch without errors; its tasks are checked after the transforms.

    Attributes:
        schema: The version of the format.
        data: ``$global``, if there is one, with the values from outside.
        document: The input without its comments; the output is a copy of it.
        text: The text of the input, if it came as text; errors point into it.
        source: The name of the file, if there is one.
        warnings: Warnings, in the order of the input; the text of each is a line.
        added: The values from outside in ``$global``, by name or path, with secrets hidden (ADR 69).
        unused: Those of the warnings that are about values from outside which no script uses.
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
    added: JSONObject = field(default_factory=dict)
    unused: Tuple[Problem, ...] = ()

    @cached_property
    def secrets(self) -> JSON:
        """The secrets of its data, which may be large, as pairs."""
        return secret_pairs(self.data)

    @property
    def scripts(self) -> Tuple[Transform, ...]:
        """All transforms and conditions, without those of disabled jobs."""
        found = [self.transform_pre, self.transform_post]
        for job in self.jobs:
            if job.enabled:
                counting = job.iterations if isinstance(job.iterations, Transform) else None
                found += [counting, job.task_transform, job.continue_if]
        return tuple(script for script in found if script is not None)


@dataclass(frozen=True)
class Iteration:
    """
    One task to be run.

    Attributes:
        job: The number of the job, from 0.
        number: The number of the iteration in its job, from 0.
        label: Its name in messages: the job's label and the number.
        delay: The delay between the start of the job and the submission of the task.
        task: The task as it is posted.
        numbered: Whether its result has its number, as not all iterations of the job are run.
        given: What its transforms were given, whose secrets may be anywhere in the task.
        attempt: The number of the attempt, from 1 (ADR 71).
    """

    job: int
    number: int
    label: str
    delay: timedelta
    task: JSONObject
    given: JSON = None
    attempt: int = 1
    numbered: bool = False

    @cached_property
    def redactor(self) -> Redactor:
        """What takes its secrets out of every text about it."""
        return redactor_of([self.task, self.given])

    @cached_property
    def shown(self) -> Iteration:
        """The same without secrets, for those who show it."""
        return replace(self, task=self.redactor.value(self.task), given=None) if self.redactor else self


def redactor_of_all(iterations: Iterable[Iteration]) -> Redactor:
    """Return what takes the secrets of some iterations out of texts; they are collected when the first text comes."""
    return Redactor.of(_private_values(iterations))


def _private_values(iterations: Iterable[Iteration]) -> Iterator[JSON]:
    """Yield what may hold secrets of iterations, each value once: many share a task, and what scripts were given."""
    seen = set()
    for iteration in iterations:
        for value in (iteration.task, iteration.given):
            if id(value) not in seen:
                seen.add(id(value))
                yield value


@dataclass(frozen=True)
class JobPlan:
    """
    A job with all its tasks worked out.

    Attributes:
        iterations: Its iterations, in the order in which they are submitted.
        start: The synchronized start; None before the job has started, and without one.
    """

    job: Job
    iterations: Tuple[Iteration, ...]
    start: Optional[datetime] = None

    @property
    def by_number(self) -> Sequence[Iteration]:
        """The iterations in the order of their numbers, which is that of results."""
        return sorted(self.iterations, key=lambda iteration: iteration.number)


@dataclass(frozen=True)
class Plan:
    """
    A whole batch, worked out; disabled jobs have no iterations.

    Attributes:
        warnings: The warnings of the batch and of its tasks, in the order of the input.
        seed: The seed of the random order of serial iterations; None if it is that of their numbers (ADR 72).
    """

    jobs: Tuple[JobPlan, ...]
    warnings: Tuple[Problem, ...] = ()
    seed: Optional[int] = None

    @cached_property
    def redactor(self) -> Redactor:
        """What takes the secrets of all its iterations out of texts."""
        return redactor_of_all(iteration for job in self.jobs for iteration in job.iterations)


@dataclass(frozen=True)
class Run:
    """
    One execution of a task, as the server describes it.

    Attributes:
        document: The server's complete description, including fields unknown to us.
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
    """
    Why an iteration, or one format of one run, has no result.

    Attributes:
        may_pass: Whether the cause may pass, so that another attempt may succeed (ADR 71).
    """

    message: str
    doing: str
    url: str
    may_pass: bool = False

    @classmethod
    def of(cls, error: SchedulerError) -> Failure:
        """Return the failure that an error is."""
        return cls(str(error), error.doing, error.url, error.may_pass)


@dataclass(frozen=True)
class RunResult:
    """
    A run and its results.

    Attributes:
        formats: The result by media type; a format that could not be fetched is missing here.
        failures: The reason for each missing format, by media type.
    """

    run: Run
    formats: JSONObject
    failures: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the measurement was made: there is a merged result, and it says so."""
        return _says_success(self.run.result_merged)

    @property
    def of_participants(self) -> Sequence[JSON]:
        """
        The results of the participants, of which at least one succeeded, if the run failed all the same (ADR 50).

        A server may have no time to merge them [o11]. Empty if the run succeeded, or none of them did.
        """
        full = self.run.document.get("result-full")
        if self.succeeded or not isinstance(full, list) or not any(map(_says_success, full)):
            return ()
        return full


def _says_success(result: JSON) -> bool:
    return isinstance(result, Mapping) and result.get("succeeded") is True


@dataclass(frozen=True)
class IterationResult:
    """
    The result of an iteration.

    Attributes:
        task_href: The URL of the task; None if it never reached its server.
        runs: The runs that have results, in order of time (ADR 15).
        failure: What went wrong, beside everything obtained before.
        late: The time from the synchronized start to the POST of the task; None if it was posted in time.
        lead_run: The run that took as long as the whole test, if the runs are several results of it; else None.
        skipped: Whether it was not submitted because another one failed.
    """

    iteration: Iteration
    task_href: Optional[str] = None
    runs: Tuple[RunResult, ...] = ()
    failure: Optional[Failure] = None
    late: Optional[timedelta] = None
    lead_run: Optional[Run] = None
    skipped: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed, and each of its runs has a result that says so."""
        return self.failure is None and bool(self.runs) and all(run.succeeded for run in self.runs)
