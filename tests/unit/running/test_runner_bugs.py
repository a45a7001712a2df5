"""What the job loop does with iterations that fail, and with bugs: nothing that was obtained is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pscheduler_batch.events import Event, IterationEnded
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.model import Iteration, IterationResult, Run, RunResult
from pscheduler_batch.running.submitter import BrokenDownError
from tests.support.nesting_depth import DEEP
from tests.support.submitter import RUNNING, TASK, FakeSubmitter, break_down, fail, labels, make_run, results_of, run


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("behaviour", [fail, break_down])
def test_a_failing_iteration_does_not_take_its_siblings_along(parallel, behaviour):
    """Whether because of a server or a bug; later jobs run as well."""
    server = FakeSubmitter()
    server.behaviour["a/1"] = behaviour
    outcome = run(server, {"iterations": 3, "parallel": parallel}, {})

    assert ["error" in result for result in results_of(outcome, 0)] == [False, True, False]
    assert labels(outcome, 1) == ["b/0"]
    assert not outcome.succeeded


def test_a_bug_is_kept_for_whoever_asks():
    """The command prints the traceback, and the iteration names the error."""
    server = FakeSubmitter()
    server.behaviour["a/0"] = break_down
    outcome = run(server, {})
    (result,) = results_of(outcome, 0)

    assert [type(bug) for bug in outcome.bugs] == [ZeroDivisionError]
    assert result["error"].startswith("this is a bug in pscheduler-batch: ZeroDivisionError: ")


def test_what_was_obtained_before_a_bug_stays_and_its_task_is_canceled():
    """Nothing is lost, and no task keeps running; the other iterations go on."""

    def break_down_late(iteration: Iteration) -> IterationResult:
        result = IterationResult(iteration, "https://ps/t", (RunResult(RUNNING, {}),))
        try:
            return break_down(iteration)
        except ZeroDivisionError as bug:
            raise BrokenDownError(result, submitted=True) from bug

    server = FakeSubmitter()
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
    """No other iteration is started then, but what was obtained of one is kept despite the bug of another."""

    def watch(event: Event) -> None:
        if isinstance(event, IterationEnded) and event.result.iteration.number == number:
            raise ZeroDivisionError

    server = FakeSubmitter(1)
    server.fetching = fetching
    outcome = run(server, {"iterations": 4}, watch=watch)

    assert labels(outcome, 0) == kept
    assert [label for _, what, label in server.events if what == "begin"] == kept
    assert [type(bug) for bug in outcome.bugs] == [ZeroDivisionError]


def test_what_was_obtained_stays_where_a_bug_keeps_it_from_being_noted():
    """There is nothing to cancel then."""

    class Broken(Journal):
        def note_result(self, result: IterationResult) -> None:
            raise ZeroDivisionError(result.iteration.label)

    server = FakeSubmitter()
    outcome = run(server, {}, journal=Broken())
    (result,) = results_of(outcome, 0)

    assert result["error"] == "this is a bug in pscheduler-batch: ZeroDivisionError: a/0"
    assert (labels(outcome, 0), server.canceled) == (["a/0"], [])


def test_a_bug_does_not_tell_the_secrets_of_the_task():
    """Its message is in the output and in logs (ADR 18)."""
    server = FakeSubmitter()
    server.behaviour["a/0"] = break_down
    (result,) = results_of(run(server, {"task": {**TASK, "_key": "abc-secret"}}), 0)

    assert "abc-secret" not in result["error"]


def test_a_result_that_cannot_be_written_is_said_to_be_so():
    """The other results are kept; json fails at a certain depth."""
    deep: Any = []
    for _ in range(DEEP):
        deep = [deep]

    def answer(iteration: Iteration) -> IterationResult:
        run = Run("https://ps/r", "finished", None, None, "https://ps/r/result", {"succeeded": True}, {})
        return IterationResult(iteration, "https://ps/t", (RunResult(run, {"application/json": deep}),))

    server = FakeSubmitter()
    server.behaviour["a/0"] = answer
    outcome = run(server, {"iterations": 2})
    first, second = results_of(outcome, 0)

    assert (first["error"], first["runs"]) == ("its result is nested too deeply to be written", [])
    assert ("error" in second, outcome.bugs, outcome.succeeded) == (False, (), False)


def test_a_bug_in_writing_a_result_does_not_take_the_others_along():
    """It is reported all the same."""
    server = FakeSubmitter()
    server.behaviour["a/0"] = lambda item: IterationResult(item, "https://ps/t", (make_run(b"bytes"),))  # type: ignore[arg-type]
    outcome = run(server, {"iterations": 2})
    first, second = results_of(outcome, 0)

    assert first["error"].startswith("this is a bug in pscheduler-batch: TypeError: ")
    assert ("error" in second, [type(bug) for bug in outcome.bugs]) == (False, [TypeError])


def test_a_bug_between_jobs_ends_the_batch_with_all_its_results():
    """The output says that there was one, without its message, which may hold secrets."""

    async def judge(*_: Any) -> bool:
        raise RuntimeError("the secret is abc-secret")

    outcome = run(FakeSubmitter(), {}, {}, judge=judge)

    assert (labels(outcome, 0), outcome.results.jobs) == (["a/0"], (0,))
    assert str(outcome.error) == "this is a bug in pscheduler-batch, which ended the batch: RuntimeError"
    assert [type(bug) for bug in outcome.bugs] == [RuntimeError]


def test_an_interruption_is_no_bug():
    """The user who interrupts a batch wants it to end."""
    server = FakeSubmitter()

    def interrupt(_: Iteration) -> IterationResult:
        raise asyncio.CancelledError

    server.behaviour["a/0"] = interrupt

    with pytest.raises(asyncio.CancelledError):
        run(server, {}, {})
    assert [label for _, _, label in server.events] == ["a/0", "a/0"]
