"""(j) The processor time of the methods that pScheduler starts for a batch, beside an interpreter that does nothing."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from typing import Any, List

from benchmarks.batches import runs_batch
from benchmarks.cases.extent import Extent
from benchmarks.figures import Limit, Row
from benchmarks.measuring import by_turns, run_program

TIMES = 15
# Those that a POST calls, in their order; two of them plan the batch, whose duration is in the spec.
METHODS = (
    ("test/batch/participants", 6.0),
    ("test/batch/spec-is-valid", 15.0),
    ("tool/batch-processor/can-run", 15.0),
    ("test/batch/spec-to-cli", 6.0),
    ("tool/batch-processor/duration", 6.0),
    ("tool/batch-processor/participant-data", 6.0),
)
TARGET = Limit(3)
# The pairs of a permission that allows the batch.
PERMISSION = {"enabled": True, "tests": ["*"], "hosts": ["*"]}


def measure_methods(extent: Extent) -> List[Row]:
    """Call each method with a batch of one job."""
    spec = {"batch": json.loads(runs_batch(["localhost"], 1, parallel=False)), "duration": "PT10M"}
    return [_row(extent, method, guard, spec) for method, guard in METHODS]


def _row(extent: Extent, method: str, guard: float, spec: Any) -> Row:
    given = json.dumps(spec if method.startswith("test/") else {"type": "batch", "spec": spec}).encode()

    def measure(row: Row) -> Row:
        with tempfile.TemporaryDirectory() as folder:
            permission = os.path.join(folder, "permission.json")
            with open(permission, "w", encoding="utf-8") as file:
                json.dump(PERMISSION, file)
            code = f"from pscheduler_batch.plugins.methods import main; main('/{method}', {permission!r})"
            # Warm up: compile the modules and fill the page cache.
            run_program([sys.executable, "-c", code], given)
            floors, figures = by_turns(
                lambda: run_program([sys.executable, "-c", "pass"]).cpu_seconds,
                lambda: run_program([sys.executable, "-c", code], given).cpu_seconds,
                extent.repeat or (TIMES // 3 if extent.short else TIMES),
            )
        return replace(row, figures=tuple(figures), floors=tuple(floors))

    return extent.row(Row("j", method, target=TARGET, guard=guard), measure)
