"""
Warnings of synchronized starts that are missed: as soon as that is foreseeable, and at the end, with the remedy.

A server takes seconds to accept a task, and longer if several arrive at once, so a job of many iterations can miss its
own start (ADR 10). How long it takes is known only when the first tasks are accepted; warnings before anything is sent
rest on measurements of idle servers (:func:`pscheduler_batch.planning.timeline.setup_problems`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Callable, Deque, Dict, List, Optional, Set, Tuple

from pscheduler_batch.events import (
    POSTED,
    POSTING,
    WAITING,
    AttemptEnded,
    Event,
    Interrupted,
    IterationEnded,
    IterationMoved,
    JobBegan,
    JobEnded,
    LimitChanged,
    RetriesBegan,
)
from pscheduler_batch.http.adaptive_limit import BEGIN
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.model import JobPlan
from pscheduler_batch.planning.planner import synchronized_start
from pscheduler_batch.planning.timeline import enough_setup_time
from pscheduler_batch.scheduler.api import tasks_url
from pscheduler_batch.text import label_words, shorten, time_words

NONE = timedelta(0)

# The number of answers in an average; servers become slower, and faster again.
LATEST = 8


class LateStarts:
    """Watches one run of a batch, and warns if tasks are not accepted before their synchronized start."""

    def __init__(self, warn: Callable[[str], None], *, most: int) -> None:
        """
        Prepare to watch.

        Args:
            warn: Is given each warning, a line fit for a terminal.
            most: The maximum number of concurrent requests per host.
        """
        self._warn = warn
        self._limits = _Limits(most)
        self._job: Optional[_Job] = None
        self._interrupted = False

    def watch(self, event: Event) -> None:
        """Take an event."""
        if isinstance(event, JobBegan):
            self._job = None if event.plan.start is None else _Job(event.plan, event.at, event.plan.start, self._limits)
        elif isinstance(event, RetriesBegan):
            self._report_end()
            plan, at = event.plan, event.submitting
            self._job = None if plan.start is None else _Job(plan, at, plan.start, self._limits)
        elif isinstance(event, LimitChanged):
            self._limits.note(event)
            if self._job is not None and event.submitting:
                self._job.note_limit(event)
        elif isinstance(event, Interrupted):
            # Tasks that are late from now on are late because of that.
            self._interrupted = True
        elif isinstance(event, JobEnded):
            self._report_end()
        elif self._job is not None and not self._interrupted:
            warning = self._job.note(event)
            if warning is not None:
                self._warn(warning)

    def _report_end(self) -> None:
        if self._job is not None and not self._interrupted and self._job.is_late:
            self._warn(self._job.describe_end())


class _Limits:
    """How many tasks may be submitted to each host at once (ADR 49), in all jobs."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._changed: Dict[str, LimitChanged] = {}

    def note(self, changed: LimitChanged) -> None:
        if changed.submitting:
            self._changed[changed.host] = changed

    def of(self, host: str) -> Tuple[int, bool]:
        """Return the limit of a host, and whether it doubles with each round of answers."""
        changed = self._changed.get(host)
        return (min(BEGIN, self.most), True) if changed is None else (changed.limit, changed.growing)


