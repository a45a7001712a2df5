"""
The job loop: jobs one after another, their iterations serially or in parallel, and continue-if between them.

Delays, interruption and resuming are handled here; the submitter runs a single iteration.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import (
    Any,
    Callable,
    Coroutine,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    cast,
)

from pscheduler_batch.errors import BatchError, Problem, TransformError
from pscheduler_batch.events import (
    WAITING,
    AttemptEnded,
    BatchBegan,
    BatchEnded,
    Interrupted,
    IterationEnded,
    IterationMoved,
    JobBegan,
    JobEnded,
    RetriesBegan,
)
from pscheduler_batch.http.limiter import Limiter
from pscheduler_batch.input.locations import locate_problems
from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.journal.journal import DOING
from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.model import Batch, Failure, Iteration, IterationResult, Job, JobPlan, JSONObject, Plan
from pscheduler_batch.output.document import error_of, render_order
from pscheduler_batch.output.result_store import ResultStore
from pscheduler_batch.planning.planner import begin_job, describe_job, start_delays
from pscheduler_batch.running.canceling import MAY_GO_ON
from pscheduler_batch.running.retries import Retries
from pscheduler_batch.running.submitter import BrokenDownError, CutShortError, Submitter
from pscheduler_batch.scheduler.api import is_final
from pscheduler_batch.session import Session, Shutdown
from pscheduler_batch.transforms.script import ScriptError

T = TypeVar("T")

# Is called when only the results of an iteration are still to be fetched.
Measured = Callable[[], None]

# Runs an iteration; raises only what ends the job.
RunIteration = Callable[[Measured], Coroutine[Any, Any, None]]

# Returns whether the batch continues after a job, given its results as JSON texts.
Judge = Callable[[Job, Iterable[str]], Coroutine[Any, Any, bool]]

# How far an iteration got that was interrupted.
UNSUBMITTED = "before it was submitted"

# A cancellation can get lost (before Python 3.12), so it is repeated.
CUT_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class BatchOutcome:
    """
    The outcome of a batch.

    Attributes:
        results: The results of every iteration of the jobs that were run.
        start: When the batch started.
        end: When it ended.
        error: Why it ended early, if a ``continue-if`` failed or the journal could not be written.
        interruption: Why it was interrupted, if it was.
        bugs: Exceptions that should never happen; the iterations that they hit are failures.
        judgments: Which expectations were met.
        order: The random order of iterations, as :func:`~pscheduler_batch.output.document.render_order` returns it.
    """

    results: ResultStore
    start: datetime
    end: datetime
    error: Optional[BatchError] = None
    interruption: Optional[str] = None
    bugs: Tuple[BaseException, ...] = ()
    judgments: Tuple[Judgment, ...] = ()
    order: JSONObject = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether every iteration of every job that was run succeeded."""
        return self.results.succeeded

    @property
    def met(self) -> bool:
        """Whether all expectations were met."""
        return all(judgment.met for judgment in self.judgments)


