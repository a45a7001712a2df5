"""What ``--stream`` and ``--events`` write while a batch runs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Callable, List, Optional, Tuple, Union

from pscheduler_batch.cli.options import Options
from pscheduler_batch.errors import BatchError
from pscheduler_batch.events import BatchBegan, Event, IterationEnded, Watch, Watcher
from pscheduler_batch.model import Batch, Plan
from pscheduler_batch.output.document import render_result
from pscheduler_batch.output.event_lines import event_line
from pscheduler_batch.output.line_file import LineFile
from pscheduler_batch.report.document_rows import LiveRows
from pscheduler_batch.report.jsonl_report import json_line


class Streams:
    """Writes a line for each run that ends, and one for each event; a context manager."""

    def __init__(
        self,
        options: Options,
        batch: Batch,
        plan: Plan,
        *,
        print_line: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """
        Choose the files.

        Args:
            options: The names of the files.
            batch: The batch.
            plan: Its plan.
            print_line: Writes a line on the standard error.
            warn: Is given a warning if a file cannot be written any more.
        """

        def line_file(path: Optional[str], holds: str) -> Optional[LineFile]:
            return None if path is None else LineFile(path, holds=holds, print_line=print_line, warn=warn)

        self._runs = line_file(options.stream, "stream")
        self._events = line_file(options.events, "events")
        self._rows = None if self._runs is None else LiveRows(batch, plan)
        self._stack = ExitStack()

    @property
    def _files(self) -> Tuple[LineFile, ...]:
        return tuple(file for file in (self._runs, self._events) if file is not None)

    def __enter__(self) -> Streams:  # noqa: PYI034 - not made for subclasses
        """
        Open the files.

        Raises:
            OutputError: One cannot be opened.
        """
        with ExitStack() as opening:
            for file in self._files:
                opening.enter_context(file)
            self._stack = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._stack.close()

    @property
    def errors(self) -> List[BatchError]:
        """The errors of files that are incomplete."""
        return [file.error for file in self._files if file.error is not None]

    @property
    def watches(self) -> Tuple[Union[Watch, Watcher], ...]:
        """What writes the files: rows are made of whole results, and have no secrets either."""
        return self._write_runs, Watcher(self._write_event)

    def _write_event(self, event: Event) -> None:
        if self._events is not None:
            self._begin(self._events, event)
            self._events.write(event_line(event))

    def _write_runs(self, event: Event) -> None:
        if self._runs is None or self._rows is None:
            return
        self._begin(self._runs, event)
        if isinstance(event, IterationEnded):
            for row in self._rows.rows_of(event.result.iteration, render_result(event.result)):
                self._runs.write(json_line(row))

    def _begin(self, file: LineFile, event: Event) -> None:
        if isinstance(event, BatchBegan):
            file.begin()
