"""Find the outputs of batches in directories, and read those that are outputs (ADR 61)."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timedelta
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from pscheduler_batch.errors import BatchError
from pscheduler_batch.text import count_words, printable

STDIN = "-"
_ENDING = ".json"
# Clocks of servers may be wrong by that much, and a file then be older than the runs in it.
_MARGIN = timedelta(days=1)
# How many names a message lists.
_NAMED = 3


class OutputsError(BatchError):
    """Outputs that cannot be found."""


class OutputFile(NamedTuple):
    """
    A file that may be an output.

    Attributes:
        name: Its name; "-" is the standard input.
        is_given: Whether it was named, not only its directory.
    """

    name: str
    is_given: bool


class FileNotes:
    """Collects what is to be said about files, and names the files."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._names: Dict[str, List[str]] = {}

    def add(self, words: str, name: str) -> None:
        """
        Add a file.

        Args:
            words: What is to be said, such as "left out: incomplete".
            name: The name of the file.
        """
        self._names.setdefault(words, []).append(name)

    @property
    def notes(self) -> Tuple[str, ...]:
        """One line for each of these, such as "2 files left out: incomplete (a.json, b.json)"."""
        return tuple(
            f"{count_words(len(names), 'file')} {words} ({', '.join(map(_shown, names[:_NAMED]))}"
            + (f" and {len(names) - _NAMED:,} more)" if len(names) > _NAMED else ")")
            for words, names in self._names.items()
        )


def is_directory(name: str) -> bool:
    """Return whether an argument of the command is a directory."""
    return name != STDIN and os.path.isdir(name)


def find_outputs(names: Iterable[str], without: Optional[str] = None) -> Iterator[OutputFile]:
    """
    Find the files that may be outputs.

    Args:
        names: Files, and directories, which stand for the regular files in them whose names end with ".json" and do not
            begin with a dot, sorted; their own directories are not searched. A file that is found twice counts once.
        without: The file to write, which is none of those in a directory.

    Raises:
        OutputsError: A directory cannot be read, or has no such file.
    """
    given = list(names)
    named = {_identity_of(name) for name in given if not is_directory(name)}
    known = {None if without is None else _identity_of(without)} - named - {None}
    for name in given:
        is_named = not is_directory(name)
        found = [name] if is_named else _files_in(name)
        if not found:
            raise OutputsError(f"{printable(name)} has no outputs of batches (*{_ENDING})")
        for file in found:
            identity = _identity_of(file)
            if identity is None or identity not in known:
                yield OutputFile(file, is_named or identity in named)
            known.add(identity)


def is_older(name: str, since: Optional[datetime]) -> bool:
    """
    Return whether all runs in a file started before a time, as it was written earlier.

    Args:
        name: The name of the file.
        since: The time; a day earlier counts, as clocks of servers may be wrong.
    """
    if since is None or name == STDIN:
        return False
    try:
        found = os.stat(name)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime < (since - _MARGIN).timestamp()


def _files_in(directory: str) -> List[str]:
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.lower().endswith(_ENDING) and not entry.name.startswith(".") and entry.is_file()
            )
    except OSError as error:
        raise OutputsError(f"cannot read {printable(directory)}: {error.strerror}") from error
    return [os.path.join(directory, name) for name in names]


def _identity_of(name: str) -> Optional[Tuple[int, int]]:
    """Return what a file has in common with its other names; None if it cannot be found out."""
    try:
        found = os.stat(name) if name != STDIN else None
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)


def _shown(name: str) -> str:
    return printable(os.path.basename(name) or name)
