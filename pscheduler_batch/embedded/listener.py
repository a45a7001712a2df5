"""
The thread in which an embedded server lives: a uvicorn on an event loop of its own.

The event loop belongs to nobody else, so a program of any kind can use the server, and it can be ended at once,
whatever it is doing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import threading
import weakref
from pathlib import Path
from typing import Callable, Dict, List, Optional

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from pscheduler_batch.embedded.api.app import make_app
from pscheduler_batch.embedded.certificate import Certificate, Issued, write_certificate
from pscheduler_batch.embedded.faults.actions import ABORT
from pscheduler_batch.embedded.scheduling.scheduler import Scheduler, end_all
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.errors import BatchError

logger = logging.getLogger("pscheduler_batch.embedded")

PATIENCE = 30.0  # seconds; much longer than any machine needs to start or stop a server


class Listener:
    """
    One run of a server: the thread, its event loop, and what is to be tidied up after it.

    Attributes:
        address: Where it listens: the address and the port.
        certificate: The server's certificate; its files go when the run ends.
    """

    def __init__(self, state: State, listening: socket.socket, issued: Issued, *, keep_alive: bool) -> None:
        self.address = (str(listening.getsockname()[0]), int(listening.getsockname()[1]))
        self.certificate: Certificate = write_certificate(issued)
        # Also where the process ends without stopping the server.
        self._remove_certificate = weakref.finalize(self, self.certificate.remove)
        self._state = state
        self._socket = listening
        self._keep_alive = keep_alive
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: Optional[BaseException] = None
        self._server: Optional[_Server] = None
        self._thread = threading.Thread(target=self._run, name="pscheduler-embedded", daemon=True)

    def start(self) -> None:
        """
        Start to serve; when this returns, the server answers.

        Raises:
            BatchError: It does not; the text has the reason.
        """
        self._thread.start()
        ready = self._ready.wait(PATIENCE)
        if self._error is not None or not ready:
            self._thread.join(PATIENCE)
            raise BatchError(f"the embedded server did not start: {self._error}") from self._error

    def stop(self) -> None:
        """End everything; when this returns, nothing of it is left."""
        if self._server is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._server.end)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(_note)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:  # noqa: BLE001 - reported by start()
            self._error = error
        finally:
            self._tidy_up()
            self._ready.set()

    async def _serve(self) -> None:
        scheduler = Scheduler(self._state)
        scheduler.resume()
        app = make_app(self._state, scheduler, keep_alive=self._keep_alive)
        config = _config(self._with_abort(app), self.certificate.server_file)
        self._server = _Server(config, self._ready.set)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            await scheduler.close()

    def _with_abort(self, app: ASGIApp) -> ASGIApp:
        """Hand the application the means to break a connection off."""

        async def serve_with_abort(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[ABORT] = lambda: self._abort(scope.get("client"))
            await app(scope, receive, send)

        return serve_with_abort

    def _abort(self, client: object) -> None:
        if self._server is not None:
            self._server.abort(lambda connection: getattr(connection, "client", None) == client)

    def _tidy_up(self) -> None:
        self._socket.close()
        self._loop.run_until_complete(end_all(asyncio.all_tasks(self._loop)))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(_abort_connections(self._loop))
        self._loop.close()
        asyncio.set_event_loop(None)
        self._remove_certificate()


class _Connection(H11Protocol):
    """A connection that is closed on this side too where the client is gone without a word, as one that was killed."""

    def connection_lost(self, exc: Optional[Exception]) -> None:
        super().connection_lost(exc)
        # Before Python 3.11 nobody else does, and asyncio complains of it later.
        self.transport.close()


class _Server(uvicorn.Server):
    """A uvicorn that says when it is ready, ends the moment it is told to, and does not wait for anybody then."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop serving; to be called on the event loop."""
        self.should_exit = True
        self._ended.set()

    def abort(self, concerned: Callable[[object], bool]) -> None:
        """Break off those connections that are concerned."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None and concerned(connection):
                transport.abort()

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        await super().startup(sockets=sockets)
        await self.on_tick(0)
        self._on_ready()

    async def main_loop(self) -> None:
        # Every second, because this is what keeps the Date header right.
        while not await self.on_tick(0):
            try:
                await asyncio.wait_for(self._ended.wait(), 1.0)
            except asyncio.TimeoutError:
                continue

    async def shutdown(self, sockets: Optional[List[socket.socket]] = None) -> None:
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        self.abort(lambda _connection: True)
        requests = list(self.server_state.tasks)
        # One turn of the loop, in which the connections learn that they are gone; then nobody answers on them.
        await asyncio.sleep(0)
        await end_all(requests)


async def _abort_connections(loop: asyncio.AbstractEventLoop) -> None:
    """Break off what is left, such as connections in the middle of a TLS handshake, of which uvicorn does not know."""
    # There is no public list of them before Python 3.13; without it, they are left to the garbage collector.
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    # One turn of the loop for each layer that has to learn of it.
    for _ in range(3):
        await asyncio.sleep(0)


def _config(app: ASGIApp, server_file: Path) -> uvicorn.Config:
    # A program that has not set up logging shall not see uvicorn's messages, one that has may.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    return uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("Server", "pscheduler-batch")],
        ssl_certfile=server_file,
        timeout_keep_alive=60,
        # More than any request line that is answered with 414; without this it would be a broken connection.
        h11_max_incomplete_event_size=4 * 1024 * 1024,
    )


def open_socket(host: str, port: int) -> socket.socket:
    """
    Listen on a loopback address; nobody but this machine shall have measurements made here.

    Raises:
        BatchError: The address is not one of loopback, or cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise BatchError(f"the embedded server cannot listen on {host}: {error}") from error
    if not ipaddress.ip_address(str(address[0])).is_loopback:
        raise BatchError(f"the embedded server listens on loopback only, and {host} is {address[0]}")
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise BatchError(f"the embedded server cannot listen on {host}, port {port}: {error}") from error
    return listening


def _note(_loop: asyncio.AbstractEventLoop, context: Dict[str, object]) -> None:
    """Keep what the event loop complains of, such as clients that break off a handshake, out of people's sight."""
    logger.debug("%s", context.get("message"))
