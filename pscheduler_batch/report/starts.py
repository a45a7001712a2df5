"""How far the runs of a job started from their planned start (ADR 10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Optional, Sequence

from pscheduler_batch.report.rows import Row
from pscheduler_batch.text import short_duration


def delay_of(row: Row) -> Optional[timedelta]:
    """
    Return how long after its planned start a run started.

    Returns:
        None where one of them is not known, and for all but the first run of an iteration: the planned start is that
        of the first run.
    """
    return None if row.run or row.start is None or row.planned is None else row.start - row.planned


def skew_words(rows: Sequence[Row]) -> Optional[str]:
    """
    Write how far the starts of a job were from the planned start (ADR 10).

    Returns:
        None where no start was planned, or none is known.
    """
    delays = [delay for delay in map(delay_of, rows) if delay is not None]
    if not delays:
        return None
    first, last = _span(min(delays)), _span(max(delays))
    who = "The run" if len(delays) == 1 else f"The {len(delays)} iterations"
    when = first if first == last else f"{first} to {last}"
    words = f"{who} started {when} after the planned start"
    if not any(delays):
        words = f"{who} started exactly as planned"
    elif len(delays) > 1:
        starts = [row.start for row in rows if delay_of(row) is not None and row.start is not None]
        words += f"; the first and the last start were {_span(max(starts) - min(starts))} apart"
    late = [row.late for row in rows if row.late is not None and not row.run]
    if late:
        tasks = "1 task was" if len(late) == 1 else f"{len(late)} tasks were"
        words += f". {tasks} submitted after the planned start, by up to {_span(max(late))}"
    return words + "."


def _span(length: timedelta) -> str:
    return short_duration(length.total_seconds())
