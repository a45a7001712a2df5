"""
The last lines of a terminal, redrawn below what was written before.

Between two frames the cursor rests at the start of the first of these lines. The terminal keeps that position even if
its size changes and it rewraps lines, and nothing has to be restored, however the process ends. :class:`rich.live.Live`
is not used: it counts the lines that it moves back over, and a terminal that takes no output would block it.
"""

from __future__ import annotations

import os
from typing import Optional, Sequence, TextIO, Tuple

ERASE_LINE = "\x1b[K"  # from the cursor to the end of the line
ERASE_BELOW = "\x1b[J"  # from the cursor to the end of the screen

# A terminal may have become narrower than we know and would wrap lines, so that we would move back over too few. While
# the lines are drawn, it therefore cuts them instead.
CUT_LINES = "\x1b[?7l"
BREAK_LINES = "\x1b[?7h"

# For terminals that do not report their size.
USUAL_SIZE = (80, 24)


class Screen:
    """
    The lines of one terminal.

    Attributes:
        gone: Whether the terminal no longer takes output.
    """

    def __init__(self, stream: TextIO) -> None:
        """
        Prepare a terminal.

        Args:
            stream: The terminal. Its file descriptor is written to, if it has one, as a thread that is blocked in a
                stream keeps the process from exiting.
        """
        self.gone = False
        self._stream = stream
        self._encoding = stream.encoding or "ascii"
        self._drawn = 0
        try:
            self._number: Optional[int] = stream.fileno()
        except (OSError, ValueError):
            self._number = None

    def size(self) -> Tuple[int, int]:
        """Return the current numbers of columns and rows."""
        try:
            columns, rows = os.get_terminal_size(-1 if self._number is None else self._number)
        except OSError:
            return USUAL_SIZE
        return columns or USUAL_SIZE[0], rows or USUAL_SIZE[1]

    def is_ours(self) -> bool:
        """Return whether this process is in the foreground of the terminal."""
        try:
            return os.tcgetpgrp(-1 if self._number is None else self._number) == os.getpgrp()
        except OSError:
            # Not a terminal with job control.
            return True

    def draw(self, lines: Sequence[str], above: Sequence[str] = ()) -> None:
        """
        Replace the lines drawn before, in a single write.

        Args:
            lines: What to show, each shorter than the screen is wide, and fewer than it is high.
            above: Lines to add above them, which stay; at most one of the two may be empty.
        """
        # Erased before it is written, as the terminal may have joined a wrapped line with the next one.
        written = "".join(f"{ERASE_LINE}{line}\r\n" for line in above)
        shown = "\r\n".join(f"{ERASE_LINE}{line}" for line in lines)
        back = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._write(f"\r{written}{CUT_LINES}{shown}{ERASE_BELOW}\r{back}{BREAK_LINES}")
        self._drawn = len(lines)

    def erase(self) -> None:
        """Erase what is drawn; earlier lines stay."""
        if self._drawn:
            self._drawn = 0
            # After a blank, as tmux keeps what is erased from the first cell of the screen.
            self._write(f"\r{ERASE_LINE} {ERASE_BELOW}\r")

    def write_line(self, line: str) -> None:
        """Write a line that stays, while nothing is drawn."""
        self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        if self.gone:
            return
        try:
            if self._number is None:
                self._stream.write(text)
                self._stream.flush()
                return
            self._stream.flush()
            data = text.encode(self._encoding, "replace")
            while data:
                data = data[os.write(self._number, data) :]
        except (OSError, ValueError):
            # Such as a window that was closed; the batch continues.
            self.gone = True
