"""Where output documents and reports go: the standard output, or a file that is whole or absent (ADR 18)."""

from __future__ import annotations

import io
import os
import signal
import stat
import sys
from contextlib import contextmanager, suppress
from typing import BinaryIO, Callable, Iterable, Iterator, Optional, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.output.console import forget_what_is_left


class OutputError(BatchError):
    """A document or a report could not be written where it should go."""


class Destination:
    """
    A place for one document or report; a context manager.

    That a file can be made beside the one that will be replaced is tried out when the batch begins, before anything is
    sent; it is made, and takes its place in one step, when what goes there is complete.
    """

    def __init__(self, path: Optional[str], *, holds: str = "results") -> None:
        """
        Name the place.

        Args:
            path: The file to replace; None is the standard output.
            holds: What messages call that which is written.
        """
        self._holds = holds
        self._path = None if path is None else os.path.realpath(path)
        self._shown = path
        self._device: Optional[BinaryIO] = None

    def __enter__(self) -> Destination:  # noqa: PYI034 - not made for subclasses
        """
        Prepare to write.

        Raises:
            OutputError: A file can not be made there.
        """
        if self._path is None or self._shown is None:
            return self
        try:
            # Of the path as it was given: what /dev/stdout leads to may have no path of its own.
            mode = os.stat(self._shown).st_mode if os.path.exists(self._shown) else None
            if mode is not None and stat.S_ISDIR(mode):
                raise OutputError(f"cannot write {self._shown}: it is a folder")
            if mode is not None and not stat.S_ISREG(mode):
                # A device or a pipe is written to as it is; there is nothing to replace.
                self._device = open(self._shown, "wb")
            else:
                with _signals_waiting(), _new_file(self._path):
                    pass
        except OSError as error:
            raise OutputError(f"cannot write {self._shown}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        if self._device is not None:
            # What could not be written was said when it was written.
            with suppress(OSError):
                self._device.close()

    def write(self, pieces: Callable[[], Iterable[str]]) -> None:
        """
        Write the output document; if the file cannot take it, to the standard output, so that nothing is lost.

        Args:
            pieces: Gives the text of the document, which is ASCII, piece by piece; called once more if it is needed
                for the standard output as well, as it may be too large to be held.

        Raises:
            OutputError: It could not be written where it should go.
        """
        try:
            self._put(piece.encode("ascii") for piece in pieces())
        except OSError as error:
            try:
                self._put_on_stdout(piece.encode("ascii") for piece in pieces())
            except OutputError as other:
                raise OutputError(f"{self._cannot(error)}\n{other}") from error
            reason = f"{self._cannot(error)}; the results are on the standard output instead"
            raise OutputError(reason) from error

    def write_bytes(self, data: bytes) -> None:
        """
        Write something that can be made again, such as a report; the file takes it whole or stays as it is.

        Raises:
            OutputError: It could not be written where it should go; it is nowhere else then.
        """
        try:
            self._put([data])
        except OSError as error:
            raise OutputError(self._cannot(error)) from error

    def _put(self, pieces: Iterable[bytes]) -> None:
        if self._device is not None:
            self._device.writelines(pieces)
            self._device.flush()
        elif self._path is not None:
            _replace_file(self._path, pieces)
        else:
            self._put_on_stdout(pieces)

    def _put_on_stdout(self, pieces: Iterable[bytes]) -> None:
        _write_stdout(pieces, self._holds)

    def _cannot(self, error: OSError) -> str:
        return f"cannot write {self._shown}: {error.strerror}"


@contextmanager
def _signals_waiting() -> Iterator[None]:
    """Let signals wait, for a moment, so that none ends the process before what is to be cleaned up has been."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _new_file(path: str) -> Iterator[Tuple[BinaryIO, str]]:
    """Make a file beside another one, give it with its name, and see that it does not stay under that name."""
    import tempfile  # noqa: PLC0415 - it takes time to import, and most outputs go to the standard output

    # Only the user may read it: tasks can hold secrets. A file that was there keeps its permissions.
    number, name = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=os.path.dirname(path))
    try:
        with os.fdopen(number, "wb") as stream:
            if os.path.exists(path):
                os.fchmod(number, stat.S_IMODE(os.stat(path).st_mode))
            yield stream, name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _replace_file(path: str, pieces: Iterable[bytes]) -> None:
    with _new_file(path) as (stream, name):
        stream.writelines(pieces)
        stream.flush()
        os.fsync(stream.fileno())
        os.replace(name, path)
    # The file is in its place; a folder that cannot be read, or synchronized, does not change that.
    with suppress(OSError):
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def print_text(text: str) -> None:
    """
    Write text for people on the standard output, in the characters that it has.

    Raises:
        OutputError: It could not be written.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _write_stdout([text.encode(encoding, "backslashreplace")], "text")


def _write_stdout(pieces: Iterable[bytes], holds: str) -> None:
    where = f"cannot write the {holds} to the standard output"
    if sys.stdout is None:
        raise OutputError(f"{where}: it is closed")
    try:
        with _standard_output() as stream:
            stream.writelines(pieces)
            stream.flush()
    except OSError as error:
        # Python would try to flush it once more when it exits, and complain.
        forget_what_is_left(sys.stdout)
        raise OutputError(f"{where}: {error.strerror}") from error


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Give the standard output as something that takes all that it is given, whenever a signal comes."""
    stream: BinaryIO = sys.stdout.buffer
    if isinstance(stream, io.FileIO):
        # Without a buffer (python -u, PYTHONUNBUFFERED) a write that a signal interrupts takes a part, and no more.
        stream = io.BufferedWriter(io.FileIO(stream.fileno(), "wb", closefd=False))
    try:
        number, blocking = stream.fileno(), os.get_blocking(stream.fileno())
    except io.UnsupportedOperation:
        # What a program has put in its place.
        yield stream
        return
    # Whoever shares it may have made it refuse what a slow reader cannot take yet.
    os.set_blocking(number, True)
    try:
        yield stream
    finally:
        os.set_blocking(number, blocking)
