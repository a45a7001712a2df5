"""The runs or jobs of a batch as a table of text, with the reasons for failures and the totals below it."""

from __future__ import annotations

import re
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from rich.text import Text

from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.headlines import load_words, pooled_words
from pscheduler_batch.metrics.table import METRICS, main_metrics
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.report.formatting import duration_words, one_line
from pscheduler_batch.report.rows import BatchReport, JobMetrics, Row
from pscheduler_batch.terminal.capabilities import GREATEST_WIDTH
from pscheduler_batch.terminal.table import WIDEST, Cell, Column
from pscheduler_batch.text import short_duration

# How many labels are named with a reason, how many reasons are given, and the most characters of each.
NAMED = 4
REASONS = 20
LONGEST_REASON = 1000

# A host with a port, which an IPv6 address without brackets cannot have.
_WITH_PORT = re.compile(r"([^:]+|\[.*\]):[0-9]+")

SUCCEEDED_STYLE = "green"
FAILED_STYLE = "bold red"


def row_columns(rows: Sequence[Row]) -> Tuple[Column, ...]:
    """Make the columns of a table with a line for every run."""
    several = {(row.job, row.iteration) for row in rows if row.run}
    styles = [SUCCEEDED_STYLE if row.succeeded else FAILED_STYLE for row in rows]
    labels = [_label_cell(row, several=(row.job, row.iteration) in several) for row in rows]
    return (
        Column("iteration", tuple(labels), 5 + max(len(label.end) for label in labels), 11, 5, most=GREATEST_WIDTH),
        Column("lead → destination", tuple(_path_cell(row) for row in rows), 14, 14, 2, most=GREATEST_WIDTH),
        Column("state", tuple(Cell(one_line(r.state, WIDEST), style=s) for r, s in zip(rows, styles)), 8, 9, 4),
        Column("result", tuple(Cell(_result_words(row)) for row in rows), 16, 30, 3, most=GREATEST_WIDTH),
        Column("duration", tuple(Cell(duration_words(row)) for row in rows), 11, 11, 1, right=True),
    )


def job_columns(jobs: Sequence[Sequence[Row]], metrics: Sequence[JobMetrics]) -> Tuple[Column, ...]:
    """
    Make the columns of a table with a line for every job.

    Args:
        jobs: The rows of each job.
        metrics: The metrics of jobs, those of other jobs among them.
    """
    words = [", ".join(_job_words(rows, [each for each in metrics if each.job == rows[0].job])) for rows in jobs]
    failed = [sum(not row.succeeded for row in rows) for rows in jobs]
    return (
        Column("job", tuple(Cell(one_line(rows[0].job_label, WIDEST)) for rows in jobs), 8, 14, 5),
        Column("runs", tuple(Cell(f"{len(rows):,}") for rows in jobs), 4, 6, 3, right=True),
        Column("failed", tuple(Cell(f"{n:,}", style=FAILED_STYLE if n else "") for n in failed), 6, 6, 4, right=True),
        Column("results", tuple(map(Cell, words)), 16, 30, 2, most=GREATEST_WIDTH),
    )


def pooled_lines(jobs: Sequence[JobMetrics]) -> List[Text]:
    """Write the statistics of all runs of each job with several, where the delays of packets are known."""
    words = [(job, pooled_words(job.metrics)) for job in jobs if job.runs > 1]
    return [Text(f"{one_line(job.job_label, WIDEST)}, all {job.runs:,} runs: {said}") for job, said in words if said]


def load_lines(jobs: Sequence[JobMetrics], write: Callable[[str], str] = str, most: Optional[int] = None) -> List[Text]:
    """
    Write the latency under load of each job that measured it (ADR 59).

    Args:
        jobs: The metrics of jobs.
        write: Makes any text fit for its reader.
        most: The most lines; None for all.
    """
    words = [(one_line(job.job_label, WIDEST), load_words(job.metrics)) for job in jobs]
    lines = [Text(write(f"{label}: {said}")) for label, said in words if said]
    more = 0 if most is None else len(lines) - most
    return [*lines[:most], *([Text(f"and latency under load of {more:,} more jobs")] if more > 0 else [])]


def failure_lines(failed: Sequence[Row], write: Callable[[str], str] = str) -> List[Text]:
    """
    Write why runs failed; those that failed for the same reason share a line.

    Args:
        failed: The rows of these runs.
        write: Makes any text fit for its reader.
    """
    groups = failure_groups(failed)
    lines = [
        Text.assemble((write(f"{names_of(labels)}: "), FAILED_STYLE), write(reason))
        for reason, labels in groups[:REASONS]
    ]
    if len(groups) > REASONS:
        lines.append(Text(f"and {len(groups) - REASONS:,} more reasons"))
    return lines


