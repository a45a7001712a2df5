"""What several requests over one transport have to do with each other: connections, header fields, limits of time."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import threading
import time

import pytest

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.http.request import Request
from tests.support.clients import a_client
from tests.support.hostile_servers import HostileServer, saying, silent

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\n[]"


def keeping(requests):
    """Answer one request after another on the same connection; note them."""

    def answer(connection):
        while True:
            requests.append(connection.request)
            connection.send(KEPT)
            connection.request = b""
            connection.read()

    return answer


def converse(server, *asked, **options):
    """Make requests one after another, each a method and a content; give the replies."""

    async def run():
        async with a_client(**options) as client:
            url = f"http://{server.netloc}/x"
            return [await client.request(Request(method, url, "asking", content=content)) for method, content in asked]

    with server:
        return asyncio.run(run())


def test_each_request_has_its_own_header_fields():
    """What one of them sends is not in the next one, although they share a connection."""
    requests = []
    asked = [("GET", None), ("POST", '"ä"'), ("POST", "{}"), ("DELETE", None), ("POST", None)]
    converse(HostileServer(keeping(requests)), *asked)
    lengths = [re.findall(rb"Content-Length: ([0-9]+)\r\n", request) for request in requests]
    types = [re.findall(rb"Content-Type: (.+)\r\n", request) for request in requests]

    assert lengths == [[], [b"4"], [b"2"], [], [b"0"]]
    assert types == [[], [b"application/json"], [b"application/json"], [], []]
    assert all(request.count(b"Host: 127.0.0.1:") == 1 for request in requests)


def test_cookies_are_not_kept():
    """PScheduler has no logins."""
    requests = []
    converse(HostileServer(keeping(requests)), ("GET", None), ("GET", None))

    assert b"cookie" not in requests[1].lower()


def test_a_connection_that_the_server_keeps_is_used_again():
    """A TLS handshake costs both sides more than all the rest."""
    server = HostileServer(keeping([]))
    replies = converse(server, *[("GET", None)] * 3)

    assert ([reply.text for reply in replies], server.connections) == (["[]"] * 3, 1)


def test_a_connection_that_the_server_closes_is_made_anew():
    """Stock pScheduler servers close each."""
    server = HostileServer(saying(HELLO))
    replies = converse(server, *[("GET", None)] * 3)

    assert ([reply.text for reply in replies], server.connections) == (["hello"] * 3, 3)


def test_a_host_that_is_written_in_another_way_is_the_same_one():
    """The limit of requests holds for it however it is written."""
    names = []

    async def run():
        async with a_client() as client:
            for name in ("localhost", "LOCALHOST"):
                netloc = server.netloc.replace("127.0.0.1", name)
                await client.request(Request("GET", f"http://{netloc}/x", "asking"))

    with HostileServer(keeping(names)) as server:
        asyncio.run(run())

    assert server.connections == 1
    assert all(re.search(rb"Host: localhost:[0-9]+\r\n", request) for request in names)


def test_a_server_that_does_not_read_is_given_up():
    """Sending takes no longer than anything else."""
    over = threading.Event()

    async def run():
        async with a_client(reply_seconds=0.4) as client:
            try:
                await client.request(Request("POST", f"http://{server.netloc}/", "posting", content="x" * 2 * 10**7))
            finally:
                over.set()

    expected = pytest.raises(UnreachableError, match=r"no answer within 0\.4 seconds")
    with HostileServer(lambda _: over.wait(20), raw=True) as server, expected as caught:
        asyncio.run(run())

    assert (caught.value.sent, caught.value.transient) == (True, True)


def test_the_time_a_server_was_asked_to_wait_is_not_for_the_handshake():
    """A server that does not finish the handshake is not working on an answer."""

    async def run():
        async with a_client(reply_seconds=0.2) as client:
            await client.request(Request("GET", f"https://{server.netloc}/", "asking", wait=60))

    began = time.monotonic()
    with (
        HostileServer(silent, raw=True) as server,
        pytest.raises(UnreachableError, match=r"within 0\.2 seconds") as caught,
    ):
        asyncio.run(run())

    assert not caught.value.sent
    assert time.monotonic() - began < 20


def test_nothing_is_left_open(recwarn):
    """Neither of a request that had an answer, nor of one that was canceled while it waited for it."""
    asked = threading.Event()

    def answer(connection):
        asked.set()
        connection.stand_still()

    async def run():
        async with a_client() as client:
            await client.request(Request("GET", f"http://{server.netloc}/", "asking"))
            waiting = asyncio.ensure_future(client.request(Request("GET", f"http://{slow.netloc}/", "asking")))
            await asyncio.to_thread(asked.wait, 10)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return waiting.cancelled()

    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with HostileServer(saying(HELLO)) as server, HostileServer(answer) as slow:
        canceled = asyncio.run(run())
    gc.collect()

    assert canceled
    assert len(os.listdir("/proc/self/fd")) <= before
    assert [str(warning.message) for warning in recwarn.list] == []
