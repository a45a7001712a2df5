"""
A plan on a terminal: a table of all iterations and a time line, for people.

Import this only to show a plan: rich is slow to import. The text is made as a whole before it is written, as rich would
exit the program if its reader went away.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Iterator, List, Mapping, Optional, Sequence, TextIO, Tuple

from rich.cells import cell_len
from rich.text import Text

from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.planning.timeline import JobTimes, Timeline, make_timeline
from pscheduler_batch.terminal.capabilities import GREATEST_WIDTH, USUAL_WIDTH, encoding_of, has_colors, known_width
from pscheduler_batch.terminal.plan_rows import (
    PlanRow,
    job_row,
    job_words,
    most_iterations,
    rows_of,
    shown_jobs,
    time_offset,
    varying_words,
)
from pscheduler_batch.terminal.table import GAP, Cell, Column, cut_cell, pad, render_lines, table_lines, whole_width
from pscheduler_batch.text import count_words, encodable, printable, two_units

NARROWEST = 12

# With more bars than this, each job has one bar.
MOST_BARS = 60

# The label takes at most one of so many parts of a line of the time line.
PARTS_OF_TIME_LINE = 3

# Below this width, explanations are left out.
EXPLAINED = 40


@dataclass(frozen=True)
class _Signs:
    """Characters that the stream's encoding can take."""

    more: str
    waiting: str
    running: str
    unknown: str
    at_most: str


_SIGNS = _Signs(more="…", waiting="·", running="█", unknown="▒", at_most="≤ ")
_ASCII_SIGNS = _Signs(more="...", waiting=".", running="#", unknown="?", at_most="<= ")


