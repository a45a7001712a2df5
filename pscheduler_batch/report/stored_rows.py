"""The rows of a report, kept on disk, as they may be more than fit into memory (ADR 57)."""

from __future__ import annotations

import pickle
import zlib
from array import array
from bisect import bisect_right
from dataclasses import replace
from typing import Callable, Collection, Dict, Iterator, List, Mapping, Sequence

from pscheduler_batch.output.record_store import RecordStore
from pscheduler_batch.planning.sweep import Variation, values_at
from pscheduler_batch.pointers import Path, is_secret, pointer
from pscheduler_batch.report.rows import Row, Rows

# The latest format of pickle that all supported versions of Python have.
_PROTOCOL = 5

# Larger rows are compressed to about a tenth; for smaller ones, that takes more time than it is worth.
_LARGE = 10_000
_LEVEL = 1


class _Selected(Collection[Row]):
    def __init__(self, read: Callable[[int], Row], numbers: Sequence[int]) -> None:
        self._read = read
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Row]:
        return map(self._read, self._numbers)

    def __contains__(self, row: object) -> bool:
        return any(row == each for each in self)


class StoredRows(Rows):
    """
    Rows in their order, each of which is read when its turn comes.

    They are added job by job: what a job varies is known when all its tasks are, and is added to its rows when they are
    read. Only this process can read the file.
    """

    def __init__(self) -> None:
        """Start without rows."""
        self._records = RecordStore()
        self._failed, self._skipped = array("Q"), array("Q")
        # The number of rows up to the end of each job, and what it varies.
        self._ends: List[int] = []
        self._varied: List[Dict[Path, str]] = []
        self._complete: Callable[[Row], Row] = lambda row: row

    def append(self, row: Row) -> None:
        """Add a row to the current job."""
        data = pickle.dumps(tuple(vars(row).values()), _PROTOCOL)
        number = self._records.append(data if len(data) < _LARGE else zlib.compress(data, _LEVEL))
        if row.failed:
            self._failed.append(number)
        elif row.skipped:
            self._skipped.append(number)

    def end_job(self, variation: Variation) -> None:
        """
        End the current job.

        Args:
            variation: Has seen the tasks of its rows.
        """
        self._ends.append(len(self._records))
        self._varied.append(varied_pointers(variation))

    def complete_with(self, complete: Callable[[Row], Row]) -> None:
        """
        Complete the rows with what is known only when all of them are.

        Args:
            complete: Called with each row whenever it is read.
        """
        self._complete = complete

    @property
    def failed(self) -> Collection[Row]:
        """Those that failed; the others are not read."""
        return _Selected(self._read, self._failed)

    @property
    def skipped(self) -> Collection[Row]:
        """Those that were skipped; the others are not read."""
        return _Selected(self._read, self._skipped)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._records)

    def __iter__(self) -> Iterator[Row]:
        """
        Read the rows.

        Raises:
            KeepingError: The file cannot be read.
        """
        return map(self._read, range(len(self)))

    def __contains__(self, row: object) -> bool:
        """Return whether a row is among them."""
        return any(row == each for each in self)

    def _read(self, number: int) -> Row:
        data = self._records[number]
        whole = data if data[:1] == pickle.PROTO else zlib.decompress(data)
        row = Row(*pickle.loads(whole))  # noqa: S301 - no other process can write to the file
        return self._complete(varied_row(row, self._varied[bisect_right(self._ends, number)]))


def varied_pointers(variation: Variation) -> Dict[Path, str]:
    """Return the paths of what a job varies, without secrets, with their JSON pointers."""
    return {path: pointer(path) for path in variation.paths if not is_secret(path)}


def varied_row(row: Row, pointers: Mapping[Path, str]) -> Row:
    """Add the values of what its job varies to a row."""
    varied = {pointers[path]: value for path, value in values_at(row.task, pointers)}
    return replace(row, varied=varied) if varied else row
