"""A connection: what it sends and takes, when it is used again, and which addresses of a host it tries."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import threading
import time
from contextlib import closing

import httpcore
import httpx
import pytest

from pscheduler_batch.errors import UnreachableError
from pscheduler_batch.http import connection as module
from pscheduler_batch.http.request import Request
from tests.support import hostile_servers as hostile
from tests.support.clients import a_client
from tests.support.hostile_servers import HostileServer, saying

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n\r\n"


@pytest.fixture(scope="module", params=["http", "https"])
def tls(request):
    """Each test is made without TLS and with it."""
    return hostile.good_tls() if request.param == "https" else None


def get(server, tls, count=1, **request):
    """Make a number of requests one after another, and return the texts of the replies."""

    async def run():
        async with a_client() as client:
            url = f"{'http' if tls is None else 'https'}://{server.netloc}/x"
            asked = {"method": "GET", **request}
            return [(await client.request(Request(url=url, doing="asking", **asked))).text for _ in range(count)]

    with server:
        return asyncio.run(run())


def closed_port():
    """Return a port on which nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def test_answers_before_the_last_one_are_passed_over(tls):
    """A server or a proxy may say that it is working on it (RFC 9110, section 15.2)."""
    server = HostileServer(saying(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK), tls=tls)

    assert get(server, tls) == ["[]"]


def test_a_body_in_chunks_is_put_together(tls):
    """Also over many pieces of what is read at once."""
    part = b"x" * 50_000
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for _ in range(10))
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"

    assert get(HostileServer(saying(answer), tls=tls), tls) == ["x" * 500_000]


def test_a_body_without_a_length_ends_with_the_connection(tls):
    """Many servers leave out the end of TLS."""

    assert get(HostileServer(saying(b"HTTP/1.1 200 OK\r\n\r\n[1, 2]"), tls=tls), tls) == ["[1, 2]"]


def test_a_large_request_arrives_whole(tls):
    """Although no system takes it at once."""
    server = HostileServer(saying(OK), tls=tls)
    content = "ä" * 1_000_000

    assert get(server, tls, method="POST", content=content) == ["[]"]
    assert server.requests[0].partition(b"\r\n\r\n")[2] == content.encode()


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(tls, monkeypatch):
    """A request must not run into it."""
    opened = []
    start_connection = module.start_connection

    async def connect(*args, **options):
        opened.append(await start_connection(*args, **options))
        return opened[-1]

    async def run():
        async with a_client() as client:
            for _ in range(2):
                url = f"{'http' if tls is None else 'https'}://{server.netloc}/x"
                assert (await client.request(Request("GET", url, "asking"))).text == "[]"
                # Until what the server sends after that, the end of the connection, has arrived.
                await asyncio.to_thread(select.select, [opened[-1]], [], [], 10)

    monkeypatch.setattr(module, "start_connection", connect)
    with HostileServer(saying(OK), tls=tls) as server:
        asyncio.run(run())

    assert server.connections == len(opened) == 2