def plan_text(
    batch: Batch,
    plan: Plan,
    *,
    stream: Optional[TextIO],
    start: datetime,
    width: Optional[int] = None,
    color: Optional[bool] = None,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """
    Write a plan for people: totals, a table and a time line.

    Jobs with more than 40 iterations are summarized, and so are batches with more than 60 jobs; in a batch with more
    than 200 iterations, jobs with more than 5 are. On narrow terminals, columns are left out. Characters that the
    stream cannot take are replaced by their escapes. In a file or a pipe nothing is cut: lines are as long as they need
    to be, up to 1,000 cells.

    Args:
        batch: The batch.
        plan: Its plan.
        stream: Where the text will be written, which this function does not do; None where there is no such stream.
        start: When the batch would start.
        width: The most cells in a line; if not given, ``COLUMNS``, else the width of the terminal, else as many as
            the table needs, but at least 80.
        color: Whether to use colors; if not given, on a terminal, unless ``NO_COLOR`` is set or ``TERM`` is "dumb".
        environ: The environment.
    """
    timeline = make_timeline(plan)
    encoding = encoding_of(stream, environ)
    known = width if width is not None else known_width(stream, environ)
    cells = max(NARROWEST, _View(timeline, GREATEST_WIDTH, encoding).needed_width() if known is None else known)
    colored = color if color is not None else has_colors(stream, environ)
    view = _View(timeline, cells, encoding)
    return view.writable(render_lines(view.lines(batch, start), cells, color=colored))


class _View:
    """Makes the lines of one plan for one terminal."""

    def __init__(self, timeline: Timeline, width: int, encoding: str) -> None:
        self._timeline = timeline
        self._width = width
        self._encoding = encoding
        signs = f"{_SIGNS.more}{_SIGNS.waiting}{_SIGNS.running}{_SIGNS.unknown}{_SIGNS.at_most}"
        self._signs = _SIGNS if self.writable(signs) == signs else _ASCII_SIGNS
        self._indent = " " * GAP if width >= EXPLAINED else ""
        self._jobs, self._left_out = shown_jobs(timeline)
        self._most = most_iterations(timeline)
        self._rows = [[self._encoded(row) for row in rows_of(times, self._most)] for times in self._jobs]
        self._columns = self._columns_of([row for rows in self._rows for row in rows])

    def writable(self, text: str) -> str:
        """Replace what the stream's encoding cannot take."""
        return encodable(text, self._encoding)

    def needed_width(self) -> int:
        """Return the width at which nothing of the table is cut, and at least the usual width."""
        if not self._columns:
            return USUAL_WIDTH
        table = len(self._indent) + whole_width(self._columns)
        label = whole_width(self._columns[:1])
        return min(max(table, PARTS_OF_TIME_LINE * label, USUAL_WIDTH), GREATEST_WIDTH)

    def lines(self, batch: Batch, start: datetime) -> Iterator[Text]:
        """Make all lines; those that may be longer than the terminal is wide are for wrapping."""
        yield from self._header(batch, start)
        table: Iterator[Text] = iter(())
        if self._columns:
            table = iter(table_lines(self._columns, self._width, more=self._signs.more, indent=self._indent))
            yield Text()
            yield next(table)
        for times, rows in zip(self._jobs, self._rows):
            if self._left_out and times is self._jobs[-1]:
                yield self._jobs_left_out()
            yield self._heading(times)
            yield from islice(table, len(rows))
            if len(times.iterations) > self._most:
                yield Text(f"({self.writable(varying_words(times))})", "dim")
        if self._columns:
            yield from self._time_line()

    def _header(self, batch: Batch, start: datetime) -> Iterator[Text]:
        timeline = self._timeline
        source = "" if batch.source is None else f"{printable(batch.source)}: "
        words = f"{count_words(len(timeline.jobs), 'job')}, {count_words(timeline.count, 'iteration')}"
        if not timeline.count:
            yield Text(self.writable(f"{source}{words}: nothing to run"), "bold")
            return
        yield Text(self.writable(f"{source}{words}, at least {two_units(timeline.total)}"), "bold")
        end = _moment_after(start, timeline.total)
        yield Text(f"If started at {_moment(start)}, it ends at {end} at the earliest.")
        if self._width >= EXPLAINED:
            ready = two_units(timeline.delays.ready)
            yield Text(
                f"Times are relative to the start, and the earliest possible: a server needs at least {ready} to "
                "prepare a task, and tools take some seconds besides the measurement.",
                "dim",
            )
        if timeline.unknown:
            unknown = count_words(timeline.unknown, "iteration")
            yield Text(f"The duration of {unknown} is unknown (?) and counted as zero.")
        if any(times.job.enabled and times.job.continue_if is not None for times in timeline.jobs):
            yield Text("A continue-if may end the batch earlier.")

    def _heading(self, times: JobTimes) -> Text:
        label = Cell(self.writable(printable(times.job.label[: self._width * 2])))
        text = Text(f"{cut_cell(label, max(8, self._width // 2), self._signs.more)}: ", "bold")
        return text.append(job_words(times), "not bold" if times.job.enabled else "not bold dim")

    def _jobs_left_out(self) -> Text:
        return Text(f"{self._signs.more} {self._left_out:,} more jobs {self._signs.more}", "dim")

    def _encoded(self, row: PlanRow) -> PlanRow:
        """Replace what the stream cannot take in the words of a row, so that they can be measured."""
        label, test, source, destination = map(self.writable, (row.label, row.test, row.source, row.destination))
        return replace(row, label=label, test=test, source=source, destination=destination)

    def _columns_of(self, rows: Sequence[PlanRow]) -> Tuple[Column, ...]:
        """Make the columns of the table, without empty ones."""
        durations = [self._time(row.lasts.replace("<= ", self._signs.at_most)) for row in rows]
        longest = max((cell_len(cell.text) for cell in durations), default=0)
        least = max(longest, len("Lasts")) if self._width >= EXPLAINED else 9
        columns = (
            Column("Iteration", tuple(map(self._label, rows)), 9, 15, 6, most=GREATEST_WIDTH),
            Column("Test", tuple(Cell(row.test) for row in rows), 6, 10, 3, most=GREATEST_WIDTH),
            Column("Source", tuple(Cell(row.source) for row in rows), 8, 11, 0, most=GREATEST_WIDTH),
            Column("Destination", tuple(Cell(row.destination) for row in rows), 8, 11, 1, most=GREATEST_WIDTH),
            Column("Posted", tuple(self._time(row.posted) for row in rows), 11, 11, 2),
            Column("Starts", tuple(self._time(row.starts) for row in rows), 14, 14, 4),
            Column("Lasts", tuple(durations), least, least, 5),
        )
        return tuple(column for column in columns if any(cell.text or cell.end for cell in column.cells))

    def _label(self, row: PlanRow) -> Cell:
        return Cell(row.label, row.number) if row.label else Cell(row.number.replace("...", self._signs.more))

    def _time(self, words: str) -> Cell:
        """Make a cell that is shown whole or not at all, as a part of a time would be another time."""
        return Cell(words, brief=self._signs.more)

    def _time_line(self) -> Iterator[Text]:
        by_job = sum(map(len, self._rows)) > MOST_BARS
        bars: List[Optional[PlanRow]] = []
        for times, rows in zip(self._jobs, self._rows):
            if self._left_out and times is self._jobs[-1]:
                bars.append(None)
            if times.iterations:
                bars += [self._encoded(job_row(times))] if by_job else rows
        labels = [Cell("") if bar is None else self._label(bar) for bar in bars]
        longest = max(cell_len(label.text + label.end) for label in labels)
        label_width = min(longest, max(5, self._width // PARTS_OF_TIME_LINE))
        scale = _Scale(self._timeline.total, max(4, self._width - label_width - GAP))
        yield Text()
        yield Text(" " * (label_width + GAP) + scale.axis(), "dim", no_wrap=True, overflow="crop")
        for bar, label in zip(bars, labels):
            if bar is None:
                yield self._jobs_left_out()
                continue
            name = pad(cut_cell(label, label_width, self._signs.more), label_width + GAP)
            yield Text(name, no_wrap=True, overflow="crop").append_text(self._bar(bar, scale))
        signs = self._signs
        yield Text(f"{signs.waiting} preparing  {signs.running} running  {signs.unknown} unknown duration", "dim")

    def _bar(self, row: PlanRow, scale: _Scale) -> Text:
        begin, start, end = (scale.column(moment) for moment in (row.begin, row.start, row.end))
        start = min(start, scale.width - 1)
        bar = Text(" " * min(begin, start) + self._signs.waiting * (start - begin))
        if row.end > row.start:
            bar.append(self._signs.running * max(1, end - start), "green")
        if not row.known and cell_len(bar.plain) < scale.width:
            bar.append(self._signs.unknown, "yellow")
        elif row.end == row.start:
            bar.append(self._signs.running, "green")
        return bar


class _Scale:
    """Converts times to columns of the time line."""

    def __init__(self, total: timedelta, width: int) -> None:
        self.width = width
        self._seconds = max(total.total_seconds(), 1.0)

    def column(self, moment: timedelta) -> int:
        """Return the column that a time falls into."""
        return int(moment.total_seconds() / self._seconds * self.width)

    def axis(self) -> str:
        """Write as many times above the columns as fit."""
        axis = ""
        for part in range(5):
            word = time_offset(timedelta(seconds=round(self._seconds * part / 4)))
            # The last time ends at its column, the others start there.
            column = self.width * part // 4 if part < 4 else self.width - len(word)  # noqa: PLR2004 - quarters
            if column + len(word) <= self.width and (column >= len(axis) + GAP or not part):
                axis = axis.ljust(column) + word
        return axis


def _moment(moment: datetime) -> str:
    return format_timestamp(moment.replace(microsecond=0)).replace("T", " ")


def _moment_after(start: datetime, span: timedelta) -> str:
    try:
        return _moment(start + span)
    except OverflowError:
        return "a time after the year 9999"
