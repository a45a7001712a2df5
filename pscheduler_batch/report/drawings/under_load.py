"""The drawing of latency under load (ADR 59): the rate of throughput tests, and delays of packets at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from pscheduler_batch.metrics.distribution import Distribution
from pscheduler_batch.metrics.table import PERCENTILES
from pscheduler_batch.metrics.units import SECONDS, scale_of, value_words
from pscheduler_batch.report.formatting import time_of_day
from pscheduler_batch.report.loads import DELAYS, IDLE, LOADED, UNCERTAIN, Loads, Placed, load_of
from pscheduler_batch.report.rows import JobMetrics, Load, Row, Span
from pscheduler_batch.text import number_words

# The most marks of packets one by one, and the most points of the rate. Where there are more, those of a run are
# together; if runs are too few for that or too many, this many spans of equal length have one each.
_MOST = 400
_SPANS = 200
_FEWEST_RUNS = 20
_NAMES = {"rtt": "Round trip", "latency": "Latency"}
_TITLES = {IDLE: "idle", LOADED: "under load", UNCERTAIN: "near the start or end of the load"}
# Above this many times the 95th percentile of all packets, a delay is drawn at the edge.
_HIGHEST = 3
# The space above the highest delay.
_ROOM = 1.1
_SPREAD = "medians, with lines from the smallest to the largest delay"
# No drawing is shorter, in seconds.
_SHORTEST = 0.001
# Packets whose time is known less exactly than this, in seconds, are not drawn.
_LONGEST = 86_400
# A start of traffic that is known less exactly than this, in seconds, is worth mentioning.
_EXACT = 1.0


class Mark(NamedTuple):
    """Packets in the drawing: seconds from the origin, and the smallest, median and largest of their delays."""

    time: float
    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class Marks:
    """
    The packets that were sent under load, or those that were not.

    Attributes:
        title: Its name in the legend, with the median.
        state: "loaded", "idle" or "uncertain".
        median: The median of the packets, where it is a metric of the job.
        marks: The packets, one by one or together, in order of time.
    """

    title: str
    state: str
    median: Optional[float]
    marks: Tuple[Mark, ...]


@dataclass(frozen=True)
class UnderLoad:
    """
    Rate and delays over the same time.

    Attributes:
        title: What it shows.
        caption: What a reader has to know about it, or nothing.
        unit: The unit of delays, chosen for people.
        origin: The time at which it starts, in words.
        end: Its end, in seconds from the origin.
        highest: The highest delay that is drawn; larger ones are drawn at the edge.
        rates: Seconds from the origin, and the rate of all throughput tests from then on, in bits per second.
        groups: The packets.
        kind: The kind of drawing.
    """

    title: str
    caption: str
    unit: str
    origin: str
    end: float
    highest: float
    rates: Tuple[Tuple[float, float], ...]
    groups: Tuple[Marks, ...]
    kind: str = "under-load"


class _Block(NamedTuple):
    """A rate from one Unix time to another."""

    start: float
    end: float
    rate: float


def under_load_of(rows: Sequence[Row], metrics: Iterable[JobMetrics]) -> Tuple[UnderLoad, ...]:
    """
    Draw the latency under load of a job, for each test that measured delays of packets.

    Args:
        rows: The rows of the job.
        metrics: Its metrics.

    Returns:
        Nothing for a test if no throughput test was there while it ran.
    """
    panels = (_panel([row for row in rows if row.test == job.test], rows, job) for job in metrics if job.test in DELAYS)
    return tuple(panel for panel in panels if panel is not None)


def _panel(measured: Sequence[Row], rows: Sequence[Row], job: JobMetrics) -> Optional[UnderLoad]:
    own = [(load, row) for load, row in ((load_of(row), row) for row in rows) if load is not None]
    loads = Loads()
    for load in (*(load for load, _ in own), *job.loads):
        loads.add(load)
    of_runs = [[each for each in loads.placed(row) if each.span.end - each.span.start <= _LONGEST] for row in measured]
    placed = [packets for of_run in of_runs for packets in of_run]
    others = [block for load in job.loads for block in _blocks_of_load(load)]
    blocks = [*others, *(block for load, row in own for block in _blocks_of_run(load, row))]
    if not blocks or all(packets.state == IDLE for packets in placed):
        return None
    whole = Span(
        min(*(packets.span.start for packets in placed), *(block.start for block in blocks)),
        max(*(packets.span.end for packets in placed), *(block.end for block in blocks)),
    )
    delays = Distribution(_counted(placed))
    usual = delays.percentile(PERCENTILES["p95"])
    factor, unit = scale_of(SECONDS, [usual])
    groups = tuple(_groups(of_runs, whole, factor, job))
    is_cut = 0 < _HIGHEST * usual < delays.largest
    highest = _HIGHEST * usual if is_cut else max(0.0, delays.largest * _ROOM)
    largest = f"delays above {value_words(highest, SECONDS)}, up to {value_words(delays.largest, SECONDS)}, at the edge"
    words = (
        _start_words([load for load, _ in own]),
        _SPREAD if any(mark.low < mark.high for group in groups for mark in group.marks) else "",
        largest if is_cut else "",
    )
    zone = next(row.start.tzinfo for row in measured if row.start is not None)
    return UnderLoad(
        title=f"{_NAMES[_base(job)]} under load",
        caption="; ".join(filter(None, words)),
        unit=unit,
        origin=_time_words(whole.start, zone),
        end=round(whole.end - whole.start, 3),
        highest=_rounded(highest * factor),
        rates=_rates(own, others, blocks, whole),
        groups=groups,
    )


def _base(job: JobMetrics) -> str:
    """Return what the names of the metrics of delays begin with."""
    return "rtt" if job.test == "rtt" else "latency"


def _groups(of_runs: Sequence[Sequence[Placed]], whole: Span, factor: float, job: JobMetrics) -> Iterator[Marks]:
    """Group packets by whether they were sent under load."""
    single = sum(map(len, of_runs)) <= _MOST
    for state, title in _TITLES.items():
        in_state = [[packets for packets in of_run if packets.state == state] for of_run in of_runs]
        marks = tuple(_marks(in_state, whole, factor, single=single))
        median = job.metrics.get(f"{_base(job)}-{state}-median")
        if marks:
            named = title if median is None else f"{title}, median {value_words(median, SECONDS)}"
            yield Marks(named, state, None if median is None else _rounded(median * factor), marks)


def _rates(
    own: Sequence[Tuple[Load, Row]], others: Sequence[_Block], blocks: Sequence[_Block], whole: Span
) -> Tuple[Tuple[float, float], ...]:
    """Add up the rates of all throughput tests; with too many changes, those of whole runs or of spans of time."""
    steps = _steps(blocks, whole.start)
    if len(steps) > _MOST and len(own) >= _FEWEST_RUNS:
        steps = _steps([*others, *(block for load, row in own for block in _mean_of_run(load, row))], whole.start)
    return tuple(steps if len(steps) <= _MOST else _fewer(steps, whole.end - whole.start))


def _time_words(moment: float, zone: Optional[tzinfo]) -> str:
    try:
        return time_of_day(datetime.fromtimestamp(moment, zone))
    except (OSError, OverflowError, ValueError):
        # At the edge of the calendar.
        return "the start"


def _start_words(loads: Sequence[Load]) -> str:
    spare = max((load.certain.start - load.possible.start for load in loads if load.certain is not None), default=0.0)
    return f"the time of the load is uncertain by ±{number_words(spare / 2)} s" if spare > _EXACT else ""


def _blocks_of_run(load: Load, row: Row) -> Iterator[_Block]:
    """Return the rates of the intervals of a run, in the middle of the time in which it can have been sending."""
    known = [each for each in row.samples.intervals if each.rate is not None and each.length]
    for whole in _mean_of_run(load, row):
        for interval in known:
            if interval.start is not None and interval.end is not None and interval.rate is not None:
                yield _Block(whole.start + interval.start, whole.start + interval.end, interval.rate)
        if not known:
            yield whole


def _mean_of_run(load: Load, row: Row) -> Iterator[_Block]:
    """Return the rate of a run, if it is known, as one block."""
    lasted = row.samples.lasted
    if lasted is not None and load.rate is not None:
        start = load.possible.start + max(0.0, load.possible.end - load.possible.start - lasted) / 2
        yield _Block(start, start + lasted, load.rate)


def _blocks_of_load(load: Load) -> Iterator[_Block]:
    """Return the rate of a run of another job, of which only that is known."""
    if load.rate is not None:
        yield _Block(*(load.possible if load.certain is None else load.certain), load.rate)


def _steps(blocks: Iterable[_Block], origin: float) -> List[Tuple[float, float]]:
    """Add up rates, and return the sum from each time on at which it changes."""
    changes: Dict[float, List[float]] = {0.0: []}
    for block in blocks:
        start, end = (round(at - origin, 3) for at in (block.start, block.end))
        if start < end:
            changes.setdefault(start, []).append(block.rate)
            changes.setdefault(end, []).append(-block.rate)
    steps: List[Tuple[float, float]] = []
    active, total = 0, 0.0
    for at in sorted(changes):
        active += sum(1 if change > 0 else -1 for change in changes[at] if change)
        # Where nothing is sent the sum is zero, whatever was lost in rounding.
        total = max(0.0, total + sum(changes[at])) if active else 0.0
        rate = float(f"{total:.6g}")
        if not steps or rate != steps[-1][1]:
            steps.append((at, rate))
    return steps


def _fewer(steps: Sequence[Tuple[float, float]], length: float) -> Iterator[Tuple[float, float]]:
    """Return the mean rate of each of some spans of equal length."""
    width = length / _SPANS
    sums = [0.0] * (_SPANS + 1)
    for (start, rate), (end, _) in zip(steps, [*steps[1:], (length, 0.0)]):
        at = start
        while at < end:
            span = min(int(at / width + 1e-9), _SPANS - 1)
            until = min(end, (span + 1) * width) if span < _SPANS - 1 else end
            sums[span] += rate * (until - at)
            at = until
    yield from ((round(span * width, 3), float(f"{total / width:.6g}")) for span, total in enumerate(sums))


def _marks(of_runs: Sequence[Sequence[Placed]], whole: Span, factor: float, *, single: bool) -> Iterator[Mark]:
    """Mark the packets of runs, those of a run or of a span of time together unless they are marked one by one."""
    together = [[packets] for of_run in of_runs for packets in of_run]
    if not single:
        runs = [list(of_run) for of_run in of_runs if of_run]
        together = runs if _FEWEST_RUNS <= len(runs) <= _MOST else _by_time(together, whole)
    for each in sorted(together, key=lambda some: some[0].span):
        delays = Distribution(_counted(each))
        time = sum(map(_middle, each)) / len(each) - whole.start
        values = (delays.smallest, delays.percentile(PERCENTILES["median"]), delays.largest)
        yield Mark(round(time, 3), *(_rounded(value * factor) for value in values))


def _by_time(single: Iterable[Sequence[Placed]], whole: Span) -> List[List[Placed]]:
    spans: Dict[int, List[Placed]] = {}
    for packets, *_ in single:
        span = int(_SPANS * (_middle(packets) - whole.start) / max(whole.end - whole.start, _SHORTEST))
        spans.setdefault(span, []).append(packets)
    return list(spans.values())


def _counted(placed: Iterable[Placed]) -> Dict[float, int]:
    counts: Dict[float, int] = {}
    for packets in placed:
        for delay, number in packets.delays:
            counts[delay] = counts.get(delay, 0) + number
    return counts


def _middle(packets: Placed) -> float:
    return (packets.span.start + packets.span.end) / 2


def _rounded(value: float) -> float:
    """Round a value for a drawing, which needs no more digits."""
    return float(f"{value:.6g}")
