"""Nulls where a test expects a host."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import render_text
from pscheduler_batch.planning.null_hosts import find_null_hosts
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms

HOSTS = {"data": {"hosts": ["a.example.net", "b.example.net"]}}
ONE_TOO_MANY = {
    "label": "sweep",
    "iterations": 3,
    "task": {"test": {"type": "rtt", "spec": {}}},
    "task-transform": {"script": ".test.spec.dest = $global.hosts[$iteration]"},
}


def batch_of(*jobs):
    """Write a batch of some jobs over two hosts."""
    return json.dumps({"global": HOSTS, "jobs": jobs}).encode()


def warnings_of(*jobs):
    """Check a batch, which has no errors."""
    checked = check_batch(batch_of(*jobs), source="a.json")

    assert checked.valid
    return checked.warnings


def test_an_iteration_too_many_is_reported_with_iteration_and_transform():
    """Jq returns null beyond the end of an array, which would be a test without a destination."""
    (warning,) = warnings_of(ONE_TOO_MANY)

    assert (warning.where, warning.during) == ("/jobs/0/task/test/spec/dest", 'iteration 2 of "sweep"')
    assert warning.reason == 'found null, expected a host for "rtt" (introduced by /jobs/0/task-transform)'
    assert warning.change is not None
    assert warning.change.transform == "/jobs/0/task-transform"
    assert ": warning: " in render_text(check_batch(batch_of(ONE_TOO_MANY), source="a.json"))


def test_a_plan_has_the_warning_too():
    """It is printed by --plan."""
    batch = load_batch(batch_of(ONE_TOO_MANY))

    assert [warning.during for warning in plan_batch(batch, Transforms(batch)).warnings] == ['iteration 2 of "sweep"']


def test_many_iterations_get_one_warning():
    """With their number."""
    (warning,) = warnings_of({**ONE_TOO_MANY, "iterations": 1002})

    assert (warning.severity, warning.during) == ("warning", 'iteration 2 of "sweep" and 999 more')


def test_a_null_in_the_input_is_reported_without_a_transform():
    """In a single task and in an array, and if the transforms do not change it."""
    task = {"test": {"type": "rtt", "spec": {"source": None, "dest": "a.example.net"}}}
    found = warnings_of({"task": task}, {"task": [task]}, {"task": task, "task-transform": {"script": "."}})

    assert [warning.where for warning in found] == [
        "/jobs/0/task/test/spec/source",
        "/jobs/1/task/0/test/spec/source",
        "/jobs/2/task/test/spec/source",
    ]
    assert [warning.change for warning in found] == [None, None, None]
    assert found[2].reason.endswith("(already wrong in the input; no transform changed it)")


@pytest.mark.parametrize(
    "task",
    [
        None,
        {"test": {"type": "rtt", "spec": {"dest": "a.example.net", "count": None}}},
        {"test": {"type": "mine", "spec": {"dest": None}}},
        {"test": {"type": None, "spec": {"dest": None}}},
        {"test": {"type": "rtt", "spec": None}},
        {"test": None},
    ],
)
def test_other_nulls_and_unknown_tests_are_not_reported(task):
    """What they mean is for servers to decide."""
    assert find_null_hosts(task) == []


def test_a_url_is_expected_as_such():
    """The http test has one instead of a destination."""
    (warning,) = find_null_hosts({"test": {"type": "http", "spec": {"url": None}}})

    assert warning.reason == 'found null, expected a URL for "http"'


def test_hundreds_of_different_warnings_are_summarized_as_a_warning():
    """They do not make the batch wrong."""
    tasks = [{"test": {"type": "rtt", "spec": {"dest": None}}}] * 200
    found = warnings_of({"label": "many", "task": tasks, "task-transform": {"script": "."}})

    assert len(found) < 100
    assert [warning.during for warning in found if warning.reason == "further problems here"] == [
        'iteration 50 of "many" and 149 more'
    ]
