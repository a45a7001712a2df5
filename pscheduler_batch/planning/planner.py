"""
Plan a batch: every iteration of every job, with its task, its label and its delay.

Pure: no clock, no network. Only :func:`begin_job` deals with times; its caller tells it when a job starts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Dict, List, Optional, Sequence, Set, Tuple

from pscheduler_batch.errors import ERROR, WARNING, Change, InputError, Problem, TransformError
from pscheduler_batch.input.locations import in_order, locate_problems
from pscheduler_batch.input.validation import check_task
from pscheduler_batch.iso8601 import LONGEST, format_duration, format_timestamp
from pscheduler_batch.model import JSON, Batch, Iteration, Job, JobPlan, JSONObject, Plan
from pscheduler_batch.planning.blame import TaskHistory, blame, show_input
from pscheduler_batch.planning.iteration_problems import IterationProblems, Show
from pscheduler_batch.planning.spec_warnings import find_spec_warnings
from pscheduler_batch.transforms.exact_numbers import changed_numbers, large_numbers
from pscheduler_batch.transforms.pipeline import SkippedError, StepError, Transforms
from pscheduler_batch.transforms.script import ScriptError

DEFAULT_MAX_ITERATIONS = 100_000
# The size from which the digits of a number are meaningless, as those of jq's `infinite`.
_UNREADABLE = 10**18

# The pairs that are removed from a task's schedule: a batch decides itself when and how often (ADR 11).
DROPPED_FROM_SCHEDULE = frozenset({"start", "repeat", "repeat-cron", "until", "max-runs"})


def start_delays(count: int, backoff: timedelta, *, parallel: bool) -> List[timedelta]:
    """
    Return how long each iteration of a job waits before its task is posted.

    Iteration *n* waits *n* times the backoff. Serial jobs ignore the backoff (ADR 9).

    >>> [d.seconds for d in start_delays(3, timedelta(seconds=5), parallel=True)]
    [0, 5, 10]
    >>> [d.seconds for d in start_delays(3, timedelta(seconds=5), parallel=False)]
    [0, 0, 0]
    """
    return [number * backoff if parallel else timedelta(0) for number in range(count)]


def synchronized_start(now: datetime, job: Job, count: int) -> Optional[datetime]:
    """
    Return when all iterations of a job start: now + iterations x backoff + setup-time (ADR 10).

    Args:
        now: The start of the job.
        job: The job.
        count: The number of its iterations.

    Returns:
        The common start, in whole seconds as everywhere in pScheduler, or None for a job that has none.
    """
    if not job.sync_start:
        return None
    start = now + count * job.backoff + job.setup_time
    return start if not start.microsecond else start.replace(microsecond=0) + timedelta(seconds=1)


def scheduled_task(task: JSONObject, start: Optional[datetime] = None) -> JSONObject:
    """
    Return a task with the schedule that a batch runs it with (ADR 11).

    ``slip``, ``sliprand`` and other pairs stay. There is always a schedule, as a server answers 500 to a task without
    one (recording c04). A task that would not change is returned as it is.

    >>> dict(scheduled_task({"test": {}, "schedule": {"slip": "PT1M", "repeat": "PT1H"}}))
    {'test': {}, 'schedule': {'slip': 'PT1M'}}
    """
    given = task.get("schedule")
    if start is None and given is not None and DROPPED_FROM_SCHEDULE.isdisjoint(given):
        return task
    schedule = {name: value for name, value in (given or {}).items() if name not in DROPPED_FROM_SCHEDULE}
    if start is not None:
        schedule["start"] = format_timestamp(start)
    return {**task, "schedule": schedule}


def begin_job(plan: JobPlan, now: datetime) -> JobPlan:
    """
    Set the start of a job that starts now.

    Returns:
        The same plan if the job has no synchronized start, else one whose tasks all start at the same moment.
    """
    start = synchronized_start(now, plan.job, len(plan.iterations))
    if start is None:
        return plan
    iterations = tuple(replace(iteration, task=scheduled_task(iteration.task, start)) for iteration in plan.iterations)
    return replace(plan, iterations=iterations, start=start)


def plan_batch(batch: Batch, transforms: Transforms, *, max_iterations: int = DEFAULT_MAX_ITERATIONS) -> Plan:
    """
    Compute every iteration of every enabled job and check every task.

    Args:
        batch: The batch.
        transforms: Its compiled transforms.
        max_iterations: The most iterations of the whole batch.

    Raises:
        TransformError: A script does not compile or fails, or does not return a task.
        InputError: A task is invalid, or there are too many iterations. The error has all problems.
    """
    worked_out = work_out(batch, transforms, max_iterations=max_iterations)
    if worked_out.problems:
        kind = TransformError if worked_out.from_scripts else InputError
        raise kind(worked_out.problems, warnings=worked_out.plan.warnings, source=batch.source, text=batch.text)
    return worked_out.plan


@dataclass(frozen=True)
class WorkedOut:
    """
    A plan with its errors.

    Attributes:
        plan: The plan, without the iterations of jobs with errors.
        problems: The errors, in the order of the input.
        from_scripts: Whether a script does not compile or failed.
    """

    plan: Plan
    problems: Tuple[Problem, ...]
    from_scripts: bool


def work_out(batch: Batch, transforms: Transforms, *, max_iterations: int = DEFAULT_MAX_ITERATIONS) -> WorkedOut:
    """
    Compute as much of the plan as possible; the arguments are those of :func:`plan_batch`.

    A job with a script that does not compile has no iterations.
    """
    planning = _Planning(batch, transforms, max_iterations, list(transforms.problems))
    plans = tuple(planning.plan_job(job) for job in batch.jobs)
    warnings = [*batch.warnings, *locate_problems(list(planning.warnings), batch.text)]
    problems = locate_problems(planning.problems, batch.text)
    return WorkedOut(
        Plan(plans, tuple(in_order(warnings, batch.document))),
        tuple(in_order(problems, batch.document)),
        planning.from_scripts,
    )


def _numbers(job: Job, count: int) -> Sequence[int]:
    """Return the numbers of the iterations that are run, in order."""
    return range(count) if job.only is None else sorted(number for number in job.only if number < count)


@dataclass
class _Planning:
    """The state of one call of :func:`work_out`."""

    batch: Batch
    transforms: Transforms
    max_iterations: int
    problems: List[Problem]
    # A dictionary for its order; each is reported once.
    warnings: Dict[Problem, None] = field(default_factory=dict)
    total: int = 0

    def __post_init__(self) -> None:
        self.from_scripts = bool(self.problems)

    def plan_job(self, job: Job) -> JobPlan:
        if not job.enabled or not self.transforms.has_all(job):
            return JobPlan(job, ())
        before = len(self.problems)
        try:
            count = self._count(job)
            planned = count is not None and self._waits_are_short(job, count) and (job.tasks or job.task_is_array)
            tasks = self._tasks(job, count or 0) if planned else []
        except SkippedError:
            return JobPlan(job, ())
        if count is None or not planned or len(self.problems) > before:
            return JobPlan(job, ())
        delays = start_delays(len(tasks), job.backoff, parallel=job.parallel)
        given = self._given(job)
        iterations = tuple(
            Iteration(
                job.number,
                number,
                f"{job.label}/{number}",
                delay,
                task,
                given[number % len(given)],
                numbered=job.only is not None,
            )
            for number, delay, task in zip(_numbers(job, count), delays, tasks)
        )
        return JobPlan(job, iterations)

    def _given(self, job: Job) -> Sequence[JSON]:
        """Return what the transforms of each task of a job are given that may have secrets in it."""
        secrets = self._secrets(job)
        return [[task, *secrets] for task in job.tasks] if secrets else [None]

    def _secrets(self, job: Job) -> List[JSON]:
        """Return the secrets that the transforms of a job are given besides the task, as pairs."""
        steps = self.transforms.steps(job)
        return [self.batch.secrets, *(step.secrets for step in steps)] if steps else []

    def _count(self, job: Job) -> Optional[int]:
        count = len(job.tasks) if job.task_is_array else self._given_count(job)
        if count is None:
            return None
        self.total += count
        if self.total > self.max_iterations:
            many = f"{self.total:,} up to this job" if count < _UNREADABLE else "10^18 or more"
            hint = "" if self.transforms.confined else "; raise the limit with --max-iterations"
            reason = f"too many iterations: {many}, and at most {self.max_iterations:,} are allowed{hint}"
            self.problems.append(Problem(f"{job.where}/{'task' if job.task_is_array else 'iterations'}", reason))
            self.total -= count
            return None
        return count

    def _waits_are_short(self, job: Job, count: int) -> bool:
        waits = {"backoff": (count * (job.backoff / LONGEST)) if job.parallel else 0.0}
        waits["setup-time"] = job.setup_time / LONGEST if job.sync_start else 0.0
        too_long = [name for name, wait in waits.items() if wait > 1]
        for name in too_long:
            reason = f"this would make {count:,} iterations wait for more than {LONGEST.days:,} days"
            self.problems.append(Problem(f"{job.where}/{name}", reason))
        return not too_long

    def _given_count(self, job: Job) -> Optional[int]:
        if isinstance(job.iterations, int):
            return job.iterations
        try:
            return self.transforms.count_iterations(job)
        except ScriptError as error:
            self.from_scripts = True
            self.problems.append(Problem(job.iterations.where, str(error)))
            return None

    def _tasks(self, job: Job, count: int) -> List[JSONObject]:
        """Compute the tasks of a job; they are copies, so changes to a result do not affect the batch."""
        texts = [json.dumps(task) for task in job.tasks]
        originals: List[JSONObject] = [json.loads(text) for text in texts]
        if not self.transforms.steps(job):
            return self._unchanged_tasks(job, count, originals)
        tasks: List[JSONObject] = []
        found = IterationProblems(job, self._secrets(job))
        shared = self.transforms.large_numbers(job)
        large = [large_numbers(task) | shared for task in originals]
        try:
            for number in _numbers(job, count):
                index = number if job.task_is_array else 0
                task = self._transformed_task(job, number, originals[index], texts[index], found)
                tasks.append(task)
                self._warn_of_numbers(found, large[index], originals[index], task)
        finally:
            # Even if the job could not be planned to its end.
            reported = found.problems()
            self.problems += [problem for problem in reported if problem.severity == ERROR]
            self.warnings.update((problem, None) for problem in reported if problem.severity == WARNING)
        return tasks

    def _unchanged_tasks(self, job: Job, count: int, originals: List[JSONObject]) -> List[JSONObject]:
        """Return the tasks as they are; the iterations of a single task share it."""
        numbers = _numbers(job, count)
        tasks: List[JSONObject] = []
        found = IterationProblems(job)
        for number in numbers if job.task_is_array else numbers[:1]:
            task = originals[number if job.task_is_array else 0]
            problems = [found.redacted(_placed(job, number, problem), number, [task]) for problem in check_task(task)]
            self.problems += problems
            warnings = [] if problems else find_spec_warnings(task)
            self.warnings.update(
                (found.redacted(_placed(job, number, problem), number, [task]), None) for problem in warnings
            )
            tasks.append(task if problems else scheduled_task(task))
        return tasks if job.task_is_array else tasks * len(numbers)

    def _transformed_task(
        self, job: Job, number: int, task: JSONObject, text: str, found: IterationProblems
    ) -> JSONObject:
        """Compute one task; if there is an error, return the original one."""
        try:
            values = self.transforms.apply_steps(job, number, task, text)
        except StepError as error:
            self.from_scripts = True
            # What an earlier step made of a secret is not a secret to the one that failed.
            problem = Problem(error.where, error.reason)
            found.add_failure(problem, number, [task, error.went_in], partial(_with_input, error))
            return task
        problems = check_task(values[-1])
        for problem in problems or find_spec_warnings(values[-1]):
            explain = partial(blame, problem, TaskHistory(self.transforms.steps(job), values))
            found.add(_placed(job, number, problem), number, values, explain)
        return task if problems else scheduled_task(values[-1])

    def _warn_of_numbers(self, found: IterationProblems, large: Set[int], before: JSON, after: JSON) -> None:
        for number, became in changed_numbers(large, after):
            changed = found.redact(f"{number} to {became}", [before, after])
            reason = (
                f"the transforms changed the number {changed}: "
                "numbers in jq are exact up to 2^53 only; write it as a string"
            )
            self.warnings[Problem(found.job.where, reason, severity=WARNING)] = None


def _with_input(failed: StepError, show: Show) -> Tuple[str, Change]:
    return "", show_input(failed.where, failed.went_in, show)


def _placed(job: Job, number: int, problem: Problem) -> Problem:
    """Turn a pointer into a task into one into the input."""
    where = f"{job.where}/task/{number}" if job.task_is_array else f"{job.where}/task"
    return replace(problem, where=where + problem.where.rstrip("/"))


def describe_job(plan: JobPlan) -> str:
    """Return a line about what a job is going to do."""
    job = plan.job
    count = len(plan.iterations)
    manner = "in parallel" if job.parallel else "one after another"
    words = f"{job.label}: {count} iteration{'s' if count != 1 else ''} {manner}"
    if job.at_once is not None:
        words += f", at most {job.at_once:,} at once"
    if job.parallel and job.backoff:
        words += f", submitted {format_duration(job.backoff)} apart"
    if plan.start is not None:
        words += f", all starting at {format_timestamp(plan.start)}"
    return words
