"""(c) Serial runs that take no time."""

from __future__ import annotations

from dataclasses import replace
from typing import List

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.cases.runs import MOST_REQUESTS, compare, run_batch, run_floor
from benchmarks.figures import Limit, Row
from benchmarks.server import Setting
from benchmarks.serving import serving

RUNS = 200
SHORT_RUNS = 40

TARGET = Limit(2)
GUARDS = {False: 6.0, True: 14.0}
MODES = {False: "closing", True: "keep-alive"}


def measure_serial(extent: Extent) -> List[Row]:
    """Run a serial batch on a server that closes connections and on one that keeps them."""
    return [_row(extent, keep=keep) for keep in (False, True)]


def _row(extent: Extent, *, keep: bool) -> Row:
    runs = SHORT_RUNS if extent.short else RUNS

    def measure(row: Row) -> Row:
        with serving(Setting(keep=keep)) as server:
            batch = runs_batch(server.hosts, runs, parallel=False)
            filled = compare(
                row,
                lambda: run_batch(server, batch, runs),
                lambda: run_floor(server, runs, at_once=1),
                runs,
                extent.times(5),
                keep=keep,
            )
        return replace(filled, count_guards={**filled.count_guards, "requests per run": MOST_REQUESTS})

    return extent.row(Row("c", f"{runs} serial runs, {MODES[keep]}", target=TARGET, guard=GUARDS[keep]), measure)
