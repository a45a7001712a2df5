"""
One connection to a server: that of httpcore, over sockets and TLS of our own.

httpx's own transport has a pool above the connection, and two layers of anyio between it and the socket, which take as
long as all else that the program does for a request (ADR 74). This one has neither. Errors of the system and of OpenSSL
are raised as they are.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import ssl
import zlib
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Callable, Coroutine, List, Optional, Tuple, TypeVar

import httpcore
import httpx
from aiohappyeyeballs import start_connection

from pscheduler_batch.http.response import Reply
from pscheduler_batch.text import shorten

# Web servers commonly close a connection after 5 idle seconds; a POST must not run into that.
IDLE_SECONDS = 2.0
# How long an address of a host may take before the next one is tried beside it (RFC 8305).
NEXT_ADDRESS_SECONDS = 0.25

# Statuses of responses that end with their header.
_WITHOUT_BODY = {204, 304}
_PIECE = 64 * 1024
_PORTS = {"http": 80, "https": 443}

T = TypeVar("T")


class UnusableError(Exception):
    """A body that cannot be used; the text is the reason."""


class ExchangeStep(IntEnum):
    """The steps of an exchange, in their order. Until the request itself is sent, nothing can have come of it."""

    CONNECTING = 1
    SECURING = 2
    SENDING = 3
    WAITING = 4
    RECEIVING = 5


@dataclass
class ExchangeProgress:
    """
    How far an exchange has come.

    Attributes:
        step: Its last step; None before the first one.
        received: How many bytes of the body have arrived.
    """

    step: Optional[ExchangeStep] = None
    received: int = 0


class Connection:
    """Makes one exchange after another with a host, on the connection of the last one if the server keeps that open."""

    def __init__(self, tls: ssl.SSLContext, bind: Optional[str], max_body: int) -> None:
        """
        Prepare to connect.

        Args:
            tls: Which certificates are accepted.
            bind: The local address to send from; None leaves that to the system.
            max_body: Maximum number of bytes in an answer.
        """
        self.progress = ExchangeProgress()
        self._tls = tls
        self._bind = bind
        self._max_body = max_body
        self._connection: Optional[httpcore.AsyncHTTPConnection] = None

    async def exchange(
        self, request: httpx.Request, progress: ExchangeProgress, seconds: Optional[float] = None
    ) -> Reply:
        """
        Send a request and receive the answer.

        Args:
            request: The request. Its extension ``timeout`` has under ``connect`` how many seconds the connection may
                take, and as many for the TLS handshake.
            progress: Is kept up to date.
            seconds: How long all of it may take.

        Raises:
            httpx.InvalidURL: The URL has no host.
            httpx.UnsupportedProtocol: It is for another protocol than HTTP.
            asyncio.TimeoutError: There was no connection in time, or the answer was not complete in time.
            OSError: There was none, or it broke.
            httpcore.ProtocolError: The answer is not HTTP.
            UnusableError: It is too large, or in an encoding that was not asked for.
            zlib.error: It cannot be decompressed.
        """
        return await _within(seconds, self._exchange(request, progress))

    async def _exchange(self, request: httpx.Request, progress: ExchangeProgress) -> Reply:
        time = asyncio.get_running_loop().time
        start = time()
        self.progress = progress
        url = _url(request.url)
        response = await (await self._usable(url.origin)).handle_async_request(
            httpcore.Request(
                request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
            )
        )
        try:
            progress.step = ExchangeStep.RECEIVING
            fields = dict(httpx.Headers(response.headers).items())
            body = _Body(fields.get("content-encoding", ""), self._max_body)
            async for part in response.aiter_stream():
                body.add(part)
                progress.received += len(part)
            return Reply(response.status, fields, body.whole(), time() - start)
        finally:
            await response.aclose()
            if response.status in _WITHOUT_BODY and _announces_body(response):
                # It may come when the next request has been sent.
                await self.aclose()

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.aclose()
            self._connection = None

    async def _usable(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        known = self._connection
        if (
            known is None
            or not known.is_available()
            or known.has_expired()
            or not known.can_handle_request(origin)
            or _has_more(known)
        ):
            await self.aclose()
            known = self._connection = httpcore.AsyncHTTPConnection(
                origin, self._tls, IDLE_SECONDS, local_address=self._bind, network_backend=_Sockets(self)
            )
        return known


def _announces_body(response: httpcore.Response) -> bool:
    fields = {name.lower(): value for name, value in response.headers}
    return b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"


def _has_more(connection: Any) -> bool:
    """Return whether more than the response was received; httpcore keeps that for the next one."""
    try:
        return bool(connection._connection._h11_state.trailing_data[0])  # noqa: SLF001 - not public in any way
    except AttributeError:
        return True


def _url(url: httpx.URL) -> httpcore.URL:
    if url.scheme not in _PORTS:
        raise httpx.UnsupportedProtocol(f"{url.scheme}: is not HTTP")
    if not url.host:
        raise httpx.InvalidURL("there is no host")
    port = url.port or _PORTS[url.scheme]
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port, target=url.raw_path)


class _Body:
    """A body as it comes in; its decompressed size is limited as well."""

    def __init__(self, encoding: str, limit: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in {"", "identity", "gzip", "x-gzip"}:
            raise UnusableError(f'answered in the encoding "{shorten(encoding)}", which it was not asked for')
        self._decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS) if "gzip" in encoding else None
        self._limit = limit
        self._content = bytearray()

    def add(self, chunk: bytes) -> None:
        """Add the next part."""
        if self._decompressor is not None:
            chunk = self._decompressor.decompress(chunk, self._limit + 1 - len(self._content))
        self._content += chunk
        if len(self._content) > self._limit:
            raise UnusableError(f"answered more than {self._limit:,} bytes, which cannot be a result")

    def whole(self) -> bytes:
        """Return the whole body, once it is complete."""
        if self._decompressor is not None and self._content and not self._decompressor.eof:
            raise zlib.error("incomplete")
        return bytes(self._content)


class _Sockets(httpcore.AsyncNetworkBackend):
    def __init__(self, user: Connection) -> None:
        self._user = user

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Optional[float] = None,
        local_address: Optional[str] = None,
        socket_options: Any = None,  # noqa: ARG002 - there are none
    ) -> _Stream:
        self._user.progress.step = ExchangeStep.CONNECTING
        return _Stream(self._user, await _within(timeout, _connect(host, port, local_address), _close_made))


async def _within(
    seconds: Optional[float],
    making: Coroutine[Any, Any, T],
    undo: Callable[[asyncio.Task[T]], object] = lambda _: None,
) -> T:
    """
    Run a coroutine with a time limit; undo it if it fails, takes too long, or is canceled.

    A cancellation at the moment of success is not lost here. In :func:`asyncio.wait_for` before Python 3.12 and in
    aiohappyeyeballs it is, and the request would continue without a time limit.
    """
    task = asyncio.ensure_future(making)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return task.result()
    except BaseException:
        await _give_up(task, undo)
        raise
    await _give_up(task, undo)
    raise asyncio.TimeoutError


async def _give_up(task: asyncio.Task[T], undo: Callable[[asyncio.Task[T]], object]) -> None:
    """End a task. Its socket is closed after that, as the event loop watches it until then."""
    task.add_done_callback(undo)
    task.cancel()
    await asyncio.wait({task})


def _close_made(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(host: str, port: int, bind: Optional[str]) -> socket.socket:
    there, here = await _addresses(host, port), None
    if bind is not None:
        here = await _addresses(bind, 0)
        families = {family for family, *_ in here}
        # Addresses of other families would fail, and hide why the others do.
        there = [address for address in there if address[0] in families]
        if not there:
            raise OSError(errno.EAFNOSUPPORT, "No address of the same family")
    return await start_connection(there, local_addr_infos=here, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS)


async def _addresses(host: str, port: int) -> List[Tuple[Any, ...]]:
    """Look up a host, in a thread unless it is an address."""
    try:
        with suppress(socket.gaierror):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # No name has an empty part, or one of more than 63 characters.
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error


class _Stream(httpcore.AsyncNetworkStream):
    """A socket, and TLS over it as soon as it is started; whole requests have a time limit, single steps have none."""

    def __init__(self, user: Connection, connected: socket.socket) -> None:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._user = user
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._tls: Optional[ssl.SSLObject] = None
        # Whether the server has ended its side; after the end of TLS, the socket may still be open.
        self._ended = False
        # Whether anything has been received since the last write.
        self._received = False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # Why a request was not sent; the system reports that once, and only the end of the connection afterwards.
        self._unsent: Optional[OSError] = None

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: Optional[str] = None, timeout: Optional[float] = None
    ) -> _Stream:
        self._user.progress.step = ExchangeStep.SECURING
        # httpcore does not close what has failed or was canceled here.
        await _within(timeout, self._handshake(ssl_context, server_hostname), lambda _: self._socket.close())
        return self

    async def _handshake(self, context: ssl.SSLContext, name: Optional[str]) -> None:
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        await self._through_tls(self._tls.do_handshake)

    async def read(self, max_bytes: int, timeout: Optional[float] = None) -> bytes:  # noqa: ARG002
        if self._user.progress.step == ExchangeStep.SENDING:
            self._user.progress.step = ExchangeStep.WAITING
        data = b""
        # HTTP itself says whether a response is complete; many servers close the connection without ending TLS.
        with suppress(ssl.SSLEOFError):
            if self._tls is None:
                data = await self._receive(max_bytes)
            else:
                data = await self._through_tls(self._tls.read, max_bytes)
        self._ended = not data
        unsent, self._unsent = self._unsent, None
        if unsent is not None and not data:
            raise unsent
        return data

    async def write(self, buffer: bytes, timeout: Optional[float] = None) -> None:  # noqa: ARG002
        self._user.progress.step = ExchangeStep.SENDING
        if not buffer:
            # The end of a request without a body.
            return
        self._received = False
        try:
            if self._tls is None:
                await self._loop.sock_sendall(self._socket, buffer)
            else:
                await self._through_tls(self._tls.write, buffer)
        except OSError as error:
            self._unsent = error
            # httpcore still reads then: a server may have refused a large request before it has read all of it.
            raise httpcore.WriteError from error

    async def aclose(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return None
        # Between requests, the end of the connection is all that a server may send.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(self._ended or self._incoming.pending or poll.poll(0))

    async def _through_tls(self, call: Callable[..., T], *args: Any) -> T:
        """Call a method of TLS, and send and receive what it needs until it is done."""
        while True:
            try:
                result, done = call(*args), True
            except ssl.SSLWantReadError:
                done = False
            if self._outgoing.pending:
                await self._loop.sock_sendall(self._socket, self._outgoing.read())
            if done:
                return result
            data = await self._receive(_PIECE)
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    async def _receive(self, most: int) -> bytes:
        data = await self._loop.sock_recv(self._socket, most)
        if self._received:
            # sock_recv does not wait if there is data; a server that never stops sending would block all other tasks.
            await asyncio.sleep(0)
        self._received = True
        return data
