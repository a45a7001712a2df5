"""The ``batch-new`` command: make a first batch."""

from __future__ import annotations

from importlib import import_module
from typing import Any, List, Sequence, Tuple

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.completion import complete_host
from pscheduler_batch.cli.option_sections import FILE, OUTPUT_FILE, SectionedCommand, misspelt_variables, option, settle

SOURCE = "What to measure"
HOSTS = "Between which hosts, and what to vary"
OUTPUT = "Output and servers"
HELP = """
Make a first batch, complete with comments, to be changed in an editor.

The test is given as for "pscheduler task", after a "--": pscheduler batch-new -- throughput --dest ps2.example.net
--duration PT10S. The assist turns these words into a specification, or without --assist the tests of the embedded
server. Instead of a test, --task takes exported tasks, and --psconfig a template of pSConfig.

With --mesh, --star or --pairs every pair of hosts is an iteration; with --vary every value is one, and every
combination of several. The batch passes "pscheduler batch --check". Nothing is submitted to pScheduler.
"""


class _NewCommand(SectionedCommand):
    """The command, whose last arguments are a test and its options; "--" separates them from its own options."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Parse the arguments; if the separator is missing, an option of the test is unknown."""
        try:
            return super().parse_args(ctx, list(args))
        except click.NoSuchOption as error:
            if "--" in args or not args or args[0].startswith("-"):
                raise
            message = f'no such option: {error.option_name}; write "--" before a test and its options'
            raise click.UsageError(message, ctx) from error


@click.command(
    "batch-new",
    cls=_NewCommand,
    help=HELP,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PSCHEDULER_BATCH_NEW",
    },
)
@click.argument("words", metavar="[-- TEST [TEST-OPTIONS]...]", nargs=-1, type=click.UNPROCESSED)
@option(
    "--task",
    "tasks",
    section=SOURCE,
    metavar="FILE",
    type=FILE,
    multiple=True,
    help='Run a task that "pscheduler task --export" wrote; may be repeated, each is a job.',
)
@option(
    "--psconfig",
    section=SOURCE,
    metavar="FILE|URL",
    help="Run what a template of pSConfig measures; each of its tasks is a job.",
)
@option(
    "--mesh",
    section=HOSTS,
    metavar="FILE",
    type=FILE,
    help="Measure from every host to every other one; FILE has one on each line.",
)
@option(
    "--star",
    section=HOSTS,
    metavar="FILE",
    type=FILE,
    help="Measure from the first host of FILE to every other one.",
)
@option(
    "--pairs",
    section=HOSTS,
    metavar="FILE",
    type=FILE,
    help="Measure from the first to the second host of each line of FILE.",
)
@option(
    "--vary",
    section=HOSTS,
    metavar="PATH=VALUE,...",
    multiple=True,
    help="Vary a part of the task, such as spec.parallel=1,2,4,8; may be repeated.",
)
@option("--label", section=OUTPUT, metavar="LABEL", help="Label of the job.  [default: the type of its test]")
@option(
    "-o",
    "--output",
    section=OUTPUT,
    metavar="FILE",
    type=OUTPUT_FILE,
    help="Write the batch to FILE, atomically.  [default: the standard output]",
)
@option(
    "--assist",
    section=OUTPUT,
    metavar="HOST",
    shell_complete=complete_host,
    help="Server that turns the words of a test into a specification.  [default: the embedded server's tests]",
)
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_new(context: click.Context, /, words: Tuple[str, ...], **given: Any) -> None:
    """Make a first batch."""
    for message in misspelt_variables(context):
        click.echo(f"{context.command_path}: warning: {message}", err=True)
    given = settle(context, given, [("mesh", "star"), ("mesh", "pairs"), ("star", "pairs")])
    _require_one_source(context, words, given)
    # It is not needed by --help.
    new = import_module("pscheduler_batch.cli.new")
    context.exit(new.write_batch(words, new.Wishes(**given)))


def _require_one_source(context: click.Context, words: Sequence[str], given: Any) -> None:
    sources = [bool(words), bool(given["tasks"]), given["psconfig"] is not None]
    if not any(sources):
        raise click.UsageError(
            'nothing to measure; write "-- TEST OPTIONS" at the end, or --task or --psconfig', context
        )
    if sum(sources) > 1:
        raise click.UsageError("a test, --task and --psconfig exclude each other", context)
    shaped = [name for name in ("mesh", "star", "pairs", "vary", "label") if given[name]]
    if given["psconfig"] is not None and shaped:
        raise click.UsageError(
            f"--{shaped[0]} cannot be combined with --psconfig: the template says what is measured", context
        )
