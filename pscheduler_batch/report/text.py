"""The report as plain text: every run in a table, why some failed, and how many did."""

from __future__ import annotations

from typing import TYPE_CHECKING, List

from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.report.run_table import failure_lines, row_columns, totals_line
from pscheduler_batch.report.words import one_line
from pscheduler_batch.terminal.capabilities import render_lines
from pscheduler_batch.terminal.table import make_table

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 120


class TextReport:
    """A table with a line for every run, for a file or a mail."""

    def __init__(self, width: int = WIDTH) -> None:
        """
        Choose the form.

        Args:
            width: How many characters a line has at most.
        """
        self._width = width

    def render(self, account: BatchReport) -> str:
        """Write the report, without colors."""
        parts: List[RenderableType] = []
        if account.rows:
            parts += [make_table(row_columns(account.rows), self._width), ""]
        parts += [*failure_lines(account.failed), *([""] if account.failed else [])]
        if account.error is not None:
            parts += [one_line(account.error), ""]
        return render_lines([*parts, totals_line(account)], self._width)
