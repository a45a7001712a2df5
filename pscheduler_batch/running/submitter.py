"""
One iteration from its task to its results.

The steps of the API: find the lead, POST the task, find the first run, wait for it, fetch its results. An error on the
way is a :class:`~pscheduler_batch.model.Failure` beside everything obtained before.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Callable, Optional, Tuple

from pscheduler_batch.errors import SchedulerError, UnscheduledError
from pscheduler_batch.events import ASKING, FETCHING, POSTED, POSTING, IterationMoved
from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.journal.history import IterationHistory, JournalError
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.journal.journal import DOING
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.running.canceling import Canceler
from pscheduler_batch.scheduler.api import is_overloaded
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.first_run import FirstRunFinder, Posted
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.participants import LeadFinder
from pscheduler_batch.scheduler.posting import DOING as POSTING_TASK
from pscheduler_batch.scheduler.posting import Poster
from pscheduler_batch.scheduler.run_results import Fetcher
from pscheduler_batch.scheduler.tasks import mark_of, marked_task
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session


class _UnfinishedIteration:
    """
    An iteration that was ended before it was done.

    Attributes:
        result: What had been obtained.
        submitted: Whether its task may be on a server.
    """

    def __init__(self, result: IterationResult, *, submitted: bool) -> None:
        self.result = result
        self.submitted = submitted
        super().__init__()


class BrokenDownError(_UnfinishedIteration, Exception):
    """An iteration that was ended by a bug, which is the cause of this error."""


class CutShortError(_UnfinishedIteration, asyncio.CancelledError):
    """An iteration that was canceled."""


def new_mark() -> str:
    """Return a unique mark for a task."""
    return str(uuid.uuid4())


@dataclass
class _Progress:
    """What has been obtained of one iteration so far."""

    result: IterationResult
    client: SchedulerClient
    session: Session
    submitted: bool = False
    posted_at: Optional[datetime] = None

    def keep(self, **obtained: object) -> None:
        self.result = replace(self.result, **obtained)  # type: ignore[arg-type]

    def posted(self, task_href: str, start: Optional[datetime]) -> Posted:
        """Describe the posted task; one that missed its start is scheduled after the POST, like any other."""
        start = start if self.result.late is None else None
        return Posted(task_href, self.result.iteration.task, self.posted_at, start)

    def move(
        self, state: str, host: Optional[str], *, start: Optional[datetime] = None, end: Optional[datetime] = None
    ) -> None:
        """Report a state without a run."""
        self.session.emit(
            IterationMoved(self.session.clock.now(), self.result.iteration, state, host, start=start, end=end)
        )

    def move_with(self, run: Run, state: Optional[str] = None) -> None:
        """Report the state of a run, or another state; its times are by the server's clock."""
        host = host_of(run.href)
        offset = self.client.http.clock_offset(run.href)
        start, end = _by_our_clock(run.start_time, offset), _by_our_clock(run.end_time, offset)
        at = self.session.clock.now()
        self.session.emit(IterationMoved(at, self.result.iteration, state or run.state, host, run, start, end))


