"""Batches as tasks: the methods as processes, as pScheduler starts them, and the tasks on a server of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict

import httpx
import pytest

from pscheduler_batch.embedded.pace import Pace
from pscheduler_batch.embedded.server import EmbeddedServer
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.embedded.tests.noop import NoopTest
from pscheduler_batch.iso8601 import format_timestamp
from pscheduler_batch.plugins.nested_run import NESTED
from tests.support.commands import TIME_LIMIT, job, task, wait_for
from tests.support.interruption_points import HOUR, left
from tests.support.methods import InstalledClasses

FAILING = task("noop", data="x", fail=1.0)


class Tool:
    """
    The class folder of a host, and the server that its batches go to.

    Attributes:
        server: The server.
    """

    def __init__(self, folder: Path, server: EmbeddedServer) -> None:
        self.server = server
        self._classes = InstalledClasses(folder)
        self.allow = self._classes.allow

    def start(self, method: str) -> subprocess.Popen:
        """Start a method in the environment of a server's ``run``."""
        return subprocess.Popen(
            [self._classes.path / method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "PSCHEDULER_LOCALHOST": self.server.netloc},
            cwd="/",
        )

    def call(self, method: str, value: Any, *arguments: str) -> str:
        """Call a method as an account that has nothing, and return what it prints."""
        ended = subprocess.run(
            [self._classes.path / method, *arguments],
            input=json.dumps(value),
            capture_output=True,
            text=True,
            env={},
            timeout=TIME_LIMIT,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    def run(self, batch: Dict[str, Any], duration: str = "PT1H", own: str = "") -> Run:
        """Start a run of a batch."""
        return Run(self.start("tool/batch-processor/run"), batch, duration, own or str(uuid.uuid4()))

    def merged(self, output: Dict[str, Any]) -> Dict[str, Any]:
        """Merge the output of a run."""
        return json.loads(self.call("tool/batch-processor/merged-results", {"test": {}, "results": [output]}))


class Run:
    """A run of a batch."""

    def __init__(self, process: subprocess.Popen, batch: Dict[str, Any], duration: str, own: str) -> None:
        self.process = process
        now = format_timestamp(datetime.now(timezone.utc))
        given = {
            "schema": 1,
            "task-uuid": own,
            "schedule": {"start": now, "duration": duration},
            "test": {"type": "batch", "spec": {"batch": batch}},
            "participant": 0,
            "participant-data": [{}],
        }
        process.stdin.write(json.dumps(given).encode())
        process.stdin.close()
        process.stdin = None

    def end(self) -> Dict[str, Any]:
        """Wait for its output."""
        stdout, stderr = self.process.communicate(timeout=TIME_LIMIT)
        assert (self.process.returncode, stderr) == (0, b"")
        return json.loads(stdout)


@pytest.fixture
def server():
    """A server of the test's own."""
    tests = {test.name: test for test in (IdleTest(), NoopTest())}
    with EmbeddedServer(tests=tests, pace=Pace(scheduling=0.02, setup=0.03, cleanup=0.01)) as server:
        yield server


@pytest.fixture
def tool(tmp_path, server):
    """The class folder of a host."""
    return Tool(tmp_path, server)


def batch_of(*jobs: Dict[str, Any]) -> Dict[str, Any]:
    """Make a batch."""
    return {"jobs": list(jobs)}


def test_a_batch_as_a_task_has_the_output_of_the_batch_as_its_result(tool):
    """Its tasks are marked with its own."""
    own = str(uuid.uuid4())
    output = tool.run(batch_of(job("a", iterations=2), job("b")), own=own).end()
    result = tool.merged(output)
    tasks = [each["task"] for each_job in result["batch"]["jobs"] for each in each_job["results"]]

    assert (output["succeeded"], result["succeeded"], result["schema"]) == (True, True, 1)
    assert [each["reference"][NESTED] for each in tasks] == [{"task": own, "level": 1}] * 3
    assert "3 runs: 3 succeeded, 0 failed" in tool.call("test/batch/result-format", {"result": result}, "text/plain")
    assert output["result"] == result


def test_a_batch_with_failing_runs_is_a_failed_run_with_all_of_its_output(tool):
    """The tool itself exits with 0, so that pScheduler keeps the output."""
    output = tool.run(batch_of(job("good"), job("bad", task=FAILING, iterations=2))).end()
    result = tool.merged(output)

    assert (output["succeeded"], result["succeeded"], result["error"]) == (False, False, "2 of 3 runs failed")
    assert [len(each["results"]) for each in result["batch"]["jobs"]] == [1, 2]
    assert "bad/0" in output["diags"]


def test_a_result_has_no_secrets(tool):
    """Everyone may read the results of a server, and archivers may send them anywhere."""
    secret = {"task": {"test": {"type": "noop", "spec": {}}, "reference": {"_token": "abracadabra"}}}
    moved = {"task-transform": {"script": ".reference.said = .reference._token | .reference[.reference.said] = 1"}}
    output = tool.run(batch_of({"label": "a", **secret}, {"label": "b", **secret, **moved})).end()
    tasks = [each["task"] for each_job in output["result"]["batch"]["jobs"] for each in each_job["results"]]

    assert "abracadabra" not in json.dumps(output)
    assert [each["reference"]["_token"] for each in tasks] == ["(hidden)", "(hidden)"]


def test_a_batch_that_takes_too_long_ends_by_itself_with_what_it_has(tool):
    """Less than half of 20 seconds is left for measuring; a busy machine needs some of that for the first job."""
    run = tool.run(batch_of(job("good"), job("long", task=HOUR, iterations=2)), duration="PT20S")
    output = run.end()

    assert output["succeeded"] is False
    assert (
        output["error"]
        == "the batch was stopped at the end of its time on the schedule; a longer duration in its spec gives it more"
    )
    good, long = (each["results"] for each in output["result"]["batch"]["jobs"])
    assert good[0]["runs"][0]["application/json"]["succeeded"] is True
    assert "stopped at the end of its time on the schedule before it was " in long[0]["error"]
    assert left(tool.server) == 0


@pytest.mark.parametrize(
    ("batch", "pairs", "words"),
    [
        (batch_of(job()), {"enabled": False}, "batches are not enabled on this host"),
        (batch_of(job()), {"tests": ["idle"]}, 'test "noop" is not allowed'),
        (batch_of(job(iterations=3)), {"max-iterations": 2}, "3 iterations, at most 2 are allowed"),
        (batch_of(job()), {"max-duration": "PT1M"}, "the batch takes PT1H, at most PT1M is allowed"),
        (batch_of({"task": 7}), {}, "/jobs/0/task"),
    ],
)
def test_a_run_is_refused_by_what_can_run_should_have_refused(tool, batch, pairs, words):
    """The permission may have changed since, and nothing is posted."""
    tool.allow(**pairs)
    output = tool.run(batch).end()

    assert output["succeeded"] is False
    assert words in output["error"]
    assert not tool.server.state.tasks
    assert tool.merged(output)["error"] == output["error"]


def test_a_batch_whose_tool_is_killed_cancels_its_tasks(tool):
    """PScheduler kills its tools when it is stopped."""
    run = tool.run(batch_of(job("long", parallel=True, iterations=3, task=HOUR)))
    wait_for(lambda: left(tool.server) == 3)
    run.process.kill()
    run.process.communicate(timeout=TIME_LIMIT)

    wait_for(lambda: left(tool.server) == 0)


def test_a_batch_whose_tool_is_terminated_still_gives_its_output(tool):
    """If there is time for it, as there is at the end of the time of a run."""
    run = tool.run(batch_of(job("good"), job("long", task=HOUR)))
    wait_for(lambda: left(tool.server) == 1 and len(tool.server.state.tasks) == 2)
    run.process.send_signal(signal.SIGTERM)
    output = run.end()

    assert output["error"] == "the batch was stopped by pScheduler"
    assert output["result"]["batch"]["jobs"][0]["results"][0]["runs"]
    assert left(tool.server) == 0


def test_the_start_of_the_schedule_is_waited_for(tool):
    """PScheduler starts a tool some seconds before."""
    start = datetime.now(timezone.utc) + timedelta(seconds=1.5)
    given = {
        "task-uuid": str(uuid.uuid4()),
        "schedule": {"start": format_timestamp(start), "duration": "PT1H"},
        "test": {"type": "batch", "spec": {"batch": batch_of(job())}},
    }
    process = tool.start("tool/batch-processor/run")
    stdout, _ = process.communicate(json.dumps(given).encode(), timeout=TIME_LIMIT)

    assert datetime.fromisoformat(json.loads(stdout)["result"]["batch"]["batch"]["start"]) >= start


def test_a_batch_in_a_batch_is_marked_and_one_in_that_is_refused(tool):
    """What decides is the task of the run on the server of its host."""
    inner = task("batch", batch=batch_of(job()), duration="PT1M")
    mark = {"reference": {NESTED: {"task": "x", "level": 1}}}
    first, second = post(tool.server, HOUR), post(tool.server, {**HOUR, **mark})
    allowed, refused = (tool.run(batch_of(job("inner", task=inner)), own=own).end() for own in (first, second))

    # This server does not have the test.
    assert allowed["error"] == "1 of 1 run failed"
    assert "this batch is in a batch, and contains another one; batches can be nested only once" in refused["error"]


def test_a_batch_of_the_documents_examples_is_valid_and_gets_a_time(tool):
    """As tasks, they need nothing that a file does not have."""
    tool.allow(tests=["*"])
    for path in sorted(Path(__file__).parents[2].joinpath("examples").glob("document-*.json")):
        spec = {"batch": json.loads(path.read_text())}
        assert json.loads(tool.call("test/batch/spec-is-valid", spec)) == {"valid": True}
        test = {"type": "batch", "spec": spec}
        assert json.loads(tool.call("tool/batch-processor/can-run", test)) == {"can-run": True}
        assert json.loads(tool.call("tool/batch-processor/duration", test))["duration"].startswith("PT")


def test_a_large_result_is_merged_in_time(tool):
    """PScheduler gives five seconds for it; here, only that it is complete counts."""
    run = {"application/json": {"succeeded": True, "packets": ["x" * 1000] * 100}}
    document = {"jobs": [{"results": [{"task": {}, "runs": [run] * 100}]}]}
    output = {"succeeded": True, "result": {"schema": 1, "succeeded": True, "batch": document}}

    assert tool.merged(output) == output["result"]


def post(server: EmbeddedServer, given: Dict[str, Any]) -> str:
    """Post a task of a user, and return its UUID."""
    with httpx.Client(verify=False) as client:  # noqa: S501 - on loopback
        href = client.post(f"{server.url}/tasks", json={"schema": 1, "schedule": {}, **given}).raise_for_status().json()
    return str(href).rsplit("/", 1)[-1]
