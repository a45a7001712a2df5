"""What the runner and the submitter need of a journal, without the file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Optional

from pscheduler_batch.journal.history import NO_HISTORY, IterationHistory, JournalError
from pscheduler_batch.model import Iteration, IterationResult


class Journal:
    """
    Is told each step before it is taken.

    This one is for a batch that keeps no journal: it records nothing, and knows of no earlier try.
    """

    @property
    def error(self) -> Optional[JournalError]:
        """The first error that kept something from being recorded; what was recorded before and after is valid."""
        return None

    @property
    def seed(self) -> Optional[int]:
        """The seed of the random order of iterations that was recorded; None if there is none."""
        return None

    def start_of_batch(self, now: datetime) -> datetime:
        """Return when the batch started: now, if this is the first try."""
        return now

    def start_of_job(self, job: int, iterations: int, now: datetime, attempt: int = 1) -> datetime:  # noqa: ARG002
        """Return when a job, or a later attempt at some of its iterations, started: now, if this is the first try."""
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
