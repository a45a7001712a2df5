"""The runs of saved outputs for Python programs: one row for each, by the names of the table of metrics (ADR 53)."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import IO, Any, BinaryIO, Iterator, Mapping, Union, cast

from pscheduler_batch.report.document_rows import rows_of
from pscheduler_batch.report.output_reader import Output, check_output, read_output
from pscheduler_batch.report.rows import Row

Source = Union[str, "os.PathLike[str]", IO[bytes], IO[str], Mapping[str, Any]]


def read_runs(*outputs: Source) -> Iterator[Row]:
    """
    Read the runs in the outputs of batches.

    Each output is read when its first row is requested, in a stream: rows can be more than fit into memory, as long as
    they are not collected. Secrets are hidden in rows, as in reports.

    >>> document = {"jobs": [{"results": [{"task": {"test": {"type": "dns", "spec": {}}}, "runs": [
    ...     {"application/json": {"succeeded": True, "time": "PT0.004S"}}]}]}]}
    >>> [row.metrics for row in read_runs(document)]
    [{'dns-time': 0.004}]

    Args:
        outputs: Each is the name of a file, an open file, or a document as
            :class:`~pscheduler_batch.processor.BatchProcessor` returns it: anything that ``pscheduler batch-report``
            makes a report of.

    Returns:
        A row for every run, and for every iteration without a run, in the order of outputs, jobs, iterations and runs.
        ``metrics`` has the numbers of its result by name, in base units, and only those that are known;
        ``as_dict()`` is flat, for data frames and CSV.

    Raises:
        InputError: An output is something else, or incomplete. This and OSError are raised when its first row is
            requested.
        OSError: A file cannot be read.
    """
    for output in outputs:
        if isinstance(output, Mapping):
            yield from rows_of(Output.of(check_output(dict(output))))
        elif isinstance(output, (str, os.PathLike)):
            source = os.fspath(output)
            with open(source, "rb") as file:
                yield from _rows(file, source)
        else:
            name = getattr(output, "name", "")
            yield from _rows(cast("BinaryIO", _Stream(output)), name if isinstance(name, str) else "")


def _rows(file: BinaryIO, source: str) -> Iterator[Row]:
    """Read the rows of a file with its name, which only files have."""
    with read_output(file, source=source or "the file") as output:
        for row in rows_of(output):
            yield replace(row, source=source) if source else row


class _Stream:
    """An open file of the caller, read once and as bytes."""

    def __init__(self, file: Union[IO[bytes], IO[str]]) -> None:
        self._file = file

    def seekable(self) -> bool:
        """Return False: going back may be slow, as in a compressed file."""
        return False

    def read(self, size: int = -1) -> bytes:
        """Read on; text that is not valid Unicode becomes bytes that are refused."""
        data = self._file.read(size)
        return data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
