"""(h) Reports of a large saved output, beside reading its JSON."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import List

from benchmarks.cases.extent import Extent
from benchmarks.figures import Row
from benchmarks.measuring import by_turns, run_program
from benchmarks.outputs import write_output

RUNS = 20_000
SHORT_RUNS = 5_000
# The formats with the largest peak memory in megabytes.
FORMATS = {"csv": 120, "jsonl": 120, "prometheus": 120, "junit": 120, "text": 120, "markdown": 120, "html": 250}
# The largest page in megabytes.
PAGE = 15
# A report takes some ten times as long as reading the JSON.
GUARD = 50.0

_FLOOR = "import json, sys; json.load(open(sys.argv[1]))"
_REPORT = "from pscheduler_commands import batch_report; batch_report()"


def report_command(form: str, output: Path, report: Path) -> List[str]:
    """Return the command line that makes a report of an output."""
    return [sys.executable, "-c", _REPORT, "--format", form, "--output", str(report), str(output)]


def measure_reports(extent: Extent) -> List[Row]:
    """Make reports in all formats."""
    runs = SHORT_RUNS if extent.short else RUNS
    with TemporaryDirectory() as folder:
        output = Path(folder, "output.json")
        write_output(output, runs)
        return [_row(extent, form, runs, output) for form in FORMATS]


def _row(extent: Extent, form: str, runs: int, output: Path) -> Row:
    report = output.with_suffix(f".{form}")

    def measure(row: Row) -> Row:
        floors, figures = by_turns(
            partial(run_program, [sys.executable, "-c", _FLOOR, str(output)], watch=True),
            partial(run_program, report_command(form, output, report), watch=True),
            extent.times(3),
        )
        return replace(
            row,
            figures=tuple(each.seconds for each in figures),
            floors=tuple(each.seconds for each in floors),
            counts={
                "MB": max(each.megabytes for each in figures),
                "MB of the floor": max(each.megabytes for each in floors),
                "MB written": report.stat().st_size / 1e6,
            },
        )

    what = f"report of {runs:,} runs in {form}"
    guards = {"MB": FORMATS[form], **({"MB written": PAGE} if form == "html" else {})}
    return extent.row(Row("h", what, guard=GUARD, count_guards=guards), measure)
