"""The runs of saved outputs for Python programs: one row for each, by the names of the table of metrics (ADR 53)."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import IO, Any, Dict, Iterator, Mapping, Tuple, Union

from pscheduler_batch.report.document_rows import rows_of
from pscheduler_batch.report.output_reader import check_output, read_output
from pscheduler_batch.report.rows import Row

Output = Union[str, "os.PathLike[str]", IO[bytes], IO[str], Mapping[str, Any]]


def read_runs(*outputs: Output) -> Iterator[Row]:
    """
    Read the runs in the outputs of batches.

    Each output is read when its first row is requested, and released after its last one. Secrets are hidden in rows, as
    in reports.

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
        document, source = _document(output)
        for row in rows_of(document):
            yield replace(row, source=source) if source else row


def _document(output: Output) -> Tuple[Dict[str, Any], str]:
    """Read an output; return it with its name, which only files have."""
    if isinstance(output, Mapping):
        return check_output(dict(output)), ""
    if isinstance(output, (str, os.PathLike)):
        source = os.fspath(output)
        with open(source, "rb") as stream:
            return read_output(stream.read(), source=source), source
    name = getattr(output, "name", "")
    source = name if isinstance(name, str) else ""
    data = output.read()
    # Text that is not valid Unicode becomes bytes that are refused.
    whole = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    return read_output(whole, source=source or "the file"), source
