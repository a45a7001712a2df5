"""Tests of how long tasks are known to take."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.iso8601 import LONGEST
from pscheduler_batch.scheduler.tasks import Length, known_length, slip_of


def seconds(number: float) -> Length:
    """A test that takes so many seconds."""
    return Length(timedelta(seconds=number))


def up_to(number: float) -> Length:
    """A test that takes so many seconds at most."""
    return Length(timedelta(seconds=number), at_most=True)


KNOWN = [
    ("idle", {"duration": "PT5S"}, seconds(5)),
    ("idleex", {"duration": "PT1M"}, seconds(60)),
    ("idlebgm", {"duration": "PT40S", "interval": "PT5S"}, seconds(40)),
    ("throughput", {"dest": "a"}, seconds(10)),
    ("throughput", {"dest": "a", "duration": "PT3S", "omit": "PT2S"}, seconds(5)),
    ("latency", {"dest": "a"}, seconds(10)),
    ("latency", {"dest": "a", "packet-count": 600, "packet-interval": 0.5}, seconds(300)),
    ("latencybg", {"dest": "a"}, seconds(86400)),
    ("latencybg", {"dest": "a", "duration": "PT3M"}, seconds(180)),
    ("rtt", {"dest": "a"}, seconds(5)),
    ("rtt", {"dest": "a", "count": 20, "interval": "PT0.5S"}, seconds(10)),
    ("rtt", {"dest": "a", "count": 20, "deadline": "PT7S"}, seconds(7)),
    ("noop", {"data": {}}, seconds(1)),
    ("dns", {"query": "a"}, up_to(5)),
    ("http", {"url": "https://a/", "timeout": "PT1M"}, up_to(60)),
    ("clock", {"dest": "a", "timeout": "PT2S"}, up_to(2)),
    ("simplestream", {"dest": "a", "dawdle": "PT3S"}, up_to(8)),
]


@pytest.mark.parametrize(("kind", "spec", "length"), KNOWN)
def test_the_specification_says_how_long(kind, spec, length):
    """Where it does not, the test's default counts."""

    assert known_length({"test": {"type": kind, "spec": spec}}) == length


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("trace", {"dest": "a"}),
        ("no-such-test", {"duration": "PT5S"}),
        ("idle", {}),
        ("idle", {"duration": 5}),
        ("idle", {"duration": None}),
        ("idle", {"duration": "five seconds"}),
        ("idle", {"duration": "P1M"}),
        ("idle", {"duration": "P9999999W"}),
        ("idle", {"duration": f"PT{'9' * 5000}S"}),
        ("rtt", {"count": "5"}),
        ("rtt", {"count": True}),
        ("rtt", {"count": -1}),
        ("rtt", {"count": [5]}),
        ("rtt", {"count": 10**400}),
        ("rtt", {"count": 1e300}),
        ("rtt", {"count": 5, "deadline": 3}),
        ("latency", {"packet-count": 10**18, "packet-interval": 10.0**18}),
        ("latency", {"packet-interval": float("nan")}),
        ("latency", {"packet-interval": float("inf")}),
        ("dns", {"timeout": {}}),
    ],
)
def test_what_is_not_known_is_not_guessed(kind, spec):
    """A wrong type or an impossible number gives nothing, and never an exception."""

    assert known_length({"test": {"type": kind, "spec": spec}}) is None


@pytest.mark.parametrize(
    "task", [{}, {"test": None}, {"test": []}, {"test": {"type": "idle"}}, {"test": {"type": [], "spec": {}}}]
)
def test_what_is_no_task_has_no_length(task):
    """Whatever a transform has made of it."""

    assert known_length(task) is None


def test_the_longest_length_is_ten_years():
    """One second more is not believed."""
    longest, longer = ({"test": {"type": "idle", "spec": {"duration": f"P3650D{rest}"}}} for rest in ("", "T1S"))

    assert (known_length(longest), known_length(longer)) == (Length(LONGEST), None)


def test_a_length_at_most_may_be_none():
    """An answer may come at once."""

    assert (up_to(5).least, seconds(5).least) == (timedelta(0), timedelta(seconds=5))


@pytest.mark.parametrize(
    ("task", "slip"),
    [
        ({"schedule": {"slip": "PT5M", "start": "PT1H"}}, timedelta(minutes=5)),
        ({"schedule": {}}, timedelta(0)),
        ({}, timedelta(0)),
        ({"schedule": None}, timedelta(0)),
        ({"schedule": {"slip": 5}}, timedelta(0)),
        ({"schedule": {"slip": "P1Y"}}, timedelta(0)),
        ({"schedule": {"slip": "P99999D"}}, LONGEST),
    ],
)
def test_the_slip_is_read_from_the_schedule(task, slip):
    """Where there is none, or none that can be read, a task does not slip."""

    assert slip_of(task) == slip
