"""Tests of continue-if between jobs (ADR 16)."""

from __future__ import annotations

from typing import Iterable, List

import pytest

from pscheduler_batch.errors import TransformError
from tests.support.submitter import FakeSubmitter, fail, labels, run


def test_continue_if_is_given_what_was_fetched_last():
    """Of serial and of parallel iterations."""
    seen: List[int] = []

    async def judge(_: object, results: Iterable[str]) -> bool:
        seen.append(len(list(results)))
        return True

    server = FakeSubmitter(1)
    server.fetching = 4
    run(server, {"iterations": 3}, {"iterations": 2}, judge=judge)

    assert seen == [3, 2]


def test_continue_if_true_goes_on():
    """It is given the results as in the output."""
    script = '.[0].runs[0]."application/json".succeeded and (.[0].task.test.type == "idle") and length == 2'
    outcome = run(FakeSubmitter(), {"iterations": 2, "continue-if": {"script": script}}, {})

    assert (outcome.results.jobs, outcome.error) == ((0, 1), None)


def test_continue_if_false_ends_the_batch_in_good_order():
    """No later job is run (ADR 16)."""
    server = FakeSubmitter()
    outcome = run(server, {}, {"continue-if": {"script": "false"}}, {}, {})

    assert (outcome.results.jobs, outcome.error, outcome.succeeded) == ((0, 1), None, True)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("null", "expected true or false"),
        ("empty", "nothing"),
        ('error("why")', "why"),
        ('"true"', "expected true or false"),
    ],
)
def test_continue_if_that_fails_ends_the_batch(script, said):
    """With everything obtained until then (ADR 16)."""
    outcome = run(FakeSubmitter(), {}, {"continue-if": {"script": script}}, {})

    assert labels(outcome, 1) == ["b/0"]
    assert 2 not in outcome.results.jobs
    assert isinstance(outcome.error, TransformError)
    assert str(outcome.error).startswith('At /jobs/1/continue-if, after "b": ')
    assert said in str(outcome.error)


def test_continue_if_sees_failures():
    """A batch may stop after a job with failures."""
    server = FakeSubmitter()
    server.behaviour["a/0"] = fail
    outcome = run(server, {"continue-if": {"script": ".[0].succeeded != false"}}, {})

    assert outcome.results.jobs == (0,)


def test_continue_if_of_the_last_job_counts():
    """An error in it is an error, although no job follows."""

    assert run(FakeSubmitter(), {"continue-if": {"script": "3"}}).error is not None
