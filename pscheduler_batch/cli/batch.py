"""
The ``batch`` command: its options on the command line and in the environment.

:func:`~pscheduler_batch.cli.execute.execute` does what they ask for. Each option is also a field of
:class:`~pscheduler_batch.cli.options.Options`, or, if it is about hosts and requests, of
:class:`~pscheduler_batch.settings.Settings`; ``modes/run.py`` hands what a run needs to ``processor.py``.
Only what ``--help`` needs is imported here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import click
from click.shell_completion import CompletionItem

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.completion import complete_host
from pscheduler_batch.cli.expect_options import expect_options
from pscheduler_batch.cli.format_names import FormatName, added_names
from pscheduler_batch.cli.option_sections import (
    FILE,
    OUTPUT_FILE,
    OnePerLine,
    SectionedCommand,
    is_from_environment,
    misspelt_variables,
    option,
    settle,
)
from pscheduler_batch.iso8601 import parse_span
from pscheduler_batch.report.formats import FORMATS, USUAL_ENDINGS

INPUT = "Values and selection"
CHECKING = "Check and preview"
RUNNING = "Run"
ITERATIONS = "Iterations"
RESULTS = "Results"
HOSTS = "Hosts"
LOGGING = "Progress and logging"

# Variables of the other commands have the same prefix.
OTHER_VARIABLES = (
    "PSCHEDULER_BATCH_COMPARE_",
    "PSCHEDULER_BATCH_NEW_",
    "PSCHEDULER_BATCH_PLUGINS_",
    "PSCHEDULER_BATCH_REPORT_",
    "PSCHEDULER_BATCH_SERVER_",
)

# Options that do something other than run the batch exclude each other, except --check and --check-server.
_MODES = ("check", "check_server", "plan", "dry_run", "schema")
_FOR_RUNNING_ONLY = ("report", "stream", "events", "journal", "resume", "lock")
_CANNOT_GO_TOGETHER = (
    *((one, other) for number, one in enumerate(_MODES) for other in _MODES[number + 1 :] if one != "check"),
    *(("check", other) for other in _MODES[2:]),
    *((mode, "output") for mode in ("plan", "schema")),
    *((mode, other) for mode in _MODES for other in _FOR_RUNNING_ONLY),
    *(("schema", other) for other in ("set", "set_file", "set_env", "data", "job", "skip_job", "only_failed")),
    *(("embedded", other) for other in ("assist", "assist_bind", "lead", "bind", "resume")),
    ("journal", "resume"),
    ("quiet", "verbose"),
)

# The value of --shuffle without a seed; numbers in jq are exact up to 2^53.
RANDOM = "random"
_SEED = re.compile(rf"[0-9]{{1,15}}|{RANDOM}")
# A longer number is a wrong seed, not the input.
_MEANT_AS_SEED = re.compile(rf"[0-9]+|{RANDOM}")

_FOR_SEVERAL_FILES = ("check", "check_server", "plan")
_FORMATS_OF_CHECKS = ("text", "json")
_ALL_FORMATS = (*FORMATS, "json")


def complete_format(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:  # noqa: ARG001 - click's way
    """Complete a format with those that the options before it take; a ``shell_complete`` callback of click."""
    forms = _formats_for(ctx.params) or _ALL_FORMATS
    added = () if forms is _FORMATS_OF_CHECKS else added_names()
    return [form for form in (*forms, *added) if form.startswith(incomplete)]


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A duration on the command line: ISO 8601, or a number of seconds."""

    name = "duration"

    def __init__(self, *, or_none: bool = False) -> None:
        """
        Describe durations.

        Args:
            or_none: Whether a duration of zero is one, too.
        """
        self._or_none = or_none

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> timedelta:
        """Parse a duration."""
        try:
            span = parse_span(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)
        if not span and not self._or_none:
            self.fail(f"{value!r} is not a positive duration", param, ctx)
        return span


