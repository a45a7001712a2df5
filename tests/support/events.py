"""The events of a batch that never ran, for tests of their consumers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List, Mapping, Optional

from pscheduler_batch.events import BatchBegan, Event, IterationEnded, IterationMoved, JobBegan, JobEnded, Watcher
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Failure, Iteration, IterationResult, Plan, Run, RunResult
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.session import Session
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import after

TASK = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}, "_key": "abc-secret"}

# The states without a run.
OUR_STATES = {"waiting", "asking", "posting", "posted", "unanswered", "canceling"}


def watch_nothing(_event: Event) -> None:
    """Do nothing."""


def make_run(state: str = "pending", errors: Optional[str] = None) -> Run:
    """Make a run."""
    merged = {"succeeded": True} if state == "finished" else None
    return Run(
        "https://ps.example.net/r", state, None, None, "https://ps.example.net/r/result", merged, {"errors": errors}
    )


def shown(event: Event) -> Any:
    """Return an event as those get it that print it."""
    given: List[Event] = []
    Session(watches=(Watcher(given.append),)).emit(event)
    return given[0]


class BatchEvents:
    """
    Makes the events of a batch.

    Attributes:
        plan: The plan of the batch.
    """

    def __init__(self, *jobs: Mapping[str, Any]) -> None:
        batch = load_batch({"schema": 3, "jobs": [{"label": "abc"[n], "task": TASK, **j} for n, j in enumerate(jobs)]})
        self.plan: Plan = plan_batch(batch, Transforms(batch))

    def iteration(self, number: int = 0, job: int = 0) -> Iteration:
        """Return an iteration."""
        return self.plan.jobs[job].iterations[number]

    def begin(self, job: int = 0, at: float = 0) -> List[Any]:
        """Return the events of the start of the batch and of one of its jobs."""
        return [BatchBegan(after(at), self.plan), self.begin_job(job, at)]

    def begin_job(self, job: int, at: float) -> JobBegan:
        """Return the event of the start of a job."""
        return JobBegan(after(at), self.plan.jobs[job])

    def end_job(self, job: int, at: float) -> JobEnded:
        """Return the event of the end of a job."""
        return JobEnded(after(at), self.plan.jobs[job].job)

    def move(self, number: int, at: float, state: str, *, job: int = 0, **times: float) -> IterationMoved:
        """Return the event of an iteration that enters a state; it has a run unless the state is one of ours."""
        run = None if state in OUR_STATES else make_run(state)
        shown = {name: after(seconds) for name, seconds in times.items()}
        return IterationMoved(after(at), self.iteration(number, job), state, "ps.example.net", run, **shown)

    def end(self, number: int, at: float, *, job: int = 0, failure: Optional[str] = None) -> IterationEnded:
        """Return the event of the end of an iteration, successful or not."""
        result = IterationResult(
            self.iteration(number, job), "https://ps.example.net/t", (RunResult(make_run("finished"), {}),)
        )
        if failure is not None:
            result = replace(result, runs=(), failure=Failure(failure, "posting the task", "https://ps.example.net"))
        return IterationEnded(after(at), result, succeeded=failure is None, error=failure)
