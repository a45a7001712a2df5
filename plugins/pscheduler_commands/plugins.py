"""
Commands that installed packages bring along, found through an entry-point group.

A package adds the command ``pscheduler hello`` with two lines of metadata and a click command:

    [options.entry_points]
    pscheduler.commands =
        hello = their_package.cli:hello

Finding the commands reads metadata only; a command's module is imported when that command is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Callable, Dict, Iterable, Iterator, Optional, Set, Tuple

import click

GROUP = "pscheduler.commands"

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Plugin:
    """
    One command that an installed package offers.

    Attributes:
        name: The word after ``pscheduler``.
        package: The name of the distribution that brings it.
        entry_point: Where its click command is.
        rivals: The packages that offer the same word and lost it to this one.
    """

    name: str
    package: str
    entry_point: EntryPoint
    rivals: Tuple[str, ...] = ()


def find_plugins(warn: Warn, installed: Optional[Iterable[Distribution]] = None) -> Dict[str, Plugin]:
    """
    Find every plugin, by name, without importing any.

    Where two packages offer the same word, the one whose name comes first in the alphabet has it. A distribution that
    is on the path twice counts where it is found first, as it does for imports.

    Args:
        warn: Is told of a package whose metadata cannot be read.
        installed: The distributions to look through; by default all that are on the path.
    """
    plugins: Dict[str, Plugin] = {}
    offers = _offers(distributions() if installed is None else installed, warn)
    for package, entry_point in sorted(offers, key=lambda offer: (offer[0].lower(), offer[1].value)):
        first = plugins.get(entry_point.name)
        if first is None:
            plugins[entry_point.name] = Plugin(entry_point.name, package, entry_point)
        else:
            rivals = (*first.rivals, package)
            plugins[entry_point.name] = Plugin(first.name, first.package, first.entry_point, rivals)
    return plugins


def load_plugin(plugin: Plugin, warn: Warn) -> Optional[click.Command]:
    """
    Import a plugin's command; None, after one warning line, where that fails.

    Whatever a package does wrong while it is imported must not cost the other commands, so every exception counts,
    and so does an exit.
    """
    if plugin.rivals:
        others = ", ".join(plugin.rivals)
        warn(f"command '{plugin.name}' is taken from package {plugin.package}; also offered by {others}")
    try:
        command = plugin.entry_point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - said above
        reason = " ".join(f"{type(error).__name__}: {error}".split())
    else:
        if isinstance(command, click.Command):
            return command
        reason = f"{plugin.entry_point.value} is no click command, but of type {type(command).__name__}"
    warn(f"command '{plugin.name}' of package {plugin.package} cannot be loaded: {reason}")
    return None


def _offers(installed: Iterable[Distribution], warn: Warn) -> Iterator[Tuple[str, EntryPoint]]:
    """Go through the group's entry points of every distribution, each with the distribution's name."""
    seen: Set[str] = set()
    for distribution in installed:
        try:
            ours = [entry for entry in distribution.entry_points if entry.group == GROUP]
            package = str(distribution.metadata["Name"]) if ours else ""
        except Exception as error:  # noqa: BLE001 - a broken installation of one package must not cost the others
            warn(f"a package's list of commands cannot be read: {type(error).__name__}: {error}")
            continue
        if ours and package not in seen:
            seen.add(package)
            for entry in ours:
                yield package, entry
