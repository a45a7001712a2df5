"""
The thread of an embedded server: uvicorn on its own event loop.

The event loop is used for nothing else, so any kind of program can use the server, and it can be stopped at any time.
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

PATIENCE = 30.0  # seconds; much longer than starting or stopping a server takes on any machine


class Listener:
    """
    A server from its start to its stop: the thread, its event loop, and what must be cleaned up afterwards.

    Attributes:
        address: The address and the port that it listens on.
        certificate: The server's certificate; its files are removed when the server stops.
    """

    def __init__(self, state: State, listening: socket.socket, issued: Issued, *, keep_alive: bool) -> None:
        self.address = (str(listening.getsockname()[0]), int(listening.getsockname()[1]))
        self.certificate: Certificate = write_certificate(issued)
        # Even if the process ends without stopping the server.
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
        Start the server; it accepts requests when this returns.

        Raises:
            BatchError: The server did not start; the text has the reason.
        """
        self._thread.start()
        ready = self._ready.wait(PATIENCE)
        if self._error is not None or not ready:
            self._thread.join(PATIENCE)
            raise BatchError(f"the embedded server did not start: {self._error}") from self._error

    def stop(self) -> None:
        """Stop the server and wait until it has ended."""
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
            await self._state.classes.processes.close()

    def _with_abort(self, app: ASGIApp) -> ASGIApp:
        """Pass the application a function that aborts the connection of a request."""

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
    """A connection that is also closed on this side if the client vanishes, such as one that was killed."""

    def connection_lost(self, exc: Optional[Exception]) -> None:
        super().connection_lost(exc)
        # Before Python 3.11, the connection stays open otherwise, and asyncio warns of it later.
        self.transport.close()


class _Server(uvicorn.Server):
    """A uvicorn that reports when it is ready, and stops at once without waiting for clients."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Stop serving; must be called on the event loop."""
        self.should_exit = True
        self._ended.set()

    def abort(self, selected: Callable[[object], bool]) -> None:
        """Abort the connections that a condition selects."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None and selected(connection):
                transport.abort()

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        await super().startup(sockets=sockets)
        await self.on_tick(0)
        self._on_ready()

    async def main_loop(self) -> None:
        # Every second, because this updates the Date header.
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
        # One iteration of the loop, in which the connections learn that they are closed, so that nothing is sent.
        await asyncio.sleep(0)
        await end_all(requests)


async def _abort_connections(loop: asyncio.AbstractEventLoop) -> None:
    """Abort the remaining connections, such as those during a TLS handshake, which uvicorn does not know."""
    # There is no public list of them before Python 3.13; without it, the garbage collector closes them.
    for transport in list(getattr(loop, "_transports", {}).values()):
        transport.abort()
    # One iteration of the loop for each layer that has to learn of it.
    for _ in range(3):
        await asyncio.sleep(0)


def _config(app: ASGIApp, server_file: Path) -> uvicorn.Config:
    # Only a program that configures logging should see uvicorn's messages.
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
        # Longer than any request line that is answered with 414; without this, the connection would be closed.
        h11_max_incomplete_event_size=4 * 1024 * 1024,
    )


def open_socket(host: str, port: int) -> socket.socket:
    """
    Listen on a loopback address, so that only this machine can request measurements.

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
    """Log errors of the event loop, such as aborted handshakes, at the level debug only."""
    logger.debug("%s", context.get("message"))
