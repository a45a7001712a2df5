"""
Put the plug-ins and the commands where a pScheduler on this machine looks for them, and remove them again (ADR 64).

Each file runs with the Python that installed it, so an installation by pip, pipx or a package of the system is the
same. A file is known as one of these by its second line; others are never changed or removed.
"""

from __future__ import annotations

import os
import re
import subprocess
from ast import literal_eval
from contextlib import suppress
from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

import pscheduler_batch
from pscheduler_batch.errors import BatchError
from pscheduler_batch.plugins.methods import METHODS, method_file

# The directories of classes of pScheduler's packages; beside each is that of the commands.
STANDARD = ("/usr/libexec/pscheduler/classes", "/usr/lib/pscheduler/classes")
COMMANDS = "commands"

# The first words of the second line of a method's file, and of a command's.
_MARK = b"of pscheduler-batch for pScheduler."
_COMMAND_FILE = """\
#!{interpreter} -I
# A command of pscheduler-batch for pScheduler.
import sys
from pscheduler_commands import main

sys.argv.insert(1, {name!r})
main()
"""

# The name of a command of pScheduler that ours replaces; pScheduler lists no hidden files.
_KEPT = ".{name}.kept-by-pscheduler-batch"

# The kernel reads no more of the first line of a file.
_LONGEST_INTERPRETER = 250

# The end of the name of a file that is being written; an empty one is what an interrupted installation leaves.
_NEW = ".pscheduler-batch-new"

_HEAD = 512
_FOR_ALL = 0o005
_SECONDS = 60

OURS = "installed"
BROKEN = "installed, but its Python does not exist any more; install it again"
OTHERS = "of pScheduler or another package"
NONE = "not installed"


class InstallationError(BatchError):
    """The plug-ins cannot be installed, removed or found."""


@dataclass(frozen=True)
class InstalledPart:
    """
    A file that belongs to an installation.

    Attributes:
        what: What it is, for a list, such as "tool batch-processor".
        path: Where it is.
        state: :data:`OURS`, :data:`BROKEN`, :data:`OTHERS` or :data:`NONE`.
    """

    what: str
    path: str
    state: str


def find_classes(named: Optional[str], standard: Sequence[str] = STANDARD) -> str:
    """
    Return pScheduler's directory of classes.

    Args:
        named: The one that the user named; it need not exist.
        standard: Where pScheduler's packages have it.

    Raises:
        InstallationError: None was named, and there is none.
    """
    if named is not None:
        if not named:
            raise InstallationError("the name of the directory of classes is empty")
        return os.path.abspath(named)
    found = next((directory for directory in standard if os.path.isdir(directory)), None)
    if found is None:
        raise InstallationError(
            f"there is no pScheduler on this machine: neither {' nor '.join(standard)} exists; "
            "use --classes to name another directory"
        )
    return found


def install(
    classes: str, interpreter: str, commands: Sequence[str], permission_file: Optional[str] = None
) -> List[str]:
    """
    Install the plug-ins, and the commands if there is a directory of commands beside that of the classes.

    A command of pScheduler with the same name is kept aside.

    Args:
        classes: The directory of classes; it is made if it does not exist.
        interpreter: The path of the Python that runs them.
        commands: The names of the commands.
        permission_file: The permission file that the plug-ins read; None for the usual one.

    Returns:
        The paths of the files.

    Raises:
        InstallationError: Another package has a plug-in of the same name, the interpreter cannot run the plug-ins, or
            a file cannot be written. Whatever was not there before is removed.
    """
    _check_interpreter(interpreter)
    files = dict(_files_of_plugins(classes, method_file(interpreter, permission_file)))
    for directory in {os.path.dirname(path) for path in files}:
        _refuse_others(directory)
    folder = _commands_beside(classes)
    of_commands = {
        os.path.join(folder, name): _COMMAND_FILE.format(interpreter=interpreter, name=name)
        for name in commands
        if folder
    }
    is_first = not any(_is_ours(path) for path in (*files, *of_commands))
    try:
        for path in of_commands:
            _keep_aside(path)
        for path, content in {**files, **of_commands}.items():
            _write(path, content)
        for path in _own_files(classes):
            if path not in files and path not in of_commands:
                os.unlink(path)
    except OSError as error:
        if is_first:
            with suppress(InstallationError):
                remove(classes)
        raise InstallationError(f"cannot write {error.filename}: {error.strerror}") from error
    return [*files, *of_commands]


def remove(classes: str) -> List[str]:
    """
    Remove everything that was installed, and put back the commands of pScheduler.

    Returns:
        The paths of the removed files.

    Raises:
        InstallationError: A file cannot be removed.
    """
    removed = []
    try:
        for path in _own_files(classes):
            os.unlink(path)
            removed.append(path)
        for kept, path in _kept_commands(classes):
            # A newer one may have been installed in the meantime.
            if os.path.lexists(path):
                os.unlink(kept)
            else:
                os.rename(kept, path)
        for kind, name in METHODS:
            with suppress(OSError):
                os.rmdir(os.path.join(classes, kind, name))
    except OSError as error:
        raise InstallationError(f"cannot remove {error.filename}: {error.strerror}") from error
    return removed


