"""The results of a batch for Python programs, each when its iteration ends (ADR 73)."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, AsyncGenerator, Callable, Coroutine, Dict, Iterator, List, Optional, Type

from pscheduler_batch.events import Event, IterationEnded, Watch
from pscheduler_batch.model import Batch, Iteration, Plan
from pscheduler_batch.output.result_store import ResultStore
from pscheduler_batch.report.document_rows import LiveRows
from pscheduler_batch.report.rows import Row
from pscheduler_batch.running.signals import InterruptionWatch


@dataclass(frozen=True)
class Result:
    """
    The result of an iteration, which is kept on disk until it is read: results can be collected.

    Attributes:
        job: The number of the job, from 0.
        job_label: The job's label, cut where it is very long, or "job-N".
        iteration: The number of the iteration in its job, from 0.
        succeeded: Whether each of its runs has a result that says so, and nothing failed.
        error: What failed, without the secrets of the task; None if nothing did.
    """

    job: int
    job_label: str
    iteration: int
    succeeded: bool
    error: Optional[str]
    _iteration: Iteration = field(repr=False, compare=False)
    _kept: ResultStore = field(repr=False, compare=False)
    _rows: LiveRows = field(repr=False, compare=False)

    @property
    def label(self) -> str:
        """The name of the iteration in messages."""
        return f"{self.job_label}/{self.iteration}"

    def document(self) -> Dict[str, Any]:
        """
        Read the result as it is in ``results`` of the output document (ADR 14), secrets of the task included.

        Returns:
            A new object each time: ``task``, ``runs`` with the result of each in its formats, and, where something
            failed, ``"succeeded": false`` and ``error``.

        Raises:
            BatchError: It cannot be read back.
        """
        document: Dict[str, Any] = json.loads(self._kept.text(self.job, self.iteration))
        return document

    def rows(self) -> List[Row]:
        """
        Read the metrics: a row for every run, or one if there was none, with secrets hidden.

        They are those of :func:`~pscheduler_batch.report.runs.read_runs`, except for what only the end of the batch
        shows: the metrics under load (ADR 59).

        Raises:
            BatchError: The result cannot be read back.
        """
        return self._rows.rows_of(self._iteration, self.document(), results=True)


# Is given each result.
OnResult = Callable[[Result], None]


def watch_results(batch: Batch, plan: Plan, kept: ResultStore, on_result: OnResult) -> Watch:
    """
    Return a callback for events that passes on the result of each iteration that has ended.

    Args:
        batch: The batch.
        plan: Its plan.
        kept: Where results are stored before they are passed on.
        on_result: Is given each result.

    Raises:
        TypeError: ``on_result`` is a coroutine function.
    """
    if inspect.iscoroutinefunction(on_result):
        raise TypeError("on_result is a coroutine function, which is not awaited; iterate over results() instead")
    rows = LiveRows(batch, plan)

    def watch(event: Event) -> None:
        if not isinstance(event, IterationEnded):
            return
        iteration = event.result.iteration
        label = rows.label_of(iteration.job)
        on_result(Result(iteration.job, label, iteration.number, event.succeeded, event.error, iteration, kept, rows))

    return watch


# Runs a batch with a callback for each result and something that may interrupt it, and returns the output document.
Start = Callable[[OnResult, InterruptionWatch], Coroutine[Any, Any, Dict[str, Any]]]


class ResultStream:
    """
    The results of a batch that runs while they are iterated over.

    The batch starts when the first result is awaited, and does not wait for results to be read. If the iteration ends
    early, the batch is interrupted, and its unfinished tasks are canceled: at the end of an ``async with``, which waits
    for that; otherwise when the stream is not used any more, if the event loop still runs then.
    """

    def __init__(self, start: Start) -> None:
        """
        Prepare a stream.

        Args:
            start: Runs the batch.
        """
        self._running = _RunningBatch()
        # This must not refer to the stream, or asyncio would learn late that the stream is not used any more.
        self._results = _iterate(start, self._running)

    @property
    def document(self) -> Optional[Dict[str, Any]]:
        """The output document, also of a batch that was interrupted; None before its end, and if it raised an error."""
        return self._running.document

    def __aiter__(self) -> ResultStream:
        return self

    async def __anext__(self) -> Result:
        return await self._results.__anext__()

    async def aclose(self) -> None:
        """Interrupt the batch if it has not ended, and wait for its end, for up to 35 seconds (ADR 52)."""
        await self._results.aclose()

    async def __aenter__(self) -> ResultStream:  # noqa: PYI034 - not made for subclasses
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()


class _RunningBatch:
    """
    The batch of a stream, which it may interrupt.

    Attributes:
        document: The output document when it has ended.
    """

    def __init__(self) -> None:
        self.document: Optional[Dict[str, Any]] = None
        self._interrupt: Optional[Callable[[str], None]] = None
        self._stopped = False

    @contextmanager
    def watching(self, interrupt: Callable[[str], None], hurry: Callable[[], None]) -> Iterator[None]:  # noqa: ARG002
        """Interrupt the batch when it is stopped; an :class:`~pscheduler_batch.running.signals.InterruptionWatch`."""
        self._interrupt = interrupt
        if self._stopped:
            self.stop()
        try:
            yield
        finally:
            self._interrupt = None

    def stop(self) -> None:
        """Interrupt the batch, unless it has ended."""
        self._stopped = True
        if self._interrupt is not None:
            self._interrupt("interrupted by the program")

    async def run(self, start: Start, on_result: OnResult) -> None:
        """Run the batch."""
        self.document = await start(on_result, self)


async def _iterate(start: Start, batch: _RunningBatch) -> AsyncGenerator[Result, None]:
    arrived: asyncio.Queue[Optional[Result]] = asyncio.Queue()
    running = asyncio.ensure_future(batch.run(start, arrived.put_nowait))
    running.add_done_callback(lambda _: arrived.put_nowait(None))
    try:
        result = await arrived.get()
        while result is not None:
            yield result
            result = await arrived.get()
        await running
    finally:
        # An interruption, unlike a cancellation, leaves an output.
        batch.stop()
        await asyncio.gather(running, return_exceptions=True)
