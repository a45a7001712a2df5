"""Tests of the random order of serial iterations (ADR 72)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pscheduler_batch.output.document import render_order, render_plan
from pscheduler_batch.planning.random_order import seed_of, shuffle_serial
from pscheduler_batch.planning.timeline import make_timeline
from pscheduler_batch.report.output_reader import ReportError, check_output
from tests.support.planning import idle, plan_jobs

SERIAL = {"iterations": 20, "task": idle("PT1S")}
PARALLEL = {"iterations": 3, "task": idle("PT1S"), "parallel": True}


def orders(seed, *jobs):
    """Return the numbers of the iterations of each job, in the order of the plan."""
    _, plan = plan_jobs(*jobs)
    return [[iteration.number for iteration in job.iterations] for job in shuffle_serial(plan, seed).jobs]


def test_serial_jobs_have_orders_of_their_own():
    """With all of their iterations; parallel jobs stay as they are, and all do without a seed."""
    first, second, third = orders(7, SERIAL, PARALLEL, SERIAL)

    assert sorted(first) == sorted(third) == list(range(20))
    assert len({tuple(first), tuple(third), tuple(range(20))}) == 3
    assert second == [0, 1, 2]
    assert orders(None, SERIAL) == [list(range(20))]


def test_a_seed_repeats_an_order():
    """Whatever other jobs have, in every version of Python; another seed makes another order."""
    assert orders(7, {**SERIAL, "iterations": 8}, PARALLEL, SERIAL)[2] == orders(7, SERIAL, PARALLEL, SERIAL)[2]
    assert orders(8, SERIAL) != orders(7, SERIAL)
    assert orders(7, {**SERIAL, "iterations": 8}) == [[5, 1, 6, 2, 3, 0, 7, 4]]


def test_every_iteration_can_be_anywhere():
    """Over many seeds, each is at each place about as often."""
    counts = [[0] * 4 for _ in range(4)]
    _, plan = plan_jobs({**SERIAL, "iterations": 4})
    for seed in range(1000):
        for place, iteration in enumerate(shuffle_serial(plan, seed).jobs[0].iterations):
            counts[place][iteration.number] += 1

    assert all(200 < count < 300 for places in counts for count in places)


def test_a_part_of_a_job_has_the_order_of_the_whole():
    """Its iterations keep their numbers."""
    _, plan = plan_jobs(SERIAL)
    part = replace(plan, jobs=(replace(plan.jobs[0], iterations=plan.jobs[0].iterations[12:17]),))
    order = [iteration.number for iteration in shuffle_serial(part, 7).jobs[0].iterations]

    assert order == [number for number in orders(7, SERIAL)[0] if 12 <= number < 17]


def test_an_order_can_be_replaced():
    """By that of another seed, as in a batch that is resumed."""
    _, plan = plan_jobs(SERIAL)

    assert shuffle_serial(shuffle_serial(plan, 8), 7) == shuffle_serial(plan, 7)


def test_a_seed_may_be_zero_or_one():
    """They are no truth values."""
    assert (seed_of(0), seed_of(1), seed_of(shuffle=False)) == (0, 1, None)
    assert len({seed_of(shuffle=True) for _ in range(20)}) > 1


def test_the_output_has_the_seed_and_the_orders():
    """Null for a job without a random order."""
    _, plan = plan_jobs(SERIAL, PARALLEL, {**SERIAL, "enabled": False})
    (order,) = orders(7, SERIAL)

    assert render_order(shuffle_serial(plan, 7)) == {"seed": 7, "orders": [order, None, None]}
    assert render_order(plan) == {}


def test_a_dry_run_has_the_order_and_is_no_output():
    """Its results are in the order of iterations."""
    batch, plan = plan_jobs({"iterations": 8, "task-transform": {"script": ".reference = {n: $iteration}"}})
    document = render_plan(batch, shuffle_serial(plan, 7))

    assert document["batch"] == {"shuffle": render_order(shuffle_serial(plan, 7))}
    assert [result["task"]["reference"]["n"] for result in document["jobs"][0]["results"]] == list(range(8))
    assert "batch" not in render_plan(batch, plan)
    with pytest.raises(ReportError, match="has not been run"):
        check_output(document)


def test_a_plan_has_the_times_of_the_order():
    """Each iteration is posted when the one before it in the order has ended."""
    _, plan = plan_jobs({**SERIAL, "iterations": 8})
    (job,) = make_timeline(shuffle_serial(plan, 7)).jobs

    assert [times.iteration.number for times in job.iterations] == orders(7, {**SERIAL, "iterations": 8})[0]
    assert [times.posted for times in job.iterations[1:]] == [times.ends for times in job.iterations[:-1]]
