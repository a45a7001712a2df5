"""
One attempt at a request; what may go wrong with it is in connection_errors.py.

What httpx's client adds, such as cookies, logins, redirections and proxies, is not needed for pScheduler, and takes up
to a third of a request's time.

Whatever a server does, an attempt ends in time, with a reply or with one error that says what the server did.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Optional

import httpx

from pscheduler_batch._version import __version__
from pscheduler_batch.errors import BatchError
from pscheduler_batch.http.connection import Connection, ExchangeProgress
from pscheduler_batch.http.connection_errors import explain
from pscheduler_batch.http.connection_pool import ConnectionPool, Way
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.urls import MAX_PORT
from pscheduler_batch.session import Shutdown
from pscheduler_batch.settings import Settings

CONNECT_SECONDS = 15.0

# A result of 60 kB is large; a body of a thousand times that is not a result.
MAX_BODY = 64 * 1024 * 1024

_USER_AGENT = f"pscheduler-batch/{__version__}".encode("ascii")


class HttpTransport:
    """
    Makes single attempts at requests; belongs to the event loop that first used it.

    How many requests go to one host at once is limited by the caller; here the sockets of the process are.
    """

    def __init__(
        self,
        settings: Optional[Settings] = None,
        *,
        max_body: int = MAX_BODY,
        shutdown: Optional[Shutdown] = None,
    ) -> None:
        """
        Prepare to make requests; nothing is sent.

        Args:
            settings: Which certificates are checked, and how long an attempt may take, in addition to what the server
                was asked to wait.
            max_body: Maximum number of bytes in an answer.
            shutdown: Keeps POSTs that wait for a connection when the batch is ended from being sent.

        Raises:
            BatchError: The file of certificates cannot be used.
        """
        self._settings = settings or Settings()
        self._tls = _tls_context(self._settings)
        self._pool = ConnectionPool(self._new_connection)
        self._max_body = max_body
        self._shutdown = shutdown or Shutdown()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def send(self, request: Request, host: str) -> Reply:
        """
        Make one attempt.

        Args:
            request: The request.
            host: Its host, always written in the same way.

        Returns:
            The answer; a status of 400 and more is not an error here.

        Raises:
            UnreachableError: There was no answer that could be read to its end; the reason says what happened instead.
            ReplyError: The answer is too large, or in an encoding that was not asked for.
            UnsentError: It is a POST, and the batch was ended before there was a connection for it.
        """
        seconds = min(self._settings.timeout, request.limit).total_seconds()
        limit, connect_limit = seconds + request.wait, min(CONNECT_SECONDS, seconds)
        progress = ExchangeProgress()
        unless = self._shutdown if request.method == "POST" else None
        async with self._pool.connection((host, request.bind), request.purpose, unless=unless) as connection:
            try:
                return await connection.exchange(_request(request, connect_limit), progress, limit)
            except Exception as error:
                known = explain(error, request, progress, limit, connect_limit)
                if known is None:
                    raise
                raise known from error

    def _new_connection(self, way: Way) -> Connection:
        _, bind = way
        return Connection(self._tls, bind, self._max_body)


def _request(request: Request, connect_limit: float) -> httpx.Request:
    target = httpx.URL(request.url)
    if target.port is not None and target.port > MAX_PORT:
        raise httpx.InvalidURL(f"there is no port {target.port}")
    headers = _headers(target.netloc, has_content=request.content is not None)
    # How long reading and writing may take is limited with the rest; a limit for each step would cost a timer each.
    extensions = {"timeout": {"connect": connect_limit}}
    return httpx.Request(request.method, target, headers=headers, content=request.content, extensions=extensions)


@lru_cache(maxsize=256)
def _headers(netloc: bytes, *, has_content: bool) -> httpx.Headers:
    """Return the header fields that all requests to a host have; httpx copies them for each."""
    fields = {b"Host": netloc, b"Accept": b"*/*", b"Accept-Encoding": b"gzip", b"User-Agent": _USER_AGENT}
    return httpx.Headers({**fields, b"Content-Type": b"application/json"} if has_content else fields)


def _tls_context(settings: Settings) -> ssl.SSLContext:
    if settings.verify_tls or settings.ca_file is not None:
        try:
            return ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            raise BatchError(f"cannot use the certificates in {settings.ca_file}: {error}") from error
    # Without the system's certificates, which take longer to load than a request to answer.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