class Submitter:
    """Runs the tasks of one batch."""

    def __init__(
        self,
        client: HttpClient,
        hosts: Hosts,
        patience: Optional[WaitLimits] = None,
        *,
        journal: Optional[Journal] = None,
        new_mark: Optional[Callable[[], str]] = new_mark,
    ) -> None:
        """
        Prepare to submit.

        Args:
            client: Makes the requests.
            hosts: Where they go.
            patience: How long to wait for what.
            journal: Is told every step before it is taken, and knows the steps of an earlier try.
            new_mark: Makes the mark of a task; None leaves tasks unmarked.
        """
        session = client.session
        self._client = SchedulerClient(client, hosts, patience or WaitLimits())
        self._leads = LeadFinder(self._client)
        self._poster = Poster(self._client)
        self._first_runs = FirstRunFinder(self._client)
        self._fetcher = Fetcher(self._client)
        self._session = session
        self._debug = session.debug
        self._journal = journal or Journal()
        self._canceler = Canceler(self._client, self._poster, self._journal)
        self._new_mark = new_mark

    async def submit(
        self, iteration: Iteration, start: Optional[datetime] = None, *, measured: Callable[[], None] = lambda: None
    ) -> IterationResult:
        """
        Run one iteration, or the rest of it after an earlier try.

        Args:
            iteration: The iteration.
            start: The synchronized start of its job, if there is one.
            measured: Is called when its run is over and only its results are still to be fetched; not if there are
                several results, as some of the runs may not be over by then.

        Returns:
            Everything obtained, including the failure where a server failed.

        Raises:
            CutShortError: It was canceled; the error has what had been obtained.
            BrokenDownError: There is a bug; the error has what had been obtained.
        """
        progress = _Progress(IterationResult(iteration), self._client, self._session)
        try:
            await self._submit(start, progress, measured)
        except (SchedulerError, JournalError) as error:
            self._debug(f"{iteration.label}: failed: {error}")
            known = Failure.of(error) if isinstance(error, SchedulerError) else Failure(str(error), DOING, "")
            progress.keep(failure=known)
        except asyncio.CancelledError as error:
            raise CutShortError(progress.result, submitted=progress.submitted) from error
        except Exception as bug:
            raise BrokenDownError(progress.result, submitted=progress.submitted) from bug
        return progress.result

    async def _submit(self, start: Optional[datetime], progress: _Progress, measured: Callable[[], None]) -> None:
        iteration = progress.result.iteration
        label = iteration.label
        task_href, run_href = await self._submitted_task(start, progress)
        progress.keep(task_href=task_href)
        posted = progress.posted(task_href, start)
        cuts = self._client.http.cuts_at(posted.host)
        progress.move(POSTED, posted.host, start=start, end=self._first_runs.foreseen_end(posted))
        run = await self._first_runs.find(posted, run_href)
        self._first_runs.learn(posted, run)
        self._journal.note_run(progress.result.iteration, run.href)
        progress.keep(runs=(RunResult(run, {}),))
        self._debug(f"{label}: scheduled as {run.href}, {run.start_time} to {run.end_time}, {run.state}")
        progress.move_with(run)

        def report_change(changed: Run) -> None:
            if changed.state != progress.result.runs[0].run.state:
                self._debug(f"{label}: {changed.state}")
            progress.keep(runs=(RunResult(changed, {}),))
            progress.move_with(changed)

        run = await self._fetcher.wait(run, report_change)
        self._first_runs.learn(posted, run)
        if is_overloaded(run):
            self._client.http.note_overload(posted.host, "a run failed because a process took too long", cuts)
        progress.move_with(run, FETCHING)
        if run.result_merged is not None:
            measured()

        def keep(runs: Tuple[RunResult, ...]) -> None:
            # Several results are runs of their own, so the run that was waited for is not among them.
            alone = any(result.run.href == run.href for result in runs)
            progress.keep(runs=runs, lead_run=None if alone else run)

        runs, failure = await self._fetcher.fetch_results(task_href, run, keep)
        keep(runs)
        progress.keep(failure=failure)
        self._debug(f"{label}: done")

    async def _submitted_task(self, start: Optional[datetime], progress: _Progress) -> Tuple[str, Optional[str]]:
        """Post a task, or find that of an earlier try; return its URL, and that of its run if it is known."""
        iteration = progress.result.iteration
        history = self._journal.history_of(iteration)
        if history.task is None:
            return await self._post(start, progress), None
        # The task that an earlier try submitted counts, whatever the scripts make of it now.
        progress.keep(iteration=replace(iteration, task=history.task), late=history.late)
        progress.submitted = True
        task_href = history.task_href or await self._post_again(history, start, progress)
        # It may exist, so an interruption has something to cancel from here on.
        progress.keep(task_href=task_href)
        if not history.canceling or await self._is_kept(task_href):
            return task_href, history.run_href
        # It was canceled because the batch was interrupted, so it is run now.
        self._journal.note_canceled(iteration)
        progress.submitted = False
        progress.keep(iteration=iteration, late=None, task_href=None)
        return await self._post(start, progress), None

    async def _post(self, start: Optional[datetime], progress: _Progress) -> str:
        """Post a task for the first time; the journal has it before."""
        iteration = progress.result.iteration
        progress.move(ASKING, self._client.hosts.assist)
        lead = await self._leads.find_lead(iteration.task)
        mark = None if self._new_mark is None else self._new_mark()
        marked = None if mark is None else marked_task(iteration.task, mark)
        if marked is None:
            mark = None
        else:
            iteration = replace(iteration, task=marked)
        self._journal.note_posting(iteration, lead, mark)
        progress.keep(iteration=iteration)
        progress.submitted = True
        self._debug(f"{iteration.label}: posting the task to {lead}")
        progress.move(POSTING, lead)
        task_href = await self._poster.post(lead, iteration, mark)
        self._debug(f"{iteration.label}: posted as {task_href}")
        self._note_posted(task_href, self._session.clock.now(), start, progress)
        return task_href

    def _note_posted(self, task_href: str, at: datetime, start: Optional[datetime], progress: _Progress) -> None:
        """Record where a task is, and whether it was posted too late (ADR 10)."""
        iteration = progress.result.iteration
        progress.posted_at = at
        if start is not None and at > start:
            progress.keep(late=at - start)
            seconds = (at - start).total_seconds()
            self._debug(f"{iteration.label}: posted {seconds:.1f} s after its synchronized start")
        self._journal.note_posted(iteration, task_href, progress.result.late)

    async def _post_again(self, history: IterationHistory, start: Optional[datetime], progress: _Progress) -> str:
        """Find the task of a POST whose answer an earlier try did not get, or else post it."""
        iteration = progress.result.iteration
        if history.mark is None or history.lead is None:
            reason = (
                "an earlier try ended while it was posting this task, and without a mark there is no way to find out "
                "whether the task arrived; it is not posted again"
            )
            raise UnscheduledError(reason, doing="posting the task", url=history.lead or "the lead", may_pass=False)
        self._debug(f"{iteration.label}: looking on {history.lead} for the task with the mark {history.mark}")
        progress.move(POSTING, history.lead)
        # It was recorded before its turn, and may have been sent until that try ended, perhaps just now.
        now = self._session.clock.now()
        task_href = await self._poster.post(history.lead, iteration, history.mark, lost_at=now)
        at = history.posting_at if task_href in self._poster.found else None
        self._note_posted(task_href, at or self._session.clock.now(), start, progress)
        return task_href

    async def _is_kept(self, task_href: str) -> bool:
        """Return whether a task that was about to be canceled still exists and is enabled."""
        try:
            await self._first_runs.require_task(task_href)
        except UnscheduledError:
            return False
        return True

    async def cancel(self, result: IterationResult) -> Tuple[IterationResult, str]:
        """
        Cancel the task of an iteration that was ended early; see :meth:`Canceler.cancel`.

        Returns:
            What was obtained, with the state of its run after the cancellation; and what happened to its task.
        """
        return await self._canceler.cancel(result)

    async def leave(self, result: IterationResult) -> Tuple[IterationResult, str]:
        """Find out where the task of an iteration is that is not to be canceled; see :meth:`Canceler.leave`."""
        return await self._canceler.leave(result)

    async def discard(self, result: IterationResult) -> None:
        """
        Cancel what a failed attempt may have left on a server, before another one takes its place (ADR 71).

        It is done as far as that is possible now: the server is often the reason why the attempt failed.
        """
        failure = result.failure
        try:
            if result.task_href is not None:
                await self._poster.cancel(result.task_href)
            elif failure is not None and failure.doing == POSTING_TASK:
                await self._poster.cancel_marked(host_of(failure.url), mark_of(result.iteration.task))
        except (SchedulerError, ValueError) as error:
            self._debug(f"{result.iteration.label}: its last attempt may still run: {error}")

    def hurry(self) -> None:
        """Wait no longer for anything that is to be canceled."""
        self._canceler.hurry()

    async def aclose(self) -> None:
        """Cancel the requests that nothing waits for any more."""
        await self._leads.aclose()
        answers = [posting.answer for posting in self._poster.abandoned.values()]
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)


def _by_our_clock(time: Optional[datetime], offset: timedelta) -> Optional[datetime]:
    """Convert a time from a server's clock to ours; None without one, or if it is out of range."""
    try:
        return None if time is None else time - offset
    except OverflowError:
        return None
