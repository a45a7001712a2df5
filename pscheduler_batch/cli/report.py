"""Write a report of the saved output of a batch, for the ``batch-report`` command."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

from pscheduler_batch.cli.execute import FAILED, SUCCEEDED
from pscheduler_batch.errors import BatchError
from pscheduler_batch.output.console import print_error, read_input, settle_stderr
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.output.file_names import name_file
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.output_reader import read_output
from pscheduler_batch.report.rendering import format_of_file, render_report
from pscheduler_batch.text import STANDARD_INPUT

PROGRAM = "pscheduler batch-report"


def write_report(output_file: str, output: Optional[str], form: Optional[str]) -> int:
    """
    Write a report.

    Args:
        output_file: The output of a batch; "-" is the standard input.
        output: The file to write, whose name may contain the time; None is the standard output.
        form: The format; by default that of the name of the file.

    Returns:
        The exit status.
    """
    try:
        _write(output_file, output, form or format_of_file(output or ""))
    except BatchError as error:
        print_error(str(error), program=PROGRAM)
        return FAILED
    finally:
        settle_stderr()
    return SUCCEEDED


def _write(output_file: str, output: Optional[str], form: str) -> None:
    source = STANDARD_INPUT if output_file == "-" else output_file
    named = None if output is None else name_file(output, datetime.now(timezone.utc).astimezone())
    with Destination(named, holds="report") as destination:
        data = read_input(output_file, what="the output of a batch", program=PROGRAM)
        destination.write_bytes(render_report(form, report_of(read_output(data, source=source))))
