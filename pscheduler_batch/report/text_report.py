"""The report as plain text: a table of all runs, statistics of jobs, reasons for failures, expectations, and totals."""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import Iterable, Iterator, Sequence

from rich.text import Text

from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.rows import BatchReport, Row
from pscheduler_batch.report.run_table import (
    failure_lines,
    judgment_lines,
    load_lines,
    pooled_lines,
    row_columns,
    totals_line,
)
from pscheduler_batch.terminal.table import Column, line_pieces, long_table_lines

WIDTH = 120

_ROWS_AT_ONCE = 500


class TextReport:
    """The report for a file or a mail."""

    def __init__(self, width: int = WIDTH) -> None:
        """
        Set the width.

        Args:
            width: The most characters in a line.
        """
        self._width = width

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the report, without colors."""
        return line_pieces(self._lines(report), self._width)

    def _lines(self, report: BatchReport) -> Iterator[Text]:
        if report.rows:
            yield from long_table_lines(partial(_parts, report.rows), self._width)
            yield Text()
        error = [] if report.error is None else [Text(one_line(report.error))]
        for lines in (
            [*pooled_lines(report.jobs), *load_lines(report.jobs)],
            failure_lines(report),
            judgment_lines(report.judgments),
            error,
        ):
            yield from lines
            yield from [Text()] if lines else []
        yield Text(totals_line(report))


def _parts(rows: Iterable[Row]) -> Iterator[Sequence[Column]]:
    """Make the table in parts of some hundred rows."""
    left = iter(rows)
    for first in left:
        yield row_columns(chain([first], islice(left, _ROWS_AT_ONCE)))
