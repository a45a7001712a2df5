"""(b) Parallel runs that take no time, at one host and at ten, and the requests of runs that take a second."""

from __future__ import annotations

from dataclasses import replace
from typing import List

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.cases.runs import MOST_REQUESTS, compare, count_requests, run_batch, run_floor
from benchmarks.figures import Limit, Row
from benchmarks.server import Setting
from benchmarks.serving import serving

RUNS = 1000
SHORT_RUNS = 100

# Keys: whether the server keeps connections open.
TARGETS = {False: Limit(4), True: Limit(8)}
# A short run consists mostly of the start of the program, which hardly exists for the floor.
GUARDS = {False: 8.0, True: 14.0}
MODES = {False: "closing", True: "keep-alive"}

# The length of the runs whose requests are counted; the first request for them comes before they are done.
LENGTH = 1.0
LENGTHY_RUNS = 40


def measure_parallel(extent: Extent) -> List[Row]:
    """Run parallel batches on servers that close connections and on servers that keep them."""
    kinds = [(hosts, keep) for hosts in (1, 10) for keep in (False, True)]
    if extent.short:
        # Regressions with several hosts show with keep-alive as well.
        kinds.remove((10, False))
    rows = [_row(extent, hosts, keep=keep) for hosts, keep in kinds]
    return [*rows, _lengthy(extent)]


def _row(extent: Extent, hosts: int, *, keep: bool) -> Row:
    runs = SHORT_RUNS if extent.short else RUNS
    where = "one host" if hosts == 1 else f"{hosts} hosts"
    what = f"{runs:,} parallel runs, {where}, {MODES[keep]}"

    def measure(row: Row) -> Row:
        with serving(Setting(hosts=hosts, keep=keep)) as server:
            batch = runs_batch(server.hosts, runs, parallel=True)
            filled = compare(
                row,
                lambda: run_batch(server, batch, runs, watch=True),
                lambda: run_floor(server, runs),
                runs,
                extent.times(5),
                keep=keep,
            )
        return replace(filled, count_guards={**filled.count_guards, "requests per run": MOST_REQUESTS, "threads": 8})

    return extent.row(Row("b", what, target=TARGETS[keep], guard=GUARDS[keep]), measure)


def _lengthy(extent: Extent) -> Row:
    """Count the requests of runs that are not done when they are first requested, as usual (recording e04)."""
    what = f"{LENGTHY_RUNS} parallel runs of {LENGTH:g} s, one host"

    def measure(row: Row) -> Row:
        with serving(Setting(length=LENGTH)) as server:
            batch = runs_batch(server.hosts, LENGTHY_RUNS, parallel=True)
            done = run_batch(server, batch, LENGTHY_RUNS)
        counts, guards = count_requests([done], LENGTHY_RUNS)
        return replace(row, counts=counts, count_guards={**guards, "requests per run": MOST_REQUESTS})

    return extent.row(Row("b", what), measure)
