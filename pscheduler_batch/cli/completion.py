"""
What a shell offers for the value of an option.

Hosts come from where this machine already has names of hosts; nothing is asked of the network while somebody types.
"""

from __future__ import annotations

import os
import re
from typing import Iterator, List, Mapping, Tuple

import click

# Hosts that somebody named for pScheduler.
_VARIABLES = (
    "PSCHEDULER_ASSIST",
    "PSCHEDULER_LOCALHOST",
    "PSCHEDULER_BATCH_ASSIST",
    "PSCHEDULER_BATCH_LEAD",
)
_HOSTS = "/etc/hosts"
_KNOWN_HOSTS = "~/.ssh/known_hosts"
_MAX_SIZE = 2**20  # A shell waits for the answer.

# Names and IPv4 addresses, as bash takes a colon for the end of a word. No such character means anything to a shell.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BRACKETS = re.compile(r"\[(.*)\](:[0-9]+)?")


def complete_host(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:  # noqa: ARG001 - click's way
    """Offer the hosts that begin with what was typed; in the form of click's ``shell_complete``."""
    return find_hosts(incomplete)


def find_hosts(
    beginning: str,
    *,
    environ: Mapping[str, str] = os.environ,
    hosts: str = _HOSTS,
    known_hosts: str = _KNOWN_HOSTS,
) -> List[str]:
    """
    Find the names of hosts that this machine has.

    Args:
        beginning: How they begin, in whatever case.
        environ: The environment, with the variables that name hosts.
        hosts: A file in the form of ``/etc/hosts``.
        known_hosts: A file in the form of ssh's, whose hashed names are of no use here.

    Returns:
        The names, in order, each once.
    """
    found = {environ.get(name, "") for name in _VARIABLES}
    found.update(name for line in _lines_of(hosts) for name in line.split("#")[0].split()[1:])
    found.update(name for line in _lines_of(known_hosts) for name in _known(line))
    named = (name for name in found if _HOST.fullmatch(name))
    return sorted(name for name in named if name.lower().startswith(beginning.lower()))


def _lines_of(path: str) -> Tuple[str, ...]:
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="replace") as stream:
            return tuple(stream.read(_MAX_SIZE).splitlines())
    except OSError:
        return ()


def _known(line: str) -> Iterator[str]:
    """Go through the names in a line of ssh's known_hosts."""
    words = line.split()
    if words[:1] and words[0].startswith("@"):
        # A host that is marked as revoked, or an authority for many.
        return
    for name in words[0].split(",") if words else ():
        found = _BRACKETS.fullmatch(name)
        # The port is ssh's.
        yield found[1] if found else name
