"""A submitter that runs iterations on a virtual clock, and batches that are run with it."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any, Callable, Dict, List, Optional, Tuple

from pscheduler_batch.events import Watch
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.planning.parallel_limit import limit_parallel
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.random_order import shuffle_serial
from pscheduler_batch.running.retries import Retries
from pscheduler_batch.running.runner import BatchOutcome, Judge, Runner
from pscheduler_batch.session import Session
from pscheduler_batch.transforms.continue_if import ContinueIf
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import VirtualClock
from tests.support.events import watch_nothing

TASK = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}}
RUNNING = Run("https://ps/r", "running", None, None, "https://ps/r/result", None, {"state": "running"})


def make_run(text: str = "", *, succeeded: bool = True) -> RunResult:
    """Return a run that has ended."""
    merged = {"succeeded": succeeded}
    run = Run("https://ps/r", "finished" if succeeded else "failed", None, None, "https://ps/r/result", merged, {})
    return RunResult(run, {"application/json": merged, "text/plain": text})


class FakeSubmitter:
    """
    Runs iterations on a virtual clock: each takes some seconds and then succeeds.

    Attributes:
        durations: The seconds that iterations take, in turn.
        fetching: The seconds that they need to fetch results after they were measured.
        behaviour: What iterations do at their end instead of succeeding, by their labels.
        otherwise: What all other iterations do.
        begun: The labels of the iterations that were submitted.
        events: What happened when.
        given: The task and the start of each iteration.
        canceled: The labels of the iterations that were canceled.
    """

    def __init__(self, *durations: float) -> None:
        self.time = VirtualClock()
        self.durations = durations or (1.0,)
        self.fetching = 0.0
        self.begun: List[str] = []
        self.events: List[Tuple[float, str, str]] = []
        self.given: Dict[str, Any] = {}
        self.canceled: List[str] = []
        self.behaviour: Dict[str, Callable[[Iteration], IterationResult]] = {}
        self.otherwise: Callable[[Iteration], IterationResult] = succeed

    async def submit(
        self, iteration: Iteration, start: Optional[datetime], *, measured: Callable[[], None]
    ) -> IterationResult:
        """Run an iteration."""
        self.begun.append(iteration.label)
        self.events.append((self.time.seconds, "begin", iteration.label))
        self.given[iteration.label] = (iteration.task, start)
        return await self.measure(iteration, measured)

    async def measure(self, iteration: Iteration, measured: Callable[[], None]) -> IterationResult:
        """Wait until an iteration has ended, and return its result."""
        await self.time.sleep(self.durations[iteration.number % len(self.durations)])
        if self.fetching:
            self.events.append((self.time.seconds, "measured", iteration.label))
            measured()
            await self.time.sleep(self.fetching)
        self.events.append((self.time.seconds, "end", iteration.label))
        return self.behaviour.get(iteration.label, self.otherwise)(iteration)

    async def cancel(self, result: IterationResult) -> Tuple[IterationResult, str]:
        """Cancel the task of an iteration."""
        self.canceled.append(result.iteration.label)
        return result, "it was canceled"

    def leave(self, _result: IterationResult) -> str:
        """Leave the task of an iteration."""
        return "it goes on"

    async def discard(self, result: IterationResult) -> None:
        """Record it."""
        self.events.append((self.time.seconds, "discard", str(result.task_href)))

    def hurry(self) -> None:
        """Record it."""
        self.events.append((self.time.seconds, "hurry", ""))


class HangingSubmitter(FakeSubmitter):
    """Runs iterations that never end."""

    async def measure(self, iteration: Iteration, measured: Callable[[], None]) -> IterationResult:
        """Wait for ever."""
        await asyncio.Event().wait()
        raise AssertionError(iteration.label)


def succeed(iteration: Iteration) -> IterationResult:
    """Return a success; the text of its run is the label of the iteration."""
    return IterationResult(iteration, "https://ps/t", (make_run(iteration.label),))


def run(
    server: FakeSubmitter,
    *jobs: Dict[str, Any],
    told: Optional[List[str]] = None,
    judge: Optional[Judge] = None,
    watch: Watch = watch_nothing,
    journal: Optional[Journal] = None,
    retries: Optional[Retries] = None,
    max_parallel: int = 1_000_000,
    seed: Optional[int] = None,
    **options: Any,
) -> BatchOutcome:
    """Run a batch of some jobs, all of which have the same task."""
    named = [{"label": "abcdef"[number], "task": TASK, **job} for number, job in enumerate(jobs)]
    batch = load_batch({"schema": 3, "jobs": named})
    transforms = Transforms(batch)
    tell = (told if told is not None else []).append
    runner = Runner(server, Session(server.time.clock, tell, (watch,)), journal=journal, retries=retries, **options)

    async def run_and_close() -> BatchOutcome:
        continue_if = ContinueIf(batch.data)
        try:
            plan = shuffle_serial(limit_parallel(batch, plan_batch(batch, transforms), max_parallel), seed)
            return await runner.run(batch, plan, judge or continue_if.judge)
        finally:
            await continue_if.aclose()

    return asyncio.run(run_and_close())


def fail(iteration: Iteration) -> IterationResult:
    """Return a failure, as if a server refused the task."""
    return IterationResult(iteration, failure=Failure("refused", "posting the task", "https://ps"))


def break_down(_: Iteration) -> IterationResult:
    """Raise an error, as a bug does."""
    raise ZeroDivisionError("the secret is abc-secret")


def results_of(outcome: BatchOutcome, job: int) -> List[Dict[str, Any]]:
    """Return the results of a job."""
    return [json.loads(text) for text in outcome.results.of_job(job)]


def labels(outcome: BatchOutcome, job: int) -> List[str]:
    """Return the labels of the iterations of a job, in the order of its results."""
    return [result["runs"][0]["text/plain"] for result in results_of(outcome, job)]


def lose(iteration: Iteration) -> IterationResult:
    """Return a failure of an iteration whose server was out of reach while it had the task."""
    href = f"https://ps/{iteration.label}/{iteration.attempt}"
    failure = Failure("no answer", "waiting for the result", "https://ps", may_pass=True)
    return IterationResult(iteration, href, (RunResult(RUNNING, {}),), failure)
