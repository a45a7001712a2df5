"""
The minimal server: TLS and prepared responses, in a process of its own.

It listens on loopback only, on ports that the system chooses, each of which stands for a host. Lines of JSON on
standard input control it; it prints a line of JSON for each. It ends with its standard input, after a maximum number of
requests, or after its time limit, whichever comes first.
"""

from __future__ import annotations

import json
import signal
import socket
import ssl
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Optional, Tuple

import trustme

from benchmarks.replies import OTHER, Answer, Pages, Request

LOOPBACK = "127.0.0.1"

# Web servers close a connection that is idle for this many seconds.
IDLE_SECONDS = 5.0
# Limits, so that the server ends if the benchmark is killed or does not end.
LIFETIME_SECONDS = 3600
MOST_REQUESTS = 5_000_000

# More threads than a polite client has connections to one host.
THREADS = 24
READ_SIZE = 65536


@dataclass(frozen=True)
class Setting:
    """
    The settings of the server.

    Attributes:
        hosts: The number of ports that it listens on.
        keep: Whether connections are kept open; stock pScheduler servers close them after one response.
        length: The length of a run, in seconds.
        result_bytes: The approximate size of the JSON of a result.
        post_delay: How long it takes to accept a task, in seconds.
    """

    hosts: int = 1
    keep: bool = False
    length: float = 0.0
    result_bytes: int = 0
    post_delay: float = 0.0


@dataclass
class Tally:
    """
    The requests to one host.

    Attributes:
        kinds: The number of requests of each kind.
        connections: The number of connections, each with a TLS handshake.
        resumed: How many of them resumed a session.
        open_at_once: The maximum number of concurrent connections.
        posts: When each POST had arrived completely, in seconds since 1970.
        margin: The smallest time between the acceptance of a task and its start, in seconds.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    resumed: int = 0
    open_at_once: int = 0
    posts: List[float] = field(default_factory=list)
    margin: Optional[float] = None

    def add(self, answer: Answer, now: float) -> None:
        """Count a request that arrived now."""
        self.kinds[answer.kind] += 1
        if answer.start is not None:
            self.posts.append(now)
            margin = answer.start - now - answer.delay
            self.margin = margin if self.margin is None else min(self.margin, margin)


class Host:
    """One port of the server, and the threads that serve it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._open = 0
        self._tally = Tally()
        self._listening = socket.create_server((LOOPBACK, 0), backlog=1024)
        self.port = int(self._listening.getsockname()[1])

    def serve(self) -> None:
        """Start serving."""
        for _ in range(THREADS):
            threading.Thread(target=self._serve, daemon=True).start()

    def take_tally(self) -> Tally:
        """Return the counts and reset them."""
        with self._lock:
            tally, self._tally = self._tally, Tally(open_at_once=self._open)
        return tally

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            # A client may close the connection at any time.
            with suppress(OSError), connection:
                connection.settimeout(IDLE_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._server.tls.wrap_socket(connection, server_side=True) as secured:
                    self._converse(secured)

    def _converse(self, secured: ssl.SSLSocket) -> None:
        with self._lock:
            self._open += 1
            self._tally.connections += 1
            self._tally.resumed += bool(secured.session_reused)
            self._tally.open_at_once = max(self._tally.open_at_once, self._open)
        last = b""
        try:
            for request in requests_of(secured):
                last = self._answer(request)
                if not self._server.setting.keep:
                    # Counted as closed before it is: the client may open the next connection sooner than this one ends.
                    break
                secured.sendall(last)
        finally:
            with self._lock:
                self._open -= 1
        if last and not self._server.setting.keep:
            secured.sendall(last)
            _close_tls(secured)

    def _answer(self, request: Request) -> bytes:
        now = time.time()
        try:
            answer = self._server.pages.answer(request, now)
        except (KeyError, ValueError):
            answer = Answer(OTHER, b"Bad request\n", "400 BAD REQUEST", "text/plain; charset=utf-8")
        with self._lock:
            self._tally.add(answer, now)
        self._server.count_request()
        if answer.delay:
            time.sleep(answer.delay)
        return answer.encode(keep=self._server.setting.keep)


class Server:
    """
    All hosts of the server.

    Attributes:
        setting: The settings.
        pages: Its responses.
        tls: The TLS context of the server.
        hosts: The ports that it listens on.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.pages = Pages(setting.length, setting.result_bytes, setting.post_delay)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert(LOOPBACK, "localhost").configure_cert(self.tls)
        self._left = MOST_REQUESTS
        self.hosts = [Host(self) for _ in range(setting.hosts)]

    def serve(self) -> None:
        """Start serving on all ports."""
        for host in self.hosts:
            host.serve()

    def count_request(self) -> None:
        """End the process after more requests than any benchmark makes."""
        self._left -= 1
        if self._left < 0:
            signal.raise_signal(signal.SIGTERM)

    def take_tallies(self) -> List[Dict[str, Any]]:
        """Return the counts of each host and reset them."""
        return [vars(host.take_tally()) for host in self.hosts]


def requests_of(secured: ssl.SSLSocket) -> Iterator[Request]:
    """Read the requests on a connection until it is closed."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = secured.recv(READ_SIZE)
            if not more:
                return
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        request, length = read_head(head)
        while len(data) < length:
            more = secured.recv(READ_SIZE)
            if not more:
                return
            data += more
        yield Request(request.method, request.target, request.host, data[:length])
        data = data[length:]


def read_head(head: bytes) -> Tuple[Request, int]:
    r"""
    Read the head of a request.

    Returns:
        The request without its body, and the length of the body in bytes.

    >>> read_head(b"POST /tasks HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5")
    (Request(method='POST', target='/tasks', host='a:1', body=b''), 5)
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, target, fields.get("host", LOOPBACK)), int(fields.get("content-length", 0))


def _close_tls(secured: ssl.SSLSocket) -> None:
    """Close TLS without waiting for the other side, as web servers do."""
    secured.settimeout(0)
    with suppress(OSError):
        secured.unwrap()


def main(setting: Optional[Setting] = None) -> None:
    """Run the server: read the settings, print the ports, then print the counts for each line of input."""
    signal.alarm(LIFETIME_SECONDS)
    server = Server(setting or Setting(**json.loads(sys.stdin.readline())))
    server.serve()
    _print_line([f"{LOOPBACK}:{host.port}" for host in server.hosts])
    for _ in sys.stdin:
        _print_line({"tallies": server.take_tallies(), "seconds": time.process_time()})


def _print_line(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
