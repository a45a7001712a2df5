"""
The live view of a batch on a terminal.

One thread draws; events are only counted where they happen, so that neither a slow terminal nor one that was stopped
with Control-S holds up the batch.
"""

from __future__ import annotations

import signal
import threading
from datetime import datetime
from typing import Callable, List, Mapping, Optional, Sequence, TextIO, Tuple

from pscheduler_batch.events import Event, Interrupted
from pscheduler_batch.terminal.event_words import PREFIX
from pscheduler_batch.terminal.live_frame import Frames, rows_for
from pscheduler_batch.terminal.progress_counts import ProgressCounts
from pscheduler_batch.terminal.screen import Screen
from pscheduler_batch.text import printable

# Between two drawings, in seconds.
PERIOD = 0.2

# How long a terminal that takes no output is waited for in the end, in seconds.
LAST_WAIT = 1.0

# Said as soon as a batch is interrupted, as canceling its tasks may take some seconds.
ENDING = f"{PREFIX}ending what is under way; once more ends it at once"


class LiveView:
    """Shows how a batch is getting on; a context manager, for one batch."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str], now: Callable[[], datetime]) -> None:
        """
        Prepare to draw.

        Args:
            stream: The terminal.
            environ: Says what it can do.
            now: The clock.
        """
        self._now = now
        self._frames = Frames(stream, environ)
        self._screen = Screen(stream)
        self._tally = ProgressCounts()
        self._lines: List[str] = []
        self._shown: Optional[Tuple[object, ...]] = None
        self._begun = self._interrupted = self._stopped = self._over = False
        # What is known, and who is writing to the terminal. The first is never held while the terminal is waited for.
        self._knowledge = threading.Lock()
        self._terminal = threading.Lock()
        self._news = threading.Event()
        self._cleared = threading.Event()
        self._thread = threading.Thread(target=self._draw_on, name="pscheduler-batch progress", daemon=True)

    def __enter__(self) -> LiveView:  # noqa: PYI034 - not made for subclasses
        """Begin to draw."""
        self._thread.start()
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is drawn; what stays is written."""
        if signal.getsignal(signal.SIGTSTP) == self._stop:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        self._over = True
        self._news.set()
        self._thread.join(LAST_WAIT)

    def watch(self, event: Event) -> None:
        """Take an event in; it is shown when the view is drawn the next time."""
        with self._knowledge:
            self._tally.note(event)
            self._begun = True
        if isinstance(event, Interrupted):
            # The next signal ends the process at once, so the terminal has to be in order from here on.
            self._interrupted = True
            self._cleared.clear()
            self.print_line(ENDING)
            self._cleared.wait(LAST_WAIT)

    def _stop(self, number: int, _frame: object) -> None:
        """Leave the terminal in order to the shell while the process is stopped with Control-Z."""
        self._stopped = True
        self._cleared.clear()
        self._news.set()
        self._cleared.wait(LAST_WAIT)
        signal.signal(number, signal.SIG_DFL)
        # Here the process stands still until it is told to go on.
        signal.raise_signal(number)
        signal.signal(number, self._stop)
        self._stopped = False

    def print_line(self, line: str) -> None:
        """Write a line that stays, above the view; what a terminal would obey is shown as its escape."""
        with self._knowledge:
            self._lines.append(printable(line))
        if self._over:
            self.draw()
        else:
            self._news.set()

    def _draw_on(self) -> None:
        while not self._over:
            self.draw()
            # News are what cannot wait; the rest is drawn every now and then.
            self._news.wait(PERIOD)
            self._news.clear()
        self.draw()

    def draw(self) -> None:
        """Draw how things are now; nothing but lines that stay, once the batch is interrupted, stopped or over."""
        with self._terminal:
            with self._knowledge:
                above, self._lines = self._lines, []
            is_to_be_gone = self._interrupted or self._stopped or self._over
            if self._begun and not is_to_be_gone and self._screen.is_ours():
                self._draw_frame(above)
                return
            if is_to_be_gone:
                self._screen.erase()
                self._shown = None
            for line in above:
                self._screen.write_line(line)
            if is_to_be_gone:
                self._cleared.set()

    def _draw_frame(self, above: Sequence[str]) -> None:
        width, height = self._screen.size()
        with self._knowledge:
            glance = self._tally.glance(self._now(), rows_for(width, height))
        lines = self._frames.render(glance, width, height)
        shown = (width, height, *lines)
        if above or shown != self._shown:
            self._screen.draw(lines, above)
            self._shown = shown
