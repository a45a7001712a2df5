"""The resources of a batch with the real command, on a server that takes no time (ADR 42)."""

from __future__ import annotations

import pytest

from benchmarks.batches import runs_batch
from benchmarks.cases.reports import FORMATS, report_command
from benchmarks.cases.runs import run_batch
from benchmarks.measuring import run_program
from benchmarks.outputs import write_output
from benchmarks.server import Setting
from benchmarks.serving import serving

RUNS = 200
RESULT_BYTES = 60_000
MEGABYTES = 150.0
THREADS = 4
CONNECTIONS = 8
HOSTS = 40
FILES = 100
# Reading the JSON as a whole takes 75 MB.
SAVED_RUNS = 5_000
REPORT_MEGABYTES = 60.0
# Some megabytes of the page are put together in memory.
PAGE_MEGABYTES = 120.0


@pytest.fixture(scope="module")
def done():
    """A batch of parallel iterations whose results would take 400 MB in memory."""
    with serving(Setting(keep=True, result_bytes=RESULT_BYTES)) as server:
        return run_batch(server, runs_batch(server.hosts, RUNS, parallel=True), RUNS, watch=True)


def test_the_size_of_results_does_not_decide_how_much_memory_there_must_be(done):
    """Results are on disk until they are written."""

    assert done.taken.megabytes < MEGABYTES


def test_the_number_of_iterations_does_not_decide_how_many_threads_and_connections_there_are(done):
    """Neither threads nor connections grow with the number of iterations (ADR 20)."""

    assert 0 < done.taken.threads <= THREADS
    assert 0 < done.counted.open_at_once <= CONNECTIONS


def test_the_number_of_hosts_does_not_decide_whether_results_come_out():
    """Hosts keep connections open, and together these would exceed the limit."""
    with serving(Setting(hosts=HOSTS, keep=True)) as server:
        batch = runs_batch(server.hosts, 4 * HOSTS, parallel=True)
        done = run_batch(server, batch, 4 * HOSTS, files=FILES)

    assert done.counted.kinds["text/plain"] == 4 * HOSTS


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_the_size_of_an_output_does_not_decide_how_much_memory_a_report_takes(form, tmp_path):
    """It is read in a stream (ADR 57)."""
    output = tmp_path / "output.json"
    write_output(output, SAVED_RUNS)

    made = run_program(report_command(form, output, tmp_path / "report"), watch=True)

    assert made.megabytes < (PAGE_MEGABYTES if form == "html" else REPORT_MEGABYTES)
