"""The report as plain text: a table of all runs, statistics of jobs, reasons for failures, expectations, and totals."""

from __future__ import annotations

from typing import List

from rich.text import Text

from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.report.run_table import (
    failure_lines,
    judgment_lines,
    load_lines,
    pooled_lines,
    row_columns,
    totals_line,
)
from pscheduler_batch.terminal.table import render_lines, table_lines

WIDTH = 120


class TextReport:
    """The report for a file or a mail."""

    def __init__(self, width: int = WIDTH) -> None:
        """
        Set the width.

        Args:
            width: The most characters in a line.
        """
        self._width = width

    def render(self, report: BatchReport) -> str:
        """Write the report, without colors."""
        parts: List[Text] = []
        if report.rows:
            parts += [*table_lines(row_columns(report.rows), self._width), Text()]
        pooled = [*pooled_lines(report.jobs), *load_lines(report.jobs)]
        parts += [*pooled, *([Text()] if pooled else [])]
        parts += [*failure_lines(report.failed), *([Text()] if report.failed else [])]
        judged = judgment_lines(report.judgments)
        parts += [*judged, *([Text()] if judged else [])]
        if report.error is not None:
            parts += [Text(one_line(report.error)), Text()]
        return render_lines([*parts, Text(totals_line(report))], self._width)
