"""The method ``run``, as far as it needs no server: its input, and how deep batches may be nested."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from pscheduler_batch.http.response import Reply
from pscheduler_batch.planning.timeline import make_timeline
from pscheduler_batch.plugins.batch_plan import ENDING, canceling_time, needed_time, plan_given
from pscheduler_batch.plugins.methods import MethodError
from pscheduler_batch.plugins.nested_run import NESTED, is_canceled, level_of, marked_plan, read_assignment

IDLE = {"test": {"type": "idle", "spec": {"duration": "PT1S"}}}
INNER = {"test": {"type": "batch", "spec": {"batch": {"jobs": []}, "duration": "PT1M"}}}
GIVEN = {
    "schema": 1,
    "task-uuid": "f587be23-0000-4000-8000-000000000000",
    "schedule": {"start": "2026-11-27T19:45:12+00:00", "duration": "PT2M"},
    "test": {"type": "batch", "spec": {"batch": {"jobs": []}}},
    "participant": 0,
    "participant-data": [{}],
}


def plan_of(*tasks):
    """Return the plan of a batch with a job for each task."""
    return plan_given({"jobs": [{"task": task} for task in tasks]}, "batch").plan


def test_the_input_of_a_run_is_read():
    """It is as pScheduler writes it."""
    assignment = read_assignment(GIVEN)

    assert assignment.start == datetime(2026, 11, 27, 19, 45, 12, tzinfo=timezone.utc)
    assert assignment.end - assignment.start == timedelta(minutes=2)


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": None},
        {"schedule": {"start": "2026-11-27T19:45:12+00:00"}},
        {"schedule": {"start": "now", "duration": "PT2M"}},
        {"test": {"type": "rtt", "spec": {}}},
        {"test": {"type": "batch", "spec": {}}},
        {"test": {"type": "batch"}},
        {"task-uuid": 5},
    ],
)
def test_another_input_is_an_error(change):
    """The run then fails with the reason."""
    with pytest.raises(MethodError):
        read_assignment({**GIVEN, **change})


def task_of(level):
    """Return the task of a batch that a batch of some level submitted."""
    return {"reference": {NESTED: {"task": "x", "level": level}}}


@pytest.mark.parametrize(
    ("task", "plan", "level"),
    [
        ({}, plan_of(IDLE), 0),
        ({"reference": "the user's own"}, plan_of(INNER), 0),
        ({}, plan_of(INNER), 0),
        (task_of(1), plan_of(IDLE), 1),
        (None, plan_of(IDLE), 0),
    ],
)
def test_a_batch_may_be_in_a_batch(task, plan, level):
    """One level deep."""

    assert level_of(task, plan) == level


@pytest.mark.parametrize(
    ("task", "plan", "words"),
    [
        (task_of(1), plan_of(IDLE, INNER), "job-1/0: this batch is in a batch, and contains another one"),
        (task_of(2), plan_of(IDLE), "a batch in a batch in a batch"),
        (task_of("1"), plan_of(IDLE), "a batch in a batch in a batch"),
        (task_of(-1), plan_of(IDLE), "a batch in a batch in a batch"),
        (task_of(1.5), plan_of(IDLE), "a batch in a batch in a batch"),
        (None, plan_of(INNER), "whether it is itself in one could not be found out"),
    ],
)
def test_a_batch_may_not_be_deeper(task, plan, words):
    """A level that is unknown counts as too deep where it matters."""
    with pytest.raises(MethodError, match=words):
        level_of(task, plan)


def test_all_tasks_of_a_batch_are_marked_with_the_level_of_a_batch_in_them():
    """The mark that the task itself brings along counts for nothing."""
    lying = {**INNER, "reference": {"mine": 1, NESTED: {"level": -5}}}
    plan = marked_plan(plan_of(IDLE, lying), "uuid", 0)
    references = [job.iterations[0].task["reference"] for job in plan.jobs]

    assert references == [{NESTED: {"task": "uuid", "level": 1}}, {"mine": 1, NESTED: {"task": "uuid", "level": 1}}]


def test_a_reference_of_the_users_own_is_left_alone_unless_a_mark_is_needed():
    """Without the mark, batches could be nested without end."""
    plan = plan_of({**IDLE, "reference": "mine"})

    assert marked_plan(plan, "uuid", 0) == plan
    with pytest.raises(MethodError, match="job-0/0: the reference of a task that is a batch must be an object"):
        marked_plan(plan_of({**INNER, "reference": "mine"}), "uuid", 0)


@pytest.mark.parametrize(
    ("status", "body", "canceled"),
    [
        (404, "No such task", True),
        (200, json.dumps({"detail": {"enabled": False}}), True),
        (200, json.dumps({"detail": {"enabled": True}}), False),
        (200, json.dumps({}), False),
        (200, "[]", False),
        (200, "<html>", False),
        (500, "", False),
        (503, "", False),
    ],
)
def test_only_a_clear_answer_says_that_the_task_was_canceled(status, body, canceled):
    """A server that restarts answers anything."""

    assert is_canceled(Reply(status, {}, body.encode())) is canceled


@pytest.mark.parametrize("count", [1, 5, 60])
def test_the_planned_time_has_room_for_the_end(count):
    """What is left without the cancellation and the end is enough for the measurements and the servers."""
    plan = plan_given({"jobs": [{"iterations": count, "task": IDLE}]}, "batch").plan
    needed = needed_time(plan)

    assert needed - ENDING - canceling_time(needed) >= count * timedelta(seconds=2 + 6 + 1 + 10)


def test_the_planned_time_has_room_for_a_server_that_is_late():
    """A tool that is started 10 seconds late ends as late; the batch still needs time to fetch what it measured."""
    latency = {"test": {"type": "latencybg", "spec": {"dest": "ps.example.net", "duration": "PT3M"}}}
    plan = plan_given({"jobs": [{"iterations": 2, "parallel": True, "task": latency}]}, "batch").plan
    needed = needed_time(plan)

    assert needed - ENDING - canceling_time(needed) >= make_timeline(plan).total + timedelta(seconds=10 + 10 + 5)
