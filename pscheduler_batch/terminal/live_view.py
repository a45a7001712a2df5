"""
The live view of a batch on a terminal.

A thread draws it. Events are only counted when they happen, so that a terminal that is slow, or stopped with Control-S,
does not hold up the batch.
"""

from __future__ import annotations

import signal
import threading
from datetime import datetime
from typing import Callable, List, Mapping, Optional, Sequence, TextIO, Tuple

from pscheduler_batch.events import BatchEnded, Event, Interrupted, TaskLeft
from pscheduler_batch.terminal.capabilities import encoding_of
from pscheduler_batch.terminal.event_words import PREFIX
from pscheduler_batch.terminal.interruption_lines import InterruptionLines
from pscheduler_batch.terminal.live_frame import Frames, rows_for
from pscheduler_batch.terminal.progress_counts import ProgressCounts
from pscheduler_batch.terminal.screen import Screen
from pscheduler_batch.text import encodable, printable

# Between two frames, in seconds.
PERIOD = 0.2

# How long to wait at the end for a terminal that takes no output, in seconds.
LAST_WAIT = 1.0

# Printed as soon as a batch is interrupted, as canceling its tasks may take some time.
STOPPING = f"{PREFIX}stopping; press Control-C again to stop at once"


class LiveView:
    """Shows the progress of one batch; a context manager."""

    kinds: Tuple[type, ...] = (object,)

    def __init__(self, stream: TextIO, environ: Mapping[str, str], now: Callable[[], datetime]) -> None:
        """
        Prepare to draw.

        Args:
            stream: The terminal.
            environ: Describes what it can do.
            now: The clock.
        """
        self._now = now
        self._frames = Frames(stream, environ)
        self._screen = Screen(stream)
        self._encoding = encoding_of(stream, environ)
        self._counts = ProgressCounts()
        self._lines: List[str] = []
        self._shown: Optional[Tuple[object, ...]] = None
        self._left = InterruptionLines()
        self._begun = self._stopped = self._over = False
        # They guard the counts and the terminal; the first is never held while writing to the terminal.
        self._state = threading.Lock()
        self._terminal = threading.Lock()
        self._wake = threading.Event()
        self._cleared = threading.Event()
        self._thread = threading.Thread(target=self._draw_on, name="pscheduler-batch progress", daemon=True)

    def __enter__(self) -> LiveView:  # noqa: PYI034 - not made for subclasses
        """Start to draw."""
        self._thread.start()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Erase the view, and write the lines that stay."""
        if signal.getsignal(signal.SIGTSTP) == self._stop:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._over = True
        self._wake.set()
        self._thread.join(LAST_WAIT)

    def watch(self, event: Event) -> None:
        """Count an event; the next frame shows it."""
        with self._state:
            self._counts.note(event)
            self._begun = True
        if isinstance(event, Interrupted):
            self.print_line(STOPPING)
        elif isinstance(event, (TaskLeft, BatchEnded)):
            for line in self._left.of(event):
                self.print_line(line)

    def _stop(self, number: int, _frame: object) -> None:
        """Leave a clean terminal to the shell while the process is stopped with Control-Z."""
        self._stopped = True
        self._cleared.clear()
        self._wake.set()
        self._cleared.wait(LAST_WAIT)
        signal.signal(number, signal.SIG_DFL)
        # The process stops here until it is continued.
        signal.raise_signal(number)
        signal.signal(number, self._stop)
        self._stopped = False

    def print_line(self, line: str) -> None:
        """Write a line that stays, above the view, with control characters escaped."""
        with self._state:
            self._lines.append(encodable(printable(line), self._encoding))
        if self._over:
            self.draw()
        else:
            self._wake.set()

    def _draw_on(self) -> None:
        while not self._over:
            self.draw()
            # Lines are written at once; the rest is drawn periodically.
            self._wake.wait(PERIOD)
            self._wake.clear()
        self.draw()

    def draw(self) -> None:
        """Draw a frame; only lines that stay, once the batch is stopped or over."""
        with self._terminal:
            with self._state:
                above, self._lines = self._lines, []
            is_ending = self._stopped or self._over
            if self._begun and not is_ending and self._screen.is_ours():
                self._draw_frame(above)
                return
            if is_ending:
                self._screen.erase()
                self._shown = None
            for line in above:
                self._screen.write_line(line)
            if is_ending:
                self._cleared.set()

    def _draw_frame(self, above: Sequence[str]) -> None:
        width, height = self._screen.size()
        with self._state:
            snapshot = self._counts.snapshot(self._now(), rows_for(width, height))
        lines = self._frames.render(snapshot, width, height)
        shown = (width, height, *lines)
        if above or shown != self._shown:
            self._screen.draw(lines, above)
            self._shown = shown
