"""Tests of finding what differs between the tasks of a job's iterations."""

from __future__ import annotations

from pscheduler_batch.planning.sweep import varied_values


def test_simple_values_that_differ():
    """At any depth."""
    tasks = [{"test": {"spec": {"a/b": [1, n], "same": "x"}}, "tool": None if n else "ping"} for n in (0, 1)]

    assert varied_values(tasks) == [
        {("test", "spec", "a/b", 1): 0, ("tool",): "ping"},
        {("test", "spec", "a/b", 1): 1, ("tool",): None},
    ]


def test_values_that_are_not_everywhere():
    """Each task has those that it contains."""

    assert varied_values([{"a": 1}, {"a": 1, "b": 2}, {}]) == [{("a",): 1}, {("a",): 1, ("b",): 2}, {}]


def test_true_is_not_one():
    """They are equal in Python, but not in JSON."""

    assert varied_values([{"a": 1}, {"a": True}]) == [{("a",): 1}, {("a",): True}]


def test_what_differs_in_every_batch_is_left_out():
    """The synchronized start and the mark say nothing about the measurement."""
    tasks = [{"schedule": {"start": str(n)}, "reference": {"pscheduler-batch": f"m{n}"}} for n in (0, 1)]

    assert varied_values(tasks) == [{}, {}]


def test_a_single_task_does_not_vary():
    """There is nothing that it could differ from."""

    assert varied_values([{"a": 1}]) == [{}]
    assert varied_values([]) == []


def test_tasks_of_any_shape():
    """Depth does not matter."""
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}

    assert varied_values([None, 5, [1], deep]) == [{}, {}, {(0,): 1}, {}]
