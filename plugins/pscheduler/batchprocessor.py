"""
The name under which pScheduler's documentation imports the batch processor.

This folder has no ``__init__.py``, which makes it a part of a namespace package: where pScheduler's own library is
installed, anywhere on the path, Python takes that one and this module steps aside. The real home of the class is
:mod:`pscheduler_batch`.

    import pscheduler.batchprocessor
    processor = pscheduler.batchprocessor.BatchProcessor(batch)
"""

from __future__ import annotations

from pscheduler_batch import BatchProcessor

__all__ = ["BatchProcessor"]
