"""Files and pipes that get one line of JSON at a time, each of which can be read at once (ADR 72)."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from errno import ENXIO
from typing import Callable, Optional

from pscheduler_batch.output.destination import OutputError
from pscheduler_batch.text import printable

# The name of the standard error, as the standard output is for the document.
STANDARD_ERROR = "-"


class LineFile:
    """
    A file that grows while a batch runs; a context manager.

    If a line cannot be written, the file keeps the lines before it and gets none after it, so that it is always valid.
    """

    def __init__(
        self, path: str, *, holds: str, print_line: Callable[[str], None], warn: Callable[[str], None]
    ) -> None:
        """
        Choose the place.

        Args:
            path: The file, device or pipe; ``-`` is the standard error.
            holds: What is written, in messages.
            print_line: Writes a line on the standard error.
            warn: Is given a warning, once, if a line cannot be written.
        """
        self._path = path
        self._cannot = f"cannot write the {holds} to {printable(path)}"
        self._print_line = print_line
        self._warn = warn
        self._number: Optional[int] = None
        self._is_regular = False
        self._end = 0
        self._reason: Optional[str] = None

    def __enter__(self) -> LineFile:  # noqa: PYI034 - not made for subclasses
        """
        Open the file; its old content stays until :meth:`begin`.

        Raises:
            OutputError: It cannot be opened for writing.
        """
        if self._path != STANDARD_ERROR:
            try:
                # Readable by its owner only, like the output. Nothing could end the waiting for the reader of a pipe.
                self._number = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o600)
            except OSError as error:
                reason = "nothing reads this pipe" if error.errno == ENXIO else error.strerror
                raise OutputError(f"{self._cannot}: {reason}") from error
            os.set_blocking(self._number, True)
            self._is_regular = stat.S_ISREG(os.fstat(self._number).st_mode)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self._number is not None:
            with suppress(OSError):
                os.close(self._number)

    @property
    def error(self) -> Optional[OutputError]:
        """Why the file is incomplete; None if it is complete."""
        return None if self._reason is None else OutputError(f"{self._cannot}: {self._reason}; it is incomplete")

    def begin(self) -> None:
        """Remove the old content of a file, as the batch starts now."""
        if self._number is not None and self._is_regular:
            os.ftruncate(self._number, 0)

    def write(self, line: str) -> None:
        """
        Write a line.

        Args:
            line: ASCII text without its line end.
        """
        if self._reason is not None:
            return
        if self._number is None:
            self._print_line(line)
            return
        try:
            self._append(self._number, f"{line}\n".encode("ascii"))
        except OSError as error:
            self._reason = error.strerror
            self._warn(f"{self._cannot}: {self._reason}; nothing more is written to it")

    def _append(self, number: int, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(number, left) :]
        except OSError:
            if self._is_regular:
                # Part of a line is no JSON.
                with suppress(OSError):
                    os.ftruncate(number, self._end)
            raise
        self._end += len(data)
