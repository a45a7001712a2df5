"""The ``batch-new`` command."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pscheduler_batch.embedded.server import EmbeddedServer
from tests.support.commands import TIME_LIMIT, environment, run_batch
from tests.support.psconfig import ROOT, TEMPLATE

LOOPBACKS = "127.0.0.1\n127.0.0.2\n127.0.0.3\n"
QUICK = ("rtt", "--count", "2", "--interval", "PT0.02S", "--timeout", "PT0.2S")
USAGE = 2


def new(*arguments, given=b"", **changes):
    """Run the command; return its status and what it wrote to its two outputs."""
    done = subprocess.run(
        [sys.executable, "-c", "from pscheduler_commands import batch_new; batch_new()", *map(str, arguments)],
        input=given,
        capture_output=True,
        env=environment(BETA="", **changes),
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(name="hosts")
def list_of_hosts(tmp_path):
    """A file of three addresses of this machine."""
    file = tmp_path / "hosts.txt"
    file.write_text(LOOPBACKS)
    return file


def test_a_mesh_is_made_checked_measured_and_reported(hosts, tmp_path):
    """Three addresses, an expectation and a report in three commands."""
    batch, output, page = (tmp_path / name for name in ("mesh.json", "results.json", "mesh.html"))

    assert new("--mesh", hosts, "-o", batch, "--", *QUICK) == (0, "", "")
    checked = run_batch("--check", str(batch), BETA="")
    ended = run_batch(
        "--embedded", "--expect", "rtt: loss = 0", "-o", str(output), "--report", str(page), str(batch), BETA=""
    )

    assert checked.stdout == f"{batch}: 1 job, 6 iterations: no errors\n"
    assert (ended.status, checked.stderr) == (0, "")
    assert [len(job["results"]) for job in json.loads(output.read_text())["jobs"]] == [6]
    assert page.read_text().startswith("<!doctype html>")


def test_the_assist_turns_the_words_into_a_specification():
    """As "pscheduler task" does; what it says of wrong words is passed on."""
    with EmbeddedServer() as server:
        status, text, _ = new("--assist", server.netloc, "--label", "mine", "--", *QUICK, "--dest", "127.0.0.1")
        wrong = new("--assist", server.netloc, "--", "rtt", "--bogus")
        unknown = new("--assist", server.netloc, "--", "nosuch")
    (job,) = json.loads(text)["jobs"]

    assert (status, job["label"]) == (0, "mine")
    assert job["task"]["test"]["spec"] == {
        "count": 2,
        "dest": "127.0.0.1",
        "interval": "PT0.02S",
        "schema": 1,
        "timeout": "PT0.2S",
    }
    assert (wrong[0], "no such option: --bogus" in wrong[2]) == (1, True)
    assert (unknown[0], 'No test "nosuch" is available' in unknown[2]) == (1, True)


@pytest.mark.parametrize("help_option", ["-h", "--help", "--he"])
@pytest.mark.parametrize("asked", ["assist", "embedded"])
def test_the_options_of_a_test_are_printed(asked, help_option, tmp_path):
    """Servers send them as an error, also for an abbreviation; a wrong option before is one."""
    file = tmp_path / "batch.json"
    with EmbeddedServer() as server:
        where = ["--assist", server.netloc] if asked == "assist" else []
        status, text, errors = new(*where, "-o", file, "--", "rtt", "--count", "5", help_option)
        wrong = new(*where, "--", "rtt", "--bogus", help_option)

    assert (status, errors, file.exists()) == (0, "", False)
    assert text.startswith("Options of the test rtt:\n\n  -h, --help            show this help message and exit\n")
    assert "  -d DEST, --dest=DEST  Host to measure to\n" in text
    assert (wrong[:2], "no such option: --bogus" in wrong[2]) == ((1, ""), True)


def test_without_an_assist_the_embedded_tests_are_used():
    """The comment names the pairs that are left to use."""
    status, text, errors = new("--", "throughput", "--dest", "127.0.0.1", "--duration", "PT5S")
    (job,) = json.loads(text)["jobs"]

    assert (status, errors) == (0, "")
    assert job["task"]["test"]["spec"] == {"dest": "127.0.0.1", "duration": "PT5S", "schema": 1}
    assert " parallel," in " ".join(job["task"]["test"]["#"])


def test_a_sweep_runs_every_combination():
    """And declares the version of the spec that it needs."""
    status, text, errors = new(
        "--vary", "spec.count=1,2", "--vary", "spec.fragment=true,false", "--", *QUICK, "--dest", "127.0.0.1"
    )
    plan = run_batch("--dry-run", batch=text, BETA="").document
    specs = [result["task"]["test"]["spec"] for result in plan["jobs"][0]["results"]] if status == 0 else errors

    assert [(spec["count"], spec["fragment"]) for spec in specs] == [(1, True), (1, False), (2, True), (2, False)]
    assert {spec["schema"] for spec in specs} == {3}


def test_exported_tasks_become_jobs(tmp_path):
    """Each one a job; the schedule is said, and a task of a newer schema is an error with its place."""
    task = {"schema": 1, "test": {"type": "rtt", "spec": {"dest": "127.0.0.1"}}, "schedule": {"repeat": "PT1H"}}
    (tmp_path / "task.json").write_text(json.dumps(task))
    (tmp_path / "newer.json").write_text(json.dumps({**task, "schema": 9}))
    status, text, _ = new("--task", tmp_path / "task.json", "--task", "-", given=json.dumps(task).encode())
    newer = new("--task", tmp_path / "newer.json")
    jobs = json.loads(text)["jobs"]

    assert (status, len(jobs)) == (0, 2)
    assert jobs[0]["#"] == ["Its schedule had repeat PT1H; a batch runs its tasks once, so repeat the batch."]
    assert newer[0] == 1
    assert f"{tmp_path / 'newer.json'}:1:12: error: /schema: found 9, expected a version" in newer[2]


def test_a_template_can_be_a_file_or_a_url():
    """Both give the same batch; a template that is not there is an error."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(ROOT / "examples" / "psconfig"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/batch-mesh.json"
        fetched = new("--psconfig", url)
        missing = new("--psconfig", url + "x")
        server.shutdown()
        thread.join()
    status, text, errors = new("--psconfig", TEMPLATE)

    assert (status, errors, json.loads(text)["jobs"][0]["label"]) == (0, "", "paths")
    assert fetched == (0, text, "")
    assert (missing[0], "cannot fetch the template" in missing[2], "404" in missing[2]) == (1, True, True)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], USAGE, "nothing to measure"),
        (["--task", "a", "--", "rtt"], USAGE, "exclude each other"),
        (["--psconfig", "a", "--vary", "spec.count=1"], USAGE, "--vary cannot be combined with --psconfig"),
        (["--mesh", "a", "--star", "b", "--", "rtt"], USAGE, "cannot be combined"),
        (["--mesh", "-", "--", "rtt"], 1, "<stdin>:1:1: error: found 1 host, expected at least two hosts"),
        (["--mesh", "-", "--", "idle", "--duration", "PT1S"], 1, "the test idle does not measure between two hosts"),
        (["--vary", "spec.cuont=1", "--", "rtt"], 1, 'error: --vary: the rtt spec has no pair "cuont"; did you mean'),
        (["--", "rtts"], 1, 'the embedded server has no test "rtts"; did you mean "rtt"?'),
        (["--", "rtt", "--bogus"], 1, "error: rtt: no such option: --bogus"),
        (["--psconfig", "-"], 1, "<stdin>:1:1: error:"),
        (["--mesh", "/nosuch", "--", "rtt"], 1, "cannot read /nosuch: No such file or directory"),
        (["rtt", "--dest", "a"], USAGE, 'no such option: --dest; write "--" before a test and its options'),
        (["--meshh", "a", "--", "rtt"], USAGE, "--meshh"),
        (["--mesh", "", "--", "rtt"], USAGE, "Invalid value for '--mesh': it is empty"),
        (["--assist", "a/b", "--", "rtt"], 1, '--assist: "a/b" is not a host'),
    ],
)
def test_wrong_usage_is_told(arguments, status, message):
    """On the standard error; nothing is written."""
    ended = new(*arguments, given=b"a")

    assert (ended[0], ended[1]) == (status, "")
    assert message in ended[2]


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("a\nb\n".encode("utf-16"), "<stdin>: error: the input is UTF-16; save it as UTF-8"),
        ("a\nbä\n".encode("latin-1"), "<stdin>:2:2: error: byte 0xe4 is not valid UTF-8; save the input as UTF-8"),
        (b"a\0b\n", "<stdin>: error: the input is binary, not text; expected a list of hosts"),
        (b"a\x0bb\nc d\n", "<stdin>:2:1: error: found 2 words, expected a host"),
    ],
)
def test_a_list_of_hosts_is_text(hosts, message):
    """In UTF-8, with lines as elsewhere."""
    status, text, stderr = new("--mesh", "-", "--", "rtt", given=hosts)

    assert (status, text) == (1, "")
    assert message in stderr


