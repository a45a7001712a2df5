"""Warnings about the specs of tests that pScheduler ships."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.planning.check import check_batch
from pscheduler_batch.planning.check_result import render_text
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.planning.spec_warnings import find_spec_warnings
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
    assert (
        warning.reason
        == "found null, expected a host name or an address, as a string (introduced by /jobs/0/task-transform)"
    )
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
        {"test": {"type": "mine", "spec": {"dest": None}}},
        {"test": {"type": "rtts", "spec": {"dest": None}}},
        {"test": {"type": "rtt", "spec": {"dest": "a", "ttl": 255, "interval": "PT0S"}}},
        {"test": {"type": None, "spec": {"dest": None}}},
        {"test": {"type": "rtt", "spec": None}},
        {"test": None},
    ],
)
def test_what_servers_may_accept_is_not_reported(task):
    """What they mean is for servers to decide."""
    assert find_spec_warnings(task) == []


def test_a_url_is_expected_as_such():
    """The http test has one instead of a destination."""
    (warning,) = find_spec_warnings({"test": {"type": "http", "spec": {"url": None}}})

    assert warning.reason == "found null, expected a URL, as a string"


@pytest.mark.parametrize(
    ("test", "spec", "where", "reason"),
    [
        ("rtt", {"dst": "a"}, "/test/spec/dst", 'the rtt spec has no pair "dst"; did you mean "dest"?'),
        ("rtt", {}, "/test/spec", 'required pair "dest" is missing'),
        ("rtt", {"dest": "a", "count": "5"}, "/test/spec/count", "; remove the quotes"),
        ("rtt", {"dest": "a", "count": 0}, "/test/spec/count", "found 0, expected a whole number of 1 or more"),
        ("rtt", {"dest": "a", "ttl": 300}, "/test/spec/ttl", "found 300, expected a whole number from 1 to 255"),
        ("Rtt", {"dst": "a"}, "/test/type", 'pScheduler has no test "Rtt"; did you mean "rtt"?'),
        ("IDLE ", {}, "/test/type", 'pScheduler has no test "IDLE "; did you mean "idle"?'),
        ("rtt", {"dest": "a", "interval": 2}, "/test/spec/interval", '; 2 seconds is "PT2S"'),
        (
            "rtt",
            {"dest": "a", "fragment": True},
            "/test/spec/fragment",
            'requires "schema": 3 or higher in the rtt spec',
        ),
        (
            "rtt",
            {"dest": "a", "protocol": "udp", "schema": 2},
            "/test/spec/protocol",
            'requires "schema": 4 in the rtt spec',
        ),
        (
            "rtt",
            {"dest": "a", "schema": "1"},
            "/test/spec/schema",
            "expected a version of the rtt spec format from 1 to 4",
        ),
        (
            "rtt",
            {"dest": "a", "schema": 9, "new": 1},
            "/test/spec/schema",
            "found 9; the highest version of the rtt spec",
        ),
        ("dns", {"query": "a", "record": "b"}, "/test/spec/record", 'expected "a", "aaaa", "ns", "cname"'),
        ("latency", {"dest": "a", "data-ports": {"lower": 1}}, "/test/spec/data-ports", '"upper" is missing'),
        ("idle", {"duration": "PT1S", "host": ["a"]}, "/test/spec/host", 'requires "schema": 2 in the idle spec'),
        ("idle", {"duration": "PT1S", "host-node": "a", "schema": 2}, "/test/spec/host-node", "has no pair"),
        (
            "clock",
            {"dest": "a", "source-node": "b"},
            "/test/spec/source-node",
            'requires "schema": 2 in the clock spec',
        ),
        ("latency", {"dest": "a", "bucket-width": 1}, "/test/spec/bucket-width", "above 0 and below 1"),
        ("rtt", {"dest": "a", "interval": "PT0,5S"}, "/test/spec/interval", "is not in the usual form"),
        ("http", {"url": "http://a", "schema": 4, "headers": {"a": 1}}, "/test/spec/headers/a", "expected a string"),
        ("throughput", {"dest": "a", "parallel": 2.5}, "/test/spec/parallel", "found 2.5, expected a whole number"),
        ("http", {"url": "a b"}, "/test/spec/url", "expected a URL"),
        ("snmpget", {"version": "2c", "dest": "a", "oid": [], "polls": 1}, "/test/spec/oid", "with at least one in it"),
    ],
)
def test_what_a_server_would_refuse_is_a_warning(test, spec, where, reason):
    """With the place, what was found and what is expected; a server may be newer, so it is no error."""
    (warning,) = find_spec_warnings({"test": {"type": test, "spec": spec}})

    assert (warning.severity, warning.where) == ("warning", where)
    assert reason in warning.reason


def test_secrets_in_a_spec_are_not_shown():
    """A value whose name begins with _ is not repeated."""
    spec = {"url": "http://a", "bucket": "b", "object-size": 1, "_access-key": 12345, "_secret-key": "x"}
    (warning,) = find_spec_warnings({"test": {"type": "s3throughput", "spec": spec}})

    assert warning.where == "/test/spec/_access-key"
    assert "12345" not in warning.reason


def test_tests_that_are_not_strict_accept_later_pairs():
    """The trace test takes a pair of version 2 in version 1."""
    assert find_spec_warnings({"test": {"type": "trace", "spec": {"dest": "a", "flow-label": 1}}}) == []


def test_hundreds_of_different_warnings_are_summarized_as_a_warning():
    """They do not make the batch wrong."""
    tasks = [{"test": {"type": "rtt", "spec": {"dest": None}}}] * 200
    found = warnings_of({"label": "many", "task": tasks, "task-transform": {"script": "."}})

    assert len(found) < 100
    assert [warning.during for warning in found if warning.reason == "further problems here"] == [
        'iteration 50 of "many" and 149 more'
    ]
