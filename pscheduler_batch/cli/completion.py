"""Complete hosts in a shell, from the names that this machine has; completion never uses the network."""

from __future__ import annotations

import os
import re
from typing import Iterator, List, Mapping, Tuple

import click

# Variables that name hosts.
_VARIABLES = (
    "PSCHEDULER_ASSIST",
    "PSCHEDULER_LOCALHOST",
    "PSCHEDULER_BATCH_ASSIST",
    "PSCHEDULER_BATCH_LEAD",
)
_HOSTS = "/etc/hosts"
_KNOWN_HOSTS = "~/.ssh/known_hosts"
_MAX_SIZE = 2**20  # A shell waits for the completions.

# Names and IPv4 addresses: a colon ends a word in bash. None of these characters is special in a shell.
_HOST = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_BRACKETS = r"\[(.*)\](:[0-9]+)?"


def complete_host(ctx: click.Context, param: click.Parameter, incomplete: str) -> List[str]:  # noqa: ARG001 - click's way
    """Complete a host; a ``shell_complete`` callback of click."""
    return known_host_names(incomplete)


def known_host_names(
    prefix: str,
    *,
    environ: Mapping[str, str] = os.environ,
    hosts: str = _HOSTS,
    known_hosts: str = _KNOWN_HOSTS,
) -> List[str]:
    """
    Find the names of hosts that this machine has.

    Args:
        prefix: The first letters of the names, in any case.
        environ: The environment, with the variables that name hosts.
        hosts: A file in the format of ``/etc/hosts``.
        known_hosts: A file in the format of ssh's; its hashed names are ignored.

    Returns:
        The sorted names.
    """
    found = {environ.get(name, "") for name in _VARIABLES}
    found.update(name for line in _lines_of(hosts) for name in line.split("#")[0].split()[1:])
    found.update(name for line in _lines_of(known_hosts) for name in _known(line))
    named = (name for name in found if re.fullmatch(_HOST, name))
    return sorted(name for name in named if name.lower().startswith(prefix.lower()))


def _lines_of(path: str) -> Tuple[str, ...]:
    try:
        with open(os.path.expanduser(path), encoding="utf-8", errors="replace") as stream:
            return tuple(stream.read(_MAX_SIZE).splitlines())
    except OSError:
        return ()


def _known(line: str) -> Iterator[str]:
    """Yield the names in a line of ssh's known_hosts."""
    words = line.split()
    if words[:1] and words[0].startswith("@"):
        # A revoked key, or a certificate authority.
        return
    for name in words[0].split(",") if words else ():
        found = re.fullmatch(_BRACKETS, name)
        # The port is that of ssh.
        yield found[1] if found else name