class Seed(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """The seed of a random order, or :data:`RANDOM` for a new one."""

    name = "seed"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Union[bool, int]:
        """Return the seed, or True for a new one."""
        if isinstance(value, int):
            return value
        if not _SEED.fullmatch(value):
            self.fail(f"{value!r} is not a seed; give a number of up to 15 digits, or {RANDOM}", param, ctx)
        return value == RANDOM or int(value)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's way
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> List[CompletionItem]:
        """Complete the input file, which may follow."""
        return [CompletionItem(incomplete, type="file")]


class BatchCommand(SectionedCommand):
    """The command, whose option ``--shuffle`` may have a seed; click would take any word after it for one."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Parse the arguments, with a new seed where none follows ``--shuffle``."""
        end = args.index("--") if "--" in args else len(args)
        options = [
            f"{arg}={RANDOM}" if arg == "--shuffle" and not _MEANT_AS_SEED.fullmatch(after) else arg
            for arg, after in zip(args[:end], [*args[1:], ""])
        ]
        return super().parse_args(ctx, options + args[end:])


@click.command(
    "batch",
    cls=BatchCommand,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PSCHEDULER_BATCH",
    },
)
@click.argument("input_files", metavar="[INPUT-FILE]...", nargs=-1, type=FILE)
@option(
    "--set",
    section=INPUT,
    metavar="NAME=VALUE",
    type=OnePerLine(),
    multiple=True,
    help="Set a value in the global data, such as hosts[0].name=ps1; may be repeated.",
)
@option(
    "--set-file",
    section=INPUT,
    metavar="NAME=FILE",
    type=OnePerLine(),
    multiple=True,
    help="Set a value to the content of FILE.",
)
@option(
    "--set-env",
    section=INPUT,
    metavar="NAME=VARIABLE",
    type=OnePerLine(),
    multiple=True,
    help="Set a value to the text of an environment variable, such as _token=TOKEN.",
)
@option(
    "--data",
    section=INPUT,
    metavar="FILE",
    type=FILE,
    multiple=True,
    help="Merge the JSON object in FILE over the global data; may be repeated.",
)
@option(
    "--job",
    section=INPUT,
    metavar="PATTERN",
    type=OnePerLine(),
    multiple=True,
    help="Run only the jobs whose labels match, such as 'rtt*', or /jobs/0; may be repeated.",
)
@option(
    "--skip-job",
    section=INPUT,
    metavar="PATTERN",
    type=OnePerLine(),
    multiple=True,
    help="Leave out the jobs that match; may be repeated.",
)
@option(
    "--only-failed",
    section=INPUT,
    metavar="OUTPUT",
    type=FILE,
    help="Run only the iterations that failed in OUTPUT, an earlier output of the batch.",
)
@option("--check", section=CHECKING, is_flag=True, help="Check the batch and report every error; run nothing.")
@option(
    "--check-server",
    section=CHECKING,
    is_flag=True,
    help="Check the batch and ask the servers about its tests and tools, too.",
)
@option(
    "--check-limit",
    section=CHECKING,
    metavar="DURATION",
    type=Duration(),
    default="PT10S",
    show_default=True,
    help="Time limit for each script during a check.",
)
@option("--plan", section=CHECKING, is_flag=True, help="Show what would run when, as a table and a time line.")
@option(
    "--dry-run",
    "--dry",
    section=CHECKING,
    is_flag=True,
    help="Print the batch with every task, without results; submit nothing.",
)
@option("--diff", section=CHECKING, is_flag=True, help="With --dry-run, print what the transforms change instead.")
@option(
    "--schema",
    section=CHECKING,
    is_flag=True,
    allow_from_autoenv=False,
    help="Print the JSON Schema of a batch, for editors.",
)
@option(
    "--embedded", section=RUNNING, is_flag=True, help="Run the batch on an embedded pScheduler server on this machine."
)
@option(
    "--result-wait",
    section=RUNNING,
    metavar="DURATION",
    type=Duration(),
    default="PT5M",
    show_default=True,
    help="How long to wait for a result after the scheduled end of its run.",
)
@option(
    "--outage-wait",
    section=RUNNING,
    metavar="DURATION",
    type=Duration(),
    default="PT5M",
    show_default=True,
    help="How long to wait for a server that has a task of the batch and does not answer.",
)
@option(
    "--no-mark",
    section=RUNNING,
    is_flag=True,
    help="Do not mark tasks; a task whose submission was not answered can then not be found again.",
)
@option("--no-cancel", section=RUNNING, is_flag=True, help="Do not cancel tasks when the batch is interrupted.")
@option(
    "--cancel-wait",
    section=RUNNING,
    metavar="DURATION",
    type=Duration(or_none=True),
    default="PT30S",
    show_default=True,
    help="How long to wait, when interrupted, for the answers that say which tasks to cancel.",
)
@option(
    "--journal",
    section=RUNNING,
    metavar="FILE",
    type=FILE,
    help="Record progress in FILE, a new journal, for --resume.",
)
@option("--resume", section=RUNNING, metavar="FILE", type=FILE, help="Resume the batch recorded in FILE.")
@option(
    "--lock",
    section=RUNNING,
    metavar="FILE",
    type=FILE,
    help="Run only one batch with this lock file at a time.",
)
@option(
    "--if-locked",
    section=RUNNING,
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="What to do if another batch holds the lock: fail, or skip this batch silently.",
)
@option(
    "--max-iterations",
    section=ITERATIONS,
    metavar="N",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Maximum number of iterations in a batch.",
)
@option(
    "--max-parallel",
    section=ITERATIONS,
    metavar="N",
    type=click.IntRange(min=1),
    help="Maximum number of iterations of a parallel job that are under way at once.",
)
@option(
    "--stop-on-failure",
    section=ITERATIONS,
    is_flag=True,
    help="Submit nothing more after the first failure; skip the rest.",
)
@option(
    "--shuffle",
    section=ITERATIONS,
    metavar="[SEED]",
    type=Seed(),
    default=False,
    help="Run the iterations of serial jobs in random order; SEED, a number, repeats one.",
)
@option(
    "--retries",
    section=ITERATIONS,
    metavar="N",
    type=click.IntRange(0, 1000),
    default=0,
    show_default=True,
    help="How often to submit an iteration again that measured nothing because its run did not come about or was cut.",
)
@option(
    "--retry-delay",
    section=ITERATIONS,
    metavar="DURATION",
    type=Duration(or_none=True),
    default="PT10S",
    show_default=True,
    help="How long to wait before that, once all iterations of the job have ended.",
)
@option(
    "--retry-on",
    section=ITERATIONS,
    type=click.Choice(["unmeasured", "any"]),
    default="unmeasured",
    show_default=True,
    help="Which iterations to submit again: those that measured nothing, or any that failed.",
)
@option(
    "-o", "--output", section=RESULTS, metavar="FILE", type=OUTPUT_FILE, help="Write the results to FILE, atomically."
)
@option(
    "--report",
    section=RESULTS,
    metavar="FILE",
    type=FILE,
    multiple=True,
    help=f"Also write a report to FILE ({USUAL_ENDINGS}); may be repeated.",
)
@option(
    "--format",
    section=RESULTS,
    type=FormatName(_ALL_FORMATS),
    shell_complete=complete_format,
    help="Format of the reports, whatever their names; with --check, text or json.",
)
@option(
    "--stream",
    section=RESULTS,
    metavar="FILE",
    type=FILE,
    help='Write a line of JSON to FILE for each run when it ends; "-" is standard error.',
)
@expect_options(RESULTS)
@option("--no-summary", section=RESULTS, is_flag=True, help="Do not print a summary at the end.")
@option(
    "--exit-zero",
    section=RESULTS,
    is_flag=True,
    help="Exit with status 0 even if runs failed or expectations are not met.",
)
@option(
    "--assist",
    section=HOSTS,
    metavar="HOST",
    shell_complete=complete_host,
    help="Host that is asked about tests and participants.  [default: this host]",
)
@option("--assist-bind", section=HOSTS, metavar="ADDRESS", help="Local address for requests to the assist.")
@option(
    "--lead",
    section=HOSTS,
    metavar="HOST",
    shell_complete=complete_host,
    help="Host that runs tasks which name none.  [default: this host]",
)
@option("--bind", section=HOSTS, metavar="ADDRESS", help="Local address for requests to the hosts that run tasks.")
@option("--verify-tls", section=HOSTS, is_flag=True, help="Verify certificates; most servers have self-signed ones.")
@option("--ca-file", section=HOSTS, metavar="FILE", type=FILE, help="Verify certificates against those in FILE.")
@option(
    "--max-connections",
    section=HOSTS,
    metavar="N",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="Maximum number of concurrent requests per host; fewer if it is slow.",
)
@option(
    "--timeout",
    section=HOSTS,
    metavar="DURATION",
    type=Duration(),
    default="PT2M",
    show_default=True,
    help="Time limit for each request.",
)
@option("-q", "--quiet", section=LOGGING, is_flag=True, help="Print errors only.")
@option("-v", "--verbose", section=LOGGING, is_flag=True, help="Log one line per event.")
@option("--debug", section=LOGGING, is_flag=True, help="Log every step in detail.")
@option(
    "--events",
    section=LOGGING,
    metavar="FILE",
    type=FILE,
    help='Write a line of JSON to FILE for each event; "-" is standard error.',
)
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch(context: click.Context, /, **given: Any) -> None:
    """
    Run the pScheduler tasks of a batch and print the batch with their results.

    INPUT-FILE contains the batch in JSON. Without it, or if it is "-", read the standard input. Only --check,
    --check-server and --plan take several files.

    Submitting tasks to pScheduler requires the environment variable BETA, set to any value. Every option can also be
    set by an environment variable, such as PSCHEDULER_BATCH_ASSIST for --assist.
    """
    settled = _settle(context, given)
    # Nothing of this is needed by --help.
    context.exit(import_module("pscheduler_batch.cli.execute").execute(settled))


