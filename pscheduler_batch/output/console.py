"""The standard error and the input of the commands."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager, suppress
from typing import BinaryIO, Iterable, Iterator, Optional, TextIO

from pscheduler_batch.errors import BatchError, InputError, Problem
from pscheduler_batch.input.excerpts import render_problems
from pscheduler_batch.text import STANDARD_INPUT, encodable, printable

PROGRAM = "pscheduler batch"

# The limit for a batch, a list or a value, in bytes; a device or a pipe may have no end.
LARGEST_INPUT = 256 * 2**20


class CommandError(BatchError):
    """An error outside a batch that keeps a command from working."""


def print_error(message: str, *, program: str = PROGRAM, severity: str = "error") -> None:
    """Print a message on the standard error; each line begins with the program and the severity."""
    write_error("\n".join(f"{program}: {severity}: {line}" for line in message.split("\n")))


def show_problems(error: InputError, *, with_warnings: bool = True) -> None:
    """Print the errors of a batch with their places, after its warnings, which may name the cause."""
    if with_warnings:
        show_warnings(error.warnings, text=error.text, source=error.source)
    write_error(render_problems(error.problems, text=error.text, source=error.source))


def show_warnings(warnings: Iterable[Problem], *, text: Optional[str], source: Optional[str]) -> None:
    """Print the warnings about a batch with their places."""
    warned = tuple(warnings)
    if warned:
        write_error(render_problems(warned, text=text, source=source))


def write_error(text: str) -> None:
    """Print lines on the standard error; do nothing if it is closed."""
    if sys.stderr is None:
        return
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{encodable(text, encoding)}\n")
        sys.stderr.flush()


def settle_stderr() -> None:
    """
    Discard what could not be written to the standard error.

    Python would try again at exit, fail, and exit with status 120.
    """
    if sys.stderr is None:
        return
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            forget_what_is_left(sys.stderr)


def forget_what_is_left(stream: TextIO) -> None:
    """Discard what a stream has buffered and whatever is written to it from now on."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, stream.fileno())
    finally:
        os.close(nothing)


def input_name(file: str) -> str:
    """Return the name of an input in messages; "-" is the standard input."""
    return STANDARD_INPUT if file == "-" else file


def read_input(input_file: str, *, what: str = "the batch", program: str = PROGRAM) -> bytes:
    """
    Read all of a file, or of the standard input, up to 256 MiB.

    The arguments and errors are those of :func:`open_input`.
    """
    with open_input(input_file, what=what, program=program) as stream:
        data = stream.read(LARGEST_INPUT + 1)
        if len(data) > LARGEST_INPUT:
            raise OSError(errno.EFBIG, f"it is larger than {LARGEST_INPUT // 2**20} MiB, the limit")
        return data


@contextmanager
def open_input(input_file: str, *, what: str = "the batch", program: str = PROGRAM) -> Iterator[BinaryIO]:
    """
    Open a file, or the standard input, to read it.

    Args:
        input_file: The file; "-" is the standard input.
        what: What the input is, for a note on a terminal.
        program: The name of the command in the note.

    Raises:
        CommandError: The input cannot be opened, or not be read while it is open.
    """
    try:
        if input_file != "-":
            with open(input_file, "rb") as stream:
                yield stream
            return
        if sys.stdin is None:
            raise CommandError("cannot read the standard input: it is closed")
        if sys.stdin.isatty():
            print_error(f"reading {what} from the terminal; end with Control-D", program=program, severity="note")
        yield sys.stdin.buffer
    except OSError as error:
        shown = f"the {STANDARD_INPUT}" if input_file == "-" else printable(input_file) or "a file with an empty name"
        raise CommandError(f"cannot read {shown}: {error.strerror}") from error
