"""(i) A history of many saved outputs, beside reading their JSON."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import List

from benchmarks.cases.extent import Extent
from benchmarks.figures import Row
from benchmarks.measuring import by_turns, run_program
from benchmarks.outputs import START, write_output

OUTPUTS = 500
SHORT_OUTPUTS = 100
RUNS = 50
# A history takes some twenty times as long as reading the JSON.
GUARD = 60.0
MOST_MEGABYTES = 120
MOST_KILOBYTES_OF_PAGE = 5000

_FLOOR = """
import glob, json, sys
for name in glob.glob(sys.argv[1] + "/*.json"):
    json.load(open(name))
"""
_HISTORY = "from pscheduler_commands import batch_report; batch_report()"


def measure_histories(extent: Extent) -> List[Row]:
    """Make the page of hourly outputs."""
    number = SHORT_OUTPUTS if extent.short else OUTPUTS

    def measure(row: Row) -> Row:
        with TemporaryDirectory() as folder:
            for output in range(number):
                write_output(Path(folder, f"{output:04d}.json"), RUNS, START + output * timedelta(hours=1))
            command = [sys.executable, "-c", _HISTORY, "--format", "html", folder]
            floors, figures = by_turns(
                partial(run_program, [sys.executable, "-c", _FLOOR, folder], watch=True),
                partial(run_program, command, watch=True, keep_output=True),
                extent.times(3),
            )
        return replace(
            row,
            figures=tuple(each.seconds for each in figures),
            floors=tuple(each.seconds for each in floors),
            counts={
                "MB": max(each.megabytes for each in figures),
                "kB of the page": round(max(len(each.stdout) for each in figures) / 1e3),
            },
        )

    what = f"history of {number:,} outputs of {RUNS} runs"
    limits = {"MB": MOST_MEGABYTES, "kB of the page": MOST_KILOBYTES_OF_PAGE}
    return [extent.row(Row("i", what, guard=GUARD, count_guards=limits), measure)]
