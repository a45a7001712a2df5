"""
The progress of a batch, computed from its events: what is done, what is in progress, and how long the rest may take.

Each event and each snapshot take the same time, however many iterations there are. No clock is read: the time is in the
events or passed in.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Dict, List, Optional, Tuple, Union

from pscheduler_batch.events import (
    CANCELING,
    UNANSWERED,
    WAITING,
    AttemptEnded,
    BatchBegan,
    Event,
    Interrupted,
    IterationEnded,
    IterationMoved,
    JobBegan,
    JobEnded,
    LimitChanged,
    RequestHeldUp,
    RetriesBegan,
)
from pscheduler_batch.model import Job

NONE = timedelta(0)

IterationKey = Tuple[int, int]


@dataclass(frozen=True)
class ProgressSnapshot:
    """
    The progress at one moment.

    Attributes:
        at: The moment.
        began: When this attempt at the batch started.
        total: How many iterations the batch has.
        finished: How many of them succeeded.
        failed: How many of them failed.
        skipped: How many of them were skipped.
        jobs: How many jobs are enabled.
        job_place: The place of the current job among these, from 1; 0 before the first one.
        job: The current job; None between two jobs.
        left: How long the current job may still take; None where that is unknown.
        is_last: Whether the current job is the last one.
        lines: Iterations in progress, waiting ones last; no more than requested.
        others: How many more there are in each state.
        held_up: The latest request that will be retried; None where there is none.
        limited: The latest limit of a host that is slow or overloaded; None where there is none.
        stopping: Once the batch is interrupted, how many submissions were not answered yet, and how many tasks are
            being canceled.
    """

    at: datetime
    began: datetime
    total: int
    finished: int
    failed: int
    jobs: int
    job_place: int
    job: Optional[Job]
    left: Optional[timedelta]
    is_last: bool
    lines: Tuple[IterationMoved, ...]
    others: Tuple[Tuple[str, int], ...]
    skipped: int = 0
    held_up: Optional[RequestHeldUp] = None
    limited: Optional[LimitChanged] = None
    stopping: Optional[Tuple[int, int]] = None


class _JobCounts:
    """The progress of one job."""

    def __init__(self, began: Union[JobBegan, RetriesBegan]) -> None:
        self.job = began.plan.job
        self.left = len(began.plan.iterations)
        self._began = began.at
        self._done = 0
        self._shortest: Optional[timedelta] = None
        self._together = NONE
        # The intervals between the starts of iterations, where they run one after another.
        self._intervals = 0
        self._between = NONE
        self._last_begun: Optional[datetime] = None
        self._begun: Dict[IterationKey, datetime] = {}
        self._ends: Dict[IterationKey, datetime] = {}
        # The latest end first; an entry that differs from `_ends` is dropped when it comes to the top.
        self._latest: List[Tuple[float, IterationKey]] = []

    def move(self, key: IterationKey, moved: IterationMoved) -> None:
        if moved.state != WAITING and key not in self._begun:
            self._begin(key, moved.at)
        if moved.end is None:
            self._ends.pop(key, None)
        elif self._ends.get(key) != moved.end:
            self._ends[key] = moved.end
            heapq.heappush(self._latest, (-moved.end.timestamp(), key))

    def _begin(self, key: IterationKey, at: datetime) -> None:
        self._begun[key] = at
        if self._last_begun is not None:
            self._intervals += 1
            self._between += max(at - self._last_begun, NONE)
        self._last_begun = at

    def end(self, key: IterationKey, at: datetime) -> None:
        self.left -= 1
        self._ends.pop(key, None)
        begun = self._begun.pop(key, None)
        # What an earlier attempt did, or what was never started, says nothing about how long the others take.
        if begun is not None:
            took = max(at - begun, NONE)
            self._done += 1
            self._together += took
            self._shortest = took if self._shortest is None else min(took, self._shortest)

    def estimate(self, now: datetime) -> Optional[timedelta]:
        """Return how long the job may still take; None where there is nothing to estimate from."""
        if not self.left:
            return NONE
        return self._estimate_parallel(now) if self.job.parallel else self._estimate_serial(now)

    def _estimate_serial(self, now: datetime) -> Optional[timedelta]:
        # An iteration starts while the results of the last one are still being fetched, so intervals count.
        if self._intervals:
            interval: Optional[timedelta] = self._between / self._intervals
        else:
            interval = self._together / self._done if self._done else None
        present = self._until_latest_end(now)
        if present is None and interval is not None:
            begun = now if self._last_begun is None or not self._begun else self._last_begun
            present = max(interval - (now - begun), NONE)
        others = self.left - max(len(self._begun), 1)
        if present is None or (others and interval is None):
            return None
        return present + others * (interval or NONE)

    def _estimate_parallel(self, now: datetime) -> Optional[timedelta]:
        known = self._until_latest_end(now)
        if len(self._ends) == self.left:
            return known
        if self._shortest is None:
            return None
        # They end at the rate at which they were started, the first one after the duration of a single one.
        pace = max(now - self._began - self._shortest, NONE) / self._done
        return max(known or NONE, pace * self.left)

    def _until_latest_end(self, now: datetime) -> Optional[timedelta]:
        while self._latest:
            _, key = self._latest[0]
            end = self._ends.get(key)
            if end is not None and -end.timestamp() == self._latest[0][0]:
                return max(end - now, NONE)
            heapq.heappop(self._latest)
        return None


class ProgressCounts:
    """Counts the events of one batch."""

    def __init__(self) -> None:
        self._began: Optional[datetime] = None
        self._total = self._finished = self._failed = self._skipped = 0
        self._places: Dict[int, int] = {}
        self._place = 0
        self._job: Optional[_JobCounts] = None
        self._under_way: Dict[IterationKey, IterationMoved] = {}
        self._waiting: Dict[IterationKey, IterationMoved] = {}
        self._states: Counter[str] = Counter()
        self._held_up: Optional[RequestHeldUp] = None
        # By host, and whether it is about submissions; the latest is last.
        self._limited: Dict[Tuple[str, bool], LimitChanged] = {}
        self._interrupted = False

    def note(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, IterationMoved):
            self._move(event)
        elif isinstance(event, IterationEnded):
            self._end(event)
        elif isinstance(event, AttemptEnded):
            self._end_attempt(event)
        elif isinstance(event, (JobBegan, RetriesBegan)):
            self._job = _JobCounts(event)
            self._place = self._places.get(event.plan.job.number, 0)
        elif isinstance(event, JobEnded):
            self._job = None
        elif isinstance(event, RequestHeldUp):
            self._hold_up(event)
        elif isinstance(event, LimitChanged):
            self._limit(event)
        elif isinstance(event, Interrupted):
            self._interrupted = True
        elif isinstance(event, BatchBegan):
            jobs = [plan for plan in event.plan.jobs if plan.job.enabled]
            self._began = event.at
            self._total = sum(len(plan.iterations) for plan in jobs)
            self._places = {plan.job.number: place for place, plan in enumerate(jobs, 1)}

    def _hold_up(self, event: RequestHeldUp) -> None:
        if event.reason is not None:
            self._held_up = event
        elif self._held_up is not None and self._held_up.host == event.host:
            # If others wait for the same host, another event says so soon.
            self._held_up = None

    def _limit(self, changed: LimitChanged) -> None:
        key = changed.host, changed.submitting
        was_limited = self._limited.pop(key, None) is not None
        if changed.limit < changed.most and (was_limited or changed.reason is not None):
            self._limited[key] = changed

    def _move(self, moved: IterationMoved) -> None:
        key = moved.iteration.job, moved.iteration.number
        self._forget_state(key)
        if moved.state == WAITING:
            self._waiting[key] = moved
        else:
            self._waiting.pop(key, None)
            # A known iteration keeps its place, so that lines do not jump.
            self._under_way[key] = moved
        self._states[moved.state] += 1
        if self._job is not None:
            self._job.move(key, moved)

    def _end(self, ended: IterationEnded) -> None:
        self._end_attempt(ended)
        self._finished += ended.succeeded
        self._skipped += ended.result.skipped
        self._failed += not (ended.succeeded or ended.result.skipped)

    def _end_attempt(self, ended: Union[AttemptEnded, IterationEnded]) -> None:
        key = ended.result.iteration.job, ended.result.iteration.number
        self._forget_state(key)
        self._waiting.pop(key, None)
        self._under_way.pop(key, None)
        if self._job is not None:
            self._job.end(key, ended.at)

    def _forget_state(self, key: IterationKey) -> None:
        before = self._under_way.get(key) or self._waiting.get(key)
        if before is not None:
            self._states[before.state] -= 1
            if not self._states[before.state]:
                # Servers may send any number of different states.
                del self._states[before.state]

    def snapshot(self, now: datetime, lines: int) -> ProgressSnapshot:
        """
        Return the progress.

        Args:
            now: The time.
            lines: The most iterations to list individually.
        """
        shown = tuple(islice(chain(self._under_way.values(), self._waiting.values()), max(lines, 0)))
        others = self._states - Counter(moved.state for moved in shown)
        job = self._job
        return ProgressSnapshot(
            at=now,
            began=now if self._began is None else self._began,
            total=self._total,
            finished=self._finished,
            failed=self._failed,
            skipped=self._skipped,
            jobs=len(self._places),
            job_place=self._place,
            job=None if job is None else job.job,
            left=None if job is None else job.estimate(now),
            is_last=self._place == len(self._places),
            lines=shown,
            others=tuple(others.most_common()),
            held_up=self._held_up,
            limited=next(reversed(self._limited.values()), None),
            stopping=(self._states[UNANSWERED], self._states[CANCELING]) if self._interrupted else None,
        )
