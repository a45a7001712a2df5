"""
One request, one reply: the only user of httpx.

Each request slot of a host has a transport of httpx's of its own, with at most one connection, and a slot is held for
one exchange only. Requests go straight to the transport: what httpx's client puts before it, such as cookies, logins,
redirections and proxies, is nothing that pScheduler needs, and takes up to a third of a request's time.

Whatever a server does, a request ends in time, with a reply or with one error that says what the server did.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
import ssl
import zlib
from functools import lru_cache
from typing import Any, AsyncIterable, Dict, Mapping, Optional, Tuple, cast

import httpx

from pscheduler_batch._version import __version__
from pscheduler_batch.errors import ReplyError, SchedulerError, UnreachableError
from pscheduler_batch.http.connection_pool import Transports, Way
from pscheduler_batch.http.error_words import behind_colon, innermost, os_words, tls_words
from pscheduler_batch.http.request_slots import Purpose
from pscheduler_batch.http.response import Reply
from pscheduler_batch.http.urls import MAX_PORT, host_of, shown
from pscheduler_batch.session import Shutdown
from pscheduler_batch.settings import Settings

CONNECT_SECONDS = 15.0

# A result of 60 kB is large; what has a thousand times that is no result.
MAX_BODY = 64 * 1024 * 1024

_USER_AGENT = f"pscheduler-batch/{__version__}".encode("ascii")
# Web servers commonly close a connection after 5 idle seconds; a POST must not run into that.
_LIMITS = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=2.0)

# How much of what is no HTTP is quoted.
QUOTED = 60

# The steps of a request, in their order. Until the request itself is sent, nothing can have come of it.
_CONNECTING, _SECURING, _SENDING, _WAITING, _RECEIVING = range(5)
_STEPS = {
    "connection.connect_tcp.started": _CONNECTING,
    "connection.start_tls.started": _SECURING,
    "http11.send_request_headers.started": _SENDING,
    "http11.receive_response_headers.started": _WAITING,
    "http11.receive_response_body.started": _RECEIVING,
}
# What goes wrong before anything of the request itself is on its way; everything else may have reached the server.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)
# What networks and servers can bring about; anything else is a bug.
_FAILURES = (asyncio.TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, OverflowError, zlib.error)


class Exchange:
    """
    Makes requests to pScheduler servers, a limited number at once to each host; DELETE is counted by itself.

    Belongs to the event loop that first used it; close it with :meth:`aclose`.

    Attributes:
        max_connections: How many requests go to any one host at once.
    """

    def __init__(
        self,
        *,
        verify_tls: bool = False,
        ca_file: Optional[str] = None,
        max_connections: int = Settings.max_connections,
        reply_seconds: float = Settings.timeout.total_seconds(),
        max_body: int = MAX_BODY,
        ending: Optional[Shutdown] = None,
    ) -> None:
        """
        Prepare to make requests; nothing is sent.

        Args:
            verify_tls: Whether certificates are checked; pScheduler hosts sign their own by default (ADR 13).
            ca_file: A file of certificates to trust, which turns the check on.
            max_connections: How many requests go to any one host at once.
            reply_seconds: How long any request may take altogether, beside what the server was asked to wait.
            max_body: How many bytes an answer may have.
            ending: Keeps POSTs that wait for a connection when the batch is ended from being made.

        Raises:
            OSError: The file of certificates cannot be read (:class:`ssl.SSLError` where it holds none).
        """
        self._tls = _tls_context(verify_tls=verify_tls or ca_file is not None, ca_file=ca_file)
        self._transports = Transports(self._new_transport)
        self.max_connections = max_connections
        self._reply_seconds = reply_seconds
        self._max_body = max_body
        self._ending = ending or Shutdown()
        self._slots: Dict[Tuple[str, bool], asyncio.Semaphore] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transports.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        content: Optional[str] = None,
        bind: Optional[str] = None,
        wait: float = 0,
        purpose: Purpose = Purpose.OTHER,  # noqa: ARG002 - decides whose turn it is, before this
    ) -> Reply:
        """
        Make one request.

        Args:
            method: Such as ``GET``.
            url: The whole URL.
            doing: The step, for messages.
            content: A JSON text to send.
            bind: The address of ours that it comes from.
            wait: How many seconds the server was asked to wait before it answers.
            purpose: What the request is for.

        Returns:
            Whatever the server answered; a status of 400 and more is no error here.

        Raises:
            UnreachableError: There was no answer that could be read to its end; the reason says what happened instead.
            ReplyError: The answer is too large to be one, or in an encoding that was not asked for.
            UnsentError: It is a POST, and the batch was ended before there was a connection for it.
        """
        try:
            host = host_of(url)
        except ValueError as error:
            reason = f"that is no URL: {error}"
            raise UnreachableError(reason, doing=doing, url=shown(url), sent=False, transient=False) from error
        course = _Course(self._reply_seconds + wait, min(CONNECT_SECONDS, self._reply_seconds), bind)
        # Canceling a task does not wait for anything else.
        canceling = method == "DELETE"
        slots = self._slots.get((host, canceling))
        if slots is None:
            slots = self._slots[host, canceling] = asyncio.Semaphore(self.max_connections)
        unless = self._ending if method == "POST" else None
        async with slots, self._transports.one((host, bind), canceling=canceling, unless=unless) as transport:
            try:
                request = _request(method, url, content, course)
                return await asyncio.wait_for(self._exchange(transport, request, course), course.limit)
            except Exception as error:
                said = course.error(error, doing=doing, url=url)
                if said is None:
                    raise
                raise said from error
            finally:
                await course.drop_connection()

    async def _exchange(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request, course: _Course) -> Reply:
        time = asyncio.get_running_loop().time
        began = time()
        response = await transport.handle_async_request(request)
        try:
            fields = dict(response.headers.items())
            body = _Body(fields.get("content-encoding", ""), self._max_body)
            async for chunk in cast("AsyncIterable[bytes]", response.stream):
                body.add(chunk)
                course.received += len(chunk)
            return Reply(response.status_code, fields, body.whole(), time() - began)
        finally:
            await response.aclose()

    def _new_transport(self, way: Way) -> httpx.AsyncHTTPTransport:
        _, bind = way
        return httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, local_address=bind, limits=_LIMITS)


def _request(method: str, url: str, content: Optional[str], course: _Course) -> httpx.Request:
    target = httpx.URL(url)
    if target.port is not None and target.port > MAX_PORT:
        raise httpx.InvalidURL(f"there is no port {target.port}")
    headers = _headers(target.netloc, has_content=content is not None)
    # How long reading and writing may take is limited with the rest; a limit for each step would cost a timer each.
    extensions = {"timeout": {"connect": course.connect_limit}, "trace": course.note}
    return httpx.Request(method, target, headers=headers, content=content, extensions=extensions)


@lru_cache(maxsize=256)
def _headers(netloc: bytes, *, has_content: bool) -> httpx.Headers:
    """Give the header fields that all requests to a host have; httpx copies them for each."""
    fields = {b"Host": netloc, b"Accept": b"*/*", b"Accept-Encoding": b"gzip", b"User-Agent": _USER_AGENT}
    return httpx.Headers({**fields, b"Content-Type": b"application/json"} if has_content else fields)


def _tls_context(*, verify_tls: bool, ca_file: Optional[str]) -> ssl.SSLContext:
    if verify_tls:
        return ssl.create_default_context(cafile=ca_file)
    # Without the system's certificates, which take longer to load than a request to answer.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _UnusableError(Exception):
    """A body that cannot be used; the text is the reason."""


class _Body:
    """A body as it comes in; what it has when it is decompressed is limited as well."""

    def __init__(self, encoding: str, limit: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise _UnusableError(f'answered in the encoding "{encoding[:QUOTED]}", which it was not asked for')
        self._decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS) if "gzip" in encoding else None
        self._limit = limit
        self._content = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next part."""
        if self._decompressor is not None:
            chunk = self._decompressor.decompress(chunk, self._limit + 1 - len(self._content))
        self._content += chunk
        if len(self._content) > self._limit:
            raise _UnusableError(f"answered more than {self._limit:,} bytes, which is no result")

    def whole(self) -> bytes:
        """Give the whole body, once there is nothing more of it."""
        if self._decompressor is not None and self._content and not self._decompressor.eof:
            raise zlib.error("incomplete")
        return bytes(self._content)


