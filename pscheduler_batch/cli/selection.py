"""Read the selection of ``--job``, ``--skip-job`` and ``--only-failed`` (ADR 70)."""

from __future__ import annotations

from importlib import import_module

from pscheduler_batch.cli.option_values import Options
from pscheduler_batch.input.selection import ALL, Selection


def given_selection(options: Options) -> Selection:
    """
    Read which jobs and iterations the options select.

    Raises:
        InputError: The file of ``--only-failed`` is not the output of a batch.
        CommandError: It cannot be read.
    """
    if not (options.job or options.skip_job or options.only_failed is not None):
        return ALL
    earlier = None
    if options.only_failed is not None:
        # What reads outputs takes long to import.
        reader = import_module("pscheduler_batch.cli.earlier_output")
        earlier = reader.read_earlier(options.only_failed, quiet=options.quiet)
    return Selection(options.job, options.skip_job, earlier)
