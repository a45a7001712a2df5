"""What the runner and the submitter need of a journal, without the file: the protocol, and what one remembers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional, Protocol

from pscheduler_batch.errors import BatchError
from pscheduler_batch.model import JSON, Iteration, IterationResult


class JournalError(BatchError):
    """A journal that cannot be written, read, or used for this batch."""


@dataclass(frozen=True)
class IterationHistory:
    """
    What is known of one iteration from an earlier try.

    Attributes:
        task: The task that was about to be posted; None where none was.
        lead: Where to.
        mark: Its mark; None where it had none.
        posting_at: When it was about to be posted.
        task_href: Where the task is; None where no answer is known.
        run_href: Where its first run is; None where none was seen.
        late: By how much it missed its synchronized start.
        canceling: Whether the task was about to be canceled, and it is not known whether it was.
        result: What became of it, as it was recorded; None where it was not done.
        check: Of the secrets that were taken out of task and result; None where there were none.
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


_NOTHING = IterationHistory()


class Journal(Protocol):
    """What is told each step before it is taken."""

    @property
    def error(self) -> Optional[JournalError]:
        """Why something could not be noted; None where everything was."""

    def start_of_batch(self, now: datetime) -> datetime:
        """Say when the batch began; now, if this is the first try."""

    def start_of_job(self, job: int, iterations: int, now: datetime) -> datetime:
        """Say when a job began; now, if this is the first try."""

    def past_of(self, iteration: Iteration) -> IterationHistory:
        """Say what is known of an iteration from an earlier try."""

    def result_of(self, iteration: Iteration) -> Optional[IterationResult]:
        """Give the result that an iteration had in an earlier try."""

    def goes_on_after(self, job: int) -> Optional[bool]:
        """Say whether the batch went on after a job in an earlier try; None where it is not known."""

    def end_of_batch(self, now: datetime) -> datetime:
        """Say when the batch was carried through; now, if it was not before."""

    def note_posting(self, iteration: Iteration, lead: str, mark: Optional[str]) -> None:
        """Note that a task is about to be posted."""

    def note_posted(self, iteration: Iteration, task_href: str, late: Optional[timedelta]) -> None:
        """Note where a posted task is."""

    def note_run(self, iteration: Iteration, run_href: str) -> None:
        """Note where the first run of a task is."""

    def note_canceling(self, iteration: Iteration) -> None:
        """Note that the task of an iteration is about to be canceled."""

    def note_canceled(self, iteration: Iteration) -> None:
        """Note that the task of an iteration was canceled, so that the iteration is as if it had never been."""

    def note_result(self, result: IterationResult) -> None:
        """Note what became of an iteration."""


class NoJournal:
    """The record of a batch that keeps none."""

    @property
    def error(self) -> Optional[JournalError]:
        """Say that nothing failed."""
        return None

    def start_of_batch(self, now: datetime) -> datetime:
        """Say that it begins now."""
        return now

    def start_of_job(self, job: int, iterations: int, now: datetime) -> datetime:  # noqa: ARG002
        """Say that it begins now."""
        return now

    def past_of(self, iteration: Iteration) -> IterationHistory:  # noqa: ARG002
        """Know nothing."""
        return _NOTHING

    def result_of(self, iteration: Iteration) -> Optional[IterationResult]:  # noqa: ARG002
        """Know nothing."""
        return None

    def goes_on_after(self, job: int) -> Optional[bool]:  # noqa: ARG002
        """Know nothing."""
        return None

    def end_of_batch(self, now: datetime) -> datetime:
        """Say that it ends now."""
        return now

    def note_posting(self, iteration: Iteration, lead: str, mark: Optional[str]) -> None:
        """Forget it."""

    def note_posted(self, iteration: Iteration, task_href: str, late: Optional[timedelta]) -> None:
        """Forget it."""

    def note_run(self, iteration: Iteration, run_href: str) -> None:
        """Forget it."""

    def note_canceling(self, iteration: Iteration) -> None:
        """Forget it."""

    def note_canceled(self, iteration: Iteration) -> None:
        """Forget it."""

    def note_result(self, result: IterationResult) -> None:
        """Forget it."""
