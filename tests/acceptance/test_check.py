"""``--check`` and ``--check-server`` through the real command."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task

BAD = Path(__file__).parents[1] / "examples" / "bad"
ENDLESS = {"script": "last(repeat(.))"}
PROGRAM = "pscheduler batch: "
# Nothing listens there.
NOWHERE = ("--assist", "127.0.0.1:1", "--lead", "127.0.0.1:1")


def check(*arguments, batch=b"", **changes):
    """Check a batch; it needs no BETA."""
    return run_batch("--check", *NOWHERE, *arguments, batch=batch, **{"BETA": "", **changes})


def test_a_right_batch_is_said_to_be_right():
    """In a line on the standard output; nothing is sent."""
    ended = check(batch={"jobs": [job(), job(iterations=16)]})

    assert (ended.status, ended.stderr) == (0, "")
    assert ended.stdout == "standard input: 2 jobs, 17 iterations: no errors\n"


@pytest.mark.parametrize("name", ["names-misspelt", "transforms-that-break-tasks", "quote-never-closed"])
def test_what_is_wrong_is_shown_on_the_standard_error(name):
    """All of it, as the examples have it."""
    ended = check(str(BAD / f"{name}.json"))

    assert (ended.status, ended.stdout) == (1, "")
    assert ended.stderr.replace(f"{BAD}/", "") == (BAD / f"{name}.expected").read_text(encoding="utf-8")


def test_an_ordinary_run_shows_the_same():
    """Of what is wrong with the format; each message begins with the name of the program."""
    name = str(BAD / "names-misspelt.json")

    assert run_batch(*NOWHERE, name).stderr.replace(PROGRAM, "") == check(name).stderr


def test_every_way_to_look_at_a_batch_tells_warnings_beside_errors():
    """Unless only errors are to be told."""
    batch = '{"schema": 1, "schema": 1, "jobs": [{"task": {}, "iterations": 0}]}'
    for option in ("--check", "--plan", "--dry-run", "-v"):
        ended = run_batch(option, *NOWHERE, batch=batch)

        assert (ended.status, ended.stderr.count(": warning: /schema: ")) == (1, 1)
    assert "warning" not in run_batch("-q", *NOWHERE, batch=batch).stderr


def test_programs_get_json_on_the_standard_output():
    """Whether the batch is right or wrong."""
    right = check("--format", "json", batch={"jobs": [job()]})
    wrong = check("--format", "json", str(BAD / "label-wrong.json"))

    assert (right.status, right.stderr, wrong.status, wrong.stderr) == (0, "", 1, "")
    assert right.document == {"file": "standard input", "valid": True, "problems": [], "tools": []}
    assert [problem["pointer"] for problem in wrong.document["problems"]] == ["/jobs/0/label", "/jobs/0/task"]


def test_programs_get_json_of_a_file_that_cannot_be_read(tmp_path):
    """In the same shape as of one that is wrong; and so of servers that cannot be asked at all."""
    missing = str(tmp_path / "missing.json")
    unread = check("--format", "json", missing)
    unasked = check("--format", "json", "--check-server", "--ca-file", missing, batch={"jobs": [job()]})
    found = [problem for ended in (unread, unasked) for problem in ended.document["problems"]]

    assert [(ended.status, ended.stderr, ended.document["valid"]) for ended in (unread, unasked)] == [
        (1, "", False)
    ] * 2
    assert [(problem["severity"], problem["pointer"], problem["line"]) for problem in found] == [
        ("error", "/", None)
    ] * 2
    assert found[0]["message"] == f"cannot read {missing}: No such file or directory"
    assert missing in found[1]["message"]


def test_a_script_without_an_end_is_named():
    """And what else is wrong is told."""
    batch = {"jobs": [job("x", iterations=2, task_transform=ENDLESS), job(task={**task(), "tool": 5})]}
    ended = check("--check-limit", "1", batch=batch)

    assert ended.status == 1
    assert 'error: /jobs/0/task-transform, iteration 0 of "x": ' in ended.stderr
    assert "the script was still running after 1 s, the limit" in ended.stderr
    assert "error: /jobs/1/task/tool" in ended.stderr


@pytest.mark.parametrize("caught", [signal.SIGINT, signal.SIGTERM])
def test_a_check_ends_at_once_when_it_is_told_to(caught, tmp_path):
    """And with it the process that runs the scripts, here one that waits for a module that never comes."""
    library = tmp_path / "slow.jq"
    os.mkfifo(library)
    batch = {"jobs": [job(task_transform={"script": 'import "slow" as slow; .'})]}
    with subprocess.Popen(
        [sys.executable, "-m", "pscheduler_batch", "--check", "--check-limit", "PT1H"],
        env=environment(JQ_LIBRARY_PATH=str(tmp_path)),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(json.dumps(batch).encode())
        process.stdin.close()
        # This returns when the script has begun to be compiled.
        module = os.open(library, os.O_WRONLY)
        process.send_signal(caught)
        status, said = process.wait(TIME_LIMIT), process.stderr.read()
    left = select.poll()
    left.register(module, 0)
    reader_is_gone = left.poll(TIME_LIMIT * 1000)
    os.close(module)

    assert (status, said) == (-caught, b"")
    assert reader_is_gone


def test_no_secret_is_shown():
    """Neither as text nor as JSON."""
    secret = {**task(), "_key": "t0psecret"}
    batch = {"jobs": [job(task=secret, enabled=1), job(task=secret, task_transform={"script": ".tool = [._key]"})]}
    ended = [check(*options, batch=batch) for options in ((), ("--format", "json"))]

    assert [end.status for end in ended] == [1, 1]
    assert "t0psecret" not in "".join(end.stdout + end.stderr for end in ended)


def test_the_servers_are_asked(pscheduler, there):
    """The embedded one knows its tests."""
    batch = {
        "jobs": [
            job(task=task("idle", duration="PT1S")),
            job(task=task("idle", duration="x")),
            job(task=task("idel", duration="PT1S")),
        ]
    }
    ended = run_batch("--check-server", *there, batch=json.dumps(batch, indent=1), BETA="")

    assert (ended.status, ended.stdout) == (1, "")
    assert "error: /jobs/1/task/test/spec/duration: " in ended.stderr
    assert 'has no test "idel"; did you mean "idle"?' in ended.stderr
    assert {method for method, _ in pscheduler.state.requests} == {"GET"}


def test_tools_are_named_and_the_result_goes_to_a_file(pscheduler, there, tmp_path):
    """With -v in lines, with --format json as objects; a tool that cannot run a test is an error at its place."""
    idle = task("idle", duration="PT1S")
    batch = json.dumps({"jobs": [job(task=idle, iterations=2), job(task={**idle, "tools": ["nosuch"]})]}, indent=1)
    file = tmp_path / "result.json"
    shown = run_batch("--check-server", "-v", *there, batch=batch, BETA="")
    written = run_batch("--check-server", "--format", "json", "-o", str(file), *there, batch=batch, BETA="")
    tool, host = pscheduler.state.tests["idle"].tool, pscheduler.netloc
    refusal = f"none of these tools can run the test: {host} offers {tool}"
    result = json.loads(file.read_text(encoding="utf-8"))

    assert (shown.status, shown.stdout) == (1, "")
    assert f"<stdin>:5:12: note: /jobs/0/task: {tool} would run the idle test on {host}\n" in shown.stderr
    assert f"error: /jobs/1/task/tools: {refusal}\n" in shown.stderr
    assert (written.status, written.stdout, written.stderr) == (1, "", "")
    assert [problem["message"] for problem in result["problems"]] == [refusal]
    assert [(choice["pointer"], choice["tool"], choice["hosts"]) for choice in result["tools"]] == [
        ("/jobs/0/task", tool, [host])
    ]
    assert {method for method, _ in pscheduler.state.requests} == {"GET"}


def test_servers_that_agree_are_mentioned(there):
    """So that one knows that they were asked."""
    ended = run_batch("--check-server", *there, batch={"jobs": [job()]}, BETA="")

    assert (ended.status, ended.stderr) == (0, "")
    assert ended.stdout.endswith(": no errors, servers included\n")


def test_an_assist_that_is_not_there_is_an_error():
    """What was to be found out was not."""
    ended = run_batch("--check-server", *NOWHERE, batch={"jobs": [job()]}, BETA="")

    assert (ended.status, ended.stdout) == (1, "")
    assert "cannot ask the assist 127.0.0.1:1: " in ended.stderr


def test_options_of_a_run_can_stay_on_the_command_line():
    """Only a limit of parallel iterations makes a difference."""
    batch = {"jobs": [job("sync", iterations=3, parallel=True)]}
    limited = check("--max-parallel", "2", "--shuffle", "--stop-on-failure", "--retries", "2", batch=batch)
    others = check("--shuffle", "7", "--stop-on-failure", "--retries", "2", batch=batch)

    assert (limited.status, limited.stdout) == (0, "standard input: 1 job, 3 iterations: no errors, 1 warning\n")
    assert "warning: /jobs/0: its 3 iterations do not start together" in limited.stderr
    assert (others.status, others.stderr) == (0, "")
