"""Runs that end long before their announced end, on the embedded server over real sockets."""

from __future__ import annotations

import ssl
import threading
import time
from datetime import timedelta

import httpx
import pytest

from pscheduler_batch import BatchProcessor
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.events import POSTED, IterationMoved
from pscheduler_batch.scheduler.waiting import WaitLimits
from tests.support.commands import wait_for
from tests.support.embedded_bench import TESTS, nap_task

PATIENCE = WaitLimits(
    first_look=timedelta(seconds=0.4), look=timedelta(seconds=0.5), look_pause=timedelta(seconds=0.05)
)
FAILING = nap_task("PT1M", spec={"ends": "PT0.1S", "fail": "connection refused"})
IDLE = {"test": {"type": "idle", "spec": {"duration": "PT1M"}}}


@pytest.fixture
def server():
    """A server with a test that fails early."""
    with EmbeddedServer(pace=Pace(0.02, 0.03, 0.01), tests={**TESTS, "idle": IdleTest()}) as running:
        yield running


def run_batch(server, task, *, iterations=1, watch=None):
    """Run a batch of one job; return its results and how long it took."""
    batch = {"jobs": [{"label": "early", "task": task, "iterations": iterations}]}
    processor = BatchProcessor(batch, assist=server.netloc, lead=server.netloc, patience=PATIENCE)
    begin = time.monotonic()
    document = processor(watch=watch)
    return document["jobs"][0]["results"], time.monotonic() - begin


def test_three_failures_in_a_row_are_noticed_long_before_their_announced_end(server):
    """Each is announced to take a minute."""
    results, seconds = run_batch(server, FAILING, iterations=3)

    assert [result["runs"][0]["run"]["state"] for result in results] == ["failed"] * 3
    assert seconds < 30


@pytest.mark.parametrize("task", [nap_task("PT1M"), IDLE], ids=["unknown length", "known length"])
def test_a_run_that_another_client_cancels_is_noticed(server, task):
    """While it is running."""

    def cancel():
        (posted,) = server.state.tasks.values()
        wait_for(lambda: [run.state for run in posted.runs] == ["running"])
        httpx.delete(f"{server.url}/tasks/{posted.id}", verify=ssl.create_default_context(cafile=server.ca_file))

    timer = threading.Timer(1, cancel)

    def watch(event):
        if isinstance(event, IterationMoved) and event.state == POSTED:
            timer.start()

    (result,), seconds = run_batch(server, task, watch=watch)
    timer.join()

    assert result["runs"][0]["run"]["state"] == "canceled"
    assert seconds < 30
