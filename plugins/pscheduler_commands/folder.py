"""
pScheduler's own command folder: one executable file for each command.

A command of the folder is not run but becomes this process, so that its arguments, streams, signals and exit status
are its own.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import List, Mapping, NoReturn, Optional, Sequence, Tuple

VARIABLE = "PSCHEDULER_COMMANDS"
STANDARD = ("/usr/libexec/pscheduler/commands", "/usr/lib/pscheduler/commands")


def candidate_folders(environ: Mapping[str, str]) -> Tuple[str, ...]:
    """Say where pScheduler's command folder may be, in the order in which the places are looked at."""
    named = environ.get(VARIABLE)
    return (named, *STANDARD) if named else STANDARD


def find_folder(candidates: Sequence[str]) -> Optional[Path]:
    """Give the first of the folders that exists, or None."""
    return next((Path(folder) for folder in candidates if os.path.isdir(folder)), None)


def list_words(folder: Optional[Path]) -> List[str]:
    """List the commands of the folder, in order of name; files that cannot be executed are no commands."""
    if folder is None:
        return []
    files = (path for path in _files(folder) if os.access(path, os.X_OK))
    return sorted(path.name for path in files)


def find_command(folder: Optional[Path], word: str) -> Optional[Path]:
    """
    Find the file that a word stands for, executable or not, or None.

    Only the names of the folder's own files count, so no word leads out of it.
    """
    if folder is None:
        return None
    return next((path for path in _files(folder) if path.name == word), None)


def become(command: Path, arguments: Sequence[str]) -> NoReturn:
    """
    Become the command: same process, same streams, its own exit status.

    Python ignores SIGPIPE and SIGXFSZ for itself, and a program inherits what is ignored, so both are given back
    their default first.

    Raises:
        OSError: The file cannot be executed.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    ignored = (signal.SIGPIPE, signal.SIGXFSZ)
    before = [signal.signal(number, signal.SIG_DFL) for number in ignored]
    try:
        os.execv(command, [str(command), *arguments])  # noqa: S606 - a shell would change the arguments
    finally:
        # Only where it could not be executed, and this program goes on.
        for number, handler in zip(ignored, before):
            signal.signal(number, handler)


def _files(folder: Path) -> List[Path]:
    """List the folder's files that are not hidden; nothing where the folder cannot be read."""
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file()]
    except OSError:
        return []
