"""
Commands of installed packages, found through an entry-point group.

A package adds the command ``pscheduler hello`` with two lines of metadata and a click command:

    [options.entry_points]
    pscheduler.commands =
        hello = their_package.cli:hello

Finding the commands reads metadata only; a command's module is imported when that command is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Callable, Dict, Iterable, Iterator, Optional, Set, Tuple

import click

from pscheduler_commands import OWN_COMMANDS

GROUP = "pscheduler.commands"

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Plugin:
    """
    A command of an installed package.

    Attributes:
        name: The word after ``pscheduler``.
        package: The name of the distribution.
        entry_point: Where its click command is.
        rivals: Other packages with a command of this name, which are ignored.
    """

    name: str
    package: str
    entry_point: EntryPoint
    rivals: Tuple[str, ...] = ()


def find_plugins(warn: Warn, installed: Optional[Iterable[Distribution]] = None) -> Dict[str, Plugin]:
    """
    Find all plugins, by name, without importing any.

    If several packages have a command of the same name, this package comes first, then the alphabetical order of the
    packages decides. Of a distribution that is on the path twice, the first counts, as for imports.

    Args:
        warn: Called with a warning for each package whose metadata cannot be read.
        installed: The distributions to search; by default all that are on the path.
    """
    plugins: Dict[str, Plugin] = {}
    offers = _offers(distributions() if installed is None else installed, warn)
    for package, entry_point in sorted(offers, key=_rank):
        first = plugins.get(entry_point.name)
        if first is None:
            plugins[entry_point.name] = Plugin(entry_point.name, package, entry_point)
        else:
            rivals = (*first.rivals, package)
            plugins[entry_point.name] = Plugin(first.name, first.package, first.entry_point, rivals)
    return plugins


def load_plugin(plugin: Plugin, warn: Warn) -> Optional[click.Command]:
    """
    Import a plugin's command; return None, after one warning, if that fails.

    Any exception counts, and so does an exit: whatever a package does while it is imported must not affect the other
    commands.
    """
    if plugin.rivals:
        others = ", ".join(plugin.rivals)
        warn(f"using command '{plugin.name}' of package {plugin.package}; also provided by {others}")
    try:
        command = plugin.entry_point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - see the docstring
        reason = " ".join(f"{type(error).__name__}: {error}".split())
    else:
        if isinstance(command, click.Command):
            return command
        reason = f"{plugin.entry_point.value} is not a click command (its type is {type(command).__name__})"
    warn(f"cannot load command '{plugin.name}' of package {plugin.package}: {reason}")
    return None


def _rank(offer: Tuple[str, EntryPoint]) -> Tuple[bool, str, str]:
    package, entry_point = offer
    return entry_point.value != OWN_COMMANDS.get(entry_point.name), package.lower(), entry_point.value


def _offers(installed: Iterable[Distribution], warn: Warn) -> Iterator[Tuple[str, EntryPoint]]:
    """Yield the group's entry points of every distribution, each with the distribution's name."""
    seen: Set[str] = set()
    for distribution in installed:
        try:
            ours = [entry for entry in distribution.entry_points if entry.group == GROUP]
            package = str(distribution.metadata["Name"]) if ours else ""
        except Exception as error:  # noqa: BLE001 - a broken installation of one package must not affect the others
            warn(f"cannot read the commands of a package: {type(error).__name__}: {error}")
            continue
        if ours and package not in seen:
            seen.add(package)
            for entry in ours:
                yield package, entry
