"""How a user wants servers to be reached, as one value for the commands, the processor and the HTTP client."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Optional


@dataclass(frozen=True)
class Settings:
    """
    The settings of hosts and requests; :mod:`pscheduler_batch.scheduler.hosts` finds hosts that are None (ADR 12).

    Attributes:
        assist: The host that is asked about tests and participants.
        assist_bind: The local address that requests to it come from.
        lead: The host that runs the tasks which name no other.
        bind: The local address that requests to leads come from.
        verify_tls: Whether to check the servers' certificates (ADR 13).
        ca_file: Certificates to check them against instead of the system's; implies ``verify_tls``.
        max_connections: The maximum number of concurrent requests per host: a pScheduler server has some tens of
            slots for all its clients (ADR 20); fewer go to one that is slow (ADR 49).
        timeout: The time limit of a request, from the first byte sent to the last one received. A busy server takes
            20 seconds and more to accept a task.
    """

    assist: Optional[str] = None
    assist_bind: Optional[str] = None
    lead: Optional[str] = None
    bind: Optional[str] = None
    verify_tls: bool = False
    ca_file: Optional[str] = None
    max_connections: int = 8
    timeout: timedelta = timedelta(minutes=2)

    def __post_init__(self) -> None:
        """
        Check the values; without a connection, nothing would ever be sent.

        Raises:
            ValueError: One is invalid.
        """
        most = self.max_connections
        if not isinstance(most, int) or isinstance(most, bool) or most < 1:
            raise ValueError(f"invalid max_connections: {most!r}; it is an integer of 1 or more")
        if not isinstance(self.timeout, timedelta) or self.timeout <= timedelta(0):
            raise ValueError(f"invalid timeout: {self.timeout!r}; it is a positive timedelta")
