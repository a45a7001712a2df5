"""Run the mode of ``pscheduler batch`` that the options ask for, with its exit status."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import import_module
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional

from pscheduler_batch.cli.options import Options
from pscheduler_batch.errors import BatchError, InputError, OptionError
from pscheduler_batch.output.console import print_error, settle_stderr, show_problems
from pscheduler_batch.output.file_names import name_file, require_unread

# Exit statuses (ADR 17). Other wrong usage is 2 from click; a batch ended by a signal exits with 130 or 143.
SUCCEEDED = 0
FAILED = 1
WRONG_USAGE = 2
RUN_FAILED = 3
NOT_MET = 4


def execute(given: Mapping[str, Any]) -> int:
    """
    Do what the options of the command ask for.

    Args:
        given: The values of the options by name.

    Returns:
        The exit status (ADR 17); with several files, the worst.
    """
    others = {name: value for name, value in given.items() if name != "input_files"}
    files = given["input_files"] or ("-",)
    try:
        return max(_execute(Options.from_names({**others, "input_file": file})) for file in files)
    finally:
        settle_stderr()


def _execute(options: Options) -> int:
    try:
        # A mode is imported when it is used, as most of what the others import takes long.
        mode = import_module(f"pscheduler_batch.cli.modes.{options.mode}")
        status: int = mode.execute(options.at(_now()))
    except InputError as error:
        show_problems(error, with_warnings=not options.quiet)
        return WRONG_USAGE if isinstance(error, OptionError) else FAILED
    except BatchError as error:
        print_error(str(error))
    else:
        return status
    return FAILED


def output_name(pattern: Optional[str], read: Iterable[str]) -> Optional[str]:
    """
    Expand the time in the name of the file to write; None is the standard output.

    Args:
        pattern: The name.
        read: The files that are read, which would be lost.

    Raises:
        FileNameError: The name is invalid, its directory does not exist, or it is a file that is read.
    """
    if pattern is None:
        return None
    named = name_file(pattern, _now())
    require_unread(named, read)
    return named


def _now() -> datetime:
    return datetime.now(timezone.utc).astimezone()


def report_errors(work: Callable[[], int], *, program: str) -> int:
    """
    Do the work of a command that reads saved outputs, and print its error if it fails.

    Args:
        work: Returns the exit status.
        program: The name of the command, for the message.

    Returns:
        The exit status (ADR 17).
    """
    try:
        with orderly_interrupt():
            return work()
    except OptionError as error:
        show_problems(error)
        return WRONG_USAGE
    except BatchError as error:
        print_error(str(error), program=program)
        return FAILED
    finally:
        settle_stderr()


@contextmanager
def orderly_interrupt() -> Iterator[None]:
    """
    Let Control-C end the process by an exception, with status 130, so that temporary files are removed.

    Otherwise it ends the programs of this package at once, as jq cannot be interrupted from Python; while tasks are
    running, a :class:`~pscheduler_batch.running.signals.SignalWatch` handles it.
    """
    if signal.getsignal(signal.SIGINT) != signal.SIG_DFL:
        # It is ignored, or this is another program.
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: sys.exit(128 + signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
