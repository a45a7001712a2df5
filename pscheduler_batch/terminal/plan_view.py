"""
A plan on a terminal: a table of all iterations and a time line, for people.

Imported by those who show a plan and by nobody else, as rich takes its time. What is written is made as a whole first:
rich would end the program by itself where its reader has gone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Iterator, List, Mapping, Optional, Sequence, TextIO, Tuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.planning.timeline import JobTimes, Timeline, make_timeline
from pscheduler_batch.terminal.capabilities import GREATEST_WIDTH, USUAL_WIDTH, has_colors, known_width, render_lines
from pscheduler_batch.terminal.plan_rows import (
    PlanRow,
    clock,
    job_row,
    job_words,
    most_iterations,
    rows_of,
    shown_jobs,
    varying_words,
)
from pscheduler_batch.text import printable, two_units

NARROWEST = 12
GAP = 2

# More bars than this are one for each job.
MOST_BARS = 60

# One of so many parts of a line of the time line may be the label.
PARTS_OF_TIME_LINE = 3

# Below this width, what is only explained is left out.
EXPLAINED = 40


@dataclass(frozen=True)
class Column:
    """
    A column of the table.

    Attributes:
        title: Its title.
        name: The attribute of a row that it shows.
        least: How narrow it may become, in cells, where it is wider by nature.
        importance: Where there is no room, the column with the lowest goes first.
        width: How wide it is.
    """

    title: str
    name: str
    least: int
    importance: int
    width: int = 0


_COLUMNS = (
    Column("Iteration", "label", 9, 6),
    Column("Test", "test", 6, 3),
    Column("Destination", "destination", 8, 1),
    Column("Posted", "posted", 11, 2),
    Column("Starts", "starts", 14, 4),
    Column("Lasts", "lasts", 9, 5),
)


@dataclass(frozen=True)
class _Signs:
    """What the stream's encoding can take."""

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
    begin: datetime,
    width: Optional[int] = None,
    color: Optional[bool] = None,
    environ: Mapping[str, str] = os.environ,
) -> str:
    """
    Give a plan for people: totals, a table and a time line.

    Jobs with more than 40 iterations are summarized, and so are batches with more than 60 jobs; in a batch with more
    than 200 iterations, jobs with more than 5 are. On narrow terminals, columns are left out. Where the stream cannot
    take a character, its escape is in its place. In a file or a pipe nothing is cut: its lines are as long as they need
    to be, up to 1,000 cells.

    Args:
        batch: The batch.
        plan: The same, worked out.
        stream: Where it is going to be written, which is not done here; None where there is no such stream.
        begin: When the batch would begin; tells when it would end.
        width: How many cells a line may have; None is what ``COLUMNS`` says, else the terminal, else as many as
            the table needs, but no fewer than 80.
        color: Whether to use colors; None is: on a terminal, unless ``NO_COLOR`` is set or ``TERM`` is "dumb".
        environ: The environment.
    """
    timeline = make_timeline(plan)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    known = width if width is not None else known_width(stream, environ)
    cells = max(NARROWEST, _View(GREATEST_WIDTH, encoding).needed(timeline) if known is None else known)
    colored = color if color is not None else has_colors(stream, environ)
    view = _View(cells, encoding)
    return view.writable(render_lines(view.lines(batch, timeline, begin), cells, color=colored))


