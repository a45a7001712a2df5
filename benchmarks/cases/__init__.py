"""The cases, one per module; each returns rows."""

from __future__ import annotations

from typing import Callable, Dict, List

from benchmarks.cases.extent import Extent
from benchmarks.cases.histories import measure_histories
from benchmarks.cases.limits import measure_limits
from benchmarks.cases.memory import measure_memory
from benchmarks.cases.methods import measure_methods
from benchmarks.cases.parallel import measure_parallel
from benchmarks.cases.plans import measure_plans
from benchmarks.cases.reports import measure_reports
from benchmarks.cases.serial import measure_serial
from benchmarks.cases.starts import measure_starts
from benchmarks.cases.startup import measure_startup
from benchmarks.figures import Row

CASES: Dict[str, Callable[[Extent], List[Row]]] = {
    "a": measure_plans,
    "b": measure_parallel,
    "c": measure_serial,
    "d": measure_startup,
    "e": measure_memory,
    "f": measure_starts,
    "g": measure_limits,
    "h": measure_reports,
    "i": measure_histories,
    "j": measure_methods,
}
