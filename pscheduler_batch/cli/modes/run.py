"""Run a batch: the mode without any other option."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from pscheduler_batch.cli.batch_input import given_selection, given_values
from pscheduler_batch.cli.embedded_server import embedded_server
from pscheduler_batch.cli.execute import FAILED, NOT_MET, RUN_FAILED, SUCCEEDED
from pscheduler_batch.cli.expectations import given_expectations
from pscheduler_batch.cli.options import Options, print_warnings
from pscheduler_batch.cli.streams import Streams
from pscheduler_batch.errors import BatchError
from pscheduler_batch.events import Watch, Watcher
from pscheduler_batch.journal.lock import BusyError, Lock
from pscheduler_batch.model import Plan
from pscheduler_batch.output.console import PROGRAM, CommandError, print_error, read_input, write_error
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.processor import AsyncBatchProcessor
from pscheduler_batch.report.document_rows import report_of_texts
from pscheduler_batch.report.rendering import find_format, format_of_file, render_report
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.report.summary import print_summary
from pscheduler_batch.running.runner import BatchOutcome
from pscheduler_batch.running.signals import SignalWatch
from pscheduler_batch.scheduler.waiting import WaitLimits
from pscheduler_batch.session import tracebacks
from pscheduler_batch.terminal.progress import open_progress
from pscheduler_batch.terminal.summary_notes import RetryNotes, SlowHosts


def execute(options: Options) -> int:
    """
    Run the batch, unless another one has the lock.

    Raises:
        CommandError: Submitting tasks is not enabled in the environment (ADR 5).
    """
    if not options.embedded and os.environ.get("BETA") is None:
        raise CommandError(
            "this is a beta feature that submits real measurements: set the environment variable BETA to any value, "
            f"as in: BETA=1 {PROGRAM} FILE (not required for --check, --plan, --dry-run and --embedded)"
        )
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
    with ExitStack() as stack:
        destination = stack.enter_context(Destination(options.output))
        reports = [_Report(options, name, stack) for name in options.report]
        processor = _make_processor(options)
        plan = processor.plan()
        # Others are about the file: without these options, cron would mail them after every run.
        all_of_them = options.verbose or options.debug
        print_warnings(options, processor.batch, plan.warnings if all_of_them else processor.batch.unused)
        try:
            return _run(options, processor, plan, destination, reports)
        except BatchError:
            raise
        except Exception as bug:  # noqa: BLE001 - its message may hold secrets
            _show_bugs([bug], plan)
            return FAILED


def _make_processor(options: Options) -> AsyncBatchProcessor:
    return AsyncBatchProcessor(
        read_input(options.input_file),
        source=options.source,
        data=given_values(options),
        selection=given_selection(options),
        max_iterations=options.max_iterations,
        retries=options.retries,
        retry_delay=options.retry_delay,
        retry_on=options.retry_on,
        max_parallel=options.max_parallel,
        stop_on_failure=options.stop_on_failure,
        shuffle=options.shuffle,
        mark=not options.no_mark,
        cancel=not options.no_cancel,
        journal=options.journal or options.resume,
        resume=options.resume is not None,
        expect=given_expectations(options.expect, options.expect_file),
        patience=WaitLimits(result=options.result_wait, outage=options.outage_wait, cancel=options.cancel_wait),
        settings=options.settings,
    )


class _Report:
    """A report that is written when the batch has ended; whether it can be written is checked before the batch runs."""

    def __init__(self, options: Options, path: str, stack: ExitStack) -> None:
        self._form = options.format or format_of_file(path)
        self.needs_results = find_format(self._form).results
        self._destination = stack.enter_context(Destination(path, holds="report"))

    def write(self, report: BatchReport) -> None:
        self._destination.write_bytes(render_report(self._form, report, file=self._destination.name))


def _run(
    options: Options,
    processor: AsyncBatchProcessor,
    plan: Plan,
    destination: Destination,
    reports: Sequence[_Report],
) -> int:
    signals = SignalWatch()
    notes: List[Union[SlowHosts, RetryNotes]] = [SlowHosts(), *([RetryNotes()] if options.retries else [])]
    with signals.holding():
        outcome, incomplete = _run_watched(options, processor, plan, signals, notes)
        failures = list(_attempt([lambda: destination.write(partial(processor.document_pieces, outcome))]))
        failures += _report(options, processor, outcome, reports, [line for each in notes for line in each.notes()])
        failures += incomplete
    if outcome.bugs:
        _show_bugs(outcome.bugs, plan)
    return _status(options, outcome, signals, failures)


def _run_watched(
    options: Options,
    processor: AsyncBatchProcessor,
    plan: Plan,
    signals: SignalWatch,
    notes: Sequence[Union[SlowHosts, RetryNotes]],
) -> Tuple[BatchOutcome, Sequence[BatchError]]:
    """Run the plan while its progress is shown; return the outcome, and the errors of files that are incomplete."""
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

        watches: List[Union[Watch, Watcher]] = [Watcher(each.watch, each.KINDS) for each in notes]
        watches.append(Watcher(progress.watch, progress.kinds))
        streams: Optional[Streams] = None
        if options.stream or options.events:
            streams = Streams(options, processor.batch, plan, print_line=progress.print_line, warn=warn)
            watches += stack.enter_context(streams).watches
        outcome = asyncio.run(
            processor.run(
                plan,
                debug if options.debug else None,
                only=only,
                signals=signals,
                watches=watches,
                warn=warn,
            )
        )
    return outcome, () if streams is None else streams.errors


def _show_bugs(bugs: Sequence[BaseException], plan: Plan) -> None:
    """Print the tracebacks of bugs; one that hit many iterations is printed once."""
    for text, times in tracebacks(bugs, plan.redactor).items():
        write_error(text.rstrip("\n"))
        if times > 1:
            write_error(f"This happened {times:,} times.")


def _report(
    options: Options,
    processor: AsyncBatchProcessor,
    outcome: BatchOutcome,
    reports: Sequence[_Report],
    notes: Sequence[str],
) -> Iterator[BatchError]:
    """Write the reports and the summary, each even if another fails; yield the errors."""
    wants_summary = _wants_summary(options, outcome)
    if not (reports or wants_summary):
        return
    try:
        report = report_of_texts(
            {**processor.batch.document, "batch": processor.batch_pair(outcome)},
            outcome.results.texts(),
            secrets=processor.batch.secrets,
            results=any(each.needs_results for each in reports),
        )
        report = replace(report, name="" if options.input_file == "-" else options.input_file)
    except BatchError as error:
        yield error
        return
    yield from _attempt([partial(each.write, report) for each in reports])
    if wants_summary:
        print_summary(report, stream=sys.stderr, environ=os.environ, notes=notes)


def _wants_summary(options: Options, outcome: BatchOutcome) -> bool:
    """Return whether to print a summary: on a terminal, or if all is not well, so that cron sends mail only then."""
    if options.quiet or options.no_summary or sys.stderr is None:
        return False
    return sys.stderr.isatty() or options.verbose or not (outcome.succeeded and outcome.met)


def _attempt(steps: Iterable[Callable[[], None]]) -> Iterator[BatchError]:
    """Take independent steps; yield the errors."""
    for step in steps:
        try:
            step()
        except BatchError as error:
            yield error


def _status(options: Options, outcome: BatchOutcome, signals: SignalWatch, failures: Sequence[BatchError]) -> int:
    """Print the errors of the batch as a whole and return the exit status."""
    for failure in failures:
        print_error(str(failure))
    if outcome.error is not None:
        raise outcome.error
    if signals.caught is not None:
        print_error(outcome.interruption or f"received {signals.caught.name} when the batch was already complete")
        return FAILED if failures else signals.exit_status
    if outcome.bugs or failures:
        return FAILED
    if options.exit_zero or (outcome.succeeded and outcome.met):
        return SUCCEEDED
    return NOT_MET if outcome.succeeded else RUN_FAILED
