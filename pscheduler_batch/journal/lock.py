"""
Files for one process at a time: ``--lock`` and the journal.

The lock is the kernel's (flock), so it ends with its holder, however that ends, and a file left behind locks nothing.
The file is never removed: another process may just have opened it, and the next one would then create, and lock,
another file of the same name.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from contextlib import suppress
from datetime import datetime, timezone
from typing import BinaryIO, Callable, Optional, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.text import printable

# A note is one short line; anything longer in a lock file is not ours.
_NOTE_SIZE = 100
_NOTE = re.compile(rb"([0-9]{1,10}) ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+[+-][0-9:]+)\n")


class LockError(BatchError):
    """A file that cannot be locked."""


class BusyError(LockError):
    """
    A file that another process has locked.

    Attributes:
        path: The file.
        holder: The number of that process, if known.
        since: When it took the lock, if known.
    """

    def __init__(
        self, message: str, path: str, *, holder: Optional[int] = None, since: Optional[datetime] = None
    ) -> None:
        self.path = path
        self.holder = holder
        self.since = since
        super().__init__(message)


def open_locked(path: str, flags: int, what: str) -> BinaryIO:
    """
    Open a file for this process alone, until it is closed or the process ends.

    Args:
        path: A regular file; a new one is readable for its owner only.
        flags: As of :func:`os.open`; they must allow reading and writing.
        what: The name of the file in messages, such as "the journal".

    Raises:
        BusyError: Another process has it.
        LockError: It cannot be opened, or is not a regular file.
    """
    try:
        number = os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LockError(f"cannot open {what} {printable(path)}: {error.strerror}") from error
    stream = os.fdopen(number, "r+b", buffering=0)
    try:
        _require_regular_file(stream, path, what)
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder, since = _read_note(stream)
        stream.close()
        raise BusyError(
            f"{what} {printable(path)} is in use by another process", path, holder=holder, since=since
        ) from error
    except OSError as error:
        stream.close()
        raise LockError(f"cannot lock {what} {printable(path)}: {error.strerror}") from error
    except BaseException:
        stream.close()
        raise
    return stream


def _require_regular_file(stream: BinaryIO, path: str, what: str) -> None:
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        raise LockError(f"cannot use {printable(path)} as {what}: it is not a regular file")


class Lock:
    """
    A lock for one batch at a time; a context manager.

    While it is held, the file has a note of who holds it since when, for the message of a second batch. A file with
    other content, such as one that other programs lock as well, is left as it is.
    """

    def __init__(self, path: str, *, now: Optional[Callable[[], datetime]] = None) -> None:
        """
        Name the lock.

        Args:
            path: The file, which is created if it does not exist; its directory is not.
            now: Returns the time, with its time zone; None is this machine's clock.
        """
        self._path = path
        self._now = now or _local_time
        self._stream: Optional[BinaryIO] = None

    def __enter__(self) -> Lock:  # noqa: PYI034 - not made for subclasses
        """
        Take the lock without waiting for it.

        Raises:
            BusyError: Another process has it; the text says which, and since when, if known.
            LockError: The file cannot be used.
        """
        try:
            stream = open_locked(self._path, os.O_RDWR | os.O_CREAT, "the lock file")
        except BusyError as error:
            raise BusyError(
                _who_has_it(self._path, error), self._path, holder=error.holder, since=error.since
            ) from error
        self._stream = stream
        # A full disk does not prevent locking.
        with suppress(OSError):
            _write_note(stream, self._now())
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        with suppress(OSError):
            if _NOTE.fullmatch(_contents(stream)):
                os.ftruncate(stream.fileno(), 0)
        # A child forked meanwhile would keep the lock if the file were only closed.
        with suppress(OSError):
            fcntl.flock(stream.fileno(), fcntl.LOCK_UN)
        stream.close()


def _who_has_it(path: str, error: BusyError) -> str:
    holder = "another process" if error.holder is None else f"process {error.holder}"
    since = "" if error.since is None else f" since {error.since.isoformat(timespec='seconds')}"
    return f"another batch is still running: {holder} has had the lock file {printable(path)}{since}"


def _write_note(stream: BinaryIO, now: datetime) -> None:
    before = _contents(stream)
    if before and not _NOTE.fullmatch(before):
        return
    os.ftruncate(stream.fileno(), 0)
    os.pwrite(stream.fileno(), f"{os.getpid()} {now.isoformat(timespec='seconds')}\n".encode("ascii"), 0)


def _read_note(stream: BinaryIO) -> Tuple[Optional[int], Optional[datetime]]:
    """Read who holds a lock; (None, None) without a note, or if the process in it no longer exists."""
    try:
        found = _NOTE.fullmatch(_contents(stream))
        if found is None:
            return None, None
        holder = int(found[1])
        # The note of a killed process stays, and another program may lock the file without a note.
        with suppress(PermissionError):
            os.kill(holder, 0)
        return holder, datetime.fromisoformat(found[2].decode("ascii"))
    except (OSError, OverflowError, ValueError):
        return None, None


def _contents(stream: BinaryIO) -> bytes:
    return os.pread(stream.fileno(), _NOTE_SIZE, 0)


def _local_time() -> datetime:
    return datetime.now(timezone.utc).astimezone()
