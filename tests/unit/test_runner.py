"""Tests of the job loop and of continue-if (decisions 9, 10, 14 and 15)."""

from __future__ import annotations

import asyncio
import heapq
import json
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import pytest

from pscheduler_batch.errors import TransformError
from pscheduler_batch.events import Event, IterationEnded, Watch, watch_nothing
from pscheduler_batch.journal import NoJournal, Record
from pscheduler_batch.judging import ContinueIf
from pscheduler_batch.loader import load_batch
from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.planner import plan_batch
from pscheduler_batch.runner import Judge, Outcome, Runner, iteration_succeeded
from pscheduler_batch.submitter import BrokenDownError
from pscheduler_batch.transforms import Transforms
from pscheduler_batch.waiting import Clock
from tests.depth import DEEP

TASK = {"test": {"type": "idle", "spec": {"duration": "PT2S"}}}
RUNNING = Run("https://ps/r", "running", None, None, "https://ps/r/result", None, {"state": "running"})
NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ROUNDS = 10


def make_run(text: str = "", *, succeeded: bool = True) -> RunResult:
    """Make a run that ended."""
    merged = {"succeeded": succeeded}
    run = Run("https://ps/r", "finished" if succeeded else "failed", None, None, "https://ps/r/result", merged, {})
    return RunResult(run, {"application/json": merged, "text/plain": text})


