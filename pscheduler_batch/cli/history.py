"""Write the history of many saved outputs, for the ``batch-report`` command."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from typing import List, Optional, Sequence, Set, Tuple

from pscheduler_batch.cli.execute import NOT_MET, SUCCEEDED, output_name, report_errors
from pscheduler_batch.cli.expectations import given_expectations
from pscheduler_batch.metrics.expectations import Expectation
from pscheduler_batch.output.console import CommandError, input_name, open_input, print_error
from pscheduler_batch.output.destination import Destination
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.exports import HTML, format_of_ending
from pscheduler_batch.report.history import History, Period
from pscheduler_batch.report.history_collector import HistoryCollector
from pscheduler_batch.report.history_formats import render_history
from pscheduler_batch.report.output_files import (
    STDIN,
    FileNotes,
    OutputFile,
    OutputsError,
    find_outputs,
    is_directory,
    is_older,
)
from pscheduler_batch.report.output_reader import IncompleteOutputError, ReportError, read_output
from pscheduler_batch.report.rows import BatchReport
from pscheduler_batch.terminal.capabilities import known_width

PROGRAM = "pscheduler batch-report"


def write_history(
    names: Sequence[str],
    *,
    output: Optional[str],
    form: Optional[str],
    period: Period,
    expect: Sequence[str] = (),
    expect_file: Optional[str] = None,
) -> int:
    """
    Write a history.

    Args:
        names: Files and directories; "-" is the standard input.
        output: The file to write, whose name may contain the time; None is the standard output.
        form: The format; by default that of the name of the file.
        period: The time in which the runs started.
        expect: Expectations, judged over all these runs.
        expect_file: The name of a file with more of them.

    Returns:
        The exit status: 4 if an expectation is not met.
    """

    def write() -> int:
        chosen = form or format_of_ending(output or "", default=HTML, what="history")
        expectations = given_expectations(expect, expect_file, program=PROGRAM)
        named = output_name(output, [name for name in names if not is_directory(name)])
        with Destination(named, holds="history") as destination:
            history = read_history(names, period, expectations, without=named)
            width = known_width(sys.stdout, os.environ) if output is None else None
            destination.write_bytes([render_history(chosen, history, width).encode("utf-8", "replace")])
        return SUCCEEDED if all(judgment.met for judgment in history.judgments) else NOT_MET

    return report_errors(write, program=PROGRAM)


def read_history(
    names: Sequence[str], period: Period, expectations: Sequence[Expectation] = (), without: Optional[str] = None
) -> History:
    """
    Read outputs one after the other; files that are left out are named in warnings.

    Args:
        names: Files and directories; "-" is the standard input.
        period: The time in which the runs started.
        expectations: What all these runs are judged by.
        without: The file to write.

    Raises:
        BatchError: There are no outputs, or a file that was named cannot be read or is something else.
    """
    collector = HistoryCollector(period, expectations)
    left_out, notes = FileNotes(), FileNotes()
    early: List[Tuple[OutputFile, datetime]] = []
    complete: Set[Optional[datetime]] = set()
    for file in find_outputs(names, without):
        if is_older(file.name, period.since):
            notes.add("not read: last changed before the period", file.name)
            continue
        report = _read(file, left_out)
        if report is not None and report.error is not None and report.start is not None and file.name != STDIN:
            # Whether the batch was resumed is known when all files are.
            early.append((file, report.start))
        elif report is not None:
            complete.add(report.start)
            _add(file, report, collector, notes)
    for file, start in early:
        if start in complete:
            notes.add("left out: interrupted, and the batch was resumed", file.name)
            continue
        report = _read(file, left_out)
        if report is not None:
            _add(file, report, collector, notes)
    for note in left_out.notes:
        print_error(note, program=PROGRAM, severity="warning")
    if left_out.notes and not (complete or early or notes.notes):
        raise OutputsError("none of the files is an output of a batch that can be read")
    return collector.history(notes=(*left_out.notes, *notes.notes))


def _add(file: OutputFile, report: BatchReport, collector: HistoryCollector, notes: FileNotes) -> None:
    source = input_name(file.name)
    if report.error is not None:
        notes.add("of a batch that ended early", source)
    collector.add(source, report.rows, report.start)


def _read(file: OutputFile, left_out: FileNotes) -> Optional[BatchReport]:
    """Read an output; None if it is left out."""
    source = input_name(file.name)
    if _is_empty(file.name):
        # A shell has created it for the output of a batch that is running.
        left_out.add("left out: empty", source)
        return None
    try:
        opened = open_input(file.name, what="the output of a batch", program=PROGRAM)
        with opened as stream, read_output(stream, source=source) as given:
            return report_of(given, results=False)
    except IncompleteOutputError:
        left_out.add("left out: incomplete", source)
    except ReportError:
        if file.is_given:
            raise
        left_out.add("left out: not the output of a batch", source)
    except CommandError as error:
        if file.is_given:
            raise
        left_out.add(f"left out: {str(error).rpartition(': ')[2]}", source)
    return None


def _is_empty(name: str) -> bool:
    return name != STDIN and os.path.isfile(name) and not os.path.getsize(name)
