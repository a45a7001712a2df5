"""Compare saved outputs of batches, for the ``batch-compare`` command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Collection, Dict, Iterable, Iterator, Optional, Sequence

from pscheduler_batch.cli.execute import NOT_MET, SUCCEEDED, output_name, report_errors
from pscheduler_batch.cli.expectations import given_expectations
from pscheduler_batch.output.console import input_name, open_input
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.report.comparison import compare, judge_changes
from pscheduler_batch.report.comparison_formats import render_comparison
from pscheduler_batch.report.document_rows import rows_of
from pscheduler_batch.report.exports import TEXT, format_of_ending
from pscheduler_batch.report.output_reader import read_output
from pscheduler_batch.report.rows import Row
from pscheduler_batch.terminal.capabilities import known_width

PROGRAM = "pscheduler batch-compare"


def write_comparison(
    before: Sequence[str],
    after: Sequence[str],
    *,
    output: Optional[str],
    form: Optional[str],
    metrics: Optional[Collection[str]],
    expect: Sequence[str] = (),
    expect_file: Optional[str] = None,
) -> int:
    """
    Write a comparison.

    Args:
        before: The outputs before; "-" is the standard input.
        after: The outputs after.
        output: The file to write, whose name may contain the time; None is the standard output.
        form: The format; by default that of the name of the file.
        metrics: The metrics to compare; None for the main ones of each test.
        expect: What is expected of the changes.
        expect_file: The name of a file with more of that.

    Returns:
        The exit status: 4 if an expectation is not met.
    """

    def write() -> int:
        chosen = form or format_of_ending(output or "", default=TEXT, what="comparison")
        expectations = given_expectations(expect, expect_file, program=PROGRAM, of_changes=True)
        named = output_name(output, [*before, *after])
        with Destination(named, holds="comparison") as destination:
            compared = compare(_rows(before), _rows(after), metrics, [each.metric for each in expectations])
            compared = replace(compared, judgments=judge_changes(expectations, compared))
            width = known_width(sys.stdout, os.environ) if output is None else None
            destination.write_bytes([render_comparison(chosen, compared, width).encode("utf-8", "replace")])
        return SUCCEEDED if all(judgment.met for judgment in compared.judgments) else NOT_MET

    return report_errors(write, program=PROGRAM)


def _rows(files: Iterable[str]) -> Dict[str, Iterator[Row]]:
    """Return the rows of outputs, each of which is read when its first row is asked for."""
    return {input_name(file): _rows_of(file) for file in files}


def _rows_of(file: str) -> Iterator[Row]:
    opened = open_input(file, what="the output of a batch", program=PROGRAM)
    with opened as stream, read_output(stream, source=input_name(file)) as given:
        yield from rows_of(given, results=False)
