"""Run batches in a test."""

from __future__ import annotations

import os
from typing import Any, Dict, Optional, Union

from pscheduler_batch.events import Watch
from pscheduler_batch.processor import BatchProcessor, Spec
from pscheduler_batch.report.live_results import OnResult
from pscheduler_batch.session import Log


class BatchRunner:
    """
    Runs batches on one server.

    Attributes:
        host: The host and port of the server, which all requests go to.
    """

    def __init__(self, host: str) -> None:
        self.host = host

    def __call__(
        self,
        batch: Union[Spec, os.PathLike[str]],
        *,
        dry_run: bool = False,
        debug: Optional[Log] = None,
        watch: Optional[Watch] = None,
        on_result: Optional[OnResult] = None,
        **options: Any,
    ) -> Dict[str, Any]:
        """
        Run a batch, and wait for its results.

        Args:
            batch: The path of a batch file, or a batch as for :class:`~pscheduler_batch.processor.BatchProcessor`. A
                ``str`` is JSON text, so a path is a ``pathlib.Path``.
            dry_run: As for a call of that class.
            debug: The same.
            watch: The same.
            on_result: The same.
            **options: The options of that class, such as ``expect``, ``data`` or ``timeout``.

        Returns:
            The output document (ADR 14); failed iterations are in it.

        Raises:
            InputError: There are errors in the batch, with their lines and columns in the file.
            EndedError: A ``continue-if`` failed.
            OSError: The file cannot be read.
        """
        if isinstance(batch, os.PathLike):
            options.setdefault("source", os.fspath(batch))
            with open(batch, "rb") as file:
                batch = file.read()
        processor = BatchProcessor(batch, **options)
        return processor(dry_run, debug, watch=watch, on_result=on_result, only=self.host)
