"""The ``batch-report`` command: make a report of the saved output of a batch."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.expect_options import expect_options
from pscheduler_batch.cli.format_names import FormatName
from pscheduler_batch.cli.option_sections import SectionedCommand, is_from_environment, misspelt_variables, option
from pscheduler_batch.report.formats import DEFAULT_FORMAT, DESCRIPTIONS, FORMATS, USUAL_ENDINGS

REPORT = "Report"
HELP = f"""
Make a report of the saved output of a batch.

OUTPUT-FILE is the output of "pscheduler batch". Without it, or if it is "-", read the standard input. With --metrics,
print the metrics of each job over all its runs instead, or without OUTPUT-FILE the table of all metrics.

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
@click.argument("output_file", metavar="[OUTPUT-FILE]", required=False, type=click.Path())
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
    type=FormatName(list(FORMATS)),
    help=f"Format of the report.  [default: by the ending of FILE ({USUAL_ENDINGS}), else {DEFAULT_FORMAT}]",
)
@option(
    "--metrics",
    section=REPORT,
    is_flag=True,
    help="Print the metrics of each job, or without OUTPUT-FILE the table of all metrics.",
)
@expect_options(REPORT)
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_report(context: click.Context, /, **given: Any) -> None:
    """Make a report of the saved output of a batch."""
    for message in misspelt_variables(context):
        click.echo(f"{context.command_path}: warning: {message}", err=True)
    # Nothing of this is needed by --help.
    report = import_module("pscheduler_batch.cli.report")
    if given["metrics"]:
        idle = [name for name in ("expect", "expect_file") if given[name] and not is_from_environment(context, name)]
        if idle:
            raise click.UsageError(f"--{idle[0].replace('_', '-')} cannot be combined with --metrics", context)
        if given["format"] is not None and not is_from_environment(context, "format"):
            raise click.UsageError("--format cannot be combined with --metrics", context)
        context.exit(report.write_metrics(given["output_file"], given["output"]))
    output_file = given["output_file"] or "-"
    expects = (given["expect"], given["expect_file"])
    context.exit(report.write_report(output_file, given["output"], given["format"], *expects))


def main() -> None:
    """Run the command ``pscheduler-batch-report``."""
    batch_report(prog_name="pscheduler-batch-report")
