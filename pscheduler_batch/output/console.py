"""What the commands say on the standard error, and how they read their input."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Iterable, Optional, TextIO

from pscheduler_batch.errors import BatchError, InputError, Problem

PROGRAM = "pscheduler batch"


class CommandError(BatchError):
    """Something outside a batch that keeps a command from doing its work."""


def print_error(message: str, *, program: str = PROGRAM) -> None:
    """Say something on the standard error, in one line or more, each of which names the program."""
    write_error("\n".join(f"{program}: {line}" for line in message.split("\n")))


def show_problems(error: InputError, *, with_warnings: bool = True) -> None:
    """Print the errors of a batch with their places, after its warnings, which may name the cause."""
    if with_warnings:
        show_warnings(error.warnings, text=error.text, source=error.source)
    from pscheduler_batch.input.excerpts import render_problems  # noqa: PLC0415 - most batches are right

    write_error(render_problems(error.problems, text=error.text, source=error.source))


def show_warnings(warnings: Iterable[Problem], *, text: Optional[str], source: Optional[str]) -> None:
    """Print the warnings about a batch with their places."""
    warned = tuple(warnings)
    if not warned:
        return
    from pscheduler_batch.input.excerpts import render_problems  # noqa: PLC0415 - most batches have none

    write_error(render_problems(warned, text=text, source=source))


def write_error(text: str) -> None:
    """Write lines on the standard error; that there is none, or nobody who reads it, is no reason to fail."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def settle_stderr() -> None:
    """
    Leave nothing that could not be written to the standard error for Python to try again when it exits.

    It would fail once more, and then the exit status would be 120, whatever became of the batch.
    """
    if sys.stderr is None:
        return
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            forget_what_is_left(sys.stderr)


def forget_what_is_left(stream: TextIO) -> None:
    """Let what a stream still holds, and all that is written to it from now on, go nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, stream.fileno())
    finally:
        os.close(nothing)


def read_input(input_file: str, *, what: str = "the batch", program: str = PROGRAM) -> bytes:
    """
    Read a file, or "-", the standard input.

    Args:
        input_file: The file.
        what: What is in it, for whoever sits at a terminal and wonders what is waited for.
        program: Who is waiting.

    Raises:
        CommandError: It cannot be read.
    """
    try:
        if input_file != "-":
            with open(input_file, "rb") as stream:
                return stream.read()
        if sys.stdin is None:
            raise CommandError("cannot read the standard input: it is closed")
        if sys.stdin.isatty():
            print_error(f"reading {what} from the terminal; end it with Control-D", program=program)
        return sys.stdin.buffer.read()
    except OSError as error:
        from pscheduler_batch.text import printable  # noqa: PLC0415 - most inputs can be read

        shown = printable(input_file) or "a file without a name"
        raise CommandError(f"cannot read {shown}: {error.strerror}") from error
