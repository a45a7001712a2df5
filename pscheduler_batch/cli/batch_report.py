"""The ``batch-report`` command: make a report of the saved output of a batch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.option_sections import SectionedCommand, misspelt_variables, option
from pscheduler_batch.report.formats import DEFAULT_FORMAT, DESCRIPTIONS, FORMATS, USUAL_ENDINGS

REPORT = "Report"
HELP = f"""
Make a report of the saved output of a batch.

OUTPUT-FILE is the output of "pscheduler batch". Without it, or if it is "-", read the standard input.

Of the formats, {DESCRIPTIONS}. Nothing is submitted to pScheduler.
"""


@click.command(
    "batch-report",
    cls=SectionedCommand,
    help=HELP,
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
    help="Write the report to FILE, atomically.  [default: the standard output]",
)
@option(
    "--format",
    section=REPORT,
    type=click.Choice(list(FORMATS)),
    help=f"Format of the report.  [default: by the ending of FILE ({USUAL_ENDINGS}), else {DEFAULT_FORMAT}]",
)
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_report(context: click.Context, /, **given: Any) -> None:
    """Make a report of the saved output of a batch."""
    for message in misspelt_variables(context):
        click.echo(f"{context.command_path}: warning: {message}", err=True)
    # Nothing of this is needed by --help.
    write_report = import_module("pscheduler_batch.cli.report").write_report
    context.exit(write_report(given["output_file"], given["output"], given["format"]))


def main() -> None:
    """Run the command ``pscheduler-batch-report``."""
    batch_report(prog_name="pscheduler-batch-report")
