"""Curves: metrics of the runs of a job, by iteration or by what the iterations vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from pscheduler_batch.metrics.table import METRICS, main_metrics
from pscheduler_batch.metrics.units import scale_of
from pscheduler_batch.report.job_runs import JobRuns, Number
from pscheduler_batch.text import list_names

# What has no natural zero: of the difference of two clocks, the changes matter.
_NO_ZERO = {"clock-difference"}
_FEWEST_POINTS = 2
# The most places on an axis; of more, neighbors share one.
MOST_PLACES = 500


@dataclass(frozen=True)
class Line:
    """
    A line in a plot.

    Attributes:
        title: Its name in the legend.
        values: The value at each place; None where there is none.
        places: Its own places, if they are not those of the plot.
        marked: The numbers of its points that have a mark.
        faint: Whether it is a part of another line, and less prominent.
    """

    title: str
    values: Tuple[Optional[float], ...]
    places: Tuple[Number, ...] = ()
    marked: Tuple[int, ...] = ()
    faint: bool = False


@dataclass(frozen=True)
class Plot:
    """
    Lines with one unit.

    Attributes:
        title: What it shows.
        caption: By what, and how values were combined.
        unit: The unit of all lines, chosen for people.
        axis: What a place stands for.
        places: Labels, or numbers in ascending order; empty where lines have places of their own.
        linear: Whether the places are numbers.
        lines: The lines.
        begin: Where the axis of places begins, if not at the first one.
        from_zero: Whether the axis of values begins at 0, or ends there.
        dots: Whether every point has a mark.
        bars: Whether there are bars instead of lines: the places have no order.
    """

    title: str
    caption: str
    unit: str
    axis: str
    places: Tuple[object, ...]
    linear: bool
    lines: Tuple[Line, ...]
    begin: Optional[float] = None
    from_zero: bool = True
    dots: bool = True
    bars: bool = False
    kind: str = "plot"


def curves_of(job: JobRuns, left_out: Sequence[str] = ()) -> Iterator[Plot]:
    """
    Plot the main metrics of the runs of one test, those with the same unit together, and counts on their own.

    Metrics that never change have no plot: a sentence says it. Places are iterations, or the values of the one thing
    that the iterations vary. With two things that vary, there are matrices instead.

    Args:
        job: The runs.
        left_out: The beginnings of the names of metrics that other drawings show.
    """
    if len(job.axes) > 1:
        return
    stops = job.stops(MOST_PLACES)
    numbers = [stop.number for stop in stops]
    for titles in _groups(job, tuple(left_out)):
        values = {name: [job.value(METRICS[name], stop.runs) for stop in stops] for name in titles}
        known = [[value for value in of_line if value is not None] for of_line in values.values()]
        if not any(len(of_line) >= _FEWEST_POINTS and len(set(of_line)) > 1 for of_line in known):
            continue
        factor, unit = scale_of(METRICS[next(iter(titles))].unit, [value for of_line in known for value in of_line])
        title, of_lines = _title(titles)
        yield Plot(
            title=title,
            caption=job.by_words(stops),
            unit=unit,
            axis=job.axis,
            places=tuple(stop.label for stop in stops) if None in numbers else tuple(numbers),
            linear=None not in numbers,
            bars=bool(job.axes) and None in numbers,
            lines=tuple(Line(short, scaled(values[name], factor)) for name, short in zip(titles, of_lines)),
            from_zero=not _NO_ZERO & set(titles),
        )


def scaled(values: Sequence[Optional[float]], factor: float) -> Tuple[Optional[float], ...]:
    """Multiply values; rounded, so that 0.000042 s is 0.042 ms and not 0.041999999999999996."""
    return tuple(None if value is None else float(f"{value * factor:.12g}") for value in values)


def _groups(job: JobRuns, left_out: Tuple[str, ...]) -> List[Mapping[str, str]]:
    """Group the main metrics by unit, as names and titles."""
    found = {name for row in job.rows for name in main_metrics(row.metrics) if not name.startswith(left_out)}
    groups: Dict[Tuple[str, ...], Dict[str, str]] = {}
    for name, metric in METRICS.items():
        if name in found:
            key = (metric.unit, *metric.tests) if metric.unit else (name,)
            groups.setdefault(key, {})[name] = metric.title
    return list(groups.values())


def _title(titles: Mapping[str, str]) -> Tuple[str, Tuple[str, ...]]:
    """
    Return the title of a plot and of its lines; words that all figures end with are only in the title of the plot.

    >>> _title({"rtt-mean": "Mean round trip", "rtt-min": "Shortest round trip"})
    ('Round trip', ('Mean', 'Shortest'))
    """
    words = [title.split() for title in titles.values()]
    common = 0
    while len(words) > 1 and all(len(w) > common + 1 and w[-common - 1] == words[0][-common - 1] for w in words):
        common += 1
    if common:
        return " ".join(words[0][-common:]).capitalize(), tuple(" ".join(w[:-common]) for w in words)
    named = [METRICS[name].noun if n else title for n, (name, title) in enumerate(titles.items())]
    return list_names(named), tuple(titles.values())
