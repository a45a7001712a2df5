"""
Wait until the first run of a task can be over, and find it.

When that is, is estimated from the task and from other runs, so that most runs are found when they have their result.
For the others, :mod:`~pscheduler_batch.scheduler.waiting` does the rest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Dict, Optional, Set, Tuple

from pscheduler_batch.errors import RefusedError, ReplyError, UnscheduledError
from pscheduler_batch.http.response import BAD_REQUEST, INTERNAL, NOT_FOUND
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.model import JSONObject, Run
from pscheduler_batch.run_states import FINISHED
from pscheduler_batch.scheduler.api import decipher_json, decipher_run, first_run_url, is_final
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.tasks import Length, known_length
from pscheduler_batch.scheduler.waiting import is_done

DOING = "waiting for the first run"
CHECKING = "checking that the task exists"

# Answers of a server that does not know how to wait for the result; it is then asked for the run alone.
_REFUSED = frozenset({BAD_REQUEST, INTERNAL})

_NONE = timedelta(0)


class FirstRunFinder:
    """Finds the first run of each task of a batch."""

    def __init__(self, client: SchedulerClient) -> None:
        self._client = client
        self._estimates = RunEstimates()

    def foreseen_end(self, posted: Posted) -> Optional[datetime]:
        """Return when the run of a task can be over, by our clock; None if that is not known."""
        left = self._left(posted)
        try:
            return None if left is None else self._client.session.clock.now() + left
        except OverflowError:
            return None

    async def find(self, posted: Posted, known_href: Optional[str]) -> Run:
        """
        Wait until the scheduler has made a run of a task.

        If it is known when the run can be over, it is requested then. The answer includes the result if the server
        waits for it when it is asked for the first run, as pScheduler's own does; otherwise the run is waited for like
        any other. Until then it is polled occasionally, as it may end early.

        Args:
            posted: The task.
            known_href: The URL of its run in an earlier try; if that still exists, there is nothing to wait for.

        Raises:
            UnscheduledError: There is no run, and there will not be one.
            SchedulerError: The server cannot be reached, or refuses.
        """
        await self._wait_for_start(posted)
        if known_href is not None:
            reply = await self._client.ask_lead(known_href, doing=DOING)
            if reply.status != NOT_FOUND:
                return decipher_run(reply, doing=DOING, url=known_href)
        deadline = self._client.session.clock.now() + self._client.limits.scheduling
        left = self._left(posted)
        run = None if left is None or left <= _NONE else await self._watch_until_due(posted, left, deadline)
        return run or await self._look(posted.href, deadline, merged=left is not None)

    def learn(self, posted: Posted, run: Run) -> None:
        """Learn from a run, as it was first seen or when it is done, when other runs will be over."""
        self._estimates.learn(posted, run, self._client.http.clock_offset(posted.href))

    def _left(self, posted: Posted) -> Optional[timedelta]:
        return self._estimates.left(
            posted, self._client.session.clock.now(), self._client.http.clock_offset(posted.href)
        )

    async def _wait_for_start(self, posted: Posted) -> None:
        """
        Wait for a synchronized start, by the server's clock.

        The request slots are needed for posting the tasks of the other iterations in time.
        """
        if posted.start is not None:
            clock = self._client.session.clock
            left = posted.start - clock.now() - self._client.http.clock_offset(posted.href)
            if left > _NONE:
                await clock.sleep(left.total_seconds())

    async def _watch_until_due(self, posted: Posted, left: timedelta, deadline: datetime) -> Optional[Run]:
        """Wait until the run of a task can be over; return the run if it is over before, or is late or gone."""
        url = first_run_url(posted.href, 0)
        length, looks, absent = left, 0, 0
        while left > _NONE:
            within = await self._client.looks.wait(posted.host, left, length, first=not looks)
            if within is None:
                return None
            asked = self._client.session.clock.now()
            looks += 1
            reply = await self._client.look(url, doing=DOING, within=within)
            left = within - (self._client.session.clock.now() - asked)
            if reply is None:
                continue
            if reply.status == NOT_FOUND:
                absent += 1
                if absent > 1:
                    return await self._look(posted.href, deadline, merged=False)
                continue
            try:
                run = decipher_run(reply, doing=DOING, url=url)
            except (RefusedError, ReplyError):
                continue
            if is_done(run):
                return run
            absent = 1
        return None

    async def _look(self, task_href: str, deadline: datetime, *, merged: bool) -> Run:
        """Look for a run until the deadline; at first, if wanted, for its result as well."""
        clock, limits = self._client.session.clock, self._client.limits
        wait = limits.first_run_wait
        while True:
            asked = clock.now()
            url = first_run_url(task_href, wait, merged=merged)
            # The server waits for the run for twice as long as it is asked to [d14], and then for the result.
            took = 3 * wait if merged else 2 * wait
            reply = await self._client.ask_lead(url, doing=DOING, wait=took, refusable=merged)
            if merged and reply.status in _REFUSED and not reply.overloaded:
                merged = False
                continue
            if reply.in_vain or not (reply.overloaded or reply.status == NOT_FOUND):
                return decipher_run(reply, doing=DOING, url=url)
            await self.require_task(task_href)
            if clock.now() >= deadline:
                reason = f"none within {limits.scheduling.total_seconds():g} seconds"
                raise UnscheduledError(reason, doing=DOING, url=task_href)
            if clock.now() - asked < limits.pause:
                await clock.sleep(limits.pause.total_seconds())
            # A run that is so late will not end soon, and no request slot is held to wait for its end (ADR 20).
            merged = False

    async def require_task(self, task_href: str) -> None:
        """
        Raise an error unless a task without a run still exists and is enabled.

        Raises:
            UnscheduledError: It does not exist, or is disabled.
            SchedulerError: The server cannot be reached, or refuses.
        """
        # A step of its own, so that its answers do not make an outage of the first run look over.
        reply = await self._client.ask_lead(f"{task_href}?detail=true", doing=CHECKING)
        if reply.overloaded:
            return
        if reply.status == NOT_FOUND:
            raise UnscheduledError("the task does not exist on the server any more", doing=DOING, url=task_href)
        task = decipher_json(reply, doing=CHECKING, url=task_href)
        detail = task.get("detail") if isinstance(task, dict) else None
        if isinstance(detail, dict) and detail.get("enabled") is False:
            raise UnscheduledError("the task was canceled", doing=DOING, url=task_href, may_pass=False)


# Runs that take longer are looked for early, so that one that is denied or moved is noticed soon.
LONGEST = timedelta(minutes=1)

# No run was ever seen to start sooner after the answer to its POST on an idle server [t-timings], so none is looked for
# later than this because others were slow to start.
SOONEST = timedelta(seconds=4)

# Tests of a single host, whose runs are over soon after their length. With two participants, only the announced end
# counts: iperf3 announces 12 seconds for 3 [m-thr-01-detail]. With several results, the lead run has none [h10].
_OVER_WITH_THEIR_LENGTH = frozenset({"clock", "dns", "http", "idle", "idleex", "noop", "rtt"})


# The host, the type of the test, and its specification if that does not say how long the test takes.
_Kind = Tuple[str, str, str]


@dataclass(frozen=True)
class Posted:
    """
    A task that a server has accepted.

    Attributes:
        href: The task.
        task: What was posted.
        at: When, by our clock; None if that is not known.
        start: Its synchronized start, if it has one and was posted in time for it.
    """

    href: str
    task: JSONObject
    at: Optional[datetime] = None
    start: Optional[datetime] = None

    @cached_property
    def host(self) -> str:
        """The host that the task is on."""
        return host_of(self.href)


class RunEstimates:
    """Estimates when runs can be over, and learns from those that are; belongs to one batch."""

    def __init__(self) -> None:
        self._delays: Dict[str, timedelta] = {}
        self._needs: Dict[_Kind, timedelta] = {}
        self._fruitless: Set[_Kind] = set()

    def left(self, posted: Posted, now: datetime, offset: timedelta) -> Optional[timedelta]:
        """
        Return for how long no result of a task is to be expected.

        Args:
            posted: The task.
            now: The time.
            offset: How far ahead of ours the clock of its server is.

        Returns:
            May be negative. None if nothing is known of such runs, they take longer than a minute, the last one gave no
            result, or it is not known when the task was posted.
        """
        takes = self._least_length(posted)
        if takes is None:
            return None
        # The offset is taken from a difference, as the calendar may not have the time itself by our clock.
        if posted.start is not None:
            return posted.start - now - offset + takes
        if posted.at is None:
            return None
        return posted.at - now + self._delays.get(posted.host, _NONE) + takes

    def _least_length(self, posted: Posted) -> Optional[timedelta]:
        """Return how long a run takes from its start to its result, at least; None if that is not known."""
        length = known_length(posted.task)
        kind = _kind_of(posted, length)
        if kind in self._fruitless:
            return None
        takes = _least_known(posted.task, length)
        need = self._needs.get(kind)
        if need is not None and not (length is not None and length.at_most):
            takes = need + (_NONE if length is None else length.span)
        return None if takes is None or takes > LONGEST else takes

    def learn(self, posted: Posted, run: Run, offset: timedelta) -> None:
        """
        Learn from a run.

        Args:
            posted: Its task.
            run: The run, as it was first seen or when it is done.
            offset: How far ahead of ours the clock of its server is.
        """
        length = known_length(posted.task)
        kind = _kind_of(posted, length)
        if run.result_merged is not None:
            self._fruitless.discard(kind)
        elif is_final(run):
            self._fruitless.add(kind)
        if run.start_time is None:
            return
        if posted.start is None and posted.at is not None:
            host = posted.host
            delay = max(run.start_time - posted.at - offset, _NONE)
            self._delays[host] = min(delay, self._delays.get(host, SOONEST))
        if run.end_time is not None and run.state == FINISHED and run.result_merged is not None:
            need = max(run.end_time - run.start_time, _NONE) - (_NONE if length is None else length.span)
            self._needs[kind] = min(need, self._needs.get(kind, need))


def _kind_of(posted: Posted, length: Optional[Length]) -> _Kind:
    test = posted.task["test"]
    spec = "" if length is not None else json.dumps(test.get("spec"), sort_keys=True)
    return posted.host, test["type"], spec


def _least_known(task: JSONObject, length: Optional[Length]) -> Optional[timedelta]:
    """Return how long a run takes at least, judging by its task alone; None if that does not tell."""
    test = task["test"]
    if length is None or test["type"] not in _OVER_WITH_THEIR_LENGTH:
        return None
    if test["type"] == "rtt":
        # The run is over with the last packet.
        return max(length.span - parse_duration(test["spec"].get("interval", "PT1S")), _NONE)
    # A noop is announced with a second, and needs none [t-noop-waitmerged].
    return _NONE if test["type"] == "noop" else length.least
