"""Distributions of the delays of packets and the rates of intervals: boxes, cumulative curves, and shares over time."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

from pscheduler_batch.metrics.distribution import Distribution
from pscheduler_batch.metrics.units import BITS, SECONDS, scale_of
from pscheduler_batch.report.drawings.curves import Line, Plot, scaled
from pscheduler_batch.report.formatting import time_of_day
from pscheduler_batch.report.job_runs import JobRuns, Stop
from pscheduler_batch.report.rows import Row

Counts = Mapping[float, int]

# A box of fewer samples says nothing, nor does a cumulative curve.
_FEWEST_IN_BOX, _FEWEST_IN_CURVE = 5, 20
# So few runs are shown as cumulative curves, which have at most so many points.
_FEW_RUNS, _MOST_POINTS = 4, 200
_FEWEST_BOXES, _MOST_BOXES = 2, 60
# The most columns and rows of the shares over time. A hundredth of the packets is above the last row.
_MOST_COLUMNS, _MOST_ROWS, _HIGHEST = 120, 20, 0.99
# From this many times as many values as rows on, the rows need not fit the values.
_FINE = 5
# Where the largest sample is so many times the longest whisker, the axis ends at this many times that whisker.
_REACH, _BEYOND = 3, 1.5


@dataclass(frozen=True)
class Boxes:
    """
    Distributions side by side.

    Attributes:
        title: What was measured.
        caption: By what, and what the parts of a box are.
        unit: The unit of all values.
        axis: What a box stands for.
        places: The label of each box.
        boxes: Of each: minimum, 5th percentile, lower quartile, median, upper quartile, 95th percentile and maximum;
            None where there are too few samples.
        end: The end of the axis of values; extremes beyond it are drawn there.
    """

    title: str
    caption: str
    unit: str
    axis: str
    places: Tuple[str, ...]
    boxes: Tuple[Optional[Tuple[float, ...]], ...]
    end: float
    kind: str = "boxes"


@dataclass(frozen=True)
class Shares:
    """
    How the delays of packets were distributed in the course of time.

    Attributes:
        title: What was measured.
        caption: What columns and shades are.
        unit: The unit of all values.
        axis: What a column stands for.
        places: The label of each column.
        edges: The lower edge of each row, and the upper edge of the last one.
        cells: Column, row, and the share of the packets in the column, where there are any; from 0 to 1.
    """

    title: str
    caption: str
    unit: str
    axis: str
    places: Tuple[str, ...]
    edges: Tuple[float, ...]
    cells: Tuple[Tuple[int, int, float], ...]
    kind: str = "shares"


Drawn = Union[Boxes, Plot, Shares]


def distributions_of(job: JobRuns, test: str) -> Tuple[Optional[Drawn], Tuple[str, ...]]:
    """
    Draw how the samples of the runs of one test are distributed.

    Several results of ``latency`` or ``latencybg`` are shares over time, few runs of ``rtt`` cumulative curves, all
    others boxes; where something varies, there is a box for each value.

    Args:
        job: The runs.
        test: The type of their test.

    Returns:
        The drawing, and the beginnings of the names of the metrics that it shows; None where there are too few samples.
    """
    kind = _KINDS.get(test)
    if kind is None or len(job.axes) > 1:
        return None, ()
    counts = [_of_kind(row, kind) for row in job.rows]
    measured = [each for each in counts if each]
    drawn: Optional[Drawn] = None
    if not job.axes and kind.over_time and len(measured) > 1:
        drawn = _shares(job, kind, counts)
    elif not job.axes and 0 < len(measured) <= _FEW_RUNS and kind.unit == SECONDS:
        enough = all(sum(each.values()) >= _FEWEST_IN_CURVE for each in measured)
        drawn = _cumulative(job, kind, counts) if enough else None
    if drawn is None and (job.axes or len(measured) > _FEW_RUNS or kind.unit == SECONDS):
        drawn = _boxes(job, kind, counts)
    return drawn, kind.metrics if drawn is not None else ()


@dataclass(frozen=True)
class _Kind:
    """The samples of a test: their title and unit, what one is, and the metrics that they show."""

    title: str
    unit: str
    noun: str
    metrics: Tuple[str, ...]
    over_time: bool = False


_LATENCY = _Kind("One-way latency", SECONDS, "packets", ("latency",), over_time=True)
_KINDS = {
    "rtt": _Kind("Round trip", SECONDS, "packets", ("rtt",)),
    "latency": _LATENCY,
    "latencybg": _LATENCY,
    "throughput": _Kind("Throughput of intervals", BITS, "intervals", ("throughput", "receiver-throughput")),
}


def _of_kind(row: Row, kind: _Kind) -> Counts:
    return row.samples.rates if kind.unit == BITS else row.samples.delays


def _boxes(job: JobRuns, kind: _Kind, counts: Sequence[Counts]) -> Optional[Boxes]:
    stops = job.stops(_MOST_BOXES)
    found = [_pooled(counts, stop) for stop in stops]
    boxes = [_box(each) if each is not None and each.size >= _FEWEST_IN_BOX else None for each in found]
    known = [box for box in boxes if box is not None]
    if len(known) < _FEWEST_BOXES or 2 * len(known) < sum(each is not None for each in found):
        return None
    whisker, largest = max(box[-2] for box in known), max(box[-1] for box in known)
    far = largest > _REACH * whisker > 0
    factor, unit = scale_of(kind.unit, [value for box in known for value in box])
    edge = "; triangles: beyond the axis" if far else ""
    return Boxes(
        title=kind.title,
        caption=f"{job.by_words(stops)}. Box: half of the {kind.noun}; line: median; whiskers: 5 % and 95 %; "
        f"dots: smallest and largest{edge}",
        unit=unit,
        axis=job.axis,
        places=tuple(stop.label for stop in stops),
        boxes=tuple(None if box is None else tuple(v for v in scaled(box, factor) if v is not None) for box in boxes),
        end=float(f"{(whisker * _BEYOND if far else largest) * factor:.12g}"),
    )


def _box(samples: Distribution) -> Tuple[float, ...]:
    middle = (samples.percentile(share) for share in (0.05, 0.25, 0.5, 0.75, 0.95))
    return (samples.smallest, *middle, samples.largest)


def _pooled(counts: Sequence[Counts], stop: Stop) -> Optional[Distribution]:
    added = _added([counts[number] for number in stop.runs])
    return Distribution(added) if added else None


def _added(counts: Sequence[Counts]) -> Counts:
    """Add up the samples of some runs."""
    added: Dict[float, int] = {}
    for each in counts:
        for value, count in each.items():
            added[value] = added.get(value, 0) + count
    return added


def _cumulative(job: JobRuns, kind: _Kind, counts: Sequence[Counts]) -> Plot:
    """Draw which share of the packets took at most how long."""
    factor, unit = scale_of(kind.unit, [value for each in counts for value in each])
    lines = []
    for name, each in zip(job.names, counts):
        if each:
            samples = Distribution(each)
            shares = [rank / _MOST_POINTS for rank in range(_MOST_POINTS + 1)]
            points = dict(zip(scaled([samples.percentile(share) for share in shares], factor), shares))
            lines.append(
                Line(f"run {name}", scaled(list(points.values()), 100), tuple(v for v in points if v is not None))
            )
    return Plot(
        title=kind.title,
        caption=f"share of the {kind.noun} that took at most this long",
        unit="%",
        axis=f"{kind.title} in {unit}",
        places=(),
        linear=True,
        lines=tuple(lines),
        dots=False,
    )


def _shares(job: JobRuns, kind: _Kind, counts: Sequence[Counts]) -> Shares:
    """Draw the histograms of results side by side."""
    stops = job.stops(_MOST_COLUMNS)
    whole = Distribution(_added(counts))
    edges = _edges(whole, {value for each in counts for value in each})
    factor, unit = scale_of(kind.unit, edges)
    cells: Dict[Tuple[int, int], float] = {}
    for column, stop in enumerate(stops):
        total = sum(sum(counts[number].values()) for number in stop.runs)
        for number in stop.runs:
            for value, count in counts[number].items():
                row = min(bisect_right(edges, value), len(edges) - 1) - 1
                cells[column, row] = cells.get((column, row), 0.0) + count / total
    together = max(len(stop.runs) for stop in stops)
    each = "result" if together == 1 else f"up to {together:,} results"
    top = "; slower ones are in the top row" if whole.largest > edges[-1] else ""
    return Shares(
        title=kind.title,
        caption=f"over time. Column: {each}; the stronger the color, the more of its packets{top}",
        unit=unit,
        axis="time",
        places=tuple(_time(job.rows[stop.runs[0]], stop.label) for stop in stops),
        edges=tuple(v for v in scaled(edges, factor) if v is not None),
        cells=tuple((column, row, round(share, 4)) for (column, row), share in sorted(cells.items())),
    )


def _edges(samples: Distribution, values: Set[float]) -> List[float]:
    """Divide the range of most samples into rows, no finer than the values are."""
    low, high = samples.smallest, samples.percentile(_HIGHEST)
    shown = sorted(value for value in values if value <= high)
    gap = min((after - before for before, after in zip(shown, shown[1:])), default=0.0) or abs(low) / 10 or 1e-6
    steps = round((high - low) / gap) + 1
    # Values on a coarse grid, such as the buckets of a histogram, are in the middle of their rows.
    each = -(-steps // _MOST_ROWS)
    if steps > _MOST_ROWS * _FINE:
        width = (high - low) / _MOST_ROWS
        return [low + row * width for row in range(_MOST_ROWS + 1)]
    return [low + (row * each - 0.5) * gap for row in range(-(-steps // each) + 1)]


def _time(row: Row, name: str) -> str:
    when = row.result_time or row.start
    return name if when is None else time_of_day(when)[: len("12:00:00")]
