"""
Names of files with the time in them, as in ``results-%Y%m%d.json``.

The directives are those of strftime that mean the same on every machine; any other is an error, because what a system
makes of it is not known. What ``%c``, ``%x``, ``%X`` and ``%D`` give is no good in a name: it has slashes or depends on
the language.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from typing import Iterable, Mapping, Set

from pscheduler_batch.errors import BatchError
from pscheduler_batch.text import printable

# What strftime itself gives by one letter everywhere, and what is made of several because not every system knows it.
_PLAIN = frozenset("aAbBdfGHIjmMpSuUVwWyYzZ")
_COMPOSED: Mapping[str, str] = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M"}
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)


class FileNameError(BatchError):
    """A name of a file that cannot be used."""


def expand(pattern: str, now: datetime) -> str:
    """
    Put the time into the name of a file.

    >>> expand("results-%Y%m%dT%H%M%S.json", datetime(2026, 3, 1, 12, 30))
    'results-20260301T123000.json'
    >>> expand("100%%.json", datetime(2026, 3, 1))
    '100%.json'

    Args:
        pattern: The name; one without a percent sign stays as it is.
        now: The time in the time zone that is wanted, which for names that users give is the machine's own.

    Raises:
        FileNameError: A percent sign has something behind it that is no directive, or nothing.
    """
    return _DIRECTIVE.sub(lambda found: _expand_one(found[1], pattern, now), pattern)


def name_file(pattern: str, now: datetime) -> str:
    """
    Put the time into the name of a file that is to be written, and see that there is a folder for it.

    The parameters are those of :func:`expand`.

    Raises:
        FileNameError: The name cannot be used, or its folder is not there.
    """
    name = expand(pattern, now)
    require_directory(name)
    return name


def require_directory(path: str) -> None:
    """
    See that the folder of a file is there; none is made, because one that is missing is mostly a slip.

    Args:
        path: The file, after :func:`expand`.

    Raises:
        FileNameError: It is not there, or is no folder.
    """
    folder = os.path.dirname(path)
    if not folder or os.path.isdir(folder):
        return
    why = "is no folder" if os.path.exists(folder) else "does not exist; make it first"
    raise FileNameError(f"cannot write {printable(path)}: {printable(folder)} {why}")


def require_different(paths: Iterable[str]) -> None:
    """
    See that no file is to be written twice, as what went there first would be lost; a device can take both.

    Args:
        paths: The files, after :func:`expand`.

    Raises:
        FileNameError: Two of them are the same file, whatever they are called.
    """
    known: Set[str] = set()
    for path in paths:
        real = os.path.realpath(path)
        if real in known and (os.path.isfile(real) or not os.path.exists(real)):
            raise FileNameError(f"two things would be written to {printable(path)}: give each a file of its own")
        known.add(real)


def _expand_one(letter: str, pattern: str, now: datetime) -> str:
    if letter == "%":
        return "%"
    if letter in _PLAIN and letter:
        return now.strftime(f"%{letter}")
    if letter in _COMPOSED:
        return now.strftime(_COMPOSED[letter])
    name = printable(pattern)
    if not letter:
        raise FileNameError(f"the name {name!r} ends with a lone percent sign; write %% for a percent sign")
    raise FileNameError(
        f"in the name {name!r}, %{printable(letter)} is no directive for a date or a time; write %% for a percent sign"
    )
