"""
One iteration from its task to its results.

Follows the API step by step: lead, POST, first run, the run until it is done, its results. What goes wrong on the way
is a :class:`~pscheduler_batch.model.Failure` beside everything obtained before.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Callable, Dict, Optional, Sequence, Tuple

from pscheduler_batch.errors import SchedulerError, UnscheduledError
from pscheduler_batch.events import ASKING, FETCHING, POSTED, POSTING, IterationMoved
from pscheduler_batch.http.retry import Requester
from pscheduler_batch.http.urls import host_of
from pscheduler_batch.journal.interface import IterationHistory, Journal, JournalError, NoJournal
from pscheduler_batch.journal.journal import DOING
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.scheduler.client import SchedulerClient
from pscheduler_batch.scheduler.first_run import FirstRunFinder, Posted
from pscheduler_batch.scheduler.hosts import Hosts
from pscheduler_batch.scheduler.participants import LeadFinder
from pscheduler_batch.scheduler.posting import Poster, Posting
from pscheduler_batch.scheduler.run_results import Fetcher
from pscheduler_batch.scheduler.tasks import marked_task
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import Session

# What may become of the task of an iteration that was cut short.
CANCELED = "its task was canceled"
NEVER_POSTED = "its task was never posted"
MAY_GO_ON = "its task may go on on its server"


class BrokenDownError(Exception):
    """
    A bug came in the way of an iteration; which, is the cause of the error.

    Attributes:
        result: What had been obtained of it.
        submitted: Whether its task may be on a server.
    """

    def __init__(self, result: IterationResult, *, submitted: bool) -> None:
        self.result = result
        self.submitted = submitted
        super().__init__()


def new_mark() -> str:
    """Make a mark that no other task has."""
    return str(uuid.uuid4())


class CutShortError(asyncio.CancelledError):
    """
    An iteration that was canceled before it was done.

    Attributes:
        result: What had been obtained of it.
        submitted: Whether its task may be on a server.
    """

    def __init__(self, result: IterationResult, *, submitted: bool) -> None:
        self.result = result
        self.submitted = submitted
        super().__init__()


@dataclass
class _Progress:
    """What has been obtained so far of one iteration, and who watches it."""

    result: IterationResult
    asker: SchedulerClient
    session: Session
    submitted: bool = False
    posted_at: Optional[datetime] = None

    def keep(self, **obtained: object) -> None:
        self.result = replace(self.result, **obtained)  # type: ignore[arg-type]

    def posted(self, task_href: str, start: Optional[datetime]) -> Posted:
        """Say what was posted; a task that was late for its start begins some time after the POST, like any other."""
        start = start if self.result.late is None else None
        return Posted(task_href, self.result.iteration.task, self.posted_at, start)

    def move(
        self, state: str, host: Optional[str], *, start: Optional[datetime] = None, end: Optional[datetime] = None
    ) -> None:
        """Tell of a state without a run."""
        self.session.emit(
            IterationMoved(self.session.clock.now(), self.result.iteration, state, host, start=start, end=end)
        )

    def move_with(self, run: Run, state: Optional[str] = None) -> None:
        """Tell of a run and its state, or what is done with it; its times are by the server's clock."""
        offset = self.asker.offset(run.href)
        start, end = _by_our_clock(run.start_time, offset), _by_our_clock(run.end_time, offset)
        at, host = self.session.clock.now(), host_of(run.href)
        self.session.emit(IterationMoved(at, self.result.iteration, state or run.state, host, run, start, end))


