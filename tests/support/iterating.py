"""A runner with a clock of its own, on an imitation of what runs iterations."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from pscheduler_batch.events import Watch, watch_nothing
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.running.runner import BatchOutcome, Judge, Runner
from pscheduler_batch.session import Session
from pscheduler_batch.transforms.continue_if import ContinueIf
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import VirtualClock

TASK = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}}
RUNNING = Run("https://ps/r", "running", None, None, "https://ps/r/result", None, {"state": "running"})


def make_run(text: str = "", *, succeeded: bool = True) -> RunResult:
    """Make a run that ended."""
    merged = {"succeeded": succeeded}
    run = Run("https://ps/r", "finished" if succeeded else "failed", None, None, "https://ps/r/result", merged, {})
    return RunResult(run, {"application/json": merged, "text/plain": text})


class FakeServer:
    """Runs iterations: each takes a time, and then succeeds unless told otherwise."""

    def __init__(self, *durations: float) -> None:
        self.time = VirtualClock()
        self.durations = durations or (1.0,)
        self.fetching = 0.0
        self.events: List[Tuple[float, str, str]] = []
        self.given: Dict[str, Any] = {}
        self.canceled: List[str] = []
        self.behaviour: Dict[str, Callable[[Iteration], IterationResult]] = {}

    async def submit(
        self, iteration: Iteration, start: Optional[datetime], *, measured: Callable[[], None]
    ) -> IterationResult:
        """Run an iteration."""
        self.events.append((self.time.seconds, "begin", iteration.label))
        self.given[iteration.label] = (iteration.task, start)
        await self.time.sleep(self.durations[iteration.number % len(self.durations)])
        if self.fetching:
            self.events.append((self.time.seconds, "measured", iteration.label))
            measured()
            await self.time.sleep(self.fetching)
        self.events.append((self.time.seconds, "end", iteration.label))
        succeed = lambda item: IterationResult(item, "https://ps/t", (make_run(item.label),))  # noqa: E731
        return self.behaviour.get(iteration.label, succeed)(iteration)

    async def cancel(self, cut_short: Sequence[IterationResult]) -> None:
        """Cancel what is left."""
        self.canceled += [result.iteration.label for result in cut_short]

    def fate_of(self, iteration: Iteration) -> str:
        """Say what was."""
        return "it was canceled" if iteration.label in self.canceled else "it goes on"


def run(
    server: FakeServer,
    *jobs: Dict[str, Any],
    told: Optional[List[str]] = None,
    judge: Optional[Judge] = None,
    watch: Watch = watch_nothing,
    journal: Optional[Journal] = None,
) -> BatchOutcome:
    """Run a batch of some jobs, all of which have the same task."""
    named = [{"label": "abcdef"[number], "task": TASK, **job} for number, job in enumerate(jobs)]
    batch = load_batch({"schema": 3, "jobs": named})
    transforms = Transforms(batch)
    tell = (told if told is not None else []).append
    runner = Runner(server, Session(server.time.clock, tell, (watch,)), journal=journal)

    async def run_and_close() -> BatchOutcome:
        continue_if = ContinueIf(batch.data)
        try:
            return await runner.run(batch, plan_batch(batch, transforms), judge or continue_if.judge)
        finally:
            await continue_if.aclose()

    return asyncio.run(run_and_close())


def fail(iteration: Iteration) -> IterationResult:
    """Fail as servers do."""
    return IterationResult(iteration, failure=Failure("refused", "posting the task", "https://ps"))


def break_down(_: Iteration) -> IterationResult:
    """Fail as a program with a bug does."""
    raise ZeroDivisionError("the secret is abc-secret")


def results_of(outcome: BatchOutcome, job: int) -> List[Dict[str, Any]]:
    """Read the results of a job."""
    return [json.loads(text) for text in outcome.results.of_job(job)]


def labels(outcome: BatchOutcome, job: int) -> List[str]:
    """The iterations of a job, in the order of its results."""
    return [result["runs"][0]["text/plain"] for result in results_of(outcome, job)]
