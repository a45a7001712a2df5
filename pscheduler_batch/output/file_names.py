"""
File names that contain the time, as in ``results-%Y%m%d.json``.

The directives are those of strftime that are portable; any other is an error. ``%c``, ``%x``, ``%X`` and ``%D`` are
not accepted: they contain slashes or depend on the language.
"""

from __future__ import annotations

import os
import re
import stat
from datetime import datetime
from typing import Iterable, Mapping, Set, Tuple, Union

from pscheduler_batch.errors import BatchError
from pscheduler_batch.text import printable

# Directives that every strftime has, and abbreviations that some lack.
_PLAIN = frozenset("aAbBdfGHIjmMpSuUVwWyYzZ")
_COMPOSED: Mapping[str, str] = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M"}
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)


class FileNameError(BatchError):
    """A file name that cannot be used."""


def expand(pattern: str, now: datetime) -> str:
    """
    Expand the time in a file name.

    >>> expand("results-%Y%m%dT%H%M%S.json", datetime(2026, 3, 1, 12, 30))
    'results-20260301T123000.json'
    >>> expand("100%%.json", datetime(2026, 3, 1))
    '100%.json'

    Args:
        pattern: The name; one without a percent sign is returned unchanged.
        now: The time in the time zone to use; for names of users this is the machine's own.

    Raises:
        FileNameError: A percent sign is not followed by a directive.
    """
    return _DIRECTIVE.sub(lambda found: _expand_one(found[1], pattern, now), pattern)


def name_file(pattern: str, now: datetime) -> str:
    """
    Expand the time in the name of a file to write, and require its directory.

    The parameters are those of :func:`expand`.

    Raises:
        FileNameError: The name is invalid, or its directory does not exist.
    """
    name = expand(pattern, now)
    require_directory(name)
    return name


def require_directory(path: str) -> None:
    """
    Require that the directory of a file exists; none is created, as a missing one is usually a typo.

    Args:
        path: The file, after :func:`expand`.

    Raises:
        FileNameError: It does not exist, or is not a directory; or the current directory, which it is in, was removed.
    """
    try:
        os.path.abspath(path)
    except FileNotFoundError as error:
        raise FileNameError(f"cannot write {printable(path)}: the current directory was removed") from error
    directory = os.path.dirname(path)
    if not directory or os.path.isdir(directory):
        return
    why = "is not a directory" if os.path.exists(directory) else "does not exist; create it first"
    raise FileNameError(f"cannot write {printable(path)}: {printable(directory)} {why}")


def require_different(paths: Iterable[str]) -> None:
    """
    Require that no file is written or locked twice, by whatever names; the same device may be.

    Args:
        paths: The files, after :func:`expand`.

    Raises:
        FileNameError: Two of them are the same file.
    """
    known: Set[Union[str, Tuple[int, int]]] = set()
    for path in paths:
        file = _identity(path)
        if file is not None and file in known:
            raise FileNameError(f"two options name the same file, {printable(path)}; choose different files")
        known.update([] if file is None else [file])


def _identity(path: str) -> Union[str, Tuple[int, int], None]:
    """Return what all names of a file have in common, hard links included; None for a device or a pipe."""
    try:
        found = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def require_unread(path: str, read: Iterable[str]) -> None:
    """
    Require that a file that is written is none of those that are read; a device or a pipe may be.

    Args:
        path: The file, after :func:`expand`.
        read: The files that are read.

    Raises:
        FileNameError: It is one of them.
    """
    if os.path.isfile(path) and any(os.path.exists(other) and os.path.samefile(path, other) for other in read):
        raise FileNameError(f"{printable(path)} is read, so nothing else is written to it; choose a different file")


def _expand_one(letter: str, pattern: str, now: datetime) -> str:
    if letter == "%":
        return "%"
    if letter in _PLAIN and letter:
        return now.strftime(f"%{letter}")
    if letter in _COMPOSED:
        return now.strftime(_COMPOSED[letter])
    name = printable(pattern)
    if not letter:
        raise FileNameError(f"invalid file name {name!r}: it ends with a single %; write %% for a percent sign")
    raise FileNameError(
        f"invalid file name {name!r}: %{printable(letter)} is not a date or time directive; write %% for a percent sign"
    )
