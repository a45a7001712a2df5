"""Write a report or the metrics of the saved output of a batch, for the ``batch-report`` command."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import Optional, Sequence

from pscheduler_batch.cli.execute import NOT_MET, SUCCEEDED, output_name, report_errors
from pscheduler_batch.cli.expectations import given_expectations
from pscheduler_batch.metrics.expectations import Expectation
from pscheduler_batch.output.console import input_name, open_input
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.metrics_table import describe_metrics, job_metrics
from pscheduler_batch.report.output_reader import read_output
from pscheduler_batch.report.rendering import find_format, format_of_file, render_report
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.terminal.capabilities import known_width

PROGRAM = "pscheduler batch-report"


def write_report(
    output_file: str,
    output: Optional[str],
    form: Optional[str],
    expect: Sequence[str] = (),
    expect_file: Optional[str] = None,
) -> int:
    """
    Write a report.

    Args:
        output_file: The output of a batch; "-" is the standard input.
        output: The file to write, whose name may contain the time; None is the standard output.
        form: The format; by default that of the name of the file.
        expect: Expectations, judged in addition to those of the batch.
        expect_file: The name of a file with more of them.

    Returns:
        The exit status: 4 if expectations are given, and one in the report is not met.
    """

    def write() -> int:
        chosen = form or format_of_file(output or "")
        expectations = given_expectations(expect, expect_file, program=PROGRAM)
        with Destination(output_name(output, [output_file]), holds="report") as destination:
            report = _read_report(output_file, expectations, results=find_format(chosen).results)
            named = replace(report, name="" if output_file == "-" else output_file)
            destination.write_bytes(render_report(chosen, named, file=destination.name))
        return NOT_MET if expectations and report.unmet else SUCCEEDED

    return report_errors(write, program=PROGRAM)


def write_metrics(output_file: Optional[str], output: Optional[str]) -> int:
    """
    Write the metrics of an output, or without one the table of all metrics.

    Args:
        output_file: The output of a batch; "-" is the standard input.
        output: The file to write, as for a report; None is the standard output.

    Returns:
        The exit status.
    """
    return report_errors(lambda: _write_metrics(output_file, output), program=PROGRAM)


def _write_metrics(output_file: Optional[str], output: Optional[str]) -> int:
    with Destination(output_name(output, () if output_file is None else [output_file]), holds="report") as destination:
        width = known_width(sys.stdout, os.environ) if output is None else None
        text = describe_metrics(width) if output_file is None else job_metrics(_read_report(output_file).jobs, width)
        destination.write_bytes([text.encode("utf-8", "replace")])
    return SUCCEEDED


def _read_report(output_file: str, expectations: Sequence[Expectation] = (), *, results: bool = False) -> BatchReport:
    opened = open_input(output_file, what="the output of a batch", program=PROGRAM)
    with opened as file, read_output(file, source=input_name(output_file)) as given:
        return report_of(given, expectations, results=results)
