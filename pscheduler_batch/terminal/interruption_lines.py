"""
The permanent lines of an interrupted batch: what it waits for, and which tasks may still run.

An interruption that takes no time prints none, so that cron mails only the error at the end.
"""

from __future__ import annotations

from typing import Iterator, Optional

from pscheduler_batch.events import BatchEnded, Event, Interrupted, Stopping, TaskLeft
from pscheduler_batch.terminal.event_words import PREFIX, STOP_AT_ONCE, describe_event

# The events that may have lines.
INTERRUPTION_EVENTS = (BatchEnded, Interrupted, Stopping, TaskLeft)

# The maximum number of tasks that have a line of their own; the output names all that may still run.
MOST_LEFT = 20


class InterruptionLines:
    """Makes the lines of one batch."""

    def __init__(self) -> None:
        self._interrupted: Optional[Interrupted] = None
        self._left = 0

    def of(self, event: Event, *, quiet: bool = False) -> Iterator[str]:
        """
        Yield the lines for an event.

        Args:
            event: Any event.
            quiet: Whether only errors are wanted.
        """
        if isinstance(event, Interrupted):
            self._interrupted = event
        elif isinstance(event, Stopping) and not quiet:
            if self._interrupted is not None:
                yield f"{PREFIX}{self._interrupted.reason}; {STOP_AT_ONCE}"
                self._interrupted = None
            yield f"{PREFIX}{describe_event(event)}"
        elif isinstance(event, TaskLeft):
            self._left += 1
            if self._left <= MOST_LEFT:
                yield f"{PREFIX}error: {describe_event(event)}"
        elif isinstance(event, BatchEnded) and self._left > MOST_LEFT:
            yield f"{PREFIX}error: {self._left - MOST_LEFT:,} more tasks may still run; the output names them"
