"""The ``batch-compare`` command: is a path slower than before?"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.support.commands import TIME_LIMIT, environment, run_batch, task
from tests.support.commands import job as given_job
from tests.support.output_documents import job, output, result, run

RTT = {"succeeded": True, "min": "PT0.01S", "mean": "PT0.02S", "max": "PT0.03S"}


def compare(*arguments, given=b"", **changes):
    """Run the command; return its status and what it wrote to its two outputs."""
    done = subprocess.run(
        [sys.executable, "-c", "from pscheduler_commands import batch_compare; batch_compare()", *map(str, arguments)],
        input=given,
        capture_output=True,
        env=environment(**changes),
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@contextmanager
def web_server(delay):
    """Run a server that answers after some seconds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            ended.wait(delay)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def saved(tmp_path):
    """Save an output of some runs of rtt, and return the name of the file."""

    def save(name, *means, label="rtt"):
        runs = (result(run({**RTT, "mean": f"PT{mean / 1000}S"})) for mean in means)
        path = tmp_path / name
        path.write_text(json.dumps(output(job(*runs, label=label))))
        return path

    return save


def test_a_server_that_has_become_slower(tmp_path):
    """Two real outputs, the second one of a server that delays its answers."""
    for name, delay in (("before.json", 0), ("after.json", 2)):
        with web_server(delay) as url:
            http = task("http", url=url)
            batch = {"jobs": [given_job("web", task=http, iterations=5, parallel=True, sync_start=False)]}
            ended = run_batch("--embedded", "-o", str(tmp_path / name), batch=batch)
        assert (ended.status, ended.stderr) == (0, "")
    files = (tmp_path / "before.json", tmp_path / "after.json")
    status, text, stderr = compare(*files, "--expect", "web: http-time < 50 %", "--expect", "http-time > -5 %", BETA="")
    lines = text.splitlines()

    assert (status, stderr) == (4, "")
    assert lines[1] == "web (http, 5 runs before, 5 runs after):"
    assert lines[2].startswith("  http-time ")
    assert lines[2].endswith("  worse")
    assert "\nexpectation NOT met: web: http-time < 50 %: +" in text
    assert "\nexpectation met: http-time > -5 %: web: +" in text
    assert lines[-1] == "1 metric compared: 1 worse"
    assert compare(*reversed(files), "--expect", "http-time < 50 %")[0] == 0


def test_two_files_are_before_and_after(saved):
    """In this order; the standard input can be one of them."""
    before, after = saved("a.json", 10, 11, 12, 13), saved("b.json", 5, 6, 7, 8)

    assert compare(before, after, "--metric", "rtt-mean")[1].endswith("\n1 metric compared: 1 better\n")
    assert compare(before, "-", "--metric", "rtt-mean", given=after.read_bytes())[1].endswith(" 1 better\n")
    assert compare("-", after, "--metric", "rtt-mean", given=before.read_bytes())[1].endswith(" 1 better\n")


def test_with_takes_all_files_that_follow(saved):
    """Wherever options stand."""
    before = [saved(f"a{mean}.json", mean) for mean in (10, 11, 12, 13)]
    after = [saved(f"b{mean}.json", mean) for mean in (20, 21, 22, 23)]
    status, text, stderr = compare(*before, "--with", *after[:2], "--format", "json", *after[2:])
    document = json.loads(text)

    assert (status, stderr) == (0, "")
    assert (document["before"], document["after"]) == ([str(path) for path in before], [str(path) for path in after])
    assert {each["metric"]: each["verdict"] for each in document["jobs"][0]["metrics"]}["rtt-mean"] == "worse"


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("c.csv", "label,test,metric,"), ("c.json", "{\n"), ("c", "  metric "), ("c.html", "<!doctype html>")],
)
def test_the_ending_of_the_file_says_the_format(saved, tmp_path, name, beginning):
    """Text is for names without one."""
    before, after = saved("a.json", 10), saved("b.json", 20)

    assert compare(before, after, "-o", tmp_path / name) == (0, "", "")
    assert (tmp_path / name).read_text().startswith(beginning)


def test_too_few_runs(saved):
    """One run on each side says nothing, and the last line says how many would."""
    _, text, _ = compare(saved("a.json", 10), saved("b.json", 20))

    assert text.endswith("\n3 metrics compared: 3 too few runs to tell (4 on each side are enough)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "two files are needed, such as yesterday.json today.json"),
        (["a.json"], "two files are needed, such as yesterday.json today.json"),
        (["a.json", "b.json", "c.json"], "more than two files; write --with before those to compare the others with"),
        (["a.json", "--with"], "Option '--with' requires an argument."),
        (["a.json", "a.json", "--with", "b.json"], "a.json is given twice; its runs would count twice"),
        (["-", "-"], "the standard input cannot be on both sides"),
        (["a.json", "b.json", "--metric", "losss"], '\'--metric\': unknown metric "losss"; did you mean "loss"?'),
        (["a.json", "b.json", "--metric", "loss", "--all"], "--all cannot be combined with --metric"),
        (
            ["a.json", "b.json", "--expect", "losss < 5 %"],
            '--expect:1:1: error: unknown metric "losss"; did you mean "loss"?',
        ),
        (
            ["a.json", "b.json", "--expect", "loss < 5 ms"],
            '--expect:1:10: error: the unit "ms" does not suit the change',
        ),
        (["a.json", "b.json", "--expect", "x: rtt-mean < 5 %"], '1:1: error: no job matches "x"; the jobs are rtt'),
    ],
)
def test_wrong_usage(saved, tmp_path, arguments, message):
    """It has status 2 and a message, and nothing is written."""
    for name in ("a.json", "b.json", "c.json"):
        saved(name, 10)
    paths = [str(tmp_path / word) if word.endswith(".json") else word for word in arguments]
    status, text, stderr = compare(*paths)

    assert (status, text) == (2, "")
    assert message in stderr


def test_an_output_is_not_replaced_by_its_comparison(saved):
    """Its results would be lost."""
    before, after = saved("a.json", 10), saved("b.json", 10)
    content = after.read_bytes()
    status, _, stderr = compare(before, after, "--format", "csv", "-o", after)

    assert (status, after.read_bytes()) == (1, content)
    assert f"{after} is read, so nothing else is written to it" in stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read {}: No such file or directory"),
        ("{", "{}: this output is incomplete: it ends at line 1, column 2"),
        ("[]", "{}: expected the output of a batch, which is a JSON object, but found an array"),
        ('{"jobs": []}', "{}: this batch has not been run: none of its jobs has results"),
    ],
)
def test_what_is_not_an_output(saved, tmp_path, content, message):
    """It has status 1, and the message names the file."""
    before, after = saved("a.json", 10), tmp_path / "b.json"
    if content is not None:
        after.write_text(content)
    status, text, stderr = compare(before, after)

    assert (status, text) == (1, "")
    assert message.replace("{}", str(after)) in stderr


def test_outputs_of_different_batches(saved):
    """Nothing can be compared."""
    status, text, stderr = compare(saved("a.json", 10), saved("b.json", 10, label="other"))
    message = 'the outputs have no job in common; the jobs before are "rtt", those after are "other"'

    assert (status, text, stderr) == (1, "", f"pscheduler batch-compare: error: {message}\n")
