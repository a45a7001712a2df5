"""The file of a journal: used by one process at a time, readable for its owner only."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import BinaryIO

from pscheduler_batch import locking
from pscheduler_batch.past import JournalError


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


def demand_empty(stream: BinaryIO, path: str) -> None:
    """
    See that a file has nothing in it.

    Raises:
        JournalError: It has.
    """
    if os.fstat(stream.fileno()).st_size:
        raise JournalError(f"{path} is not empty; go on with it by --resume {path}, or name another file")


def read_all(stream: BinaryIO, path: str) -> bytes:
    """
    Read a file.

    Raises:
        JournalError: It cannot be read.
    """
    try:
        return stream.read()
    except OSError as error:
        raise JournalError(f"cannot read the journal {path}: {error.strerror}") from error


def sync_folder(path: str) -> None:
    """See that a new file is still in its folder after a crash, where that can be done."""
    with suppress(OSError):
        folder = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
