from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from datetime import timedelta

import httpx
import pytest

from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.iso8601 import parse_timestamp
from tests.support.commands import TIME_LIMIT, wait_for
from tests.support.embedded_bench import TESTS, nap_task


@pytest.fixture
def server():
    """A server that may be stopped and started."""
    with EmbeddedServer(tests=TESTS, pace=Pace(scheduling=0, setup=0.02, cleanup=0)) as server:
        yield server


@pytest.fixture
def client(server):
    """A client that trusts the server as it was first."""
    with httpx.Client(verify=ssl.create_default_context(cafile=server.ca_file), timeout=20) as client:
        yield client


def test_a_server_that_is_started_again_is_where_it_was(server, client):
    """Its port, its certificate and its tasks are the same; while it is away nothing answers."""
    url = server.url
    task = client.post(f"{url}/tasks", json=nap_task("PT0.01S", schedule={"start": "PT1H"})).json()
    first = client.get(f"{task}/runs/first").json()
    run = first["href"]
    server.stop()
    with pytest.raises(httpx.ConnectError):
        client.get(task)
    # However long the stop took, the start of the run is still to come.
    just_before = parse_timestamp(first["start-time"]) - timedelta(seconds=0.1)
    server.state.now = lambda: just_before
    server.start()

    assert server.url == url
    assert client.get(run, params={"wait-merged": "true", "wait": 10}).json()["state"] == "finished"


def test_a_server_can_lose_all_it_knew(server, client):
    """Then a task that was there is unknown."""
    task = client.post(f"{server.url}/tasks", json=nap_task()).json()
    server.restart(forget=True)

    assert client.get(task).status_code == 404
    assert client.get(f"{server.url}/tasks").json() == []


def test_a_restart_keeps_tasks_unless_told_otherwise(server, client):
    """And the faults that were set, which are the test's."""
    task = client.post(f"{server.url}/tasks", json=nap_task()).json()
    server.state.faults.refuse("api", 418, "")
    server.restart()

    assert client.get(task).json()["test"] == nap_task()["test"]
    assert client.get(f"{server.url}/api").status_code == 418


def test_a_task_whose_client_left_is_accepted_all_the_same():
    """As by a real server, which does not notice before it answers."""
    posting, left = threading.Event(), threading.Event()

    async def post(_seconds):
        posting.set()
        await asyncio.to_thread(left.wait, TIME_LIMIT)

    with EmbeddedServer(tests=TESTS) as server:
        server.state.sleep = post
        body = json.dumps(nap_task()).encode()
        head = f"POST /pscheduler/tasks HTTP/1.1\r\nHost: {server.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        context = ssl.create_default_context(cafile=server.ca_file)
        host, port = server.netloc.split(":")
        with (
            socket.create_connection((host, int(port))) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.sendall(head.encode() + body)
            assert posting.wait(TIME_LIMIT)
        assert not server.state.tasks
        left.set()

        wait_for(lambda: len(server.state.tasks) == 1)
