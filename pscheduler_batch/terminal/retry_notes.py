"""The note about iterations that were submitted again, for the summary of a batch (ADR 71)."""

from __future__ import annotations

from typing import List, Set, Tuple

from pscheduler_batch.events import AttemptEnded, Event, IterationEnded
from pscheduler_batch.terminal.event_words import count_words


class RetryNotes:
    """Watches a batch for iterations that are submitted again."""

    KINDS = (AttemptEnded, IterationEnded)

    def __init__(self) -> None:
        """Prepare to watch."""
        self._retried: Set[Tuple[int, int]] = set()
        self._succeeded = 0

    def watch(self, event: Event) -> None:
        """Take an event; a :data:`pscheduler_batch.events.Watch`."""
        if isinstance(event, AttemptEnded):
            self._retried.add((event.result.iteration.job, event.result.iteration.number))
        elif isinstance(event, IterationEnded):
            self._succeeded += event.succeeded and event.result.iteration.attempt > 1

    def notes(self) -> List[str]:
        """Return a line if there were any, fit for a terminal."""
        count = len(self._retried)
        if not count:
            return []
        was = "was" if count == 1 else "were"
        return [
            f"note: {count_words(count, 'iteration')} {was} submitted again; {self._succeeded:,} succeeded in the end"
        ]
