"""The runs or jobs of a batch as a table of text, with the reasons for failures and the totals below it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from rich.text import Text

from pscheduler_batch.metrics.expectations import Judgment
from pscheduler_batch.metrics.headlines import load_words, pooled_words
from pscheduler_batch.metrics.table import METRICS, main_metrics
from pscheduler_batch.metrics.units import value_words
from pscheduler_batch.report.formatting import duration_words, one_line
from pscheduler_batch.report.rows import BatchReport, JobMetrics, Row
from pscheduler_batch.terminal.capabilities import GREATEST_WIDTH
from pscheduler_batch.terminal.table import WIDEST, Cell, Column
from pscheduler_batch.text import count_words, short_duration

# How many labels are named with a reason, how many reasons are given, and the most characters of each.
NAMED = 4
REASONS = 20
LONGEST_REASON = 1000

# A host with a port, which an IPv6 address without brackets cannot have.
_WITH_PORT = re.compile(r"([^:]+|\[.*\]):[0-9]+")

SUCCEEDED_STYLE = "green"
FAILED_STYLE = "bold red"


def row_columns(rows: Iterable[Row]) -> Tuple[Column, ...]:
    """Make the columns of a table with a line for every run, of which there is at least one."""
    labels, paths, states, results, durations = zip(*map(_row_cells, rows))
    return (
        Column("iteration", labels, 5 + max(len(label.end) for label in labels), 11, 5, most=GREATEST_WIDTH),
        Column("lead → destination", paths, 14, 14, 2, most=GREATEST_WIDTH),
        Column("state", states, 8, 9, 4),
        Column("result", results, 16, 30, 3, most=GREATEST_WIDTH),
        Column("duration", durations, 11, 11, 1, right=True),
    )


def _row_cells(row: Row) -> Tuple[Cell, ...]:
    return (
        _label_cell(row),
        _path_cell(row),
        Cell(one_line(row.state, WIDEST), style=_style_of(row)),
        Cell(_result_words(row)),
        Cell(duration_words(row)),
    )


def _style_of(row: Row) -> str:
    if row.skipped:
        return ""
    return FAILED_STYLE if row.failed else SUCCEEDED_STYLE


class JobTally:
    """
    What a line about a job needs of its rows.

    Attributes:
        number: The number of the job.
        label: Its label.
        runs: How many rows it has.
        failed: How many of them failed.
        skipped: How many of them were skipped.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        """Go through the rows, of which there is at least one."""
        self.runs = self.failed = self.skipped = 0
        # The smallest and the largest value of each main metric, by type of test.
        self._ranges: Dict[str, Dict[str, Tuple[float, float]]] = {}
        for row in rows:
            self.number, self.label = row.job, row.job_label
            self.runs += 1
            self.failed += row.failed
            self.skipped += row.skipped
            ranges = self._ranges.setdefault(row.test, {})
            for name, value in main_metrics(row.metrics).items():
                least, most = ranges.get(name, (value, value))
                ranges[name] = min(least, value), max(most, value)

    def words(self, metrics: Iterable[JobMetrics]) -> str:
        """Write the statistics of all runs of the job; for tests without samples, the range of each main metric."""
        own = (each for each in metrics if each.job == self.number)
        return ", ".join(pooled_words(each.metrics) or self._range_words(each.test) for each in own)

    def _range_words(self, test: str) -> str:
        said: List[str] = []
        for name, values in self._ranges.get(test, {}).items():
            ends = dict.fromkeys(value_words(value, METRICS[name].unit) for value in values)
            said.append(f"{METRICS[name].title.lower()} {' to '.join(ends)}")
        return ", ".join(said)


