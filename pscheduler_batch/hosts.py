"""Which host is asked, which one measures, and which addresses of ours are used (decision 12)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Mapping, Optional

from pscheduler_batch.rest import netloc

LOOPBACK = "localhost"


@dataclass(frozen=True)
class Hosts:
    """
    Where requests go.

    Attributes:
        assist: The host that answers questions; never the one that measures only because of that.
        lead: The host that runs a task whose first participant is null.
        lead_named: Whether somebody named that host; else it is this one, for want of another.
        assist_bind: The address of ours that requests to the assist come from.
        bind: The address of ours that requests to leads come from.
        only: The one host that every task goes to, whatever its participants; for the embedded server.
    """

    assist: str
    lead: str
    lead_named: bool
    assist_bind: Optional[str] = None
    bind: Optional[str] = None
    only: Optional[str] = None


def find_hosts(
    *,
    assist: Optional[str] = None,
    assist_bind: Optional[str] = None,
    lead: Optional[str] = None,
    bind: Optional[str] = None,
    environ: Mapping[str, str] = os.environ,
) -> Hosts:
    """
    Settle the hosts from what was given, the environment and this machine (decision 12).

    Raises:
        ValueError: One of them is no host; the text says which.
    """
    assist = assist or environ.get("PSCHEDULER_ASSIST")
    # Where names cannot be looked up at the moment, finding out takes long.
    here = "" if assist and lead else this_host(environ)
    return Hosts(
        assist=netloc(assist or here),
        lead=netloc(lead or here),
        lead_named=bool(lead),
        assist_bind=assist_bind or environ.get("PSCHEDULER_ASSIST_BIND") or None,
        bind=bind or None,
    )


def this_host(environ: Mapping[str, str] = os.environ) -> str:
    """Name this host: ``PSCHEDULER_LOCALHOST`` if set, else the machine's own name if it resolves, else loopback."""
    named = environ.get("PSCHEDULER_LOCALHOST")
    if named:
        return named
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        return LOOPBACK
    return name
