"""
Which packets were sent while a throughput test loaded the path, and which were not (ADR 59).

Tools start late and slow down, but they are never early. So what is sent in a run, some seconds after its first packet
and some seconds before its last one, was sent at least that long after the start of the run and at least that long
before its end. What may have been sent on either side of the start or the end of a load counts for neither.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from pscheduler_batch.http.urls import host_of
from pscheduler_batch.metrics.measurement import Measurement, with_load
from pscheduler_batch.model import JSON, JSONObject
from pscheduler_batch.report.rows import Load, Row, Span
from pscheduler_batch.run_states import NEVER_RAN_STATES

LOAD = "throughput"
# When packets were sent.
LOADED, IDLE, UNCERTAIN = "loaded", "idle", "uncertain"
# The tests that measure the delays of packets.
DELAYS = ("rtt", "latency", "latencybg")
_IN_BACKGROUND = "latencybg"
# The names of hosts in the specifications of these tests.
_HOSTS = ("source", "source-node", "dest", "dest-node")
_MOST_HOSTS = 10
_LONGEST_HOST = 255
_WITH_PORT = re.compile(r"\[([^]]*)\](?::[0-9]+)?|([^:]*):[0-9]+")
# The keys of loads of which no host is known, and of all loads.
_UNKNOWN, _ALL = "?", "*"


class Placed(NamedTuple):
    """
    Packets that are placed in time.

    Attributes:
        span: When they may have been sent.
        delays: How many of them had each delay, in seconds.
        state: :data:`LOADED`, :data:`IDLE`, or :data:`UNCERTAIN`.
    """

    span: Span
    delays: Tuple[Tuple[float, int], ...]
    state: str


class Loads:
    """Runs of throughput tests, all those of a batch or some of them, small enough to be kept in memory."""

    def __init__(self) -> None:
        """Start without any."""
        self._loads: List[Load] = []
        self._starts: List[float] = []
        self._latest_ends: List[float] = []
        self._possible: Dict[str, _Spans] = {}
        self._certain: Dict[str, _Spans] = {}

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self._loads)

    def add(self, load: Optional[Load]) -> None:
        """Add a run; None, which stands for other runs, is not added."""
        if load is not None:
            self._loads.append(load)
            self._possible = {}

    def beside(self, runs: Mapping[Tuple[str, ...], Sequence[Span]], *, but: int) -> Iterator[Load]:
        """
        List the loads of other jobs that may have been there during some runs, in order of time.

        Args:
            runs: The times of the runs, by their hosts.
            but: The number of their job.
        """
        times: Dict[str, List[Span]] = {}
        for hosts, spans in runs.items():
            for key in _keys_of_path(hosts):
                times.setdefault(key, []).extend(spans)
        merged = {key: _Spans(spans) for key, spans in times.items()}
        self._index()
        # No load before the first of these ended late enough, and none after the last of them started early enough.
        first = bisect_left(self._latest_ends, min((spans.start for spans in merged.values()), default=math.inf))
        last = bisect_right(self._starts, max((spans.end for spans in merged.values()), default=-math.inf))
        for load in self._loads[first:last]:
            keys = _keys_of_load(load)
            if load.job != but and any(key in merged and merged[key].touch(load.possible) for key in keys):
                yield load

    def split(self, row: Row) -> Row:
        """
        Return a row with the metrics of its packets that were sent under load and of those that were not.

        Args:
            row: Any row; it is returned as it is unless it has delays of packets and a throughput test shared a host.
        """
        counts: Dict[str, Dict[float, int]] = {LOADED: {}, IDLE: {}, UNCERTAIN: {}}
        for _, delays, state in self.placed(row):
            for delay, number in delays:
                counts[state][delay] = counts[state].get(delay, 0) + number
        if not counts[LOADED] and not counts[IDLE]:
            return row
        measured = with_load(row.test, Measurement(row.metrics, row.samples), counts[LOADED], counts[IDLE])
        return replace(row, metrics=measured.metrics, samples=measured.samples)

    def placed(self, row: Row) -> Iterator[Placed]:
        """
        Place the packets of a run in time; nothing unless it has their delays and a throughput test shared a host.

        Args:
            row: Any row.
        """
        if row.test not in DELAYS or not row.samples.delays:
            return
        self._index()
        keys = [key for key in _keys_of_path(row.hosts) if key in self._possible]
        for span, delays in _placed_delays(row) if keys else ():
            if any(key in self._certain and self._certain[key].cover(span) for key in keys):
                yield Placed(span, delays, LOADED)
            elif any(self._possible[key].touch(span) for key in keys):
                yield Placed(span, delays, UNCERTAIN)
            else:
                yield Placed(span, delays, IDLE)

    def _index(self) -> None:
        if self._possible or not self._loads:
            return
        self._loads.sort(key=lambda load: load.possible)
        self._starts = [load.possible.start for load in self._loads]
        self._latest_ends = list(accumulate((load.possible.end for load in self._loads), max))
        possible: Dict[str, List[Span]] = {}
        certain: Dict[str, List[Span]] = {}
        for load in self._loads:
            for key in _keys_of_load(load):
                possible.setdefault(key, []).append(load.possible)
                if load.certain is not None:
                    certain.setdefault(key, []).append(load.certain)
        self._possible = {key: _Spans(spans) for key, spans in possible.items()}
        self._certain = {key: _Spans(spans) for key, spans in certain.items()}


def hosts_of(about: JSONObject, spec: JSON) -> Tuple[str, ...]:
    """
    List the hosts that took part in a run.

    Loopback addresses are left out where there are others, as they are not the same host everywhere.

    >>> hosts_of({"participants": ["PS1.example.net"]}, {"source": "ps1.example.net", "dest": "[2001:db8::2]:861"})
    ('2001:db8::2', 'ps1.example.net')
    >>> hosts_of({"href": "https://ps1.example.net/pscheduler", "participants": None}, {"dest": "127.0.0.1"})
    ('ps1.example.net',)

    Args:
        about: What is known of the run.
        spec: The specification of the test; any JSON.
    """
    participants = about.get("participants")
    given: List[object] = [*participants[:_MOST_HOSTS]] if isinstance(participants, list) else []
    given += [spec.get(name) for name in _HOSTS] if isinstance(spec, Mapping) else []
    href = about.get("href")
    if isinstance(href, str):
        with suppress(ValueError):
            given.append(host_of(href))
    hosts = {host_name(host) for host in given if isinstance(host, str) and len(host) <= _LONGEST_HOST} - {""}
    return tuple(sorted({host for host in hosts if not _is_loopback(host)} or hosts))


def host_name(host: str) -> str:
    """
    Return a host without its port, in one spelling.

    >>> host_name("PS1.example.net:8443"), host_name("[2001:db8::1]:8443"), host_name("2001:db8::1")
    ('ps1.example.net', '2001:db8::1', '2001:db8::1')
    """
    name = host.strip().lower().rstrip(".")
    with_port = _WITH_PORT.fullmatch(name)
    return with_port[1] or with_port[2] if with_port else name


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def load_of(row: Row) -> Optional[Load]:
    """
    Return the load of a run.

    Args:
        row: Any row.

    Returns:
        None unless it is a run of a throughput test that may have been started, with known times.
    """
    run = span_of(row.start, row.end)
    if row.test != LOAD or row.run is None or row.state in NEVER_RAN_STATES or run is None:
        return None
    certain = None
    lasted, began = row.samples.lasted, row.samples.began
    if lasted and lasted <= run.end - run.start:
        if began is not None and run.start - 1 <= began <= run.end:
            # It began to send within this second.
            run = Span(began, began + 1 + lasted)
        if 2 * lasted > run.end - run.start:
            certain = Span(run.end - lasted, run.start + lasted)
    return Load(row.job, row.label, row.hosts, run, certain, row.metrics.get("throughput"))


def _placed_delays(row: Row) -> Iterator[Tuple[Span, Tuple[Tuple[float, int], ...]]]:
    """
    Place the packets of a run in time.

    Args:
        row: A run that measured the delays of packets.

    Yields:
        When packets may have been sent, with the number of those that had each delay: one after the other where their
        times are known, else all together. Nothing where the times of the run are not known.
    """
    samples = row.samples
    lasted = samples.lasted
    run = span_of(row.start, row.end) if row.test != _IN_BACKGROUND else _span_of_result(row)
    if run is None:
        return
    times = [packet.time for packet in samples.packets if packet.time is not None]
    if times and len(times) == len(samples.packets):
        last = max(times) if lasted is None else lasted
        for time, packet in zip(times, samples.packets):
            early, late = run.start + time, run.end - (last - time)
            yield Span(min(early, late), max(early, late)), ((packet.delay, 1),)
    elif not samples.packets:
        yield run, tuple(samples.delays.items())


def _span_of_result(row: Row) -> Optional[Span]:
    """Return the time that one of several results is about, which is made as soon as its last packet is received."""
    made, lasted = row.result_time or row.end, row.samples.lasted
    if made is None or lasted is None:
        return None
    return Span(made.timestamp() - _resolution(made) - lasted, _latest(made))


def span_of(start: Optional[datetime], end: Optional[datetime]) -> Optional[Span]:
    """Return the time between two moments; None where they are unknown or in the wrong order."""
    if start is None or end is None or end < start:
        return None
    return Span(start.timestamp(), _latest(end))


def _latest(moment: datetime) -> float:
    return moment.timestamp() + _resolution(moment)


def _resolution(moment: datetime) -> float:
    """Return how exact a moment is in seconds: pScheduler writes the ends of runs in whole seconds."""
    return 0.0 if moment.microsecond else 1.0


def _keys_of_load(load: Load) -> Tuple[str, ...]:
    return (_ALL, *(load.hosts or (_UNKNOWN,)))


def _keys_of_path(hosts: Tuple[str, ...]) -> Tuple[str, ...]:
    return (_UNKNOWN, *hosts) if hosts else (_ALL,)


class _Spans:
    """Spans of time, at least one, merged where they overlap."""

    def __init__(self, spans: Iterable[Span]) -> None:
        merged: List[Span] = []
        for span in sorted(spans):
            if merged and span.start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
            else:
                merged.append(span)
        self._starts = [span.start for span in merged]
        self._ends = [span.end for span in merged]

    @property
    def start(self) -> float:
        """The start of the first one."""
        return self._starts[0]

    @property
    def end(self) -> float:
        """The end of the last one."""
        return self._ends[-1]

    def cover(self, span: Span) -> bool:
        """Return whether one of them contains a span."""
        place = bisect_right(self._starts, span.start) - 1
        return place >= 0 and span.end <= self._ends[place]

    def touch(self, span: Span) -> bool:
        """Return whether one of them has a moment in common with a span."""
        place = bisect_left(self._ends, span.start)
        return place < len(self._starts) and self._starts[place] <= span.end