@pytest.mark.parametrize("option", ["--mesh", "--task", "--psconfig"])
def test_what_a_batch_is_made_from_is_not_replaced(tmp_path, option):
    """It would be lost."""
    path = tmp_path / "given"
    path.write_text("a\nb\n")
    words = ("--", "rtt") if option == "--mesh" else ()
    status, _, stderr = new(option, path, "-o", path, *words)

    assert (status, path.read_text()) == (1, "a\nb\n")
    assert f"{path} is read, so nothing else is written to it" in stderr


def test_a_byte_order_mark_is_not_part_of_a_host():
    """Editors of Windows write one."""
    status, text, stderr = new("--mesh", "-", "--", "rtt", given="\ufeffa\r\nb\r\n".encode())

    assert (status, stderr) == (0, "")
    assert json.loads(text)["global"]["data"]["hosts"] == ["a", "b"]


def test_a_template_from_a_server_with_an_unknown_certificate():
    """The options that would help a batch are not options of this command."""
    with EmbeddedServer() as server:
        status, _, stderr = new("--psconfig", f"https://{server.netloc}/mesh.json")

    assert status == 1
    assert stderr.rstrip().endswith(
        "signed by an unknown authority; save the template in a file, and name that instead"
    )
    assert "--ca-file" not in stderr
