"""
Cancel the tasks of iterations that were ended early (ADR 52).

Only the answer to a submission says which task to cancel, and a busy server may take long to send it, so it is waited
for. A task that may still run in the end is reported with everything that helps to find it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Dict, List, Optional, Tuple

from pscheduler_batch.errors import SchedulerError
from pscheduler_batch.events import CANCELING, UNANSWERED, IterationMoved, Stopping, TaskLeft
from pscheduler_batch.http.urls import host_of, shown
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.model import Iteration, IterationResult, Run, RunResult
from pscheduler_batch.run_states import CANCELED as RUN_CANCELED
from pscheduler_batch.scheduler.api import is_final, marked_tasks_url
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.posting import Poster, Posting
from pscheduler_batch.scheduler.run_results import (
    WAIT_AFTER,
    WAIT_BEFORE,
    as_canceled,
    find_fresh_run,
    in_order,
    read_last_state,
    read_results_so_far,
)
from pscheduler_batch.scheduler.tasks import mark_pattern

# What happened to the task of an iteration that was ended early.
CANCELED = "its task was canceled"
OVER = "its run was over before its task was canceled"
NEVER_POSTED = "its task was never posted"
MAY_GO_ON = "its task may still run on"

# The time for everything besides waiting for answers to submissions: users, and machines that shut down, wait for it.
CANCEL_SECONDS = 5.0

# How long to wait for the end of a request that this module canceled, in seconds.
CUT_SECONDS = 0.5

# How long to wait for the answer to a submission whose task is not to be canceled: one that was not sent ends at once.
LEAVE_SECONDS = timedelta(seconds=0.5)

# When to report what is still waited for, in seconds: not at once, as most interruptions take no time; then regularly.
FIRST_REPORT = 0.5
NEXT_REPORTS = 10.0


@dataclass
class _Ending:
    """What is known about a task that is to be canceled."""

    result: IterationResult
    host: Optional[str]
    posting: Optional[Posting]
    fate: Optional[str] = None
    reason: str = ""
    state: str = UNANSWERED
    timer: Optional[asyncio.Future[object]] = None

    @property
    def iteration(self) -> Iteration:
        """The iteration of the task."""
        return self.result.iteration

    def words(self) -> str:
        """Return what happened to the task."""
        if self.fate is not None:
            return self.fate
        may_go_on = f"{MAY_GO_ON} {self.host or 'its server'}"
        href = self.result.task_href
        if href is not None:
            reason = f": {self.reason}" if self.reason else ""
            return f"{may_go_on}{reason}; cancel it with: pscheduler cancel {shown(href)}"
        reason = self.reason or "its submission was not answered"
        return f"{may_go_on}: {reason}; {'it has no mark' if self.mark is None else 'search for it by its mark'}"

    def search_words(self) -> str:
        """Return a command that searches for the task by its mark; empty if its URL is known, or if it has no mark."""
        if self.fate is not None or self.result.task_href is not None or self.mark is None or self.host is None:
            return ""
        return f": curl -k '{marked_tasks_url(self.host, mark_pattern(self.mark))}'"

    @property
    def mark(self) -> Optional[str]:
        """The mark in the task; None where there is none."""
        return None if self.posting is None else self.posting.mark


class Canceler:
    """Cancels the tasks of one batch."""

    def __init__(self, client: SchedulerClient, poster: Poster, journal: Journal) -> None:
        self._client = client
        self._poster = poster
        self._journal = journal
        self._session = client.session
        self._endings: Dict[Tuple[int, int], _Ending] = {}
        self._reporter: Optional[asyncio.Future[None]] = None
        self._until: Optional[datetime] = None
        self._canceled = 0
        self._hurried = self._reported = False

    def hurry(self) -> None:
        """Stop waiting, now and from now on."""
        self._hurried = True
        for key in sorted(self._endings):
            timer = self._endings[key].timer
            if timer is not None:
                timer.cancel()

    async def cancel(self, result: IterationResult) -> Tuple[IterationResult, str]:
        """
        Cancel the task of an iteration, within the time limits of an interruption, whatever its server does.

        Args:
            result: What had been obtained.

        Returns:
            The result with the state of the run after the cancellation, and what happened to the task, in words.
        """
        iteration = result.iteration
        key = iteration.job, iteration.number
        ending = self._endings[key] = self._ending(result)
        if self._reporter is None:
            self._reporter = asyncio.ensure_future(self._report())
        limit = self._client.limits.cancel + timedelta(seconds=CANCEL_SECONDS)
        try:
            await self._within(limit, ending)
        finally:
            del self._endings[key]
            self._canceled += ending.fate in (CANCELED, OVER)
            if not self._endings:
                self._end_reports()
        words = ending.words()
        self._session.debug(f"{iteration.label}: {words}")
        if ending.fate is None:
            self._session.emit(
                TaskLeft(self._session.clock.now(), iteration, ending.host, words + ending.search_words())
            )
        return ending.result, words

    async def leave(self, result: IterationResult) -> Tuple[IterationResult, str]:
        """
        Find out where the task of an iteration is that was ended early, and is not canceled; takes a moment at most.

        Returns:
            What had been obtained, with the URL of the task if it is known; and how to find the task, in words.
        """
        ending = self._ending(result)
        if ending.posting is not None and await self._poster.is_answered(ending.posting, LEAVE_SECONDS):
            try:
                self._note_found(ending, await self._poster.find_abandoned(ending.posting, timedelta(0)))
            except SchedulerError as error:
                ending.reason = str(error)
        return ending.result, ending.words()

    def _ending(self, result: IterationResult) -> _Ending:
        posting = self._poster.abandoned.get((result.iteration.job, result.iteration.number))
        host = None if posting is None else posting.lead
        return _Ending(result, host if result.task_href is None else host_of(result.task_href), posting)

    async def _within(self, limit: timedelta, ending: _Ending) -> None:
        """Cancel a task within a time limit."""
        if self._hurried:
            return
        # In a task of its own, as the present one may have been canceled; and not with wait_for, as the output does not
        # wait for requests that do not end.
        canceling = asyncio.ensure_future(self._cancel(ending))
        timer = ending.timer = asyncio.ensure_future(self._session.clock.sleep(limit.total_seconds()))
        try:
            await asyncio.wait({canceling, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            canceling.cancel()
        await asyncio.wait({canceling}, timeout=CUT_SECONDS)
        if canceling.done() and not canceling.cancelled():
            # A bug raises here.
            canceling.result()

    async def _cancel(self, ending: _Ending) -> None:
        """Find a task, cancel it, and read the state of its run."""
        try:
            if ending.result.task_href is None and not await self._find(ending):
                return
            href = str(ending.result.task_href)
            self._move(ending, CANCELING)
            ending.reason = "its cancellation was not answered"
            self._journal.note_canceling(ending.iteration)
            if not ending.result.runs:
                self._note_run(ending, await find_fresh_run(self._client, href, WAIT_BEFORE))
            existed = await self._poster.cancel(href)
            self._journal.note_canceled(ending.iteration)
            ending.fate = CANCELED
            if existed and not ending.result.runs:
                await self._cancel_fresh_run(ending, href)
        except SchedulerError as error:
            ending.fate, ending.reason = None, str(error)
            return
        await self._read_again(ending)

    async def _find(self, ending: _Ending) -> bool:
        """
        Find out where a task is from the answer to its submission, or by its mark if there is none in time.

        Returns:
            Whether there is a task.

        Raises:
            SchedulerError: There may be one.
        """
        if ending.posting is None:
            return False
        patience = self._client.limits.cancel
        self._move(ending, UNANSWERED, end=self._session.clock.now() + patience)
        return self._note_found(ending, await self._poster.find_abandoned(ending.posting, patience))

    def _note_found(self, ending: _Ending, href: Optional[str]) -> bool:
        """Note where a task is, None if there is none; return whether there is one."""
        if href is None:
            self._journal.note_canceled(ending.iteration)
            ending.fate = NEVER_POSTED
            return False
        self._journal.note_posted(ending.iteration, href, None)
        ending.result = replace(ending.result, task_href=href)
        return True

    async def _cancel_fresh_run(self, ending: _Ending, task_href: str) -> None:
        """
        Cancel the run that a server was just scheduling when its task was canceled.

        The server would run it all the same, for as long as the test takes.

        Raises:
            SchedulerError: The server does not cancel the run.
        """
        run = await find_fresh_run(self._client, task_href, WAIT_AFTER)
        if run is not None and not is_final(run):
            await self._poster.cancel(run.href, doing="canceling a run that was scheduled after its task was canceled")
            run = as_canceled(run)
        self._note_run(ending, run)

    def _note_run(self, ending: _Ending, run: Optional[Run]) -> None:
        if run is not None:
            ending.result = replace(ending.result, runs=(_result_of(run),))

    async def _read_again(self, ending: _Ending) -> None:
        """Read the runs that were not over once more, so that the output has their state after the cancellation."""
        runs: List[RunResult] = []
        for result in ending.result.runs:
            if is_final(result.run):
                runs.append(result)
                continue
            run = await read_last_state(self._client, result.run)
            runs.append(_result_of(run))
            ending.fate = OVER if is_final(run) and run.state != RUN_CANCELED else CANCELED
        ending.result = replace(ending.result, runs=tuple(runs))
        await self._read_results_so_far(ending)

    async def _read_results_so_far(self, ending: _Ending) -> None:
        """Read what the test has measured so far, if it is one with several results (ADR 15)."""
        href, runs = ending.result.task_href, ending.result.runs
        if href is None or len(runs) != 1 or not self._has_begun(runs[0].run):
            return
        lead, found = runs[0].run, []
        async for run in read_results_so_far(self._client, href, lead):
            found.append(_result_of(run))
            ending.result = replace(ending.result, runs=in_order(found), lead_run=lead)

    def _has_begun(self, run: Run) -> bool:
        """Return whether a run has started and has no result itself, so that its test may have several."""
        now = self._session.clock.now() + self._client.http.clock_offset(run.href)
        return run.result_merged is None and run.start_time is not None and run.start_time <= now

    def _move(self, ending: _Ending, state: str, *, end: Optional[datetime] = None) -> None:
        ending.state = state
        now = self._session.clock.now()
        if end is not None:
            self._until = end
        self._session.emit(IterationMoved(now, ending.iteration, state, ending.host, end=end))

    async def _report(self) -> None:
        """Report regularly what is waited for, unless that takes no time."""
        await self._session.clock.sleep(FIRST_REPORT)
        while True:
            self._reported = True
            self._session.emit(self._stopping())
            await self._session.clock.sleep(NEXT_REPORTS)

    def _end_reports(self) -> None:
        if self._reporter is not None:
            self._reporter.cancel()
            self._reporter = None
        if self._reported and self._canceled:
            self._session.emit(self._stopping())
        self._reported = False

    def _stopping(self) -> Stopping:
        endings = [self._endings[key] for key in sorted(self._endings)]

        def in_state(state: str) -> Tuple[Tuple[Iteration, Optional[str]], ...]:
            return tuple((each.iteration, each.host) for each in endings if each.state == state)

        now = self._session.clock.now()
        return Stopping(now, in_state(UNANSWERED), in_state(CANCELING), self._canceled, self._until)


def _result_of(run: Run) -> RunResult:
    """Return what is known of a run; it may have got its result in time."""
    return RunResult(run, {} if run.result_merged is None else {"application/json": run.result_merged})
