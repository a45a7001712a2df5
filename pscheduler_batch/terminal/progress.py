"""
Progress on standard error: a live view on a terminal, one line per event on request, or nothing (ADR 18).

If writing to standard error fails, progress goes silent and the batch continues.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Callable, Iterator, Mapping, Optional, Protocol, TextIO, Tuple

from pscheduler_batch.clock import Clock
from pscheduler_batch.events import BatchEnded, Event, Interrupted, IterationEnded, RequestHeldUp, TaskLeft
from pscheduler_batch.terminal.capabilities import DUMB, encoding_of
from pscheduler_batch.terminal.event_words import PREFIX, describe_event
from pscheduler_batch.terminal.interruption_lines import INTERRUPTION_EVENTS, InterruptionLines
from pscheduler_batch.text import encodable, printable, time_words

# Values of CI that mean that this is not a CI system.
NO_CI = frozenset({"", "0", "false"})


class Progress(Protocol):
    """
    What shows the progress of a batch.

    Attributes:
        kinds: The classes of the events that it shows.
    """

    kinds: Tuple[type, ...]

    def watch(self, event: Event) -> None:
        """Show an event; a :data:`pscheduler_batch.events.Watch`."""

    def print_line(self, line: str) -> None:
        """Write a line that stays, such as a warning, without disturbing what is shown."""


class Silent:
    """Shows no events, except what an interrupted batch waits for and leaves behind."""

    kinds: Tuple[type, ...] = INTERRUPTION_EVENTS

    def __init__(
        self, stream: Optional[TextIO], environ: Mapping[str, str] = os.environ, *, quiet: bool = False
    ) -> None:
        """
        Prepare to write lines.

        Args:
            stream: Where they go; None for a process without standard error.
            environ: Describes what its reader understands.
            quiet: Whether to write errors only.
        """
        self._stream = stream
        self._encoding = encoding_of(stream, environ)
        self._quiet = quiet
        self._lines = InterruptionLines()

    def watch(self, event: Event) -> None:
        """Write what an interrupted batch waits for, if that takes long, and each task that may still run."""
        for line in self._lines.of(event, quiet=self._quiet):
            self.print_line(line)

    def print_line(self, line: str) -> None:
        """Write a line with control characters escaped."""
        if self._stream is None:
            return
        with suppress(OSError, ValueError):
            self._stream.write(f"{encodable(printable(line), self._encoding)}\n")
            self._stream.flush()


class EventLog(Silent):
    """Writes one line per event."""

    kinds: Tuple[type, ...] = (object,)

    def __init__(self, stream: Optional[TextIO], environ: Mapping[str, str] = os.environ) -> None:
        """Prepare to write lines, as :class:`Silent` does."""
        super().__init__(stream, environ)
        self._interrupted = False

    def watch(self, event: Event) -> None:
        """Write the event and its time."""
        if isinstance(event, (TaskLeft, BatchEnded)):
            super().watch(event)
        if isinstance(event, TaskLeft):
            return
        if isinstance(event, Interrupted):
            self._interrupted = True
        elif self._interrupted and isinstance(event, IterationEnded) and event.result.task_href is None:
            # There may be thousands that were never started.
            return
        elif isinstance(event, RequestHeldUp) and event.reason is None:
            # The next event shows that the request succeeded.
            return
        self.print_line(f"{PREFIX}{time_words(event.at)} {describe_event(event)}")


def wants_live_view(stream: Optional[TextIO], environ: Mapping[str, str]) -> bool:
    """
    Return whether a stream is a terminal on which lines can be redrawn.

    Args:
        stream: Standard error.
        environ: With ``CI`` set, or ``TERM`` empty or "dumb", there is no live view.
    """
    if environ.get("CI", "").lower() not in NO_CI or environ.get("TERM", "") in DUMB:
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        # It was closed.
        return False


@contextmanager
def open_progress(
    stream: Optional[TextIO],
    *,
    quiet: bool = False,
    verbose: bool = False,
    debug: bool = False,
    environ: Mapping[str, str] = os.environ,
    now: Callable[[], datetime] = Clock().now,
) -> Iterator[Progress]:
    """
    Show the progress of a batch while the context lasts; a live view leaves nothing behind.

    Args:
        stream: Standard error; None where there is none.
        quiet: Whether to show errors only.
        verbose: Whether to write one line per event, on a terminal as well.
        debug: Whether debug lines are written, which replace the live view.
        environ: ``CI``, ``TERM``, ``NO_COLOR`` and what else describes the terminal.
        now: The clock.

    Yields:
        The object to pass events and lines to.
    """
    if verbose and not quiet:
        yield EventLog(stream, environ)
    elif stream is None or quiet or debug or not wants_live_view(stream, environ):
        yield Silent(stream, environ, quiet=quiet)
    else:
        from pscheduler_batch.terminal.live_view import LiveView  # noqa: PLC0415 - rich is slow to import

        with LiveView(stream, environ, now) as view:
            yield view
