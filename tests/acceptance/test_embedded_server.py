from __future__ import annotations

import asyncio
import gc
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.errors import BatchError
from tests.support.embedded_bench import TESTS, Nap, nap_task

ROOT = Path(__file__).parents[2]
AT_ONCE = Pace(scheduling=0, setup=0.02, cleanup=0)

QUIET = """
import re, socket, ssl, threading
import httpx
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.embedded.server import EmbeddedServer
from tests.support.embedded_bench import TESTS, nap_task

def poll(url):
    try:
        client.get(url, timeout=20)
    except httpx.TransportError:
        print("dropped")

async def note(app, scope, receive, send):
    arrived.set()
    await app(scope, receive, send)

arrived = threading.Event()
with EmbeddedServer(tests=TESTS) as server:
    server.state.faults.add(Rule(re.compile("wait-merged"), note))
    client = httpx.Client(verify=ssl.create_default_context(cafile=server.ca_file), timeout=20)
    host, port = server.netloc.split(":")
    with socket.create_connection((host, int(port))) as plain:
        plain.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
        plain.recv(100)
    socket.create_connection((host, int(port))).close()
    task = client.post(f"{server.url}/tasks", json=nap_task("PT1H")).json()
    run = client.get(f"{task}/runs/first").json()["href"]
    waiting = threading.Thread(target=poll, args=(f"{run}?wait-merged=true&wait=30",))
    waiting.start()
    assert arrived.wait(10)
waiting.join()
client.close()
"""

STAND_ALONE = """
import sys
from pscheduler_batch.embedded.server import EmbeddedServer, serve

serve(EmbeddedServer(), lambda url: print(url, flush=True))
print("over", flush=True)
"""


@pytest.fixture
def server():
    """A server with tests that measure nothing."""
    with EmbeddedServer(pace=AT_ONCE, tests=TESTS) as server:
        yield server


@pytest.fixture
def client(server):
    """A client of that server."""
    with trusting_client(server) as client:
        yield client


def trusting_client(server):
    """Make a client that checks the server's certificate, and trusts nothing but its authority."""
    return httpx.Client(verify=ssl.create_default_context(cafile=server.ca_file), timeout=20)


