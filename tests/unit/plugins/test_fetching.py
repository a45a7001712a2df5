"""A batch is fetched from a web server, over TLS on loopback, and only from there."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from pscheduler_batch.plugins.batch_plan import plan_given
from pscheduler_batch.plugins.fetching import fetch_batch
from pscheduler_batch.plugins.methods import MethodError
from pscheduler_batch.plugins.site_file import LARGEST_FILE
from tests.support.clock import VirtualClock

BATCH = b'{"jobs": []}'


class _Handler(BaseHTTPRequestHandler):
    """What the paths of the server answer."""

    def do_GET(self):
        self.server.paths.append(self.path)
        if self.path == "/slow":
            # The end of the test ends it.
            self.server.over.wait(60)
        status = {"/gone": 404, "/moved": 302}.get(self.path, 200)
        body = {"/gone": b"no such file", "/page": b"<html>"}.get(self.path, BATCH)
        size = LARGEST_FILE + 1 if self.path == "/huge" else len(body)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "https://localhost/other")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body + b" " * (size - len(body)))

    def log_message(self, *_):
        """Print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """Print nothing: clients end connections early."""


@pytest.fixture
def server(tmp_path):
    """Run a web server; its ``url`` and the file with its certificate are attributes."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.paths = []
    server.over = threading.Event()
    server.ca_file = str(tmp_path / "ca.pem")
    authority.cert_pem.write_to_path(server.ca_file)
    server.url = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def fetched_from(url, **options):
    """Fetch a batch; pauses between retries take no time."""
    return asyncio.run(fetch_batch(url, clock=VirtualClock().clock, **options))


def fetched(server, path, **options):
    """Fetch a batch from the server."""
    return fetched_from(server.url + path, ca_file=server.ca_file, **options)


def test_a_batch_is_fetched(server):
    """Its bytes are those of a file."""

    assert fetched(server, "/mesh.json?site=1") == BATCH
    assert server.paths == ["/mesh.json?site=1"]


def test_a_certificate_that_nobody_vouches_for_is_an_error(server):
    """A batch is a program, so it must be the right one."""
    with pytest.raises(MethodError, match=r"batch-url: fetching the batch: .*certificate"):
        fetched_from(f"{server.url}/mesh.json")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/gone", "answered 404: no such file"),
        ("/moved", "answered 302, a redirect to https://localhost/other; give the final URL"),
        ("/huge", "batch-url: fetching the batch: "),
    ],
)
def test_another_answer_is_an_error(server, path, words):
    """Nothing is fetched from another host, which may not be allowed."""
    with pytest.raises(MethodError) as raised:
        fetched(server, path)

    assert words in str(raised.value)
    assert set(server.paths) == {path}


def test_a_server_that_does_not_answer_is_given_up(server):
    """The time of the batch is limited."""
    with pytest.raises(MethodError, match="cannot reach"):
        fetched(server, "/slow", limit=timedelta(seconds=0.2))


def test_a_server_that_is_not_there_is_an_error():
    """No server listens on a port that is only bound."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(MethodError, match="Connection refused"):
            fetched_from(f"https://127.0.0.1:{bound.getsockname()[1]}/a")


def test_what_is_no_batch_is_reported_with_its_place(server):
    """As that of a file."""
    url = f"{server.url}/page"
    with pytest.raises(MethodError, match=":1:1: error: not JSON"):
        plan_given(fetched(server, "/page"), url)
