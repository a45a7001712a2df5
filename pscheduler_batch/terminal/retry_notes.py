"""The note about iterations that were submitted again, for the summary of a batch (ADR 71)."""

from __future__ import annotations

from typing import List, Set, Tuple

from pscheduler_batch.events import AttemptEnded, Event, IterationEnded
from pscheduler_batch.text import count_words


class RetryNotes:
    """Watches a batch for iterations that are submitted again."""

    KINDS = (AttemptEnded, IterationEnded)

    def __init__(self) -> None:
        """Prepare to watch."""
        self._retried: Set[Tuple[int, int]] = set()
        self._succeeded = 0

    def watch(self, event: Event) -> None:
        """Take an event; a :data:`pscheduler_batch.events.Watch`."""
        if not isinstance(event, (AttemptEnded, IterationEnded)):
            return
        iteration, failure = event.result.iteration, event.result.failure
        # A failure without a URL is our own: the batch ended before this attempt was made.
        if iteration.attempt > 1 and (event.result.task_href is not None or failure is None or failure.url):
            self._retried.add((iteration.job, iteration.number))
            self._succeeded += isinstance(event, IterationEnded) and event.succeeded

    def notes(self) -> List[str]:
        """Return a line if there were any, fit for a terminal."""
        count = len(self._retried)
        if not count:
            return []
        was = "was" if count == 1 else "were"
        return [
            f"note: {count_words(count, 'iteration')} {was} submitted again; {self._succeeded:,} succeeded in the end"
        ]