class _View:
    """Makes lines that fit one terminal."""

    def __init__(self, width: int, encoding: str) -> None:
        self._width = width
        self._encoding = encoding
        signs = f"{_SIGNS.more}{_SIGNS.waiting}{_SIGNS.running}{_SIGNS.unknown}{_SIGNS.at_most}"
        self._indent = " " * GAP if width >= EXPLAINED else ""
        self._signs = _SIGNS if self.writable(signs) == signs else _ASCII_SIGNS

    def writable(self, text: str) -> str:
        """Replace what the stream's encoding cannot take."""
        return text.encode(self._encoding, "backslashreplace").decode(self._encoding)

    def needed(self, timeline: Timeline) -> int:
        """Say how many cells a line must have for nothing of the table to be cut; no fewer than is usual."""
        most = most_iterations(timeline)
        rows = [self._fitted(row) for times in shown_jobs(timeline)[0] for row in rows_of(times, most)]
        widths = [self._natural(column, rows) for column in _COLUMNS]
        table = sum(width + GAP for width in widths if width)
        return min(max(table, PARTS_OF_TIME_LINE * widths[0], USUAL_WIDTH), GREATEST_WIDTH)

    def lines(self, batch: Batch, timeline: Timeline, begin: datetime) -> Iterator[Text]:
        """Give all lines; those that may be longer than the terminal is wide are for wrapping."""
        yield from self._header(batch, timeline, begin)
        jobs, left_out = shown_jobs(timeline)
        most = most_iterations(timeline)
        rows = {times.job.number: [self._fitted(row) for row in rows_of(times, most)] for times in jobs}
        columns = self._columns([row for found in rows.values() for row in found])
        if timeline.count:
            yield Text()
            yield self._line([(column.title, column.width) for column in columns], "bold", indent=self._indent)
        for times in jobs:
            if left_out and times is jobs[-1]:
                yield self._left_out(left_out)
            yield self._heading(times)
            for row in rows[times.job.number]:
                cells = [(self._whole(row, column), column.width) for column in columns]
                yield self._line(cells, indent=self._indent)
            if len(times.iterations) > most:
                yield Text(f"({self.writable(varying_words(times))})", "dim")
        if timeline.count:
            yield from self._time_line(timeline, jobs, left_out, rows)

    def _header(self, batch: Batch, timeline: Timeline, begin: datetime) -> Iterator[Text]:
        source = "" if batch.source is None else f"{printable(batch.source)}: "
        jobs, count = len(timeline.jobs), timeline.count
        words = f"{jobs:,} job{'s' if jobs != 1 else ''}, {count:,} iteration{'s' if count != 1 else ''}"
        if not count:
            yield Text(self.writable(f"{source}{words}: nothing to run"), "bold")
            return
        yield Text(self.writable(f"{source}{words}, at least {two_units(timeline.total)}"), "bold")
        yield Text(f"Begun at {_moment(begin)}, it would end at {_moment_after(begin, timeline.total)} or later.")
        if self._width >= EXPLAINED:
            ready = two_units(timeline.allowance.ready)
            yield Text(
                f"Times count from the begin and are the earliest: a server needs {ready} or more to get a task ready, "
                "and its tools some seconds beside the measurement.",
                "dim",
            )
        if timeline.unknown:
            unknown = f"{timeline.unknown:,} iteration{'s' if timeline.unknown > 1 else ''}"
            yield Text(f"How long {unknown} will take is not known (?), so nothing is counted for that.")
        if any(times.job.enabled and times.job.continue_if is not None for times in timeline.jobs):
            yield Text("A continue-if may end it sooner.")

    def _heading(self, times: JobTimes) -> Text:
        label = self._fit(self.writable(printable(times.job.label[: self._width * 2])), max(8, self._width // 2))
        text = Text(f"{label}: ", "bold")
        return text.append(job_words(times), "not bold" if times.job.enabled else "not bold dim")

    def _left_out(self, count: int) -> Text:
        return Text(f"{self._signs.more} {count:,} more jobs {self._signs.more}", "dim")

    def _fitted(self, row: PlanRow) -> PlanRow:
        """Make the words of a row fit to be measured: with nothing in them that the stream cannot take."""
        label, test, destination = map(self.writable, (row.label, row.test, row.destination))
        return replace(row, label=label, test=test, destination=destination)

    def _columns(self, rows: Sequence[PlanRow]) -> Tuple[Column, ...]:
        """Choose the columns and their widths: less important ones go, and what is left of the width is shared."""
        room = self._width - len(self._indent)
        wanted = [replace(column, width=self._natural(column, rows)) for column in _COLUMNS]
        kept = [column for column in wanted if column.width]
        if room >= EXPLAINED:
            kept = [replace(column, least=column.width) if column.name == "lasts" else column for column in kept]
        while len(kept) > 1 and sum(min(c.least, c.width) + GAP for c in kept) - GAP > room:
            kept.remove(min(kept, key=lambda column: column.importance))
        widths = {column.name: min(column.least, column.width, room) for column in kept}
        spare = room - sum(width + GAP for width in widths.values()) + GAP
        # None takes all before the others have had a fair share.
        order = sorted(kept, key=lambda column: -column.importance)
        for share in (room // 4, room):
            for column in order:
                extra = max(0, min(spare, min(column.width, share) - widths[column.name]))
                widths[column.name] += extra
                spare -= extra
        return tuple(replace(column, width=widths[column.name]) for column in kept)

    def _whole(self, row: PlanRow, column: Column) -> str:
        """Give the words of a cell; of a time that does not fit, nothing, as a part of it would be another time."""
        text = _cell(row, column, self._signs)
        is_time = column.name in ("posted", "starts", "lasts")
        return self._signs.more if is_time and cell_len(text) > column.width else text

    def _natural(self, column: Column, rows: Sequence[PlanRow]) -> int:
        widest = max((cell_len(_cell(row, column, self._signs)) for row in rows), default=0)
        return max(widest, len(column.title)) if widest else 0

    def _line(self, cells: Sequence[Tuple[str, int]], style: str = "", *, indent: str = "") -> Text:
        parts = [self._padded(text, width) for text, width in cells]
        return Text(indent + (" " * GAP).join(parts), style, no_wrap=True, overflow="crop")

    def _padded(self, text: str, width: int) -> str:
        return set_cell_size(self._fit(text, width), width)

    def _fit(self, text: str, width: int) -> str:
        """Cut a text to a width; the number behind the label of a job stays."""
        if cell_len(text) <= width and len(text) <= 2 * width:
            return text
        head, slash, number = text.rpartition("/")
        tail = (
            f"{slash}{number}" if slash and number.isdecimal() and len(number) < width - len(self._signs.more) else ""
        )
        room = max(0, width - len(self._signs.more) - len(tail))
        # What takes no room of its own, such as accents, may be there a thousand times.
        cut = set_cell_size((head if tail else text)[: 2 * room], room).rstrip()
        return set_cell_size(f"{cut}{self._signs.more}{tail}", width).rstrip()

    def _time_line(
        self, timeline: Timeline, jobs: Sequence[JobTimes], left_out: int, rows: Mapping[int, Sequence[PlanRow]]
    ) -> Iterator[Text]:
        by_job = sum(map(len, rows.values())) > MOST_BARS
        bars: List[Optional[PlanRow]] = []
        for times in jobs:
            if left_out and times is jobs[-1]:
                bars.append(None)
            if times.iterations:
                bars += [self._fitted(job_row(times))] if by_job else rows[times.job.number]
        labels = [_cell(bar, _COLUMNS[0], self._signs) for bar in bars if bar is not None]
        label_width = min(max(map(cell_len, labels)), max(5, self._width // PARTS_OF_TIME_LINE))
        scale = _Scale(timeline.total, max(4, self._width - label_width - GAP))
        yield Text()
        yield self._line([("", label_width), (scale.axis(), scale.width)], "dim")
        for bar in bars:
            if bar is None:
                yield self._left_out(left_out)
                continue
            label = _cell(bar, _COLUMNS[0], self._signs)
            line = Text(self._padded(label, label_width) + " " * GAP, no_wrap=True, overflow="crop")
            yield line.append_text(self._bar(bar, scale))
        signs = self._signs
        yield Text(f"{signs.waiting} getting ready  {signs.running} running  {signs.unknown} not known how long", "dim")

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
    """Columns for moments."""

    def __init__(self, total: timedelta, width: int) -> None:
        self.width = width
        self._seconds = max(total.total_seconds(), 1.0)

    def column(self, moment: timedelta) -> int:
        """Give the column that a moment is in."""
        return int(moment.total_seconds() / self._seconds * self.width)

    def axis(self) -> str:
        """Write the times above the columns, as many as have room."""
        axis = ""
        for part in range(5):
            word = clock(timedelta(seconds=round(self._seconds * part / 4)))
            # The last one stands before the end, the others behind what they say.
            column = self.width * part // 4 if part < 4 else self.width - len(word)  # noqa: PLR2004 - quarters
            if column + len(word) <= self.width and (column >= len(axis) + GAP or not part):
                axis = axis.ljust(column) + word
        return axis


def _cell(row: PlanRow, column: Column, signs: _Signs) -> str:
    if column.name == "label":
        return f"{row.label}{row.number}".replace("...", signs.more) if not row.label else f"{row.label}{row.number}"
    text = str(getattr(row, column.name))
    return text.replace("<= ", signs.at_most) if column.name == "lasts" else text


def _moment(moment: datetime) -> str:
    return format_timestamp(moment.replace(microsecond=0)).replace("T", " ")


def _moment_after(begin: datetime, span: timedelta) -> str:
    try:
        return _moment(begin + span)
    except OverflowError:
        return "a time after the year 9999"
