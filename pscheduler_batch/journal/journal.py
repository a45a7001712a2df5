"""
What has happened so far, on the disk before the step that it allows.

A journal is a file of JSON lines. The first one says which batch it is of; each of the others is an event of one
iteration, or the begin of a job. Whoever resumes a batch reads it as a past. A line that a crash has torn is the last
one, and is dropped. No secret is ever in it: see :mod:`~pscheduler_batch.journal.sealing`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO, Callable, Mapping, Optional

from pscheduler_batch.errors import SchedulerError
from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.journal.file import open_locked, read_line, read_lines, require_empty, sync_folder
from pscheduler_batch.journal.history import VERSION, JournalHistory, history_of_lines, read_history
from pscheduler_batch.journal.interface import _NOTHING, IterationHistory, JournalError
from pscheduler_batch.journal.result_records import record_result, restore_result
from pscheduler_batch.journal.sealing import Seal, is_sealed
from pscheduler_batch.model import JSON, Iteration, IterationResult

# What the failure of an iteration says it was doing that could not be run because of the journal.
DOING = "keeping the journal"


def digest_of(document: JSON, options: Mapping[str, JSON]) -> str:
    """
    Say in a short text which batch this is: its document without comments, and the options that shape what is run.

    Secrets do not count, as a short one could be found by trying; that they are the same is seen task by task.

    >>> digest_of({"jobs": []}, {}) == digest_of({"jobs": []}, {"lead": "ps.example.net"})
    False
    """
    # Not sorted: in what order names stand can matter to a script.
    text = json.dumps([Seal(document).close(document), dict(sorted(options.items()))])
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class FileJournal:
    """A journal that is being written, locked against every other process until it is closed or the process ends."""

    def __init__(self, stream: BinaryIO, path: str, past: JournalHistory, now: Callable[[], datetime]) -> None:
        self._stream = stream
        self._path = path
        self._past = past
        self._now = now
        self._error: Optional[JournalError] = None
        self._is_whole = True

    @property
    def error(self) -> Optional[JournalError]:
        """The first reason why something could not be noted; what was noted before and after can be relied on."""
        return self._error

    @classmethod
    def begin(cls, path: str, digest: str, now: Callable[[], datetime]) -> FileJournal:
        """
        Begin a new journal.

        Args:
            path: A file that does not exist, or is empty.
            digest: Which batch it is of.
            now: The clock; the batch begins now.

        Raises:
            JournalError: The file cannot be made, is in use, or holds something.
        """
        stream = open_locked(path, os.O_RDWR | os.O_CREAT)
        journal = cls(stream, path, JournalHistory(now()), now)
        try:
            require_empty(stream, path)
            journal._note_begin(digest)
            sync_folder(path)
        except BaseException:
            stream.close()
            raise
        return journal

    @classmethod
    def resume(cls, path: str, digest: str, now: Callable[[], datetime]) -> FileJournal:
        """
        Go on with a journal.

        Args:
            path: The file.
            digest: Which batch it must be of.
            now: The clock.

        Raises:
            JournalError: The file cannot be read, is in use, is no journal, or is of another batch.
        """
        stream = open_locked(path, os.O_RDWR)
        try:
            past, length = read_history(read_lines(stream, path), digest, path)
            journal = cls(stream, path, past or JournalHistory(now()), now)
            journal._drop_torn(length)
            if past is None:
                journal._note_begin(digest)
                sync_folder(path)
        except BaseException:
            stream.close()
            raise
        return journal

    def close(self) -> None:
        """Close the file and let others have it."""
        self._stream.close()

    def start_of_batch(self, now: datetime) -> datetime:  # noqa: ARG002 - it began when the journal did
        """Say when the batch began."""
        return self._past.start

    def start_of_job(self, job: int, iterations: int, now: datetime) -> datetime:
        """
        Say when a job began, and note it if it begins now.

        Raises:
            JournalError: It could not be noted, or had another number of iterations when it was.
        """
        past = self._past
        if job not in past.job_starts:
            self._note("job", job=job, iterations=iterations, start=format_timestamp(now))
            past.job_starts[job], past.job_iterations[job] = now, iterations
        if past.job_iterations[job] != iterations:
            raise JournalError(
                f"job {job} had {past.job_iterations[job]:,} iterations when {self._path} was begun, and its scripts "
                f"make {iterations:,} of it now; what it has cannot be gone on with"
            )
        return past.job_starts[job]

    def goes_on_after(self, job: int) -> Optional[bool]:
        """Say whether the batch went on after a job: another one has begun, or it was carried through without."""
        if any(number > job for number in self._past.job_starts):
            return True
        return None if self._past.end is None else False

    def end_of_batch(self, now: datetime) -> datetime:
        """Say when the batch was carried through, and note it if that is now; else whoever resumes asks again."""
        if self._past.end is None and self._error is None:
            with suppress(JournalError):
                self._note("end", end=format_timestamp(now))
            self._past.end = now
        return self._past.end or now

    def past_of(self, iteration: Iteration) -> IterationHistory:
        """
        Say what is known of an iteration from an earlier try.

        Raises:
            JournalError: The secrets of its task are not what they were.
        """
        places = self._past.iterations.get((iteration.job, iteration.number))
        if places is None:
            return _NOTHING
        try:
            lines = [read_line(self._stream, self._path, *place) for place in places]
            past = history_of_lines(lines)
        except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise self._damaged(iteration, error) from error
        seal = Seal(iteration.task, iteration.given)
        if past.check is not None and past.check != seal.check:
            reason = f"the secrets of {iteration.label} are not what they were when {self._path} was written"
            raise JournalError(reason)
        if not any(map(is_sealed, lines)):
            return past
        try:
            return replace(past, task=seal.open(past.task), result=seal.open(past.result))
        except (IndexError, RecursionError) as error:
            raise self._damaged(iteration, error) from error

    def result_of(self, iteration: Iteration) -> Optional[IterationResult]:
        """
        Give the result that an iteration had in an earlier try; None where it was not done.

        Raises:
            JournalError: The secrets of its task are not what they were.
        """
        past = self.past_of(iteration)
        if past.result is None:
            return None
        if past.task is not None:
            iteration = replace(iteration, task=past.task)
        try:
            return restore_result(iteration, past.result)
        except (ArithmeticError, AttributeError, KeyError, SchedulerError, TypeError) as error:
            raise self._damaged(iteration, error) from error

    def note_posting(self, iteration: Iteration, lead: str, mark: Optional[str]) -> None:
        """
        Note that a task is about to be posted.

        Raises:
            JournalError: It could not be noted, and so must not be posted.
        """
        seal = Seal(iteration.task, iteration.given)
        try:
            task = seal.close(iteration.task)
            self._note_iteration("posting", iteration, lead=lead, mark=mark, task=task, check=seal.check)
        except RecursionError as error:
            raise JournalError(f"the task of {iteration.label} is nested too deeply for a journal") from error

    def note_posted(self, iteration: Iteration, task_href: str, late: Optional[timedelta]) -> None:
        """Note where a posted task is; the mark finds it again if that cannot be noted."""
        with suppress(JournalError):
            self._note_iteration(
                "posted", iteration, href=task_href, late=None if late is None else late.total_seconds()
            )

    def note_run(self, iteration: Iteration, run_href: str) -> None:
        """Note where the first run of a task is; if that cannot be noted, it can be asked for again."""
        with suppress(JournalError):
            self._note_iteration("run", iteration, href=run_href)

    def note_canceling(self, iteration: Iteration) -> None:
        """Note that the task of an iteration is about to be canceled; it is canceled even if that cannot be noted."""
        with suppress(JournalError):
            self._note_iteration("canceling", iteration)

    def note_canceled(self, iteration: Iteration) -> None:
        """Note that the task of an iteration was canceled; whoever resumes finds that out in any case."""
        with suppress(JournalError):
            self._note_iteration("canceled", iteration)

    def note_result(self, result: IterationResult) -> None:
        """
        Note what became of an iteration; if that cannot be noted, it can be fetched again.

        One that was not run because of the journal is to be run by whoever resumes.
        """
        if result.failure is not None and result.failure.doing == DOING:
            return
        seal = Seal(result.iteration.task, result.iteration.given)
        # A result nested too deeply to be written is fetched again as well.
        with suppress(JournalError, RecursionError):
            sealed = seal.close(record_result(result))
            self._note_iteration("result", result.iteration, result=sealed, check=seal.check)

    def _note_begin(self, digest: str) -> None:
        self._note("batch", version=VERSION, digest=digest, start=format_timestamp(self._past.start))

    def _note_iteration(self, event: str, iteration: Iteration, **facts: JSON) -> None:
        self._note(event, job=iteration.job, iteration=iteration.number, **facts)

    def _note(self, event: str, **facts: JSON) -> None:
        """Write an event, and return when it is on the disk."""
        line = json.dumps({"event": event, "at": format_timestamp(self._now()), **facts}, separators=(",", ":"))
        try:
            end = self._stream.tell()
            try:
                self._write(line.encode() + b"\n")
            except OSError:
                # Half a line must not stand before the next one.
                self._is_whole = False
                self._drop_behind(end)
                self._is_whole = True
                raise
        except OSError as error:
            failure = JournalError(f"cannot write the journal {self._path}: {error.strerror}")
            self._error = self._error or failure
            raise failure from error

    def _write(self, line: bytes) -> None:
        if not self._is_whole:
            raise OSError(errno.EIO, "what was written before could not be taken back")
        left = memoryview(line)
        while left:
            left = left[self._stream.write(left) :]
        os.fdatasync(self._stream.fileno())

    def _drop_behind(self, end: int) -> None:
        self._stream.seek(end)
        self._stream.truncate()

    def _drop_torn(self, end: int) -> None:
        """Drop what a crash has torn, so that the next line is a line of its own."""
        try:
            self._drop_behind(end)
        except OSError as error:
            raise JournalError(f"cannot write the journal {self._path}: {error.strerror}") from error

    def _damaged(self, iteration: Iteration, error: Exception) -> JournalError:
        return JournalError(f"{self._path} is damaged: what it has of {iteration.label} cannot be used: {error!r}")
