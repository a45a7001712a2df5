"""Which host is asked, which one measures, and which addresses of ours are used (ADR 12)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Callable, Mapping, Optional

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import BatchError
from pscheduler_batch.events import Watch, watch_nothing
from pscheduler_batch.http.client import DEFAULT_MAX_CONNECTIONS, REPLY_SECONDS, Exchange
from pscheduler_batch.http.retry import RetryingExchange, RetryPolicy
from pscheduler_batch.http.shutdown import Shutdown
from pscheduler_batch.http.urls import netloc

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
    Settle the hosts from what was given, the environment and this machine (ADR 12).

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


# How long any request may take.
DEFAULT_TIMEOUT = timedelta(seconds=REPLY_SECONDS)


@dataclass(frozen=True)
class Connections:
    """
    What a user says about hosts and requests; what is None is found out (ADR 12).

    Attributes:
        assist: The host that answers questions.
        assist_bind: The address of ours that requests to it come from.
        lead: The host that runs the tasks that name no other.
        bind: The address of ours that requests to leads come from.
        verify_tls: Whether the servers' certificates are checked (ADR 13).
        ca_file: What they are checked against, if not by what the system trusts.
        max_connections: How many requests go to any one host at once (ADR 20).
        timeout: How long any request may take.
    """

    assist: Optional[str] = None
    assist_bind: Optional[str] = None
    lead: Optional[str] = None
    bind: Optional[str] = None
    verify_tls: bool = False
    ca_file: Optional[str] = None
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    timeout: timedelta = DEFAULT_TIMEOUT

    def hosts(self, only: Optional[str] = None) -> Hosts:
        """
        Find the hosts.

        Args:
            only: The one host that everything goes to, whoever the participants are; for the embedded server.

        Raises:
            BatchError: A host that was named is none.
        """
        if only is not None:
            return Hosts(only, only, lead_named=True, only=only)
        try:
            return find_hosts(assist=self.assist, assist_bind=self.assist_bind, lead=self.lead, bind=self.bind)
        except ValueError as error:
            raise BatchError(str(error)) from error

    def open_exchange(
        self,
        clock: Clock,
        tell: Callable[[str], None],
        retry: Optional[RetryPolicy] = None,
        *,
        ending: Optional[Shutdown] = None,
        watch: Watch = watch_nothing,
    ) -> RetryingExchange:
        """
        Open what makes the requests; nothing is sent yet.

        Args:
            clock: The time, and how to wait.
            tell: Is given a line for each request that is repeated.
            retry: How often and when; None is as the man page says.
            ending: Tells when no more is to be repeated.
            watch: Is told of requests that are repeated as well.

        Raises:
            BatchError: The file of certificates cannot be used.
        """
        try:
            exchange = Exchange(
                verify_tls=self.verify_tls,
                ca_file=self.ca_file,
                max_connections=self.max_connections,
                reply_seconds=self.timeout.total_seconds(),
                ending=ending,
            )
        except OSError as error:
            raise BatchError(f"cannot use the certificates in {self.ca_file}: {error}") from error
        return RetryingExchange(exchange, clock, tell, retry, ending=ending, watch=watch)