def failure_groups(failed: Sequence[Row]) -> List[Tuple[str, List[str]]]:
    """Return the reasons for failures, each with the names of the iterations that failed for it."""
    by_reason: Dict[str, Dict[str, None]] = {}
    for row in failed:
        by_reason.setdefault(one_line(row.reason or row.state, LONGEST_REASON), {})[one_line(row.label, WIDEST)] = None
    return [(reason, list(labels)) for reason, labels in by_reason.items()]


def names_of(labels: Sequence[str], write: Callable[[str], str] = str) -> str:
    """Write the first few of many names, and how many more there are."""
    more = len(labels) - NAMED
    return ", ".join(map(write, labels[:NAMED])) + (f" and {more:,} more" if more > 0 else "")


def judgment_lines(
    judgments: Sequence[Judgment], write: Callable[[str], str] = str, most: Optional[int] = None
) -> List[Text]:
    """
    Write which expectations were met, those first that were not.

    Args:
        judgments: The expectations with what was found.
        write: Makes any text fit for its reader.
        most: The most lines; None for all.
    """
    ordered = sorted(judgments, key=lambda judgment: judgment.met)
    lines = [
        Text.assemble(
            ("expectation met: ", SUCCEEDED_STYLE) if judgment.met else ("expectation NOT met: ", FAILED_STYLE),
            write(one_line(judgment.words, LONGEST_REASON)),
        )
        for judgment in ordered[:most]
    ]
    return [
        *lines,
        *([Text(f"and {len(ordered) - len(lines):,} more expectations")] if len(ordered) > len(lines) else []),
    ]


def judged_words(report: BatchReport) -> str:
    """
    Sum up the expectations, such as "1 of 3 expectations not met"; empty if there are none.

    Args:
        report: The results of the batch.
    """
    count, unmet = len(report.judgments), len(report.unmet)
    noun = f"expectation{'' if count == 1 else 's'}"
    if not count:
        return ""
    return f"{unmet:,} of {count:,} {noun} not met" if unmet else f"{count:,} {noun} met"


def totals_line(report: BatchReport) -> str:
    """Summarize a batch in one line, such as "12 runs: 11 succeeded, 1 failed; 3 min 5 s"."""
    count, failed = len(report.rows), len(report.failed)
    said = f"{count:,} run{'' if count == 1 else 's'}: {count - failed:,} succeeded, {failed:,} failed"
    parts = [said if count else "no runs"]
    parts += [words for words in (judged_words(report),) if words]
    if report.start is not None and report.end is not None and report.end >= report.start:
        parts.append(short_duration(round((report.end - report.start).total_seconds(), 1)))
    if report.unrun:
        parts.append(f"not run: {names_of(report.unrun, lambda label: one_line(label, WIDEST))}")
    if report.error is not None:
        parts.append("the batch ended early")
    return "; ".join(parts)


def _label_cell(row: Row, *, several: bool) -> Cell:
    run = f" run {row.run}" if several else ""
    return Cell(one_line(row.job_label, WIDEST), f"/{row.iteration}{run}")


def _path_cell(row: Row) -> Cell:
    """Cut the lead rather than the destination, as it differs less often, and its port first."""
    lead, destination = one_line(row.lead, WIDEST), one_line(row.destination, WIDEST)
    with_port = _WITH_PORT.fullmatch(lead)
    host = with_port[1] if with_port else lead
    if not destination:
        return Cell(lead, brief=host)
    alone = f"→ {destination}"
    return Cell(lead, f" {alone}", brief=host, alone=alone) if lead else Cell("", alone)


def _result_words(row: Row) -> str:
    """Return the headline; a failed run without metrics has its reason below the table instead."""
    if not row.succeeded and not row.metrics:
        return ""
    late = "" if row.late is None else f", {short_duration(row.late.total_seconds())} late"
    return one_line(row.headline, WIDEST) + late


def _job_words(rows: Sequence[Row], metrics: Sequence[JobMetrics]) -> Iterator[str]:
    """Write the statistics of all runs of a job; for tests without samples, the range of each main metric."""
    for of_test in metrics:
        words = pooled_words(of_test.metrics)
        yield words or _range_words([row for row in rows if row.test == of_test.test])


def _range_words(rows: Sequence[Row]) -> str:
    ranges: Dict[str, List[float]] = {}
    for row in rows:
        for name, value in main_metrics(row.metrics).items():
            ranges.setdefault(name, []).append(value)
    said: List[str] = []
    for name, values in ranges.items():
        ends = dict.fromkeys(value_words(value, METRICS[name].unit) for value in (min(values), max(values)))
        said.append(f"{METRICS[name].title.lower()} {' to '.join(ends)}")
    return ", ".join(said)
