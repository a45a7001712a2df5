"""
Progress on the standard error: a live view on a terminal, a line per event where asked for, else nothing (ADR 18).

A terminal, or whatever the standard error is, that fails never costs a batch: progress falls silent.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Callable, Iterator, Mapping, Optional, Protocol, TextIO

from pscheduler_batch.events import Event, Interrupted, IterationEnded, RequestHeldUp
from pscheduler_batch.terminal.capabilities import DUMB
from pscheduler_batch.terminal.event_words import PREFIX, describe_event
from pscheduler_batch.text import printable, time_words

# What CI says where it says that there is none.
NO_CI = frozenset({"", "0", "false"})


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


class Progress(Protocol):
    """What shows how a batch is getting on."""

    def watch(self, event: Event) -> None:
        """Take an event in; be a :data:`pscheduler_batch.events.Watch`."""

    def print_line(self, line: str) -> None:
        """Write a line that stays, such as a warning, without tearing what is shown."""


class Silent:
    """Shows nothing of the events."""

    def __init__(self, stream: Optional[TextIO]) -> None:
        """
        Prepare to write lines.

        Args:
            stream: Where they go; None is nowhere, such as the standard error of a process that has none.
        """
        self._stream = stream

    def watch(self, event: Event) -> None:
        """Do nothing."""

    def print_line(self, line: str) -> None:
        """Write a line; what a terminal would obey is shown as its escape."""
        if self._stream is None:
            return
        with suppress(OSError, ValueError):
            self._stream.write(f"{printable(line)}\n")
            self._stream.flush()


class Lines(Silent):
    """Writes a line for every event."""

    def __init__(self, stream: Optional[TextIO]) -> None:
        """Prepare to write lines, as :class:`Silent` does."""
        super().__init__(stream)
        self._interrupted = False

    def watch(self, event: Event) -> None:
        """Write what has happened, and when."""
        if isinstance(event, Interrupted):
            self._interrupted = True
        elif self._interrupted and isinstance(event, IterationEnded) and event.result.task_href is None:
            # There may be thousands that were never begun, and nobody waits to be told of each.
            return
        elif isinstance(event, RequestHeldUp) and event.reason is None:
            # What came of it is seen by what happens next.
            return
        self.print_line(f"{PREFIX}{time_words(event.at)} {describe_event(event)}")


def wants_live_view(stream: Optional[TextIO], environ: Mapping[str, str]) -> bool:
    """
    Say whether a stream leads to a terminal on which lines may be drawn anew.

    Args:
        stream: The standard error.
        environ: With ``CI`` set, or a ``TERM`` that is none or "dumb", there is nobody who looks at such a view.
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
    now: Callable[[], datetime] = _utc_now,
) -> Iterator[Progress]:
    """
    Show how a batch is getting on, for as long as the context lasts; a live view leaves nothing behind.

    Args:
        stream: The standard error; None where there is none.
        quiet: Whether to show nothing.
        verbose: Whether to write a line for every event, on a terminal as well.
        debug: Whether debug lines are written, which are progress enough.
        environ: ``CI``, ``TERM``, ``NO_COLOR`` and what else says what a terminal can do.
        now: The clock.

    Yields:
        What is to be given the events, and lines.
    """
    if verbose and not quiet:
        yield Lines(stream)
    elif stream is None or quiet or debug or not wants_live_view(stream, environ):
        yield Silent(stream)
    else:
        # What draws takes a while to import, and most commands draw nothing.
        from pscheduler_batch.terminal.live_view import LiveView  # noqa: PLC0415

        with LiveView(stream, environ, now) as view:
            yield view
