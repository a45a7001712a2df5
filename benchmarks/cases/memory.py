"""(e) Peak memory of a batch with large results."""

from __future__ import annotations

from dataclasses import replace
from typing import List

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.cases.runs import run_batch, run_floor
from benchmarks.figures import Limit, Row
from benchmarks.server import Setting
from benchmarks.serving import serving

RUNS = 10_000
SHORT_RUNS = 200
RESULT_BYTES = 60_000

TARGET = Limit(150, of="figure")
# The floor stores nothing, so it takes hardly more than the interpreter.
GUARD = 6.0


def measure_memory(extent: Extent) -> List[Row]:
    """Run a batch whose results are many times larger than the memory limit."""
    runs = SHORT_RUNS if extent.short else RUNS

    def measure(row: Row) -> Row:
        with serving(Setting(keep=True, result_bytes=RESULT_BYTES)) as server:
            batch = runs_batch(server.hosts, runs, parallel=True)
            floor = run_floor(server, runs, keep_answers=True)
            done = run_batch(server, batch, runs, watch=True)
        return replace(row, figures=(done.taken.megabytes,), floors=(floor.taken.megabytes,))

    what = f"peak memory, {runs:,} runs with {RESULT_BYTES // 1000} kB each"
    return [extent.row(Row("e", what, unit="MB", target=TARGET, guard=GUARD), measure)]
