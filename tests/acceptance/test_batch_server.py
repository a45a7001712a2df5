"""The ``batch-server`` command: the embedded server on its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.support.commands import TIME_LIMIT, environment, job, run_batch

COMMAND = [sys.executable, "-c", "from pscheduler_batch.cli.batch_server import batch_server; batch_server()"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_batches_until_it_is_ended(number):
    """Its URL is the first line of the standard output; being ended is no failure."""
    with subprocess.Popen(
        COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(PYTHONUNBUFFERED="1")
    ) as process:
        match = re.fullmatch(r"https://(127\.0\.0\.1:\d+)/pscheduler\n", process.stdout.readline())
        ended = run_batch("--assist", match.group(1), "--lead", match.group(1), batch={"jobs": [job()]})
        process.send_signal(number)
        _, stderr = process.communicate(timeout=TIME_LIMIT)

    assert (ended.status, process.returncode, stderr) == (0, 0, "")


@pytest.mark.parametrize("address", ["192.0.2.1", "0.0.0.0"])  # noqa: S104 - to be refused
def test_an_address_that_is_not_of_loopback_is_refused(address):
    """Only this machine may have measurements made here; one line says so."""
    done = subprocess.run(
        [*COMMAND, "--host", address], capture_output=True, text=True, timeout=TIME_LIMIT, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "loopback" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no file that is always full")
def test_a_url_that_cannot_be_printed_ends_it():
    """With the reason, not a traceback."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIME_LIMIT, check=False)

    assert done.returncode == 1
    assert done.stderr.endswith("cannot write the text to the standard output: No space left on device\n")
    assert len(done.stderr.splitlines()) == 1
