"""The ``batch-report`` command: the saved output of a batch in, a report out."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Optional

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.option_sections import SectionedCommand, misspelt_variables, option
from pscheduler_batch.errors import BatchError
from pscheduler_batch.report.formats import DEFAULT_FORMAT, FORMATS, USUAL_ENDINGS
from pscheduler_batch.report.rendering import format_of_file

PROGRAM = "pscheduler batch-report"
REPORT = "Report"

FAILED = 1


@click.command(
    "batch-report",
    cls=SectionedCommand,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PSCHEDULER_BATCH_REPORT",
    },
)
@click.argument("output_file", metavar="[OUTPUT-FILE]", default="-", type=click.Path())
@option(
    "-o",
    "--output",
    section=REPORT,
    metavar="FILE",
    type=click.Path(),
    help="Write the report to FILE, whole or not at all.  [default: the standard output]",
)
@option(
    "--format",
    section=REPORT,
    type=click.Choice(list(FORMATS)),
    help=f"The form of the report.  [default: by the ending of FILE ({USUAL_ENDINGS}), else {DEFAULT_FORMAT}]",
)
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_report(context: click.Context, /, **given: Any) -> None:
    """
    Make a report of the saved output of a batch.

    OUTPUT-FILE is what "pscheduler batch" printed; "-" or nothing is the standard input.

    A report is one page for people, with tables and plots (html), a table in plain text (text), a line for every run,
    for spreadsheets (csv), or a test suite, for CI systems (junit). Nothing is submitted to pScheduler.
    """
    from pscheduler_batch.output.console import print_error, settle_stderr  # noqa: PLC0415 - --help does not need it

    for message in misspelt_variables(context):
        print_error(f"warning: {message}", program=PROGRAM)
    try:
        _report(given["output_file"], given["output"], given["format"] or format_of_file(given["output"] or ""))
    except BatchError as error:
        print_error(str(error), program=PROGRAM)
        context.exit(FAILED)
    finally:
        settle_stderr()


def main() -> None:
    """Be the command ``pscheduler-batch-report``."""
    batch_report(prog_name="pscheduler-batch-report")


def _report(output_file: str, output: Optional[str], form: str) -> None:
    from pscheduler_batch.output.console import read_input  # noqa: PLC0415 - as above
    from pscheduler_batch.output.destination import Destination  # noqa: PLC0415 - as above
    from pscheduler_batch.output.file_names import name_file  # noqa: PLC0415 - --help does not need it
    from pscheduler_batch.report.document_rows import report_of  # noqa: PLC0415 - as above
    from pscheduler_batch.report.output_reader import read_output  # noqa: PLC0415 - as above
    from pscheduler_batch.report.rendering import render_report  # noqa: PLC0415 - as above

    source = "standard input" if output_file == "-" else output_file
    named = None if output is None else name_file(output, datetime.now(timezone.utc).astimezone())
    with Destination(named, holds="report") as destination:
        data = read_input(output_file, what="the output of a batch", program=PROGRAM)
        account = report_of(read_output(data, source=source))
        destination.write_bytes(render_report(form, account))
