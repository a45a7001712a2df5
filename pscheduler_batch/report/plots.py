"""The plots of the HTML report, as numbers for a plotting library: timelines of runs, and curves of their metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from pscheduler_batch.metrics.table import METRICS, main_metrics
from pscheduler_batch.metrics.units import is_number, scale_of
from pscheduler_batch.report.formatting import one_line, time_of_day
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import list_names, short_duration

# The distances between the ticks of a timeline, in seconds.
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MARKS = 8
_SHORT = 40
_FEWEST_POINTS = 2


@dataclass(frozen=True)
class Bar:
    """
    A run in a timeline; several results of a task are one bar, that of their lead run.

    Attributes:
        lane: Its lane, from 0.
        start: Its start, in seconds from the origin of the timeline.
        end: Its end, in seconds from the origin; the start where the end is not known.
        succeeded: Whether the run succeeded.
        note: The tooltip: the name of the run and its times.
    """

    lane: int
    start: float
    end: float
    succeeded: bool
    note: str


@dataclass(frozen=True)
class TimeLine:
    """
    When runs were planned to start, started and ended.

    Attributes:
        axis: What a lane stands for, such as "iteration".
        lanes: The name of each lane.
        bars: The runs.
        planned: Lane and planned start, in seconds from the origin, where a start was planned.
        results: Lane and time, in seconds from the origin, of each of several results of a task.
        origin: The time at which the timeline starts, in words.
        step: The seconds between two ticks.
        end: The last tick, in seconds.
    """

    axis: str
    lanes: Tuple[str, ...]
    bars: Tuple[Bar, ...]
    planned: Tuple[Tuple[int, float], ...]
    results: Tuple[Tuple[int, float], ...]
    origin: str
    step: float
    end: float


@dataclass(frozen=True)
class Line:
    """
    One metric in a plot.

    Attributes:
        title: Its name in the legend.
        values: The value at each place; None where there is none.
    """

    title: str
    values: Tuple[Optional[float], ...]


@dataclass(frozen=True)
class Plot:
    """
    Metrics with one unit, by iteration or by the number that the transform of the job varied.

    Attributes:
        title: What it shows.
        unit: The unit of all its lines, chosen for people; "bit/s" for rates, whose ticks have prefixes of their own.
        axis: What a place stands for.
        places: The names of the runs, or numbers in ascending order.
        linear: Whether the places are numbers.
        lines: The metrics.
    """

    title: str
    unit: str
    axis: str
    places: Tuple[Union[str, float], ...]
    linear: bool
    lines: Tuple[Line, ...]


def run_names(rows: Sequence[Row]) -> Tuple[str, ...]:
    """Name the runs of a job by iteration, and by run where an iteration has several."""
    several = any(row.run for row in rows)
    return tuple(f"{r.iteration}.{r.run}" if several and r.run is not None else str(r.iteration) for r in rows)


def time_line_of(rows: Sequence[Row]) -> Optional[TimeLine]:
    """
    Lay out the runs of one job, one lane for each; several results of a task are one run.

    Returns:
        None where no start is known.
    """
    runs = _drawn_runs(rows)
    placed = [(lane, f"run {name}", of_run) for lane, (name, of_run) in enumerate(runs.items())]
    return _time_line("iteration", list(runs), placed)


def overview_of(jobs: Sequence[Sequence[Row]]) -> Optional[TimeLine]:
    """Lay out the runs of all jobs, one lane for each job; None where no start is known."""
    placed = [
        (lane, f"{one_line(rows[0].job_label, _SHORT)}, run {name}", of_run)
        for lane, rows in enumerate(jobs)
        for name, of_run in _drawn_runs(rows).items()
    ]
    return _time_line("job", [one_line(rows[0].job_label, _SHORT) for rows in jobs], placed)


def plots_of(rows: Sequence[Row]) -> Tuple[Plot, ...]:
    """
    Choose the plots of a job, by iteration and by the number that varied.

    Main metrics of the same tests that have the same unit are in one plot; a count has a plot of its own. Nothing is
    plotted with fewer than two points.
    """
    names = run_names(rows)
    varied = varied_number(rows)
    plots: List[Plot] = []
    for titles in _groups(rows):
        plot = _plot(rows, titles, names)
        if not any(sum(value is not None for value in each.values) >= _FEWEST_POINTS for each in plot.lines):
            continue
        plots.append(plot)
        # Constant metrics need no second plot.
        if varied is not None and any(len(set(each.values)) > 1 for each in plot.lines):
            pointer, numbers = varied
            plots.append(_over(plot, one_line(pointer.rsplit("/", 1)[-1], _SHORT), numbers))
    delays = _delays(rows, names)
    if delays is not None:
        plots.append(delays)
    return tuple(plots)


def varied_number(rows: Sequence[Row]) -> Optional[Tuple[str, Tuple[float, ...]]]:
    """
    Return the one number in the tasks of a job that its transform varied.

    Returns:
        Its JSON pointer and its value in each row; None where it is not a number in all rows, or several numbers vary.
    """
    found: Dict[str, List[float]] = {}
    for row in rows:
        for pointer, value in row.varied.items():
            if is_number(value):
                found.setdefault(pointer, []).append(float(value))
    whole = {pointer: numbers for pointer, numbers in found.items() if len(numbers) == len(rows)}
    if len(whole) != 1 or len(found) != 1:
        return None
    ((pointer, numbers),) = whole.items()
    return (pointer, tuple(numbers)) if len(set(numbers)) > 1 else None


def delay_of(row: Row) -> Optional[timedelta]:
    """
    Return how long after its planned start a run started.

    Returns:
        None where one of them is not known, and for all but the first run of an iteration: the planned start is that
        of the first run.
    """
    return None if row.run or row.start is None or row.planned is None else row.start - row.planned


def skew_words(rows: Sequence[Row]) -> Optional[str]:
    """
    Write how far the starts of a job were from the planned start (ADR 10).

    Returns:
        None where no start was planned, or none is known.
    """
    delays = [delay for delay in map(delay_of, rows) if delay is not None]
    if not delays:
        return None
    first, last = _span(min(delays)), _span(max(delays))
    who = "The run" if len(delays) == 1 else f"The {len(delays)} iterations"
    when = first if first == last else f"{first} to {last}"
    words = f"{who} started {when} after the planned start"
    if not any(delays):
        words = f"{who} started exactly as planned"
    elif len(delays) > 1:
        starts = [row.start for row in rows if delay_of(row) is not None and row.start is not None]
        words += f"; the first and the last start were {_span(max(starts) - min(starts))} apart"
    late = [row.late for row in rows if row.late is not None and not row.run]
    if late:
        tasks = "1 task was" if len(late) == 1 else f"{len(late)} tasks were"
        words += f". {tasks} submitted after the planned start, by up to {_span(max(late))}"
    return words + "."


def _drawn_runs(rows: Sequence[Row]) -> Dict[str, List[Row]]:
    """Group the rows of a job by what took place: a run, or the lead run of several results."""
    runs: Dict[str, List[Row]] = {}
    for name, row in zip(run_names(rows), rows):
        runs.setdefault(name if row.lead_state is None else str(row.iteration), []).append(row)
    return runs


def _time_line(axis: str, lanes: Sequence[str], placed: Sequence[Tuple[int, str, Sequence[Row]]]) -> Optional[TimeLine]:
    firsts = [(lane, rows[0]) for lane, _, rows in placed]
    times = [when for _, row in firsts if row.start is not None for when in (row.start, row.planned) if when]
    if not times:
        return None
    origin = min(times)
    bars = tuple(_bar(lane, name, rows, origin) for lane, name, rows in placed if rows[0].start is not None)
    planned = {(lane, _seconds(row.planned - origin)): None for lane, row in firsts if row.planned is not None}
    made = [(lane, row.result_time) for lane, _, rows in placed for row in rows if row.result_time is not None]
    results = tuple((lane, max(0.0, _seconds(at - origin))) for lane, at in made)
    length = max([bar.end for bar in bars] + [at for _, at in (*planned, *results)])
    step = next((step for step in _STEPS if length / step <= _MARKS), max(1, length // _MARKS))
    end = step * max(1, math.ceil(length / step))
    return TimeLine(axis, tuple(lanes), bars, tuple(planned), results, time_of_day(origin), step, round(end, 1))


def _bar(lane: int, name: str, rows: Sequence[Row], origin: datetime) -> Bar:
    row = rows[0]
    start = origin if row.start is None else row.start
    end = start if row.end is None else max(start, row.end)
    known = "an unknown end" if row.end is None else f"{time_of_day(row.end)}, {_span(row.end - start)}"
    state = one_line(row.state if row.lead_state is None else row.lead_state, _SHORT)
    count = "" if row.lead_state is None else f", {len(rows)} result{'' if len(rows) == 1 else 's'}"
    note = f"{name} ({state}{count}): {time_of_day(start)} to {known}"
    return Bar(lane, _seconds(start - origin), _seconds(end - origin), all(row.succeeded for row in rows), note)


def _span(length: timedelta) -> str:
    return short_duration(length.total_seconds())


def _seconds(length: timedelta) -> float:
    return round(length.total_seconds(), 3)


def _plot(rows: Sequence[Row], titles: Mapping[str, str], names: Tuple[str, ...]) -> Plot:
    title, of_lines = _title(titles)
    values = {name: [row.metrics.get(name) for row in rows] for name in titles}
    known = [value for of_line in values.values() for value in of_line if value is not None]
    factor, unit = scale_of(METRICS[next(iter(titles))].unit, known)
    lines = tuple(Line(short, tuple(_scaled(values[name], factor))) for name, short in zip(titles, of_lines))
    return Plot(title, unit, "iteration", names, linear=False, lines=lines)


def _scaled(values: Sequence[Optional[float]], factor: float) -> Iterator[Optional[float]]:
    """Multiply values; rounded, so that 0.000042 s is 0.042 ms and not 0.041999999999999996."""
    return (None if value is None else float(f"{value * factor:.12g}") for value in values)


def _groups(rows: Sequence[Row]) -> List[Mapping[str, str]]:
    """Group the main metrics of the same tests by unit, as names and titles."""
    found = {name for row in rows for name in main_metrics(row.metrics)}
    groups: Dict[Tuple[object, ...], Dict[str, str]] = {}
    for name, metric in METRICS.items():
        if name in found:
            key = (metric.unit, metric.tests) if metric.unit else (name,)
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
    named = [title if n == 0 else title[:1].lower() + title[1:] for n, title in enumerate(titles.values())]
    return list_names(named), tuple(titles.values())


def _delays(rows: Sequence[Row], names: Sequence[str]) -> Optional[Plot]:
    """Plot how long after its planned start each iteration started; None with too few points, or only zeros."""
    known = [(name, delay_of(row)) for name, row in zip(names, rows) if not row.run]
    delays = [delay for _, delay in known if delay is not None]
    if len(delays) < _FEWEST_POINTS or not any(delays):
        return None
    second = timedelta(seconds=1)
    unit, size = ("s", second) if max(map(abs, delays)) >= second else ("ms", second / 1000)
    title = "Delay after planned start"
    line = Line(title, tuple(None if delay is None else round(delay / size, 3) for _, delay in known))
    return Plot(title, unit, "iteration", tuple(name for name, _ in known), linear=False, lines=(line,))


def _over(plot: Plot, axis: str, numbers: Sequence[float]) -> Plot:
    """Plot the same lines by a number."""
    order = sorted(range(len(numbers)), key=lambda place: numbers[place])
    lines = tuple(Line(each.title, tuple(each.values[place] for place in order)) for each in plot.lines)
    return Plot(plot.title, plot.unit, axis, tuple(numbers[place] for place in order), linear=True, lines=lines)
