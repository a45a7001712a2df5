"""Tests of limits of parallel iterations, and of stopping at a failure (ADR 72)."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from pscheduler_batch.events import RetriesBegan
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.journal.journal import FileJournal
from pscheduler_batch.planning.parallel_limit import limit_parallel
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.random_order import shuffle_serial
from pscheduler_batch.planning.timeline import make_timeline
from pscheduler_batch.running.retries import Retries
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import NOON
from tests.support.journals import IDENTITY
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


def test_nothing_is_waited_for_by_what_is_skipped():
    """Neither for a backoff nor for its turn."""
    server = FakeSubmitter(1)
    server.behaviour = {"a/0": fail}
    job = {"iterations": 4, "parallel": True, "sync-start": False, "backoff": "PT1H"}
    outcome = run(server, job, {"iterations": 2}, stop_on_failure=True)

    assert server.begun == ["a/0"]
    assert outcome.end - outcome.start == timedelta(seconds=1)
    assert [result.get("skipped") for job in range(2) for result in results_of(outcome, job)] == [None, *[True] * 5]


def test_what_has_been_measured_once_is_not_skipped_but_has_failed():
    """Another attempt is not made, nor waited for; the first one is in the output."""
    server, events = FakeSubmitter(1, 2), []
    server.behaviour = {"a/0": lose, "a/1": fail}
    job = {"iterations": 2, "parallel": True}
    outcome = run(server, job, stop_on_failure=True, retries=Retries(3), watch=events.append)

    (result, _) = results_of(outcome, 0)
    assert (result["error"], result.get("skipped")) == ("not submitted again, because a/1 failed", None)
    assert [attempt["error"] for attempt in result["attempts"]] == ["no answer"]
    assert outcome.end - outcome.start == server.time.now() - NOON == timedelta(seconds=2)
    assert not any(isinstance(event, RetriesBegan) for event in events)


def run_with_journal(path, server, *jobs, **options):
    """Start a batch, or resume it."""
    opening = FileJournal.resume if path.exists() else FileJournal.begin
    with closing(opening(str(path), IDENTITY, lambda: NOON)) as journal:
        return run(server, *jobs, journal=journal, **options)


def test_a_batch_of_which_nothing_was_skipped_is_complete(tmp_path):
    """Its end is recorded, as its last iteration was the first to fail."""
    server, again = FakeSubmitter(1), FakeSubmitter(1)
    server.behaviour = {"a/1": fail}
    first = run_with_journal(tmp_path / "journal", server, {"iterations": 2}, stop_on_failure=True)
    resumed = run_with_journal(tmp_path / "journal", again, {"iterations": 2}, stop_on_failure=True)

    assert again.begun == []
    assert (resumed.start, resumed.end) == (first.start, first.end)


def test_what_an_earlier_continue_if_has_ended_is_not_skipped(tmp_path):
    """The option does not change how a batch has ended."""
    server, again = FakeSubmitter(1), FakeSubmitter(1)
    server.behaviour = {"a/0": fail}
    jobs = {"continue-if": {"script": "false"}}, {}
    first = run_with_journal(tmp_path / "journal", server, *jobs)
    resumed = run_with_journal(tmp_path / "journal", again, *jobs, stop_on_failure=True)

    assert [results_of(outcome, 1) for outcome in (first, resumed)] == [[], []]
    assert (resumed.end, again.begun) == (first.end, [])


def test_a_limit_keeps_the_seed_of_a_plan():
    """Whichever comes first."""
    batch = load_batch({"jobs": [{"task": TASK, "iterations": 3}]})
    plan = shuffle_serial(plan_batch(batch, Transforms(batch)), 7)

    assert limit_parallel(batch, plan, 1).seed == 7