def test_a_connection_is_not_kept_for_long(tls, monkeypatch):
    """The server may be about to close it."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0)

    def answer(connection):
        connection.send(OK)
        connection.request = b""
        connection.read()

    server = HostileServer(answer, tls=tls)

    assert (get(server, tls, count=2), server.connections) == (["[]"] * 2, 2)


@pytest.mark.parametrize("first", [True, False])
def test_the_next_address_of_a_host_is_tried(first, monkeypatch):
    """A host may have addresses that do not work from here."""
    server = HostileServer(saying(OK))
    port = int(server.netloc.rpartition(":")[2])
    ports = [closed_port(), port] if first else [port, closed_port()]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", each)) for each in ports]

    async def addresses(_host, _port):
        return found

    monkeypatch.setattr(module, "_addresses", addresses)

    assert get(server, None) == ["[]"]


def test_why_no_address_of_a_host_works_is_in_one_message(monkeypatch):
    """Each reason once, in the words of the system."""
    ports = [closed_port(), closed_port()]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    async def addresses(_host, _port):
        return found

    monkeypatch.setattr(module, "_addresses", addresses)

    with pytest.raises(UnreachableError) as caught:
        get(HostileServer(saying(OK)), None)

    assert caught.value.reason == "Connection refused"


@pytest.mark.parametrize("answer", [b"", b"too large"])
def test_why_a_request_was_not_sent_is_known_unless_there_is_an_answer(answer):
    """A server may refuse a request before it has read all of it; the system reports an error of writing only once."""

    async def run():
        with socket.create_server(("127.0.0.1", 0)) as server:
            ours = socket.create_connection(server.getsockname())
            with server.accept()[0] as theirs:
                theirs.sendall(answer)
        ours.settimeout(0)
        ours.shutdown(socket.SHUT_WR)
        stream = module._Stream(module.Connection(ssl.create_default_context(), None, 100), ours)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"request")
        await stream.write(b"")
        try:
            return [await stream.read(100), await stream.read(100)]
        finally:
            await stream.aclose()

    if answer:
        assert asyncio.run(run()) == [answer, b""]
    else:
        with pytest.raises(BrokenPipeError):
            asyncio.run(run())


def test_a_local_address_is_named_for_a_host_of_both_families(monkeypatch):
    """Its address of the other family cannot be reached from there, which is not the reason."""
    others = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 9, 0, 0))

    async def addresses(host, port):
        of_host = (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
        return [of_host] if host == "203.0.113.9" else [others, of_host]

    monkeypatch.setattr(module, "_addresses", addresses)

    with pytest.raises(UnreachableError) as caught:
        get(HostileServer(saying(OK)), None, bind="203.0.113.9")

    assert caught.value.reason == "203.0.113.9 (--bind or --assist-bind) is not an address of this host"
    assert not caught.value.transient


def test_a_name_is_looked_up():
    """The addresses of this host are in a file of the system."""
    found = asyncio.run(module._addresses("localhost", 443))

    assert {address[4][0] for address in found} <= {"127.0.0.1", "::1"}
    assert {address[4][1] for address in found} == {443}


def test_a_name_that_cannot_be_one_does_not_exist():
    """An empty part, or one that is too long: the encoding of the name refuses it before the system does."""
    for name in ("a..b", "x" * 64):
        with pytest.raises(socket.gaierror) as caught:
            asyncio.run(module._addresses(name, 443))

        assert caught.value.errno == socket.EAI_NONAME


def sending(part):
    """Send the same until the client has gone, for at most 20 seconds."""

    def send(connection):
        over = time.monotonic() + 20
        connection.send(b"HTTP/1.1 102 Processing\r\n\r\n")
        while time.monotonic() < over:
            connection.send(part)

    return send


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 102 Processing\r\n\r\n" * 2000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 2_000_000,
    ],
    ids=["answers before the last one", "chunks"],
)
def test_a_server_that_sends_faster_than_it_is_read_stops_nothing_else(part, tls):
    """Neither the limit of time nor other tasks."""
    server = HostileServer(sending(part), tls=tls)

    async def run():
        async with a_client(reply_seconds=0.3) as client:
            url = f"{'http' if tls is None else 'https'}://{server.netloc}/x"
            await client.request(Request("GET", url, "asking"))

    with server, pytest.raises(UnreachableError, match=r"within 0\.3 seconds"):
        asyncio.run(run())


@pytest.mark.parametrize("step", [module.ExchangeStep.CONNECTING, module.ExchangeStep.SECURING])
def test_a_request_ends_that_is_canceled_in_the_moment_of_success(step, monkeypatch):
    """Nothing is sent after that, and nothing is left open."""

    async def at_success(doing):
        result = await doing
        asyncio.get_running_loop().call_soon(requesting[0].cancel)
        return result

    async def run():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = module.Connection(context, None, 1000)
        request = httpx.Request("GET", f"https://{server.netloc}/", extensions={"timeout": {"connect": 10}})
        requesting.append(asyncio.ensure_future(connection.exchange(request, progress)))
        await asyncio.wait(requesting, timeout=5)
        canceled = requesting[0].cancelled()
        requesting[0].cancel()
        await asyncio.sleep(0)
        await connection.aclose()
        return canceled

    requesting, progress = [], module.ExchangeProgress()
    start_connection, through_tls = module.start_connection, module._Stream._through_tls
    if step == module.ExchangeStep.CONNECTING:
        monkeypatch.setattr(module, "start_connection", lambda *a, **k: at_success(start_connection(*a, **k)))
    else:
        monkeypatch.setattr(
            module._Stream,
            "_through_tls",
            lambda *a: at_success(through_tls(*a)) if progress.step == step else through_tls(*a),
        )

    with HostileServer(hostile.silent, tls=hostile.good_tls()) as server:
        before = len(os.listdir("/proc/self/fd"))
        assert asyncio.run(run())
        assert (server.requests, progress.step) == ([], step)
        assert len(os.listdir("/proc/self/fd")) <= before + 1  # The other end of the connection is the server's.


def test_a_cancellation_at_the_moment_of_the_answer_is_not_lost(tls, monkeypatch):
    """A program that cancels a batch would otherwise go on with it."""
    exchange = module.Connection._exchange

    async def answered(*given):
        reply = await exchange(*given)
        asyncio.get_running_loop().call_soon(requesting[0].cancel)
        return reply

    async def run():
        async with a_client() as client:
            url = f"{'http' if tls is None else 'https'}://{server.netloc}/x"
            requesting.append(asyncio.ensure_future(client.request(Request("GET", url, "asking"))))
            await requesting[0]

    requesting = []
    monkeypatch.setattr(module.Connection, "_exchange", answered)
    server = HostileServer(sending(OK), tls=tls)

    with server, pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


@pytest.mark.parametrize("head", [OK, NO_CONTENT, NOT_MODIFIED], ids=["200", "204", "304"])
@pytest.mark.parametrize("more", [b"[]", b"HTTP", HELLO], ids=["text", "part", "answer"])
def test_what_follows_an_answer_does_not_spoil_the_next_one(head, more, tls):
    """The next request is made on another connection, even if what follows looks like its answer."""

    def answer(connection):
        connection.send(head + more)
        connection.request = b""
        connection.read()
        connection.send(OK)

    server = HostileServer(answer, tls=tls)

    assert (get(server, tls, count=2), server.connections) == (["[]" if head == OK else ""] * 2, 2)


@pytest.mark.parametrize("head", [NO_CONTENT, NOT_MODIFIED], ids=["204", "304"])
@pytest.mark.parametrize("announced", [b"Content-Length: 2", b"Transfer-Encoding: chunked"], ids=["length", "chunks"])
def test_a_body_where_there_is_none_may_come_late(head, announced, tls):
    """After the next request has been sent."""

    def answer(connection):
        connection.send(head.replace(b"\r\n\r\n", b"\r\n" + announced + b"\r\n\r\n"))
        connection.request = b""
        connection.read()
        connection.send(HELLO)

    server = HostileServer(answer, tls=tls)

    assert (get(server, tls, count=2), server.connections) == (["", ""], 2)


def test_a_connection_is_used_again_after_an_answer_without_a_body(tls):
    """It may have a length of zero."""

    def answer(connection):
        for _ in range(3):
            connection.send(NO_CONTENT.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"))
            connection.request = b""
            connection.read()

    server = HostileServer(answer, tls=tls)

    assert (get(server, tls, count=3), server.connections) == ([""] * 3, 1)


def test_a_connection_that_does_not_tell_what_follows_is_not_used_again():
    """As httpcore has no public attribute for it, another version may not have this one."""
    assert module._has_more(object())


def over_memory(socket_, context, *parts):
    """Do TLS as a server: for each request send these parts at once, each as a record of its own."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    stream = context.wrap_bio(incoming, outgoing, server_side=True)

    def through(call, *arguments):
        while True:
            try:
                result, done = call(*arguments), True
            except ssl.SSLWantReadError:
                done = False
            socket_.sendall(outgoing.read())
            if done:
                return result
            incoming.write(socket_.recv(65536))

    through(stream.do_handshake)
    while through(stream.read, 65536):
        for part in parts:
            if part is None:
                with pytest.raises(ssl.SSLWantReadError):
                    stream.unwrap()
            else:
                stream.write(part)
        socket_.sendall(outgoing.read())


