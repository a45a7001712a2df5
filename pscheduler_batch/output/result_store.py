"""
The results of a batch, kept out of memory from when an iteration ends until they are written (ADR 42).

Each result is kept as it will stand in the output, as compressed text. The first megabyte stays in memory, so that
most batches need no file; what comes after that goes to a file that has no name, which only this process can read and
which is gone when this process is. What the file cannot take stays in memory.
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

# How many bytes of results stay in memory, compressed; more than most batches have.
MOST_BYTES = 1_000_000

# Where large files belong that nobody has to find again; /tmp is in memory on many systems.
LARGE_FILES = "/var/tmp"  # noqa: S108 - the file that is made there never has a name

# The lowest level: a tenth of the size is enough, and the network is still what takes the time.
_LEVEL = 1

Key = Tuple[int, int]


class KeepingError(BatchError):
    """A result that was kept cannot be read again."""


class _Entry(NamedTuple):
    """
    Where a result is.

    Attributes:
        succeeded: Whether its iteration went well.
        length: How many characters it has.
        size: How many bytes it takes, compressed.
        offset: Where in the file it is; None where it is in memory.
        data: What is in memory.
    """

    succeeded: bool
    length: int
    size: int
    offset: Optional[int]
    data: bytes


def open_unnamed() -> BinaryIO:
    """
    Make a file without a name; in the folder that ``TMPDIR`` names, else where large files belong.

    Raises:
        OSError: There is no place for one.
    """
    if os.environ.get("TMPDIR") is None:
        try:
            return tempfile.TemporaryFile(dir=LARGE_FILES)
        except OSError:
            # Python knows more places.
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
        Prepare to keep results.

        Args:
            warn: Is told, once, when there is no room for them but memory.
            most_bytes: How many bytes may be in memory before there is a file.
            open_file: Makes the file.
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
        """Whether every iteration that has a result went well."""
        return all(entry.succeeded for entries in self._jobs.values() for entry in entries.values())

    def keep(self, result: IterationResult, *, succeeded: bool) -> None:
        """
        Keep a result in the place of an earlier one of the same iteration.

        Raises:
            RecursionError: Something in it is nested too deeply to be written.
        """
        text = result_text(result)
        data = zlib.compress(text.encode("ascii"), _LEVEL)
        offset = self._put(data)
        held = data if offset is None else b""
        entries = self._jobs.setdefault(result.iteration.job, {})
        entries[result.iteration.number] = _Entry(succeeded, len(text), len(data), offset, held)

    def texts(self) -> Results:
        """Give the texts of the results of each job, in the order of iterations; each is read when its turn comes."""
        return {job: _JobTexts(self, job) for job in self.jobs}

    def of_job(self, job: int) -> Iterator[str]:
        """
        Give the results of a job as JSON texts, in the order of iterations.

        Raises:
            KeepingError: The file cannot be read.
        """
        entries = self._jobs.get(job, {})
        for number in sorted(entries):
            yield self._read(entries[number])

    def select_within(self, room: int) -> Set[Key]:
        """
        Choose results that have no more characters than there is room for; failed ones first.

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
        """Write to the file, and say where; None where it is to stay in memory."""
        if self._is_full or len(data) <= self._room:
            self._room -= len(data)
            return None
        # From the first result on that does not fit, so that what is in memory does not depend on sizes to come.
        self._room = 0
        try:
            return self._write(data)
        except OSError as error:
            self._is_full = True
            self._warn(f"no room on the disk for results ({error.strerror}); they are kept in memory, compressed")
            return None

    def _write(self, data: bytes) -> int:
        if self._file is None:
            with self._open_file() as file:
                self._file = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._file)
        # What is behind the end, of a result that did not fit, does not matter.
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
    return KeepingError(f"cannot read the results that were kept on the disk: {reason}")


class _JobTexts:
    """The texts of one job, as often as they are wanted."""

    def __init__(self, kept: ResultStore, job: int) -> None:
        self._kept = kept
        self._job = job

    def __iter__(self) -> Iterator[str]:
        return self._kept.of_job(self._job)
