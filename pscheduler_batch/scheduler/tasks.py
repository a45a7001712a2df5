"""
What a task says about itself: how long it takes, its source and destination, its lead and its mark.

The length is that of the measurement alone. A server's tool needs some more, which differs: iperf3 announced 12 seconds
for a throughput test of 3 (recording m-thr-01-detail), sleep 6 for an idle test of 5 (recording d02). Nothing is known
about tests that are not in the table, nor about ``trace``, which takes as long as the path is silent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Callable, Mapping, Optional
from urllib.parse import urlsplit

from pscheduler_batch.iso8601 import LONGEST, parse_duration
from pscheduler_batch.model import JSON, JSONObject


@dataclass(frozen=True)
class Length:
    """
    How long a test takes.

    Attributes:
        span: How long.
        at_most: Whether it may be done sooner, like a test that waits for one answer until its timeout.
    """

    span: timedelta
    at_most: bool = False

    @property
    def least(self) -> timedelta:
        """The minimum."""
        return timedelta(0) if self.at_most else self.span


def known_length(task: JSONObject) -> Optional[Length]:
    """
    Return how long a task takes, if that is known.

    >>> known_length({"test": {"type": "rtt", "spec": {"dest": "ps.example.net", "count": 10}}})
    Length(span=datetime.timedelta(seconds=10), at_most=False)

    Args:
        task: Any task, with any errors in it.

    Returns:
        None if it is not known: the test is not in the table, a value of its specification that matters is of a wrong
        type, or it would take longer than ten years.
    """
    test = task.get("test")
    if not isinstance(test, Mapping) or not isinstance(test.get("spec"), Mapping):
        return None
    kind = test.get("type")
    measure = _LENGTHS.get(kind) if isinstance(kind, str) else None
    if measure is None:
        return None
    try:
        length = measure(test["spec"])
    except (ArithmeticError, TypeError, ValueError):
        return None
    return length if length.span <= LONGEST else None


def slip_of(task: JSONObject) -> timedelta:
    """
    Return how much later than requested a task may start, by the ``slip`` of its ``schedule``.

    ``start`` is ignored: the one of a task is dropped (ADR 11).

    >>> slip_of({"schedule": {"slip": "PT5M"}})
    datetime.timedelta(seconds=300)

    Returns:
        Zero if there is no slip, or an invalid one.
    """
    schedule = task.get("schedule")
    try:
        slip = _span(schedule, "slip", "P0D") if isinstance(schedule, Mapping) else timedelta(0)
    except (TypeError, ValueError):
        return timedelta(0)
    return min(slip, LONGEST)


def _span(spec: Mapping[str, JSON], name: str, default: Optional[str] = None) -> timedelta:
    """
    Return a duration.

    Raises:
        TypeError: It is not a string, or it is missing and has no default.
        ValueError: It is not a duration of a fixed length.
    """
    value = spec.get(name, default)
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a string")
    return parse_duration(value)


def _number(spec: Mapping[str, JSON], name: str, default: float) -> float:
    """
    Return a number that is not negative.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative, or not finite.
    """
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is not a number")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is not a count")
    return value


def _duration(spec: Mapping[str, JSON]) -> Length:
    return Length(_span(spec, "duration"))


def _timeout(spec: Mapping[str, JSON]) -> Length:
    """Return the timeout of a test that asks once; five seconds if it has none (recording f-dnsfail: 6 announced)."""
    return Length(_span(spec, "timeout", "PT5S"), at_most=True)


def _latency(spec: Mapping[str, JSON]) -> Length:
    return Length(timedelta(seconds=_number(spec, "packet-count", 100) * _number(spec, "packet-interval", 0.1)))


def _latencybg(spec: Mapping[str, JSON]) -> Length:
    return Length(_span(spec, "duration", "P1D"))


def _noop(_spec: Mapping[str, JSON]) -> Length:
    """Return the second that servers announce (recording j21)."""
    return Length(timedelta(seconds=1))


def _rtt(spec: Mapping[str, JSON]) -> Length:
    """Return the time for all packets, cut by the deadline."""
    whole = _number(spec, "count", 5) * _span(spec, "interval", "PT1S")
    return Length(min(whole, _span(spec, "deadline")) if "deadline" in spec else whole)


def _simplestream(spec: Mapping[str, JSON]) -> Length:
    """Return the maximum: it waits for a random part of ``dawdle``, and then for a connection."""
    return Length(_span(spec, "dawdle", "P0D") + _span(spec, "timeout", "PT5S"), at_most=True)


def _throughput(spec: Mapping[str, JSON]) -> Length:
    return Length(_span(spec, "duration", "PT10S") + _span(spec, "omit", "P0D"))


_LENGTHS: Mapping[str, Callable[[Mapping[str, JSON]], Length]] = {
    "batch": _duration,
    "clock": _timeout,
    "dns": _timeout,
    "http": _timeout,
    "idle": _duration,
    "idlebgm": _duration,
    "idleex": _duration,
    "latency": _latency,
    "latencybg": _latencybg,
    "noop": _noop,
    "rtt": _rtt,
    "simplestream": _simplestream,
    "throughput": _throughput,
}

# The names of the destination in the tests of pScheduler; the first one present counts. The ``host`` of tests like dns
# is where they run, so it comes last.
_NAMES = ("dest", "url", "nameserver", "query", "host")
# Those of the source; some tests have a host that takes part in the test apart from the address that is used.
_SOURCE_NAMES = ("source", "source-node")


def destination_of(spec: JSON) -> str:
    """
    Return the destination of a test; empty if its specification has none.

    >>> destination_of({"url": "https://www.example.net/index"}), destination_of({"duration": "PT1S"})
    ('www.example.net', '')

    Args:
        spec: The specification of any test, with any content.

    Returns:
        The text as it is, including secrets.
    """
    if not isinstance(spec, Mapping):
        return ""
    for name in _NAMES:
        value = spec.get(name)
        if isinstance(value, str) and value:
            return _host(value) if name == "url" else value
    return ""


def source_of(spec: JSON) -> str:
    """
    Return the source of a test; empty if its specification has none.

    >>> source_of({"source": "ps1.example.net", "dest": "ps2.example.net"}), source_of({"dest": "ps2.example.net"})
    ('ps1.example.net', '')

    Args:
        spec: The specification of any test, with any content.

    Returns:
        The text as it is, including secrets.
    """
    values = [spec.get(name) for name in _SOURCE_NAMES] if isinstance(spec, Mapping) else []
    return next((value for value in values if isinstance(value, str) and value), "")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


# The name of the mark in the reference.
MARK = "pscheduler-batch"


def marked_task(task: JSONObject, mark: str) -> Optional[JSONObject]:
    """
    Return a copy of a task with a mark.

    Returns:
        None if the task has a reference of the user's that is not an object.

    >>> marked_task({"test": {}, "reference": {"mine": 1}}, "m1")
    {'test': {}, 'reference': {'mine': 1, 'pscheduler-batch': 'm1'}}
    >>> marked_task({"test": {}, "reference": "mine"}, "m1") is None
    True
    """
    reference = task.get("reference", {})
    if not isinstance(reference, Mapping):
        return None
    return {**task, "reference": {**reference, MARK: mark}}


def mark_of(task: JSONObject) -> Optional[str]:
    """
    Return the mark of a task; None if it has none.

    >>> mark_of(marked_task({"test": {}}, "m1")), mark_of({"reference": "mine"})
    ('m1', None)
    """
    reference = task.get("reference")
    mark = reference.get(MARK) if isinstance(reference, Mapping) else None
    return mark if isinstance(mark, str) else None


def mark_pattern(mark: str) -> JSON:
    """Return the JSON that a task with a mark contains, as the list of tasks is searched for it."""
    return {"reference": {MARK: mark}}


def lead_named(task: JSONObject) -> Optional[str]:
    """
    Return the host that a task itself names as its lead; None if it names none.

    It is the source of a test between two hosts, else its host (recordings b10 to b24).

    >>> lead_named({"test": {"type": "rtt", "spec": {"source": "a.example.net", "dest": "b.example.net"}}})
    'a.example.net'
    """
    test = task.get("test")
    spec = test.get("spec") if isinstance(test, Mapping) else None
    if isinstance(spec, Mapping):
        for name in ("source-node", "source", "host-node", "host"):
            if isinstance(spec.get(name), str):
                return str(spec[name])
    return None
