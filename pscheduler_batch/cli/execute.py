"""
Doing what the options of the ``batch`` command say; options in, exit status out.

Everything that takes time to import is imported where it is used, as most of it is not needed by the command at hand.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, Optional, Sequence

from pscheduler_batch.cli.options import Options, deadly_interrupt, embedded_server, make_processor, tell_warnings
from pscheduler_batch.errors import BatchError, InputError
from pscheduler_batch.output.console import (
    PROGRAM,
    CommandError,
    print_error,
    settle_stderr,
    show_problems,
    write_error,
)

if TYPE_CHECKING:
    from pscheduler_batch.model import Plan
    from pscheduler_batch.output.destination import Destination
    from pscheduler_batch.processor import AsyncBatchProcessor
    from pscheduler_batch.report.rows import BatchReport
    from pscheduler_batch.running.runner import Outcome
    from pscheduler_batch.running.signals import SignalWatch

# Exit statuses (ADR 17); 2, wrong usage, is click's own, and 130 and 143 are those of signals.
SUCCEEDED = 0
NOT_CARRIED_THROUGH = 1
RUN_FAILED = 3


def execute(options: Options) -> int:
    """
    Do what was asked for.

    Returns:
        The exit status (ADR 17).
    """
    try:
        return _execute(options.at(datetime.now(timezone.utc).astimezone()))
    except InputError as error:
        show_problems(error, with_warnings=not options.quiet)
    except BatchError as error:
        print_error(str(error))
    finally:
        settle_stderr()
    return NOT_CARRIED_THROUGH


def _execute(options: Options) -> int:
    if not options.runs:
        from pscheduler_batch.cli.preview import look  # noqa: PLC0415

        return SUCCEEDED if look(options) else NOT_CARRIED_THROUGH
    if options.submits and os.environ.get("BETA") is None:
        raise CommandError(
            "this is a beta feature, and what it runs is real: set the environment variable BETA to any value to use "
            f"it, as in: BETA=1 {PROGRAM} FILE (--check, --plan, --dry-run and --embedded need none)"
        )
    return _run_alone(options)


def _run_alone(options: Options) -> int:
    """Run the batch, unless another one has the lock."""
    from pscheduler_batch.journal.lock import BusyError, Lock  # noqa: PLC0415

    with ExitStack() as stack:
        if options.lock is not None:
            try:
                stack.enter_context(Lock(options.lock))
            except BusyError:
                if options.if_locked == "skip":
                    return SUCCEEDED
                raise
        return _prepare_and_run(options)


def _prepare_and_run(options: Options) -> int:
    from pscheduler_batch.output.destination import Destination  # noqa: PLC0415

    with ExitStack() as stack:
        stack.enter_context(deadly_interrupt())
        destination = stack.enter_context(Destination(options.output))
        reports = [_Report(name, options.format, stack) for name in options.report]
        processor = make_processor(options)
        plan = processor.plan()
        tell_warnings(options, processor.batch, plan.warnings)
        return _run(options, processor, plan, destination, reports)


class _Report:
    """A report that is to be written when the batch has ended; that it can be is seen before anything is sent."""

    def __init__(self, path: str, form: Optional[str], stack: ExitStack) -> None:
        from pscheduler_batch.output.destination import Destination  # noqa: PLC0415
        from pscheduler_batch.report.rendering import format_of_file, require_format  # noqa: PLC0415

        self._form = form or format_of_file(path)
        require_format(self._form)
        self._destination = stack.enter_context(Destination(path, holds="report"))

    def write(self, account: BatchReport) -> None:
        from pscheduler_batch.report.rendering import render_report  # noqa: PLC0415

        self._destination.write_bytes(render_report(self._form, account))


def _run(
    options: Options,
    processor: AsyncBatchProcessor,
    plan: Plan,
    destination: Destination,
    reports: Sequence[_Report],
) -> int:
    import asyncio  # noqa: PLC0415

    from pscheduler_batch.running.signals import SignalWatch  # noqa: PLC0415
    from pscheduler_batch.terminal.progress import open_progress  # noqa: PLC0415

    signals = SignalWatch()
    with signals.holding():
        with ExitStack() as stack:
            only = stack.enter_context(embedded_server()) if options.embedded else None
            progress = stack.enter_context(
                open_progress(sys.stderr, quiet=options.quiet, verbose=options.verbose, debug=options.debug)
            )

            def debug(message: str) -> None:
                progress.print_line(f"{PROGRAM}: debug: {message}")

            def warn(message: str) -> None:
                if not options.quiet:
                    progress.print_line(f"{PROGRAM}: warning: {message}")

            outcome = asyncio.run(
                processor.run(
                    plan,
                    debug if options.debug else None,
                    only=only,
                    signals=signals,
                    watch=progress.watch,
                    warn=warn,
                )
            )
        failures = list(_attempt([lambda: destination.write(partial(processor.document_pieces, outcome))]))
        failures += _conclude(options, processor, outcome, reports)
    _show_bugs(outcome.bugs, plan)
    return _status(options, outcome, signals, failures)


def _show_bugs(bugs: Sequence[BaseException], plan: Plan) -> None:
    """
    Show where bugs are, without the secrets of tasks; they never hide behind a message of one line.

    One that hit many iterations is shown once.
    """
    if not bugs:
        return
    import traceback  # noqa: PLC0415 - hardly ever needed
    from collections import Counter  # noqa: PLC0415 - as above

    from pscheduler_batch.redaction import Redactor  # noqa: PLC0415

    redactor = Redactor.of(plan.private)
    shown = Counter("".join(traceback.format_exception(type(bug), bug, bug.__traceback__)) for bug in bugs)
    for text, times in shown.items():
        write_error(redactor.text(text).rstrip("\n"))
        if times > 1:
            write_error(f"The same happened {times:,} times.")


def _conclude(
    options: Options, processor: AsyncBatchProcessor, outcome: Outcome, reports: Sequence[_Report]
) -> Iterator[BatchError]:
    """Write the reports and the summary; what of them could not be written keeps nothing else from being so."""
    wants_summary = _wants_summary(options, outcome)
    if not (reports or wants_summary):
        return
    from pscheduler_batch.report.document_rows import report_of_texts  # noqa: PLC0415
    from pscheduler_batch.report.rows import MOST_CHARACTERS  # noqa: PLC0415

    results, room = outcome.results, MOST_CHARACTERS if reports else 0
    try:
        account = report_of_texts(
            {**processor.batch.document, "batch": processor.account(outcome)},
            results.texts(),
            results.select_within(room),
        )
    except BatchError as error:
        yield error
        return
    yield from _attempt([partial(report.write, account) for report in reports])
    if wants_summary:
        from pscheduler_batch.report.summary import print_summary  # noqa: PLC0415

        print_summary(account, stream=sys.stderr, environ=os.environ)


def _wants_summary(options: Options, outcome: Outcome) -> bool:
    """
    Say whether a summary is printed: to people; where nobody sits at a terminal, only if something went wrong.

    So cron has nothing to send when all went well.
    """
    if options.quiet or options.no_summary or sys.stderr is None:
        return False
    return sys.stderr.isatty() or options.verbose or not outcome.succeeded


def _attempt(steps: Iterable[Callable[[], None]]) -> Iterator[BatchError]:
    """Take steps that do not depend on each other; give what went wrong with them."""
    for step in steps:
        try:
            step()
        except BatchError as error:
            yield error


def _status(options: Options, outcome: Outcome, signals: SignalWatch, failures: Sequence[BatchError]) -> int:
    """Say what went wrong with the batch as a whole, and with which status the command exits."""
    for failure in failures:
        print_error(str(failure))
    if outcome.error is not None:
        raise outcome.error
    if signals.caught is not None:
        print_error(outcome.interruption or f"{signals.caught.name} came when everything was done")
        return NOT_CARRIED_THROUGH if failures else signals.exit_status
    if outcome.bugs or failures:
        return NOT_CARRIED_THROUGH
    return SUCCEEDED if outcome.succeeded or options.exit_zero else RUN_FAILED
