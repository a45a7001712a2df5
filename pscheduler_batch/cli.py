"""
The ``batch`` command: options in, exit status out.

The decorated function makes an :class:`Options`, and :func:`execute` does what they say. Everything that takes time to
import is imported where it is used.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional

import click

from pscheduler_batch._version import __version__

if TYPE_CHECKING:
    from pscheduler_batch.model import Plan
    from pscheduler_batch.output import Destination
    from pscheduler_batch.processor import AsyncBatchProcessor

# Exit statuses (decision 16); 2, wrong usage, is click's own, and 130 and 143 are those of signals.
SUCCEEDED = 0
NOT_CARRIED_THROUGH = 1
RUN_FAILED = 3

PROGRAM = "pscheduler batch"


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line; the names are those of the options."""

    input_file: str
    output: Optional[str]
    assist: Optional[str]
    assist_bind: Optional[str]
    lead: Optional[str]
    bind: Optional[str]
    verify_tls: bool
    ca_file: Optional[str]
    max_connections: int
    max_iterations: int
    embedded: bool
    dry_run: bool
    exit_zero: bool
    timeout: timedelta
    result_wait: timedelta
    no_mark: bool
    no_cancel: bool
    journal: Optional[str]
    resume: Optional[str]
    debug: bool


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


class CommandError(Exception):
    """Something outside the batch that keeps it from being run; the text is the whole message."""


@click.command("batch", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("input_file", metavar="[INPUT-FILE]", default="-", type=click.Path())
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(), help="Write the results to FILE, whole or not at all."
)
@click.option("--dry-run", is_flag=True, help="Work out every task, print them without results, and send nothing.")
@click.option("--embedded", is_flag=True, help="Run the batch on a small pScheduler server of its own on this machine.")
@click.option("--assist", metavar="HOST", help="The pScheduler host that answers questions.  [default: this host]")
@click.option("--assist-bind", metavar="ADDRESS", help="Send requests to the assist from this address.")
@click.option("--lead", metavar="HOST", help="The host for tasks that name none to run them.  [default: this host]")
@click.option("--bind", metavar="ADDRESS", help="Send requests to the hosts that run tasks from this address.")
@click.option("--verify-tls", is_flag=True, help="Check the servers' certificates, which most of them sign themselves.")
@click.option("--ca-file", metavar="FILE", type=click.Path(), help="Check certificates against those in FILE.")
@click.option(
    "--max-connections",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="How many requests go to any one host at once.",
)
@click.option(
    "--max-iterations",
    metavar="N",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="How many iterations a batch may have altogether.",
)
@click.option(
    "--timeout",
    metavar="DURATION",
    type=Duration(),
    default="PT2M",
    show_default=True,
    help="How long any request may take.",
)
@click.option(
    "--result-wait",
    metavar="DURATION",
    type=Duration(),
    default="PT5M",
    show_default=True,
    help="How long after its announced end to wait for the result of a run.",
)
@click.option("--no-mark", is_flag=True, help="Leave tasks without the mark by which a lost one is found again.")
@click.option("--no-cancel", is_flag=True, help="Leave tasks running when the batch is interrupted.")
@click.option("--journal", metavar="FILE", type=click.Path(), help="Keep in FILE, a new one, what has happened so far.")
@click.option("--resume", metavar="FILE", type=click.Path(), help="Go on with the batch that FILE is the journal of.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 even if runs failed.")
@click.option("--debug", is_flag=True, help="Say on the standard error what is going on.")
@click.version_option(__version__, prog_name="pscheduler-batch")
@click.pass_context
def batch(context: click.Context, /, **given: Any) -> None:
    """
    Run the pScheduler tasks of a batch and print it again with their results.

    INPUT-FILE holds the batch, in JSON; "-" or nothing is the standard input.

    The environment variable BETA must be set, to any value, for anything that submits tasks to pScheduler.
    """
    _demand_sense(given)
    context.exit(execute(Options(**given)))


def _demand_sense(given: Dict[str, Any]) -> None:
    """
    Refuse options that cannot go together.

    Raises:
        click.UsageError: They cannot.
    """
    pairs = [("embedded", name) for name in ("assist", "assist_bind", "lead", "bind", "resume")]
    for one, other in [*pairs, ("journal", "resume"), ("dry_run", "journal"), ("dry_run", "resume")]:
        if given[one] and given[other]:
            message = f"--{other.replace('_', '-')} cannot go with --{one.replace('_', '-')}"
            raise click.UsageError(message)