class Submitter:
    """Runs the tasks of one batch."""

    def __init__(
        self,
        exchange: Requester,
        hosts: Hosts,
        session: Session,
        patience: Optional[WaitLimits] = None,
        *,
        journal: Optional[Journal] = None,
        new_mark: Optional[Callable[[], str]] = new_mark,
    ) -> None:
        """
        Prepare to submit.

        Args:
            exchange: Makes the requests.
            hosts: Where they go.
            session: The session.
            patience: How long to wait for what.
            journal: Is told every step before it is taken, and knows the steps of an earlier try.
            new_mark: Makes the mark of a task; None leaves tasks unmarked.
        """
        self._asker = SchedulerClient(
            exchange, hosts, session.clock, patience or WaitLimits(), session.shutdown, watch=session.emit
        )
        self._leads = LeadFinder(self._asker)
        self._poster = Poster(self._asker, session.debug)
        self._first_runs = FirstRunFinder(self._asker)
        self._fetcher = Fetcher(self._asker)
        self._session = session
        self._debug = session.debug
        self._journal = journal or NoJournal()
        self._fates: Dict[Tuple[int, int], str] = {}
        self._new_mark = new_mark

    async def submit(
        self, iteration: Iteration, start: Optional[datetime] = None, *, measured: Callable[[], None] = lambda: None
    ) -> IterationResult:
        """
        Run one iteration, or what is left of it from an earlier try.

        Args:
            iteration: What to run.
            start: The synchronized start of its job, where there is one.
            measured: Is called when its run is over and only what it measured is still to be fetched. Of several
                results, some runs may not be over by then, and it is not called.

        Returns:
            What became of it; what goes wrong with servers is in there and never raised.

        Raises:
            CutShortError: It was canceled; what had been obtained is in the error.
            BrokenDownError: There is a bug; what had been obtained is in the error.
        """
        progress = _Progress(IterationResult(iteration), self._asker, self._session)
        try:
            await self._submit(start, progress, measured)
        except (SchedulerError, JournalError) as error:
            message = str(error)
            self._debug(f"{iteration.label}: failed: {message}")
            doing, url = (error.doing, error.url) if isinstance(error, SchedulerError) else (DOING, "")
            progress.keep(failure=Failure(message, doing, url))
        except asyncio.CancelledError as error:
            raise CutShortError(progress.result, submitted=progress.submitted) from error
        except Exception as bug:
            raise BrokenDownError(progress.result, submitted=progress.submitted) from bug
        return progress.result

    async def _submit(self, start: Optional[datetime], progress: _Progress, measured: Callable[[], None]) -> None:
        iteration = progress.result.iteration
        label = iteration.label
        past = self._journal.past_of(iteration)
        if past.task is None:
            task_href = await self._post(start, progress)
        else:
            # What an earlier try submitted is what counts, whatever the scripts would make of it today.
            progress.keep(iteration=replace(iteration, task=past.task), late=past.late)
            progress.submitted = True
            task_href = past.task_href or await self._post_again(past, start, progress)
            # It may be there, so an interruption has something to cancel from here on.
            progress.keep(task_href=task_href)
            if past.canceling and not await self._is_kept(task_href):
                # It was canceled because the batch was interrupted, and is to be run now.
                self._journal.note_canceled(iteration)
                progress.submitted = False
                progress.keep(iteration=iteration, late=None, task_href=None)
                task_href = await self._post(start, progress)
                past = IterationHistory()
        progress.keep(task_href=task_href)
        posted = progress.posted(task_href, start)
        progress.move(POSTED, host_of(task_href), start=start, end=self._first_runs.foreseen_end(posted))
        run = await self._first_runs.find(posted, past.run_href)
        self._first_runs.learn(posted, run)
        self._journal.note_run(progress.result.iteration, run.href)
        progress.keep(runs=(RunResult(run, {}),))
        self._debug(f"{label}: scheduled as {run.href}, {run.start_time} to {run.end_time}, {run.state}")
        progress.move_with(run)

        def seen(now_as: Run) -> None:
            progress.keep(runs=(RunResult(now_as, {}),))
            self._debug(f"{label}: {now_as.state}")

        run = await self._fetcher.wait(run, seen, progress.move_with)
        self._first_runs.learn(posted, run)
        progress.move_with(run, FETCHING)
        if run.result_merged is not None:
            measured()
        runs, failure = await self._fetcher.fetch_results(task_href, run, lambda runs: progress.keep(runs=runs))
        progress.keep(runs=runs, failure=failure)
        self._debug(f"{label}: done")

    async def _post(self, start: Optional[datetime], progress: _Progress) -> str:
        """Post a task that was never posted; what could be posted is on record before it is."""
        iteration = progress.result.iteration
        progress.move(ASKING, self._asker.hosts.assist)
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
        """Note where a task is that was posted at some time, and whether that was too late (ADR 10)."""
        iteration = progress.result.iteration
        progress.posted_at = at
        if start is not None and at > start:
            progress.keep(late=at - start)
            seconds = (at - start).total_seconds()
            self._debug(f"{iteration.label}: posted {seconds:.1f} s after its synchronized start")
        self._journal.note_posted(iteration, task_href, progress.result.late)

    async def _post_again(self, past: IterationHistory, start: Optional[datetime], progress: _Progress) -> str:
        """Find the task of a POST that an earlier try did not live to see answered, or else post it."""
        iteration = progress.result.iteration
        if past.mark is None or past.lead is None:
            reason = (
                "an earlier try ended while it was posting this task, and without a mark it cannot be found out "
                "whether it arrived; it is not posted again"
            )
            raise UnscheduledError(reason, doing="posting the task", url=past.lead or "the lead")
        self._debug(f"{iteration.label}: looking on {past.lead} for the task with the mark {past.mark}")
        progress.move(POSTING, past.lead)
        # It was noted before it had its turn, and may have been sent until that try ended, which may be just now.
        now = self._session.clock.now()
        task_href = await self._poster.post(past.lead, iteration, past.mark, lost_at=now)
        at = past.posting_at if task_href in self._poster.found else None
        self._note_posted(task_href, at or self._session.clock.now(), start, progress)
        return task_href

    async def _is_kept(self, task_href: str) -> bool:
        """Say whether a task that was about to be canceled is still there and enabled."""
        try:
            await self._first_runs.demand_task(task_href)
        except UnscheduledError:
            return False
        return True

    async def cancel(self, cut_short: Sequence[IterationResult]) -> None:
        """
        Cancel the tasks of iterations that were cut short, all at once; the caller limits the time.

        Whatever could not be canceled is told.

        Args:
            cut_short: What had been obtained of them.
        """
        self._session.shutdown.begin()
        known = [self._cancel_known(result) for result in cut_short if result.task_href is not None]
        abandoned = [self._cancel_abandoned(posting) for posting in self._poster.abandoned]
        await asyncio.gather(*known, *abandoned)

    async def _cancel_known(self, result: IterationResult) -> None:
        self._journal.note_canceling(result.iteration)
        try:
            await self._poster.cancel(result.task_href or "")
        except SchedulerError as error:
            self._debug(f"{result.iteration.label}: {error}")
        else:
            self._note_gone(result.iteration, CANCELED)

    async def _cancel_abandoned(self, posting: Posting) -> None:
        self._journal.note_canceling(posting.iteration)
        try:
            was_there = await self._poster.cancel_abandoned(posting)
        except SchedulerError as error:
            self._debug(f"{posting.iteration.label}: {error}")
        else:
            self._note_gone(posting.iteration, CANCELED if was_there else NEVER_POSTED)

    def _note_gone(self, iteration: Iteration, fate: str) -> None:
        self._debug(f"{iteration.label}: {fate}")
        self._journal.note_canceled(iteration)
        self._fates[iteration.job, iteration.number] = fate

    def fate_of(self, iteration: Iteration) -> str:
        """Say what became of the task of an iteration that was cut short."""
        return self._fates.get((iteration.job, iteration.number), MAY_GO_ON)

    async def aclose(self) -> None:
        """End what is under way that nobody waits for any more."""
        await self._leads.aclose()
        answers = [posting.answer for posting in self._poster.abandoned]
        for answer in answers:
            answer.cancel()
        await asyncio.gather(*answers, return_exceptions=True)


def _by_our_clock(time: Optional[datetime], offset: timedelta) -> Optional[datetime]:
    """Give a time of a server's as our clock shows it; None where there is none, or the calendar does not have it."""
    try:
        return None if time is None else time - offset
    except OverflowError:
        return None
