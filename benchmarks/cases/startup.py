"""(d) Start-up, beside an interpreter that does nothing."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import List, Optional

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.figures import Limit, Row
from benchmarks.measuring import batch_command, by_turns, run_program

TIMES = 15
# The option, its target, and its guard: about twice the target.
COMMANDS = (
    ("--help", Limit(3), 7.0),
    ("--version", None, 7.0),
    ("--check", Limit(6), 11.0),
    ("--dry-run", None, 11.0),
)


def measure_startup(extent: Extent) -> List[Row]:
    """Start the command with options that send nothing."""
    batch = runs_batch(["localhost"], 1, parallel=False)
    return [_row(extent, option, target, guard, batch) for option, target, guard in COMMANDS]


def _row(extent: Extent, option: str, target: Optional[Limit], guard: float, batch: bytes) -> Row:
    def measure(row: Row) -> Row:
        bare = [sys.executable, "-c", "pass"]
        command = batch_command(option)
        # Warm up: compile the modules and fill the page cache.
        run_program(command, batch)
        floors, figures = by_turns(
            lambda: run_program(bare).seconds,
            lambda: run_program(command, batch).seconds,
            extent.repeat or (TIMES // 3 if extent.short else TIMES),
        )
        return replace(row, figures=tuple(figures), floors=tuple(floors))

    of = "" if option in ("--help", "--version") else " of one job"
    return extent.row(Row("d", f"{option}{of}", target=target, guard=guard), measure)
