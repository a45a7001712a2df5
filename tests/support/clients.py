"""HTTP clients for tests: over real sockets or over any transport, without quick retries unless they are wanted."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, AsyncIterator, Optional

from pscheduler_batch.http.client import HttpClient, Transport
from pscheduler_batch.http.retry import RetryPolicy
from pscheduler_batch.http.transport import HttpTransport
from pscheduler_batch.session import Session
from pscheduler_batch.settings import Settings

# A single attempt, and no host is ever paused.
ONE_ATTEMPT = RetryPolicy(attempts=1, internal_attempts=1, patience_with_host=10**9)


def make_client(
    transport: Optional[Transport] = None,
    session: Optional[Session] = None,
    *,
    policy: RetryPolicy = ONE_ATTEMPT,
    max_connections: int = 8,
    reply_seconds: float = 120,
    verify_tls: bool = False,
    ca_file: Optional[str] = None,
    **options: Any,
) -> HttpClient:
    """Make a client; the options are those of an :class:`HttpTransport`."""
    settings = Settings(verify_tls=verify_tls, ca_file=ca_file, timeout=timedelta(seconds=reply_seconds))
    return HttpClient(transport or HttpTransport(settings, **options), session or Session(), policy, max_connections)


@asynccontextmanager
async def a_client(**options: Any) -> AsyncIterator[HttpClient]:
    """Make a client, and close it."""
    client = make_client(**options)
    try:
        yield client
    finally:
        await client.aclose()
