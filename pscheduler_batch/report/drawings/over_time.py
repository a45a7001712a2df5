"""Throughput in the course of a run, with its streams and retransmits."""

from __future__ import annotations

from dataclasses import replace
from typing import List, NamedTuple, Optional, Sequence, Tuple

from pscheduler_batch.metrics.samples import Interval
from pscheduler_batch.metrics.units import BITS, scale_of
from pscheduler_batch.report.drawings.curves import Line, Plot, scaled
from pscheduler_batch.report.job_runs import JobRuns

# Of more runs, only the slowest, the middle and the fastest one are drawn; of more streams, the first ones.
MOST_LINES, _MOST_STREAMS = 12, 32
_FEWEST_INTERVALS = 2
# The most points of all lines together, and the fewest of one.
_MOST_POINTS, _FEWEST_POINTS = 3000, 60


class _Point(NamedTuple):
    """One interval, or some consecutive ones: its middle in seconds, its rates, and whether it has retransmits."""

    time: float
    rate: Optional[float]
    streams: Tuple[Optional[float], ...]
    resent: bool


def throughput_over_time(job: JobRuns) -> Optional[Plot]:
    """
    Draw the rates of the intervals of throughput tests: a line for each run, or for each stream of a single run.

    Returns:
        None where no run has two intervals with known times.
    """
    timed = [(number, _timed(row.samples.intervals)) for number, row in enumerate(job.rows)]
    found = [(number, intervals) for number, intervals in timed if len(intervals) >= _FEWEST_INTERVALS]
    if not found:
        return None
    caption = "a line for each run" if len(found) > 1 else ""
    if len(found) > MOST_LINES:
        order = sorted(found, key=lambda each: job.rows[each[0]].metrics.get("throughput", 0.0))
        caption = f"the slowest, the middle and the fastest of {len(found):,} runs"
        found = [order[0], order[len(order) // 2], order[-1]]
    factor, unit = scale_of(BITS, [each.rate or 0.0 for _, intervals in found for each in intervals])
    streams = len(found[0][1][0].streams[:_MOST_STREAMS]) if len(found) == 1 else 0
    most = max(_FEWEST_POINTS, _MOST_POINTS // (len(found) + streams))
    points = [(_name(job, number), _points(intervals, most)) for number, intervals in found]
    lines = [_line(name, of_run, [point.rate for point in of_run], factor) for name, of_run in points]
    if streams:
        (_, of_run), caption = points[0], "sum of the streams, and each of them"
        lines = [replace(lines[0], title="sum")]
        for stream in range(streams):
            rates = [point.streams[stream] if stream < len(point.streams) else None for point in of_run]
            lines.append(replace(_line(f"stream {stream + 1}", of_run, rates, factor), marked=(), faint=True))
    marks = "dots: intervals with retransmits" if any(line.marked for line in lines) else ""
    return Plot(
        title="Throughput over time",
        caption="; ".join(filter(None, (caption, marks))),
        unit=unit,
        axis="seconds after the start",
        places=(),
        linear=True,
        lines=tuple(lines),
        begin=0.0,
        dots=False,
    )


def _timed(intervals: Sequence[Interval]) -> List[Interval]:
    return [each for each in intervals if each.rate is not None and each.length]


def _points(intervals: Sequence[Interval], most: int) -> List[_Point]:
    """Make the points of a run; where there are too many intervals, consecutive ones share a point."""
    each = -(-len(intervals) // most)
    return [_point(intervals[at : at + each]) for at in range(0, len(intervals), each)]


def _point(intervals: Sequence[Interval]) -> _Point:
    starts = [each.start for each in intervals if each.start is not None]
    ends = [each.end for each in intervals if each.end is not None]
    return _Point(
        time=round((min(starts) + max(ends)) / 2, 3),
        rate=_mean([each.rate for each in intervals]),
        streams=tuple(map(_mean, zip(*(each.streams for each in intervals)))),
        resent=any(each.retransmits for each in intervals),
    )


def _mean(values: Sequence[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _line(title: str, points: Sequence[_Point], rates: Sequence[Optional[float]], factor: float) -> Line:
    return Line(
        title=title,
        values=scaled(rates, factor),
        places=tuple(point.time for point in points),
        marked=tuple(number for number, point in enumerate(points) if point.resent),
    )


def _name(job: JobRuns, number: int) -> str:
    """Name a run by its value where every value has one run."""
    place = job.places[number]
    if len(job.axes) == 1 and place is not None and job.places.count(place) == 1:
        return f"{job.axes[0].name} {job.axes[0].labels[place[0]]}"
    return f"run {job.names[number]}"
