"""Tests of the job loop (ADR 9, 10 and 14)."""

from __future__ import annotations

from datetime import timedelta
from typing import List

import pytest

from pscheduler_batch.model import Failure, Iteration, IterationResult
from tests.support.clock import NOON
from tests.support.submitter import TASK, FakeSubmitter, labels, make_run, run


def test_serial_iterations_run_one_after_another():
    """The next one starts when the one before has its result."""
    server = FakeSubmitter(2, 1)
    run(server, {"iterations": 2, "backoff": "PT1H"})

    assert server.events == [(0, "begin", "a/0"), (2, "end", "a/0"), (2, "begin", "a/1"), (3, "end", "a/1")]


def test_what_a_serial_iteration_measured_is_fetched_while_the_next_one_is_submitted():
    """And the job ends when the last one has its result."""
    server = FakeSubmitter(5)
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
    """If fetching takes longer than measuring, the requests of several iterations do not pile up."""
    server = FakeSubmitter(1)
    server.fetching = 4
    run(server, {"iterations": 4})

    assert [time for time, what, _ in server.events if what == "begin"] == [0, 1, 5, 6]


def test_jobs_run_one_after_another():
    """The next one starts when all of the one before is done, parallel or not."""
    server = FakeSubmitter(3, 1)
    run(server, {"iterations": 2, "parallel": True}, {})

    assert server.events[-2:] == [(3, "begin", "b/0"), (6, "end", "b/0")]


def test_parallel_iterations_are_submitted_a_backoff_apart():
    """The first at once, the second after one backoff, the third after two."""
    server = FakeSubmitter(100)
    run(server, {"iterations": 3, "parallel": True, "backoff": "PT10S"})

    assert server.events[:3] == [(0, "begin", "a/0"), (10, "begin", "a/1"), (20, "begin", "a/2")]


def test_parallel_iterations_without_backoff_are_submitted_together():
    """And take as long as the longest."""
    server = FakeSubmitter(3, 2, 1)
    outcome = run(server, {"iterations": 3, "parallel": True})

    assert [time for time, what, _ in server.events if what == "begin"] == [0, 0, 0]
    assert outcome.end - outcome.start == timedelta(seconds=3)


def test_results_are_in_the_order_of_iterations():
    """Whichever finished first (ADR 14)."""
    server = FakeSubmitter(3, 2, 1)
    outcome = run(server, {"iterations": 3, "parallel": True})

    assert [label for _, what, label in server.events if what == "end"] == ["a/2", "a/1", "a/0"]
    assert labels(outcome, 0) == ["a/0", "a/1", "a/2"]


def test_a_synchronized_start_counts_from_the_beginning_of_its_job():
    """Not from that of the batch (ADR 10)."""
    server = FakeSubmitter(7)
    run(server, {}, {"iterations": 2, "parallel": True, "backoff": "PT2S"})
    start = NOON + timedelta(seconds=7 + 2 * 2 + 15)

    assert [server.given[label][1] for label in ("a/0", "b/0", "b/1")] == [None, start, start]
    assert server.given["b/1"][0]["schedule"] == {"start": start.isoformat()}


def test_parallel_iterations_may_start_on_their_own():
    """With sync-start false."""
    server = FakeSubmitter()
    run(server, {"iterations": 2, "parallel": True, "sync-start": False})

    assert server.given["a/1"] == ({**TASK, "schedule": {}}, None)


def test_many_parallel_iterations_are_begun_in_their_order():
    """The slots of a host are granted in order of request, so tasks are submitted in order."""
    server = FakeSubmitter()
    run(server, {"iterations": 1000, "parallel": True, "sync-start": False})

    assert [label for _, what, label in server.events if what == "begin"] == [f"a/{n}" for n in range(1000)]


def test_disabled_jobs_are_not_run():
    """They have no results."""
    server = FakeSubmitter()
    outcome = run(server, {"enabled": False}, {})

    assert outcome.results.jobs == (1,)
    assert outcome.succeeded


def test_a_batch_without_jobs_is_done_at_once():
    """And nothing else failed."""
    outcome = run(FakeSubmitter())

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
    """Without a run, nothing was measured."""
    iteration = Iteration(0, 0, "a/0", timedelta(0), TASK)

    assert IterationResult(iteration, "https://ps/t", runs, failure).succeeded is succeeded


def test_what_happens_is_told():
    """A line for each job, and the reason for the end of the batch."""
    told: List[str] = []
    run(FakeSubmitter(), {"enabled": False}, {"continue-if": {"script": "false"}}, {}, told=told)

    assert told == ["a: not enabled", "b: 1 iteration one after another", "b: continue-if ends the batch"]


def test_a_runner_needs_no_clock_of_the_machine():
    """Hours pass at once."""
    server = FakeSubmitter(3600)
    outcome = run(server, {"iterations": 20})

    assert outcome.end - outcome.start == timedelta(hours=20)