class FakeTime:
    """A clock whose sleepers are woken in order of time, as soon as nothing else can go on."""

    def __init__(self) -> None:
        self.time = NOON
        self._sleepers: List[Tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()

    @property
    def clock(self) -> Clock:
        """The clock for a runner."""
        return Clock(now=lambda: self.time, sleep=self.sleep)

    @property
    def seconds(self) -> float:
        """How long it has been since the beginning."""
        return (self.time - NOON).total_seconds()

    async def sleep(self, seconds: float) -> None:
        """Wait, without taking time."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self.time + timedelta(seconds=seconds), next(self._order), woken))
        if len(self._sleepers) == 1:
            loop.call_soon(self._advance, ROUNDS)
        await woken

    def _advance(self, rounds: int) -> None:
        # The others get some rounds to begin sleeping as well.
        if not rounds:
            self.time, _, woken = heapq.heappop(self._sleepers)
            woken.set_result(None)
        if self._sleepers:
            asyncio.get_running_loop().call_soon(self._advance, rounds - 1 if rounds else ROUNDS)


class FakeServer:
    """Runs iterations: each takes a time, and then succeeds unless told otherwise."""

    def __init__(self, *durations: float) -> None:
        self.time = FakeTime()
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
    record: Optional[Record] = None,
) -> Outcome:
    """Run a batch of some jobs, all of which have the same task."""
    named = [{"label": "abcdef"[number], "task": TASK, **job} for number, job in enumerate(jobs)]
    batch = load_batch({"schema": 3, "jobs": named})
    transforms = Transforms(batch)
    tell = (told if told is not None else []).append
    runner = Runner(server, server.time.clock, tell, watch=watch, record=record)

    async def run_and_close() -> Outcome:
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


def results_of(outcome: Outcome, job: int) -> List[Dict[str, Any]]:
    """Read the results of a job."""
    return [json.loads(text) for text in outcome.results.of_job(job)]


def labels(outcome: Outcome, job: int) -> List[str]:
    """The iterations of a job, in the order of its results."""
    return [result["runs"][0]["text/plain"] for result in results_of(outcome, job)]


def test_serial_iterations_run_one_after_another():
    """The next begins when the one before has its result."""
    server = FakeServer(2, 1)
    run(server, {"iterations": 2, "backoff": "PT1H"})

    assert server.events == [(0, "begin", "a/0"), (2, "end", "a/0"), (2, "begin", "a/1"), (3, "end", "a/1")]


def test_what_a_serial_iteration_measured_is_fetched_while_the_next_one_is_submitted():
    """And the job is over when the last one has it."""
    server = FakeServer(5)
    server.fetching = 2
    outcome = run(server, {"iterations": 2})

    assert server.events == [
        (0, "begin", "a/0"),
        (5, "measured", "a/0"),
        (5, "begin", "a/1"),
        (7, "end", "a/0"),
        (10, "measured", "a/1"),
        (12, "end", "a/1"),
    ]
    assert outcome.end - outcome.start == timedelta(seconds=12)


def test_no_more_than_one_serial_iteration_is_behind():
    """Where fetching takes longer than measuring, the servers are not asked for more and more at once."""
    server = FakeServer(1)
    server.fetching = 4
    run(server, {"iterations": 4})

    assert [time for time, what, _ in server.events if what == "begin"] == [0, 1, 5, 6]


def test_continue_if_is_given_what_was_fetched_last():
    """Of serial iterations as of parallel ones."""
    seen: List[int] = []

    async def judge(_: object, results: Iterable[str]) -> bool:
        seen.append(len(list(results)))
        return True

    server = FakeServer(1)
    server.fetching = 4
    run(server, {"iterations": 3}, {"iterations": 2}, judge=judge)

    assert seen == [3, 2]


def test_jobs_run_one_after_another():
    """The next begins when all of the one before is done, parallel or not."""
    server = FakeServer(3, 1)
    run(server, {"iterations": 2, "parallel": True}, {})

    assert server.events[-2:] == [(3, "begin", "b/0"), (6, "end", "b/0")]


def test_parallel_iterations_are_submitted_a_backoff_apart():
    """The first at once, the second after one backoff, the third after two."""
    server = FakeServer(100)
    run(server, {"iterations": 3, "parallel": True, "backoff": "PT10S"})

    assert server.events[:3] == [(0, "begin", "a/0"), (10, "begin", "a/1"), (20, "begin", "a/2")]


def test_parallel_iterations_without_backoff_are_submitted_together():
    """And take as long as the longest."""
    server = FakeServer(3, 2, 1)
    outcome = run(server, {"iterations": 3, "parallel": True})

    assert [time for time, what, _ in server.events if what == "begin"] == [0, 0, 0]
    assert outcome.end - outcome.start == timedelta(seconds=3)


def test_results_are_in_the_order_of_iterations():
    """Whatever finished first (decision 14)."""
    server = FakeServer(3, 2, 1)
    outcome = run(server, {"iterations": 3, "parallel": True})

    assert [label for _, what, label in server.events if what == "end"] == ["a/2", "a/1", "a/0"]
    assert labels(outcome, 0) == ["a/0", "a/1", "a/2"]


def test_a_synchronized_start_counts_from_the_beginning_of_its_job():
    """Not of the batch (decision 10)."""
    server = FakeServer(7)
    run(server, {}, {"iterations": 2, "parallel": True, "backoff": "PT2S"})
    start = NOON + timedelta(seconds=7 + 2 * 2 + 15)

    assert [server.given[label][1] for label in ("a/0", "b/0", "b/1")] == [None, start, start]
    assert server.given["b/1"][0]["schedule"] == {"start": start.isoformat()}


def test_parallel_iterations_may_start_on_their_own():
    """With sync-start false."""
    server = FakeServer()
    run(server, {"iterations": 2, "parallel": True, "sync-start": False})

    assert server.given["a/1"] == ({**TASK, "schedule": {}}, None)


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("behaviour", [fail, break_down])
def test_a_failing_iteration_does_not_take_its_siblings_along(parallel, behaviour):
    """Be it a server's failure or a bug of ours; the jobs after it are run as well."""
    server = FakeServer()
    server.behaviour["a/1"] = behaviour
    outcome = run(server, {"iterations": 3, "parallel": parallel}, {})

    assert ["error" in result for result in results_of(outcome, 0)] == [False, True, False]
    assert labels(outcome, 1) == ["b/0"]
    assert not outcome.succeeded


def test_a_bug_is_kept_for_whoever_asks():
    """It shows its traceback, and the iteration says what it was."""
    server = FakeServer()
    server.behaviour["a/0"] = break_down
    outcome = run(server, {})
    (result,) = results_of(outcome, 0)

    assert [type(bug) for bug in outcome.bugs] == [ZeroDivisionError]
    assert result["error"].startswith("this is a bug in pscheduler-batch: ZeroDivisionError: ")


def test_what_was_obtained_before_a_bug_stays_and_its_task_is_canceled():
    """Nothing is lost, and nothing is left running; the other iterations go on."""

    def break_down_late(iteration: Iteration) -> IterationResult:
        result = IterationResult(iteration, "https://ps/t", (RunResult(RUNNING, {}),))
        try:
            return break_down(iteration)
        except ZeroDivisionError as bug:
            raise BrokenDownError(result, submitted=True) from bug

    server = FakeServer()
    server.behaviour["a/0"] = break_down_late
    outcome = run(server, {"iterations": 2})
    first, second = results_of(outcome, 0)

    assert [found["run"]["state"] for found in first["runs"]] == ["running"]
    assert first["error"].endswith("; it was canceled")
    assert server.canceled == ["a/0"]
    assert "error" not in second
    assert [type(bug) for bug in outcome.bugs] == [ZeroDivisionError]


@pytest.mark.parametrize(
    ("fetching", "number", "kept"),
    [(0, 0, ["a/0"]), (4, 0, ["a/0", "a/1"]), (4, 1, ["a/0", "a/1", "a/2"])],
)
def test_what_a_serial_iteration_measured_is_fetched_though_a_bug_ends_the_batch(fetching, number, kept):
    """No other one is begun then, but what was obtained of one is not dropped because of another."""

    def watch(event: Event) -> None:
        if isinstance(event, IterationEnded) and event.result.iteration.number == number:
            raise ZeroDivisionError

    server = FakeServer(1)
    server.fetching = fetching
    outcome = run(server, {"iterations": 4}, watch=watch)

    assert labels(outcome, 0) == kept
    assert [label for _, what, label in server.events if what == "begin"] == kept
    assert [type(bug) for bug in outcome.bugs] == [ZeroDivisionError]


def test_what_was_obtained_stays_where_a_bug_keeps_it_from_being_noted():
    """There is nothing to be canceled then."""

    class Broken(NoJournal):
        def note_result(self, result: IterationResult) -> None:
            raise ZeroDivisionError(result.iteration.label)

    server = FakeServer()
    outcome = run(server, {}, record=Broken())
    (result,) = results_of(outcome, 0)

    assert result["error"] == "this is a bug in pscheduler-batch: ZeroDivisionError: a/0"
    assert (labels(outcome, 0), server.canceled) == (["a/0"], [])


def test_a_bug_does_not_tell_the_secrets_of_the_task():
    """Its words go to the output and to logs (decision 17)."""
    server = FakeServer()
    server.behaviour["a/0"] = break_down
    (result,) = results_of(run(server, {"task": {**TASK, "_key": "abc-secret"}}), 0)

    assert "abc-secret" not in result["error"]


def test_a_result_that_cannot_be_written_is_said_to_be_so():
    """It does not take the others along; json gives up at some depth, which others may not."""
    deep: Any = []
    for _ in range(DEEP):
        deep = [deep]

    def answer(iteration: Iteration) -> IterationResult:
        run = Run("https://ps/r", "finished", None, None, "https://ps/r/result", {"succeeded": True}, {})
        return IterationResult(iteration, "https://ps/t", (RunResult(run, {"application/json": deep}),))

    server = FakeServer()
    server.behaviour["a/0"] = answer
    outcome = run(server, {"iterations": 2})
    first, second = results_of(outcome, 0)

    assert (first["error"], first["runs"]) == ("its result is nested too deeply to be written", [])
    assert ("error" in second, outcome.bugs, outcome.succeeded) == (False, (), False)


def test_a_bug_in_writing_a_result_does_not_take_the_others_along():
    """It is seen all the same."""
    server = FakeServer()
    server.behaviour["a/0"] = lambda item: IterationResult(item, "https://ps/t", (make_run(b"bytes"),))  # type: ignore[arg-type]
    outcome = run(server, {"iterations": 2})
    first, second = results_of(outcome, 0)

    assert first["error"].startswith("this is a bug in pscheduler-batch: TypeError: ")
    assert ("error" in second, [type(bug) for bug in outcome.bugs]) == (False, [TypeError])


def test_a_bug_between_jobs_ends_the_batch_with_all_its_results():
    """The output says that there was one, and not its words, which may be secret."""

    async def judge(*_: Any) -> bool:
        raise RuntimeError("the secret is abc-secret")

    outcome = run(FakeServer(), {}, {}, judge=judge)

    assert (labels(outcome, 0), outcome.results.jobs) == (["a/0"], (0,))
    assert str(outcome.error) == "this is a bug in pscheduler-batch, which ended the batch: RuntimeError"
    assert [type(bug) for bug in outcome.bugs] == [RuntimeError]


def test_many_parallel_iterations_are_begun_in_their_order():
    """The slots of a host are given in the order in which they are asked for, so tasks are submitted in order."""
    server = FakeServer()
    run(server, {"iterations": 1000, "parallel": True, "sync-start": False})

    assert [label for _, what, label in server.events if what == "begin"] == [f"a/{n}" for n in range(1000)]


def test_an_interruption_is_no_bug():
    """Whoever interrupts a batch wants it to end."""
    server = FakeServer()

    def interrupt(_: Iteration) -> IterationResult:
        raise asyncio.CancelledError

    server.behaviour["a/0"] = interrupt

    with pytest.raises(asyncio.CancelledError):
        run(server, {}, {})
    assert [label for _, _, label in server.events] == ["a/0", "a/0"]


def test_disabled_jobs_are_not_run():
    """They have no results."""
    server = FakeServer()
    outcome = run(server, {"enabled": False}, {})

    assert outcome.results.jobs == (1,)
    assert outcome.succeeded


def test_continue_if_true_goes_on():
    """It is given the results as they will be in the output."""
    script = '.[0].runs[0]."application/json".succeeded and (.[0].task.test.type == "idle") and length == 2'
    outcome = run(FakeServer(), {"iterations": 2, "continue-if": {"script": script}}, {})

    assert (outcome.results.jobs, outcome.error) == ((0, 1), None)


def test_continue_if_false_ends_the_batch_in_good_order():
    """No later job is run (decision 15)."""
    server = FakeServer()
    outcome = run(server, {}, {"continue-if": {"script": "false"}}, {}, {})

    assert (outcome.results.jobs, outcome.error, outcome.succeeded) == ((0, 1), None, True)


@pytest.mark.parametrize(
    ("script", "said"),
    [("null", "not true or false"), ("empty", "nothing"), ('error("why")', "why"), ('"true"', "not true or false")],
)
def test_continue_if_that_fails_ends_the_batch(script, said):
    """With everything obtained until then (decision 15)."""
    outcome = run(FakeServer(), {}, {"continue-if": {"script": script}}, {})

    assert labels(outcome, 1) == ["b/0"]
    assert 2 not in outcome.results.jobs
    assert isinstance(outcome.error, TransformError)
    assert str(outcome.error).startswith('At /jobs/1/continue-if, after "b": ')
    assert said in str(outcome.error)


def test_continue_if_sees_failures():
    """A batch may stop when a job went wrong."""
    server = FakeServer()
    server.behaviour["a/0"] = fail
    outcome = run(server, {"continue-if": {"script": ".[0].succeeded != false"}}, {})

    assert outcome.results.jobs == (0,)


def test_continue_if_of_the_last_job_counts():
    """An error in it is an error, though nothing follows."""

    assert run(FakeServer(), {"continue-if": {"script": "3"}}).error is not None


def test_a_batch_without_jobs_is_done_at_once():
    """And nothing of it failed."""
    outcome = run(FakeServer())

    assert (outcome.results.jobs, outcome.start, outcome.end, outcome.succeeded) == ((), NOON, NOON, True)


@pytest.mark.parametrize(
    ("runs", "failure", "succeeded"),
    [
        ((make_run(),), None, True),
        ((make_run(), make_run(succeeded=False)), None, False),
        ((make_run(),), Failure("x", "y", "z"), False),
        ((), None, False),
    ],
)
def test_an_iteration_succeeded_if_all_of_it_did(runs, failure, succeeded):
    """Without any run nothing was measured."""
    iteration = Iteration(0, 0, "a/0", timedelta(0), TASK)

    assert iteration_succeeded(IterationResult(iteration, "https://ps/t", runs, failure)) is succeeded


def test_what_happens_is_told():
    """A line for each job, and why the batch ended."""
    told: List[str] = []
    run(FakeServer(), {"enabled": False}, {"continue-if": {"script": "false"}}, {}, told=told)

    assert told == ["a: not enabled", "b: 1 iteration one after another", "b: continue-if ends the batch"]


def test_a_runner_needs_no_clock_of_the_machine():
    """Hours go by in no time."""
    server = FakeServer(3600)
    outcome = run(server, {"iterations": 20})

    assert outcome.end - outcome.start == timedelta(hours=20)
