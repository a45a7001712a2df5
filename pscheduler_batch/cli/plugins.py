"""Do what the options of ``batch-plugins`` ask for."""

from __future__ import annotations

import os
import sys
from pkgutil import get_data
from typing import Iterable, Iterator, List, Optional, Sequence

from pscheduler_batch.cli.execute import FAILED, SUCCEEDED, orderly_interrupt
from pscheduler_batch.errors import BatchError, InputError
from pscheduler_batch.iso8601 import format_duration
from pscheduler_batch.output.console import print_error, show_problems
from pscheduler_batch.output.destination import print_text
from pscheduler_batch.plugins import host_patterns
from pscheduler_batch.plugins.enabling import PERMISSION_FILE
from pscheduler_batch.plugins.installation import (
    find_classes,
    find_closed,
    find_installed,
    find_permission_file,
    install,
    remove,
)
from pscheduler_batch.plugins.permission import GUARDED_PAIRS, KNOWN_TESTS, Permission, read_permission
from pscheduler_batch.text import closest, list_names, printable
from pscheduler_commands import OWN_COMMANDS

_PROGRAM = "pscheduler batch-plugins"
_WARM_BOOT = "pscheduler internal warmboot"


def execute(action: str, *, classes: Optional[str], config: Optional[str]) -> int:
    """
    Do one thing.

    Args:
        action: "install", "remove", "list", "check_config" or "example_config".
        classes: pScheduler's directory of classes; None for the one of this machine.
        config: The permission file; None for the usual one.

    Returns:
        The exit status.
    """
    work = {
        "install": lambda: _install(find_classes(classes), config and os.path.abspath(config)),
        "remove": lambda: _remove(find_classes(classes)),
        "list": lambda: _list(find_classes(classes), config),
        "check_config": lambda: _check(config or PERMISSION_FILE),
        "example_config": _print_example,
    }[action]
    try:
        with orderly_interrupt():
            return work()
    except InputError as error:
        show_problems(error)
    except BatchError as error:
        print_error(printable(str(error)), program=_PROGRAM)
    return FAILED


def _install(classes: str, config: Optional[str]) -> int:
    _print_lines(install(classes, sys.executable or "", list(OWN_COMMANDS), config))
    closed = find_closed(sys.executable)
    if closed:
        print_error(
            f"only some accounts can read {printable(closed[0])}, but pScheduler runs plug-ins as several of them; "
            "install pscheduler-batch where all can read it, such as in /opt",
            program=_PROGRAM,
            severity="warning",
        )
    _note(f"run '{_WARM_BOOT}' so that pScheduler finds the plug-ins")
    file = config or PERMISSION_FILE
    if not _is_enabled(file):
        _note(f"no batch is run until {printable(file)} permits it; '{_PROGRAM} --example-config' prints an example")
    return SUCCEEDED


def _is_enabled(config: str) -> bool:
    try:
        return read_permission(config).enabled
    except InputError:
        return False


def _remove(classes: str) -> int:
    removed = remove(classes)
    _print_lines(removed)
    _note(f"run '{_WARM_BOOT}' so that pScheduler forgets the plug-ins" if removed else "nothing was installed")
    return SUCCEEDED


def _list(classes: str, config: Optional[str]) -> int:
    places = find_installed(classes, list(OWN_COMMANDS))
    width = max(len(place.what) for place in places)
    lines = [f"{place.what:{width}}  {place.state}, {place.path}" for place in places]
    file = config or find_permission_file(classes) or PERMISSION_FILE
    permission = read_permission(file)
    _print_lines([*lines, f"{'permission':{width}}  {_permission_words(permission)}, {file}"])
    return SUCCEEDED


def _permission_words(permission: Permission) -> str:
    if permission.missing:
        return "no file, so no batch is run"
    return "batches are enabled" if permission.enabled else "batches are not enabled"


def _check(config: str) -> int:
    permission = read_permission(config)
    if permission.missing:
        raise BatchError(f"{config} does not exist, so no batch is run")
    for text in _doubts(permission):
        print_error(text, program=_PROGRAM, severity="warning")
    _print_lines([f"{config}: no errors", *_lines_of(permission)])
    return SUCCEEDED


def _doubts(permission: Permission) -> Iterator[str]:
    any_host = host_patterns.ANY in permission.hosts
    for test in permission.tests:
        if test not in KNOWN_TESTS and test != host_patterns.ANY and not any_host:
            near = closest(test, KNOWN_TESTS)
            hint = f'; did you mean "{near}"?' if near else ""
            yield f'the hosts of test "{printable(test)}" are not known, so it requires "hosts": ["*"]{hint}'
    folder = permission.batch_folder
    if folder is not None and not os.path.isdir(folder):
        yield f"/batch-folder: {printable(folder)} is not a directory"
    if not os.stat(permission.source).st_mode & 0o004:
        yield "not all accounts can read the file, but pScheduler runs plug-ins as several of them"


def _lines_of(permission: Permission) -> List[str]:
    if not permission.enabled:
        return ["batches are not enabled"]
    guarded = [name for name in GUARDED_PAIRS if getattr(permission, name.replace("-", "_"))]
    requests = f"{permission.max_connections} requests at once per host"
    limits = f"{permission.max_iterations:,} iterations, {format_duration(permission.max_duration)}, {requests}"
    folder = [] if permission.batch_folder is None else [permission.batch_folder]
    return [
        f"tests            {_names(permission.tests)}",
        f"hosts            {_names(('this host', *permission.hosts))}",
        f"limits           {limits}",
        f"pairs of tasks   {_names(guarded)}",
        f"batches from     {_names([*permission.batch_url, *folder])}",
    ]


def _names(names: Sequence[str]) -> str:
    listed = [printable(name) for name in names]
    if host_patterns.ANY in listed:
        return "any"
    return list_names(listed) if listed else "none"


def _print_example() -> int:
    print_text((get_data("pscheduler_batch", "plugins/batch-processor.json") or b"").decode())
    return SUCCEEDED


def _print_lines(lines: Iterable[str]) -> None:
    print_text("".join(f"{line}\n" for line in lines))


def _note(text: str) -> None:
    print_error(text, program=_PROGRAM, severity="note")
