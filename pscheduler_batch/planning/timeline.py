"""
Estimate the timeline of a batch: when each task is posted and when its run starts and ends, relative to the start.

Pure: no clock, no network. The time that a server needs to prepare a task is what idle servers were seen to need
(``IDLE_SERVER``), so every time here is the earliest possible, not a promise.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import timedelta
from typing import Dict, List, Optional, Tuple

from pscheduler_batch.errors import WARNING, Problem
from pscheduler_batch.input.locations import locate_problems
from pscheduler_batch.iso8601 import format_duration
from pscheduler_batch.model import DEFAULT_SETUP_TIME, Batch, Iteration, Job, JobPlan, Plan
from pscheduler_batch.scheduler.tasks import Length, known_length, lead_named, slip_of

NO_TIME = timedelta(0)

# A setup-time is a round number of seconds.
_STEP = timedelta(seconds=5)


@dataclass(frozen=True)
class ServerDelays:
    """
    The time that a server needs for a task before it starts.

    Attributes:
        posting: To accept one task. Concurrent ones are no faster: eight at once took 11 to 20 seconds each.
        scheduling: From then until there is a run.
        setup: From then until the run starts.
    """

    posting: timedelta
    scheduling: timedelta
    setup: timedelta

    @property
    def ready(self) -> timedelta:
        """From the posting of a task until its run starts."""
        return self.posting + self.scheduling + self.setup


# The shortest delays observed (recordings c01 to c36 for posting; d00 to e08 and g30 to g34 for the rest).
IDLE_SERVER = ServerDelays(timedelta(seconds=2), timedelta(seconds=1), timedelta(seconds=5))


@dataclass(frozen=True)
class IterationTimes:
    """
    The times of an iteration, relative to the start of the batch.

    Attributes:
        iteration: The iteration.
        posted: When its task is posted, at the earliest.
        starts: When its run starts, at the earliest.
        length: The duration of the run; None if it is not known.
        slip: How much later the task allows it to start.
        late: Whether the server accepts the task only after the synchronized start.
    """

    iteration: Iteration
    posted: timedelta
    starts: timedelta
    length: Optional[Length]
    slip: timedelta
    late: bool = False

    @property
    def ends(self) -> timedelta:
        """When its run ends, at the earliest."""
        return _later(self.starts, NO_TIME if self.length is None else self.length.least)


@dataclass(frozen=True)
class JobTimes:
    """
    The times of a job, relative to the start of the batch.

    Attributes:
        job: The job.
        iterations: Its iterations in order; none if the job is not enabled.
        begins: When it starts, at the earliest.
        ends: When the last of its runs ends, at the earliest.
        start: The synchronized start; None if there is none.
    """

    job: Job
    iterations: Tuple[IterationTimes, ...]
    begins: timedelta
    ends: timedelta
    start: Optional[timedelta]


@dataclass(frozen=True)
class Timeline:
    """
    The times of a batch.

    Attributes:
        jobs: All jobs, in order.
        total: The duration of the batch, at least.
        delays: The assumed delays of a server.
    """

    jobs: Tuple[JobTimes, ...]
    total: timedelta
    delays: ServerDelays

    @property
    def count(self) -> int:
        """The number of iterations."""
        return sum(len(job.iterations) for job in self.jobs)

    @property
    def unknown(self) -> int:
        """The number of iterations of unknown duration."""
        return sum(times.length is None for job in self.jobs for times in job.iterations)


def make_timeline(plan: Plan, delays: ServerDelays = IDLE_SERVER) -> Timeline:
    """
    Compute the timeline of a plan.

    Jobs follow each other. In a serial job, an iteration is posted when the run of the previous one has ended. In a
    parallel job, each is posted after its delay, and starts at the synchronized start (ADR 10) if the server has it by
    then. Fetching results and ``continue-if`` take no time here.

    Args:
        plan: The plan; its jobs need not have started.
        delays: The assumed delays of a server.
    """
    jobs: List[JobTimes] = []
    now = NO_TIME
    for job_plan in plan.jobs:
        times = _job_times(job_plan, now, delays)
        jobs.append(times)
        now = times.ends
    return Timeline(tuple(jobs), now, delays)


def setup_problems(batch: Batch, plan: Plan) -> Tuple[Problem, ...]:
    """
    Find jobs with more tasks than a server can accept before the synchronized start.

    A server needs some 2 seconds for each task (``IDLE_SERVER``), and tasks that name the same source go to the same
    server; the start is after iterations x backoff + setup-time (ADR 10).

    Returns:
        A warning for each such job, at its ``setup-time``; the tasks are run all the same.
    """
    found = [
        Problem(f"{times.job.where}/setup-time", _late_words(times), severity=WARNING)
        for times in make_timeline(plan).jobs
        if any(iteration.late for iteration in times.iterations)
    ]
    return tuple(locate_problems(found, batch.text))


def enough_setup_time(least: timedelta) -> str:
    """
    Return a sufficient ``setup-time``, in steps of five seconds.

    >>> enough_setup_time(timedelta(seconds=27.3))
    'PT45S'

    Args:
        least: The setup time with which a server accepts the last task exactly at the start. It then still needs the
            time for a single run, which starts some 6 to 16 seconds after its task was accepted (recordings e01 to
            e04).
    """
    return format_duration(-(-(least + DEFAULT_SETUP_TIME) // _STEP) * _STEP)


def _job_times(plan: JobPlan, begins: timedelta, delays: ServerDelays) -> JobTimes:
    job = plan.job
    start: Optional[timedelta] = None
    if job.sync_start and plan.iterations:
        start = _later(begins, len(plan.iterations) * job.backoff + job.setup_time)
    if job.parallel:
        iterations = _side_by_side(plan, begins, start, delays)
    else:
        iterations = _one_after_another(plan, begins, delays)
    ends = max((times.ends for times in iterations), default=begins)
    return JobTimes(job, tuple(iterations), begins, ends, start)


def _one_after_another(plan: JobPlan, begins: timedelta, delays: ServerDelays) -> List[IterationTimes]:
    found: List[IterationTimes] = []
    now = begins
    for iteration in plan.iterations:
        times = _times(iteration, now, _later(now, delays.ready))
        found.append(times)
        now = times.ends
    return found


def _side_by_side(
    plan: JobPlan, begins: timedelta, start: Optional[timedelta], delays: ServerDelays
) -> List[IterationTimes]:
    found: List[IterationTimes] = []
    free: Dict[Optional[str], timedelta] = {}
    under_way: List[timedelta] = []
    for iteration in plan.iterations:
        posted = _later(begins, iteration.delay)
        if len(under_way) == plan.job.at_once:
            # It takes the place of the one that ends first.
            posted = max(posted, heapq.heappop(under_way))
        lead = lead_named(iteration.task)
        accepted = _later(max(posted, free.get(lead, posted)), delays.posting)
        free[lead] = accepted
        if start is not None and accepted <= start:
            found.append(_times(iteration, posted, start))
        else:
            earliest = _later(accepted, delays.scheduling + delays.setup)
            found.append(_times(iteration, posted, earliest, late=start is not None))
        if plan.job.at_once is not None:
            heapq.heappush(under_way, found[-1].ends)
    return found


def _times(iteration: Iteration, posted: timedelta, starts: timedelta, *, late: bool = False) -> IterationTimes:
    return IterationTimes(iteration, posted, starts, known_length(iteration.task), slip_of(iteration.task), late)


def _late_words(times: JobTimes) -> str:
    job, count = times.job, len(times.iterations)
    last = max(times.iterations, key=lambda iteration: iteration.starts)
    accepted = last.starts - IDLE_SERVER.scheduling - IDLE_SERVER.setup - times.begins
    given = count * job.backoff + job.setup_time
    enough = enough_setup_time(job.setup_time + (accepted - given))
    late = sum(iteration.late for iteration in times.iterations)
    return (
        "not all tasks will be accepted before the synchronized start: a server needs "
        f"{_seconds(IDLE_SERVER.posting)} s or more to accept a task, so the last of these {count:,} is accepted after "
        f"{_seconds(accepted)} s at the earliest, and they start after {_seconds(given)} s; "
        f'expect {late:,} of them to start late, or set a longer setup-time, such as "{enough}"'
    )


def _seconds(span: timedelta) -> str:
    return f"{round(span.total_seconds(), 1):,g}" if span < timedelta(seconds=100) else f"{span.total_seconds():,.0f}"


def _later(moment: timedelta, span: timedelta) -> timedelta:
    """Add as far as possible: a million tests of ten years each exceed a timedelta."""
    try:
        return moment + span
    except OverflowError:
        return timedelta.max
