"""Iterations with measurements, and the jobs that they are in, for what is drawn and said of them."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.job_runs import JobRuns, job_runs_of
from tests.support.output_documents import RTT, job, output, result, run

NOON = "2026-03-01T12:00:00Z"


def rows_of(*results: Dict[str, Any], **pairs: Any) -> Any:
    """Return the rows of a job with such iterations."""
    return list(report_of(output(job(*results, **pairs))).rows)


def runs_of(*results: Dict[str, Any], **pairs: Any) -> JobRuns:
    """Return the runs of a job with such iterations."""
    return job_runs_of(rows_of(*results, **pairs))


def at(
    second: float, *, planned: Optional[str] = None, late: Optional[str] = None, runs: int = 1, length: float = 10
) -> Dict[str, Any]:
    """Make an iteration whose runs start so many seconds after noon, a second apart, and take ten."""
    made = result(
        *(
            run(
                RTT,
                start_time=f"2026-03-01T12:{int(second + n) // 60:02}:{(second + n) % 60:06.3f}Z",
                end_time=f"2026-03-01T12:{int(second + n + length) // 60:02}:{(second + n + length) % 60:06.3f}Z",
            )
            for n in range(runs)
        )
    )
    if planned is not None:
        made["task"]["schedule"]["start"] = planned
    return made if late is None else {**made, "late": late}


def mean_of(milliseconds: float, host: str = "ps.example.net", **spec: Any) -> Dict[str, Any]:
    """Make an iteration that measured such a mean round trip, and no single packets."""
    href = f"https://{host}/pscheduler/tasks/t/runs/r"
    return result(run({**RTT, "mean": f"PT{milliseconds / 1000}S"}, href=href), **spec)


def trips_of(*milliseconds: float, lost: int = 0, **spec: Any) -> Dict[str, Any]:
    """Make an iteration with such round trips."""
    trips = [{"seq": number, "rtt": f"PT{value / 1000:.6f}S"} for number, value in enumerate(milliseconds, 1)]
    sent = len(trips) + lost
    return result(run({"succeeded": True, "sent": sent, "lost": lost, "roundtrips": trips}), **spec)


def buckets_of(
    buckets: Mapping[str, int], lost: int = 0, second: int = 0, kind: str = "latency", **spec: Any
) -> Dict[str, Any]:
    """Make an iteration with such a histogram of latencies, so many seconds after noon."""
    sent = sum(buckets.values()) + lost
    measured = {"succeeded": True, "histogram-latency": buckets, "packets-sent": sent, "packets-lost": lost}
    return result(run(measured, start_time=f"2026-03-01T12:00:{second:02}Z"), kind=kind, **spec)


def rates_of(
    *megabits: float, streams: Sequence[float] = (), retransmits: Sequence[int] = (), **spec: Any
) -> Dict[str, Any]:
    """Make an iteration with such rates in intervals of a second, of which each stream has a share."""
    intervals = []
    for second, rate in enumerate(megabits):
        times = {"start": second, "end": second + 1}
        resent = {"retransmits": retransmits[second]} if retransmits else {}
        parts = [{**times, "throughput-bits": rate * 1e6 * share} for share in streams]
        intervals.append({"summary": {**times, "throughput-bits": rate * 1e6, **resent}, "streams": parts})
    total = {"throughput-bits": sum(megabits) / len(megabits) * 1e6}
    total.update({"retransmits": sum(retransmits)} if retransmits else {})
    return result(
        run({"succeeded": True, "intervals": intervals, "summary": {"summary": total}}), kind="throughput", **spec
    )


def path_of(*paths: Sequence[Optional[str]]) -> Dict[str, Any]:
    """Make an iteration that found such paths; None is a silent hop."""
    given = [[{} if hop is None else {"ip": hop} for hop in path] for path in paths]
    return result(run({"succeeded": True, "paths": given}), kind="trace")
