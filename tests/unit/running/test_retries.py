"""Tests of submitting iterations again (ADR 71)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import pytest

from pscheduler_batch.errors import RefusedError, ReplyError, UnfinishedError, UnreachableError, UnscheduledError
from pscheduler_batch.events import AttemptEnded, IterationEnded, RetriesBegan
from pscheduler_batch.http.response import Reply
from pscheduler_batch.model import Failure, Iteration, IterationResult, RunResult
from pscheduler_batch.running.retries import ANY, Retries, is_unmeasured
from pscheduler_batch.running.submitter import Submitter
from pscheduler_batch.scheduler.tasks import MARK
from pscheduler_batch.session import Session
from tests.support.clients import make_client
from tests.support.clock import NOON, after
from tests.support.server import FakeServer
from tests.support.submitter import RUNNING, FakeSubmitter, fail, labels, lose, make_run, results_of, run, succeed
from tests.support.wire import ONE_HOST

ABOUT = {"doing": "posting the task", "url": "https://ps.example.net/pscheduler/tasks"}
ITERATION = Iteration(0, 0, "a/0", timedelta(0), {"test": {"type": "idle", "spec": {}}})
TWICE = Retries(2, timedelta(seconds=10))


def losing(attempts):
    """Lose so many attempts at an iteration, and then succeed."""
    return lambda iteration: lose(iteration) if iteration.attempt <= attempts else succeed(iteration)


def begins(server):
    """Return when which iteration was submitted."""
    return [(time, label) for time, what, label in server.events if what == "begin"]


def ended(state, errors=None):
    """Return a run without a result."""
    return RunResult(replace(RUNNING, state=state, document={"errors": errors}), {})


def of(*runs, failure=None):
    """Return the result of an iteration."""
    return IterationResult(ITERATION, "https://ps/t", runs, failure)


def test_serial_iterations_are_submitted_again_after_the_others():
    """One after another, the first one after the delay; the last attempt counts, and all are in the results."""
    server = FakeSubmitter(2)
    server.behaviour = {"a/0": losing(1), "a/2": losing(5)}
    outcome = run(server, {"iterations": 3}, {}, retries=TWICE)

    assert begins(server) == [(0, "a/0"), (2, "a/1"), (4, "a/2"), (16, "a/0"), (18, "a/2"), (30, "a/2"), (32, "b/0")]
    first, second, third = results_of(outcome, 0)
    assert first["runs"][0]["text/plain"] == "a/0"
    assert "error" not in first
    assert [attempt["error"] for attempt in first["attempts"]] == ["no answer"]
    assert "attempts" not in second
    assert third["error"] == "no answer"
    assert len(third["attempts"]) == 2
    assert not outcome.succeeded


def test_a_batch_has_succeeded_if_the_last_attempts_have():
    """Whatever came before."""
    server = FakeSubmitter(1)
    server.otherwise = losing(2)

    assert run(server, {"iterations": 2}, retries=TWICE).succeeded


def test_parallel_iterations_are_submitted_again_together():
    """With a synchronized start of their own, and the backoff between those that are left."""
    server = FakeSubmitter(5)
    server.behaviour = {"a/1": losing(1), "a/3": losing(1)}
    outcome = run(server, {"iterations": 4, "parallel": True, "backoff": "PT1S", "setup-time": "PT3S"}, retries=TWICE)
    end = 3 + 5

    assert begins(server)[4:] == [(end + 10, "a/1"), (end + 11, "a/3")]
    start = NOON + timedelta(seconds=end + 10 + 2 * 1 + 3)
    assert [server.given[label][1] for label in ("a/1", "a/3")] == [start, start]
    assert server.given["a/3"][0]["schedule"] == {"start": start.isoformat()}
    assert labels(outcome, 0) == ["a/0", "a/1", "a/2", "a/3"]


def test_what_an_attempt_may_have_left_is_canceled_before_the_next_one():
    """Just before, as the server is out of reach when the attempt fails."""
    server = FakeSubmitter(1)
    server.otherwise = losing(1)
    run(server, {}, retries=TWICE)

    assert server.events[2:4] == [(11, "discard", "https://ps/a/0/1"), (11, "begin", "a/0")]


def test_nothing_is_submitted_again_without_the_option():
    """As before."""
    server = FakeSubmitter(1)
    server.otherwise = lose
    outcome = run(server, {"iterations": 2})

    assert len(begins(server)) == 2
    assert "attempts" not in results_of(outcome, 0)[0]


def test_a_refused_task_is_submitted_again_only_on_any_failure():
    """A server that refuses everything ends in bounded time all the same."""
    server, patient = FakeSubmitter(1), FakeSubmitter(1)
    server.otherwise = patient.otherwise = fail
    run(server, {}, retries=TWICE)
    outcome = run(patient, {}, retries=replace(TWICE, on=ANY))

    assert len(begins(server)) == 1
    assert [time for time, _ in begins(patient)] == [0, 11, 22]
    assert outcome.end - outcome.start == timedelta(seconds=23)


def test_events_tell_each_attempt():
    """An iteration ends once, after its last attempt."""
    server = FakeSubmitter(1)
    server.behaviour = {"a/0": losing(1)}
    events = []
    run(server, {"iterations": 2}, retries=TWICE, watch=events.append)

    told = [event for event in events if isinstance(event, (AttemptEnded, IterationEnded, RetriesBegan))]
    assert [type(event) for event in told] == [AttemptEnded, IterationEnded, RetriesBegan, IterationEnded]
    assert (told[0].at, told[0].result.iteration.attempt) == (after(1), 1)
    assert (told[2].at, told[2].submitting, told[2].attempt) == (after(2), after(12), 2)
    assert [iteration.number for iteration in told[2].plan.iterations] == [0]
    assert (told[3].result.iteration.attempt, told[3].succeeded) == (2, True)


@pytest.mark.parametrize(
    "result",
    [
        of(ended("missed")),
        of(ended("nonstart")),
        of(ended("preempted")),
        of(ended("failed", "Process took too long to run.")),
        of(failure=Failure.of(UnreachableError("Connection refused", transient=False, **ABOUT))),
        of(ended("running"), failure=Failure.of(UnreachableError("Connection refused", **ABOUT))),
        of(failure=Failure.of(RefusedError(503, "busy", **ABOUT))),
        of(failure=Failure.of(RefusedError(429, "slow down", **ABOUT))),
        of(failure=Failure.of(UnscheduledError("none within 60 seconds", **ABOUT))),
        of(ended("overdue"), failure=Failure.of(UnfinishedError("did not end", **ABOUT))),
    ],
)
def test_a_run_that_did_not_come_about_or_was_cut_is_unmeasured(result):
    """Another attempt may measure it."""
    assert is_unmeasured(result)
    assert TWICE.want(result)
    assert not TWICE.want(replace(result, iteration=replace(ITERATION, attempt=3)))


@pytest.mark.parametrize(
    "result",
    [
        of(make_run()),
        of(make_run(succeeded=False)),
        of(ended("failed", "connect failed: Connection refused")),
        of(ended("canceled")),
        of(make_run(), ended("missed")),
        of(failure=Failure.of(RefusedError(400, "no test", **ABOUT))),
        of(failure=Failure.of(RefusedError(403, "forbidden by limits", **ABOUT))),
        of(failure=Failure.of(ReplyError("did not answer with JSON", **ABOUT))),
        of(failure=Failure.of(UnscheduledError("the task was canceled", may_pass=False, **ABOUT))),
        of(failure=Failure("this is a bug", "running the iteration", "")),
    ],
)
def test_what_was_measured_refused_or_canceled_is_not(result):
    """A test that failed has measured just that; on any failure, it is submitted again, unless we failed."""
    assert not is_unmeasured(result)
    ours = result.failure is not None and not result.failure.url
    assert replace(TWICE, on=ANY).want(result) == (not result.succeeded and not ours)


@pytest.mark.parametrize("values", [{"count": -1}, {"delay": timedelta(-1)}, {"delay": timedelta.max}, {"on": "all"}])
def test_invalid_values_are_refused(values):
    """As they are those of a caller in Python."""
    with pytest.raises(ValueError, match="invalid"):
        Retries(**values)


def discarded(result):
    """Return the requests that discard an attempt, whose server has two tasks with any mark."""
    hrefs = [f"https://ps.example.net/pscheduler/tasks/{name}" for name in "ab"]
    server = FakeServer(
        lambda request: Reply(200, {}, json.dumps(hrefs).encode() if request.method == "GET" else b"OK")
    )
    client = make_client(server, Session(server.clock.clock))
    asyncio.run(Submitter(client, ONE_HOST).discard(result))
    return [f"{request.method} {unquote(request.url).partition('/pscheduler')[2]}" for request in server.requests]


def test_the_task_of_an_attempt_is_canceled_by_its_url():
    """Without any question."""
    assert discarded(replace(of(), task_href="https://ps.example.net/pscheduler/tasks/5f1c")) == ["DELETE /tasks/5f1c"]


def test_the_task_of_an_attempt_without_an_answer_is_canceled_by_its_mark():
    """It may have arrived; nothing is asked about one that was never posted."""
    unanswered = Failure.of(UnreachableError("broken", **ABOUT))
    marked = replace(ITERATION, task={**ITERATION.task, "reference": {MARK: "m1"}})
    requests = discarded(IterationResult(marked, failure=unanswered))

    assert requests == [
        'GET /tasks?json={"reference":+{"pscheduler-batch":+"m1"}}',
        "DELETE /tasks/a",
        "DELETE /tasks/b",
    ]
    assert discarded(IterationResult(ITERATION, failure=unanswered)) == []
    assert discarded(IterationResult(marked, failure=replace(unanswered, doing="finding participants"))) == []


def test_a_server_that_is_out_of_reach_keeps_its_task():
    """Then the next attempt is made all the same."""
    server = FakeServer(lambda _: UnreachableError("Connection refused", **ABOUT))
    client = make_client(server, Session(server.clock.clock))
    asyncio.run(Submitter(client, ONE_HOST).discard(lose(ITERATION)))

    assert len(server.requests) == 1
