"""The real command against the embedded server, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import datetime

import pytest

from pscheduler_batch.embedded.faults.rules import Rule
from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task, wait_for

PAIRS_OF_A_RUN = {"application/json", "text/plain", "text/html", "run"}
FAILING = {"jobs": [job(task=task(fail=1.0)), job(task=task(data=1))]}
ONE = {"jobs": [job()]}


def test_a_batch_of_all_kinds_of_jobs(there):
    """Serial, parallel with a synchronized start and several results: every iteration has its results, in order."""
    batch = {
        "#": "Comments are left out.",
        "global": {"data": {"host": "127.0.0.1"}},
        "jobs": [
            job("idle", iterations=3, task=task("idle", duration="PT0.1S", **{"parting-comment": "bye"})),
            job(
                "rtt",
                iterations=5,
                parallel=True,
                backoff="PT0.02S",
                setup_time="PT3S",
                sync_start=True,
                task=task("rtt", count=1, timeout="PT0.2S"),
                task_transform={"script": [".test.spec.dest = $global.host", "| .test.spec.length = 64 + $iteration"]},
            ),
            job("idlebgm", task=task("idlebgm", duration="PT0.5S", interval="PT0.12S")),
        ],
    }

    ended = run_batch(*there, batch=batch)

    idle, rtt, idlebgm = ended.results
    assert (ended.status, ended.stderr) == (0, "")
    assert [len(idle), len(rtt), len(idlebgm)] == [3, 5, 1]
    assert [result["task"]["test"]["spec"]["length"] for result in rtt] == [64, 65, 66, 67, 68]
    assert len({result["task"]["schedule"]["start"] for result in rtt}) == 1
    assert len(idlebgm[0]["runs"]) == 4
    runs = [run for results in ended.results for result in results for run in result["runs"]]
    assert all(set(run) == PAIRS_OF_A_RUN and all(run.values()) for run in runs)
    assert all(run["application/json"]["succeeded"] is True for run in runs)


def test_the_output_is_the_input_with_results(there):
    """Everything that was in the input is, but for comments, and ``batch`` comes last (ADR 14)."""
    batch = {"schema": 2, "#": "no", "jobs": [job(iterations=2, **{"#": "no"}), job(enabled=False, task=5)]}

    document = run_batch(*there, batch=batch).document

    assert list(document) == ["schema", "jobs", "batch"]
    assert [list(entry) for entry in document["jobs"]] == [
        ["label", "task", "iterations", "results"],
        ["label", "task", "enabled", "results"],
    ]
    assert document["jobs"][1]["results"] == []
    assert datetime.fromisoformat(document["batch"]["start"]).tzinfo is not None


def test_the_requests_of_a_batch_are_few(there, pscheduler):
    """Three equal iterations: participants once, then four requests each."""
    run_batch(*there, batch={"jobs": [job(iterations=3)]})

    assert len(pscheduler.state.requests) == 1 + 3 * 4


def test_text_of_any_language_goes_there_and_back(there):
    """In the task, in the result and in the label."""
    ended = run_batch(
        *there, batch=json.dumps({"jobs": [job("Zürich", task=task(data="測定 😀"))]}, ensure_ascii=False)
    )

    assert ended.results[0][0]["runs"][0]["application/json"]["data"] == "測定 😀"
    assert ended.stdout.isascii()


class TestStatus:
    """Exit statuses (ADR 17)."""

    def test_a_run_that_failed_is_three(self, there):
        """The batch goes on, and everything is in the output."""
        ended = run_batch(*there, batch=FAILING)

        assert ended.status == 3
        assert ended.results[0][0]["error"] == "Randomly-induced failure"
        assert ended.results[1][0]["runs"][0]["application/json"]["succeeded"] is True

    def test_exit_zero_makes_it_zero(self, there):
        """For scripts that look at the results themselves."""
        assert run_batch(*there, "--exit-zero", batch=FAILING).status == 0

    def test_a_continue_if_that_says_no_is_zero(self, there):
        """The batch ends in good order."""
        batch = {"schema": 2, "jobs": [job(continue_if={"script": "false"}), job("later")]}
        ended = run_batch(*there, batch=batch)

        assert ended.status == 0
        assert [len(results) for results in ended.results] == [1, 0]

    def test_a_continue_if_that_fails_is_one(self, there):
        """With a message, and everything obtained until then (ADR 16)."""
        batch = {"schema": 2, "jobs": [job(continue_if={"script": "3"}), job("later")]}
        ended = run_batch(*there, batch=batch)

        assert ended.status == 1
        assert "/jobs/0/continue-if" in ended.stderr
        assert len(ended.results[0][0]["runs"]) == 1

    @pytest.mark.parametrize("arguments", [("--no-such-option",), ("a", "b"), ("--max-connections", "0")])
    def test_wrong_usage_is_two(self, arguments):
        """With a hint at what is wrong on the standard error."""
        ended = run_batch(*arguments)

        assert (ended.status, ended.stdout) == (2, "")
        assert "Usage:" in ended.stderr

    @pytest.mark.parametrize("option", ["-o", "--journal", "--stream", "--events", "--report", "--assist", "--ca-file"])
    def test_an_empty_value_is_two(self, there, pscheduler, option):
        """A variable of the shell that is not set must not mean "no journal"; nothing is sent."""
        ended = run_batch(*there, option, "", batch={"jobs": [job()]})

        assert (ended.status, ended.stdout, pscheduler.state.requests) == (2, "", [])
        assert "it is empty; is a variable of the shell not set?" in ended.stderr

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no file that is always full")
    @pytest.mark.parametrize("option", ["--help", "--version"])
    def test_a_help_text_that_cannot_be_written_is_one(self, option):
        """With the reason."""
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "pscheduler_batch", option],
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment(),
                timeout=TIME_LIMIT,
                check=False,
            )

        assert done.returncode == 1
        assert done.stderr == b"Error: cannot write to the standard output: No space left on device\n"

    def test_an_interrupt_is_130(self, there, pscheduler):
        """And no traceback; a file that was to be written is as it was."""
        process = start(*there, batch={"jobs": [job(task=task("idle", duration="PT20S"))]})
        wait_for(lambda: any(method == "POST" for method, _ in pscheduler.state.requests))
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=TIME_LIMIT)

        assert process.returncode == 130
        assert b"Traceback" not in stderr


class TestBeta:
    """The gate (ADR 5)."""

    def test_nothing_is_sent_without_beta(self, there, pscheduler):
        """One clear message instead."""
        ended = run_batch(*there, batch=ONE, BETA="")

        assert (ended.status, ended.stdout, pscheduler.state.requests) == (1, "", [])
        assert "BETA" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1

    def test_any_value_will_do(self, there):
        """So the document says."""
        assert run_batch(*there, batch=ONE, BETA="0").status == 0

    @pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("--dry-run",)])
    def test_what_submits_nothing_needs_none(self, arguments):
        """There is nothing to be careful about."""
        assert run_batch(*arguments, batch=ONE, BETA="").status == 0


class TestStreams:
    """What is read, and what is written where (ADR 18)."""

    @pytest.mark.parametrize("arguments", [(), ("-",)])
    def test_the_standard_input_is_read_where_no_file_is_named(self, arguments):
        """Or where it is named "-"."""
        assert run_batch("--dry-run", *arguments, batch=ONE).status == 0

    def test_a_file_is_read(self, tmp_path):
        """And its name is in the messages about it."""
        (tmp_path / "wrong.json").write_text("{")
        (tmp_path / "right.json").write_text(json.dumps(ONE))

        assert run_batch("--dry-run", str(tmp_path / "right.json")).status == 0
        assert f"{tmp_path}/wrong.json:1:2: error: " in run_batch("--dry-run", str(tmp_path / "wrong.json")).stderr

    def test_a_dry_run_gives_every_task_and_sends_nothing(self, there, pscheduler):
        """The output is the same but for the runs."""
        ended = run_batch(*there, "--dry-run", batch={"jobs": [job(iterations=2)]})

        assert (ended.status, pscheduler.state.requests) == (0, [])
        assert ended.results == [[{"task": {**task(), "schedule": {}}, "runs": []}] * 2]

    def test_debug_goes_to_the_standard_error(self, there):
        """With the labels of iterations; the document is not disturbed, and no secret is told."""
        ended = run_batch(*there, "--debug", batch={"jobs": [job("named", task=task(data={"_key": "t0psecret"}))]})

        assert ended.document
        assert "named/0: posting the task" in ended.stderr
        assert "t0psecret" not in ended.stderr

    def test_without_debug_the_standard_error_is_empty(self, there):
        """Nothing is said when all goes well."""
        assert run_batch(*there, batch=ONE).stderr == ""

    def test_an_output_file_has_the_document(self, there, tmp_path):
        """Then the standard output is empty, and nothing else is left in the folder."""
        ended = run_batch(*there, "-o", str(tmp_path / "out.json"), batch=ONE)

        assert (ended.status, ended.stdout, os.listdir(tmp_path)) == (0, "", ["out.json"])
        assert json.loads((tmp_path / "out.json").read_text())["jobs"][0]["results"][0]["runs"]

    @pytest.mark.parametrize("output", ["report.json", ""])
    def test_a_dash_is_the_standard_output(self, there, tmp_path, output):
        """Also against a file that the environment names; no file of that name is made."""
        named = str(tmp_path / output) if output else ""
        ended = run_batch(*there, "-o", "-", batch={"jobs": [job()]}, PSCHEDULER_BATCH_OUTPUT=named)

        assert (ended.status, len(ended.results[0])) == (0, 1)
        assert (os.listdir(tmp_path), os.path.exists("-")) == ([], False)

    @pytest.mark.parametrize("option", ["--journal", "--resume", "--lock", "--report"])
    def test_a_dash_is_no_file(self, there, pscheduler, option):
        """The standard output has the document."""
        ended = run_batch(*there, option, "-", batch={"jobs": [job()]})

        assert (ended.status, ended.stdout, pscheduler.state.requests) == (1, "", [])
        assert f"{option} needs a file, which - is not; for a file of that name, write ./-" in ended.stderr

    def test_an_output_file_is_not_touched_by_a_batch_that_cannot_be_read(self, tmp_path):
        """It is whole or as it was."""
        (tmp_path / "out.json").write_text("before")

        ended = run_batch("-o", str(tmp_path / "out.json"), batch="{")

        assert (ended.status, os.listdir(tmp_path)) == (1, ["out.json"])
        assert (tmp_path / "out.json").read_text() == "before"

    def test_an_output_file_that_cannot_be_made_is_found_before_anything_is_sent(self, there, pscheduler, tmp_path):
        """Hours of measurement are not to be lost in the end."""
        ended = run_batch(*there, "-o", str(tmp_path / "no" / "out.json"), batch=ONE)

        assert (ended.status, pscheduler.state.requests) == (1, [])
        assert "no/out.json" in ended.stderr

    def test_nobody_reading_the_output_is_no_traceback(self):
        """As with ``| head -c 0``."""
        process = start("--dry-run", stdout=subprocess.PIPE, batch={"jobs": [job(iterations=2000)]}, close=True)
        stderr = process.stderr.read()
        process.stderr.close()

        assert process.wait(TIME_LIMIT) == 1
        assert b"Traceback" not in stderr
        assert b"Broken pipe" in stderr

    @pytest.mark.parametrize(("options", "status"), [(("-v",), 0), (("--lead", "no/host"), 1)])
    def test_nobody_reading_what_is_said_does_not_change_the_status(self, there, options, status):
        """Python itself would exit with 120 where it keeps what could not be written, and tries again in the end."""
        process = start(*there, *options, batch=ONE, PYTHONUNBUFFERED="")
        process.stderr.close()

        assert process.wait(TIME_LIMIT) == status


def test_an_embedded_server_needs_nothing_else():
    """Neither BETA nor hosts."""
    ended = run_batch("--embedded", batch=ONE, BETA="")

    assert (ended.status, ended.stderr) == (0, "")


def test_no_more_requests_at_once_than_allowed(there, pscheduler):
    """The server counts them (ADR 20)."""
    now, most = [0], [0]

    async def count(app, scope, receive, send):
        now[0] += 1
        most[0] = max(most[0], now[0])
        try:
            await asyncio.sleep(0.01)  # A server that answers at once would never see two requests.
            await app(scope, receive, send)
        finally:
            now[0] -= 1

    pscheduler.state.faults.add(Rule("*", count))
    ended = run_batch(
        *there, "--max-connections", "2", batch={"jobs": [job(iterations=12, parallel=True, sync_start=False)]}
    )

    assert ended.status == 0
    assert most == [2]


def test_many_iterations_at_once_take_no_thread_each(there):
    """Two hundred side by side, each with its own result, in order."""
    many = job(
        iterations=200,
        parallel=True,
        sync_start=False,
        task=task(data=0),
        task_transform={"script": ".test.spec.data = $iteration"},
    )
    process = start(*there, "--max-connections", "16", batch={"jobs": [many]}, stdout=subprocess.PIPE)
    threads = []
    watch = threading.Thread(
        target=lambda: wait_for(lambda: threads.append(count_threads(process.pid)) or process.poll() is not None)
    )
    watch.start()
    stdout, _ = process.communicate(timeout=TIME_LIMIT)
    watch.join()

    results = json.loads(stdout)["jobs"][0]["results"]
    assert process.returncode == 0
    assert [result["runs"][0]["application/json"]["data"] for result in results] == list(range(200))
    assert max(threads) < 16


def start(*arguments, batch, stdout=subprocess.DEVNULL, close=False, **changes):
    """Start the command, give it a batch, and do not wait for its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pscheduler_batch", *arguments],
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment(**changes),
    )
    if close:
        process.stdout.close()
    process.stdin.write(json.dumps(batch).encode())
    process.stdin.close()
    process.stdin = None
    return process


def count_threads(pid):
    """Count the threads of a process; a process that has ended has none."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0
