"""
The summary on the terminal at the end of a batch.

A small batch has a line for every run, a large one a line for every job; both give the reasons for failures in full.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import List, Mapping, Optional, Sequence, TextIO, Tuple, Union

from rich.text import Text

from pscheduler_batch.model import JSONObject
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.report.run_table import (
    JobTally,
    failure_lines,
    job_columns,
    judgment_lines,
    load_lines,
    row_columns,
    totals_line,
)
from pscheduler_batch.terminal.capabilities import GREATEST_WIDTH, USUAL_WIDTH, encoding_of, has_colors, known_width
from pscheduler_batch.terminal.table import ELLIPSIS, Column, render_lines, table_lines, whole_width
from pscheduler_batch.text import encodable

# With more runs, only jobs are shown; with more jobs, not all of them.
MANY = 50
# How many expectations are shown, and of how many jobs the latency under load.
JUDGMENTS = 20
LOADS = 20


def print_summary(
    of: Union[JSONObject, BatchReport],
    *,
    stream: Optional[TextIO],
    environ: Mapping[str, str],
    width: Optional[int] = None,
    color: Optional[bool] = None,
    notes: Sequence[str] = (),
) -> None:
    """
    Write the summary of a batch.

    Args:
        of: Its output document, or its report if that exists already.
        stream: Where to write; None, which Python has for a closed stream, is ignored, and so is a stream that
            cannot be written to, as there is no place left to report that.
        environ: The environment: COLUMNS sets the width, NO_COLOR and TERM turn colors off.
        width: The most characters in a line; if not given, that of ``COLUMNS`` or the terminal, and in a file or a pipe
            as many as the table needs.
        color: Whether to use colors; if not given, on terminals that have them.
        notes: Lines about the batch as a whole, to stand before the totals.
    """
    if stream is None:
        return
    report = of if isinstance(of, BatchReport) else report_of(of)
    text = summary_of(
        report,
        width=known_width(stream, environ) if width is None else width,
        color=has_colors(stream, environ) if color is None else color,
        encoding=encoding_of(stream, environ),
        notes=notes,
    )
    with suppress(OSError):
        stream.write(text)
        stream.flush()


def summary_of(
    report: BatchReport,
    *,
    width: Optional[int],
    color: bool = False,
    encoding: str = "utf-8",
    notes: Sequence[str] = (),
) -> str:
    """
    Write a summary as text.

    Args:
        report: The results of the batch.
        width: The most characters in a line; None for as many as the table needs, but at least 80.
        color: Whether to use colors.
        encoding: The encoding of the reader; characters that it lacks are replaced.
        notes: Lines about the batch as a whole, to stand before the totals.
    """
    write = partial(encodable, encoding=encoding)
    found, left_out = summary_columns(report)
    columns = tuple(column.rewritten(write) for column in found)
    if width is None:
        width = max(whole_width(columns), USUAL_WIDTH)
    width = min(max(width, 1), GREATEST_WIDTH)
    parts = table_lines(columns, width, more=write(ELLIPSIS)) if columns else []
    if left_out:
        parts.append(Text(f"and {left_out:,} more jobs"))
    parts += load_lines(report.jobs, write, LOADS)
    parts += failure_lines(report, write)
    parts += judgment_lines(report.judgments, write, JUDGMENTS)
    parts += [Text(write(note)) for note in notes]
    return render_lines([*parts, Text(write(totals_line(report)))], width, color=color)


def summary_columns(report: BatchReport) -> Tuple[Tuple[Column, ...], int]:
    """
    Make the table of a summary: all runs, or if they are many, the most telling jobs.

    Returns:
        The columns, none without runs, and how many jobs are not among them.
    """
    if len(report.rows) <= MANY:
        return row_columns(report.rows) if report.rows else (), 0
    jobs = [JobTally(rows) for _, rows in groupby(report.rows, key=lambda row: row.job)]
    shown = _most_telling(jobs)
    return job_columns(shown, report.jobs), len(jobs) - len(shown)


def _most_telling(jobs: Sequence[JobTally]) -> List[JobTally]:
    """Choose the jobs to show, preferring those with failures, in their order."""
    if len(jobs) <= MANY:
        return list(jobs)
    order = sorted(range(len(jobs)), key=lambda number: not jobs[number].failed)
    return [jobs[number] for number in sorted(order[:MANY])]
