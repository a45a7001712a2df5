"""The batch processor in a Python program, against the embedded server over real sockets."""

from __future__ import annotations

import asyncio
import copy
import subprocess
import sys

import pytest

from pscheduler_batch import AsyncBatchProcessor, BatchProcessor, EndedError
from tests.support.commands import TIME_LIMIT, environment, job, task, wait_for

# The program of the document ("Invocation from Python"), with hosts.
PROGRAM = """
import pscheduler.batchprocessor
import sys

batch = {"jobs": [{"label": "printed", "task": {"test": {"type": "noop", "spec": {"data": 7}}}}]}

def debug(message):
    print(message, file=sys.stderr)

processor = pscheduler.batchprocessor.BatchProcessor(batch, sys.argv[1], None, sys.argv[1])
for _ in range(2):
    result = processor(debug=debug)
    print(result["jobs"][0]["results"][0]["runs"][0]["application/json"]["data"])
"""

BATCH = {
    "#": "comment",
    "jobs": [job(iterations=2, task=task(data=1), task_transform={"script": ".test.spec.data = $iteration"})],
}


def data_of(document):
    """List what the noop tests handed back."""
    return [run["application/json"]["data"] for result in document["jobs"][0]["results"] for run in result["runs"]]


@pytest.fixture
def hosts(pscheduler):
    """The arguments that send everything to the server."""
    return {"assist": pscheduler.netloc, "lead": pscheduler.netloc}


def test_the_program_of_the_document_runs_as_printed(pscheduler):
    """Under pScheduler's name, twice with one processor, without ``BETA``."""
    environ = {**environment(BETA=""), "PYTHONPATH": "plugins:."}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, pscheduler.netloc],
        capture_output=True,
        text=True,
        env=environ,
        timeout=TIME_LIMIT,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "7\n7\n"), done.stderr
    assert "printed/0: posted as https://" in done.stderr


def test_one_processor_can_be_called_many_times(hosts):
    """Each time gives new results, and the batch that was given stays as it was."""
    before = copy.deepcopy(BATCH)
    processor = BatchProcessor(BATCH, **hosts)

    documents = [processor(), processor()]

    assert [data_of(document) for document in documents] == [[0, 1], [0, 1]]
    assert before == BATCH


def test_it_runs_inside_a_running_loop(hosts):
    """As in a notebook."""

    async def program():
        return BatchProcessor(BATCH, **hosts)()

    assert data_of(asyncio.run(program())) == [0, 1]


def test_the_asynchronous_twin_does_the_same(hosts):
    """Two batches can run at once."""

    async def program():
        processor = AsyncBatchProcessor(BATCH, **hosts)
        return await asyncio.gather(processor(), processor())

    assert [data_of(document) for document in asyncio.run(program())] == [[0, 1], [0, 1]]


def test_certificates_are_checked_if_asked_for(hosts, pscheduler):
    """Against the authority of the embedded server."""
    document = BatchProcessor(BATCH, **hosts, ca_file=str(pscheduler.ca_file))()

    assert data_of(document) == [0, 1]


def test_a_continue_if_that_fails_raises_with_all_results(hosts):
    """What was obtained is in the error (ADR 16)."""
    batch = {"schema": 2, "jobs": [job(task=task(data=1), continue_if={"script": "1"})]}

    with pytest.raises(EndedError, match="/jobs/0/continue-if") as caught:
        BatchProcessor(batch, **hosts)()

    assert data_of(caught.value.document) == [1]


def test_an_iteration_that_failed_raises_nothing(hosts):
    """It is a value beside the others."""
    document = BatchProcessor({"jobs": [job(task=task(fail=1.0))]}, **hosts)()

    (result,) = document["jobs"][0]["results"]
    assert (result["succeeded"], result["error"]) == (False, "Randomly-induced failure")


def test_debug_tells_no_secret(hosts):
    """Nor does it leave out what happens."""
    told = []
    BatchProcessor({"jobs": [job(task=task(data={"_key": "t0psecret"}))]}, **hosts)(debug=told.append)

    assert any(line.startswith("noop/0: scheduled as ") for line in told)
    assert "t0psecret" not in "\n".join(told)


LONG = {"test": {"type": "idle", "spec": {"duration": "PT10M"}}}


@pytest.fixture
def early_tasks(pscheduler):
    """The tasks on the server, none at first."""
    pscheduler.state.tasks.clear()
    return pscheduler.state.tasks


async def leave_early(results, tasks):
    """Read results until the second task is on the server."""
    async for result in results:
        assert result.label == "noop/0"
        await asyncio.to_thread(wait_for, lambda: len(tasks) == 2)
        break


def test_results_that_are_left_early_interrupt_the_batch(hosts, early_tasks):
    """The task that is under way is canceled, and the output has what was obtained."""

    async def program():
        async with AsyncBatchProcessor({"jobs": [job(task=[task(), LONG, LONG])]}, **hosts).results() as results:
            await leave_early(results, early_tasks)
        return [each.enabled for each in early_tasks.values()], results.document

    enabled, document = asyncio.run(program())

    assert enabled == [True, False]
    assert document["batch"]["error"] == "interrupted by the program"
    assert [result.get("error", "").partition(";")[0] for result in document["jobs"][0]["results"]] == [
        "",
        "interrupted by the program before it was done",
        "interrupted by the program before it was submitted",
    ]


def test_results_that_are_dropped_interrupt_the_batch(hosts, early_tasks):
    """Without ``async with`` as well, while the event loop runs."""

    async def program():
        await leave_early(AsyncBatchProcessor({"jobs": [job(task=[task(), LONG])]}, **hosts).results(), early_tasks)
        await asyncio.to_thread(wait_for, lambda: not all(each.enabled for each in early_tasks.values()))

    asyncio.run(program())

    assert [each.enabled for each in early_tasks.values()] == [True, False]


def test_results_come_while_the_batch_runs(hosts):
    """Of parallel iterations, the shortest first, each with its metrics and its place in the output."""
    tasks = [{"test": {"type": "idle", "spec": {"duration": duration}}} for duration in ("PT3S", "PT0.1S")]

    async def program():
        batch = {"jobs": [job(task=tasks, parallel=True, sync_start=False, label="sleep")]}
        results = AsyncBatchProcessor(batch, **hosts).results()
        found = [(result.label, result.document()) async for result in results]
        return found, results.document

    found, document = asyncio.run(program())

    assert [label for label, _ in found] == ["sleep/1", "sleep/0"]
    assert [each for _, each in reversed(found)] == document["jobs"][0]["results"]
