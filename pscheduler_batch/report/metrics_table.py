"""The metrics as a table of text: what each means, or what each is over all runs of a job."""

from __future__ import annotations

from itertools import groupby
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

from rich.text import Text

from pscheduler_batch.metrics.table import METRICS, Metric
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.rows import JobMetrics
from pscheduler_batch.terminal.capabilities import GREATEST_WIDTH, USUAL_WIDTH
from pscheduler_batch.terminal.table import WIDEST, Cell, Column, render_lines, table_lines, whole_width

_INDENT = "  "
# Lines of a table below a heading.
_Group = Tuple[str, Sequence[Metric]]


def describe_metrics(width: Optional[int]) -> str:
    """
    Write the table of all metrics, by the tests that have them.

    Args:
        width: The most characters in a line; None for as many as the table needs.
    """
    groups = [
        (", ".join(tests), list(metrics)) for tests, metrics in groupby(METRICS.values(), lambda each: each.tests)
    ]
    metrics = [metric for _, group in groups for metric in group]
    columns = (
        _names(metrics),
        Column("unit", tuple(Cell(metric.unit) for metric in metrics), 5, 5, 3),
        Column("better", tuple(Cell(metric.better) for metric in metrics), 6, 6, 1),
        _meanings(metrics),
    )
    return _grouped(columns, groups, width)


def job_metrics(jobs: Iterable[JobMetrics], width: Optional[int]) -> str:
    """
    Write the metrics of jobs, over all runs of each.

    Args:
        jobs: The metrics.
        width: The most characters in a line; None for as many as the table needs.
    """
    shown = list(jobs)
    if not shown:
        return "no run measured anything\n"
    groups = [(_heading(job), [METRICS[name] for name in job.metrics]) for job in shown]
    metrics = [metric for _, group in groups for metric in group]
    values = [value_words(value, METRICS[name].unit) for job in shown for name, value in job.metrics.items()]
    columns = (_names(metrics), Column("value", tuple(map(Cell, values)), 8, 12, 5, right=True), _meanings(metrics))
    return _grouped(columns, groups, width)


def grouped_lines(
    columns: Sequence[Column], groups: Sequence[Tuple[str, Sequence[object]]], width: Optional[int]
) -> Tuple[List[Text], int]:
    """
    Make the lines of a table that has headings between its rows.

    Args:
        columns: The columns of all rows.
        groups: The headings, each with what the rows below it are about; without any, there are no lines.
        width: The most characters in a line; None for as many as the table needs.

    Returns:
        The lines, and how many characters they need, as headings are not cut; at least 80 if that is not limited.
    """
    least = width or USUAL_WIDTH
    if not groups:
        return [], least
    width = width or whole_width(columns) + len(_INDENT)
    lines = iter(table_lines(columns, width, indent=_INDENT))
    parts = [next(lines), *_below_headings(groups, lines)]
    return parts, min(max(least, width, *(len(title) + 1 for title, _ in groups)), GREATEST_WIDTH)


def _names(metrics: Sequence[Metric]) -> Column:
    return Column("metric", tuple(Cell(metric.name) for metric in metrics), 21, 21, 5)


def _meanings(metrics: Sequence[Metric]) -> Column:
    return Column("meaning", tuple(Cell(metric.meaning) for metric in metrics), 24, 40, 4)


def _heading(job: JobMetrics) -> str:
    runs = "1 run" if job.runs == 1 else f"all {job.runs:,} runs"
    return f"{one_line(job.job_label, WIDEST)} ({job.test}, {runs})"


def _grouped(columns: Sequence[Column], groups: Sequence[_Group], width: Optional[int]) -> str:
    return render_lines(*grouped_lines(columns, groups, width))


def _below_headings(groups: Iterable[Tuple[str, Sequence[object]]], lines: Iterator[Text]) -> Iterator[Text]:
    for title, rows in groups:
        yield Text(f"{title}:")
        yield from (line for _, line in zip(rows, lines))
