"""
The ``batch`` command: what it takes on the command line and from the environment.

The decorated function makes an :class:`~pscheduler_batch.cli.options.Options`, and
:func:`~pscheduler_batch.cli.execute.execute` does what they say. Nothing is imported
here that ``--help`` does not need.
"""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.completion import complete_host
from pscheduler_batch.cli.option_sections import (
    SectionedCommand,
    is_from_environment,
    misspelt_variables,
    option,
    settle,
)
from pscheduler_batch.report.formats import FORMATS, USUAL_ENDINGS

if TYPE_CHECKING:
    from pscheduler_batch.cli.options import Options

LOOKING = "Looking before it runs"
RUNNING = "Running"
RESULTS = "Results"
HOSTS = "Hosts"
WATCHING = "Watching"

# The variables of the command batch-report begin like those of this one.
OTHER_VARIABLES = ("PSCHEDULER_BATCH_REPORT_", "PSCHEDULER_BATCH_SERVER_")

# What does something else than running the batch; one of them at a time, --check-server with --check at most.
_MODES = ("check", "check_server", "plan", "dry_run", "schema")
_FOR_RUNNING_ONLY = ("output", "report", "journal", "resume", "lock")
_CANNOT_GO_TOGETHER = (
    *((one, other) for number, one in enumerate(_MODES) for other in _MODES[number + 1 :] if one != "check"),
    *(("check", other) for other in _MODES[2:]),
    *((mode, other) for mode in ("check", "check_server", "plan", "schema") for other in _FOR_RUNNING_ONLY),
    *(("dry_run", other) for other in _FOR_RUNNING_ONLY[1:]),
    *(("embedded", other) for other in ("assist", "assist_bind", "lead", "bind", "resume")),
    ("journal", "resume"),
    ("quiet", "verbose"),
)

