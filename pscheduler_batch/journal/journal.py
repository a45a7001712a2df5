"""
The file of a journal: each step is on the disk before it is taken.

A journal is a file of JSON lines, readable for its owner only. The first line names the batch; each of the others is
an event of one iteration, or the start of a job. To resume a batch, they are read as a history. A line torn by a crash
is the last one, and is dropped. The file never contains a secret: see :mod:`~pscheduler_batch.journal.sealing`.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO, Callable, Iterator, List, Optional

from pscheduler_batch.errors import SchedulerError
from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.journal.history import (
    NO_HISTORY,
    VERSION,
    IterationHistory,
    JournalError,
    JournalHistory,
    history_of_lines,
    read_history,
    record_result,
    restore_result,
)
from pscheduler_batch.journal.identity import Identity
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.journal.lock import open_locked
from pscheduler_batch.journal.sealing import Seal, is_sealed
from pscheduler_batch.model import JSON, Iteration, IterationResult
from pscheduler_batch.text import printable

# The step at which an iteration failed that could not be run because of the journal.
DOING = "keeping the journal"


class FileJournal(Journal):
    """A journal in a file, locked against every other process until it is closed or the process ends."""

    def __init__(self, stream: BinaryIO, path: str, history: JournalHistory, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._name = printable(path)
        self._history = history
        self._now = now
        self._error: Optional[JournalError] = None
        self._is_whole = True

    @property
    def error(self) -> Optional[JournalError]:
        """The first error that kept something from being recorded."""
        return self._error

    @property
    def seed(self) -> Optional[int]:
        """The seed of the random order of iterations in the first try; None if the order was not random."""
        return self._history.seed

    @classmethod
    def begin(
        cls, path: str, identity: Identity, now: Callable[[], datetime], seed: Optional[int] = None
    ) -> FileJournal:
        """
        Start a new journal.

        Args:
            path: A file that does not exist, or is empty.
            identity: That of the batch.
            now: The clock; the batch starts now.
            seed: The seed of the random order of iterations, if it is random.

        Raises:
            LockError: The file cannot be created, or is in use.
            JournalError: It is not empty, or cannot be written.
        """
        stream = open_locked(path, os.O_RDWR | os.O_CREAT, "the journal")
        journal = cls(stream, path, JournalHistory(now(), seed=seed), now)
        try:
            _require_empty(stream, path)
            journal._note_start(identity)
            _sync_directory(path)
        except BaseException:
            stream.close()
            raise
        return journal

    @classmethod
    def resume(
        cls, path: str, identity: Identity, now: Callable[[], datetime], seed: Optional[int] = None
    ) -> FileJournal:
        """
        Resume a journal.

        Args:
            path: The file.
            identity: That of the batch to which it must belong.
            now: The clock.
            seed: The seed that is recorded if a crash left the journal empty.

        Raises:
            LockError: The file cannot be opened, or is in use.
            JournalError: The file cannot be read, is not a journal, or belongs to another batch.
        """
        stream = open_locked(path, os.O_RDWR, "the journal")
        try:
            history, length = read_history(_read_lines(stream, path), identity, path)
            journal = cls(stream, path, history or JournalHistory(now(), seed=seed), now)
            journal._drop_torn(length)
            if history is None:
                journal._note_start(identity)
                _sync_directory(path)
        except BaseException:
            stream.close()
            raise
        return journal

    def close(self) -> None:
        """Close the file, which releases the lock."""
        self._stream.close()

    def start_of_batch(self, now: datetime) -> datetime:  # noqa: ARG002 - it started with the journal
        """Return when the batch started."""
        return self._history.start

    def start_of_job(self, job: int, iterations: int, now: datetime, attempt: int = 1) -> datetime:
        """
        Return when a job, or a later attempt at some of its iterations, started, and record it if it starts now.

        Raises:
            JournalError: It could not be recorded, or the job was recorded with another number of iterations.
        """
        history = self._history
        if attempt > 1:
            if (job, attempt) not in history.retry_starts:
                self._note("retry", job=job, attempt=attempt, iterations=iterations, start=format_timestamp(now))
                history.retry_starts[job, attempt] = now
            return history.retry_starts[job, attempt]
        if job not in history.job_starts:
            self._note("job", job=job, iterations=iterations, start=format_timestamp(now))
            history.job_starts[job], history.job_iterations[job] = now, iterations
        before = history.job_iterations[job]
        if before != iterations:
            raise JournalError(
                f"job {job} had {before:,} iterations when {self._name} was started, and its scripts now make "
                f"{iterations:,}; it cannot be resumed"
            )
        return history.job_starts[job]

    def goes_on_after(self, job: int) -> Optional[bool]:
        """Return whether the batch went on after a job: another one has started, or it was completed without one."""
        if any(number > job for number in self._history.job_starts):
            return True
        return None if self._history.end is None else False

    def end_of_batch(self, now: datetime) -> datetime:
        """Return when the batch was completed, and record it if that is now."""
        if self._history.end is None and self._error is None:
            with suppress(JournalError):
                self._note("end", end=format_timestamp(now))
            self._history.end = now
        return self._history.end or now

    def history_of(self, iteration: Iteration) -> IterationHistory:
        """
        Return what an earlier try recorded of an iteration.

        Raises:
            JournalError: The secrets of its task have changed.
        """
        places = self._history.iterations.get((iteration.job, iteration.number, iteration.attempt))
        if places is None:
            return NO_HISTORY
        try:
            lines = [_read_line(self._stream, self._name, *place) for place in places]
            history = history_of_lines(lines)
        except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise self._damaged(iteration, error) from error
        seal = Seal(iteration.task, iteration.given)
        if history.check is not None and history.check != seal.check:
            raise JournalError(f"the secrets of {iteration.label} have changed since {self._name} was written")
        if not any(map(is_sealed, lines)):
            return history
        try:
            return replace(
                history,
                task=seal.open(history.task),
                lead=seal.open(history.lead),
                task_href=seal.open(history.task_href),
                run_href=seal.open(history.run_href),
                result=seal.open(history.result),
            )
        except (IndexError, RecursionError) as error:
            raise self._damaged(iteration, error) from error

    def result_of(self, iteration: Iteration) -> Optional[IterationResult]:
        """
        Return the result of an iteration in an earlier try; None if it was not completed.

        Raises:
            JournalError: The secrets of its task have changed.
        """
        history = self.history_of(iteration)
        if history.result is None:
            return None
        if history.task is not None:
            iteration = replace(iteration, task=history.task)
        try:
            return restore_result(iteration, history.result)
        except (ArithmeticError, AttributeError, KeyError, SchedulerError, TypeError) as error:
            raise self._damaged(iteration, error) from error

    def note_posting(self, iteration: Iteration, lead: str, mark: Optional[str]) -> None:
        """
        Record that a task is about to be posted.

        Raises:
            JournalError: It could not be recorded, so the task must not be posted.
        """
        seal = Seal(iteration.task, iteration.given)
        try:
            # A host may be a secret, too.
            sealed = {"lead": seal.close(lead), "mark": mark, "task": seal.close(iteration.task)}
            self._note_iteration("posting", iteration, **sealed, check=seal.check)
        except RecursionError as error:
            raise JournalError(f"the task of {iteration.label} is nested too deeply for a journal") from error

    def note_posted(self, iteration: Iteration, task_href: str, late: Optional[timedelta]) -> None:
        """Record the URL of a posted task; without it, the mark finds the task again."""
        href = Seal(iteration.task, iteration.given).close(task_href)
        with suppress(JournalError):
            self._note_iteration("posted", iteration, href=href, late=None if late is None else late.total_seconds())

    def note_run(self, iteration: Iteration, run_href: str) -> None:
        """Record the URL of the first run of a task; without it, the server is asked again."""
        href = Seal(iteration.task, iteration.given).close(run_href)
        with suppress(JournalError):
            self._note_iteration("run", iteration, href=href)

    def note_canceling(self, iteration: Iteration) -> None:
        """Record that a task is about to be canceled; it is canceled even if that cannot be recorded."""
        with suppress(JournalError):
            self._note_iteration("canceling", iteration)

    def note_canceled(self, iteration: Iteration) -> None:
        """Record that a task was canceled; without it, a resumed batch asks the server."""
        with suppress(JournalError):
            self._note_iteration("canceled", iteration)

    def note_result(self, result: IterationResult) -> None:
        """
        Record the result of an iteration; without it, a resumed batch fetches the result again.

        An iteration that failed because of the journal is run again when the batch is resumed.
        """
        if result.failure is not None and result.failure.doing == DOING:
            return
        seal = Seal(result.iteration.task, result.iteration.given)
        # A result nested too deeply to be written is fetched again, too.
        with suppress(JournalError, RecursionError):
            sealed = seal.close(record_result(result))
            self._note_iteration("result", result.iteration, result=sealed, check=seal.check)

    def _note_start(self, identity: Identity) -> None:
        facts = {} if self._history.seed is None else {"seed": self._history.seed}
        self._note("batch", version=VERSION, identity=identity, start=format_timestamp(self._history.start), **facts)

    def _note_iteration(self, event: str, iteration: Iteration, **facts: JSON) -> None:
        if iteration.attempt > 1:
            facts = {"attempt": iteration.attempt, **facts}
        self._note(event, job=iteration.job, iteration=iteration.number, **facts)

    def _note(self, event: str, **facts: JSON) -> None:
        """Write an event; it is on the disk when this returns."""
        line = json.dumps({"event": event, "at": format_timestamp(self._now()), **facts}, separators=(",", ":"))
        try:
            end = self._stream.tell()
            try:
                self._write(line.encode() + b"\n")
            except OSError:
                # Part of a line must not precede the next one.
                self._is_whole = False
                self._drop_behind(end)
                self._is_whole = True
                raise
        except OSError as error:
            failure = JournalError(f"cannot write the journal {self._name}: {error.strerror}")
            self._error = self._error or failure
            raise failure from error

    def _write(self, line: bytes) -> None:
        if not self._is_whole:
            raise OSError(errno.EIO, "a partly written line could not be removed")
        left = memoryview(line)
        while left:
            left = left[self._stream.write(left) :]
        os.fdatasync(self._stream.fileno())

    def _drop_behind(self, end: int) -> None:
        self._stream.seek(end)
        self._stream.truncate()

    def _drop_torn(self, end: int) -> None:
        """Drop a line torn by a crash, so that the next event is on a line of its own."""
        try:
            self._drop_behind(end)
        except OSError as error:
            raise JournalError(f"cannot write the journal {self._name}: {error.strerror}") from error

    def _damaged(self, iteration: Iteration, error: Exception) -> JournalError:
        return JournalError(f"{self._name} is damaged: its entries for {iteration.label} cannot be used: {error!r}")


def _require_empty(stream: BinaryIO, path: str) -> None:
    if os.fstat(stream.fileno()).st_size:
        name = printable(path)
        raise JournalError(f"{name} is not empty; resume it with --resume {name}, or name another file")


def _read_lines(stream: BinaryIO, path: str) -> Iterator[bytes]:
    try:
        # The file itself is unbuffered; a lock is shared by all descriptors of an open file.
        with os.fdopen(os.dup(stream.fileno()), "rb") as lines:
            yield from lines
    except OSError as error:
        raise _unreadable(path, error) from error


def _read_line(stream: BinaryIO, path: str, offset: int, length: int) -> bytes:
    """Read a line again; the position for writing stays as it is."""
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


def _sync_directory(path: str) -> None:
    """Make the entry of a new file in its directory survive a crash, where that is possible."""
    with suppress(OSError):
        directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
