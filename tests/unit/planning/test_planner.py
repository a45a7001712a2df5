"""Tests of the planner: iterations with their tasks, labels and delays (ADR 8, 9, 10, 11 and 21)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Dict, List, Union

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.model import Plan
from pscheduler_batch.planning.planner import (
    DEFAULT_MAX_ITERATIONS,
    begin_job,
    describe_job,
    plan_batch,
    scheduled_task,
    start_delays,
    synchronized_start,
)
from pscheduler_batch.transforms.pipeline import Transforms
from tests.support.clock import NOON

TASK = {"test": {"type": "rtt", "spec": {"dest": "ps.example.net"}}}
POSTED = {**TASK, "schedule": {}}


def make_plan(batch: Union[str, Dict[str, Any]], limit: int = DEFAULT_MAX_ITERATIONS) -> Plan:
    """Plan a batch."""
    loaded = load_batch(batch, source="batch.json")
    return plan_batch(loaded, Transforms(loaded), max_iterations=limit)


def plan_jobs(*jobs: Dict[str, Any], **pairs: Any) -> Plan:
    """Plan a batch of some jobs, all of which have the same task unless they say otherwise."""
    return make_plan({"schema": 3, "jobs": [{"task": TASK, **job} for job in jobs], **pairs})


def tasks_of(plan: Plan, job: int = 0) -> List[Any]:
    """The tasks of a job."""
    return [iteration.task for iteration in plan.jobs[job].iterations]


def test_a_job_has_its_iterations_in_order():
    """Numbers are from 0, and labels say job and number."""
    plan = plan_jobs({"label": "a", "iterations": 2}, {"iterations": 1})

    assert [(i.job, i.number, i.label, i.task) for job in plan.jobs for i in job.iterations] == [
        (0, 0, "a/0", POSTED),
        (0, 1, "a/1", POSTED),
        (1, 0, "job-1/0", POSTED),
    ]


def test_one_iteration_is_enough():
    """Where the job does not say how many."""

    assert len(tasks_of(plan_jobs({}))) == 1


def test_labels_may_repeat():
    """Batch files in use do so."""
    plan = plan_jobs({"label": "a"}, {"label": "a"})

    assert [len(job.iterations) for job in plan.jobs] == [1, 1]


def test_parallel_iterations_wait_for_multiples_of_the_backoff():
    """None, one, two … (document, "backoff")."""
    (job,) = plan_jobs({"iterations": 3, "parallel": True, "backoff": "PT1M30S"}).jobs

    assert [i.delay.total_seconds() for i in job.iterations] == [0, 90, 180]


def test_serial_iterations_ignore_the_backoff():
    """ADR 9."""
    (job,) = plan_jobs({"iterations": 3, "backoff": "PT1M30S"}).jobs

    assert {i.delay for i in job.iterations} == {timedelta(0)}


def test_delays_are_told_for_any_number_of_iterations():
    """Fractions of seconds are kept."""

    assert start_delays(3, timedelta(seconds=0.5), parallel=True)[2] == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("pairs", "seconds"),
    [
        ({"parallel": True}, 15),
        ({"parallel": True, "backoff": "PT10S"}, 45),
        ({"parallel": True, "backoff": "PT10S", "setup-time": "PT1M"}, 90),
        ({"parallel": True, "sync-start": True, "setup-time": "PT0S"}, 0),
        ({"parallel": True, "setup-time": "PT0.2S"}, 1),
    ],
)
def test_a_synchronized_start_is_worked_out_when_the_job_begins(pairs, seconds):
    """Now + iterations x backoff + setup-time, in whole seconds and never earlier (ADR 10)."""
    begun = begin_job(plan_jobs({"iterations": 3, **pairs}).jobs[0], NOON)

    assert begun.start == NOON + timedelta(seconds=seconds)
    assert {i.task["schedule"]["start"] for i in begun.iterations} == {begun.start.isoformat()}


@pytest.mark.parametrize(
    "pairs",
    [{}, {"sync-start": True}, {"parallel": True, "sync-start": False}, {"parallel": False, "setup-time": "PT1M"}],
)
def test_other_jobs_have_no_synchronized_start(pairs):
    """Serial jobs never (ADR 9), parallel ones unless told not to."""
    plan = plan_jobs({"iterations": 2, **pairs}).jobs[0]

    assert begin_job(plan, NOON) is plan
    assert synchronized_start(NOON, plan.job, 2) is None


def test_a_start_between_seconds_is_moved_to_the_next_one():
    """There are whole seconds only in pScheduler, and a start must not be too early."""
    plan = plan_jobs({"parallel": True}).jobs[0]

    assert begin_job(plan, NOON.replace(microsecond=1)).start == NOON + timedelta(seconds=16)


def test_beginning_a_job_leaves_its_plan_as_it_was():
    """A plan can be run again."""
    plan = plan_jobs({"parallel": True}).jobs[0]
    begin_job(plan, NOON)

    assert plan.iterations[0].task == POSTED


def test_the_schedule_of_a_task_loses_what_the_batch_decides():
    """When and how often (ADR 11); slip, sliprand and what else is there stay."""
    dropped = {"start": "PT1M", "repeat": "PT1H", "repeat-cron": "* * * * *", "until": "P1D", "max-runs": 3}
    kept = {"schema": 2, "slip": "PT5M", "sliprand": True}
    task = {**TASK, "schema": 1, "schedule": {**kept, **dropped}}

    assert tasks_of(plan_jobs({"task": task})) == [{**task, "schedule": kept}]


def test_a_transform_cannot_bring_a_start_back():
    """The schedule is settled after the last transform."""
    script = {"script": '.schedule = {start: "PT1M", slip: "PT2M"}'}

    assert tasks_of(plan_jobs({"task-transform": script})) == [{**TASK, "schedule": {"slip": "PT2M"}}]


def test_scheduling_a_task_leaves_it_as_it_was():
    """Tasks are shared between iterations."""
    task = {"test": {}, "schedule": {"start": "PT1M"}}
    scheduled_task(task, NOON)

    assert task == {"test": {}, "schedule": {"start": "PT1M"}}


def test_an_array_of_tasks_is_one_task_for_each_iteration():
    """Its length replaces iterations (later schemas)."""
    tasks = [{**TASK, "reference": number} for number in range(3)]

    assert [task["reference"] for task in tasks_of(plan_jobs({"task": tasks, "iterations": 7}))] == [0, 1, 2]


def test_each_task_of_an_array_is_transformed():
    """With the number of its iteration."""
    tasks = [{**TASK, "reference": number} for number in (5, 6)]
    plan = plan_jobs({"task": tasks, "task-transform": {"script": ".reference += 10 * $iteration"}})

    assert [task["reference"] for task in tasks_of(plan)] == [5, 16]


def test_iterations_may_come_from_a_script():
    """Schema 3."""
    plan = plan_jobs({"iterations": {"script": "$global.n + 1"}}, **{"global": {"data": {"n": 2}}})

    assert len(tasks_of(plan)) == 3


def test_disabled_jobs_have_no_iterations():
    """Their mistakes do not matter, nor does their number of iterations."""
    plan = plan_jobs({"enabled": False, "task": {}, "iterations": 10**9, "task-transform": {"script": "foo"}}, {})

    assert [len(job.iterations) for job in plan.jobs] == [0, 1]


def test_the_example_of_the_document_gets_its_tasks():
    """An empty test is filled from the reference, a comment inside the task is gone."""
    tests = [{"type": "latencybg", "spec": {"dest": "a"}}, {"type": "throughput", "spec": {"dest": "a"}}]
    job = {
        "iterations": 2,
        "parallel": True,
        "backoff": "PT1M",
        "task": {"reference": {"tests": tests}, "#": "This is intentionally empty:", "test": {}},
        "task-transform": {"script": ["# Replace", ".test = .reference.tests[$iteration]"]},
    }

    assert tasks_of(plan_jobs(job)) == [{"reference": {"tests": tests}, "test": test, "schedule": {}} for test in tests]


def test_the_first_example_of_the_document_counts():
    """5, 10, 15, 20 and 25 pings."""
    script = {"script": [".test.spec.count = ($iteration + 1) * 5"]}
    counts = [t["test"]["spec"]["count"] for t in tasks_of(plan_jobs({"iterations": 5, "task-transform": script}))]

    assert counts == [5, 10, 15, 20, 25]
    assert all(isinstance(count, int) for count in counts)


def test_planning_says_that_backoff_does_not_space_starts():
    """ADR 10."""

    assert any(
        "sync-start" in line.reason
        for line in plan_jobs({"iterations": 2, "parallel": True, "backoff": "PT1M"}).warnings
    )


def test_a_batch_may_have_as_many_iterations_as_are_allowed():
    """The limit itself is allowed."""

    assert len(make_plan({"jobs": [{"task": TASK, "iterations": 5}]}, 5).jobs[0].iterations) == 5


def test_waits_that_do_nothing_are_not_refused():
    """In a serial job (ADR 9)."""

    assert len(tasks_of(plan_jobs({"backoff": "P99999999D", "setup-time": "P99999999D"}))) == 1


def test_a_task_is_checked_after_its_transforms():
    """It may be incomplete before (ADR 8)."""
    script = {"script": ".test = $task.reference | del(.reference)"}

    assert tasks_of(plan_jobs({"task": {"reference": TASK["test"]}, "task-transform": script})) == [POSTED]


def test_numbers_survive_where_no_transform_applies():
    """ADR 21."""
    task = {**TASK, "reference": 2**70 + 1}

    assert tasks_of(plan_jobs({"task": task}))[0]["reference"] == 2**70 + 1


@pytest.mark.parametrize(
    ("job", "common"),
    [
        ({"task": {**TASK, "reference": 2**53 + 1}, "task-transform": {"script": "."}}, {}),
        ({"task-transform": {"script": ".reference = $n", "args": {"n": 2**53 + 1}}}, {}),
        ({"task-transform": {"script": ".reference = $global"}}, {"data": 2**53 + 1}),
        (
            {"iterations": 5, "task-transform": {"script": "if $iteration == 4 then .reference = $global else . end"}},
            {"data": 2**53 + 1},
        ),
        ({"task": [TASK, {**TASK, "reference": 2**53 + 1}], "task-transform": {"script": "."}}, {}),
    ],
)
def test_a_number_that_a_transform_changed_is_told(job, common):
    """Wherever it came from, and in whichever iteration (ADR 21)."""
    warnings = plan_jobs(job, **{"global": common}).warnings

    assert [w.where for w in warnings if "9007199254740993 to 9007199254740992" in w.reason] == ["/jobs/0"]


def test_a_number_that_all_iterations_change_is_told_once():
    """A thousand lines would say no more."""
    job = {"task": {**TASK, "reference": 2**53 + 1}, "iterations": 50, "task-transform": {"script": "."}}

    assert len(plan_jobs(job).warnings) == 1


def test_a_secret_number_that_a_transform_changed_is_not_told():
    """Names that begin with _ hold secrets (ADR 18)."""
    job = {"task": {**TASK, "_key": str(2**53 + 1), "reference": {"_n": 2**53 + 1}}, "task-transform": {"script": "."}}
    (warning,) = plan_jobs(job).warnings

    assert "90071992547409" not in str(warning)


def test_what_is_done_to_a_plan_is_not_done_to_the_batch():
    """The results contain the tasks, and callers may change them."""
    batch = load_batch({"jobs": [{"task": TASK}]})
    plan = plan_batch(batch, Transforms(batch))
    tasks_of(plan)[0]["test"]["spec"]["dest"] = "changed"

    assert plan_batch(batch, Transforms(batch)).jobs[0].iterations[0].task == POSTED


def test_a_hundred_thousand_equal_tasks_are_one():
    """Neither time nor memory depend on how many iterations share a task."""
    tasks = tasks_of(plan_jobs({"iterations": 100_000}))

    assert len({id(task) for task in tasks}) == 1


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ({}, "a: 1 iteration one after another"),
        ({"iterations": 2}, "a: 2 iterations one after another"),
        ({"iterations": 2, "parallel": True}, "a: 2 iterations in parallel"),
        ({"iterations": 2, "parallel": True, "backoff": "PT5S"}, "a: 2 iterations in parallel, submitted PT5S apart"),
    ],
)
def test_a_job_is_described_in_a_line(pairs, words):
    """For those who watch."""

    assert describe_job(plan_jobs({"label": "a", **pairs}).jobs[0]) == words


def test_a_job_that_has_begun_says_when_it_starts():
    """Where it has a synchronized start."""
    plan = replace(plan_jobs({"label": "a", "parallel": True}).jobs[0], start=NOON)

    assert describe_job(plan) == "a: 1 iteration in parallel, all starting at 2026-03-01T12:00:00+00:00"
