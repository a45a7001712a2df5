"""Fetch a URL once, as a measurement: with a chosen IP version and time limit, leaving no connection open."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import anyio
import httpx

_ANY_ADDRESS: Dict[Optional[int], Optional[str]] = {None: None, 4: "0.0.0.0", 6: "::"}  # noqa: S104 - of a client
_CONNECTED = "connection.connect_tcp.complete"


async def fetch(
    url: str,
    within: float,
    *,
    headers: Optional[Mapping[str, str]] = None,
    ip_version: Optional[int] = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Tuple[httpx.Response, float]:
    """
    Fetch a URL, following redirects, without checking certificates (ADR 13).

    Args:
        url: What to fetch.
        within: The time limit for all of it, in seconds.
        headers: Further headers of the request.
        ip_version: 4 or 6, or None for either.
        clock: A clock in seconds.

    Returns:
        The complete response, and how many seconds it took.

    Raises:
        TimeoutError: The response did not arrive in time.
        httpx.HTTPError, httpx.InvalidURL, OSError: The URL cannot be fetched.
    """
    streams: List[Any] = []

    async def note(event: str, info: Mapping[str, Any]) -> None:
        if event == _CONNECTED:
            streams.append(info["return_value"])

    transport = httpx.AsyncHTTPTransport(verify=False, local_address=_ANY_ADDRESS[ip_version])
    try:
        async with httpx.AsyncClient(transport=transport, follow_redirects=True, timeout=None) as client:  # noqa: S113
            with anyio.fail_after(within):
                started = clock()
                response = await client.get(url, headers=headers, extensions={"trace": note})
                return response, clock() - started
    finally:
        for stream in streams:  # otherwise, one that is cancelled during a TLS handshake stays open
            await stream.aclose()
