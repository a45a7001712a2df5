"""What the runner and the submitter need of a journal, without the file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional

from pscheduler_batch.errors import BatchError
from pscheduler_batch.model import JSON, Iteration, IterationResult


class JournalError(BatchError):
    """A journal that cannot be written, read, or used for this batch."""


@dataclass(frozen=True)
class IterationHistory:
    """
    What an earlier try recorded of one iteration; None where it recorded nothing.

    Attributes:
        task: The task that was about to be posted.
        lead: The host to which.
        mark: The mark of the task.
        posting_at: When it was about to be posted.
        task_href: The URL of the task, if there was an answer.
        run_href: The URL of its first run.
        late: By how much it missed its synchronized start.
        canceling: Whether the task was about to be canceled; whether it was is not known.
        result: The result, in the form of the journal.
        check: A check of the secrets that were taken out of task and result.
    """

    task: JSON = None
    lead: Optional[str] = None
    mark: Optional[str] = None
    posting_at: Optional[datetime] = None
    task_href: Optional[str] = None
    run_href: Optional[str] = None
    late: Optional[timedelta] = None
    canceling: bool = False
    result: JSON = None
    check: Optional[str] = None


NO_HISTORY = IterationHistory()


class Journal:
    """
    Is told each step before it is taken.

    This one is for a batch that keeps no journal: it records nothing, and knows of no earlier try.
    """

    @property
    def error(self) -> Optional[JournalError]:
        """The first error that kept something from being recorded; what was recorded before and after is valid."""
        return None

    def start_of_batch(self, now: datetime) -> datetime:
        """Return when the batch started: now, if this is the first try."""
        return now

    def start_of_job(self, job: int, iterations: int, now: datetime) -> datetime:  # noqa: ARG002
        """Return when a job started: now, if this is the first try."""
        return now

    def history_of(self, iteration: Iteration) -> IterationHistory:  # noqa: ARG002
        """Return what an earlier try recorded of an iteration."""
        return NO_HISTORY

    def result_of(self, iteration: Iteration) -> Optional[IterationResult]:
        """Return the result of an iteration in an earlier try; None if it was not completed."""

    def goes_on_after(self, job: int) -> Optional[bool]:
        """Return whether the batch went on after a job in an earlier try; None if that is not known."""

    def end_of_batch(self, now: datetime) -> datetime:
        """Return when the batch was completed: now, if it was not before."""
        return now

    def note_posting(self, iteration: Iteration, lead: str, mark: Optional[str]) -> None:
        """Record that a task is about to be posted."""

    def note_posted(self, iteration: Iteration, task_href: str, late: Optional[timedelta]) -> None:
        """Record the URL of a posted task."""

    def note_run(self, iteration: Iteration, run_href: str) -> None:
        """Record the URL of the first run of a task."""

    def note_canceling(self, iteration: Iteration) -> None:
        """Record that the task of an iteration is about to be canceled."""

    def note_canceled(self, iteration: Iteration) -> None:
        """Record that the task of an iteration was canceled; a resumed batch then runs it from the start."""

    def note_result(self, result: IterationResult) -> None:
        """Record the result of an iteration."""
