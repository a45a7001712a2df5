"""The batch of a spec: read, checked and planned, and the time that it needs on the schedule."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, List, Mapping, NamedTuple, Union

from pscheduler_batch.errors import InputError
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Batch, Iteration, Plan
from pscheduler_batch.planning.confined_plan import plan_confined
from pscheduler_batch.planning.timeline import IterationTimes, JobTimes, make_timeline
from pscheduler_batch.plugins.methods import TEST, MethodError
from pscheduler_batch.plugins.permission import Permission
from pscheduler_batch.plugins.site_file import read_site_file
from pscheduler_batch.plugins.specification import BATCH, Specification
from pscheduler_batch.text import count_words, list_names, shorten
from pscheduler_batch.transforms.confinement import Confinement

# What a batch is called in messages that is in the spec.
GIVEN = f"/{BATCH}"

# The limits of the scripts; a method has five seconds for everything.
CONFINEMENT = Confinement()

# What a method can plan in its five seconds.
MOST_ITERATIONS = 10_000

# How long a run may be over before its result is fetched (ADR 48).
_FETCHING = timedelta(seconds=10)
# How much later the last result may be there: a busy server starts tools 10 seconds late, and gives them all of their
# time then, or waits 15 seconds for what other participants measured.
_LATENESS = timedelta(seconds=15)
# The start of the interpreter, and of the batch.
_STARTING = timedelta(seconds=5)

# The tool ends so long before pScheduler would kill it.
ENDING = timedelta(seconds=10)
# Before that, unfinished tasks are canceled: a fifth of the time on the schedule, but no more than this.
LONGEST_CANCELING = timedelta(seconds=20)
_PART = 5


class PlannedBatch(NamedTuple):
    """
    A batch that can be run.

    Attributes:
        batch: The batch.
        plan: Its iterations.
    """

    batch: Batch
    plan: Plan


def plan_specified(spec: Specification, permission: Permission) -> PlannedBatch:
    """
    Plan the batch of a spec that needs nothing from the network.

    Raises:
        MethodError: All errors of the batch, or why it cannot be read.
    """
    if spec.url is None:
        return plan_given(spec.batch or {}, GIVEN)
    return plan_given(read_named(spec.url, permission), spec.url)


def plan_given(given: Union[bytes, Mapping[str, Any]], source: str) -> PlannedBatch:
    """
    Plan a batch, with its scripts confined.

    Args:
        given: The batch, or its text.
        source: What it is called in messages.

    Raises:
        MethodError: All errors of the batch.
    """
    try:
        batch = load_batch(given, source=source)
        return PlannedBatch(batch, plan_confined(batch, CONFINEMENT, max_iterations=MOST_ITERATIONS))
    except InputError as error:
        raise MethodError(render_problems(error.problems, text=error.text, source=source)) from error


def read_named(name: str, permission: Permission) -> bytes:
    """
    Read a batch of the site's directory.

    Raises:
        MethodError: There is no directory, or no such file in it.
    """
    folder = permission.batch_folder
    if folder is None:
        raise MethodError(f"batch-url {shorten(name)}: this host has no directory of batches")
    try:
        return read_site_file(os.path.join(folder, name))
    except OSError as error:
        raise MethodError(f"batch-url {shorten(name)}: cannot read this batch: {error.strerror}") from error


def duration_of(spec: Specification, plan: Plan) -> timedelta:
    """
    Return the time that a batch gets on the schedule.

    Raises:
        MethodError: The spec does not say, and it cannot be known; or it is less than the measurements alone take.
    """
    if spec.duration is None:
        return needed_time(plan)
    least = _least_time(plan)
    if spec.duration < least:
        raise MethodError(
            f"/duration: {_seconds(spec.duration)} are not enough, as the measurements alone take {_seconds(least)}"
        )
    return spec.duration


def needed_time(plan: Plan) -> timedelta:
    """
    Return the time that a plan needs, with that of the servers, of the tool itself and of the latest starts.

    Raises:
        MethodError: The duration of a test is not known.
    """
    timeline = make_timeline(plan)
    unknown = [times.iteration for job in timeline.jobs for times in job.iterations if times.length is None]
    if unknown:
        raise MethodError(
            f"/duration: required, as the duration of {count_words(len(unknown), 'iteration')} is not known "
            f"({_tests_of(unknown)})"
        )
    work = timeline.total + sum(map(_slack, timeline.jobs), timedelta(0)) + _LATENESS + _STARTING + ENDING
    needed = work + min(LONGEST_CANCELING, work / (_PART - 1))
    return timedelta(seconds=-(-needed // timedelta(seconds=1)))


def canceling_time(duration: timedelta) -> timedelta:
    """Return how long tasks may be canceled at the end of the time on the schedule, before :data:`ENDING`."""
    return min(LONGEST_CANCELING, duration / _PART)


def _slack(job: JobTimes) -> timedelta:
    """Return how much longer than at least a job may take."""
    slacks = [_FETCHING + times.slip + _longer(times) for times in job.iterations]
    if job.job.parallel:
        return max(slacks, default=timedelta(0))
    return sum(slacks, timedelta(0))


def _longer(times: IterationTimes) -> timedelta:
    return timedelta(0) if times.length is None else times.length.span - times.length.least


def _least_time(plan: Plan) -> timedelta:
    """Return the time of the measurements alone; none where a script may end the batch early."""
    if any(job.job.continue_if is not None for job in plan.jobs):
        return timedelta(0)
    total = timedelta(0)
    for job in make_timeline(plan).jobs:
        lengths = [timedelta(0) if times.length is None else times.length.least for times in job.iterations]
        total += max(lengths, default=timedelta(0)) if job.job.parallel else sum(lengths, timedelta(0))
    return total


def _tests_of(iterations: List[Iteration]) -> str:
    tests = dict.fromkeys(str(each.shown.task["test"]["type"]) for each in iterations)
    return f"test {list_names(shorten(test) for test in tests)}"


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():,.0f} s"


def nested_batches(plan: Plan) -> List[Iteration]:
    """Return the iterations that are batches themselves."""
    return [
        iteration for job in plan.jobs for iteration in job.iterations if iteration.task["test"].get("type") == TEST
    ]
