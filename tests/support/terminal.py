"""A terminal: what is shown on one, and a command that runs on one."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import Any, Callable, List, Mapping, Tuple

from pscheduler_batch.terminal.screen import BREAK_LINES, CUT_LINES
from tests.support.commands import TIME_LIMIT, Ended, environment

CONTROL = re.compile(r"\x1b\[([0-9;]*|\?7)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")

# Makes the terminal of the standard error the one that sends signals to this process, and becomes the command.
LAUNCHER = "import fcntl, os, sys, termios; fcntl.ioctl(2, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


def visible(written: str) -> List[str]:
    """
    Return what a terminal shows in the end that is large enough for all of it.

    It knows what progress makes use of, and fails where something else comes.
    """
    rows: List[str] = [""]
    row = column = place = 0
    for found in CONTROL.finditer(written):
        assert found.start() == place, repr(written[place : found.start()])
        place = found.end()
        arguments, command, moving, text = found.groups()
        if moving == "\r":
            column = 0
        elif moving == "\n":
            # A terminal's driver returns to the first column as well.
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif text is not None:
            rows[row] = rows[row][:column].ljust(column) + text + rows[row][column + len(text) :]
            column += len(text)
        elif command == "A":
            row -= int(arguments or 1)
            assert row >= 0
        elif command in {"K", "J"}:
            rows[row] = rows[row][:column]
            rows = rows[: row + 1] if command == "J" else rows
        else:
            assert command == "m" or found.group() in {CUT_LINES, BREAK_LINES}, found.group()
    assert place == len(written), repr(written[place:])
    return [line.rstrip() for line in rows]


class Terminal:
    """A command that runs on a terminal; a context manager. Its standard output is a file, unless asked otherwise."""

    def __init__(
        self, *arguments: str, batch: Mapping[str, Any], folder: Path, size: Tuple[int, int] = (80, 24), **changes: str
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(*size)
        self._stdout = folder / "stdout"
        (folder / "batch.json").write_text(json.dumps(batch))
        command = [sys.executable, "-m", "pscheduler_batch", *arguments, str(folder / "batch.json")]
        usual = {"TERM": "xterm-256color", "CI": "", "NO_COLOR": ""}
        with self._stdout.open("wb") as stdout:
            self._process = subprocess.Popen(
                [sys.executable, "-c", LAUNCHER, *command],
                stdin=theirs,
                stdout=stdout,
                stderr=theirs,
                start_new_session=True,
                env={**environment(), **usual, **changes},
            )
        os.close(theirs)
        self.written = ""
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Terminal:  # noqa: PYI034 - not made for subclasses
        """Do nothing more."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        if self._ours >= 0:
            os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 65536)
            except OSError:
                # The other end is closed.
                return
            with self._news:
                self.written += data.decode()
                self._news.notify_all()

    @property
    def plain(self) -> str:
        """What was written, without what moves the cursor or colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.written)

    def until(self, condition: Callable[[str], object]) -> None:
        """Wait until something is true of what was written, without what moves the cursor."""
        with self._news:
            assert self._news.wait_for(lambda: condition(self.plain), TIME_LIMIT), self.written

    def until_written(self, pattern: str) -> None:
        """Wait until something is written that matches."""
        self.until(lambda written: re.search(pattern, written))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a window does."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Press keys, such as Control-C."""
        os.write(self._ours, keys.encode())

    def hang_up(self) -> None:
        """Disappear, as a window that is closed."""
        os.close(self._ours)
        self._ours = -1

    @property
    def modes(self) -> Any:
        """How the terminal treats what is written and typed."""
        return termios.tcgetattr(self._ours)

    def end(self) -> Ended:
        """Wait until the command has ended."""
        status = self._process.wait(TIME_LIMIT)
        self._reader.join()
        return Ended(status, self._stdout.read_text(), self.written)
