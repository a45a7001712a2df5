"""Which host is asked, which one measures, and which local addresses are used (ADR 12)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Mapping, Optional

from pscheduler_batch.errors import BatchError
from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.http.transport import HttpTransport
from pscheduler_batch.http.urls import netloc
from pscheduler_batch.session import Session
from pscheduler_batch.settings import Settings

LOOPBACK = "localhost"


@dataclass(frozen=True)
class Hosts:
    """
    Where requests go.

    Attributes:
        assist: The host that is asked about tests and participants; it does not measure for that reason.
        lead: The host that runs a task whose first participant is null.
        lead_named: Whether that host was named; otherwise it is this host.
        assist_bind: The local address that requests to the assist come from.
        bind: The local address that requests to leads come from.
        only: The one host that every task goes to, whatever its participants; for the embedded server.
    """

    assist: str
    lead: str
    lead_named: bool
    assist_bind: Optional[str] = None
    bind: Optional[str] = None
    only: Optional[str] = None


def find_hosts(settings: Settings, *, only: Optional[str] = None, environ: Mapping[str, str] = os.environ) -> Hosts:
    """
    Find the hosts from the settings, the environment and this machine (ADR 12).

    Args:
        settings: What was set.
        only: The one host that all requests go to, whatever the participants; for the embedded server.
        environ: The environment.

    Raises:
        BatchError: One of them is not a host; the text says which.
    """
    if only is not None:
        return Hosts(only, only, lead_named=True, only=only)
    assist, lead = settings.assist or environ.get("PSCHEDULER_ASSIST"), settings.lead
    # Where names cannot be resolved at the moment, looking up this host takes long.
    here = "" if assist and lead else this_host(environ)
    try:
        return Hosts(
            assist=netloc(assist or here),
            lead=netloc(lead or here),
            lead_named=bool(lead),
            assist_bind=settings.assist_bind or environ.get("PSCHEDULER_ASSIST_BIND") or None,
            bind=settings.bind or None,
        )
    except ValueError as error:
        raise BatchError(str(error)) from error


def this_host(environ: Mapping[str, str] = os.environ) -> str:
    """Return this host: ``PSCHEDULER_LOCALHOST`` if set, else the machine's own name if it resolves, else loopback."""
    named = environ.get("PSCHEDULER_LOCALHOST")
    if named:
        return named
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except (OSError, UnicodeError):
        return LOOPBACK
    return name


def open_client(settings: Settings, session: Session, retry: Optional[RetryPolicy] = None) -> HttpClient:
    """
    Open the client for all requests of a batch; nothing is sent yet.

    Raises:
        BatchError: The file of certificates cannot be used.
    """
    return HttpClient(HttpTransport(settings, shutdown=session.shutdown), session, retry, settings.max_connections)