def _settle(context: click.Context, given: Dict[str, Any]) -> Dict[str, Any]:
    """
    Return the options without those of the environment that do not apply.

    Raises:
        click.UsageError: They contradict each other.
    """
    settled = _without_idle_defaults(context, settle(context, given, _CANNOT_GO_TOGETHER))
    if len(given["input_files"]) > 1 and not any(settled[name] for name in _FOR_SEVERAL_FILES):
        raise click.UsageError("several files require --check, --check-server or --plan", context)
    if len(given["input_files"]) > 1 and settled["output"]:
        raise click.UsageError("--output takes the result of one file; give one file, or redirect the output", context)
    _require_one_reader(context, given["input_files"] or ("-",), settled)
    if settled["diff"] and not settled["dry_run"]:
        raise click.UsageError("--diff requires --dry-run", context)
    if settled["stream"] == settled["events"] == "-":
        raise click.UsageError("--stream and --events cannot both be the standard error; give a file to one", context)
    form, forms = settled["format"], _formats_for(settled)
    if form is not None and not forms:
        raise click.UsageError("--format requires --report or --check", context)
    if form is not None and form not in forms:
        *most, last = forms
        raise click.UsageError(f"--format {form} is not available here; choose {', '.join(most)} or {last}", context)
    if not settled["quiet"]:
        for message in misspelt_variables(context, other=OTHER_VARIABLES):
            click.echo(f"{context.command_path}: warning: {message}", err=True)
    return settled