class Runner:
    """Runs one plan, once."""

    def __init__(
        self,
        submitter: Submitter,
        session: Session,
        *,
        journal: Optional[Journal] = None,
        cancel: bool = True,
        retries: Optional[Retries] = None,
        stop_on_failure: bool = False,
        results: Optional[ResultStore] = None,
    ) -> None:
        """
        Prepare to run.

        Args:
            submitter: Runs iterations, and cancels what is left of them.
            session: The session; where its ``emit`` fails, the batch does, too.
            journal: Is told every step before it is taken, and knows the steps of an earlier try.
            cancel: Whether to cancel unfinished tasks when the batch is interrupted.
            retries: Which iterations are submitted again; None for none.
            stop_on_failure: Whether to submit nothing more after an iteration has failed.
            results: Keeps the results.
        """
        self._submitter = submitter
        self._clock = session.clock
        self._debug = session.debug
        self._emit = session.emit
        self._shutdown = session.shutdown
        self._journal = journal or Journal()
        self._cancel = cancel
        self._retries = retries or Retries()
        self._stop_on_failure = stop_on_failure
        # The iteration whose failure has stopped the batch, and the end of all waiting before a submission.
        self._stopped_by: Optional[Iteration] = None
        self._stop = Shutdown()
        self._has_skipped = False
        # By iteration, attempts whose tasks may not be over; another one cancels them.
        self._unfinished: Dict[Tuple[int, int], IterationResult] = {}
        self._results = results or ResultStore(session.debug)
        self._bugs: List[BaseException] = []
        self._under_way: Set[asyncio.Future[Any]] = set()
        self._interruption: Optional[str] = None

    def interrupt(self, reason: str) -> None:
        """
        Interrupt the batch: submit nothing more, and cancel what is under way.

        Call this on the event loop; :meth:`run` then returns with everything obtained so far.

        Args:
            reason: Such as "interrupted by SIGINT".
        """
        if self._interruption is None:
            self._interruption = reason
            self._debug(reason)
            self._emit(Interrupted(self._clock.now(), reason))
            self._shutdown.begin()
            self._cut()

    def hurry(self) -> None:
        """Wait no longer for tasks to be canceled, as the user has no time; call this on the event loop."""
        self._debug("not waiting any longer")
        self._submitter.hurry()

    def _cut(self) -> None:
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            asyncio.get_running_loop().call_later(CUT_AGAIN_SECONDS, self._cut)

    async def run(self, batch: Batch, plan: Plan, judge: Judge) -> BatchOutcome:
        """
        Run a batch.

        Args:
            batch: The batch.
            plan: Its plan.
            judge: Returns whether the batch continues after a job.

        Raises:
            asyncio.CancelledError: This was canceled; unfinished tasks are then canceled as well.
        """
        now = self._clock.now()
        start = self._journal.start_of_batch(now)
        self._emit(BatchBegan(now, plan))
        error: Optional[BatchError] = None
        try:
            await self._run_jobs(batch, plan, judge)
        except BatchError as failure:
            error = failure
        except Exception as bug:  # noqa: BLE001 - a bug between iterations must not cost results either
            self._bugs.append(bug)
            # Its message may hold secrets; the traceback is printed without them.
            error = BatchError(f"this is a bug in pscheduler-batch, which ended the batch: {type(bug).__name__}")
        end = self._clock.now()
        if self._interruption is None:
            error = error or self._journal.error
            # A batch that was stopped can be resumed without the option, which runs the rest.
            if error is None and not self._bugs and not self._has_skipped:
                end = self._journal.end_of_batch(end)
        outcome = BatchOutcome(
            self._results, start, end, error, self._interruption, tuple(self._bugs), order=render_order(plan)
        )
        reason = self._interruption if error is None else str(error)
        self._emit(BatchEnded(self._clock.now(), outcome.succeeded, reason))
        return outcome

    async def _run_jobs(self, batch: Batch, plan: Plan, judge: Judge) -> None:
        for job_plan in plan.jobs:
            job = job_plan.job
            if not job.enabled:
                self._debug(f"{job.label}: {'left out' if job.left_out else 'not enabled'}")
                continue
            # A job that an earlier try has started has results, or tasks on servers.
            if self._stopped_by is not None and self._journal.goes_on_after(job.number - 1) is not True:
                for iteration in job_plan.iterations:
                    self._end(self._keep(self._skipped(iteration)))
                continue
            await self._run_job(job_plan)
            self._emit(JobEnded(self._clock.now(), job))
            if not await self._is_to_continue(batch, judge, job):
                break

    async def _is_to_continue(self, batch: Batch, judge: Judge, job: Job) -> bool:
        if self._interruption is not None:
            return False
        known = self._journal.goes_on_after(job.number)
        if known is not None:
            # The decision of an earlier try stands, even if a script depends on the time.
            return known
        if self._stopped_by is not None:
            # The other jobs are skipped.
            return True
        asking = asyncio.ensure_future(judge(job, self._results.of_job(job.number)))
        try:
            goes_on = await self._until_cut(asking)
        except ScriptError as failure:
            problem = Problem(f"{job.where}/continue-if", str(failure), during=f'after "{job.label}"')
            raise TransformError(
                locate_problems([problem], batch.text), source=batch.source, text=batch.text
            ) from failure
        if goes_on is False:
            self._debug(f"{job.label}: continue-if ends the batch")
        return goes_on is True and self._interruption is None

    async def _until_cut(self, task: asyncio.Future[T]) -> Optional[T]:
        """Wait for something; None if it was interrupted."""
        self._under_way.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._interruption is None:
                raise
            return None
        finally:
            self._under_way.discard(task)

    async def _run_job(self, job_plan: JobPlan) -> None:
        count = len(job_plan.iterations)
        now = self._clock.now()
        start = self._journal.start_of_job(job_plan.job.number, count, now)
        started = begin_job(job_plan, start)
        self._emit(JobBegan(now, started))
        self._debug(describe_job(started))
        again, attempt = await self._run_attempts(started, start), 1
        while again:
            attempt += 1
            again = await self._retry(job_plan, again, attempt)

    async def _retry(self, job_plan: JobPlan, numbers: Sequence[int], attempt: int) -> List[int]:
        """Submit iterations again, after the others, and return the numbers of those that fail again."""
        job, now = job_plan.job, self._clock.now()
        delays = start_delays(len(numbers), job.backoff, parallel=job.parallel)
        # If only some iterations of the job are run, a number is not a place.
        by_number = {iteration.number: iteration for iteration in job_plan.iterations}
        iterations = tuple(
            replace(by_number[number], attempt=attempt, delay=delay) for number, delay in zip(numbers, delays)
        )
        start = now + self._retries.delay
        is_submitting = self._interruption is None and self._stopped_by is None
        if is_submitting:
            start = self._journal.start_of_job(job.number, len(numbers), start, attempt)
        started = begin_job(replace(job_plan, iterations=iterations), start)
        if is_submitting:
            self._emit(RetriesBegan(now, started, attempt, start))
            self._debug(f"{describe_job(started)}; attempt {attempt}, from {format_timestamp(start)}")
        return await self._run_attempts(started, start)

    async def _run_attempts(self, started: JobPlan, start: datetime) -> List[int]:
        """Run iterations once, and return the numbers of those that are to be submitted again, in the same order."""
        again: Set[int] = set()
        if started.job.parallel:
            places = None if started.job.at_once is None else Limiter(started.job.at_once)
            await _in_parallel(
                self._run_iteration(item, start, started.start, again, _Place(places)) for item in started.iterations
            )
        else:
            await _in_turn(partial(self._run_in_turn, item, start, again) for item in started.iterations)
        return [item.number for item in started.iterations if item.number in again]

    async def _run_in_turn(self, iteration: Iteration, start: datetime, again: Set[int], measured: Measured) -> None:
        await self._run_iteration(iteration, start, None, again, _Place(measured=measured))

    async def _run_iteration(
        self, iteration: Iteration, job_start: datetime, start: Optional[datetime], again: Set[int], place: _Place
    ) -> None:
        """Run an iteration in a task of its own, keep its result, and note whether it is to be submitted again."""
        result = self._keep(await self._run_guarded(iteration, job_start, start, place))
        if self._retries.count and self._interruption is None and self._retries.want(result):
            again.add(iteration.number)
            if not _is_measured(result):
                self._unfinished[iteration.job, iteration.number] = result
            self._emit(AttemptEnded(self._clock.now(), result, error_of(result)))
        else:
            self._end(result)

    def _end(self, result: IterationResult) -> None:
        """Report that an iteration has ended, and stop the batch if it failed and that is wanted."""
        if self._stop_on_failure and self._stopped_by is None and self._interruption is None and not result.succeeded:
            self._stopped_by = result.iteration
            self._debug(f"{result.iteration.label} failed, so nothing more is submitted")
            self._stop.begin()
        error = None if result.succeeded else error_of(result)
        self._emit(IterationEnded(self._clock.now(), result, result.succeeded, error))

    def _skipped(self, iteration: Iteration) -> IterationResult:
        self._has_skipped = True
        is_first = iteration.attempt == 1
        label = "" if self._stopped_by is None else self._stopped_by.label
        reason = f"not submitted{'' if is_first else ' again'}, because {label} failed"
        return IterationResult(iteration, failure=Failure(reason, "running the iteration", ""), skipped=is_first)

    async def _run_guarded(
        self, iteration: Iteration, job_start: datetime, start: Optional[datetime], place: _Place
    ) -> IterationResult:
        if self._interruption is not None:
            return self._interrupted(IterationResult(iteration), UNSUBMITTED)
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._under_way.add(task)
        result = IterationResult(iteration)
        try:
            known = self._journal.result_of(iteration)
            if known is not None:
                self._debug(f"{iteration.label}: done in an earlier try")
                return known
            await self._wait_out(iteration, job_start)
            await place.take()
            # What an earlier try has submitted is waited for.
            if self._stopped_by is not None and self._journal.history_of(iteration).task is None:
                result = self._skipped(iteration)
            else:
                result = await self._submit(iteration, start, place)
                self._journal.note_result(result)
        except (asyncio.CancelledError, BrokenDownError) as end:
            early: BaseException = end
        except BatchError as error:
            return IterationResult(iteration, failure=Failure(str(error), DOING, ""))
        except Exception as bug:  # noqa: BLE001 - one iteration must not cost the results of others
            return self._broken_down(result, bug)
        else:
            return result
        finally:
            self._under_way.discard(task)
            place.leave()
        return await self._end_early(iteration, early)

    async def _submit(self, iteration: Iteration, start: Optional[datetime], place: _Place) -> IterationResult:
        unfinished = self._unfinished.pop((iteration.job, iteration.number), None)
        if unfinished is not None:
            await self._submitter.discard(unfinished)
        # Whether it has failed is known only with its results.
        measured = _nothing if self._stop_on_failure else place.end_run
        return await self._submitter.submit(iteration, start, measured=measured)

    async def _end_early(self, iteration: Iteration, early: BaseException) -> IterationResult:
        """
        Return what was obtained of an iteration that was canceled or has a bug; its task is canceled.

        Raises:
            asyncio.CancelledError: The program canceled the batch.
        """
        if isinstance(early, BrokenDownError):
            result = self._broken_down(early.result, early.__cause__ or early)
            return await self._cancel_task(result) if early.submitted else result
        result = early.result if isinstance(early, CutShortError) else IterationResult(iteration)
        if isinstance(early, CutShortError) and early.submitted:
            result = await self._cancel_task(self._interrupted(result, "before it was done"))
        else:
            result = self._interrupted(result, UNSUBMITTED)
        if self._interruption is None:
            raise early
        return result

    def _keep(self, result: IterationResult) -> IterationResult:
        """Keep a result, or a failure if it cannot be written, and return what was kept."""
        try:
            self._results.keep(result, succeeded=result.succeeded)
        except RecursionError:
            failure = Failure("its result is nested too deeply to be written", "keeping the result", "")
            result = IterationResult(result.iteration, result.task_href, failure=failure, late=result.late)
            self._results.keep(result, succeeded=False)
        except Exception as bug:  # noqa: BLE001 - as above
            result = self._broken_down(replace(result, runs=(), lead_run=None), bug)
            self._results.keep(result, succeeded=False)
        return result

    def _broken_down(self, result: IterationResult, bug: BaseException) -> IterationResult:
        """Record a bug, and add a failure to what was obtained of an iteration."""
        self._bugs.append(bug)
        message = f"this is a bug in pscheduler-batch: {type(bug).__name__}: {bug}"
        return replace(result, failure=Failure(message, "running the iteration", ""))

    async def _wait_out(self, iteration: Iteration, job_start: datetime) -> None:
        now = self._clock.now()
        delay = iteration.delay - (now - job_start)
        if delay > timedelta(0) and self._stopped_by is None:
            self._emit(IterationMoved(now, iteration, WAITING, start=now + delay))
            # Being woken up takes more memory, which matters to a large job with a backoff.
            sleep = partial(self._stop.sleep, self._clock) if self._stop_on_failure else self._clock.sleep
            await sleep(delay.total_seconds())

    def _interrupted(self, result: IterationResult, when: str) -> IterationResult:
        if result.iteration.attempt > 1 and when == UNSUBMITTED:
            when += " again"
        return replace(result, failure=Failure(f"{self._interruption} {when}", "running the iteration", ""))

    async def _cancel_task(self, result: IterationResult) -> IterationResult:
        """Cancel the task of an iteration that failed, and add what happened to it to the failure."""
        failure = result.failure
        if failure is None or _is_measured(result):
            return result
        try:
            if self._cancel:
                result, fate = await self._submitter.cancel(result)
            else:
                result, fate = await self._submitter.leave(result)
        except Exception as bug:  # noqa: BLE001 - as above
            self._bugs.append(bug)
            fate = f"{MAY_GO_ON} its server"
        return replace(result, failure=replace(failure, message=f"{failure.message}; {fate}"))


