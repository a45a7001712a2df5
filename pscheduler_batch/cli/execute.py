"""Run the mode of ``pscheduler batch`` that the options ask for; its exit statuses, and Control-C until tasks run."""

from __future__ import annotations

import signal
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from importlib import import_module
from typing import Any, Callable, Iterator, Mapping

from pscheduler_batch.cli.options import Options
from pscheduler_batch.errors import BatchError, InputError, OptionError
from pscheduler_batch.output.console import print_error, settle_stderr, show_problems

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
        with ExitStack() as stack:
            if not options.runs:
                stack.enter_context(immediate_interrupt())
            status: int = mode.execute(options.at(datetime.now(timezone.utc).astimezone()))
            return status
    except InputError as error:
        show_problems(error, with_warnings=not options.quiet)
        return WRONG_USAGE if isinstance(error, OptionError) else FAILED
    except BatchError as error:
        print_error(str(error))
    return FAILED


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
def immediate_interrupt() -> Iterator[None]:
    """
    Let Control-C end the process at once, as jq cannot be interrupted from Python.

    While tasks are running, a :class:`~pscheduler_batch.running.signals.SignalWatch` handles signals instead.
    """
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:
        # Not in the main thread, which receives no signals.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
