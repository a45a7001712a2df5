"""The embedded server with the plug-ins of a class folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pscheduler_batch.embedded.classes.class_folder import load_classes
from pscheduler_batch.embedded.server import EmbeddedServer
from tests.acceptance.test_batch_server import COMMAND
from tests.support.class_folders import PATIENT, SampleClasses
from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task, wait_for
from tests.support.server_clients import ServerClient

LITTLE = ["LC_CTYPE", "PATH"]  # Python adds the first one.


class ServerProcess:
    """
    The command with a class folder, as a context manager.

    Attributes:
        stderr: What it wrote to its standard error, when it has ended.
    """

    def __init__(self, classes):
        self.stderr = ""
        self._process = subprocess.Popen(
            [*COMMAND, "--classes", str(classes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(PYTHONUNBUFFERED="1"),
        )

    def __enter__(self):
        """Return the server."""
        return self

    def __exit__(self, *_):
        """Terminate it."""
        self._process.terminate()
        _, self.stderr = self._process.communicate(timeout=TIME_LIMIT)

    def run_batch(self, *jobs):
        """Run a batch on it."""
        host = re.fullmatch(r"https://(.*)/pscheduler\n", self._process.stdout.readline()).group(1)
        return run_batch("--assist", host, "--lead", host, batch={"jobs": list(jobs)})


@pytest.fixture
def classes(tmp_path):
    """A class folder with one test and one tool."""
    return SampleClasses(tmp_path / "classes")


@pytest.fixture
def start(classes):
    """Start a server with that class folder, and return a client."""
    clients = []

    def started(**limits):
        folder = load_classes(classes.path, time_limits={**PATIENT, **limits})
        assert folder.problems == []
        server = EmbeddedServer(keep_alive=True, classes=folder)
        server.start()
        clients.append(ServerClient(server))
        return clients[-1]

    yield started
    for client in clients:
        client.close()
        client.server.stop()


def test_plug_ins_are_listed_with_their_own_descriptions(start):
    """They stand among the built-in ones."""
    client = start()
    tests, tools = client.get("tests").json(), client.get("tools").json()

    assert [f"{client.server.url}/{path}" in urls for path, urls in (("tests/sample", tests), ("tests/rtt", tests))]
    assert f"{client.server.url}/tools/sampler" in tools
    assert client.get("tests/sample").json()["maintainer"] == {"name": "Nobody"}
    assert client.get("tests/sample/tools", expanded="true").json()[0]["description"] == "The tool sampler"
    assert client.get("tools/sampler").json()["tests"] == ["sample"]


def test_the_web_server_asks_the_test(start):
    """Specifications, arguments and participants go through its methods, and their errors to the client."""
    client = start()
    path = "tests/sample"

    assert client.get(f"{path}/spec/is-valid", spec="{}").json() == {"valid": True}
    assert client.get(f"{path}/spec/is-valid", spec='{"invalid": "too red"}').json()["error"] == "too red"
    assert client.get(f"{path}/spec/is-valid", spec='{"fails": ["spec-is-valid"]}').status_code == 500
    assert client.get(f"{path}/participants", spec="{}").json()["null-reason"] == "No host specified"
    assert client.get(f"{path}/participants", spec='{"participants": ["a.example"]}').json()["participants"] == [
        "a.example"
    ]
    assert (
        client.get(f"{path}/participants", spec='{"fails": ["participants"]}').text == "participants does not work\n\n"
    )
    assert client.get(f"{path}/spec", args='["--duration", "PT1S"]').json() == {"duration": "PT1S"}
    assert client.get(f"{path}/spec", args='["--help"]').text == "Options of sample\n\n"


def test_a_run_gets_what_the_contract_says(start, tmp_path):
    """Its input, its environment and its directory are those of a real server, and its files are removed."""
    client = start()
    run = client.run("sample", notes=str(tmp_path / "notes"), duration="PT20S")
    merged = run["result-merged"]
    task = client.get(run["task-href"], detail="true").json()
    given = merged["input"]

    assert (run["state"], run["errors"], task["tool"]) == ("finished", None, "sampler")
    assert sorted(given) == ["participant", "participant-data", "schedule", "schema", "task-uuid", "test"]
    assert given["task-uuid"] == run["task-href"].rsplit("/", 1)[1]
    assert given["schedule"] == {"start": run["start-time"], "duration": "PT20S"}
    assert given["test"] == task["test"]
    assert given["participant-data"] == [run["participant-data"]]
    assert run["participant-data"]["input"] == {"test": task["test"], "participant": 0}
    assert run["participant-data"]["environment"] == LITTLE
    assert task["detail"]["cli"] == ["--environment", ",".join(LITTLE)]
    assert {"HOME", "PATH", "PSCHEDULER_LOCALHOST", "PWD", "TMPDIR"} <= set(merged["environment"])
    assert not {"BETA", "PYTEST_CURRENT_TEST"} & set(merged["environment"])
    assert merged["directory"] == "/"
    assert not Path(tmp_path.joinpath("notes").read_text().split()[2]).exists()


def test_a_result_is_the_plug_ins_own(start):
    """The server does not sign what it has not measured."""
    client = start()
    href = client.run("sample")["result-href"]

    assert "measured-by" not in client.get(href).json()
    assert client.get(href, format="text/plain").text == "text/plain: by sampler\n"
    assert client.get(href, format="text/html").text == "text/html: by sampler\n"


@pytest.mark.parametrize(
    ("spec", "status", "words"),
    [
        ({"invalid": "too red"}, 400, "Invalid test specification: too red\n"),
        ({"fails": ["spec-is-valid"]}, 500, "Unable to validate test spec: spec-is-valid does not work\n\n"),
        ({"fails": ["participants"]}, 500, "Unable to determine participants: participants does not work\n\n"),
        ({"prints": {"participants": "{}"}}, 500, "test sample: participants returned no participants"),
        (
            {"declined": {"sampler": ["Too late.", "Too far."]}},
            422,
            "    sampler\n      - Too late.\n      - Too far.\n",
        ),
        ({"fails": ["can-run"]}, 422, "      - Failed can-run; see system logs.\n"),
        ({"prints": {"can-run": "yes"}}, 422, "      - Failed can-run; see system logs.\n"),
        ({"fails": ["spec-to-cli"]}, 500, "Internal problem; see system logs.\n"),
        ({"fails": ["duration"]}, 500, "Internal problem; see system logs.\n"),
        ({"prints": {"duration": '{"duration": "soon"}'}}, 500, "Internal problem; see system logs.\n"),
        ({"participants": [None, "b.example"]}, 500, "Error getting tools from b.example: "),
    ],
)
def test_a_task_is_refused_where_a_method_says_so(start, spec, status, words):
    """The status and the words are those of a real server."""
    reply = start().post("sample", **spec)

    assert reply.status_code == status
    assert words in reply.text


def test_methods_have_time_limits(start):
    """A tool that thinks for too long cannot run the test."""
    reply = start(**{"can-run": 0.5}).post("sample", hangs=["can-run"])

    assert reply.status_code == 422
    assert "Failed can-run" in reply.text


def test_the_preferred_tool_that_can_runs_the_test(classes, start):
    """A task may ask for others."""
    classes.add_tool("better", preference=5)
    classes.add_tool("best", preference=9)
    client = start()
    task = {"test": {"type": "sample", "spec": {}}, "schedule": {}, "tools": ["nosuch", "sampler", "best"]}
    asked = client.get(client.post_task(task).json()).json()

    assert client.run("sample", declined={"best": ["Tired."]})["result-merged"]["with"] == "better"
    assert asked["tool"] == "sampler"
    assert client.post_task({**task, "tools": ["nosuch"]}).text.count("\n    ") == 3


def test_tools_answer_before_a_task_is_posted(classes, start):
    """``GET /tools`` asks each of them."""
    classes.add_tool("better", preference=5)
    test = '{"type": "sample", "spec": {"declined": {"better": ["Tired."]}}}'
    answers = start().get("tools", test=test, api=6).json()

    assert [(each["tool"]["name"], each["can-run"]) for each in answers] == [
        ("better", {"can-run": False, "reasons": ["Tired."]}),
        ("sampler", {"can-run": True}),
    ]


def test_a_plug_in_replaces_and_complements_what_is_built_in(classes, start):
    """A test of the folder replaces a built-in one; a tool of the folder may run a built-in test."""
    classes.add_test("idle")
    classes.add_tool("lazy", tests=["idle", "noop"], preference=1)
    client = start()

    assert client.get("tests/idle").json()["description"] == "The test idle"
    assert client.get("tests/idle/tools").json() == [f"{client.server.url}/tools/lazy"]
    assert "idle" not in client.get("tools/sleep").json()["tests"]
    assert client.run("idle")["result-merged"]["with"] == "lazy"
    assert client.get(client.post("noop").json()).json()["tool"] == "lazy"


@pytest.mark.parametrize(
    ("spec", "error", "errors"),
    [
        ({"fails": ["run"]}, "Tool failed: run does not work\n", "run does not work\n"),
        ({"prints": {"run": "done"}}, "Tool sampler returned invalid JSON", None),
        (
            {"hangs": ["run"], "duration": "PT0S"},
            "Tool failed: Process took too long to run.",
            "Process took too long to run.",
        ),
    ],
)
def test_a_tool_that_fails_is_a_failed_run(start, spec, error, errors):
    """Its report has no result, which the tool has to merge even so."""
    client = start()
    run = client.run("sample", **spec)

    assert (run["state"], run["errors"], run["result-merged"]) == ("failed", errors, {"succeeded": False})
    assert [report["error"] for report in run["result-full"]] == [error]
    assert client.get(run["result-href"], format="text/plain").text == "Run failed.\n"


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"fails": ["merged-results"]}, "Tool sampler failed to merge results: merged-results does not work\n"),
        ({"prints": {"merged-results": "null"}}, "Tool sampler merged-results returned invalid JSON"),
    ],
)
def test_results_that_cannot_be_merged_are_a_failed_run(start, spec, error):
    """The result of the participant is there all the same."""
    run = start().run("sample", **spec)

    assert (run["state"], run["result-merged"]["error"]) == ("failed", error)
    assert run["result-full"][0]["succeeded"] is True


def test_a_result_that_cannot_be_formatted_is_an_error(start):
    """The client gets the words of the plug-in."""
    client = start()
    href = client.run("sample", fails=["result-format"])["result-href"]
    reply = client.get(href, format="text/plain")

    assert (reply.status_code, reply.text) == (500, "Failed to format result: result-format does not work\n\n")


def test_a_run_without_participant_data_never_starts(start):
    """It says why."""
    client = start()
    run = client.get(f"{client.post('sample', fails=['participant-data']).json()}/runs/first").json()

    assert (run["state"], run["errors"]) == (
        "nonstart",
        "Unable to get participant data: participant-data does not work",
    )


def test_several_results_are_runs_of_their_own(classes, start):
    """Each is there as soon as the tool has printed it; the run itself has none."""
    classes.add_test("samples", **{"scheduling-class": "background-multi"})
    classes.add_tool("counter", tests=["samples"])
    client = start()
    task = client.post("samples", results=3, seconds=600, duration="PT15M").json()

    def runs():
        return [client.get(url).json() for url in client.get(f"{task}/runs").json()]

    wait_for(lambda: len(runs()) == 4)
    results = [run["result-merged"] for run in runs() if run["result-merged"] is not None]

    assert [result["number"] for result in results] == [0, 1, 2]
    assert {run["state"] for run in runs()} == {"finished", "running"}


def test_a_canceled_run_continues_unless_it_ends_itself(start, tmp_path):
    """The runner of pScheduler does not end it either, so a plug-in has to notice."""
    client = start()
    notes = tmp_path / "notes"
    task = client.post("sample", notes=str(notes), seconds=1, duration="PT10M").json()
    wait_for(notes.exists)
    client.cancel(task)
    wait_for(lambda: "done" in notes.read_text())
    run = client.get(f"{task}/runs/first").json()

    assert (run["state"], run["result-merged"]) == ("canceled", None)
    wait_for(lambda: not Path(notes.read_text().split()[2]).exists())


def test_no_process_outlives_the_server(start, tmp_path):
    """It is terminated first, so that it can clean up."""
    client = start()
    notes = tmp_path / "notes"
    client.post("sample", notes=str(notes), seconds=600, duration="PT15M")
    wait_for(lambda: notes.exists() and notes.read_text().endswith("\n"))
    client.server.stop()

    assert notes.read_text().splitlines()[-1] == "terminated"
    assert not Path(notes.read_text().split()[2]).exists()


def test_the_command_offers_them_to_batches(classes):
    """It warns of plug-ins that are not right, and a batch runs the others."""
    classes.add_tool("bad", version="new")
    with ServerProcess(classes.path) as server:
        ended = server.run_batch(job(task=task("sample", duration="PT1S"), iterations=3))
    stderr = server.stderr

    assert ended.status == 0
    assert [result["runs"][0]["text/plain"] for result in ended.results[0]] == ["text/plain: by sampler\n"] * 3
    assert stderr.startswith(f"pscheduler batch-server: warning: {classes.path}/tool/bad: not offered, ")
    assert len(stderr.splitlines()) == 1


def test_the_command_offers_what_another_one_installs(tmp_path):
    """So a batch can be tried as a task without pScheduler."""
    classes, permission = tmp_path / "classes", tmp_path / "permission.json"
    classes.mkdir()
    permission.write_text('{"enabled": true, "tests": ["noop"]}')
    install = [sys.executable, "-c", "from pscheduler_batch.cli.batch_plugins import batch_plugins; batch_plugins()"]
    subprocess.run(
        [*install, "install", "--classes", str(classes), "--config", str(permission)],
        capture_output=True,
        timeout=TIME_LIMIT,
        check=True,
    )
    with ServerProcess(classes) as server:
        ended = server.run_batch(job(task=task("batch", batch={"jobs": [job("inner")]})))

    assert ended.status == 0
    assert "1 run: 1 succeeded, 0 failed" in ended.results[0][0]["runs"][0]["text/plain"]


def test_a_directory_that_is_no_class_folder_is_refused(tmp_path):
    """One line says so."""
    command = [*COMMAND, "--classes", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"pscheduler batch-server: error: {tmp_path}: "
        "not a directory of classes: it has no plug-ins in test/ or tool/\n"
    )
