"""The ``batch-compare`` command: compare saved outputs of a batch."""

from __future__ import annotations

import os
from importlib import import_module
from itertools import islice
from typing import Any, Collection, Iterable, List, Sequence, Tuple

import click

from pscheduler_batch._version import __version__
from pscheduler_batch.cli.expect_options import expect_options
from pscheduler_batch.cli.option_sections import FILE, OUTPUT_FILE, SectionedCommand, misspelt_variables, option, settle
from pscheduler_batch.metrics.table import METRICS

COMPARISON = "Comparison"
_PAIR = 2
HELP = """
Compare saved outputs of a batch, and show which metrics have become better or worse.

With two files, the second is compared with the first. With more, --with separates those before from those after, and
the runs of all files on a side are taken together. "-" is the standard input.

Runs are compared if their jobs have the same label and the same values of the parameters that the job varies. The
comparison has the medians of all runs, the change with its confidence interval, and whether it is better, worse or
unclear, for which at least 4 runs on each side are needed. Nothing is submitted to pScheduler.
"""


class _ComparingCommand(SectionedCommand):
    """A command whose ``--with`` takes all files that follow it."""

    def parse_args(self, ctx: click.Context, args: List[str]) -> List[str]:
        """Repeat ``--with`` before each of its files, as click needs it."""
        with_value = {
            name
            for found in self.params
            if isinstance(found, click.Option) and not found.is_flag
            for name in found.opts
        } - {"--with"}
        return super().parse_args(ctx, _repeat_with(args, with_value))


class _MetricName(click.Choice):  # type: ignore[type-arg,unused-ignore]
    """The name of a metric; messages do not list all of them."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Find a name, or suggest a similar one."""
        if value in self.choices:
            return value
        text = import_module("pscheduler_batch.text")
        near = text.closest(str(value), self.choices)
        hint = f'did you mean "{near}"?' if near else 'see "pscheduler batch-report --metrics"'
        self.fail(f'unknown metric "{text.printable(text.shorten(str(value)))}"; {hint}', param, ctx)
        return None


@click.command(
    "batch-compare",
    cls=_ComparingCommand,
    help=HELP,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "auto_envvar_prefix": "PSCHEDULER_BATCH_COMPARE",
    },
)
@click.argument("before", metavar="BEFORE... [--with AFTER...]", nargs=-1, type=FILE)
@option(
    "--with",
    "after",
    section=COMPARISON,
    metavar="AFTER...",
    type=FILE,
    multiple=True,
    allow_from_autoenv=False,
    help="Compare BEFORE with all files that follow.",
)
@option(
    "-o",
    "--output",
    section=COMPARISON,
    metavar="FILE",
    type=OUTPUT_FILE,
    help="Write the comparison to FILE, atomically.  [default: the standard output]",
)
@option(
    "--format",
    section=COMPARISON,
    type=click.Choice(["text", "csv", "json", "html"]),
    help="Format of the comparison.  [default: by the ending of FILE (.txt, .csv, .json, .html), else text]",
)
@option(
    "--metric",
    section=COMPARISON,
    metavar="NAME",
    type=_MetricName(list(METRICS)),
    multiple=True,
    help="Compare this metric instead of the main ones of each test; may be repeated.",
)
@option("--all", section=COMPARISON, is_flag=True, help="Compare all metrics.")
@expect_options(COMPARISON, "the change is as expected, such as 'throughput > -5 %'")
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch_compare(context: click.Context, /, **given: Any) -> None:
    """Compare saved outputs of a batch."""
    for message in misspelt_variables(context):
        click.echo(f"{context.command_path}: warning: {message}", err=True)
    before, after = _sides(context, given["before"], given["after"])
    given = settle(context, given, [("metric", "all")])
    metrics = list(METRICS) if given["all"] else given["metric"] or None
    # It is not needed by --help.
    comparing = import_module("pscheduler_batch.cli.compare")
    status = comparing.write_comparison(
        before,
        after,
        output=given["output"],
        form=given["format"],
        metrics=metrics,
        expect=given["expect"],
        expect_file=given["expect_file"],
    )
    context.exit(status)


def _sides(context: click.Context, before: Sequence[str], after: Sequence[str]) -> Tuple[Sequence[str], Sequence[str]]:
    """
    Tell the files before from those after.

    Raises:
        click.UsageError: That is not clear, a side has none, or a file is given twice.
    """
    if not after and len(before) == _PAIR:
        before, after = before[:1], before[1:]
    elif not after and len(before) > _PAIR:
        raise click.UsageError("more than two files; write --with before those to compare the others with", context)
    if not before or not after:
        raise click.UsageError("two files are needed, such as yesterday.json today.json", context)
    for side in (before, after):
        paths = [os.path.realpath(file) if file != "-" else file for file in side]
        twice = next((file for file, path in zip(side, paths) if paths.count(path) > 1), None)
        if twice is not None:
            raise click.UsageError(
                f"{click.format_filename(twice)} is given twice; its runs would count twice", context
            )
    if "-" in before and "-" in after:
        raise click.UsageError("the standard input cannot be on both sides", context)
    return before, after


def _repeat_with(words: Iterable[str], with_value: Collection[str]) -> List[str]:
    """
    Write ``--with`` before each of the files that follow it.

    >>> _repeat_with(["a", "--with", "b", "--format", "csv", "c"], {"--format"})
    ['--with', 'b', '--format', 'csv', '--with', 'c', '--', 'a']

    Args:
        words: The command line.
        with_value: The other options that take a value.
    """
    options: List[str] = []
    files: List[str] = []
    is_after = is_lone = only_files = False
    remaining = iter(words)
    for word in remaining:
        if only_files or word == "-" or not word.startswith("-"):
            if is_after:
                options += ["--with", word]
            else:
                files.append(word)
            is_lone = False
        elif word == "--with":
            is_after = is_lone = True
        elif word == "--":
            only_files = True
        else:
            is_after = is_after or word.startswith("--with=")
            options += [word, *islice(remaining, int(word in with_value))]
    # click reports an option without its value.
    return [*options, *files, "--with"] if is_lone else [*options, "--", *files]