def _require_one_reader(context: click.Context, files: Sequence[str], given: Mapping[str, Any]) -> None:
    """
    Require that the standard input is read once: the second time it is empty.

    Raises:
        click.UsageError: Several options read it, or an option for each of several files.
    """
    of_options = [name for name in ("only_failed", "expect_file") if given[name] == "-"]
    of_options += ["data" for file in given["data"] if file == "-"]
    of_options += ["set_file" for setting in given["set_file"] if setting.endswith("=-")]
    readers = ["the batch" for file in files if file == "-"]
    readers += [f"--{name.replace('_', '-')}" for name in sorted(of_options)] * len(files)
    if len(readers) > 1 and not given["schema"]:
        names = " or ".join(dict.fromkeys(readers))
        raise click.UsageError(f"the standard input can only be read once; give a file for {names}", context)


def _without_idle_defaults(context: click.Context, given: Dict[str, Any]) -> Dict[str, Any]:
    """Drop options of the environment that apply only with another option, if that one is not given."""
    settled = dict(given)
    if not given["dry_run"] and is_from_environment(context, "diff"):
        settled["diff"] = False
    if (given["check"] or given["check_server"]) and is_from_environment(context, "output"):
        settled["output"] = None  # The file for results, which a check must not replace.
    if given["format"] not in _formats_for(given) and is_from_environment(context, "format"):
        settled["format"] = None
    return settled


def _formats_for(given: Dict[str, Any]) -> Tuple[str, ...]:
    if given["check"] or given["check_server"]:
        return _FORMATS_OF_CHECKS
    if not given["report"]:
        return ()
    form = given["format"]
    # One that is not among them has been found in another package.
    return tuple(FORMATS) if form is None or form in _ALL_FORMATS else (*FORMATS, form)
