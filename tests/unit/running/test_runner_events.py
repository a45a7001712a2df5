"""The events that are emitted while a batch runs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, List

import pytest

from pscheduler_batch.errors import TransformError
from pscheduler_batch.events import (
    BatchBegan,
    BatchEnded,
    Interrupted,
    IterationEnded,
    IterationMoved,
    JobBegan,
    JobEnded,
)
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.running.runner import Runner
from pscheduler_batch.session import Session
from pscheduler_batch.transforms.continue_if import ContinueIf
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.submitter import TASK, FakeSubmitter, HangingSubmitter, fail


def watched(*jobs, submitter=None, interrupt=False) -> List[Any]:
    """Run jobs and return the events; interrupt them as soon as they have started, if asked to."""
    batch = load_batch({"schema": 2, "jobs": [{"label": "abc"[n], "task": TASK, **job} for n, job in enumerate(jobs)]})
    events: List[Any] = []
    if submitter is None:
        submitter = FakeSubmitter(0.0)
        submitter.otherwise = fail

    async def main() -> None:
        continue_if = ContinueIf(batch.data)
        runner = Runner(submitter, Session(submitter.time.clock, watches=(events.append,)))
        running = asyncio.ensure_future(runner.run(batch, plan_batch(batch, Transforms(batch)), continue_if.judge))
        if interrupt:
            for _ in range(10):
                await asyncio.sleep(0)
            runner.interrupt("interrupted by SIGINT")
        await running
        await continue_if.aclose()

    asyncio.run(main())
    return events


def test_events_come_in_order():
    """The batch holds its jobs, they hold their iterations; disabled jobs have none."""
    events = watched({"iterations": 2}, {"enabled": False}, {})

    assert [type(event) for event in events] == [
        BatchBegan,
        *[JobBegan, IterationEnded, IterationEnded, JobEnded],
        *[JobBegan, IterationEnded, JobEnded],
        BatchEnded,
    ]
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [event.result.iteration.label for event in events if isinstance(event, IterationEnded)] == [
        *["a/0", "a/1"],
        "c/0",
    ]


def test_what_became_of_an_iteration_is_in_its_last_event():
    """And in no other, as all results together may be too large."""
    events = watched({"iterations": 2})
    ended = [event for event in events if isinstance(event, IterationEnded)]

    assert [(event.result.failure.message, event.succeeded) for event in ended] == [("refused", False)] * 2
    assert events[-1].succeeded is False


def test_a_job_begins_with_its_synchronized_start():
    """It is known by then (ADR 10)."""
    (job,) = [event for event in watched({"parallel": True, "iterations": 2}) if isinstance(event, JobBegan)]

    assert job.at + timedelta(seconds=15) <= job.plan.start <= job.at + timedelta(seconds=16)


def test_an_iteration_that_waits_for_its_backoff_says_until_when():
    """The first one does not wait."""
    job = {"parallel": True, "iterations": 3, "backoff": "PT10S", "sync-start": False}
    moved = [event for event in watched(job) if isinstance(event, IterationMoved)]

    assert [(event.iteration.label, event.state) for event in moved] == [("a/1", "waiting"), ("a/2", "waiting")]
    assert [round((event.start - event.at).total_seconds()) for event in moved] == [10, 20]


@pytest.mark.parametrize("parallel", [True, False])
def test_every_iteration_of_an_interrupted_job_ends(parallel):
    """Also those that were never started, so that counts add up."""
    job = {"parallel": parallel, "iterations": 3, "sync-start": False}
    events = watched(job, {}, submitter=HangingSubmitter(), interrupt=True)

    assert [type(event) for event in events] == [
        *[BatchBegan, JobBegan, Interrupted],
        *[IterationEnded] * 3,
        *[JobEnded, BatchEnded],
    ]
    assert (events[2].reason, events[-1].error, events[-1].succeeded) == (*["interrupted by SIGINT"] * 2, False)


def test_the_last_event_says_why_a_batch_ended_before_its_time():
    """If its continue-if failed (ADR 16)."""
    last = watched({"continue-if": {"script": "3"}}, {})[-1]

    assert isinstance(last, BatchEnded)
    assert last.error.startswith("At /jobs/0/continue-if")
    assert TransformError.__name__ not in last.error
