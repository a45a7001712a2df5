"""
A batch processor for perfSONAR's pScheduler: each folder is a room, whose ``__init__`` says what happens in it.

The words of an error are in the module that raises it; ``errors.py`` has what they have in common.

    >>> from pscheduler_batch import BatchProcessor
    >>> BatchProcessor({"jobs": []})(dry_run=True)
    {'jobs': []}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pscheduler_batch.errors import BatchError, EndedError, InputError, Problem, SchedulerError, TransformError
    from pscheduler_batch.processor import AsyncBatchProcessor, BatchProcessor
    from pscheduler_batch.report.live_results import Result, ResultStream
    from pscheduler_batch.report.rows import Row
    from pscheduler_batch.report.runs import read_runs

# Modules are imported when a name is first used, so that "--help" does not wait for them.
_HOMES = {
    "AsyncBatchProcessor": "processor",
    "BatchError": "errors",
    "BatchProcessor": "processor",
    "EndedError": "errors",
    "InputError": "errors",
    "Problem": "errors",
    "Result": "report.live_results",
    "ResultStream": "report.live_results",
    "Row": "report.rows",
    "SchedulerError": "errors",
    "TransformError": "errors",
    "read_runs": "report.runs",
}

__all__ = [
    "AsyncBatchProcessor",
    "BatchError",
    "BatchProcessor",
    "EndedError",
    "InputError",
    "Problem",
    "Result",
    "ResultStream",
    "Row",
    "SchedulerError",
    "TransformError",
    "read_runs",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
