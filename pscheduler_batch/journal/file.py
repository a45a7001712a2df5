"""The file of a journal: used by one process at a time, readable for its owner only."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO, Iterator, List

from pscheduler_batch.journal import lock as locking
from pscheduler_batch.journal.interface import JournalError
from pscheduler_batch.text import printable


def open_locked(path: str, flags: int) -> BinaryIO:
    """
    Open a file for this process alone, until it is closed or the process ends.

    Args:
        path: An ordinary file; a new one is made readable for its owner only, as it holds what measurements found out.
        flags: As of :func:`os.open`.

    Raises:
        JournalError: It cannot be opened, is in use by another process, or is something else than a file.
    """
    try:
        return locking.open_locked(path, flags, "the journal")
    except locking.LockError as error:
        raise JournalError(str(error)) from error


def require_empty(stream: BinaryIO, path: str) -> None:
    """
    See that a file has nothing in it.

    Raises:
        JournalError: It has.
    """
    if os.fstat(stream.fileno()).st_size:
        raise JournalError(f"{path} is not empty; go on with it by --resume {path}, or name another file")


def read_lines(stream: BinaryIO, path: str) -> Iterator[bytes]:
    """
    Read a file from where it stands, line by line.

    Raises:
        JournalError: It cannot be read.
    """
    try:
        # The file itself is read without a buffer; a lock is shared by all descriptors of an open file.
        with os.fdopen(os.dup(stream.fileno()), "rb") as lines:
            yield from lines
    except OSError as error:
        raise _unreadable(path, error) from error


def read_line(stream: BinaryIO, path: str, offset: int, length: int) -> bytes:
    """
    Read a line again; the place where the next one is written stays as it is.

    Raises:
        JournalError: It cannot be read.
    """
    parts: List[bytes] = []
    try:
        while length:
            part = os.pread(stream.fileno(), length, offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            length -= len(part)
    except OSError as error:
        raise _unreadable(path, error) from error
    return b"".join(parts)


def _unreadable(path: str, error: OSError) -> JournalError:
    return JournalError(f"cannot read the journal {printable(path)}: {error.strerror}")


def sync_folder(path: str) -> None:
    """See that a new file is still in its folder after a crash, where that can be done."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