class _Course:
    """How far one request has come, and in words what went wrong with it."""

    def __init__(self, limit: float, connect_limit: float, bind: Optional[str]) -> None:
        self.limit = limit
        self.connect_limit = connect_limit
        self.received = 0
        self._bind = bind
        self._step: Optional[int] = None
        self._connection: Any = None

    async def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Note a step; called by httpx's transport."""
        self._step = _STEPS.get(event, self._step)
        if event == "connection.connect_tcp.complete":
            self._connection = info["return_value"]

    async def drop_connection(self) -> None:
        """Close the connection if TLS never came about; httpcore forgets to when it is told to stop there."""
        connection, self._connection = self._connection, None
        if connection is not None and self._step == _SECURING:
            await connection.aclose()

    def error(self, error: Exception, *, doing: str, url: str) -> Optional[SchedulerError]:
        """Make the error that callers know of what was raised; None if it is a bug."""
        if isinstance(error, _UnusableError):
            return ReplyError(str(error), doing=doing, url=shown(url))
        if not (isinstance(error, _FAILURES) or self.is_about_addresses(error)):
            return None
        reason, transient = self.describe(error)
        sent = self.may_have_sent(error)
        return UnreachableError(reason, doing=doing, url=shown(url), sent=sent, transient=transient)

    def may_have_sent(self, error: BaseException) -> bool:
        """Say whether anything of the request may have reached the server."""
        if self._step is None:
            return not isinstance(error, _UNSENT)
        return self._step >= _SENDING

    def is_about_addresses(self, error: BaseException) -> bool:
        """Say whether it is what some versions of anyio raise where our address is of another family than theirs."""
        return self._bind is not None and self._step == _CONNECTING and hasattr(error, "exceptions")

    def describe(self, error: BaseException) -> Tuple[str, bool]:
        """Say what happened, and whether it may pass by itself."""
        inner = innermost(error)
        if isinstance(error, (asyncio.TimeoutError, httpx.TimeoutException)):
            return self._too_late(), True
        if isinstance(error, (httpx.RemoteProtocolError, zlib.error)):
            return self._answer_words(error)
        if self._step == _SECURING:
            return tls_words(inner)
        if self._step is not None and self._step > _SECURING:
            return f"the server broke the connection {self._when()}{behind_colon(os_words(inner))}", True
        return self._connection_words(error, inner)

    def _connection_words(self, error: BaseException, inner: BaseException) -> Tuple[str, bool]:
        words = os_words(inner) or str(error) or type(error).__name__
        if isinstance(inner, OSError) and inner.errno == errno.EADDRNOTAVAIL and self._bind is not None:
            return f"{self._bind}, where it was to come from, is no address of this host", False
        if self.is_about_addresses(error):
            words = "All connection attempts failed"
        if self._bind is not None:
            words += f" (from {self._bind})"
        # A name that does not exist will not exist in a moment; what cannot be found out now may be known then.
        lasting = isinstance(inner, socket.gaierror) and inner.errno == socket.EAI_NONAME
        return words, isinstance(error, (httpx.NetworkError, OSError)) and not lasting

    def _when(self) -> str:
        if self._step == _RECEIVING:
            return f"in the middle of its answer, after {self.received:,} bytes"
        return "before it answered" if self._step == _WAITING else "while the request was sent"

    def _too_late(self) -> str:
        if self._step == _CONNECTING:
            return f"no connection within {self.connect_limit:g} seconds"
        if self._step == _SECURING:
            return f"the server took the connection, but no TLS handshake came about in {self.connect_limit:g} seconds"
        if self._step == _RECEIVING:
            return f"the server's answer had no end within {self.limit:g} seconds; {self.received:,} bytes had come"
        return f"no answer within {self.limit:g} seconds"

    def _answer_words(self, error: BaseException) -> Tuple[str, bool]:
        """Say what h11 or zlib found wrong with the answer: what broke off may pass, what is no HTTP will not."""
        words = str(error)
        if isinstance(error, zlib.error):
            return f"the server's answer cannot be decompressed: {words.rpartition(': ')[2]}", True
        if "without sending a response" in words:
            return "the server closed the connection without an answer", True
        if "without sending complete message body" in words or "incomplete chunked read" in words:
            expected = re.search(r"expected ([0-9]+)", words)
            of = f" of {int(expected[1]):,}" if expected else ""
            return f"the server's answer breaks off after {self.received:,}{of} bytes", True
        line = re.search(r"illegal (?:status|request) line: (?:bytearray\()?b(['\"])(.*)\1", words)
        if line is not None:
            return f"what answers is no web server; it says: {line[2][:QUOTED]}", False
        if "too long" in words:
            return "the head of the server's answer has no end", False
        return f"the server's answer is no proper HTTP: {words}", False
