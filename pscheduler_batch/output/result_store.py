"""
The results of a batch, kept on disk until they are written (ADR 42).

Each result is stored as the compressed text of the output. The first megabyte stays in memory, so most batches need no
file. The rest goes to a file without a name, which only this process can read and which disappears with it. If the disk
is full, results stay in memory.
"""

from __future__ import annotations

import os
import tempfile
import weakref
import zlib
from typing import BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.model import IterationResult
from pscheduler_batch.output.document import Results, result_text

# The maximum size of compressed results in memory; most batches have less.
MOST_BYTES = 1_000_000

# The place for large temporary files; /tmp is in memory on many systems.
LARGE_FILES = "/var/tmp"  # noqa: S108 - the file has no name

# The fastest level already shrinks results to a tenth.
_LEVEL = 1

Key = Tuple[int, int]


class KeepingError(BatchError):
    """A stored result cannot be read."""


class _Entry(NamedTuple):
    """
    Where a result is.

    Attributes:
        succeeded: Whether its iteration succeeded.
        length: Its number of characters.
        size: Its compressed size in bytes.
        offset: Its place in the file; None if it is in memory.
        data: The result, if it is in memory.
    """

    succeeded: bool
    length: int
    size: int
    offset: Optional[int]
    data: bytes


def open_unnamed() -> BinaryIO:
    """
    Create a file without a name in the directory ``TMPDIR``, by default in the place for large temporary files.

    Raises:
        OSError: There is no directory for it.
    """
    if os.environ.get("TMPDIR") is None:
        try:
            return tempfile.TemporaryFile(dir=LARGE_FILES)
        except OSError:
            # Python tries other directories.
            pass
    return tempfile.TemporaryFile()


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
        self._warn = warn
        self._room = most_bytes
        self._open_file = open_file
        self._jobs: Dict[int, Dict[int, _Entry]] = {}
        self._file: Optional[int] = None
        self._end = 0
        self._is_full = False

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
        Store a result, replacing an earlier one of the same iteration.

        Raises:
            RecursionError: Something in it is nested too deeply.
        """
        text = result_text(result)
        data = zlib.compress(text.encode("ascii"), _LEVEL)
        offset = self._put(data)
        held = data if offset is None else b""
        entries = self._jobs.setdefault(result.iteration.job, {})
        entries[result.iteration.number] = _Entry(succeeded, len(text), len(data), offset, held)

    def texts(self) -> Results:
        """Return the texts of the results of each job, in the order of iterations; each is read when it is used."""
        return {job: _JobTexts(self, job) for job in self.jobs}

    def of_job(self, job: int) -> Iterator[str]:
        """
        Yield the results of a job as JSON texts, in the order of iterations.

        Raises:
            KeepingError: The file cannot be read.
        """
        entries = self._jobs.get(job, {})
        for number in sorted(entries):
            yield self._read(entries[number])

    def select_within(self, room: int) -> Set[Key]:
        """
        Select results up to a number of characters altogether, failed ones first.

        Returns:
            The numbers of their jobs and iterations.
        """
        keys = [(job, number) for job in self.jobs for number in sorted(self._jobs[job])]
        chosen: Set[Key] = set()
        for job, number in sorted(keys, key=lambda key: self._jobs[key[0]][key[1]].succeeded):
            length = self._jobs[job][number].length
            if length <= room:
                chosen.add((job, number))
                room -= length
        return chosen

    def _put(self, data: bytes) -> Optional[int]:
        """Write to the file and return the offset, or None if the result stays in memory."""
        if self._is_full or len(data) <= self._room:
            self._room -= len(data)
            return None
        # Once one result does not fit, all later ones go to the file.
        self._room = 0
        try:
            return self._write(data)
        except OSError as error:
            self._is_full = True
            self._warn(f"cannot store results on disk ({error.strerror}); keeping them in memory, compressed")
            return None

    def _write(self, data: bytes) -> int:
        if self._file is None:
            with self._open_file() as file:
                self._file = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._file)
        # A partial result behind the end is overwritten.
        start = end = self._end
        left = memoryview(data)
        while left:
            written = os.pwrite(self._file, left, end)
            left = left[written:]
            end += written
        self._end = end
        return start

    def _read(self, entry: _Entry) -> str:
        data = entry.data if entry.offset is None else self._read_file(entry.offset, entry.size)
        return zlib.decompress(data).decode("ascii")

    def _read_file(self, offset: int, size: int) -> bytes:
        parts: List[bytes] = []
        try:
            while size and self._file is not None:
                part = os.pread(self._file, size, offset)
                if not part:
                    break
                parts.append(part)
                offset += len(part)
                size -= len(part)
        except OSError as error:
            raise _unreadable(error.strerror) from error
        if size:
            raise _unreadable("the file has become shorter")
        return b"".join(parts)


def _unreadable(reason: Optional[str]) -> KeepingError:
    return KeepingError(f"cannot read the results stored on disk: {reason}")


class _JobTexts:
    """The texts of one job; can be iterated repeatedly."""

    def __init__(self, kept: ResultStore, job: int) -> None:
        self._kept = kept
        self._job = job

    def __iter__(self) -> Iterator[str]:
        return self._kept.of_job(self._job)