class _Job:
    """One job with a synchronized start."""

    def __init__(self, plan: JobPlan, at: datetime, start: datetime, limits: _Limits) -> None:
        self._job = plan.job
        self._start = start
        self._count = len(plan.iterations)
        # No setup-time prevents delays by a crash.
        self._started_before = synchronized_start(at, self._job, self._count) != start
        self._limits = limits
        self._hosts: Dict[str, _HostQueue] = {}
        self._host_of: Dict[int, _HostQueue] = {}
        self._entered = 0
        # The tasks whose hosts are not known yet, and when the backoff of the last one ends.
        self._unknown: Set[int] = {iteration.number for iteration in plan.iterations}
        self._last_leaves = at
        # A start in the past needs no warning.
        self._foreseen = start < at
        self._late: List[Tuple[timedelta, str]] = []

    def note(self, event: Event) -> Optional[str]:
        """Take an event, and return the warning that it gives rise to."""
        if isinstance(event, IterationMoved):
            return self._move(event)
        if isinstance(event, (AttemptEnded, IterationEnded)):
            number = event.result.iteration.number
            self._leave(number, event.at, accepted=False)
            if event.result.late is not None:
                self._late.append((event.result.late, event.result.iteration.label))
        return None

    @property
    def is_late(self) -> bool:
        """Whether any task was accepted after the start."""
        return bool(self._late)

    def note_limit(self, changed: LimitChanged) -> None:
        """Take a new limit of a host."""
        host = self._hosts.get(changed.host)
        if host is not None:
            host.set_limit(changed.limit, changed.growing, changed.at)

    def _move(self, moved: IterationMoved) -> Optional[str]:
        number = moved.iteration.number
        if moved.state == WAITING and moved.start is not None:
            self._last_leaves = max(self._last_leaves, moved.start)
        elif moved.state == POSTING and moved.host is not None:
            self._enter(number, moved.host, moved.at)
        elif moved.state == POSTED:
            host = self._leave(number, moved.at, accepted=True)
            if host is not None and not self._foreseen:
                return self._foresee(host, moved)
        return None

    def _enter(self, number: int, name: str, at: datetime) -> None:
        address = host_of(tasks_url(name))
        host = self._hosts.get(address)
        if host is None:
            host = self._hosts[address] = _HostQueue(name, self._limits.most, *self._limits.of(address))
        # A resumed batch may look for a task at one host and then post it to another.
        self._leave(number, at, accepted=False)
        self._host_of[number] = host
        self._entered += 1
        host.enter(number, at)

    def _leave(self, number: int, at: datetime, *, accepted: bool) -> Optional[_HostQueue]:
        """Note that a task is accepted or has failed, and return the host that it went to."""
        self._unknown.discard(number)
        host = self._host_of.pop(number, None)
        if host is not None:
            host.leave(number, at, accepted=accepted)
        return host

    def _foresee(self, host: _HostQueue, moved: IterationMoved) -> Optional[str]:
        """Estimate when a host accepts its last task, and return a warning if that is too late."""
        others = self._others(host)
        needed = host.needs(moved.at, others)
        if needed is None:
            return None
        typical, left = needed
        if others:
            left = max(left, self._last_leaves - moved.at + typical)
        late = moved.at + left - self._start
        # The fewer answers, the less certain is the estimate: after one, the others may take half as long.
        if late * (host.accepted + 1) <= left:
            return None
        self._foreseen = True
        so_far = " so far" if host.growing else ""
        return (
            f'job "{shorten(self._job.label)}": not all tasks will be accepted before the synchronized start at '
            f"{time_words(self._start)}: {host.left + others:,} of {host.entered + others:,} are still to be "
            f"submitted to {shorten(host.name)}, which takes {_seconds(typical)} s per task, {host.at_once} at a "
            f"time{so_far}; the last one will be about {max(late.total_seconds(), 1):,.0f} s late"
        )

    def _others(self, host: _HostQueue) -> int:
        """Estimate how many of the tasks whose hosts are unknown go to a host: the same share as of the others."""
        return round(len(self._unknown) * host.entered / self._entered)

    def describe_end(self) -> str:
        """Return a warning about the tasks that were late."""
        (least, _), (most, label), number = min(self._late), max(self._late), len(self._late)
        start = time_words(self._start)
        if number == 1:
            words = f"the task of {label_words(label)} was accepted {_range(least, most)} s after its start at {start}"
        else:
            words = (
                f'{number:,} of {self._count:,} tasks of "{shorten(self._job.label)}" were accepted after their '
                f"start at {start}, {_range(least, most)} s late, {label_words(label)} last"
            )
        if self._started_before:
            return f"At {self._job.where}: {words}; the job was started by an earlier try"
        enough = enough_setup_time(self._job.setup_time + most)
        return f'At {self._job.where}/setup-time: {words}; "{enough}" would have been enough'


