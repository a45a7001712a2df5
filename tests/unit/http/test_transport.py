"""One request, one reply, over real sockets on loopback, with servers that misbehave."""

from __future__ import annotations

import asyncio
import errno
import gzip
import os
import re
import socket
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pscheduler_batch.errors import BatchError, ReplyError, SchedulerError, UnreachableError
from pscheduler_batch.http import connection
from pscheduler_batch.http.request import Request
from pscheduler_batch.http.transport import HttpTransport
from pscheduler_batch.settings import Settings
from tests.support import hostile_servers as hostile
from tests.support.clients import a_client, make_client
from tests.support.hostile_servers import HEAD, HostileServer, resetting, resetting_after, saying, silent

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing: A\r\nConnection: close\r\n\r\nhello"


@asynccontextmanager
async def serving(answer, requests=None):
    """Serve on a free port: read a request, write the answer if there is one, close; give host and port."""
    tasks = set()

    async def serve(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            head = await reader.read(65536)
            if requests is not None:
                requests.append((head, writer.get_extra_info("peername")[0]))
            if answer is None:
                await reader.read()  # Until the other side has had enough.
            writer.write(answer or b"")
            await writer.drain()
        except OSError:
            pass  # The other side went first.
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.wait(tasks, timeout=5)
        await asyncio.sleep(0)


def fetch(answer=HELLO, *, path="/x", scheme="http", requests=None, bind=None, **options):
    """Make one request to a server that gives this answer."""

    async def run():
        async with serving(answer, requests) as host:
            client = make_client(**options)
            try:
                return await client.request(Request("GET", f"{scheme}://{host}{path}", "asking", bind=bind))
            finally:
                await client.aclose()

    return asyncio.run(run())


def request(url, *, bind=None, content=None):
    """Make one request."""

    async def run():
        async with a_client() as client:
            return await client.request(Request("GET", url, "asking", bind=bind, content=content))

    return asyncio.run(run())


@pytest.fixture(scope="module")
def good_certificate():
    """A certificate with which nothing is wrong, ready for a server."""
    return hostile.good_tls()


@pytest.fixture
def authority():
    """A file with the certificate of the authority of the hostile servers."""
    path = hostile.ca_file()
    yield path
    Path(path).unlink()


def test_a_reply_has_status_headers_and_body():
    """The names of headers are in lower case, and it took some time."""
    reply = fetch()

    assert (reply.status, reply.headers["x-thing"], reply.text) == (200, "A", "hello")
    assert reply.elapsed > 0


def test_a_status_that_says_no_is_a_reply():
    """What it means is decided elsewhere."""
    reply = fetch(b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno")

    assert (reply.status, reply.text) == (409, "no")


def test_a_redirection_is_not_followed():
    """What is behind it was not asked for."""
    requests = []
    reply = fetch(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", requests=requests)

    assert (reply.status, len(requests)) == (302, 1)


def test_the_program_says_who_it_is():
    """The administrator of a server can see who asks."""
    requests = []
    fetch(requests=requests)

    assert b"User-Agent: pscheduler-batch/" in requests[0][0]
    assert b"Accept-Encoding: gzip\r\n" in requests[0][0]


def test_requests_come_from_the_address_that_was_chosen():
    """The bind address is one of ours."""
    requests = []
    fetch(requests=requests, bind="127.0.0.3")

    assert requests[0][1] == "127.0.0.3"


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    """Measurement hosts are asked directly."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert fetch().status == 200


def test_a_body_that_is_too_large_is_no_result():
    """It is not read to its end."""
    with pytest.raises(ReplyError, match="answered more than 1,000 bytes"):
        fetch(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 2000, max_body=1000)


def trouble(server, *, method="GET", scheme="https", **options):
    """Make a request to a hostile server; give the error."""

    async def run():
        async with a_client(**{"reply_seconds": 10.0, **options}) as client:
            await client.request(Request(method, f"{scheme}://{server.netloc}/x?secret=1", "asking"))

    with server, pytest.raises(SchedulerError) as caught:
        asyncio.run(run())
    assert str(caught.value).startswith("asking: ")
    assert "?" not in str(caught.value).replace("port?", "")
    return caught.value


@pytest.mark.parametrize("name", hostile.BAD_ANSWERS)
def test_a_bad_answer_is_an_error_that_says_what_the_server_did(name, good_certificate):
    """The request may have done something, so it is not repeated without a search."""
    answer, words = hostile.BAD_ANSWERS[name]
    error = trouble(HostileServer(answer, tls=good_certificate), max_body=10**6)

    assert words in str(error)
    assert getattr(error, "sent", True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (resetting, "the server broke the connection before it answered"),
        (
            resetting_after(HEAD + b"Content-Length: 100\r\n\r\n[1, 2"),
            "the server broke the connection in the middle of the answer, after 5 bytes",
        ),
    ],
)
def test_a_connection_that_is_broken_is_told_from_one_that_is_closed(answer, reason):
    """Where no TLS hides it; a router between may be the one to blame."""
    error = trouble(HostileServer(answer), scheme="http")

    assert error.reason in {reason, f"{reason}: Connection reset by peer"}
    assert (error.sent, error.transient) == (True, True)


@pytest.mark.parametrize("name", hostile.SLOW_ANSWERS)
def test_an_answer_without_an_end_is_given_up(name, good_certificate):
    """After the time that was allowed, however much comes meanwhile."""
    answer, words = hostile.SLOW_ANSWERS[name]
    began = time.monotonic()
    error = trouble(HostileServer(answer, tls=good_certificate), reply_seconds=0.4)

    assert re.search(words, str(error))
    assert (error.sent, error.transient) == (True, True)
    assert time.monotonic() - began < 5


def test_what_a_server_was_asked_to_wait_is_added_to_its_time():
    """A long poll takes as long as it was asked to."""

    async def run():
        async with a_client(reply_seconds=0.05) as client:
            with pytest.raises(UnreachableError, match=r"no answer within 0\.25 seconds"):
                await client.request(Request("GET", f"http://{server.netloc}/", "asking", wait=0.2))

    with HostileServer(silent) as server:
        asyncio.run(run())


@pytest.mark.parametrize(("limit", "wait", "seconds"), [(0.3, 0, "0.3"), (0.3, 0.1, "0.4"), (3600, 0, "0.5")])
def test_a_request_may_have_less_time_than_others(limit, wait, seconds):
    """But never more."""

    async def run():
        url, less = f"http://{server.netloc}/", timedelta(seconds=limit)
        async with a_client(reply_seconds=0.5) as client:
            with pytest.raises(UnreachableError, match=rf"no answer within {re.escape(seconds)} seconds"):
                await client.request(Request("GET", url, "asking", wait=wait, limit=less))

    with HostileServer(silent) as server:
        asyncio.run(run())


@pytest.mark.parametrize("name", hostile.BAD_HANDSHAKES)
def test_where_no_tls_comes_about_nothing_was_sent(name):
    """What is behind the port decides whether it is any use to try again."""
    answer, words = hostile.BAD_HANDSHAKES[name]
    error = trouble(HostileServer(answer, raw=True))

    assert words in str(error)
    assert not error.sent
    assert error.transient == (name not in {"plain HTTP", "mail"})


def test_a_handshake_that_stands_still_is_given_up():
    """Nothing was sent either."""
    error = trouble(HostileServer(silent, raw=True), reply_seconds=0.2)

    assert "connected, but the TLS handshake did not finish within 0.2 seconds" in str(error)
    assert not error.sent
    assert error.too_slow


@pytest.mark.parametrize("name", hostile.BAD_CERTIFICATES)
def test_a_bad_certificate_is_refused_where_they_are_checked(name, authority):
    """The message says what is wrong with it and what to do; it is no use to try again."""
    make, words = hostile.BAD_CERTIFICATES[name]
    server = HostileServer(saying(HELLO), tls=make())
    error = trouble(server, ca_file=authority)

    assert words in str(error)
    assert str(error).endswith(", or turn certificate checks off")
    assert (error.sent, error.transient, server.requests) == (False, False, [])


def test_a_certificate_of_an_unknown_authority_is_refused_where_they_are_checked(good_certificate):
    """The system's authorities are not ours."""
    error = trouble(HostileServer(saying(HELLO), tls=good_certificate), verify_tls=True)

    assert "it is signed by an unknown authority; give that authority's certificate with --ca-file" in str(error)


@pytest.mark.parametrize("name", hostile.BAD_CERTIFICATES)
def test_a_bad_certificate_is_taken_where_they_are_not_checked(name):
    """As pScheduler hosts have such by default (ADR 13)."""
    server = HostileServer(saying(HELLO), tls=hostile.BAD_CERTIFICATES[name][0]())

    with server:
        assert ask(server).text == "hello"


def test_a_certificate_of_the_authority_named_is_taken(authority, good_certificate):
    """That is what the file is for."""
    server = HostileServer(saying(HELLO), tls=good_certificate)

    with server:
        assert ask(server, ca_file=authority).text == "hello"


def ask(server, **options):
    """Make a request to a server that is running; give the reply."""

    async def run():
        async with a_client(**options) as client:
            return await client.request(Request("GET", f"https://{server.netloc}/", "asking"))

    return asyncio.run(run())


def test_a_compressed_answer_is_decompressed():
    """And its length is that of what was meant."""
    packed = gzip.compress(b"hello " * 1000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)

    assert fetch(head + packed, max_body=6000).text == "hello " * 1000
    assert fetch(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n").text == ""


def test_a_bomb_is_never_unpacked_beyond_the_limit():
    """Not even in memory."""
    body = connection._Body("gzip", 1000)
    with pytest.raises(connection.UnusableError):
        body.add(gzip.compress(b" " * 10**7))

    assert len(body._content) == 1001


def test_more_than_the_length_that_was_said_is_not_read():
    """The length is what counts."""
    assert fetch(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[] and more").text == "[]"


def test_nobody_listening_is_connection_refused():
    """In the operating system's words."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        with pytest.raises(UnreachableError) as caught:
            request(f"https://127.0.0.1:{port}/x")

    assert (caught.value.sent, caught.value.transient) == (False, True)
    assert str(caught.value) == f"asking: cannot reach https://127.0.0.1:{port}/x: Connection refused"


@pytest.mark.parametrize(
    "url",
    [
        "https://" + "a" * 64 + ".example.net/",
        "https://a b/",
        "https://ex..net/",
        "https://[::1/",
        "https://[zz]/",
        "https://h:x/",
        "https://127.0.0.1:65536/",
        "https:///x",
        "ftp://h/x",
        "https://h/\x00",
        "https://h/" + "x" * 70000,
    ],
)
def test_a_url_that_cannot_be_asked_is_out_of_reach(url):
    """A server may say any URL; it is no bug of ours, and no use to try again."""
    with pytest.raises(UnreachableError, match=r"^asking: cannot reach ") as caught:
        request(url)

    assert (caught.value.sent, caught.value.transient) == (False, False)


@pytest.mark.parametrize(
    ("bind", "reason"),
    [
        ("203.0.113.9", "203.0.113.9 (--bind or --assist-bind) is not an address of this host"),
        ("::1", "the host has no address of the same family as ::1 (--bind or --assist-bind)"),
        ("127.0.0.3", "Connection refused (from 127.0.0.3)"),
    ],
)
def test_an_address_of_ours_that_does_not_do_is_named(bind, reason):
    """The user can choose another one."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        with pytest.raises(UnreachableError) as caught:
            request(f"https://127.0.0.1:{closed.getsockname()[1]}/x", bind=bind)

    assert caught.value.reason == reason
    assert not caught.value.sent


def test_a_time_limit_of_the_system_is_told_from_ours(monkeypatch):
    """Otherwise the message would name a limit that was not exceeded."""

    async def fail(*_, **__):
        raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))

    monkeypatch.setattr(connection, "start_connection", fail)

    with pytest.raises(UnreachableError) as caught:
        request("https://127.0.0.1:1/x")

    assert caught.value.reason == "Connection timed out"


def test_a_bug_is_not_taken_for_a_failure():
    """It must be seen where it is."""
    with pytest.raises(TypeError):
        request("https://127.0.0.1:1/x", content=5)


def test_a_file_without_certificates_is_refused_before_anything_is_sent(tmp_path):
    """Certificates must not go unchecked when the check was asked for."""
    empty = tmp_path / "ca.pem"
    empty.write_text("")

    with pytest.raises(BatchError, match=r"cannot use the certificates in .*ca\.pem"):
        HttpTransport(Settings(ca_file=str(empty)))
    with pytest.raises(BatchError, match="No such file"):
        HttpTransport(Settings(ca_file=str(tmp_path / "missing.pem")))


def test_a_slot_that_failed_is_given_back():
    """One slot suffices for any number of requests that fail."""

    async def run():
        client = make_client(max_connections=1)
        errors = []
        for _ in range(3):
            try:
                await client.request(Request("GET", "https://ex..net/", "asking"))
            except UnreachableError as error:
                errors.append(error)
        await client.aclose()
        return len(errors)

    assert asyncio.run(asyncio.wait_for(run(), 10)) == 3
