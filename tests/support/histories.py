"""Outputs of the same batch at different times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence

from pscheduler_batch import read_runs
from pscheduler_batch.report.history import History, Period
from pscheduler_batch.report.history_collector import HistoryCollector
from tests.support.output_documents import job, output, result, run

# A Sunday at noon.
FIRST = datetime(2026, 11, 1, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
_NUMBERS = count()


def rtt(milliseconds: float, **pairs: Any) -> Dict[str, Any]:
    """Make a result of rtt in which all round trips took the same time."""
    seconds = f"PT{milliseconds / 1000:.7f}S"
    return {"succeeded": True, "min": seconds, "mean": seconds, "max": seconds, "sent": 4, "lost": 0, **pairs}


def run_at(when: datetime, made: Any, **about: Any) -> Dict[str, Any]:
    """Make a run that started at a time, from its result; no other one has its URL."""
    times = {"start_time": when.isoformat(), "end_time": (when + timedelta(seconds=5)).isoformat()}
    return run(made, **{**times, "href": f"https://ps.example.net/pscheduler/tasks/t/runs/{next(_NUMBERS)}", **about})


def failed_at(when: datetime, reason: str = "Timeout") -> Dict[str, Any]:
    """Make a run that failed."""
    return run_at(when, {"succeeded": False, "error": reason}, state="failed")


def daily(
    *values: Optional[float], label: str = "rtt", every: timedelta = DAY, **spec: Any
) -> Dict[str, Dict[str, Any]]:
    """
    Make outputs with one run each, by the names of their files.

    Args:
        values: The round-trip time in each, in milliseconds; None for a run that failed.
        label: The label of the job.
        every: The time between two outputs.
        spec: More of the spec of the test.
    """
    times = (FIRST + number * every for number in range(len(values)))
    return {
        f"out{number:03d}.json": output(
            job(result(failed_at(when) if value is None else run_at(when, rtt(value)), **spec), label=label)
        )
        for number, (when, value) in enumerate(zip(times, values))
    }


def history_of(
    outputs: Mapping[str, Mapping[str, Any]],
    period: Period = Period(),  # noqa: B008 - it cannot change
    zone: Any = timezone.utc,
    expectations: Sequence[Any] = (),
    start: Optional[datetime] = None,
    notes: Iterable[str] = (),
) -> History:
    """Make the history of outputs, as the command does."""
    collector = HistoryCollector(period, expectations)
    for name, document in outputs.items():
        collector.add(name, read_runs(document), start)
    return collector.history(zone, list(notes))
