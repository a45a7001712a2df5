"""One job goes to a server that misbehaves, another to a good one: the bad one fails alone, in words, and in time."""

from __future__ import annotations

import asyncio
import json
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from pscheduler_batch import AsyncBatchProcessor
from pscheduler_batch.clock import Clock
from pscheduler_batch.scheduler.waiting import WaitLimits
from tests.support import hostile_servers as hostile
from tests.support.commands import job, run_batch, task
from tests.support.hostile_servers import HostileServer, saying

BATCH = {"jobs": [job("bad", task=task(data="bad")), job("good", task=task(data="good"))]}
PATIENCE = WaitLimits(
    scheduling=timedelta(seconds=20),
    result=timedelta(seconds=20),
    pause=timedelta(seconds=1),
    outage=timedelta(seconds=2),
    lost_post=timedelta(seconds=2),
)


class HurriedClock:
    """A clock by which all waiting takes no time: it is ahead of the true time by whatever was slept."""

    def __init__(self):
        self.ahead = timedelta(0)

    def now(self):
        """Tell the time."""
        return datetime.now(timezone.utc) + self.ahead

    async def sleep(self, seconds):
        """Let the time go by."""
        self.ahead += timedelta(seconds=seconds)
        await asyncio.sleep(min(seconds, 0.02))


def send_first_to(pscheduler, server):
    """Have the good server say that the first task is one for the bad server."""
    said = json.dumps({"participants": [server.netloc]})
    pscheduler.state.faults.refuse("tests/noop/participants", 200, said, times=1)


def run_both(pscheduler, server, *, limit=2.0, **options):
    """Run the batch inside this process, where nothing waits for long; give the error of the bad job."""
    clock = HurriedClock()
    processor = AsyncBatchProcessor(
        BATCH,
        assist=pscheduler.netloc,
        lead=pscheduler.netloc,
        timeout=timedelta(seconds=limit),
        clock=Clock(clock.now, clock.sleep),
        patience=PATIENCE,
        **options,
    )
    with server:
        send_first_to(pscheduler, server)
        document = asyncio.run(asyncio.wait_for(processor(), 30))
    return check(document)


def check(document):
    """See that the bad job failed and the good one did not; give the error."""
    ((bad,), (good,)) = (entry["results"] for entry in document["jobs"])

    assert good["runs"][0]["application/json"]["succeeded"] is True
    assert bad["succeeded"] is False
    assert "Traceback" not in bad["error"]
    assert "bug" not in bad["error"]
    return bad["error"]


@pytest.fixture(scope="module")
def tls():
    """A certificate with which nothing is wrong."""
    return hostile.good_tls()


@pytest.fixture
def authorities(pscheduler, tmp_path):
    """A file with the authorities of the good server and of the bad ones."""
    other = Path(hostile.ca_file())
    both = tmp_path / "both.pem"
    both.write_bytes(Path(pscheduler.ca_file).read_bytes() + other.read_bytes())
    other.unlink()
    return both


@pytest.mark.parametrize("name", hostile.BAD_ANSWERS)
def test_a_bad_answer_to_a_task_is_that_tasks_failure(name, pscheduler, tls):
    """The other job has its result."""
    answer, words = hostile.BAD_ANSWERS[name]
    # 64 MiB are read before an answer is too large to be one.
    error = run_both(pscheduler, HostileServer(answer, tls=tls), limit=20.0)

    assert error.startswith("posting the task: ")
    assert words in error


@pytest.mark.parametrize("name", ["says nothing", "drips"])
def test_a_task_that_is_never_answered_is_given_up(name, pscheduler, tls):
    """In bounded time, whatever trickles in."""
    began = time.monotonic()
    answer, words = hostile.SLOW_ANSWERS[name]
    error = run_both(pscheduler, HostileServer(answer, tls=tls), limit=0.2)

    assert re.search(words, error)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<!DOCTYPE html><title>Hello</title><h1>It works!</h1>", "did not answer with JSON: Hello It works!"),
        (b"", "did not answer with JSON: (empty body)"),
        (b"[ " * 100_000, "did not answer with JSON: [ ["),
        (b"\xff\xfe\x00\x1b[2J", "did not answer with JSON"),
    ],
)
def test_an_answer_that_is_no_json_is_quoted(answer, words, pscheduler, tls):
    """As text, in whatever it was."""
    error = run_both(pscheduler, HostileServer(saying(hostile.HEAD + b"\r\n" + answer), tls=tls))

    assert words in error
    assert "\x1b" not in error


def test_a_redirection_is_not_followed(pscheduler, tls):
    """The other host was not named as one that may have the task."""
    with HostileServer(saying(b""), tls=tls) as other:
        location = f"https://{other.netloc}/pscheduler/tasks"
        answer = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        error = run_both(pscheduler, HostileServer(saying(answer), tls=tls))

    assert f"a redirection to {location}, which is not followed" in error
    assert other.connections == 0


@pytest.mark.parametrize("name", ["closes", "breaks off", "speaks mail", "is a bomb", "resets"])
def test_a_server_that_turns_bad_once_it_has_the_task_is_given_up(name, pscheduler, tls):
    """It is asked again for as long as an outage may last, then the task has failed, and its URL is known."""
    answer, words = hostile.BAD_ANSWERS[name]

    def take_task_then(connection):
        if not connection.request.startswith(b"POST "):
            answer(connection)
            return
        href = f'"https://{server.netloc}/pscheduler/tasks/1"'
        connection.send(hostile.HEAD + b"\r\n" + href.encode())

    server = HostileServer(take_task_then, tls=tls)
    error = run_both(pscheduler, server, limit=20.0)

    assert error.startswith("waiting for the first run: ")
    assert words in error
    assert server.connections < 100


@pytest.mark.parametrize("name", hostile.BAD_HANDSHAKES)
def test_where_no_tls_comes_about_the_other_job_is_not_disturbed(name, pscheduler):
    """The task has not been sent, and the message does not say so of the other."""
    answer, words = hostile.BAD_HANDSHAKES[name]
    error = run_both(pscheduler, HostileServer(answer, raw=True))

    assert error.startswith("posting the task: cannot reach https://127.0.0.1:")
    assert words in error


class TestTheCommand:
    """The same through the real command."""

    def run(self, pscheduler, there, server, *options):
        """Run the batch; give the error of the bad job."""
        with server:
            send_first_to(pscheduler, server)
            ended = run_batch(*there, *options, batch=BATCH)

        assert (ended.status, ended.stderr) == (3, "")
        return check(ended.document)

    @pytest.mark.parametrize("name", hostile.BAD_CERTIFICATES)
    def test_a_bad_certificate_is_refused_if_that_is_asked_for(self, name, pscheduler, there, authorities):
        """With what is wrong with it, and what can be done."""
        make, words = hostile.BAD_CERTIFICATES[name]
        server = HostileServer(saying(b""), tls=make())
        error = self.run(pscheduler, there, server, "--ca-file", str(authorities))

        assert words in error
        assert server.requests == []

    def test_plain_http_on_the_port_is_told_apart(self, pscheduler, there):
        """It is the most common of the wrong ports."""
        answer, words = hostile.BAD_HANDSHAKES["plain HTTP"]

        assert words in self.run(pscheduler, there, HostileServer(answer, raw=True))

    def test_a_web_server_that_is_no_pscheduler_is_quoted(self, pscheduler, there, tls):
        """A page with status 200 is no answer."""
        server = HostileServer(saying(hostile.HEAD + b"\r\n<h1>It works!</h1>"), tls=tls)

        assert "did not answer with JSON: It works!" in self.run(pscheduler, there, server)
