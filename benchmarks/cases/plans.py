"""(a) Planning with all three transforms and a ``$global`` of 1,000 hosts."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any, Dict, List

from benchmarks.batches import planning_batch
from benchmarks.cases.extent import Extent
from benchmarks.figures import Limit, Row, middle
from benchmarks.measuring import BenchmarkError, by_turns, run_program

SIZES = (1, 100, 10_000, 100_000)
SHORT_SIZES = (1, 100, 2_000)
# The largest takes long, so it is measured less often.
TIMES = {100_000: 3}

TARGET = Limit(3)
# Depending on the size: work done once for a batch weighs more in a small one.
GUARD = 6.0
SMALL_GUARD = 8.0
SMALL = 100
# A batch has three scripts: each is compiled alone, and all of them once together with `$global`.
MOST_COMPILATIONS = 4

# How much more an iteration may take in a large batch than in a small one; up to here it is noise.
LINEAR = Limit(1.3)
LINEAR_GUARD = 3.0


def measure_plans(extent: Extent) -> List[Row]:
    """Plan batches of all sizes; the last row shows whether the largest is worse than linear."""
    sizes = SHORT_SIZES if extent.short else SIZES
    rows = [_row(extent, size) for size in sizes]
    return [*rows, _linearity(rows[-2], rows[-1], sizes[-2], sizes[-1])]


def _row(extent: Extent, size: int) -> Row:
    plural = "" if size == 1 else "s"
    blank = Row(
        "a", f"planning {size:,} iteration{plural}", target=TARGET, guard=SMALL_GUARD if size <= SMALL else GUARD
    )

    def measure(row: Row) -> Row:
        text = planning_batch(size)
        floors, plans = by_turns(
            lambda: _run("floor", text, size), lambda: _run("plan", text, size), extent.times(TIMES.get(size, 5))
        )
        compilations = max(plan["compilations"] for plan in plans)
        return replace(
            row,
            figures=tuple(plan["seconds"] for plan in plans),
            floors=tuple(floor["seconds"] for floor in floors),
            counts={"compilations": compilations},
            count_guards={"compilations": MOST_COMPILATIONS},
        )

    return extent.row(blank, measure)


def _run(role: str, text: bytes, size: int) -> Dict[str, Any]:
    taken = run_program([sys.executable, "-m", "benchmarks.planning", role], text, keep_output=True)
    told: Dict[str, Any] = json.loads(taken.stdout)
    if told["iterations"] != size:
        message = f"{told['iterations']} iterations were planned instead of {size}"
        raise BenchmarkError(message)
    return told


def _linearity(few: Row, many: Row, few_size: int, many_size: int) -> Row:
    what = f"an iteration of {many_size:,}, beside one of {few_size:,}"
    row = Row("a", what, unit="ms", target=LINEAR, guard=LINEAR_GUARD)
    if few.trouble or many.trouble:
        return replace(row, trouble=few.trouble or many.trouble)
    return replace(
        row,
        figures=(1000 * (middle(many.figures) or 0.0) / many_size,),
        floors=(1000 * (middle(few.figures) or 0.0) / few_size,),
    )
