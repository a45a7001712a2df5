"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import os
import platform
import ssl
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from benchmarks.cases import CASES
from benchmarks.cases.extent import Extent
from benchmarks.figures import Row
from benchmarks.guard import complaints
from benchmarks.table import RENDERERS

OFF = 1


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """
    Measure the requested cases and print the results.

    Returns:
        The exit status: 1 if ``--check`` finds something clearly off.
    """
    options = _parser().parse_args(arguments)
    form = "json" if options.json else "markdown" if options.markdown else "text"
    rows = measure(options.case or sorted(CASES), Extent(options.short, options.repeat, _print_line))
    sys.stdout.write(RENDERERS[form](rows, describe_machine()))
    found = complaints(rows) if options.check else []
    for complaint in found:
        _print_line(f"clearly off: {complaint}")
    return OFF if found else 0


def measure(cases: Sequence[str], extent: Extent) -> List[Row]:
    """Measure the cases with these letters."""
    return [row for case in cases for row in CASES[case](extent)]


def describe_machine() -> Dict[str, str]:
    """Return a description of the machine that was measured on."""
    load = os.getloadavg()[0]
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "software": f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}",
        "load": f"{load:.1f} when the last figure was taken",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the batch processor on this machine, beside the leanest equivalent program. No network.",
    )
    parser.add_argument(
        "--case", action="append", choices=sorted(CASES), help="measure only this case; may be repeated"
    )
    parser.add_argument("--short", action="store_true", help="measure less of everything, in less than a minute")
    parser.add_argument("--repeat", type=_count, metavar="N", help="measure each thing N times")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print a Markdown table")
    form.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 if a ratio to the floor or a count is clearly off"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        message = f"{text!r} is not a positive number"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _print_line(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
