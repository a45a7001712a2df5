"""
The last lines of a terminal, drawn again and again below what was written before.

Between two drawings the cursor stands at the beginning of the first of these lines. So the terminal itself remembers
where they begin, even if its size has changed and it has broken lines anew; nothing has to be restored, however the
process ends. That, and that a terminal which takes no output stops nothing else, is why :class:`rich.live.Live` is not
used: it counts the lines that it has to go back.
"""

from __future__ import annotations

import os
from typing import Optional, Sequence, TextIO, Tuple

ERASE_LINE = "\x1b[K"  # from the cursor to the end of the line
ERASE_BELOW = "\x1b[J"  # from the cursor to the end of the screen

# A terminal may have become narrower without our knowing it yet, and would break the lines that are drawn; then there
# would be more of them to go back than we know of. So it cuts them, but only while they are drawn.
CUT_LINES = "\x1b[?7l"
BREAK_LINES = "\x1b[?7h"

# For terminals that do not say how large they are.
USUAL_SIZE = (80, 24)


class Screen:
    """
    The lines of one terminal.

    Attributes:
        gone: Whether the terminal has ceased to take anything.
    """

    def __init__(self, stream: TextIO) -> None:
        """
        Take hold of a terminal.

        Args:
            stream: What leads to it; where it has a file descriptor, that is written to, as a stream that a thread is
                stuck in keeps the process from exiting.
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
        """Say how many columns and rows there are, just now."""
        try:
            columns, rows = os.get_terminal_size(-1 if self._number is None else self._number)
        except OSError:
            return USUAL_SIZE
        return columns or USUAL_SIZE[0], rows or USUAL_SIZE[1]

    def is_ours(self) -> bool:
        """Say whether the shell has left the terminal to this process, or has put it into the background."""
        try:
            return os.tcgetpgrp(-1 if self._number is None else self._number) == os.getpgrp()
        except OSError:
            # Not a terminal that has jobs.
            return True

    def draw(self, lines: Sequence[str], above: Sequence[str] = ()) -> None:
        """
        Draw lines in the place of those drawn before; all of it is written at once.

        Args:
            lines: What to show, each shorter than the screen is wide, and fewer than it is high.
            above: What stays, above them; at most one of these two may be empty.
        """
        # Erased before it is written: a terminal may hold a line that it has broken for the beginning of the next one.
        written = "".join(f"{ERASE_LINE}{line}\r\n" for line in above)
        shown = "\r\n".join(f"{ERASE_LINE}{line}" for line in lines)
        back = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        self._write(f"\r{written}{CUT_LINES}{shown}{ERASE_BELOW}\r{back}{BREAK_LINES}")
        self._drawn = len(lines)

    def erase(self) -> None:
        """Remove what is drawn; what was there before stays."""
        if self._drawn:
            self._drawn = 0
            # Behind a blank, as tmux keeps what is erased from the very first place of the screen on.
            self._write(f"\r{ERASE_LINE} {ERASE_BELOW}\r")

    def write_line(self, line: str) -> None:
        """Write a line that stays, where nothing is drawn."""
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
            # Such as a window that was closed. Nobody looks any more, and the batch goes on.
            self.gone = True
