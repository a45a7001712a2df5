"""
How long a task is known to take, from what the specification of its test says.

It is what the measurement itself takes. What a server's tool needs besides is not in it, as it differs with the tool:
iperf3 announced 12 seconds for a throughput test of 3 (recording m-thr-01-detail), sleep 6 for an idle test of 5
(recording d02). Of tests that are not in the table, and of ``trace``, which takes as long as the path is silent,
nothing is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Callable, Mapping, Optional
from urllib.parse import urlsplit

from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.model import JSON, JSONObject

# What would be longer is not believed: ten years, as for the waits of a job.
LONGEST = timedelta(days=3650)


@dataclass(frozen=True)
class Length:
    """
    How long a test takes.

    Attributes:
        span: How long.
        at_most: Whether it may also be done sooner, as a test is that waits for one answer until its timeout.
    """

    span: timedelta
    at_most: bool = False

    @property
    def least(self) -> timedelta:
        """How long it takes at least."""
        return timedelta(0) if self.at_most else self.span


def known_length(task: JSONObject) -> Optional[Length]:
    """
    Say how long a task is known to take.

    >>> known_length({"test": {"type": "rtt", "spec": {"dest": "ps.example.net", "count": 10}}})
    Length(span=datetime.timedelta(seconds=10), at_most=False)

    Args:
        task: Any task, with any mistakes in it.

    Returns:
        None where that is not known: the test is not in the table, its specification has something of a wrong type in
        a place that matters, or it would take longer than ten years.
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
    Say how much later than asked for a task may start, which its ``schedule`` allows as ``slip``.

    ``start`` is not looked at: what a task says itself is dropped (ADR 11).

    >>> slip_of({"schedule": {"slip": "PT5M"}})
    datetime.timedelta(seconds=300)

    Returns:
        No time where there is no slip, or one that is none.
    """
    schedule = task.get("schedule")
    try:
        slip = _span(schedule, "slip", "P0D") if isinstance(schedule, Mapping) else timedelta(0)
    except (TypeError, ValueError):
        return timedelta(0)
    return min(slip, LONGEST)


def _span(spec: Mapping[str, JSON], name: str, default: Optional[str] = None) -> timedelta:
    """
    Read a duration.

    Raises:
        TypeError: It is no text, or it is missing and has no default.
        ValueError: It is no duration of a fixed length.
    """
    value = spec.get(name, default)
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return parse_duration(value)


def _number(spec: Mapping[str, JSON], name: str, default: float) -> float:
    """
    Read a number that is not negative.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative, or not finite.
    """
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is no number")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is no number of things")
    return value


def _duration(spec: Mapping[str, JSON]) -> Length:
    return Length(_span(spec, "duration"))


def _timeout(spec: Mapping[str, JSON]) -> Length:
    """Take the timeout of a test that asks once; five seconds where it has none (recording f-dnsfail: 6 announced)."""
    return Length(_span(spec, "timeout", "PT5S"), at_most=True)


def _latency(spec: Mapping[str, JSON]) -> Length:
    return Length(timedelta(seconds=_number(spec, "packet-count", 100) * _number(spec, "packet-interval", 0.1)))


def _latencybg(spec: Mapping[str, JSON]) -> Length:
    return Length(_span(spec, "duration", "P1D"))


def _noop(_spec: Mapping[str, JSON]) -> Length:
    """Take the second that servers announce (recording j21)."""
    return Length(timedelta(seconds=1))


def _rtt(spec: Mapping[str, JSON]) -> Length:
    """Take the packets and their distance, cut by the deadline."""
    whole = _number(spec, "count", 5) * _span(spec, "interval", "PT1S")
    return Length(min(whole, _span(spec, "deadline")) if "deadline" in spec else whole)


def _simplestream(spec: Mapping[str, JSON]) -> Length:
    """Take the longest: it dawdles for a random part of ``dawdle``, and then waits for a connection."""
    return Length(_span(spec, "dawdle", "P0D") + _span(spec, "timeout", "PT5S"), at_most=True)


def _throughput(spec: Mapping[str, JSON]) -> Length:
    return Length(_span(spec, "duration", "PT10S") + _span(spec, "omit", "P0D"))


_LENGTHS: Mapping[str, Callable[[Mapping[str, JSON]], Length]] = {
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

# Where the tests of pScheduler say it; the first that is there counts. The ``host`` of tests like dns is where they
# run, so it comes last.
_NAMES = ("dest", "url", "nameserver", "query", "host")


def destination_of(spec: JSON) -> str:
    """
    Say what a test measures to; empty where its specification does not say.

    >>> destination_of({"url": "https://www.example.net/index"}), destination_of({"duration": "PT1S"})
    ('www.example.net', '')

    Args:
        spec: The specification of any test; whatever may be in it.

    Returns:
        The text as it is, with secrets and all.
    """
    if not isinstance(spec, Mapping):
        return ""
    for name in _NAMES:
        value = spec.get(name)
        if isinstance(value, str) and value:
            return _host(value) if name == "url" else value
    return ""


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


# The name of the mark in the reference.
MARK = "pscheduler-batch"


def marked_task(task: JSONObject, mark: str) -> Optional[JSONObject]:
    """
    Put a mark into a task.

    Returns:
        A copy with the mark, or None where the reference is the user's own in another shape than an object.

    >>> marked_task({"test": {}, "reference": {"mine": 1}}, "m1")
    {'test': {}, 'reference': {'mine': 1, 'pscheduler-batch': 'm1'}}
    >>> marked_task({"test": {}, "reference": "mine"}, "m1") is None
    True
    """
    reference = task.get("reference", {})
    if not isinstance(reference, Mapping):
        return None
    return {**task, "reference": {**reference, MARK: mark}}


def mark_pattern(mark: str) -> JSON:
    """Say what a task with a mark contains, as the list of tasks is asked for it."""
    return {"reference": {MARK: mark}}


def lead_named(task: JSONObject) -> Optional[str]:
    """
    Say which host a task itself names to run it; None where it names none.

    That is the source of a test between two hosts, else its host (recordings b10 to b24).

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