def _nothing() -> None:
    """Do nothing."""


class _Place:
    """The place of an iteration among those that are under way at once, until only its results are to be fetched."""

    def __init__(self, places: Optional[Limiter] = None, measured: Measured = _nothing) -> None:
        self._places = places
        self._measured = measured
        self._is_taken = False

    async def take(self) -> None:
        """Wait for a place."""
        if self._places is not None:
            await self._places.take()
            self._is_taken = True

    def leave(self) -> None:
        """Let the next iteration begin; twice does no harm."""
        if self._places is not None and self._is_taken:
            self._is_taken = False
            self._places.give_back()

    def end_run(self) -> None:
        """Let the next iteration begin, as only results are still to be fetched."""
        self.leave()
        self._measured()


def _is_measured(result: IterationResult) -> bool:
    """Return whether the task of an iteration is completed, so that there is nothing to cancel."""
    return bool(result.runs) and all(is_final(run.run) for run in result.runs)


async def _in_parallel(iterations: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run iterations in parallel."""
    # Wait for all of them, whatever they raise: what to cancel is known only when the last one has ended.
    for raised in await asyncio.gather(*map(asyncio.ensure_future, iterations), return_exceptions=True):
        if raised is not None:
            raise raised


async def _in_turn(iterations: Iterable[RunIteration]) -> None:
    """
    Run iterations one after another; the results of each are fetched while the next one is submitted.

    At most one is behind.
    """
    running: List[asyncio.Future[None]] = []
    try:
        for run in iterations:
            running.append(await _until_measured(run))
            for before in running[:-1]:
                await before
            del running[:-1]
        for last in running:
            await last
    except asyncio.CancelledError:
        for left in running:
            left.cancel()
        raise
    finally:
        # As above; results are fetched even if a bug ends the batch.
        await asyncio.gather(*running, return_exceptions=True)


async def _until_measured(run: RunIteration) -> asyncio.Future[None]:
    """Start an iteration, and wait until only its results are still to be fetched."""
    measured = asyncio.Event()
    running = asyncio.ensure_future(run(measured.set))
    running.add_done_callback(lambda _: measured.set())
    try:
        await measured.wait()
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise
    if running.done():
        # A bug raises here, and no other iteration is started.
        await running
    return running
