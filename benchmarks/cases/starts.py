"""(f) Synchronized starts: when the POSTs arrive, and how long before the common start the last task is accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Dict, List, Sequence

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.cases.runs import Done, run_batch, run_floor
from benchmarks.figures import Limit, Row
from benchmarks.measuring import by_turns
from benchmarks.replies import POST
from benchmarks.server import Setting
from benchmarks.serving import RunningServer, serving
from pscheduler_batch.http.adaptive_limit import BEGIN

STARTS = 50
SETUP = timedelta(seconds=3)
# Long enough that a slot stays taken until the POSTs of all other slots have left.
POST_DELAY = 0.2

TARGET = Limit(50, of="figure")
GUARD = 15.0


def measure_starts(extent: Extent) -> List[Row]:
    """Start tasks together at so many hosts that each task has a slot, and at one host."""
    return [_row(extent, hosts) for hosts in ((STARTS // BEGIN,) if extent.short else (STARTS // BEGIN, 1))]


def _row(extent: Extent, hosts: int) -> Row:
    many = hosts > 1
    what = f"{STARTS} starts, {hosts} hosts with slots for all" if many else f"{STARTS} starts, one host"
    blank = Row("f", what, unit="ms", target=TARGET if many else None, guard=GUARD)

    def measure(row: Row) -> Row:
        with serving(Setting(hosts=hosts, post_delay=POST_DELAY)) as server:
            floors, batches = by_turns(lambda: _floor(server), lambda: _batch(server), extent.times(5))
        return replace(
            row,
            figures=tuple(spread(done.counted.posts) for done in batches),
            floors=tuple(spread(done.counted.posts) for done in floors),
            counts=_counts(batches),
            count_guards={"posts": STARTS},
        )

    return extent.row(blank, measure)


def _batch(server: RunningServer) -> Done:
    job = {"sync_start": True, "setup_time": f"PT{SETUP.seconds}S"}
    return run_batch(server, runs_batch(server.hosts, STARTS, parallel=True, **job), STARTS)


def _floor(server: RunningServer) -> Done:
    start = (datetime.now(timezone.utc) + SETUP).isoformat()
    return run_floor(server, STARTS, at_once=8, steps=(POST,), start=start)


def spread(posts: Sequence[Sequence[float]], slots: int = BEGIN) -> float:
    """
    Return the span in milliseconds of the POSTs that have a free slot from the start.

    Args:
        posts: For each host, the arrival of each POST in seconds.
        slots: The number of concurrent requests at each host before it has answered (ADR 49).

    Returns:
        The longest span at any host.

    >>> spread([[1.0, 1.25, 9.0], [2.0, 2.5]], slots=2)
    500.0
    """
    return 1000 * max(first[-1] - first[0] for first in (sorted(at)[:slots] for at in posts))


def _counts(batches: Sequence[Done]) -> Dict[str, float]:
    """Return the number of POSTs, their span in milliseconds, and how long before the start all were accepted."""
    everything = [tuple(at for host in done.counted.posts for at in host) for done in batches]
    margins = [done.counted.margin for done in batches if done.counted.margin is not None]
    return {
        "posts": max(len(at) for at in everything),
        "all within ms": round(1000 * max(max(at) - min(at) for at in everything)),
        "accepted s before the start": round(min(margins), 2),
    }
