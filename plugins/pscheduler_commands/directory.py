"""
pScheduler's own command directory: one executable file for each command.

Such a command replaces this process, so its arguments, streams, signals and exit status are its own.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import List, Mapping, NoReturn, Optional, Sequence, Tuple

VARIABLE = "PSCHEDULER_COMMANDS"
# Not for people: pScheduler runs it, and its own program does not list it either.
INTERNAL = "internal"
STANDARD = ("/usr/libexec/pscheduler/commands", "/usr/lib/pscheduler/commands")


def candidate_directories(environ: Mapping[str, str]) -> Tuple[str, ...]:
    """Return where the command directory may be, in the order of the search."""
    named = environ.get(VARIABLE)
    return (named, *STANDARD) if named else STANDARD


def find_directory(candidates: Sequence[str]) -> Optional[Path]:
    """Return the first of the directories that exists, or None."""
    return next((Path(candidate) for candidate in candidates if os.path.isdir(candidate)), None)


def list_words(directory: Optional[Path]) -> List[str]:
    """List the commands that are for people by name; a file that is not executable is not a command."""
    if directory is None:
        return []
    files = (path for path in _files(directory) if path.name != INTERNAL and os.access(path, os.X_OK))
    return sorted(path.name for path in files)


def find_command(directory: Optional[Path], word: str) -> Optional[Path]:
    """
    Find the file of a command, executable or not, or return None.

    Only the names of files in the directory are accepted, so no word leads out of it.
    """
    if directory is None:
        return None
    return next((path for path in _files(directory) if path.name == word), None)


def replace_process(command: Path, arguments: Sequence[str]) -> NoReturn:
    """
    Replace this process by the command, which keeps its streams.

    Python ignores SIGPIPE and SIGXFSZ, and ignored signals are inherited, so both are reset to their defaults first.

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
        # Only reached if the file could not be executed.
        for number, handler in zip(ignored, before):
            signal.signal(number, handler)


def _files(directory: Path) -> List[Path]:
    """List the files that are not hidden; none if the directory cannot be read."""
    try:
        return [path for path in directory.iterdir() if not path.name.startswith(".") and path.is_file()]
    except OSError:
        return []