@pytest.mark.parametrize("parts", [[OK, OK], [b"HTTP/1.1 200 OK\r\n\r\n[]", None]], ids=["more", "end"])
def test_tls_that_has_more_or_has_ended_is_not_used_again(parts):
    """Although nothing is to be read from the socket, which the server keeps open."""
    context = hostile.good_tls()
    server = HostileServer(lambda connection: over_memory(connection._raw, context, *parts), raw=True)

    assert (get(server, "https", count=2), server.connections) == (["[]"] * 2, 2)


def test_of_addresses_that_answer_at_once_one_connection_is_kept(monkeypatch):
    """The others are closed, and not left to the garbage collector."""
    monkeypatch.setattr(module, "NEXT_ADDRESS_SECONDS", 1e-9)
    opened = []

    class Opened(socket.socket):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            opened.append(self)

    async def addresses(_host, port):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", port)) for n in (1, 2, 3)]

    async def run():
        with socket.create_server(("", 0)) as server:
            port = server.getsockname()[1]
            monkeypatch.setattr(socket, "socket", Opened)
            for _ in range(20):
                (await module._connect("host", port, None)).close()

    monkeypatch.setattr(module, "_addresses", addresses)
    asyncio.run(run())

    assert len(opened) > 20
    assert [each.fileno() for each in opened] == [-1] * len(opened)


@pytest.mark.parametrize("seconds", [0.01, 10], ids=["too late", "canceled"])
def test_nothing_goes_on_in_the_background_when_a_request_has_ended(seconds, monkeypatch):
    """The event loop may be closed then."""

    async def connect(*_args, **_options):
        connecting.set()
        try:
            await asyncio.sleep(100)
        finally:
            # The attempts at several addresses are ended one after another.
            for _ in range(5):
                await asyncio.sleep(0)

    async def run():
        connection = module.Connection(ssl.create_default_context(), None, 1000)
        request = httpx.Request("GET", "http://127.0.0.1:9/", extensions={"timeout": {"connect": seconds}})
        requesting = asyncio.ensure_future(connection.exchange(request, module.ExchangeProgress()))
        if seconds == 10:
            await asyncio.to_thread(connecting.wait, 10)
            requesting.cancel()
        with pytest.raises((asyncio.CancelledError, asyncio.TimeoutError)):
            await requesting
        return asyncio.all_tasks() - {asyncio.current_task()}

    connecting = threading.Event()
    monkeypatch.setattr(module, "start_connection", connect)

    assert asyncio.run(run()) == set()
