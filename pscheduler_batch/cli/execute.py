"""Run the mode of ``pscheduler batch`` that the options ask for."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timezone
from importlib import import_module
from typing import Any, Mapping

from pscheduler_batch.cli.exit_status import FAILED
from pscheduler_batch.cli.interrupt import immediate_interrupt
from pscheduler_batch.cli.options import Options
from pscheduler_batch.errors import BatchError, InputError
from pscheduler_batch.output.console import print_error, settle_stderr, show_problems


def execute(given: Mapping[str, Any]) -> int:
    """
    Do what the options of the command ask for.

    Args:
        given: The values of the options by name.

    Returns:
        The exit status (ADR 17).
    """
    options = Options.from_names(given)
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
    except BatchError as error:
        print_error(str(error))
    finally:
        settle_stderr()
    return FAILED
