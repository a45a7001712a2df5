"""Tests of batches whose serial iterations are in random order (ADR 72)."""

from __future__ import annotations

from pscheduler_batch.events import BatchBegan
from pscheduler_batch.running.retries import Retries
from tests.support.submitter import FakeSubmitter, fail, labels, lose, results_of, run, succeed

ORDER = [f"a/{number}" for number in [5, 1, 6, 2, 3, 0, 7, 4]]


def test_iterations_are_submitted_in_random_order():
    """Results are in the order of iterations; events and the outcome have the order."""
    server, events = FakeSubmitter(1), []
    outcome = run(server, {"iterations": 8}, {"iterations": 3, "parallel": True}, seed=7, watch=events.append)

    assert server.begun == [*ORDER, "b/0", "b/1", "b/2"]
    assert labels(outcome, 0) == sorted(ORDER)
    assert outcome.order == {"seed": 7, "orders": [[int(label[2:]) for label in ORDER], None]}
    (began,) = (event for event in events if isinstance(event, BatchBegan))
    assert began.plan.seed == 7


def test_iterations_are_submitted_again_in_the_same_order():
    """After the others."""
    server = FakeSubmitter(1)
    server.otherwise = lambda iteration: lose(iteration) if iteration.attempt == 1 else succeed(iteration)
    server.behaviour = {ORDER[2]: succeed}
    outcome = run(server, {"iterations": 8}, seed=7, retries=Retries(1))

    assert server.begun == [*ORDER, *ORDER[:2], *ORDER[3:]]
    assert outcome.succeeded


def test_what_comes_later_in_the_order_is_skipped_after_a_failure():
    """Not what has a greater number."""
    server = FakeSubmitter(1)
    server.behaviour = {ORDER[3]: fail}
    outcome = run(server, {"iterations": 8}, seed=7, stop_on_failure=True)

    assert server.begun == ORDER[:4]
    skipped = [f"a/{number}" for number, result in enumerate(results_of(outcome, 0)) if result.get("skipped")]
    assert skipped == sorted(ORDER[4:])
