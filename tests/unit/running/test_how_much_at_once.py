"""Tests of limits of parallel iterations, and of stopping at a failure (ADR 72)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.parallel_limit import limit_parallel
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.timeline import make_timeline
from pscheduler_batch.running.retries import Retries
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.submitter import TASK, FakeSubmitter, fail, labels, lose, results_of, run, succeed


def begins(server):
    """Return when which iteration was submitted."""
    return [(time, label) for time, what, label in server.events if what == "begin"]


def plan_of(most, *jobs):
    """Plan jobs with a limit."""
    batch = load_batch({"jobs": [{"label": "abc"[n], "task": TASK, **job} for n, job in enumerate(jobs)]})
    return limit_parallel(batch, plan_batch(batch, Transforms(batch)), most)


def test_iterations_wait_until_others_are_over():
    """In their order, whatever the others take."""
    server = FakeSubmitter(5, 1, 1, 1)
    outcome = run(server, {"iterations": 5, "parallel": True}, max_parallel=2)

    assert begins(server) == [(0, "a/0"), (0, "a/1"), (1, "a/2"), (2, "a/3"), (3, "a/4")]
    assert labels(outcome, 0) == ["a/0", "a/1", "a/2", "a/3", "a/4"]


def test_a_run_that_is_over_makes_room_while_its_results_are_fetched():
    """Its path is free."""
    server = FakeSubmitter(2)
    server.fetching = 10
    run(server, {"iterations": 2, "parallel": True}, max_parallel=1)

    assert begins(server) == [(0, "a/0"), (2, "a/1")]


@pytest.mark.parametrize("end", [fail, lambda _: 1 / 0])
def test_a_failure_makes_room_too(end):
    """Even a bug."""
    server = FakeSubmitter(1)
    server.otherwise = end
    run(server, {"iterations": 3, "parallel": True}, max_parallel=1)

    assert begins(server) == [(0, "a/0"), (1, "a/1"), (2, "a/2")]


def test_a_backoff_holds_as_well():
    """Whichever is longer."""
    server = FakeSubmitter(5)
    run(server, {"iterations": 3, "parallel": True, "sync-start": False, "backoff": "PT3S"}, max_parallel=2)

    assert begins(server) == [(0, "a/0"), (3, "a/1"), (6, "a/2")]


def test_a_job_with_more_iterations_is_not_synchronized():
    """There is a warning, unless the file says so; smaller and serial jobs stay as they are."""
    large, small = {"iterations": 3, "parallel": True}, {"iterations": 2, "parallel": True}
    plan = plan_of(2, large, small, {"iterations": 9})
    silent = plan_of(2, {**large, "sync-start": False})

    assert [(each.job.at_once, each.job.sync_start) for each in plan.jobs] == [(2, False), (None, True), (None, False)]
    (warning,) = plan.warnings
    assert warning.where == "/jobs/0"
    assert "its 3 iterations do not start together, as at most 2 may be under way at once" in str(warning)
    assert (silent.warnings, silent.jobs[0].job.at_once) == ((), 2)


def test_a_plan_shows_the_iterations_that_wait():
    """Each takes the place of the one that ends first."""
    (job,) = make_timeline(plan_of(2, {"iterations": 4, "parallel": True})).jobs
    first, second, third, fourth = job.iterations

    assert (first.posted, second.posted) == (timedelta(0), timedelta(0))
    assert (third.posted, fourth.posted) == (first.ends, second.ends)


def test_nothing_is_submitted_after_a_failure():
    """The rest of the job and all later jobs are skipped, and no continue-if is asked."""
    server = FakeSubmitter(1)
    server.fetching = 5
    server.behaviour = {"a/1": fail}
    jobs = (
        {"iterations": 4, "continue-if": {"script": "error"}},
        {"iterations": 2, "parallel": True},
        {"enabled": False},
    )
    outcome = run(server, *jobs, stop_on_failure=True)

    assert server.begun == ["a/0", "a/1"]
    assert outcome.error is None
    assert not outcome.succeeded
    skipped = [[result.get("skipped", False) for result in results_of(outcome, job)] for job in range(3)]
    assert skipped == [[False, False, True, True], [True, True], []]
    assert results_of(outcome, 1)[1]["error"] == "not submitted, because a/1 failed"
    assert results_of(outcome, 1)[1]["succeeded"] is False


def test_what_was_submitted_before_is_measured():
    """With a limit, others are not submitted any more."""
    server = FakeSubmitter(4, 1)
    server.behaviour = {"a/1": fail}
    outcome = run(server, {"iterations": 5, "parallel": True}, max_parallel=2, stop_on_failure=True)

    assert server.begun == ["a/0", "a/1"]
    assert results_of(outcome, 0)[0]["runs"][0]["text/plain"] == "a/0"
    assert [result.get("skipped", False) for result in results_of(outcome, 0)] == [False, False, True, True, True]


def test_an_iteration_that_is_submitted_again_has_not_failed_yet():
    """Only its last attempt counts."""
    server = FakeSubmitter(1)
    server.behaviour = {"a/0": lambda iteration: lose(iteration) if iteration.attempt == 1 else succeed(iteration)}
    outcome = run(server, {"iterations": 2}, {}, stop_on_failure=True, retries=Retries(1))

    assert server.begun == ["a/0", "a/1", "a/0", "b/0"]
    assert outcome.succeeded
