"""Read which iterations failed in the output that ``--only-failed`` names (ADR 70)."""

from __future__ import annotations

from typing import Dict, Set

from pscheduler_batch.input.selection import Earlier
from pscheduler_batch.model import label_of
from pscheduler_batch.output.console import input_name, open_input, print_error
from pscheduler_batch.report.document_rows import rows_of
from pscheduler_batch.report.output_reader import read_output
from pscheduler_batch.text import printable


def read_earlier(file_name: str, *, quiet: bool) -> Earlier:
    """
    Read an earlier output.

    Args:
        file_name: The name of the file; "-" is the standard input.
        quiet: Whether not to print a note if no iteration failed.

    Raises:
        InputError: The file is not the output of a batch.
        CommandError: It cannot be read.
    """
    failed: Dict[int, Set[int]] = {}
    source = input_name(file_name)
    with open_input(file_name, what="the output of a batch") as file, read_output(file, source=source) as output:
        for row in rows_of(output, results=False):
            if not row.succeeded:
                failed.setdefault(row.job, set()).add(row.iteration)
        labels = tuple(label_of(job, number) for number, job in enumerate(output.document["jobs"]))
    if not failed and not quiet:
        print_error(f"no iteration failed in {printable(source)}, so nothing is run", severity="note")
    return Earlier(source, labels, {job: frozenset(iterations) for job, iterations in failed.items()})
