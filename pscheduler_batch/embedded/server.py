"""
The embedded server: a pScheduler server on loopback, inside the process (ADR 19).

It runs in its own thread with its own event loop, so that any kind of program can use it, and any client of the API can
talk to it.
"""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Callable, Mapping, Optional, Tuple, Type

from pscheduler_batch.embedded.certificate import Issued, issue_certificate
from pscheduler_batch.embedded.classes.class_folder import ClassFolder, load_classes
from pscheduler_batch.embedded.listener import Listener, open_socket
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.scheduling.state import State
from pscheduler_batch.embedded.test import Test, load_tests

__all__ = ["EmbeddedServer", "load_classes", "serve"]

_DEFAULT_PACE = Pace()


class EmbeddedServer:
    """
    A pScheduler server on loopback, as a context manager.

    Use it like this::

        with EmbeddedServer() as server:
            print(server.url)  # https://127.0.0.1:40123/pscheduler

    It can be stopped and started again, even during a batch: it keeps its port, its certificate and its tasks, and
    continues those of their runs that can still be carried out. With ``server.state.forget()`` in between, the tasks
    are lost.

    Args:
        host: The loopback address or host name to listen on.
        port: The port; 0 chooses a free one.
        pace: The delays between the steps of a run.
        keep_alive: Whether connections are kept open; stock pScheduler servers close them after each reply.
        tests: The built-in tests to offer; by default all that are installed.
        classes: Plug-ins of pScheduler to offer as well, from :func:`.load_classes`; they are for this server only.

    Attributes:
        state: The tasks, requests and faults of this server.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        pace: Pace = _DEFAULT_PACE,
        keep_alive: bool = False,
        tests: Optional[Mapping[str, Test]] = None,
        classes: Optional[ClassFolder] = None,
    ) -> None:
        self.state = State(load_tests() if tests is None else tests, pace, classes=classes)
        self._host = host
        self._port = port
        self._keep_alive = keep_alive
        self._issued: Optional[Issued] = None
        self._listener: Optional[Listener] = None

    @property
    def netloc(self) -> str:
        """Host and port, such as ``127.0.0.1:40123`` or ``[::1]:40123``."""
        return _netloc(self._running.address)

    @property
    def url(self) -> str:
        """The root of the API."""
        return f"https://{self.netloc}/pscheduler"

    @property
    def ca_file(self) -> str:
        """The path of the CA certificate that signed the server's; the file exists while the server runs."""
        return str(self._running.certificate.ca_file)

    def start(self) -> None:
        """
        Start the server; it accepts requests when this returns.

        Raises:
            BatchError: The address is not a loopback address, or the server cannot listen on it.
        """
        if self._listener is not None:
            raise RuntimeError("the server is already running")
        listening = open_socket(self._host, self._port)
        self._issued = self._issued or issue_certificate(self._host)
        listener = Listener(self.state, listening, self._issued, keep_alive=self._keep_alive)
        self.state.netloc = _netloc(listener.address)
        listener.start()
        self._listener = listener
        self._port = listener.address[1]

    def stop(self) -> None:
        """Stop listening, drop all connections and end all measurements, if the server is running."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def restart(self, *, forget: bool = False) -> None:
        """
        Stop and start again, on the same port.

        Args:
            forget: Whether to lose all tasks.

        Raises:
            BatchError: Another program has taken the port in the meantime.
        """
        self.stop()
        if forget:
            self.state.forget()
        self.start()

    def __enter__(self) -> EmbeddedServer:  # noqa: PYI034 - not for inheritance
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
            raise RuntimeError("the server is not running")
        return self._listener


def _netloc(address: Tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve(server: EmbeddedServer, on_ready: Callable[[str], None]) -> None:
    """
    Run a server until the process is interrupted or terminated (SIGINT, SIGTERM).

    Calls ``on_ready`` with the root of the API once the server accepts requests.

    Raises:
        BatchError: See :meth:`EmbeddedServer.start`.
    """
    over = threading.Event()
    before = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with server:
            on_ready(server.url)
            over.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
