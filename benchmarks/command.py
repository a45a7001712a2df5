"""The command: options in, a table out."""

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
    Measure what is asked for and print it.

    Returns:
        The exit status: 1 where ``--check`` finds something that is clearly off.
    """
    options = _parser().parse_args(arguments)
    form = "json" if options.json else "markdown" if options.markdown else "text"
    rows = measure(options.case or sorted(CASES), Extent(options.short, options.repeat, _say))
    sys.stdout.write(RENDERERS[form](rows, describe_machine()))
    found = complaints(rows) if options.check else []
    for complaint in found:
        _say(f"clearly off: {complaint}")
    return OFF if found else 0


def measure(cases: Sequence[str], extent: Extent) -> List[Row]:
    """Measure some of the cases, each by its letter."""
    return [row for case in cases for row in CASES[case](extent)]


def describe_machine() -> Dict[str, str]:
    """Say what the figures were measured on."""
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
        description="Measure the batch processor on this machine, beside the leanest that does the same. No network.",
    )
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="only this case; may be given again")
    parser.add_argument("--short", action="store_true", help="less of everything, for less than a minute")
    parser.add_argument("--repeat", type=_count, metavar="N", help="measure each thing N times")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print a table of Markdown")
    form.add_argument("--json", action="store_true", help="print everything, as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 if a ratio to the floor or a count is clearly off")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        message = f"{text!r} is no number of times"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
