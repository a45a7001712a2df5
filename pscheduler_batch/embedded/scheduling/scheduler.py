"""
The life cycle of tasks and runs.

Each task has a coroutine that creates its runs, and each run one that takes it from state to state; both use no
processor time while they wait.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import traceback
from datetime import datetime, timedelta
from typing import Any, AsyncGenerator, Callable, Coroutine, Iterable, Mapping, Optional, Set, Tuple

from pscheduler_batch.embedded.faults.cores import TOO_LONG
from pscheduler_batch.embedded.offers import Assignment, MethodError, OfferedTool
from pscheduler_batch.embedded.scheduling.bookings import Bookings
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.scheduling.tasks_and_runs import ENDED_STATES, Run, Task
from pscheduler_batch.embedded.test import Outcome
from pscheduler_batch.run_states import (
    CANCELED,
    CLEANUP,
    FAILED,
    FINISHED,
    MISSED,
    NONSTART,
    ON_DECK,
    OVERDUE,
    RUNNING,
    UNSTARTED_STATES,
)

logger = logging.getLogger("pscheduler_batch.embedded")

# Runs are "running" from three seconds before their start (f-future-timeline), and "on-deck" shortly before that.
ON_DECK_LEAD = 3.5
RUNNING_LEAD = 3.0

# How far ahead runs are scheduled (recording n25), and how many of one task at most.
HORIZON = timedelta(days=1)
MOST_AHEAD = 100

# How long a cancelled measurement may take to end when the server stops, in seconds.
PATIENCE = 0.3


class Scheduler:
    """Creates and executes the runs of a server's tasks; must be used on the server's event loop only."""

    def __init__(self, state: State, *, chance: Callable[[], float] = random.random) -> None:
        self._state = state
        self._chance = chance
        self._bookings = Bookings()
        self._workers: Set[asyncio.Task[None]] = set()

    def submit(self, task: Task) -> None:
        """Accept a task; its first run is created a little later."""
        self._state.tasks[task.id] = task
        task.worker = self._spawn(self._make_runs(task))

    def resume(self) -> None:
        """
        Continue the tasks from before the server was stopped.

        Future runs are carried out, and a task without a run gets its first. Runs whose start was missed meanwhile
        become missed, and those whose measurement was interrupted overdue, as long after their ends as in the
        recordings (f-missed-timeline and f-overdue-timeline).
        """
        for task in self._state.tasks.values():
            if not task.enabled:
                continue
            for run in task.runs:
                if run.state not in ENDED_STATES:
                    self._resume_run(task, run)
            if not task.runs_made or task.schedule.repeat is not None:
                task.worker = self._spawn(self._make_runs(task))

    def cancel(self, task: Task) -> None:
        """Cancel a task: its pending runs are removed, its running one is canceled (recordings of group i)."""
        task.enabled = False
        if task.worker is not None:
            task.worker.cancel()
        for run in list(task.runs):
            self.cancel_run(task, run)

    def cancel_run(self, task: Task, run: Run) -> None:
        """Cancel one run, unless it has ended (recordings i42 to i44)."""
        if run.worker is not None:
            run.worker.cancel()
        if run.state in UNSTARTED_STATES:
            task.runs.remove(run)
        elif run.state not in ENDED_STATES:
            run.state = CANCELED
        self._bookings.free(run.id)
        task.news.tell()

    async def close(self) -> None:
        """Cancel everything that is under way."""
        await end_all(self._workers)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        worker = asyncio.get_running_loop().create_task(work)
        self._workers.add(worker)
        worker.add_done_callback(self._finish)
        return worker

    def _finish(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        error = None if worker.cancelled() else worker.exception()
        if error is not None:
            logger.error("the embedded server failed", exc_info=error)

    async def _make_runs(self, task: Task) -> None:
        """Create the runs of a task, those of a repeated one ahead of their time (recordings n36 to n39)."""
        state, schedule = self._state, task.schedule
        await state.sleep(state.pace.scheduling)
        # There are some already if the server was restarted.
        starts = [run.start_time for run in task.runs if not run.is_extra]
        if not starts:
            starts.append(await self._make_run(task, task.start))
        while schedule.repeat is not None and len(starts) != schedule.max_runs:
            await state.sleep(state.pace.scheduling)
            start = next_start(starts[-1], schedule.repeat, state.now())
            if schedule.until is not None and start > schedule.until:
                return
            await self._sleep_until(start - HORIZON)
            if len(starts) >= MOST_AHEAD:
                await self._sleep_until(starts[-MOST_AHEAD])
            starts.append(await self._make_run(task, start))

    async def _make_run(self, task: Task, wanted: Optional[datetime]) -> datetime:
        """Create a run, and return the requested start, or its actual one if none was requested."""
        try:
            data, problem = await task.tool.participant_data(task.document["test"]), None
        except MethodError as error:
            data, problem = {}, f"Unable to get participant data: {error}"
        now = self._state.now()
        start, free = self._find_start(task, wanted, now)
        run = Run(added=now, start_time=start, end_time=start + task.duration, participant_data=data)
        if problem is not None:
            run.state, run.errors = NONSTART, problem
        elif free:
            self._engage(task, run)
        else:
            run.state = NONSTART
            run.errors = (
                f"No time is free for this {task.test.scheduling_class} test between {start.isoformat()}"
                f" and {(start + task.schedule.slip + task.duration).isoformat()}."
            )
        task.add(run)
        return wanted or start

    def _engage(self, task: Task, run: Run) -> None:
        self._bookings.take(run.id, task.test.scheduling_class, run.start_time, run.end_time)
        run.worker = self._spawn(self._carry_out(task, run))

    def _resume_run(self, task: Task, run: Run) -> None:
        if run.start_time > self._state.now():
            self._engage(task, run)
        else:
            becomes = MISSED if run.state in UNSTARTED_STATES else OVERDUE
            run.worker = self._spawn(self._give_up(task, run, becomes))

    def _find_start(self, task: Task, wanted: Optional[datetime], now: datetime) -> tuple[datetime, bool]:
        """Return the start of a run and whether that time is free."""
        earliest = self._round_up(now + timedelta(seconds=self._state.pace.setup))
        start = max(wanted or earliest, earliest)
        kind, slip = task.test.scheduling_class, task.schedule.slip
        if task.schedule.random_slip:
            moved = self._round_up(start + slip * self._chance())
            found = self._bookings.find(kind, start, slip, task.duration, not_before=moved)
            if found is not None:
                return found, True
        found = self._bookings.find(kind, start, slip, task.duration)
        return found or start, found is not None

    async def _carry_out(self, task: Task, run: Run) -> None:
        setup = self._state.pace.setup
        try:
            await self._sleep_until(run.start_time - timedelta(seconds=min(ON_DECK_LEAD, 0.9 * setup)))
            if run.state in UNSTARTED_STATES:  # Not if it was "running" before a restart of the server.
                self._enter(task, run, ON_DECK)
            lead_time = min(RUNNING_LEAD, 0.75 * setup)
            await self._sleep_until(run.start_time - timedelta(seconds=lead_time))
            if run.state in UNSTARTED_STATES:
                task.runs_started += 1
                self._enter(task, run, RUNNING)
            started = await self._state.faults.start_run(task.id)
            if not (started and task.tool.is_plugin):
                await self._sleep_until(run.start_time)
            if started:
                await self._measure(task, run, self._assignment(task, run, lead_time))
            else:
                self._fail_to_start(task, run)
        finally:
            self._bookings.free(run.id)

    def _assignment(self, task: Task, run: Run, lead_time: float) -> Assignment:
        return Assignment(
            task_id=task.id,
            test=task.document["test"],
            start=run.start_time,
            duration=run.end_time - run.start_time,
            multi_result=task.test.multi_result,
            lead_time=lead_time,
            participant_data=run.participant_data,
            host=self._state.netloc,
        )

    async def _measure(self, task: Task, run: Run, assignment: Assignment) -> None:
        late = (self._lapse(run) - self._state.now()).total_seconds()
        watch = asyncio.get_running_loop().call_later(late, self._note_overdue, task, run)
        try:
            measure = self._measure_many if assignment.multi_result else self._measure_once
            await measure(task, run, assignment)
        finally:
            watch.cancel()

    async def _measure_once(self, task: Task, run: Run, assignment: Assignment) -> None:
        try:
            outcome = await _first_outcome(task.tool, assignment)
            if outcome is None:
                outcome = _failure(RuntimeError("The test ended without a result."))
        except Exception as error:  # noqa: BLE001 - any error of a test is a failed run
            outcome = _failure(error)
        run.result, run.errors = _reports(outcome)[0], outcome.errors
        self._enter(task, run, CLEANUP)
        await self._state.sleep(self._state.pace.cleanup)
        merged = await task.tool.merge(assignment, outcome)
        if _is_success(merged) and not await self._state.faults.merge(task.id):
            merged = _not_merged(task.tool.name)
        run.result_full, run.result_merged = _reports(outcome), merged
        self._complete(task, run, succeeded=_is_success(merged))

    async def _measure_many(self, task: Task, lead: Run, assignment: Assignment) -> None:
        succeeded = True
        try:
            async for outcome in _outcomes(task.tool, assignment):
                task.add(_extra_run(outcome, self._round_down(self._state.now())))
        except MethodError as error:
            # In pScheduler, the run is finished even so, with the errors.
            lead.errors = str(error)
        except Exception as error:  # noqa: BLE001 - any error of a test is a failed run
            lead.errors, succeeded = _failure(error).errors, False
        self._complete(task, lead, succeeded=succeeded)

    def _fail_to_start(self, task: Task, run: Run) -> None:
        run.errors = TOO_LONG
        if not task.test.multi_result:
            run.result = {"succeeded": False, "result": None, "error": TOO_LONG, "diags": ""}
            run.result_full, run.result_merged = (run.result,), {"succeeded": False}
        self._complete(task, run, succeeded=False)

    def _complete(self, task: Task, run: Run, *, succeeded: bool) -> None:
        run.end_time = max(run.start_time, self._round_down(self._state.now()))
        self._enter(task, run, FINISHED if succeeded else FAILED)

    def _enter(self, task: Task, run: Run, state: str) -> None:
        run.state = state
        task.news.tell()

    async def _give_up(self, task: Task, run: Run, state: str) -> None:
        await self._sleep_until(self._lapse(run))
        self._enter(task, run, state)

    def _lapse(self, run: Run) -> datetime:
        """Return the time after which a run without a result is missed or overdue."""
        return run.end_time + timedelta(seconds=self._state.pace.giving_up)

    def _note_overdue(self, task: Task, run: Run) -> None:
        if run.state == RUNNING:
            self._enter(task, run, OVERDUE)

    async def _sleep_until(self, moment: datetime) -> None:
        await self._state.sleep(max(0.0, (moment - self._state.now()).total_seconds()))

    def _round_up(self, moment: datetime) -> datetime:
        if not self._state.pace.whole_seconds or moment.microsecond == 0:
            return moment
        return moment.replace(microsecond=0) + timedelta(seconds=1)

    def _round_down(self, moment: datetime) -> datetime:
        return moment.replace(microsecond=0) if self._state.pace.whole_seconds else moment


async def _outcomes(tool: OfferedTool, assignment: Assignment) -> AsyncGenerator[Outcome, None]:
    """Yield the outcomes of a measurement, and close it at the end in any case."""
    measuring = tool.run(assignment)
    try:
        async for outcome in measuring:
            yield outcome
    finally:
        close = getattr(measuring, "aclose", None)
        if close is not None:
            await close()


async def _first_outcome(tool: OfferedTool, assignment: Assignment) -> Optional[Outcome]:
    """Return the first outcome of a measurement, or None if it ends without one."""
    every = _outcomes(tool, assignment)
    try:
        async for outcome in every:
            return outcome
    finally:
        await every.aclose()
    return None


def _failure(error: Exception) -> Outcome:
    """Return the outcome of a measurement that raised an error."""
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    report = {"succeeded": False, "result": None, "error": str(error) or type(error).__name__, "diags": lines}
    return Outcome(merged={"succeeded": False}, full=(report,), errors=lines)


def _reports(outcome: Outcome) -> Tuple[Mapping[str, Any], ...]:
    """Return the reports of the participants, the lead first; by default, the merged result is the only one."""
    result = {"succeeded": _is_success(outcome.merged), "result": outcome.merged, "error": None, "diags": ""}
    return outcome.full or (result,)


def _is_success(merged: Mapping[str, Any]) -> bool:
    return merged.get("succeeded") is True


def _not_merged(tool: str) -> Mapping[str, Any]:
    """Return the merged result of a run whose results could not be merged in time (recording o11)."""
    return {
        "diags": f"Exited 2\n\nStandard out:\n\n\n\nStandard error:\n\n{TOO_LONG}\n",
        "error": f"Tool {tool} failed to merge results: {TOO_LONG}",
        "succeeded": False,
    }


def _extra_run(outcome: Outcome, now: datetime) -> Run:
    """Return one of the further runs of a test with several results (recording h10-run01)."""
    return Run(
        added=now,
        start_time=now,
        end_time=now,
        state=FINISHED if _is_success(outcome.merged) else FAILED,
        errors=outcome.errors,
        result_merged=outcome.merged,
        is_extra=True,
    )


async def end_all(works: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel some work and wait for its end, but not for a measurement that ignores the cancellation."""
    under_way = [work for work in works if not work.done()]
    for work in under_way:
        work.cancel()
    if under_way:
        await asyncio.wait(under_way, timeout=PATIENCE)


def next_start(last: datetime, repeat: timedelta, now: datetime) -> datetime:
    """
    Return the start after the last one, skipping those in the past.

    >>> from datetime import timezone
    >>> noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    >>> next_start(noon, timedelta(minutes=10), noon + timedelta(minutes=25)).minute
    30
    """
    steps = max(1, math.ceil((now - last) / repeat))
    return last + steps * repeat