def test_any_client_can_take_a_task_from_its_participants_to_its_result(server, client):
    """The whole way over real sockets, with nothing but what the server says."""
    spec = {"duration": "PT0.01S"}
    participants = client.get(f"{server.url}/tests/nap/participants", params={"spec": json.dumps(spec)}).json()
    task = client.post(f"{server.url}/tasks", json=nap_task("PT0.01S")).json()
    detail = client.get(task, params={"detail": "true"}).json()["detail"]
    run = client.get(detail["first-run-href"]).json()
    run = client.get(run["href"], params={"wait-merged": "true", "wait": 10}).json()
    plain = client.get(run["result-href"], params={"format": "text/plain"}).text

    assert participants["participants"] == [None]
    assert (run["state"], run["result-merged"]["duration"]) == ("finished", "PT0.01S")
    assert plain.startswith("Duration ... PT0.01S\n")
    assert plain.endswith(f"Measured by the embedded server of pscheduler-batch on {socket.gethostname()}\n")
    assert "." in run["start-time"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_certificate_is_good_for_all_names_of_loopback(server, client, name):
    """Each name is checked, and all hrefs carry it."""
    port = server.netloc.rpartition(":")[2]
    tests = client.get(f"https://{name}:{port}/pscheduler/tests").json()

    assert tests[0] == f"https://{name}:{port}/pscheduler/tests/nap"


def test_nobody_trusts_the_certificate_unasked(server):
    """It is signed by an authority of its own, as a pScheduler host's is by itself."""
    with httpx.Client() as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        client.get(server.url)


def test_every_reply_has_its_date_and_closes_the_connection(server, client):
    """As stock servers do, whose every request costs a handshake."""
    reply = client.get(f"{server.url}/api")
    second = client.get(f"{server.url}/nosuch")

    for headers in (reply.headers, second.headers):
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", headers["date"])
        assert headers["server"] == "pscheduler-batch"
        assert headers.get_list("connection") == ["close"]


def test_connections_can_be_kept():
    """With ``keep_alive`` two requests need one connection."""
    with EmbeddedServer(tests=TESTS, keep_alive=True) as server, trusting_client(server) as client:
        streams = [client.get(f"{server.url}/api").extensions["network_stream"] for _ in range(2)]
        addresses = {stream.get_extra_info("client_addr") for stream in streams}

    assert len(addresses) == 1
    assert None not in addresses


def test_the_server_can_listen_on_ipv6():
    """Its URLs have the address in brackets."""
    if not has_ipv6_loopback():
        pytest.skip("this machine has no IPv6")
    with EmbeddedServer(host="::1", tests=TESTS) as server, trusting_client(server) as client:
        task = client.post(f"{server.url}/tasks", json=nap_task()).json()

    assert re.match(r"https://\[::1\]:\d+/pscheduler/tasks/", task)


def watch_polls(server):
    """Return an event that is set when a client begins to wait for a merged result."""
    arrived = threading.Event()

    async def note(app, scope, receive, send):
        arrived.set()
        await app(scope, receive, send)

    server.state.faults.add(Rule(re.compile("wait-merged"), note))
    return arrived


def has_ipv6_loopback():
    """Return whether anything can listen on ::1 here."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_several_servers_do_not_know_of_each_other(server, client):
    """Each has its own port, certificate and tasks."""
    client.post(f"{server.url}/tasks", json=nap_task())
    with EmbeddedServer(tests=TESTS) as other, trusting_client(other) as others_client:
        tasks = others_client.get(f"{other.url}/tasks").json()

    assert tasks == []
    assert len(client.get(f"{server.url}/tasks").json()) == 1


def test_a_request_line_longer_than_any_buffer_is_answered(server, client):
    """It is a page of the web server's, not a broken connection."""
    reply = client.get(f"{server.url}/tests/nap/participants?spec={'y' * 60_000}")

    assert reply.status_code == 414


def test_a_connection_can_be_broken_off(server, client):
    """Without an answer; what was asked for is done or not, as the test wants it."""
    server.state.faults.reset("tasks", method="POST", times=1)
    server.state.faults.reset("tasks", method="POST", times=1, done=True)
    for expected in (0, 1):
        with pytest.raises(httpx.TransportError):
            client.post(f"{server.url}/tasks", json=nap_task())
        assert len(server.state.tasks) == expected

    assert client.post(f"{server.url}/tasks", json=nap_task()).status_code == 200


def test_a_request_can_hang(server, client):
    """Until the client gives up."""
    rule = server.state.faults.hang("api", times=1)
    with pytest.raises(httpx.ReadTimeout):
        client.get(f"{server.url}/api", timeout=httpx.Timeout(20, read=0.5))

    assert client.get(f"{server.url}/api").json() == 6
    assert rule.uses == 1


def test_a_server_that_cannot_start_says_why(monkeypatch):
    """Nothing of it stays behind."""

    async def startup(_self, sockets=None):
        raise OSError("no more files")

    monkeypatch.setattr("uvicorn.Server.startup", startup)
    server = EmbeddedServer(tests=TESTS)
    with pytest.raises(BatchError, match="did not start: no more files"):
        server.start()
    with pytest.raises(RuntimeError, match="is not running"):
        server.netloc.strip()


def test_stopping_ends_polls_and_measurements_at_once():
    """The server does not wait for a client that waits for an hour's measurement."""

    class Watched(Nap):
        began, ended = threading.Event(), threading.Event()

        async def measure(self, spec):
            self.began.set()
            try:
                await asyncio.sleep(3600)
                yield
            finally:
                self.ended.set()

    server = EmbeddedServer(pace=AT_ONCE, tests={"nap": Watched()})
    arrived = watch_polls(server)
    server.start()
    with trusting_client(server) as client, ThreadPoolExecutor(1) as polls:
        task = client.post(f"{server.url}/tasks", json=nap_task("PT1H")).json()
        run = client.get(f"{task}/runs/first").json()
        poll = polls.submit(client.get, run["href"], params={"wait-merged": "true", "wait": 600})
        assert arrived.wait(10)
        assert Watched.began.wait(10)
        begin = time.monotonic()
        server.stop()
        took = time.monotonic() - begin
        error = poll.exception()

    assert took < 10  # Both would take an hour, and stopping without their help half a minute.
    assert Watched.ended.is_set()
    assert isinstance(error, httpx.TransportError)


def test_stopping_leaves_no_connection_to_the_garbage_collector(server, client):
    """Not even an unreferenced one, about which Python would warn later."""
    ours, *left = socket.socketpair()

    async def leave_one(app, scope, receive, send):
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=left.pop())
        await app(scope, receive, send)

    server.state.faults.add(Rule("tests", leave_one))
    client.get(f"{server.url}/tests")
    with ours, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        server.stop()
        gc.collect()
        gone = ours.recv(1)

    assert (gone, [str(warning.message) for warning in told]) == (b"", [])


