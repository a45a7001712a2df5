"""
Batches in batches: from the command to a server, from there to our plug-ins, and from them to the server again.

The client learns that such a run has ended early when it looks at it, ten seconds after its start, so these tests take
long.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from pscheduler_batch.embedded.classes.class_folder import TIME_LIMITS, load_classes
from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.plugins.nested_run import NESTED
from tests.support.commands import TIME_LIMIT, job, run_batch, task, wait_for
from tests.support.interruption_points import HOUR, left
from tests.support.methods import InstalledClasses
from tests.support.running_command import RunningCommand

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def classes(tmp_path):
    """The class folder of a host."""
    return InstalledClasses(tmp_path)


@pytest.fixture
def server(classes):
    """A server with our plug-ins, which may be as slow as they like."""
    folder = load_classes(classes.path, time_limits=dict.fromkeys(TIME_LIMITS, TIME_LIMIT))
    assert folder.problems == []
    with EmbeddedServer(pace=Pace(scheduling=0.02, setup=0.03, cleanup=0.01), classes=folder) as server:
        yield server


@pytest.fixture
def there(server):
    """The options that send everything to that server."""
    return ("--assist", server.netloc, "--lead", server.netloc)


def batch_task(*jobs, **spec):
    """Make a task that is a batch."""
    return task("batch", batch={"schema": 1, "jobs": list(jobs)}, **spec)


def result_of(ended, number=0, iteration=0):
    """Return the result of a run."""
    (run,) = ended.results[number][iteration]["runs"]
    return run["application/json"]


def test_a_batch_runs_a_batch_that_runs_a_batch(there, server):
    """The results of all of them are in the output of the first one."""
    innermost = batch_task(job("innermost", iterations=2), duration="PT1M")
    ended = run_batch(
        *there, batch={"jobs": [job("middle", task=batch_task(job("inner"), job("nested", task=innermost)))]}
    )
    middle = result_of(ended)
    inner, nested = (each["results"] for each in middle["batch"]["jobs"])
    (run,) = nested[0]["runs"]

    assert (ended.status, middle["succeeded"]) == (0, True)
    assert inner[0]["runs"][0]["application/json"]["succeeded"] is True
    assert [len(each["results"]) for each in run["application/json"]["batch"]["jobs"]] == [2]
    assert "2 runs: 2 succeeded, 0 failed" in ended.results[0][0]["runs"][0]["text/plain"]
    assert "<table>" in ended.results[0][0]["runs"][0]["text/html"]
    assert left(server) == 0
    # The two of the innermost one say that they are two levels deep, and whose they are.
    marks = [item.document.get("reference", {}).get(NESTED, {}) for item in server.state.tasks.values()]
    assert sorted(mark.get("level", 0) for mark in marks) == [0, 1, 1, 2, 2]


def test_a_batch_any_deeper_is_refused_before_anything_of_it_is_posted(there, server):
    """The reason reaches the output of the first one."""
    third = batch_task(job("third"), duration="PT1M")
    second = batch_task(job("second", task=third), duration="PT1M")
    ended = run_batch(
        *there, batch={"jobs": [job("first", task=batch_task(job("outer", task=second), duration="PT2M"))]}
    )

    assert (ended.status, result_of(ended)["succeeded"]) == (3, False)
    assert "batches can be nested only once" in json.dumps(result_of(ended))
    assert len(server.state.tasks) == 2


def test_the_documents_batches_run_as_tasks(there, server, classes):
    """They are as in the examples, in one batch."""
    classes.allow(tests=["*"])
    batches = [json.loads(path.read_text()) for path in sorted(EXAMPLES.glob("document-*.json"))]
    tasks = [task("batch", batch=batch) for batch in batches]
    ended = run_batch(*there, batch={"jobs": [job(task=tasks, parallel=True, sync_start=False)]})
    results = [result_of(ended, iteration=number) for number in range(len(tasks))]

    assert len(batches) == 2
    assert (ended.status, [result["succeeded"] for result in results]) == (0, [True, True])
    assert sorted(len(result["batch"]["jobs"][0]["results"]) for result in results) == [2, 5]
    assert left(server) == 0


def test_a_batch_that_is_interrupted_cancels_the_batches_in_it(there, server):
    """They see that their tasks are gone, and cancel their own."""
    with RunningCommand(*there, batch={"jobs": [job("outer", task=batch_task(job("inner", task=HOUR)))]}) as running:
        wait_for(lambda: left(server) == 2)
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.status == 130
    wait_for(lambda: left(server) == 0)
