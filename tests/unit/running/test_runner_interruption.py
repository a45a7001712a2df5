"""What the job loop does when a batch is interrupted, or canceled by the program that runs it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.events import RetriesBegan
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import IterationResult, Run, RunResult
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.running.retries import Retries
from pscheduler_batch.running.runner import Runner
from pscheduler_batch.running.submitter import CutShortError
from pscheduler_batch.session import Session
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.submitter import TASK, FakeSubmitter, lose

RUN = Run("https://ps/r", "running", None, None, "https://ps/r/result", None, {"href": "https://ps/r"})
MEASURED = replace(RUN, state="finished", result_merged={"succeeded": True})


class InterruptedSubmitter(FakeSubmitter):
    """Runs iterations until they are cut short, except those that are done at once."""

    def __init__(self, *, run=RUN, done=(), measured=(), stubborn=False, slow_to_end=()):
        super().__init__()
        self._run = run
        self._done = done
        self._measured = measured
        self._stubborn = stubborn
        self._slow_to_end = slow_to_end

    async def measure(self, iteration, measured):
        """Wait until the iteration is cut short."""
        result = IterationResult(iteration, f"https://ps/{iteration.label}", (RunResult(self._run, {}),))
        if iteration.label in self._done:
            return replace(result, runs=(RunResult(MEASURED, {}),))
        if iteration.label in self._measured:
            result = replace(result, runs=(RunResult(MEASURED, {}),))
            measured()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self._stubborn:
                    # As if the cancellation was lost on its way.
                    self._stubborn = False
                    continue
                if iteration.label in self._slow_to_end:
                    for _ in range(5):
                        await asyncio.sleep(0)
                raise CutShortError(result, submitted=True) from None


def run(server, *jobs, end, judge=None, **options):
    """Run jobs, and end them in some way when the server has started them."""
    batch = load_batch({"schema": 2, "jobs": [{"label": "abc"[n], "task": TASK, **job} for n, job in enumerate(jobs)]})

    async def go_on(_job, _results):
        return True

    async def main():
        runner = Runner(server, Session(), **options)
        running = asyncio.ensure_future(runner.run(batch, plan_batch(batch, Transforms(batch)), judge or go_on))
        for _ in range(10):
            await asyncio.sleep(0)
        end(runner, running)
        await asyncio.wait([running])
        return running

    running = asyncio.run(main())
    return None if running.cancelled() else running.result()


def errors_of(outcome):
    """Read the errors of the iterations of the first job."""
    return [json.loads(text).get("error") for text in outcome.results.of_job(0)]


def interrupt(runner, _running):
    """Interrupt it like a signal."""
    runner.interrupt("interrupted by SIGINT")


def cancel(_runner, running):
    """Cancel it like a program."""
    running.cancel()


PARALLEL = {"iterations": 3, "parallel": True, "sync-start": False}


def test_all_that_is_under_way_is_canceled():
    """And no later job is started."""
    server = InterruptedSubmitter()
    outcome = run(server, PARALLEL, {}, end=interrupt)

    assert (sorted(server.canceled), outcome.results.jobs) == (["a/0", "a/1", "a/2"], (0,))
    assert set(errors_of(outcome)) == {"interrupted by SIGINT before it was done; it was canceled"}
    assert (outcome.interruption, outcome.error, outcome.bugs) == ("interrupted by SIGINT", None, ())


def test_iterations_that_were_not_begun_say_so():
    """Each has its place in the results."""
    server = InterruptedSubmitter(done=["a/0"])
    outcome = run(server, {"iterations": 3}, end=interrupt)

    assert server.begun == ["a/0", "a/1"]
    assert errors_of(outcome) == [
        None,
        "interrupted by SIGINT before it was done; it was canceled",
        "interrupted by SIGINT before it was submitted",
    ]


@pytest.mark.parametrize("end", [interrupt, cancel])
def test_a_serial_iteration_is_canceled_and_the_one_that_is_fetched_is_not(end):
    """Its measurement is already complete."""
    server = InterruptedSubmitter(measured=["a/0"])
    outcome = run(server, {"iterations": 3}, end=end)

    assert server.begun == ["a/0", "a/1"]
    assert server.canceled == ["a/1"]
    if end is interrupt:
        assert errors_of(outcome) == [
            "interrupted by SIGINT before it was done",
            "interrupted by SIGINT before it was done; it was canceled",
            "interrupted by SIGINT before it was submitted",
        ]


def test_a_delay_is_cut_short():
    """An interruption does not wait for the end of a delay."""
    server = InterruptedSubmitter()
    outcome = run(server, {**PARALLEL, "backoff": "PT1H"}, end=interrupt)

    assert server.begun == server.canceled == ["a/0"]
    assert [error.endswith("submitted") for error in errors_of(outcome)] == [False, True, True]


def test_an_attempt_that_was_waited_for_is_not_made():
    """What the attempt before it came to is in the result."""
    server = FakeSubmitter(1)
    server.otherwise = lose
    batch = load_batch({"jobs": [{"label": "a", "task": TASK, "iterations": 2}]})

    async def main():
        def interrupt_retries(event):
            if isinstance(event, RetriesBegan):
                asyncio.get_running_loop().call_soon(runner.interrupt, "interrupted by SIGINT")

        session = Session(server.time.clock, watches=(interrupt_retries,))
        runner = Runner(server, session, retries=Retries(2, timedelta(hours=1)))
        return await runner.run(batch, plan_batch(batch, Transforms(batch)), None)

    outcome = asyncio.run(main())

    assert server.begun == ["a/0", "a/1"]
    assert errors_of(outcome) == ["interrupted by SIGINT before it was submitted again"] * 2
    results = [json.loads(text) for text in outcome.results.of_job(0)]
    assert [[each["error"] for each in result["attempts"]] for result in results] == [["no answer"], ["no answer"]]


def test_what_was_obtained_is_kept():
    """The run, and where it is."""
    (text,) = run(InterruptedSubmitter(), {}, end=interrupt).results.of_job(0)

    assert [found["run"] for found in json.loads(text)["runs"]] == [{"href": "https://ps/r"}]


def test_a_task_that_is_over_is_not_canceled():
    """Only its results were still to be fetched."""
    server = InterruptedSubmitter(run=replace(RUN, state="finished"))
    outcome = run(server, {}, end=interrupt)

    assert server.canceled == []
    assert errors_of(outcome) == ["interrupted by SIGINT before it was done"]


@pytest.mark.parametrize("end", [interrupt, cancel])
def test_tasks_can_be_left_alone(end):
    """With cancel=False."""
    server = InterruptedSubmitter()
    run(server, PARALLEL, end=end, cancel=False)

    assert server.canceled == []


def test_a_judge_without_an_end_is_cut_short():
    """The results of its job are kept."""

    async def brood(_job, _results):
        await asyncio.Event().wait()

    outcome = run(InterruptedSubmitter(done=["a/0"]), {}, {}, end=interrupt, judge=brood)

    assert outcome.results.jobs == (0,)
    assert errors_of(outcome) == [None]
    assert outcome.interruption == "interrupted by SIGINT"


def test_a_second_interruption_changes_nothing():
    """The first one is the reason."""

    def twice(runner, running):
        interrupt(runner, running)
        runner.interrupt("interrupted by SIGTERM")

    assert run(InterruptedSubmitter(), {}, end=twice).interruption == "interrupted by SIGINT"


def test_who_has_no_time_is_heard():
    """The waiting is in the submitter."""

    def twice(runner, running):
        interrupt(runner, running)
        runner.hurry()

    server = InterruptedSubmitter()
    run(server, {}, end=twice)

    assert [what for _, what, _ in server.events] == ["begin", "hurry"]


def test_an_interruption_that_is_lost_is_repeated(monkeypatch):
    """Before Python 3.12 a cancellation can get lost."""
    monkeypatch.setattr("pscheduler_batch.running.runner.CUT_AGAIN_SECONDS", 0.0)
    server = InterruptedSubmitter(stubborn=True)
    run(server, {}, end=interrupt)

    assert server.canceled == ["a/0"]


def test_a_program_that_ends_a_batch_has_its_tasks_canceled():
    """All of them, including those that take longer to end than the first one."""
    server = InterruptedSubmitter(slow_to_end=["a/1", "a/2"])

    assert run(server, PARALLEL, end=cancel) is None
    assert sorted(server.canceled) == ["a/0", "a/1", "a/2"]


def test_nothing_is_interrupted_that_is_over():
    """The outcome stays as it is."""
    outcome = run(InterruptedSubmitter(done=["a/0"]), {}, end=interrupt)

    assert (outcome.interruption, errors_of(outcome)) == (None, [None])
