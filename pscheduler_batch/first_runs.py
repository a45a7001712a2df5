"""Finding the run that a server makes of a task, once it has made one."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Optional

from pscheduler_batch.asking import Asker
from pscheduler_batch.errors import UnscheduledError
from pscheduler_batch.foresight import Foresight, Posted
from pscheduler_batch.model import Run
from pscheduler_batch.rest import decipher_json, decipher_run, first_run_url
from pscheduler_batch.waiting import CUT

DOING = "waiting for the first run"

# What a server says to a question that it does not know; asked without waiting for the result, it may have a run.
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.INTERNAL_SERVER_ERROR})

_NONE = timedelta(0)


class FirstRuns:
    """Finds the first run of each task of a batch."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._foresight = Foresight()

    def foreseen_end(self, posted: Posted) -> Optional[datetime]:
        """Say when the run of a task can be over, by our clock; None where nobody knows."""
        left = self._left(posted)
        try:
            return None if left is None else self._asker.clock.now() + left
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
            reply = await self._asker.ask_lead(known_href, doing=DOING)
            if reply.status != HTTPStatus.NOT_FOUND:
                return decipher_run(reply, doing=DOING, url=known_href)
        deadline = self._asker.clock.now() + self._asker.patience.scheduling
        merged = await self._wait_for_end(posted)
        return await self._look(posted.href, deadline, merged=merged)

    def learn(self, posted: Posted, run: Run) -> None:
        """Learn from a run, as it was first seen or when it is done, when others will be."""
        self._foresight.learn(posted, run, self._asker.offset(posted.href))

    def _left(self, posted: Posted) -> Optional[timedelta]:
        return self._foresight.left(posted, self._asker.clock.now(), self._asker.offset(posted.href))

    async def _wait_for_start(self, posted: Posted) -> None:
        """
        Ask nothing before a synchronized start, by the server's clock.

        The request slots are needed for posting the tasks of the other iterations in time.
        """
        if posted.start is not None:
            await self._sleep(posted.start - self._asker.clock.now() - self._asker.offset(posted.href))

    async def _sleep(self, span: timedelta) -> None:
        if span > _NONE:
            await self._asker.clock.sleep(span.total_seconds())

    async def _wait_for_end(self, posted: Posted) -> bool:
        """Wait until the run of a task can be over; say whether that is known."""
        left = self._left(posted)
        if left is not None:
            await self._sleep(left)
        return left is not None

    async def _look(self, task_href: str, deadline: datetime, *, merged: bool) -> Run:
        """Look for a run until a time, and at first, where wanted, for its result."""
        clock, patience = self._asker.clock, self._asker.patience
        wait = patience.first_run_wait
        while True:
            asked = clock.now()
            url = first_run_url(task_href, wait, merged=merged)
            # The server waits for the run for twice as long as it is asked to [d14], and then for the result.
            took = 3 * wait if merged else 2 * wait
            reply = await self._asker.ask_lead(url, doing=DOING, wait=took, refusable=merged)
            if merged and reply.status in _REFUSED:
                merged = False
                continue
            if reply.status != HTTPStatus.NOT_FOUND and reply.status not in CUT:
                return decipher_run(reply, doing=DOING, url=url)
            await self.demand_task(task_href)
            if clock.now() >= deadline:
                reason = f"none within {patience.scheduling.total_seconds():g} seconds"
                raise UnscheduledError(reason, doing=DOING, url=task_href)
            if clock.now() - asked < patience.pause:
                await clock.sleep(patience.pause.total_seconds())
            # A run that is so late is not due soon, and no request slot is held to wait for its end (decision 19).
            merged = False

    async def demand_task(self, task_href: str) -> None:
        """
        See that a task without a run is still there and enabled; else nobody needs to wait for it.

        Raises:
            UnscheduledError: It is not.
            SchedulerError: The server cannot be reached, or says no.
        """
        reply = await self._asker.ask_lead(f"{task_href}?detail=true", doing=DOING)
        if reply.status in CUT:
            return
        if reply.status == HTTPStatus.NOT_FOUND:
            raise UnscheduledError("the server knows the task no more", doing=DOING, url=task_href)
        task = decipher_json(reply, doing=DOING, url=task_href)
        detail = task.get("detail") if isinstance(task, dict) else None
        if isinstance(detail, dict) and detail.get("enabled") is False:
            raise UnscheduledError("the task was canceled", doing=DOING, url=task_href)
