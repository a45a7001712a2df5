"""Time lines: when runs were planned to start, started and ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from pscheduler_batch.report.formatting import one_line, time_of_day
from pscheduler_batch.report.job_runs import JobRuns
from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import short_duration

# The distances between the ticks of a time line, in seconds.
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MARKS = 8
_SHORT = 40
# The most bars of a job, and of a job in the time line of all jobs; of more runs, neighbors share a bar.
_MOST_BARS, _MOST_BARS_OF_MANY = 500, 60


@dataclass(frozen=True)
class Bar:
    """
    A run in a time line; several results of a task are one bar, that of their lead run.

    Attributes:
        lane: Its lane, from 0.
        start: Its start, in seconds from the origin of the time line.
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
        title: What it shows.
        caption: What a bar stands for, where that is not a run, and what did not run; may be empty.
        axis: What a lane stands for, such as "iteration".
        lanes: The name of each lane.
        bars: The runs.
        planned: Lane and planned start, in seconds from the origin, where a start was planned.
        results: Lane and time, in seconds from the origin, of each of several results of a task.
        unrun: Lane, place and tooltip of what failed before it ran: at its planned start, or else at the origin.
        origin: The time at which the time line starts, in words.
        step: The seconds between two ticks.
        end: The last tick, in seconds.
    """

    title: str
    caption: str
    axis: str
    lanes: Tuple[str, ...]
    bars: Tuple[Bar, ...]
    planned: Tuple[Tuple[int, float], ...]
    results: Tuple[Tuple[int, float], ...]
    unrun: Tuple[Tuple[int, float, str], ...]
    origin: str
    step: float
    end: float
    kind: str = "time-line"


@dataclass(frozen=True)
class LaneSpan:
    """
    What a bar shows: a run, or many consecutive ones.

    Attributes:
        name: The name of the run, or of the first and the last one.
        start: Its start; None if it is not known, or the run did not start.
        end: Its end.
        planned: Its planned start, where one was planned.
        results: The times of several results of a task.
        succeeded: Whether all of it succeeded.
        words: Its state and what else the tooltip says.
    """

    name: str
    start: Optional[datetime]
    end: Optional[datetime]
    planned: Optional[datetime]
    results: Tuple[datetime, ...]
    succeeded: bool
    words: str


@dataclass(frozen=True)
class JobSpans:
    """The runs of a job in the time line of all jobs; at most some sixty spans."""

    label: str
    spans: Tuple[LaneSpan, ...]
    each: int


def time_line_of(job: JobRuns) -> Optional[TimeLine]:
    """
    Lay out the runs of one job, one lane for each; several results of a task are one run.

    Returns:
        None where no start is known.
    """
    spans, each = _spans(job, _MOST_BARS)
    placed = [(lane, f"run {span.name}", span) for lane, span in enumerate(spans)]
    return _time_line("Timeline of runs", "iteration", [span.name for span in spans], placed, each)


def job_spans_of(job: JobRuns) -> JobSpans:
    """Summarize the runs of a job for the time line of all jobs."""
    spans, each = _spans(job, _MOST_BARS_OF_MANY)
    return JobSpans(one_line(job.rows[0].job_label, _SHORT), tuple(spans), each)


def overview_of(jobs: Sequence[JobSpans]) -> Optional[TimeLine]:
    """Lay out the runs of all jobs, one lane for each job; None where no start is known."""
    placed = [(lane, f"{job.label}, run {span.name}", span) for lane, job in enumerate(jobs) for span in job.spans]
    most = max((job.each for job in jobs), default=1)
    return _time_line("Timeline of all runs", "job", [job.label for job in jobs], placed, most)


def _spans(job: JobRuns, most: int) -> Tuple[List[LaneSpan], int]:
    """Make the spans of a job, and return how many runs each of them has."""
    runs: Dict[str, List[Row]] = {}
    for name, row in zip(job.names, job.rows):
        # What was skipped has no place in time.
        if not row.skipped:
            runs.setdefault(name if row.lead_state is None else str(row.iteration), []).append(row)
    each = max(1, math.ceil(len(runs) / most))
    spans = [_span(name, of_run) for name, of_run in runs.items()]
    return (spans if each == 1 else [_joined(spans[at : at + each]) for at in range(0, len(spans), each)]), each


def _span(name: str, rows: Sequence[Row]) -> LaneSpan:
    row = rows[0]
    state = one_line(row.state if row.lead_state is None else row.lead_state, _SHORT)
    count = "" if row.lead_state is None else f", {len(rows)} result{'' if len(rows) == 1 else 's'}"
    return LaneSpan(
        name=name,
        start=row.start,
        end=None if row.end is None or row.start is None else max(row.start, row.end),
        planned=row.planned,
        results=tuple(row.result_time for row in rows if row.result_time is not None),
        succeeded=all(row.succeeded for row in rows),
        words=f"{state}{count}",
    )


def _joined(spans: Sequence[LaneSpan]) -> LaneSpan:
    """Make one span of consecutive runs."""
    starts = [span.start for span in spans if span.start is not None]
    ends = [end for span in spans for end in (span.end, span.start) if end is not None]
    failed = sum(not span.succeeded for span in spans)
    return LaneSpan(
        name=f"{spans[0].name} to {spans[-1].name}",
        start=min(starts, default=None),
        end=max(ends, default=None),
        planned=min((span.planned for span in spans if span.planned is not None), default=None),
        results=(),
        succeeded=not failed,
        words=f"{len(spans)} runs, {failed} failed" if failed else f"{len(spans)} runs, all succeeded",
    )


def _time_line(
    title: str, axis: str, lanes: Sequence[str], placed: Sequence[Tuple[int, str, LaneSpan]], each: int
) -> Optional[TimeLine]:
    starts = [span.start for _, _, span in placed if span.start is not None]
    if not starts:
        return None
    origin = min([*starts, *(span.planned for _, _, span in placed if span.planned is not None)])
    bars = tuple(_bars(placed, origin))
    planned = {(lane, _seconds(span.planned - origin)): None for lane, _, span in placed if span.planned is not None}
    results = [(lane, max(0.0, _seconds(at - origin))) for lane, _, span in placed for at in span.results]
    unrun = [
        (lane, 0.0 if span.planned is None else _seconds(span.planned - origin), f"{name} ({span.words}): did not run")
        for lane, name, span in placed
        if span.start is None
    ]
    length = max([bar.end for bar in bars] + [at for _, at in (*planned, *results)])
    step = next((step for step in _STEPS if length / step <= _MARKS), max(1, length // _MARKS))
    return TimeLine(
        title=title,
        caption="; ".join(_caption(each, placed)),
        axis=axis,
        lanes=tuple(lanes),
        bars=bars,
        planned=tuple(planned),
        results=tuple(results),
        unrun=tuple(unrun),
        origin=time_of_day(origin),
        step=step,
        end=round(step * max(1, math.ceil(length / step)), 1),
    )


def _caption(each: int, placed: Sequence[Tuple[int, str, LaneSpan]]) -> Iterator[str]:
    if each > 1:
        yield f"each bar: up to {each} runs"
    if any(span.start is None and span.planned is None for _, _, span in placed):
        yield "\N{BALLOT X} at the left edge: did not run"


def _bars(placed: Sequence[Tuple[int, str, LaneSpan]], origin: datetime) -> Iterator[Bar]:
    for lane, name, span in placed:
        if span.start is not None:
            end = span.start if span.end is None else span.end
            length = short_duration((end - span.start).total_seconds())
            known = "an unknown end" if span.end is None else f"{time_of_day(end)}, {length}"
            note = f"{name} ({span.words}): {time_of_day(span.start)} to {known}"
            yield Bar(lane, _seconds(span.start - origin), _seconds(end - origin), span.succeeded, note)


def _seconds(length: timedelta) -> float:
    return round(length.total_seconds(), 3)
