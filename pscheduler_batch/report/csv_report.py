"""The report for spreadsheets and data frames: CSV (RFC 4180), one line per run."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from typing import Dict, Iterable, Iterator, List, Optional, Set

from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import column_name
from pscheduler_batch.model import JSON
from pscheduler_batch.report.formatting import one_line, plain_number
from pscheduler_batch.report.rows import BatchReport, Row

# The columns that are always present; metrics and what varies between iterations follow.
COLUMNS = (
    "job",
    "iteration",
    "run",
    "label",
    "test",
    "lead",
    "destination",
    "state",
    "succeeded",
    "planned",
    "start",
    "end",
    "duration (s)",
    "late (s)",
    "headline",
    "reason",
)
# Only present if a run is one of several results of a task.
RESULT_TIME = "result-time"
# Spreadsheets evaluate a cell that begins so as a formula.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class CsvReport:
    """
    One line for every run, and for every iteration without a run.

    Numbers are in base units and not rounded (ADR 53). A text that a spreadsheet would evaluate as a formula is
    preceded by an apostrophe. Lines end with CR and LF, and no cell contains a line end.
    """

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the names of the columns and the lines."""
        columns = CsvColumns()
        for row in report.rows:
            columns.add(row)
        return columns.lines(report.rows)


class CsvColumns:
    """The columns of a table, which depend on all its rows; for these, it is enough that each was seen once."""

    def __init__(self) -> None:
        """Start with those that are always present."""
        self._several: List[str] = []
        self._metrics: Set[str] = set()
        # A dictionary, as it keeps the order of first appearance.
        self._varied: Dict[str, None] = {}

    def add(self, row: Row) -> None:
        """Add those that a row needs."""
        self._metrics.update(row.metrics)
        self._varied.update(dict.fromkeys(row.varied))
        if row.result_time is not None:
            self._several = [RESULT_TIME]

    def lines(self, rows: Iterable[Row]) -> Iterator[str]:
        """Write the names of the columns and a line for each row."""
        metrics = [name for name in METRICS if name in self._metrics]
        writer = csv.writer(_Line(), lineterminator="\r\n")
        named = [column_name(name, METRICS[name].unit) for name in metrics]
        yield writer.writerow([*COLUMNS, *self._several, *named, *(_cell(where) for where in self._varied)])
        for row in rows:
            measured = [plain_number(row.metrics[name]) if name in row.metrics else "" for name in metrics]
            given = [csv_value(row.varied[where]) if where in row.varied else "" for where in self._varied]
            made = [_time(row.result_time) for _ in self._several]
            yield writer.writerow([*_fixed_cells(row), *made, *measured, *given])


class _Line:
    """A stream for csv's writer, which returns what the stream returns: the line that was written."""

    def write(self, line: str) -> str:
        return line


def _fixed_cells(row: Row) -> List[str]:
    cells: Dict[str, str] = {
        "job": str(row.job),
        "iteration": str(row.iteration),
        "run": "" if row.run is None else str(row.run),
        "label": _cell(row.job_label),
        "test": _cell(row.test),
        "lead": _cell(row.lead),
        "destination": _cell(row.destination),
        "state": _cell(row.state),
        "succeeded": csv_value(row.succeeded),
        "planned": _time(row.planned),
        "start": _time(row.start),
        "end": _time(row.end),
        "duration (s)": _seconds(row.duration),
        "late (s)": _seconds(row.late),
        "headline": _cell(row.headline),
        "reason": _cell(row.reason or ""),
    }
    return [cells[name] for name in COLUMNS]


def _cell(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if line.startswith(_FORMULA) else line


def csv_value(value: JSON) -> str:
    """Write a JSON value in a cell; text that a spreadsheet would evaluate is preceded by an apostrophe."""
    return _cell(value) if isinstance(value, str) else json.dumps(value)


def _seconds(span: Optional[timedelta]) -> str:
    return "" if span is None else plain_number(span.total_seconds())


def _time(moment: Optional[datetime]) -> str:
    return "" if moment is None else moment.isoformat()
