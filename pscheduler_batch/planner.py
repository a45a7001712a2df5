"""
What will be done: every iteration of every job, with its task, its label and its delay.

Pure: no clock, no network. The moment at which a job begins is given to :func:`begin_job`, which alone deals with
times.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Dict, List, Optional, Set, Tuple

from pscheduler_batch.errors import InputError, Problem, TransformError
from pscheduler_batch.iso8601 import format_duration, format_timestamp
from pscheduler_batch.model import JSON, Batch, Iteration, Job, JobPlan, JSONObject, Plan
from pscheduler_batch.places import locate_problems
from pscheduler_batch.private import conceal
from pscheduler_batch.transforms import ScriptError, StepError, Transforms, changed_numbers, large_numbers
from pscheduler_batch.validation import check_task

DEFAULT_MAX_ITERATIONS = 100_000

# No last iteration of a job may have to wait for longer; the calendar ends in the year 9999.
LONGEST_WAIT = timedelta(days=3650)

# What a task's schedule loses: a batch decides itself when and how often (document, "task"; decision 11).
DROPPED_FROM_SCHEDULE = frozenset({"start", "repeat", "repeat-cron", "until", "max-runs"})


def start_delays(count: int, backoff: timedelta, *, parallel: bool) -> List[timedelta]:
    """
    Say how long each iteration of a job waits before its task is posted.

    Iteration *n* waits *n* times the backoff. Serial jobs ignore the backoff (decision 9).

    >>> [d.seconds for d in start_delays(3, timedelta(seconds=5), parallel=True)]
    [0, 5, 10]
    >>> [d.seconds for d in start_delays(3, timedelta(seconds=5), parallel=False)]
    [0, 0, 0]
    """
    return [number * backoff if parallel else timedelta(0) for number in range(count)]


def synchronized_start(now: datetime, job: Job, count: int) -> Optional[datetime]:
    """
    Say when all iterations of a job start: now + iterations x backoff + setup-time (decision 10).

    Args:
        now: When the job begins.
        job: The job.
        count: How many iterations it has.

    Returns:
        The common start, in whole seconds as everywhere in pScheduler, or None for a job that has none.
    """
    if not job.sync_start:
        return None
    start = now + count * job.backoff + job.setup_time
    return start if not start.microsecond else start.replace(microsecond=0) + timedelta(seconds=1)


def scheduled_task(task: JSONObject, start: Optional[datetime] = None) -> JSONObject:
    """
    Give a task the schedule that a batch runs it with (decision 11).

    ``slip``, ``sliprand`` and what else is there stay. There is always a schedule, as a server answers 500 to a task
    that has none (recording c04).

    >>> dict(scheduled_task({"test": {}, "schedule": {"slip": "PT1M", "repeat": "PT1H"}}))
    {'test': {}, 'schedule': {'slip': 'PT1M'}}
    """
    schedule = {name: value for name, value in task.get("schedule", {}).items() if name not in DROPPED_FROM_SCHEDULE}
    if start is not None:
        schedule["start"] = format_timestamp(start)
    return {**task, "schedule": schedule}


def begin_job(plan: JobPlan, now: datetime) -> JobPlan:
    """
    Set the start of a job that begins now.

    Returns:
        The same plan where the job has no synchronized start, else one whose tasks all start at the same moment.
    """
    start = synchronized_start(now, plan.job, len(plan.iterations))
    if start is None:
        return plan
    iterations = tuple(replace(iteration, task=scheduled_task(iteration.task, start)) for iteration in plan.iterations)
    return replace(plan, iterations=iterations, start=start)


def plan_batch(batch: Batch, transforms: Transforms, *, max_iterations: int = DEFAULT_MAX_ITERATIONS) -> Plan:
    """
    Work out every iteration of every enabled job and check every task.

    Args:
        batch: The batch.
        transforms: Its transforms, compiled.
        max_iterations: How many iterations the whole batch may have.

    Raises:
        TransformError: A script does not compile or fails, or what came out is no task.
        InputError: A task is wrong, or there are too many iterations. All that is wrong is in it.
    """
    planning = _Planning(batch, transforms, max_iterations, list(transforms.problems))
    plans = tuple(planning.plan_job(job) for job in batch.jobs)
    planning.raise_problems()
    return Plan(plans, batch.warnings + tuple(planning.warnings))


@dataclass
class _Planning:
    """The state of one call of :func:`plan_batch`."""

    batch: Batch
    transforms: Transforms
    max_iterations: int
    problems: List[Problem]
    warnings: List[str] = field(default_factory=list)
    total: int = 0

    def __post_init__(self) -> None:
        self.from_scripts = bool(self.problems)
        # Nothing can be worked out with a script that does not compile; what else is wrong is found after that.
        self.compiled = not self.problems

    def plan_job(self, job: Job) -> JobPlan:
        if not job.enabled or not self.compiled:
            return JobPlan(job, ())
        count = self._count(job)
        if count is None or not self._waits_are_short(job, count):
            return JobPlan(job, ())
        tasks = self._tasks(job, count)
        delays = start_delays(count, job.backoff, parallel=job.parallel)
        iterations = tuple(
            Iteration(job.number, number, f"{job.label}/{number}", delays[number], task)
            for number, task in enumerate(tasks)
        )
        return JobPlan(job, iterations)

    def _count(self, job: Job) -> Optional[int]:
        count = len(job.tasks) if job.task_is_array else self._given_count(job)
        if count is None:
            return None
        self.total += count
        if self.total > self.max_iterations:
            reason = (
                f"{count:,} iterations make {self.total:,} for the batch so far; at most {self.max_iterations:,} are "
                "allowed (raise the limit with --max-iterations if you mean it)"
            )
            self.problems.append(Problem(f"{job.where}/{'task' if job.task_is_array else 'iterations'}", reason))
            self.total -= count
            return None
        return count

    def _waits_are_short(self, job: Job, count: int) -> bool:
        waits = {"backoff": (count * (job.backoff / LONGEST_WAIT)) if job.parallel else 0.0}
        waits["setup-time"] = job.setup_time / LONGEST_WAIT if job.sync_start else 0.0
        too_long = [name for name, wait in waits.items() if wait > 1]
        for name in too_long:
            reason = f"this makes {count:,} iterations wait for longer than {LONGEST_WAIT.days:,} days"
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
        """Work out the tasks of a job; they are copies, so that what is done to a result is not done to the batch."""
        texts = [json.dumps(task) for task in job.tasks]
        originals: List[JSONObject] = [json.loads(text) for text in texts]
        if self.transforms.last_step(job) is None:
            return self._unchanged_tasks(job, count, originals)
        tasks: List[JSONObject] = []
        found: Dict[Tuple[str, str], List[int]] = {}
        shared = self.transforms.large_numbers(job)
        large = [large_numbers(task) | shared for task in originals]
        for number in range(count):
            index = number if job.task_is_array else 0
            task, problems = self._transformed_task(job, number, originals[index], texts[index])
            tasks.append(task)
            for problem in problems:
                found.setdefault((problem.where, problem.reason), []).append(number)
            self._tell_numbers(job, large[index], originals[index], task)
        self.problems += [
            Problem(where, reason, during=_during(job, numbers)) for (where, reason), numbers in found.items()
        ]
        return tasks

    def _unchanged_tasks(self, job: Job, count: int, originals: List[JSONObject]) -> List[JSONObject]:
        """Take the tasks as they are, the one task of many iterations only once."""
        tasks: List[JSONObject] = []
        for number, task in enumerate(originals):
            problems = _check(job, number, task)
            self.problems += problems
            tasks.append(task if problems else scheduled_task(task))
        return tasks if job.task_is_array else tasks * count

    def _transformed_task(self, job: Job, number: int, task: JSONObject, text: str) -> Tuple[JSONObject, List[Problem]]:
        try:
            value = self.transforms.apply_steps(job, number, task, text)
        except StepError as error:
            self.from_scripts = True
            return task, [Problem(error.where, error.reason)]
        problems = _check(job, number, value)
        if problems:
            return task, [replace(problem, reason=f"{problem.reason} (after its transforms)") for problem in problems]
        return scheduled_task(value), []

    def _tell_numbers(self, job: Job, large: Set[int], before: JSON, after: JSON) -> None:
        for number, became in changed_numbers(large, after):
            changed = conceal(f"{number} to {became}", [before, after, self.batch.data])
            warning = (
                f"At {job.where}: the transforms changed the number {changed}; "
                "jq cannot hold whole numbers above 2^53 (write it as a string)"
            )
            if warning not in self.warnings:
                self.warnings.append(warning)

    def raise_problems(self) -> None:
        if self.problems:
            kind = TransformError if self.from_scripts else InputError
            raise kind(locate_problems(self.problems, self.batch.text), source=self.batch.source)


def _check(job: Job, number: int, task: JSON) -> List[Problem]:
    """Check one task; the places are in the input."""
    where = f"{job.where}/task/{number}" if job.task_is_array else f"{job.where}/task"
    return [replace(problem, where=where + problem.where.rstrip("/")) for problem in check_task(task)]


def _during(job: Job, numbers: List[int]) -> str:
    """
    Name iterations for a message.

    Thousands of iterations that fail alike are one problem, named by the first of them.
    """
    others = len(numbers) - 1
    more = "" if not others else f" and {others:,} more" if others > 1 else " and one more"
    return f'iteration {numbers[0]}{more} of "{job.label}"'


def describe_job(plan: JobPlan) -> str:
    """Say in a line what a job is going to do."""
    job = plan.job
    count = len(plan.iterations)
    manner = "in parallel" if job.parallel else "one after another"
    words = f"{job.label}: {count} iteration{'s' if count != 1 else ''} {manner}"
    if job.parallel and job.backoff:
        words += f", submitted {format_duration(job.backoff)} apart"
    if plan.start is not None:
        words += f", all starting at {format_timestamp(plan.start)}"
    return words
