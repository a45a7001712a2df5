"""The file of a journal: used by one process at a time, readable for its owner only."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from typing import BinaryIO

from pscheduler_batch.past import JournalError


def open_locked(path: str, flags: int) -> BinaryIO:
    """
    Open a file for this process alone, until it is closed or the process ends.

    Args:
        path: An ordinary file; a new one is made readable for its owner only.
        flags: As of :func:`os.open`.

    Raises:
        JournalError: It cannot be opened, is in use by another process, or is something else than a file.
    """
    try:
        # Only the user may read it: it holds what measurements found out.
        number = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(f"cannot open the journal {path}: {error.strerror}") from error
    stream = os.fdopen(number, "r+b", buffering=0)
    try:
        _demand_ordinary(stream, path)
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.close()
        raise JournalError(f"the journal {path} is in use by another process") from error
    except OSError as error:
        stream.close()
        raise JournalError(f"cannot lock the journal {path}: {error.strerror}") from error
    except BaseException:
        stream.close()
        raise
    return stream


def _demand_ordinary(stream: BinaryIO, path: str) -> None:
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        raise JournalError(f"cannot keep a journal in {path}: it is no ordinary file")


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
