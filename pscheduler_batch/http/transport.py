"""
One attempt at a request, on a connection of its own.

What httpx's client adds, such as cookies, logins, redirections and proxies, is not needed for pScheduler, and takes up
to a third of a request's time.

Whatever a server does, an attempt ends in time, with a reply or with one error that says what the server did.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
import zlib
from functools import lru_cache
from typing import Optional, Tuple

import httpcore
import httpx

from pscheduler_batch._version import __version__
from pscheduler_batch.errors import BatchError, ReplyError, SchedulerError, UnreachableError
from pscheduler_batch.http.connection import QUOTED, Connection, Progress, Step, UnusableError
from pscheduler_batch.http.connection_errors import behind_colon, os_words, tls_words
from pscheduler_batch.http.connection_pool import ConnectionPool, Way
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.urls import MAX_PORT, shown
from pscheduler_batch.session import Shutdown
from pscheduler_batch.settings import Settings

CONNECT_SECONDS = 15.0

# A result of 60 kB is large; a body of a thousand times that is not a result.
MAX_BODY = 64 * 1024 * 1024

_USER_AGENT = f"pscheduler-batch/{__version__}".encode("ascii")

# What goes wrong before anything of the request itself is on its way; everything else may have reached the server.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
_TIMEOUTS = (asyncio.TimeoutError, httpx.TimeoutException)
# What networks and servers can bring about; anything else is a bug. A mock may raise errors of httpx.
_FAILURES = (
    *_UNSENT,
    asyncio.TimeoutError,
    httpx.HTTPError,
    httpcore.ProtocolError,
    OSError,
    OverflowError,
    zlib.error,
)


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
        state = _RequestState(limit, connect_limit, request.bind)
        unless = self._shutdown if request.method == "POST" else None
        async with self._pool.connection((host, request.bind), request.purpose, unless=unless) as connection:
            try:
                return await asyncio.wait_for(connection.exchange(_request(request, state), state.progress), limit)
            except Exception as error:
                known = state.error(error, request)
                if known is None:
                    raise
                raise known from error

    def _new_connection(self, way: Way) -> Connection:
        _, bind = way
        return Connection(self._tls, bind, self._max_body)


def _request(request: Request, state: _RequestState) -> httpx.Request:
    target = httpx.URL(request.url)
    if target.port is not None and target.port > MAX_PORT:
        raise httpx.InvalidURL(f"there is no port {target.port}")
    headers = _headers(target.netloc, has_content=request.content is not None)
    # How long reading and writing may take is limited with the rest; a limit for each step would cost a timer each.
    extensions = {"timeout": {"connect": state.connect_limit}}
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


def _is_our_limit(error: BaseException) -> bool:
    """Return whether a time limit of ours was exceeded, not one of the system, which is an OSError with a number."""
    return isinstance(error, _TIMEOUTS) and not getattr(error, "errno", None)


class _RequestState:
    """How far one attempt has come, and in words what went wrong with it."""

    def __init__(self, limit: float, connect_limit: float, bind: Optional[str]) -> None:
        self.limit = limit
        self.connect_limit = connect_limit
        self.progress = Progress()
        self._bind = bind

    def error(self, error: Exception, request: Request) -> Optional[SchedulerError]:
        """Return the error that callers know for the one that was raised; None if it is a bug."""
        doing, url = request.doing, shown(request.url)
        if isinstance(error, UnusableError):
            return ReplyError(str(error), doing=doing, url=url)
        if not isinstance(error, _FAILURES):
            return None
        reason, transient = self.describe(error)
        sent = self.may_have_sent(error)
        too_slow = self.progress.step is not None and self.progress.step >= Step.SECURING and _is_our_limit(error)
        return UnreachableError(reason, doing=doing, url=url, sent=sent, transient=transient, too_slow=too_slow)

    def may_have_sent(self, error: BaseException) -> bool:
        """Return whether anything of the request may have reached the server."""
        if self.progress.step is None:
            return not isinstance(error, _UNSENT)
        return self.progress.step >= Step.SENDING

    def describe(self, error: BaseException) -> Tuple[str, bool]:
        """Return what happened, and whether it may pass by itself."""
        if _is_our_limit(error):
            return self._too_late(), True
        if isinstance(error, (httpcore.RemoteProtocolError, httpx.RemoteProtocolError, zlib.error)):
            return self._answer_words(error)
        if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
            return f"invalid URL: {error}", False
        if self.progress.step == Step.SECURING:
            return tls_words(error)
        if self.progress.step is not None and self.progress.step > Step.SECURING:
            return f"the server broke the connection {self._when()}{behind_colon(os_words(error))}", True
        return self._connection_words(error)

    def _connection_words(self, error: BaseException) -> Tuple[str, bool]:
        words = os_words(error) or str(error) or type(error).__name__
        if self._bind is not None:
            number = getattr(error, "errno", None)
            if number == errno.EADDRNOTAVAIL:
                return f"{self._bind} (--bind) is not an address of this host", False
            if number == errno.EAFNOSUPPORT:
                return f"it has no address of the same family as {self._bind} (--bind)", False
            words += f" (from {self._bind})"
        # A name that does not exist will not exist in a moment; what cannot be found out now may be known then.
        lasting = isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME
        return words, isinstance(error, (httpx.NetworkError, OSError)) and not lasting

    def _when(self) -> str:
        if self.progress.step == Step.RECEIVING:
            return f"in the middle of the answer, after {self.progress.received:,} bytes"
        return "before it answered" if self.progress.step == Step.WAITING else "while the request was sent"

    def _too_late(self) -> str:
        if self.progress.step == Step.CONNECTING:
            return f"no connection within {self.connect_limit:g} seconds"
        if self.progress.step == Step.SECURING:
            return f"connected, but the TLS handshake did not finish within {self.connect_limit:g} seconds"
        if self.progress.step == Step.RECEIVING:
            arrived = f"{self.progress.received:,} bytes had arrived"
            return f"the answer was not complete within {self.limit:g} seconds; {arrived}"
        return f"no answer within {self.limit:g} seconds"

    def _answer_words(self, error: BaseException) -> Tuple[str, bool]:
        """Return what is wrong with the answer: a broken connection may pass, what is not HTTP will not."""
        words = str(error)
        if isinstance(error, zlib.error):
            return f"the answer cannot be decompressed: {words.rpartition(': ')[2]}", True
        if "without sending a response" in words:
            return "the server closed the connection without an answer", True
        if "without sending complete message body" in words or "incomplete chunked read" in words:
            expected = re.search(r"expected ([0-9]+)", words)
            of = f" of {int(expected[1]):,}" if expected else ""
            return f"the answer was cut off after {self.progress.received:,}{of} bytes", True
        line = re.search(r"illegal (?:status|request) line: (?:bytearray\()?b(['\"])(.*)\1", words)
        if line is not None:
            return f"the host did not answer with HTTP: {line[2][:QUOTED]}", False
        if "too long" in words:
            return "the header of the answer is too long", False
        return f"the answer is not valid HTTP: {words}", False
