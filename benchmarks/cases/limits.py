"""(g) The limit that adapts to a host, beside fixed ones: on a fast server, and on one that can be overloaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.figures import Limit, Row
from benchmarks.measuring import BenchmarkError, batch_command, by_turns, fixed_limit_command, run_program
from benchmarks.server import Setting
from benchmarks.serving import serving, serving_small

MOST_AT_ONCE = 8
FAST_RUNS = 400
SHORT_FAST_RUNS = 100
FAST_TARGET = Limit(1.1)
SMALL_TARGET = Limit(1.15)
# On the small server, what takes time is hardly ever this machine; on the fast one, it is other load as well.
FAST_GUARD = 3.0
SMALL_GUARD = 1.5

# How many times as fast as a real one the small server is, and the length of its runs, in its own seconds.
SPEED = 5.0
LENGTH = 3.0


@dataclass(frozen=True)
class Scenario:
    """
    A batch on the small server.

    Attributes:
        runs: The number of its runs.
        limits: The fixed limits that it is compared with.
        repeat: How often it is measured with each.
        setup: The setup time of a synchronized start, in the server's own seconds.
    """

    runs: int
    limits: Tuple[int, ...]
    repeat: int
    setup: Optional[float] = None


SMALL = (Scenario(24, (1, 2, 3, 4, 8), 3), Scenario(100, (2, 3, 4), 1), Scenario(16, (2, 4), 2, setup=60.0))
SHORT_SMALL = (Scenario(12, (2,), 2),)


@dataclass(frozen=True)
class Done:
    """
    A batch that has been run.

    Attributes:
        seconds: The time that it took.
        lost: How many of its runs have no result.
        posts: How many times a task was posted.
    """

    seconds: float
    lost: int
    posts: int = 0


def measure_limits(extent: Extent) -> List[Row]:
    """Run parallel batches with the limit that adapts and with fixed ones."""
    small = SHORT_SMALL if extent.short else SMALL
    return [_fast(extent), *(_small(extent, scenario) for scenario in small)]


def _fast(extent: Extent) -> Row:
    runs = SHORT_FAST_RUNS if extent.short else FAST_RUNS

    def measure(row: Row) -> Row:
        with serving(Setting()) as server:
            batch, host = runs_batch(server.hosts, runs, parallel=True), server.hosts[0]
            fixed, adapted = by_turns(
                lambda: run_limited(batch, host, runs, MOST_AT_ONCE),
                lambda: run_limited(batch, host, runs),
                extent.times(5),
            )
        return _filled(row, adapted, fixed)

    what = f"{runs} parallel runs, fast server, beside a fixed limit of {MOST_AT_ONCE}"
    return extent.row(Row("g", what, target=FAST_TARGET, guard=FAST_GUARD), measure)


def _small(extent: Extent, scenario: Scenario) -> Row:
    runs, limits = scenario.runs, scenario.limits

    def measure(row: Row) -> Row:
        with serving_small(SPEED) as server:
            batch = small_batch(runs, scenario.setup)

            def run(limit: Optional[int] = None) -> Done:
                done = run_limited(batch, server.host, runs, limit)
                return replace(done, posts=server.count_posts())

            fixed, adapted = by_turns(
                lambda: {limit: run(limit) for limit in limits}, lambda: {0: run()}, extent.repeat or scenario.repeat
            )
        best = best_limit(fixed)
        filled = _filled(row, [by_limit[0] for by_limit in adapted], [by_limit[best] for by_limit in fixed])
        counts = {"posts": max(by_limit[0].posts for by_limit in adapted), "best fixed limit": best}
        if MOST_AT_ONCE in limits:
            counts[f"lost at {MOST_AT_ONCE}"] = max(by_limit[MOST_AT_ONCE].lost for by_limit in fixed)
        return replace(filled, counts={**filled.counts, **counts})

    kind = "parallel runs" if scenario.setup is None else "synchronized starts"
    what = f"{runs} {kind}, server of two cores, beside the best fixed limit"
    return extent.row(Row("g", what, target=SMALL_TARGET, guard=SMALL_GUARD), measure)


def small_batch(runs: int, setup: Optional[float]) -> bytes:
    """Return a batch of parallel runs, with a synchronized start if there is a setup time for it."""
    spec = {"schema": 1, "duration": f"PT{LENGTH / SPEED:g}S"}
    job: Dict[str, Any] = {"iterations": runs, "parallel": True, "task": {"test": {"type": "idle", "spec": spec}}}
    job |= {"sync-start": False} if setup is None else {"setup-time": f"PT{setup / SPEED:g}S"}
    return json.dumps({"jobs": [job]}).encode()


def run_limited(batch: bytes, host: str, runs: int, limit: Optional[int] = None) -> Done:
    """Run a batch, with a fixed limit if one is given."""
    command = batch_command() if limit is None else fixed_limit_command(limit)
    taken = run_program([*command, "--assist", host, "--lead", host], batch, keep_output=True, statuses=(0, 3))
    return Done(taken.seconds, runs - count_results(json.loads(taken.stdout)))


def count_results(output: Mapping[str, Any]) -> int:
    """Return the number of results of a batch with one job that have only successful runs."""
    (job,) = output["jobs"]
    return sum(
        bool(result["runs"]) and all(run["application/json"].get("succeeded") is True for run in result["runs"])
        for result in job["results"]
    )


def best_limit(measured: Sequence[Mapping[int, Done]]) -> int:
    """
    Return the limit that took the least time without losing a result, by the median.

    Raises:
        BenchmarkError: All of them lost results.
    """
    whole: Dict[int, float] = {
        limit: median(by_limit[limit].seconds for by_limit in measured)
        for limit in measured[0]
        if not any(by_limit[limit].lost for by_limit in measured)
    }
    if not whole:
        raise BenchmarkError("every fixed limit lost results")
    return min(whole, key=whole.__getitem__)


def _filled(row: Row, adapted: Sequence[Done], fixed: Sequence[Done]) -> Row:
    return replace(
        row,
        figures=tuple(done.seconds for done in adapted),
        floors=tuple(done.seconds for done in fixed),
        counts={"lost": max(done.lost for done in adapted)},
        count_guards={"lost": 0},
    )