def job_columns(jobs: Sequence[JobTally], metrics: Sequence[JobMetrics]) -> Tuple[Column, ...]:
    """
    Make the columns of a table with a line for every job.

    Args:
        jobs: The jobs.
        metrics: The metrics of jobs, those of other jobs among them.
    """
    failed = tuple(Cell(f"{job.failed:,}", style=FAILED_STYLE if job.failed else "") for job in jobs)
    skipped = tuple(Cell(f"{job.skipped:,}") for job in jobs)
    return (
        Column("job", tuple(Cell(one_line(job.label, WIDEST)) for job in jobs), 8, 14, 5),
        Column("runs", tuple(Cell(f"{job.runs:,}") for job in jobs), 4, 6, 3, right=True),
        Column("failed", failed, 6, 6, 4, right=True),
        *([Column("skipped", skipped, 7, 7, 4, right=True)] if any(job.skipped for job in jobs) else []),
        Column("results", tuple(Cell(job.words(metrics)) for job in jobs), 16, 30, 2, most=GREATEST_WIDTH),
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


def failure_lines(report: BatchReport, write: Callable[[str], str] = str) -> List[Text]:
    """
    Write why runs failed, and why others were skipped; those with the same reason share a line.

    Args:
        report: The results of the batch.
        write: Makes any text fit for its reader.
    """
    groups, more = failure_groups(chain(report.failed, report.skipped))
    lines = [
        Text.assemble((write(f"{names_of(group.names, count=group.count)}: "), FAILED_STYLE), write(group.reason))
        for group in groups
    ]
    return [*lines, Text(f"and {more:,} more reasons")] if more else lines


@dataclass
class Failures:
    """
    Iterations that failed for the same reason.

    Attributes:
        reason: The reason.
        names: The names of the first of them.
        count: How many they are.
        last: The numbers of job and iteration of the last one.
    """

    reason: str
    names: List[str] = field(default_factory=list)
    count: int = 0
    last: Optional[Tuple[int, int]] = None

    def add(self, row: Row) -> None:
        """Add a failed run; those of one iteration count once."""
        if self.last != (row.job, row.iteration):
            self.last = row.job, row.iteration
            self.count += 1
            if len(self.names) < NAMED:
                self.names.append(one_line(row.label, WIDEST))


def failure_groups(failed: Iterable[Row]) -> Tuple[List[Failures], int]:
    """Group failed runs by reason; return the first groups, and how many more reasons there are."""
    groups: Dict[str, Failures] = {}
    # Each run may have a reason of its own, so the others are only counted.
    others: Set[bytes] = set()
    for row in failed:
        reason = one_line(row.reason or row.state, LONGEST_REASON)
        if reason in groups or len(groups) < REASONS:
            groups.setdefault(reason, Failures(reason)).add(row)
        else:
            others.add(blake2b(reason.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    return list(groups.values()), len(others)


def names_of(names: Sequence[str], write: Callable[[str], str] = str, count: Optional[int] = None) -> str:
    """
    Write the first few of many names, and how many more there are.

    Args:
        names: The names, or the first of them.
        write: Makes any text fit for its reader.
        count: How many names there are, if not all are given.
    """
    more = (len(names) if count is None else count) - NAMED
    return ", ".join(map(write, names[:NAMED])) + (f" and {more:,} more" if more > 0 else "")


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


def counts_words(count: int, failed: int, skipped: int) -> str:
    """
    Count the runs that did not succeed; empty if all did.

    >>> counts_words(8, 1, 6), counts_words(8, 0, 6), counts_words(8, 0, 0)
    ('1 of 8 runs failed, 6 skipped', '6 of 8 runs skipped', '')

    Args:
        count: The number of all runs.
        failed: How many of them failed.
        skipped: How many of them were skipped.
    """
    runs = count_words(count, "run")
    if not failed:
        return f"{skipped:,} of {runs} skipped" if skipped else ""
    return f"{failed:,} of {runs} failed{f', {skipped:,} skipped' if skipped else ''}"


def totals_line(report: BatchReport) -> str:
    """Summarize a batch in one line, such as "12 runs: 11 succeeded, 1 failed; 3 min 5 s"."""
    count, failed, skipped = len(report.rows), len(report.failed), len(report.skipped)
    counts = f"{count_words(count, 'run')}: {count - failed - skipped:,} succeeded, {failed:,} failed"
    counts += f", {skipped:,} skipped" if skipped else ""
    parts = [counts if count else "no runs"]
    parts += [words for words in (judged_words(report),) if words]
    if report.start is not None and report.end is not None and report.end >= report.start:
        parts.append(short_duration(round((report.end - report.start).total_seconds(), 1)))
    if report.seed is not None:
        parts.append(f"random order (seed {report.seed})")
    if report.unrun:
        parts.append(f"not run: {names_of(report.unrun, lambda label: one_line(label, WIDEST))}")
    if report.error is not None:
        parts.append("the batch ended early")
    return "; ".join(parts)


def _label_cell(row: Row) -> Cell:
    run = f" run {row.run}" if row.runs > 1 else ""
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