_FORMATS_OF_CHECKS = ("text", "json")


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration on the command line: ISO 8601 as everywhere in pScheduler, or plain seconds."""

    name = "duration"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> timedelta:
        """Read one."""
        from pscheduler_batch.iso8601 import parse_span  # noqa: PLC0415

        try:
            span = parse_span(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        if not span:
            self.fail(f"{value!r} is no time at all", param, ctx)
        return span


@click.command(
    "batch",
    cls=SectionedCommand,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PSCHEDULER_BATCH",
    },
)
@click.argument("input_file", metavar="[INPUT-FILE]", default="-", type=click.Path())
@option("--check", section=LOOKING, is_flag=True, help="Say all that is wrong with the batch, and run nothing.")
@option("--check-server", section=LOOKING, is_flag=True, help="Check it, and ask the assist about its tests as well.")
@option(
    "--check-limit",
    section=LOOKING,
    metavar="DURATION",
    type=Duration(),
    default="PT10S",
    show_default=True,
    help="How long any script may take while the batch is checked.",
)
@option("--plan", section=LOOKING, is_flag=True, help="Show what will be run when, as a table and a time line.")
@option("--dry-run", "--dry", section=LOOKING, is_flag=True, help="Print every task, without results; send nothing.")
@option("--diff", section=LOOKING, is_flag=True, help="With --dry-run: print what the transforms change instead.")
@option(
    "--schema",
    section=LOOKING,
    is_flag=True,
    allow_from_autoenv=False,
    help="Print the JSON Schema of a batch, for editors.",
)
@option("--embedded", section=RUNNING, is_flag=True, help="Run the batch on a pScheduler server of its own.")
@option(
    "--max-iterations",
    section=RUNNING,
    metavar="N",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="How many iterations a batch may have altogether.",
)
@option(
    "--result-wait",
    section=RUNNING,
    metavar="DURATION",
    type=Duration(),
    default="PT5M",
    show_default=True,
    help="How long after its announced end to wait for the result of a run.",
)
@option("--no-mark", section=RUNNING, is_flag=True, help="Leave tasks without the mark that finds a lost one again.")
@option("--no-cancel", section=RUNNING, is_flag=True, help="Leave tasks running when the batch is interrupted.")
@option("--journal", section=RUNNING, metavar="FILE", type=click.Path(), help="Keep in FILE, a new one, what happens.")
@option("--resume", section=RUNNING, metavar="FILE", type=click.Path(), help="Go on with the batch that FILE tells of.")
@option(
    "--lock", section=RUNNING, metavar="FILE", type=click.Path(), help="Let only one batch with FILE run at a time."
)
@option(
    "--if-locked",
    section=RUNNING,
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="If another batch runs: fail, or skip this one quietly.",
)
@option("-o", "--output", section=RESULTS, metavar="FILE", type=click.Path(), help="Write the results to FILE, whole.")
@option(
    "--report",
    section=RESULTS,
    metavar="FILE",
    type=click.Path(),
    multiple=True,
    help=f"Write a report for people to FILE as well ({USUAL_ENDINGS}); may be repeated.",
)
@option(
    "--format",
    section=RESULTS,
    type=click.Choice([*FORMATS, "json"]),
    help="The form of reports, whatever their names; with --check, text or json.",
)
@option("--no-summary", section=RESULTS, is_flag=True, help="Print no summary at the end.")
@option("--exit-zero", section=RESULTS, is_flag=True, help="Exit 0 even if runs failed.")
@option(
    "--assist",
    section=HOSTS,
    metavar="HOST",
    shell_complete=complete_host,
    help="The pScheduler host that answers questions.  [default: this host]",
)
@option("--assist-bind", section=HOSTS, metavar="ADDRESS", help="Send requests to the assist from this address.")
@option(
    "--lead",
    section=HOSTS,
    metavar="HOST",
    shell_complete=complete_host,
    help="The host for tasks that name none to run them.  [default: this host]",
)
@option("--bind", section=HOSTS, metavar="ADDRESS", help="Send requests to the hosts that run tasks from this address.")
@option("--verify-tls", section=HOSTS, is_flag=True, help="Check certificates, which most servers sign themselves.")
@option("--ca-file", section=HOSTS, metavar="FILE", type=click.Path(), help="Check certificates against those in FILE.")
@option(
    "--max-connections",
    section=HOSTS,
    metavar="N",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="How many requests go to any one host at once.",
)
@option(
    "--timeout",
    section=HOSTS,
    metavar="DURATION",
    type=Duration(),
    default="PT2M",
    show_default=True,
    help="How long any request may take.",
)
@option("-q", "--quiet", section=WATCHING, is_flag=True, help="Say nothing but errors.")
@option("-v", "--verbose", section=WATCHING, is_flag=True, help="Say a line for each thing that happens.")
@option("--debug", section=WATCHING, is_flag=True, help="Say on the standard error what is going on, in detail.")
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch(context: click.Context, /, **given: Any) -> None:
    """
    Run the pScheduler tasks of a batch and print it again with their results.

    INPUT-FILE holds the batch, in JSON; "-" or nothing is the standard input.

    The environment variable BETA must be set, to any value, for anything that submits tasks to pScheduler. Each option
    can be set by a variable as well, such as PSCHEDULER_BATCH_ASSIST.
    """
    from pscheduler_batch.cli.execute import execute  # noqa: PLC0415

    context.exit(execute(_make_options(context, given)))


def _make_options(context: click.Context, given: Dict[str, Any]) -> Options:
    """
    See that the options make sense together.

    Raises:
        click.UsageError: They do not.
    """
    from pscheduler_batch.cli.options import Options  # noqa: PLC0415

    settled = _without_idle_defaults(context, settle(context, given, _CANNOT_GO_TOGETHER))
    options = Options.from_names(settled)
    if options.diff and not options.dry_run:
        raise click.UsageError("--diff goes with --dry-run", context)
    if options.format is not None:
        forms = _forms_of(settled)
        if not forms:
            raise click.UsageError("--format goes with --report or --check", context)
        if options.format not in forms:
            raise click.UsageError(f"--format {options.format} cannot be had here, only {', '.join(forms)}", context)
    if not options.quiet:
        for message in misspelt_variables(context, other=OTHER_VARIABLES):
            click.echo(f"{context.command_path}: warning: {message}", err=True)
    return options


def _without_idle_defaults(context: click.Context, given: Dict[str, Any]) -> Dict[str, Any]:
    """Leave out what the environment says about something that was not asked for this time."""
    settled = dict(given)
    if not given["dry_run"] and is_from_environment(context, "diff"):
        settled["diff"] = False
    if given["format"] not in _forms_of(given) and is_from_environment(context, "format"):
        settled["format"] = None
    return settled


def _forms_of(given: Dict[str, Any]) -> Tuple[str, ...]:
    """Say which forms that which was asked for can have."""
    if given["check"] or given["check_server"]:
        return _FORMATS_OF_CHECKS
    return tuple(FORMATS) if given["report"] else ()


def main() -> None:
    """Run the command ``pscheduler-batch``."""
    gc.freeze()  # Imported modules live as long as the process.
    batch(prog_name="pscheduler-batch")
