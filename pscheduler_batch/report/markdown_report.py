"""
The report in Markdown: a summary for merge requests and wikis.

Text from labels and servers is in code spans, in which nothing is markup: no link, no image, no HTML, and no mention of
a user or an issue.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Iterable, Iterator, Sequence

from pscheduler_batch.metrics.headlines import load_words, pooled_words
from pscheduler_batch.report.formatting import one_line
from pscheduler_batch.report.rows import BatchReport, Row
from pscheduler_batch.report.run_table import (
    LONGEST_REASON,
    counts_words,
    failure_groups,
    judged_words,
    names_of,
    totals_line,
)
from pscheduler_batch.report.summary import JUDGMENTS, LOADS, MANY, summary_columns
from pscheduler_batch.terminal.table import WIDEST, Column

# The columns that contain only words and numbers of this program.
_PLAIN = frozenset({"result", "results", "duration", "runs", "failed", "skipped"})


class MarkdownReport:
    """The summary as GitHub, GitLab and most wikis read it: a table, the reasons for failures, and the totals."""

    def render(self, report: BatchReport) -> Iterator[str]:
        """Write the paragraphs."""
        yield f"## Batch: {_verdict(report)}\n\n{totals_line(replace(report, unrun=()))}.\n"
        if report.error is not None:
            yield f"\nThe batch ended early: {_code(report.error, LONGEST_REASON)}\n"
        if report.unrun:
            yield f"\nNot run: {names_of(report.unrun, _code)}\n"
        columns, left_out = summary_columns(report)
        if columns:
            yield from _table(columns)
        if left_out:
            yield f"\nand {left_out:,} more jobs\n"
        yield from _loads(report)
        yield from _reasons("Failures", report.failed)
        yield from _reasons("Skipped", report.skipped)
        if report.judgments:
            yield from _expectations(report)
        if len(report.rows) <= MANY:
            yield from _statistics(report)


def _verdict(report: BatchReport) -> str:
    counts = counts_words(len(report.rows), len(report.failed), len(report.skipped))
    if counts:
        return counts
    if report.error is not None:
        return "ended early"
    if report.unmet:
        return judged_words(report)
    return "all runs succeeded" if report.rows else "no runs"


def _table(columns: Sequence[Column]) -> Iterator[str]:
    yield f"\n{_line(column.title for column in columns)}"
    yield _line("--:" if column.right else "---" for column in columns)
    for cells in zip(*(column.cells for column in columns)):
        texts = (cell.text + cell.end for cell in cells)
        yield _line(text if column.title in _PLAIN else _code(text) for column, text in zip(columns, texts))


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _loads(report: BatchReport) -> Iterator[str]:
    words = [(job, load_words(job.metrics)) for job in report.jobs]
    lines = [f"- {_code(job.job_label)}: {said}\n" for job, said in words if said]
    if lines:
        yield "\n### Latency under load\n\n"
        yield from lines[:LOADS]
        if len(lines) > LOADS:
            yield f"- and {len(lines) - LOADS:,} more jobs\n"


def _reasons(title: str, rows: Iterable[Row]) -> Iterator[str]:
    groups, more = failure_groups(rows)
    if groups:
        yield f"\n### {title}\n\n"
    for group in groups:
        yield f"- {names_of(group.names, _code, group.count)}: {_code(group.reason, LONGEST_REASON)}\n"
    if more:
        yield f"- and {more:,} more reasons\n"


def _expectations(report: BatchReport) -> Iterator[str]:
    yield "\n### Expectations\n\n"
    ordered = sorted(report.judgments, key=lambda judgment: judgment.met)
    for judgment in ordered[:JUDGMENTS]:
        met = "met" if judgment.met else "**not met**"
        yield f"- {met}: {_code(judgment.words, LONGEST_REASON)}\n"
    if len(ordered) > JUDGMENTS:
        yield f"- and {len(ordered) - JUDGMENTS:,} more expectations\n"


def _statistics(report: BatchReport) -> Iterator[str]:
    words = [(job, pooled_words(job.metrics)) for job in report.jobs if job.runs > 1]
    lines = [f"- {_code(job.job_label)}, all {job.runs:,} runs: {said}\n" for job, said in words if said]
    if lines:
        yield "\n### All runs of a job\n\n"
        yield from lines


def _code(text: str, longest: int = WIDEST) -> str:
    r"""
    Write a text as a code span, fenced by more backticks than it has in a row.

    A vertical bar would end a cell of a table; implementations disagree about escaping it, so another bar replaces it.

    >>> print(_code("@all | a`b"))
    ``@all ¦ a`b``
    """
    line = one_line(text, longest).replace("|", "¦")
    if not line:
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", line)), default=0))
    padding = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{padding}{line}{padding}{fence}"
