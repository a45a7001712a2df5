"""
The results of a batch, kept on disk until they are written (ADR 42).

Each result is stored as the compressed text of the output.
"""

from __future__ import annotations

import zlib
from typing import BinaryIO, Callable, Dict, Iterator, NamedTuple, Optional, Tuple

from pscheduler_batch.model import IterationResult
from pscheduler_batch.output.document import Results, result_text, with_attempts
from pscheduler_batch.output.record_store import MOST_BYTES, RecordStore, open_unnamed

# The fastest level already shrinks results to a tenth.
_LEVEL = 1


class _Entry(NamedTuple):
    """
    Where a result is.

    Attributes:
        succeeded: Whether its iteration succeeded.
        records: The numbers of the records of its attempts; the last one counts.
    """

    succeeded: bool
    records: Tuple[int, ...]


class ResultStore:
    """The results of one batch."""

    def __init__(
        self,
        warn: Callable[[str], None],
        *,
        most_bytes: int = MOST_BYTES,
        open_file: Callable[[], BinaryIO] = open_unnamed,
    ) -> None:
        """
        Make an empty store.

        Args:
            warn: Called once with a warning if results must stay in memory.
            most_bytes: The maximum size of results in memory before a file is used.
            open_file: Creates the file.
        """

        def warn_of(reason: Optional[str]) -> None:
            warn(f"cannot store results on disk ({reason}); keeping them in memory, compressed")

        self._records = RecordStore(warn_of, most_bytes=most_bytes, open_file=open_file)
        self._jobs: Dict[int, Dict[int, _Entry]] = {}

    @property
    def jobs(self) -> Tuple[int, ...]:
        """The numbers of the jobs that have results."""
        return tuple(sorted(self._jobs))

    @property
    def succeeded(self) -> bool:
        """Whether every iteration that has a result succeeded."""
        return all(entry.succeeded for entries in self._jobs.values() for entry in entries.values())

    def keep(self, result: IterationResult, *, succeeded: bool) -> None:
        """
        Store a result, replacing an earlier one of the same attempt at the same iteration.

        Raises:
            RecursionError: Something in it is nested too deeply.
        """
        record = self._records.append(zlib.compress(result_text(result).encode("ascii"), _LEVEL))
        entries, number = self._jobs.setdefault(result.iteration.job, {}), result.iteration.number
        before = entries[number].records[: result.iteration.attempt - 1] if number in entries else ()
        entries[number] = _Entry(succeeded, (*before, record))

    def texts(self) -> Results:
        """Return the texts of the results of each job, in the order of iterations; each is read when it is used."""
        return {job: _JobTexts(self, job) for job in self.jobs}

    def of_job(self, job: int) -> Iterator[str]:
        """
        Yield the results of a job as JSON texts, in the order of iterations, with their earlier attempts.

        Raises:
            KeepingError: The file cannot be read.
        """
        for number in sorted(self._jobs.get(job, {})):
            yield self.text(job, number)

    def text(self, job: int, number: int) -> str:
        """
        Return the result of an iteration as JSON text, with its earlier attempts.

        Raises:
            KeepingError: The file cannot be read.
            KeyError: It has none.
        """
        *earlier, last = self._jobs[job][number].records
        return with_attempts(self._text(last), map(self._text, earlier))

    def _text(self, record: int) -> str:
        return zlib.decompress(self._records[record]).decode("ascii")


class _JobTexts:
    """The texts of one job; can be iterated repeatedly."""

    def __init__(self, kept: ResultStore, job: int) -> None:
        self._kept = kept
        self._job = job

    def __iter__(self) -> Iterator[str]:
        return self._kept.of_job(self._job)
