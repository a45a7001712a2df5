"""
The import name of the batch processor in pScheduler's documentation.

This directory has no ``__init__.py``, so it is part of a namespace package: if pScheduler's own library is installed
anywhere on the path, Python prefers that library. The class itself is in :mod:`pscheduler_batch`.

    import pscheduler.batchprocessor
    processor = pscheduler.batchprocessor.BatchProcessor(batch)
"""

from __future__ import annotations

from pscheduler_batch import BatchProcessor

__all__ = ["BatchProcessor"]
