"""Finding the run that a server makes of a task, once it has made one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Dict, Optional, Set, Tuple

from pscheduler_batch.errors import UnscheduledError
from pscheduler_batch.http.response import BAD_REQUEST, INTERNAL, NOT_FOUND, OVERLOADED
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.model import JSONObject, Run
from pscheduler_batch.scheduler.api import FINISHED, decipher_json, decipher_run, first_run_url, is_final
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.tasks import Length, known_length

DOING = "waiting for the first run"

# What a server says to a question that it does not know; asked without waiting for the result, it may have a run.
_REFUSED = frozenset({BAD_REQUEST, INTERNAL})

_NONE = timedelta(0)


class FirstRunFinder:
    """Finds the first run of each task of a batch."""

    def __init__(self, client: SchedulerClient) -> None:
        self._client = client
        self._foresight = RunEstimates()

    def foreseen_end(self, posted: Posted) -> Optional[datetime]:
        """Say when the run of a task can be over, by our clock; None where nobody knows."""
        left = self._left(posted)
        try:
            return None if left is None else self._client.session.clock.now() + left
        except OverflowError:
            return None

    async def find(self, posted: Posted, known_href: Optional[str]) -> Run:
        """
        Wait until the scheduler has made a run of a task; until then there is none to ask for.

        Where it is known when the run can be over, it is looked for then. The answer has its result, if the server
        waits for one when it is asked for the first run, as pScheduler's own does; if not, the run is waited for as
        any other.

        Args:
            posted: The task.
            known_href: Where its run was in an earlier try; if it is still there, there is nothing to wait for.

        Raises:
            UnscheduledError: There is none, and none will come.
            SchedulerError: The server cannot be reached, or says no.
        """
        await self._wait_for_start(posted)
        if known_href is not None:
            reply = await self._client.ask_lead(known_href, doing=DOING)
            if reply.status != NOT_FOUND:
                return decipher_run(reply, doing=DOING, url=known_href)
        deadline = self._client.session.clock.now() + self._client.limits.scheduling
        merged = await self._wait_for_end(posted)
        return await self._look(posted.href, deadline, merged=merged)

    def learn(self, posted: Posted, run: Run) -> None:
        """Learn from a run, as it was first seen or when it is done, when others will be."""
        self._foresight.learn(posted, run, self._client.http.clock_offset(posted.href))

    def _left(self, posted: Posted) -> Optional[timedelta]:
        return self._foresight.left(
            posted, self._client.session.clock.now(), self._client.http.clock_offset(posted.href)
        )

    async def _wait_for_start(self, posted: Posted) -> None:
        """
        Ask nothing before a synchronized start, by the server's clock.

        The request slots are needed for posting the tasks of the other iterations in time.
        """
        if posted.start is not None:
            await self._sleep(
                posted.start - self._client.session.clock.now() - self._client.http.clock_offset(posted.href)
            )

    async def _sleep(self, span: timedelta) -> None:
        if span > _NONE:
            await self._client.session.clock.sleep(span.total_seconds())

    async def _wait_for_end(self, posted: Posted) -> bool:
        """Wait until the run of a task can be over; say whether that is known."""
        left = self._left(posted)
        if left is not None:
            await self._sleep(left)
        return left is not None

    async def _look(self, task_href: str, deadline: datetime, *, merged: bool) -> Run:
        """Look for a run until a time, and at first, where wanted, for its result."""
        clock, limits = self._client.session.clock, self._client.limits
        wait = limits.first_run_wait
        while True:
            asked = clock.now()
            url = first_run_url(task_href, wait, merged=merged)
            # The server waits for the run for twice as long as it is asked to [d14], and then for the result.
            took = 3 * wait if merged else 2 * wait
            reply = await self._client.ask_lead(url, doing=DOING, wait=took, refusable=merged)
            if merged and reply.status in _REFUSED:
                merged = False
                continue
            if reply.status != NOT_FOUND and reply.status not in OVERLOADED:
                return decipher_run(reply, doing=DOING, url=url)
            await self.demand_task(task_href)
            if clock.now() >= deadline:
                reason = f"none within {limits.scheduling.total_seconds():g} seconds"
                raise UnscheduledError(reason, doing=DOING, url=task_href)
            if clock.now() - asked < limits.pause:
                await clock.sleep(limits.pause.total_seconds())
            # A run that is so late is not due soon, and no request slot is held to wait for its end (ADR 20).
            merged = False

    async def demand_task(self, task_href: str) -> None:
        """
        See that a task without a run is still there and enabled; else nobody needs to wait for it.

        Raises:
            UnscheduledError: It is not.
            SchedulerError: The server cannot be reached, or says no.
        """
        reply = await self._client.ask_lead(f"{task_href}?detail=true", doing=DOING)
        if reply.status in OVERLOADED:
            return
        if reply.status == NOT_FOUND:
            raise UnscheduledError("the server knows the task no more", doing=DOING, url=task_href)
        task = decipher_json(reply, doing=DOING, url=task_href)
        detail = task.get("detail") if isinstance(task, dict) else None
        if isinstance(detail, dict) and detail.get("enabled") is False:
            raise UnscheduledError("the task was canceled", doing=DOING, url=task_href)


# Runs that take longer are looked for early, so that one that is denied or moved is not found out long afterwards.
LONGEST = timedelta(minutes=1)

# No run was ever seen to begin sooner after the answer to its POST on a server with nothing else to do [t-timings], so
# that none is looked for later than this because others were slow to begin.
SOONEST = timedelta(seconds=4)

# Tests of one host alone, whose runs are over soon after their length. Where two take part, only the announced end
# counts: iperf3 announces 12 seconds for 3 [m-thr-01-detail]. Of several results none is ever the lead run's [h10].
_OVER_WITH_THEIR_LENGTH = frozenset({"clock", "dns", "http", "idle", "idleex", "noop", "rtt"})

_NONE = timedelta(0)

# The host, the type of the test, and its specification where it does not say how long the test takes.
_Kind = Tuple[str, str, str]


@dataclass(frozen=True)
class Posted:
    """
    A task that a server has accepted.

    Attributes:
        href: The task.
        task: What was posted.
        at: When, by our clock; None where nobody remembers.
        start: Its synchronized start, where it has one that it was not too late for.
    """

    href: str
    task: JSONObject
    at: Optional[datetime] = None
    start: Optional[datetime] = None


class RunEstimates:
    """Says when runs can be over, and learns it from those that are; belongs to one batch."""

    def __init__(self) -> None:
        self._delays: Dict[str, timedelta] = {}
        self._needs: Dict[_Kind, timedelta] = {}
        self._fruitless: Set[_Kind] = set()

    def left(self, posted: Posted, now: datetime, offset: timedelta) -> Optional[timedelta]:
        """
        Say for how long no result of a task is to be expected.

        Args:
            posted: The task.
            now: The time.
            offset: How far ahead of ours the clock of its server is.

        Returns:
            It may be negative. None where nothing is known of such runs, where they take longer than a minute, where
            the last one gave no result, or where nobody remembers when the task was posted.
        """
        takes = self._least_length(posted)
        if takes is None:
            return None
        # The offset is taken from a difference, as the calendar may not have the time itself by our clock.
        if posted.start is not None:
            return posted.start - now - offset + takes
        if posted.at is None:
            return None
        return posted.at - now + self._delays.get(host_of(posted.href), _NONE) + takes

    def _least_length(self, posted: Posted) -> Optional[timedelta]:
        """Say how long a run takes from its start until it has a result, at least; None where it is not foreseen."""
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
            host = host_of(posted.href)
            delay = max(run.start_time - posted.at - offset, _NONE)
            self._delays[host] = min(delay, self._delays.get(host, SOONEST))
        if run.end_time is not None and run.state == FINISHED and run.result_merged is not None:
            need = max(run.end_time - run.start_time, _NONE) - (_NONE if length is None else length.span)
            self._needs[kind] = min(need, self._needs.get(kind, need))


def _kind_of(posted: Posted, length: Optional[Length]) -> _Kind:
    test = posted.task["test"]
    spec = "" if length is not None else json.dumps(test.get("spec"), sort_keys=True)
    return host_of(posted.href), test["type"], spec


def _least_known(task: JSONObject, length: Optional[Length]) -> Optional[timedelta]:
    """Say what a run takes at least of which nothing but its task is known; None where that says nothing."""
    test = task["test"]
    if length is None or test["type"] not in _OVER_WITH_THEIR_LENGTH:
        return None
    if test["type"] == "rtt":
        # After the last packet nobody waits any more.
        return max(length.span - parse_duration(test["spec"].get("interval", "PT1S")), _NONE)
    # A noop is announced with a second, and needs none [t-noop-waitmerged].
    return _NONE if test["type"] == "noop" else length.least
