"""
Records on disk: bytes that are appended, and read back by their numbers (ADR 42).

The first megabyte stays in memory, so small batches need no file. The rest goes to a file without a name, which only
this process can read and which disappears with it. If the disk is full, records stay in memory.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from typing import BinaryIO, Callable, Dict, List, Optional

from pscheduler_batch.errors import BatchError

# The maximum size of the records in memory; most batches have less.
MOST_BYTES = 1_000_000

# The place for large temporary files; /tmp is in memory on many systems.
LARGE_FILES = "/var/tmp"  # noqa: S108 - the file has no name


class KeepingError(BatchError):
    """A record on disk cannot be read."""


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


class RecordStore:
    """
    A growing sequence of records.

    >>> records = RecordStore()
    >>> records.append(b"a"), records.append(b"b"), records[0], len(records)
    (0, 1, b'a', 2)
    """

    def __init__(
        self,
        warn: Optional[Callable[[Optional[str]], None]] = None,
        *,
        most_bytes: int = MOST_BYTES,
        open_file: Callable[[], BinaryIO] = open_unnamed,
    ) -> None:
        """
        Make an empty store.

        Args:
            warn: Called once with the reason if records must stay in memory because the disk does not take them.
            most_bytes: The maximum size of records in memory before a file is used.
            open_file: Creates the file.
        """
        self._warn = warn
        self._room = most_bytes
        self._open_file = open_file
        # 16 bytes for each record.
        self._offsets = array("Q")
        self._sizes = array("Q")
        self._held: Dict[int, bytes] = {}
        self._file: Optional[int] = None
        self._end = 0
        self._is_full = False

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._sizes)

    def append(self, record: bytes) -> int:
        """Add a record, and return its number."""
        number = len(self._sizes)
        self._offsets.append(self._end)
        self._sizes.append(len(record))
        if not self._is_written(record):
            self._held[number] = record
        return number

    def __getitem__(self, number: int) -> bytes:
        """
        Read a record.

        Raises:
            KeepingError: The file cannot be read.
        """
        held = self._held.get(number)
        return self._read(self._offsets[number], self._sizes[number]) if held is None else held

    def _is_written(self, record: bytes) -> bool:
        """Write a record to the file, unless it stays in memory."""
        if self._is_full or len(record) <= self._room:
            self._room -= len(record)
            return False
        # Once one record does not fit, all later ones go to the file.
        self._room = 0
        try:
            self._write(record)
        except OSError as error:
            self._is_full = True
            if self._warn is not None:
                self._warn(error.strerror)
            return False
        return True

    def _write(self, record: bytes) -> None:
        if self._file is None:
            with self._open_file() as file:
                self._file = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._file)
        # A partial record behind the end is overwritten.
        end = self._end
        left = memoryview(record)
        while left:
            written = os.pwrite(self._file, left, end)
            left = left[written:]
            end += written
        self._end = end

    def _read(self, offset: int, size: int) -> bytes:
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