class _HostQueue:
    """
    The tasks of a job that go to one host, a limited number at a time, in order.

    An event says when a task is ready to be sent; it is sent when there is a slot.

    Attributes:
        name: The host.
        entered: The number of tasks so far.
        accepted: The number of tasks that the host has accepted.
        at_once: The maximum number of concurrent requests.
        growing: Whether that still doubles with each round of answers.
    """

    def __init__(self, name: str, most: int, at_once: int, growing: bool) -> None:  # noqa: FBT001 - private
        self.name = name
        self.entered = 0
        self.accepted = 0
        self.at_once = at_once
        self._most = most
        self.growing = growing
        self._queued: OrderedDict[int, None] = OrderedDict()
        self._under_way: Dict[int, datetime] = {}
        self._took: Deque[timedelta] = deque(maxlen=LATEST)

    @property
    def left(self) -> int:
        """The number of tasks that are not accepted yet."""
        return len(self._queued) + len(self._under_way)

    def enter(self, number: int, at: datetime) -> None:
        """Note that the task of an iteration is ready to be sent."""
        self.entered += 1
        self._queued[number] = None
        self._fill(at)

    def set_limit(self, at_once: int, growing: bool, at: datetime) -> None:  # noqa: FBT001 - private
        """Note the limit of concurrent requests from now on, and whether it still doubles."""
        self.at_once = at_once
        self.growing = growing
        self._fill(at)

    def leave(self, number: int, at: datetime, *, accepted: bool) -> None:
        """Note that a task is accepted, or has failed."""
        left = self._under_way.pop(number, None)
        if left is None:
            self._queued.pop(number)
            return
        if accepted:
            self.accepted += 1
            self._took.append(max(at - left, NONE))
        self._fill(at)

    def _fill(self, at: datetime) -> None:
        while self._queued and len(self._under_way) < self.at_once:
            self._under_way[self._queued.popitem(last=False)[0]] = at

    def needs(self, now: datetime, others: int) -> Optional[Tuple[timedelta, timedelta]]:
        """
        Estimate how long it takes until the last task is accepted.

        Args:
            now: The time.
            others: The number of tasks still to come.

        Returns:
            How long the host takes for one task, and for all that are left; None if none are left, or before the first
            answer.
        """
        queued = len(self._queued) + others
        if not self._took or not (queued or self._under_way):
            return None
        typical = self._typical(now)
        # When each slot is free; tasks take slots in turn. If none is queued, the last slot counts.
        free = sorted(max(typical - (now - left), NONE) for left in self._under_way.values())[-self.at_once :]
        free = [NONE] * (self.at_once - len(free)) + free
        doublings, at_once = 0, self.at_once
        while self.growing and at_once < min(queued, self._most):
            queued -= at_once
            doublings += 1
            at_once = min(at_once * 2, self._most)
        rounds, slot = divmod(queued - 1, at_once)
        return typical, free[min(slot, self.at_once - 1)] + (doublings + rounds + 1) * typical

    def _typical(self, now: datetime) -> timedelta:
        """Average the latest answers, and the requests under way for longer than these, which will not take less."""
        took = list(self._took)
        mean = sum(took, NONE) / len(took)
        took += [now - left for left in self._under_way.values() if now - left > mean]
        return sum(took, NONE) / len(took)


def _range(least: timedelta, most: timedelta) -> str:
    first, last = f"{least.total_seconds():,.1f}", f"{most.total_seconds():,.1f}"
    return first if first == last else f"{first} to {last}"


def _seconds(span: timedelta) -> str:
    """
    Write a number of seconds with two digits or more.

    >>> _seconds(timedelta(seconds=0.31)), _seconds(timedelta(seconds=6.21)), _seconds(timedelta(seconds=1234.5))
    ('0.3', '6.2', '1,234')
    """
    seconds = span.total_seconds()
    return f"{seconds:.1f}" if seconds < 100 else f"{seconds:,.0f}"  # noqa: PLR2004 - the digits that people read
