"""Fetch a batch from a web server: over HTTPS, from that server alone, and not for ever."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Optional

from pscheduler_batch.clock import Clock
from pscheduler_batch.errors import SchedulerError
from pscheduler_batch.http.client import HttpClient
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import OK, REDIRECTION
from pscheduler_batch.http.transport import HttpTransport
from pscheduler_batch.plugins.methods import MethodError
from pscheduler_batch.plugins.site_file import LARGEST_FILE
from pscheduler_batch.session import Session
from pscheduler_batch.settings import Settings
from pscheduler_batch.text import legible

DOING = "fetching the batch"
# From the first byte sent to the last one received.
TIME_LIMIT = timedelta(seconds=30)


async def fetch_batch(
    url: str, *, ca_file: Optional[str] = None, limit: timedelta = TIME_LIMIT, clock: Optional[Clock] = None
) -> bytes:
    """
    Fetch a batch; whether its host is allowed has been checked, so redirects are not followed.

    Args:
        url: An https URL; the certificate of its server is checked, as the batch is a program.
        ca_file: Certificates to check it against instead of the system's.
        limit: The time limit of a request.
        clock: Measures the pauses between retries.

    Raises:
        MethodError: There was no usable answer; the text says what was answered instead.
    """
    settings = Settings(verify_tls=True, ca_file=ca_file, max_connections=1, timeout=limit)
    async with AsyncExitStack() as stack:
        session = Session.without_secrets(clock)
        client = HttpClient(HttpTransport(settings, max_body=LARGEST_FILE), session)
        stack.push_async_callback(client.aclose)
        try:
            reply = await client.request(Request("GET", url, DOING))
        except SchedulerError as error:
            raise MethodError(f"batch-url: {error}") from error
    if REDIRECTION <= reply.status < REDIRECTION + 100:
        where = legible(reply.headers.get("location", "elsewhere"), 200)
        raise MethodError(f"batch-url: {url} answered {reply.status}, a redirect to {where}; give the final URL")
    if reply.status != OK:
        raise MethodError(f"batch-url: {url} answered {reply.status}: {legible(reply.text, 300)}")
    return reply.body
