"""Where documents and reports are written: the standard output, or a file that is replaced atomically (ADR 18)."""

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
from pscheduler_batch.text import encodable, printable


class OutputError(BatchError):
    """A document or a report cannot be written."""


class Destination:
    """
    A place for one document or report; a context manager.

    Whether a file can be created beside the one to replace is tested before anything is submitted. The real one is
    created, and replaces the old one atomically, when its content is complete.
    """

    def __init__(self, path: Optional[str], *, holds: str = "results") -> None:
        """
        Choose the place.

        Args:
            path: The file to replace; None is the standard output.
            holds: What is written, in messages.
        """
        self._holds = holds
        self._path = None if path is None else os.path.realpath(path)
        self._given = path
        self._shown = "" if path is None else printable(path)
        self._device: Optional[BinaryIO] = None

    @property
    def name(self) -> str:
        """The name of the file as it was given; empty for the standard output."""
        return self._given or ""

    def __enter__(self) -> Destination:  # noqa: PYI034 - not made for subclasses
        """
        Prepare to write.

        Raises:
            OutputError: A file cannot be created there.
        """
        if self._path is None or self._given is None:
            return self
        try:
            # Of the path as given: the target of /dev/stdout may not have a path.
            mode = os.stat(self._given).st_mode if os.path.exists(self._given) else None
            if mode is not None and stat.S_ISDIR(mode):
                raise OutputError(f"cannot write {self._shown}: it is a directory")
            if mode is not None and not stat.S_ISREG(mode):
                # A device or a pipe is written to directly.
                self._device = open(self._given, "wb")
            else:
                with _signals_waiting(), _new_file(self._path):
                    pass
        except OSError as error:
            raise OutputError(f"cannot write {self._shown}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""
        if self._device is not None:
            # Errors were reported when it was written.
            with suppress(OSError):
                self._device.close()

    def write(self, pieces: Callable[[], Iterable[str]]) -> None:
        """
        Write the output document; if this fails, write it to the standard output, so that nothing is lost.

        Args:
            pieces: Yields the ASCII text of the document; called again for the standard output, as the text may be too
                large for memory.

        Raises:
            OutputError: It could not be written to its place.
        """
        try:
            self._put(piece.encode("ascii") for piece in pieces())
        except OSError as error:
            try:
                self._put_on_stdout(piece.encode("ascii") for piece in pieces())
            except OutputError as other:
                raise OutputError(f"{self._cannot(error)}\n{other}") from error
            reason = f"{self._cannot(error)}; the results were written to the standard output instead"
            raise OutputError(reason) from error

    def write_bytes(self, pieces: Iterable[bytes]) -> None:
        """
        Write a report, or anything else that can be made again; if this fails, an old file stays unchanged.

        Args:
            pieces: The pieces of the content, which are written one after the other.

        Raises:
            OutputError: It could not be written.
        """
        try:
            self._put(pieces)
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
    """Delay signals until temporary files are removed."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _new_file(path: str) -> Iterator[Tuple[BinaryIO, str]]:
    """Create a temporary file beside another one; yield it with its name."""
    import tempfile  # noqa: PLC0415 - 7 ms, and most outputs go to the standard output

    # Readable by its owner only, as tasks can contain secrets. A file that is replaced keeps its permissions.
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
    # The file has been replaced, even if the directory cannot be read or synchronized.
    with suppress(OSError):
        directory = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def print_text(text: str) -> None:
    """
    Print text on the standard output in its encoding.

    Raises:
        OutputError: It could not be written.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _write_stdout([encodable(text, encoding).encode(encoding)], "text")


def _write_stdout(pieces: Iterable[bytes], holds: str) -> None:
    where = f"cannot write the {holds} to the standard output"
    if sys.stdout is None:
        raise OutputError(f"{where}: it is closed")
    try:
        with _standard_output() as stream:
            stream.writelines(pieces)
            stream.flush()
    except OSError as error:
        # Python would flush it again at exit, and complain.
        forget_what_is_left(sys.stdout)
        raise OutputError(f"{where}: {error.strerror}") from error


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    """Return the standard output as a stream that writes everything, even if signals arrive."""
    stream: BinaryIO = sys.stdout.buffer
    if isinstance(stream, io.FileIO):
        # Without a buffer (python -u, PYTHONUNBUFFERED), a write that a signal interrupts is partial.
        stream = io.BufferedWriter(io.FileIO(stream.fileno(), "wb", closefd=False))
    try:
        number, blocking = stream.fileno(), os.get_blocking(stream.fileno())
    except io.UnsupportedOperation:
        # Replaced by a program.
        yield stream
        return
    # A process that shares it may have made it non-blocking, which fails with a slow reader.
    os.set_blocking(number, True)
    try:
        yield stream
    finally:
        os.set_blocking(number, blocking)