def test_a_cancelled_measurement_really_ends(server, client):
    """DELETE on a running task stops what it does."""
    began, ended = threading.Event(), threading.Event()

    class Watched(Nap):
        async def measure(self, spec):
            began.set()
            try:
                await asyncio.sleep(3600)
                yield
            finally:
                ended.set()

    server.state.tests["nap"] = Watched()
    task = client.post(f"{server.url}/tasks", json=nap_task("PT1H")).json()
    run = client.get(f"{task}/runs/first").json()["href"]
    assert began.wait(10)
    assert not ended.is_set()
    client.delete(task)

    assert ended.wait(10)
    assert client.get(run).json()["state"] == "canceled"


def test_a_server_can_be_started_again_and_remembers():
    """What it listens on is new, its tasks are not; stopping twice is no harm."""
    server = EmbeddedServer(tests=TESTS)
    with server, trusting_client(server) as client:
        client.post(f"{server.url}/tasks", json=nap_task())
        ca_file = Path(server.ca_file)
        assert ca_file.exists()
        with pytest.raises(RuntimeError, match="is already running"):
            server.start()
    server.stop()
    assert not ca_file.parent.exists()
    with pytest.raises(RuntimeError, match="is not running"):
        server.netloc.strip()

    with server, trusting_client(server) as client:
        assert len(client.get(f"{server.url}/tasks").json()) == 1


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "the embedded server listens on loopback only, and 192.0.2.1 is 192.0.2.1"),
        ("0.0.0.0", "loopback only"),  # noqa: S104 - it is refused
        ("no such host", "the embedded server cannot listen on no such host: "),
    ],
)
def test_only_loopback_can_be_listened_on(host, message):
    """Only this machine may have measurements made here."""
    with pytest.raises(BatchError, match=re.escape(message)):
        EmbeddedServer(host=host, tests=TESTS).start()


def test_a_port_that_is_taken_is_named(server):
    """The message says which one, and the system's reason."""
    port = int(server.netloc.rpartition(":")[2])
    with pytest.raises(BatchError, match=f"cannot listen on 127.0.0.1, port {port}: "):
        EmbeddedServer(port=port, tests=TESTS).start()


def test_the_server_writes_nothing_to_stderr():
    """Not about broken handshakes, not about polls that are dropped, not about anything left open."""
    command = [sys.executable, "-W", "error", "-c", QUIET]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "dropped\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stand_alone_server_ends_in_good_order_on_a_signal(number):
    """It says where it is, and goes with status 0 when it is told to."""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", STAND_ALONE], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        url = process.stdout.readline().strip()
        with httpx.Client(verify=False) as client:  # noqa: S501 - the file with its authority is not known here
            api = client.get(f"{url}/api").json()
        process.send_signal(number)
        rest = process.stdout.read()

    assert api == 6
    assert (process.returncode, rest) == (0, "over\n")
