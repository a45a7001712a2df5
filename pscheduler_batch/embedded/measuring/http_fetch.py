"""Fetching a URL once, as a measurement: from a chosen IP version, within a time, and leaving no connection behind."""

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
    Fetch a URL, following redirects, whatever certificates the servers have (ADR 13).

    Args:
        url: What to fetch.
        within: How long all of it may take, in seconds.
        headers: Further headers of the request.
        ip_version: 4 or 6, or None for either.
        clock: The function that gives the time in seconds.

    Returns:
        The response, read to its end, and how many seconds it took.

    Raises:
        TimeoutError: It was not there in time.
        httpx.HTTPError, httpx.InvalidURL, OSError: It cannot be had.
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
        for stream in streams:  # one that is cancelled in the middle of a TLS handshake is nobody's otherwise
            await stream.aclose()