def main() -> None:
    """Be the command ``pscheduler-batch``."""
    batch(prog_name="pscheduler-batch")


def execute(options: Options) -> int:
    """
    Do what was asked for.

    Returns:
        The exit status (decision 16).
    """
    from pscheduler_batch.errors import BatchError  # noqa: PLC0415

    try:
        return _execute(options)
    except (BatchError, CommandError) as error:
        for line in str(error).split("\n"):
            _say(line)
        return NOT_CARRIED_THROUGH


def _execute(options: Options) -> int:
    from pscheduler_batch.output import Destination  # noqa: PLC0415
    from pscheduler_batch.results import render_plan  # noqa: PLC0415

    if not (os.environ.get("BETA") is not None or options.embedded or options.dry_run):
        raise CommandError(
            "this is a beta feature, and what it runs is real: set the environment variable BETA to any value to use "
            f"it, as in: BETA=1 {PROGRAM} FILE (--dry-run and --embedded need none)"
        )
    with _deadly_interrupt(), Destination(options.output) as destination:
        processor = _make_processor(options, _read(options.input_file))
        plan = processor.plan()
        for warning in plan.warnings:
            _say(f"warning: {warning}")
        if options.dry_run:
            destination.write(render_plan(processor.batch, plan))
            return SUCCEEDED
        return _run(options, processor, plan, destination)


def _run(options: Options, processor: AsyncBatchProcessor, plan: Plan, destination: Destination) -> int:
    from pscheduler_batch.signals import SignalWatch  # noqa: PLC0415

    signals = SignalWatch()
    with signals.holding(), ExitStack() as stack:
        only = stack.enter_context(_embedded_server()) if options.embedded else None
        debug = _say_debug if options.debug else None
        outcome = asyncio.run(processor.run(plan, debug, only=only, signals=signals))
        destination.write(processor.document(outcome))
    for bug in outcome.bugs:
        traceback.print_exception(type(bug), bug, bug.__traceback__)
    if outcome.error is not None:
        raise outcome.error
    if signals.caught is not None:
        _say(outcome.interruption or f"{signals.caught.name} came when everything was done")
        return signals.exit_status
    if outcome.bugs:
        return NOT_CARRIED_THROUGH
    return SUCCEEDED if outcome.succeeded or options.exit_zero else RUN_FAILED


def _make_processor(options: Options, data: bytes) -> AsyncBatchProcessor:
    from pscheduler_batch.processor import AsyncBatchProcessor  # noqa: PLC0415
    from pscheduler_batch.waiting import Patience  # noqa: PLC0415

    return AsyncBatchProcessor(
        data,
        options.assist,
        options.assist_bind,
        options.lead,
        options.bind,
        source="standard input" if options.input_file == "-" else options.input_file,
        verify_tls=options.verify_tls,
        ca_file=options.ca_file,
        max_connections=options.max_connections,
        max_iterations=options.max_iterations,
        timeout=options.timeout,
        mark=not options.no_mark,
        cancel=not options.no_cancel,
        journal=options.journal or options.resume,
        resume=options.resume is not None,
        patience=Patience(result=options.result_wait),
    )


def _read(input_file: str) -> bytes:
    try:
        if input_file != "-":
            with open(input_file, "rb") as stream:
                return stream.read()
        if sys.stdin.isatty():
            _say("reading the batch from the terminal; end it with Control-D")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise CommandError(f"cannot read {input_file}: {error.strerror}") from error


@contextmanager
def _embedded_server() -> Iterator[str]:
    try:
        from pscheduler_batch.embedded.server import EmbeddedServer  # noqa: PLC0415
    except ImportError as error:
        raise CommandError(
            f"the embedded server needs a package that is not installed ({error.name}); "
            "install them with: pip install 'pscheduler-batch[embedded]'"
        ) from error
    with EmbeddedServer(keep_alive=True) as server:
        yield server.netloc


@contextmanager
def _deadly_interrupt() -> Iterator[None]:
    """
    Let Control-C end the process at once, as other signals do, where there is nothing to save.

    jq cannot be interrupted from Python. While tasks are under way, signals are watched for in another way.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:
        # Not in the main thread, where signals do not arrive anyway.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _say(message: str) -> None:
    click.echo(f"{PROGRAM}: {message}", err=True)


def _say_debug(message: str) -> None:
    click.echo(f"{PROGRAM}: debug: {message}", err=True)
