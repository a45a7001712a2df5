"""
The leanest client: raw sockets and ssl, a fixed script, and a few threads, in a process of its own.

It makes the same requests as a batch, never more of them at once to any one host, and reads from the responses only
what it needs for the next request. A line of JSON on standard input is its script.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
from dataclasses import dataclass
from typing import BinaryIO, List, Optional, Tuple
from urllib.parse import quote

from benchmarks.replies import FIRST, HTML, PLAIN, POST, RUN

# The requests of a batch for each run, and RUN again if it was not done when it was first requested.
STEPS: Tuple[str, ...] = (POST, FIRST, PLAIN, HTML)

READ_SIZE = 1 << 18


@dataclass(frozen=True)
class Script:
    """
    The script of the client.

    Attributes:
        hosts: The hosts that make runs.
        runs: The number of runs at each host.
        specs: The spec of the test at each host.
        at_once: The number of concurrent requests at each host.
        keep: Whether the server keeps connections open.
        steps: The requests for each run.
        start: The start of the tasks, as a pScheduler timestamp; None for no common start.
        sink: A file for the responses, as a batch stores them.
    """

    hosts: List[str]
    runs: int
    specs: List[object]
    at_once: int = 8
    keep: bool = False
    steps: Tuple[str, ...] = STEPS
    start: Optional[str] = None
    sink: Optional[str] = None


class Line:
    """A connection to a host, for one request after another."""

    def __init__(self, host: str, tls: ssl.SSLContext, *, keep: bool) -> None:
        self._host = host
        name, _, port = host.rpartition(":")
        self._address = (name, int(port))
        self._tls = tls
        self._keep = keep
        self._secured: Optional[ssl.SSLSocket] = None

    def ask(self, method: str, target: str, body: bytes = b"") -> bytes:
        """
        Make a request.

        Raises:
            ValueError: The response is not as expected.
        """
        if self._secured is None:
            plain = socket.create_connection(self._address, 30)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._secured = self._tls.wrap_socket(plain)
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\n{length}\r\n"
        self._secured.sendall(head.encode("ascii") + body)
        answer = _read(self._secured)
        if not self._keep:
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._secured is not None:
            self._secured.close()
            self._secured = None


def _read(secured: ssl.SSLSocket) -> bytes:
    data = secured.recv(READ_SIZE)
    while b"\r\n\r\n" not in data:
        more = secured.recv(READ_SIZE)
        if not more:
            raise ValueError("incomplete response")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head[:13]:
        raise ValueError(head[:100].decode("latin-1"))
    at = head.index(b"Content-Length: ") + len(b"Content-Length: ")
    left = int(head[at : head.index(b"\r\n", at)]) - len(body)
    parts = [body]
    while left > 0:
        parts.append(secured.recv(READ_SIZE))
        left -= len(parts[-1])
        if not parts[-1]:
            raise ValueError("incomplete response")
    return b"".join(parts)


def path_of(answer: bytes) -> str:
    """
    Return the path of the URL that a response consists of, or has as its ``href``.

    >>> path_of(b'"https://a:1/pscheduler/tasks/1"'), path_of(b'{"href": "https://a:1/x/y", "task-href": ""}')
    ('/pscheduler/tasks/1', '/x/y')
    """
    at = answer.rfind(b'"href": "') + len(b'"href": "') if answer.startswith(b"{") else 1
    url = answer[at : answer.index(b'"', at)]
    return url[url.index(b"/", len(b"https://")) :].decode("ascii")


class Work:
    """The runs at one host; each thread takes the next one."""

    def __init__(self, script: Script, number: int, tls: ssl.SSLContext, sink: Optional[BinaryIO]) -> None:
        self._script = script
        self._host = script.hosts[number]
        self._spec = script.specs[number]
        self._tls = tls
        self._sink = sink
        self._runs = iter(range(script.runs))
        self._lock = threading.Lock()
        self.error: Optional[Exception] = None

    def look_up(self) -> None:
        """Look up the participants once, as a batch does for each test."""
        line = Line(self._host, self._tls, keep=self._script.keep)
        line.ask("GET", f"/pscheduler/tests/idle/participants?spec={quote(json.dumps(self._spec))}")
        line.close()

    def run(self) -> None:
        """Make runs until none is left."""
        line = Line(self._host, self._tls, keep=self._script.keep)
        try:
            while self._next_run() is not None:
                self._make_run(line)
        except (OSError, ValueError) as error:
            self.error = error
        finally:
            line.close()

    def _next_run(self) -> Optional[int]:
        with self._lock:
            return next(self._runs, None)

    def _make_run(self, line: Line) -> None:
        schedule = {} if self._script.start is None else {"start": self._script.start}
        task = {"test": {"type": "idle", "spec": self._spec}, "schedule": schedule}
        task_path = path_of(line.ask("POST", "/pscheduler/tasks", json.dumps(task).encode()))
        run_path = ""
        for step in self._script.steps[1:]:
            if step == FIRST:
                answer = line.ask("GET", f"{task_path}/runs/first?wait=5")
                run_path = path_of(answer)
            elif step == RUN:
                answer = line.ask("GET", f"{run_path}?wait-merged=true&wait=2")
            else:
                answer = line.ask("GET", f"{run_path}/result?format={quote(step, safe='')}")
            if self._sink is not None:
                self._sink.write(answer)


def run_script(script: Script) -> None:
    """
    Execute a script.

    Raises:
        OSError: A server could not be reached.
        ValueError: A response is not as expected.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    sink = None if script.sink is None else open(script.sink, "wb")  # noqa: SIM115 - closed below
    try:
        works = [Work(script, number, tls, sink) for number in range(len(script.hosts))]
        for work in works:
            work.look_up()
        threads = [threading.Thread(target=work.run) for work in works for _ in range(min(script.at_once, script.runs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        if sink is not None:
            sink.close()
    for work in works:
        if work.error is not None:
            raise work.error


if __name__ == "__main__":
    run_script(Script(**json.loads(sys.stdin.readline())))
