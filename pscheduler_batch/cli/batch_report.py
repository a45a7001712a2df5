"""The ``batch-report`` command: make a report of the saved output of a batch."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from importlib import import_module
from typing import Any, Mapping, Sequence

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.expect_options import expect_options
from pscheduler_batch.cli.format_names import FormatName
from pscheduler_batch.cli.option_sections import (
    FILE,
    OUTPUT_FILE,
    SectionedCommand,
    is_from_environment,
    misspelt_variables,
    option,
)
from pscheduler_batch.report.formats import DEFAULT_FORMAT, DESCRIPTIONS, FORMATS, USUAL_ENDINGS

REPORT = "Report"
HISTORY = "History"
# The formats of a history.
_OF_HISTORIES = ("html", "text", "csv", "json")
HELP = f"""
Make a report of the saved output of a batch, or a history of many outputs.

OUTPUT-FILE is the output of "pscheduler batch". Without it, or if it is "-", read the standard input. With --metrics,
print the metrics of each job over all its runs instead, or without OUTPUT-FILE the table of all metrics.

Several files, a directory with outputs (*.json), or --since and --until make a history: each metric of each job over
hours, days or weeks, with the failures, and the last run beside the usual.

Of the formats, {DESCRIPTIONS}. A history is available as html, text, csv and json. Nothing is submitted to pScheduler.
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
@click.argument("output_files", metavar="[OUTPUT-FILE|DIRECTORY]...", nargs=-1, type=FILE)
@option(
    "-o",
    "--output",
    section=REPORT,
    metavar="FILE",
    type=OUTPUT_FILE,
    help="Write the report to FILE, atomically.  [default: the standard output]",
)
@option(
    "--format",
    section=REPORT,
    type=FormatName([*FORMATS, "json"]),
    help=f"Format of the report.  [default: by the ending of FILE ({USUAL_ENDINGS}), else {DEFAULT_FORMAT}]",
)
@option(
    "--metrics",
    section=REPORT,
    is_flag=True,
    help="Print the metrics of each job, or without OUTPUT-FILE the table of all metrics.",
)
@expect_options(REPORT)
@option(
    "--since",
    section=HISTORY,
    metavar="TIME",
    help="Only runs that started at TIME or later, such as 7d, yesterday, 2026-11-20 or '2026-11-20 08:00'.",
)
@option("--until", section=HISTORY, metavar="TIME", help="Only runs that started before TIME; a day is included.")
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_report(context: click.Context, /, **given: Any) -> None:
    """Make a report of the saved output of a batch."""
    for message in misspelt_variables(context):
        click.echo(f"{context.command_path}: warning: {message}", err=True)
    files = given["output_files"] or ("-",)
    is_history = len(files) > 1 or any(map(_is_directory, files)) or _is_typed(context, given, "since", "until")
    if given["metrics"]:
        _refuse(context, given, "--metrics", "expect", "expect_file", "format", "since", "until")
        if is_history:
            raise click.UsageError("--metrics requires a single file", context)
    status = _write_history(context, given, files) if is_history else _write_report(context, given)
    context.exit(status)


def _write_report(context: click.Context, given: Mapping[str, Any]) -> int:
    # Nothing of this is needed by --help.
    report = import_module("pscheduler_batch.cli.report")
    file = next(iter(given["output_files"]), None)
    status: int
    if given["metrics"]:
        status = report.write_metrics(file, given["output"])
        return status
    if given["format"] == "json":
        message = "--format json requires a history: several files, a directory, --since or --until"
        raise click.UsageError(message, context)
    status = report.write_report(
        "-" if file is None else file, given["output"], given["format"], given["expect"], given["expect_file"]
    )
    return status


def _write_history(context: click.Context, given: Mapping[str, Any], files: Sequence[str]) -> int:
    if given["format"] not in (None, *_OF_HISTORIES):
        available = f"{', '.join(_OF_HISTORIES[:-1])} or {_OF_HISTORIES[-1]}"
        raise click.UsageError(
            f"--format {given['format']} is not available for a history; choose {available}", context
        )
    if files.count("-") > 1:
        raise click.UsageError("the standard input can be read once", context)
    status: int = import_module("pscheduler_batch.cli.history").write_history(
        files,
        output=given["output"],
        form=given["format"],
        period=_period(context, given),
        expect=given["expect"],
        expect_file=given["expect_file"],
    )
    return status


def _period(context: click.Context, given: Mapping[str, Any]) -> Any:
    """Read --since and --until; a day is included in both."""
    moments = import_module("pscheduler_batch.moments")
    now = datetime.now(timezone.utc)
    ends = {}
    for name, end in (("since", "start"), ("until", "end")):
        try:
            text = given[name]
            ends[name] = None if text is None else getattr(moments.parse_moment(text, now), end)
        except ValueError as error:
            raise click.BadParameter(str(error), context, _parameter(context, name)) from error
    since, until = ends["since"], ends["until"]
    if since is not None and since >= (until or now):
        raise click.UsageError(
            "--since is not before now" if until is None else "--since is not before --until", context
        )
    return import_module("pscheduler_batch.report.history").Period(since, until)


def _parameter(context: click.Context, name: str) -> click.Parameter:
    return next(parameter for parameter in context.command.params if parameter.name == name)


def _is_typed(context: click.Context, given: Mapping[str, Any], *names: str) -> bool:
    """Return whether an option was set by more than the environment, which may be for other calls of the command."""
    # An empty text is typed, too, such as that of a variable of a script that is not set.
    return any(given[name] not in (None, ()) and not is_from_environment(context, name) for name in names)


def _is_directory(file: str) -> bool:
    return file != "-" and os.path.isdir(file)


def _refuse(context: click.Context, given: Mapping[str, Any], other: str, *names: str) -> None:
    for name in names:
        if _is_typed(context, given, name):
            raise click.UsageError(f"--{name.replace('_', '-')} cannot be combined with {other}", context)