def find_installed(classes: str, commands: Sequence[str]) -> List[InstalledPart]:
    """Return the plug-ins and commands, each with its state."""
    places = []
    for kind, name in METHODS:
        directory = os.path.join(classes, kind, name)
        places.append(InstalledPart(f"{kind} {name}", directory, _state(os.path.join(directory, "enumerate"))))
    folder = _commands_beside(classes)
    for name in commands if folder else ():
        path = os.path.join(folder, name)
        places.append(InstalledPart(f"command {name}", path, _state(path)))
    return places


def find_permission_file(classes: str) -> Optional[str]:
    """Return the permission file that the installed plug-ins read; None for the usual one, and if there are none."""
    path = os.path.join(classes, "tool", "batch-processor", "run")
    if not _is_ours(path):
        return None
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        found = re.search(r"^main\(__file__, (.+)\)$", stream.read(), re.MULTILINE)
    return None if found is None else str(literal_eval(found[1]))


def find_closed(interpreter: str) -> List[str]:
    """
    Find the files and directories of the installation that only some accounts can read.

    pScheduler's server, its database and its runner run the methods as accounts of their own.

    Args:
        interpreter: The path of the Python that runs the plug-ins.
    """
    package = os.path.dirname(os.path.abspath(pscheduler_batch.__file__))
    closed = []
    for path in dict.fromkeys((*_way_to(os.path.dirname(interpreter)), *_way_to(interpreter), *_way_to(package))):
        mode = os.stat(path).st_mode
        needed = 0o001 if os.path.isdir(path) else _FOR_ALL
        if mode & needed != needed:
            closed.append(path)
    return closed


def _way_to(path: str) -> List[str]:
    """Return a path and all directories above it."""
    real = os.path.realpath(path)
    way = [real]
    while real != os.path.dirname(real):
        real = os.path.dirname(real)
        way.append(real)
    return way[::-1]


def _check_interpreter(interpreter: str) -> None:
    if not interpreter or len(interpreter) > _LONGEST_INTERPRETER or any(map(str.isspace, interpreter)):
        raise InstallationError(
            f"the path of the Python that would run the plug-ins cannot be used: '{interpreter}' has spaces, or is too "
            "long; install pscheduler-batch elsewhere"
        )
    code = "import pscheduler_batch.plugins.methods, pscheduler_commands"
    try:
        done = subprocess.run(  # noqa: S603 - the Python that runs this
            [interpreter, "-I", "-c", code], capture_output=True, timeout=_SECONDS, check=False
        )
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2] if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        raise InstallationError(
            f"{interpreter} does not find pscheduler-batch by itself ({reason}); "
            "install it with pip, pipx or a package first"
        )


def _files_of_plugins(classes: str, content: str) -> Iterator[Tuple[str, str]]:
    for (kind, name), methods in METHODS.items():
        for method in methods:
            yield os.path.join(classes, kind, name, method), content


def _commands_beside(classes: str) -> str:
    """Return the directory of commands, "" if there is none."""
    folder = os.path.join(os.path.dirname(classes), COMMANDS)
    return folder if os.path.isdir(folder) else ""


def _own_files(classes: str) -> List[str]:
    directories = [os.path.join(classes, kind, name) for kind, name in METHODS]
    folder = _commands_beside(classes)
    paths = (path for directory in (*directories, *([folder] if folder else [])) for path in _list(directory))
    return [path for path in paths if _is_ours(path)]


def _kept_commands(classes: str) -> List[Tuple[str, str]]:
    """Return the commands that were kept aside, each with its own place."""
    folder = _commands_beside(classes)
    before, _, behind = _KEPT.partition("{name}")
    kept = []
    for path in _list(folder) if folder else ():
        file = os.path.basename(path)
        if file.startswith(before) and file.endswith(behind):
            kept.append((path, os.path.join(folder, file[len(before) : -len(behind)])))
    return kept


def _list(directory: str) -> List[str]:
    try:
        return sorted(os.path.join(directory, name) for name in os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_ours(path: str) -> bool:
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    if os.path.basename(path).endswith(_NEW) and not os.path.getsize(path):
        return True
    with open(path, "rb") as stream:
        return _MARK in stream.read(_HEAD).partition(b"\n")[2].partition(b"\n")[0]


def _state(path: str) -> str:
    if _is_ours(path):
        with open(path, "rb") as stream:
            interpreter = stream.readline()[len("#!") :].split()[0]
        return OURS if os.access(interpreter, os.X_OK) else BROKEN
    return OTHERS if os.path.lexists(path) else NONE


def _refuse_others(directory: str) -> None:
    others = [path for path in _list(directory) if not _is_ours(path)]
    if others or os.path.islink(directory) or os.path.isfile(directory):
        what = others[0] if others else directory
        raise InstallationError(f"{what} is not of pscheduler-batch; remove it first")


def _keep_aside(path: str) -> None:
    """Rename a command of pScheduler that ours replaces; the newest is kept if it was installed again."""
    if os.path.lexists(path) and not _is_ours(path):
        folder, name = os.path.split(path)
        os.replace(path, os.path.join(folder, _KEPT.format(name=name)))


def _write(path: str, content: str) -> None:
    """Write an executable file that is there as a whole or not at all."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    new = os.path.join(folder, f".{name}{_NEW}")
    try:
        with open(new, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(content)
        os.chmod(new, 0o755)  # noqa: S103 - pScheduler's accounts run it
        os.replace(new, path)
    except OSError:
        with suppress(OSError):
            os.unlink(new)
        raise
