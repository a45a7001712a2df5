"""
The embedded server: a pScheduler server on loopback, inside the process (ADR 19).

It runs in a thread of its own with an event loop of its own, so that a program of any kind can use it, and any client
of the API can talk to it.
"""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Callable, Mapping, Optional, Type

from pscheduler_batch.embedded.certificate import Issued, issue_certificate
from pscheduler_batch.embedded.listener import Listener, open_socket
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.test import Test, load_tests

_DEFAULT_PACE = Pace()


class EmbeddedServer:
    """
    A pScheduler server on loopback, as a context manager.

    Use it like this::

        with EmbeddedServer() as server:
            print(server.url)  # https://127.0.0.1:40123/pscheduler

    It can be stopped and started again, in the middle of somebody's batch too: it has its port and its certificate
    again, still knows its tasks, and goes on with those of their runs that it can still carry out. With
    ``server.state.forget()`` in between it knows them no more.

    Args:
        host: The loopback address, or the name of one, to listen on.
        port: The port; 0 is one that is free.
        pace: How fast the server goes about its work.
        keep_alive: Whether connections are kept; stock pScheduler servers close them after each reply.
        tests: What it can measure; by default every test that is installed.

    Attributes:
        state: The tasks, the requests and the faults of this server.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        pace: Pace = _DEFAULT_PACE,
        keep_alive: bool = False,
        tests: Optional[Mapping[str, Test]] = None,
    ) -> None:
        self.state = State(load_tests() if tests is None else tests, pace)
        self._host = host
        self._port = port
        self._keep_alive = keep_alive
        self._issued: Optional[Issued] = None
        self._listener: Optional[Listener] = None

    @property
    def netloc(self) -> str:
        """Host and port, such as ``127.0.0.1:40123`` or ``[::1]:40123``."""
        host, port = self._running.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        """The root of the API."""
        return f"https://{self.netloc}/pscheduler"

    @property
    def ca_file(self) -> str:
        """The path of the certificate of the authority that signed the server's; there while the server runs."""
        return str(self._running.certificate.ca_file)

    def start(self) -> None:
        """
        Start to listen; when this returns, the server answers.

        Raises:
            BatchError: The address is not one of loopback, or cannot be listened on.
        """
        if self._listener is not None:
            raise RuntimeError("the server runs already")
        listening = open_socket(self._host, self._port)
        self._issued = self._issued or issue_certificate(self._host)
        listener = Listener(self.state, listening, self._issued, keep_alive=self._keep_alive)
        listener.start()
        self._listener = listener
        self._port = listener.address[1]

    def stop(self) -> None:
        """End all measurements, drop all connections and stop to listen; nothing where the server does not run."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def restart(self, *, forget: bool = False) -> None:
        """
        Stop and start again, on the same port.

        Args:
            forget: Whether all tasks are lost.

        Raises:
            BatchError: Somebody else has taken the port meanwhile.
        """
        self.stop()
        if forget:
            self.state.forget()
        self.start()

    def __enter__(self) -> EmbeddedServer:  # noqa: PYI034 - nobody derives from it
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def _running(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("the server does not run")
        return self._listener


def serve(host: str, port: int, pace: Pace, keep_alive: bool, on_ready: Callable[[str], None]) -> None:  # noqa: FBT001
    """
    Run a server until the process is interrupted or terminated (SIGINT, SIGTERM).

    Args:
        host: The loopback address, or the name of one, to listen on.
        port: The port; 0 is one that is free.
        pace: How fast the server goes about its work.
        keep_alive: Whether connections are kept.
        on_ready: Called with the root of the API as soon as the server answers.

    Raises:
        BatchError: The address is not one of loopback, or cannot be listened on.
    """
    over = threading.Event()
    before = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with EmbeddedServer(host=host, port=port, pace=pace, keep_alive=keep_alive) as server:
            on_ready(server.url)
            over.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
