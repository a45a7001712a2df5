"""The ``batch-report`` command: a report of a saved output."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from statistics import fmean, pstdev, quantiles
from xml.etree import ElementTree as ET

import pytest

from pscheduler_batch import read_runs
from pscheduler_batch.iso8601 import parse_duration
from pscheduler_batch.report.formats import FORMATS
from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task
from tests.support.output_documents import failed_run, output, result, run
from tests.support.output_documents import job as reported_job

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMAND = [sys.executable, "-c", "from pscheduler_commands import batch_report; batch_report()"]
DOCUMENT = output(reported_job(result(run()), result(failed_run("Timeout")), label="first"))


def report(*arguments, given=DOCUMENT, **changes):
    """Run the command; give its status and what it wrote to its two outputs."""
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=data,
        capture_output=True,
        env=environment(**changes),
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_an_interrupted_report_ends_silently_with_status_130(tmp_path):
    """A file that was to be replaced is as it was, and there is no other one."""
    saved, made = tmp_path / "saved.json", tmp_path / "runs.csv"
    os.mkfifo(saved)
    made.write_text("before")
    with (
        subprocess.Popen(
            [*COMMAND, str(saved), "-o", str(made)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
        saved.open("wb"),
    ):  # This returns when the program reads.
        process.send_signal(signal.SIGINT)
        written, _ = process.communicate(timeout=TIME_LIMIT)

    assert (process.returncode, written) == (130, b"")
    assert (made.read_text(), sorted(tmp_path.iterdir())) == ("before", [made, saved])


def test_a_report_of_what_the_batch_command_printed(there, tmp_path):
    """From the standard input to the standard output, and from a file to a file; it needs no BETA."""
    batch = {"jobs": [job(), job(label="fails", task=task(fail=1.0)), job(label="off", enabled=False)]}
    ended = run_batch(*there, batch=batch)
    saved, made = tmp_path / "saved.json", tmp_path / "runs.csv"
    saved.write_text(ended.stdout)
    status, text, stderr = report("--format", "text", given=ended.stdout.encode(), BETA="")
    to_file = report(str(saved), "-o", str(made), BETA="")

    assert (status, stderr) == (0, "")
    assert to_file == (0, "", "")
    assert "fails/0: Randomly-induced failure\n" in text
    assert text.endswith("; not run: off\n")
    rows = list(csv.DictReader(io.StringIO(made.read_text())))
    assert [(row["label"], row["succeeded"]) for row in rows] == [("noop", "true"), ("fails", "false")]
    assert all(row["lead"].startswith("127.0.0.1:") and float(row["duration (s)"]) >= 0 for row in rows)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("report.html", b"<!doctype html>"),
        ("report", b"<!doctype html>"),
        ("report.csv", b"job,iteration,run,"),
        ("report.xml", b"<?xml "),
        ("report.txt", b"iteration "),
        ("report.md", b"## batch: 1 of 2 runs failed\n"),
        ("report.jsonl", b'{"source": "", "job": 0, '),
        ("report.ndjson", b'{"source": "", "job": 0, '),
        ("report.prom", b"# help pscheduler_batch_runs "),
    ],
)
def test_the_ending_of_the_file_says_the_format(tmp_path, name, beginning):
    """HTML is for names without one."""
    path = tmp_path / name

    assert report("-o", str(path)) == (0, "", "")
    assert path.read_bytes()[: len(beginning)].lower() == beginning


def test_an_ending_of_something_else_is_refused(tmp_path):
    """Whatever is in the file already stays; with a format, any name will do."""
    path = tmp_path / "report.pdf"
    path.write_text("old")
    refused = report("-o", str(path))
    kept = path.read_text()
    chosen = report("-o", str(path), "--format", "text")

    assert refused[:2] == (1, "")
    assert f"cannot tell the format of the report from the name {path}" in refused[2]
    assert kept == "old"
    assert chosen == (0, "", "")
    assert path.read_bytes().startswith(b"iteration ")


def test_the_format_comes_before_the_ending(tmp_path):
    """As a user who says it means it."""
    path = tmp_path / "report.html"
    report("--format", "junit", "-o", str(path))
    suites = ET.fromstring(path.read_bytes())  # noqa: S314 - we wrote it

    assert (suites.get("tests"), suites.get("failures")) == ("2", "1")


def test_a_page_names_the_file_that_it_is_about(tmp_path):
    """Without its directory; the standard input has no name."""
    saved = tmp_path / "weekly.json"
    saved.write_text(json.dumps(DOCUMENT))

    assert '<bdi class="file">weekly.json</bdi>' in report("--format", "html", str(saved))[1]
    assert '<bdi class="file">' not in report("--format", "html")[1]


def test_options_from_the_environment(tmp_path):
    """What was typed comes first; a misspelt variable is said."""
    path = tmp_path / "report"
    variables = {"PSCHEDULER_BATCH_REPORT_FORMAT": "csv", "PSCHEDULER_BATCH_REPORT_OUTPUT": str(path)}
    done = report(**variables)
    typed = report("--format", "text", "-o", str(tmp_path / "typed"), **variables)
    misspelt = report(PSCHEDULER_BATCH_REPORT_FORMT="csv")

    assert (done, typed) == ((0, "", ""), (0, "", ""))
    assert path.read_bytes().startswith(b"job,iteration,")
    assert (tmp_path / "typed").read_bytes().startswith(b"iteration ")
    assert "PSCHEDULER_BATCH_REPORT_FORMAT" in misspelt[2]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"", "standard input: the input is empty"),
        (b'{"jobs": [', "standard input: this output is incomplete: it ends at line 1, column 11"),
        (b'{"jobs": [5]}', "standard input: At /jobs/0: expected an object, found 5"),
        ({"jobs": [job()]}, "standard input: this batch has not been run: none of its jobs has results"),
        ({"hits": []}, 'standard input: this is not the output of a batch: "jobs" is missing'),
    ],
)
def test_what_is_no_output_is_said(tmp_path, given, said):
    """In one line, and an old report stays."""
    path = tmp_path / "report.html"
    path.write_text("old")

    assert report("-o", str(path), given=given) == (1, "", f"pscheduler batch-report: error: {said}\n")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("{folder}/none.json",), "cannot read {folder}/none.json: No such file or directory"),
        (("{folder}",), "{folder} has no outputs of batches (*.json)"),
        (
            ("-o", "{folder}/none/report.html"),
            "cannot write {folder}/none/report.html: {folder}/none does not exist; create it first",
        ),
        (("-o", "{folder}"), "cannot write {folder}: it is a directory"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, arguments, said):
    """In the words of the operating system."""
    given = [argument.format(folder=tmp_path) for argument in arguments]

    assert report(*given) == (1, "", f"pscheduler batch-report: error: {said.format(folder=tmp_path)}\n")


def test_an_output_is_not_replaced_by_its_report(tmp_path):
    """Its results would be lost."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps(DOCUMENT))
    before = path.read_bytes()
    for options in (["--format", "csv"], ["--metrics"]):
        status, _, stderr = report(str(path), *options, "-o", str(path))

        assert (status, path.read_bytes()) == (1, before)
        assert f"{path} is read, so nothing else is written to it" in stderr


def test_wrong_usage():
    """As everywhere, exit status 2."""
    status, stdout, stderr = report("--format", "pdf")

    assert (status, stdout) == (2, "")
    assert "'pdf'" in stderr


def test_a_dash_is_the_standard_output():
    """As without the option."""
    assert report("--format", "csv", "-o", "-") == report("--format", "csv")


def test_an_empty_name_is_not_the_standard_input():
    """A variable of the shell may not be set."""
    assert report("") == (
        1,
        "",
        "pscheduler batch-report: error: cannot read a file with an empty name: No such file or directory\n",
    )


def test_secrets_are_in_no_report():
    """Even if a server quotes them."""
    quoting = run({"succeeded": False, "error": "wrong key t0psecret", "log": {"used": "t0psecret"}})
    quoting.update({"text/plain": "t0psecret", "text/html": "<b>t0psecret</b>"})
    document = output(reported_job(result(quoting, _key="t0psecret", error="wrong key t0psecret")))
    made = [report("--format", form, given=document) for form in FORMATS]

    assert [status for status, _, _ in made] == [0] * len(FORMATS)
    assert [form for form, (_, stdout, _) in zip(FORMATS, made) if "wrong key (hidden)" not in stdout] == ["prometheus"]
    assert not any("t0psecret" in stdout + stderr for _, stdout, stderr in made)


def test_the_metrics_of_an_output(tmp_path):
    """Over all runs of a job; from a file or the standard input, to a file or the standard output."""
    saved, made = tmp_path / "saved.json", tmp_path / "metrics.txt"
    saved.write_text(json.dumps(DOCUMENT))
    status, text, stderr = report("--metrics", str(saved))
    to_file = report("--metrics", str(saved), "-o", str(made), PSCHEDULER_BATCH_REPORT_FORMAT="csv")
    from_stdin = report("--metrics", "-")

    assert (status, stderr) == (0, "")
    assert "first (rtt, 1 run):\n  rtt-min   0.3 ms  shortest round-trip time\n" in text
    assert (to_file, made.read_text()) == ((0, "", ""), text)
    assert from_stdin == (0, text, "")


def test_the_metrics_of_real_measurements():
    """What the embedded server measured gives the numbers that Python's own statistics give for the same packets."""
    quick = {"packet-count": 20, "packet-interval": 0.01, "packet-timeout": 1, "output-raw": True}
    jobs = [
        job("rtt", iterations=2, task=task("rtt", dest="127.0.0.1", count=4, interval="PT0.05S", timeout="PT2S")),
        job("latency", task=task("latency", dest="127.0.0.1", **quick)),
        job("throughput", task=task("throughput", dest="127.0.0.1", duration="PT3S")),
        job("trace", task=task("trace", dest="127.0.0.1")),
    ]
    rows = list(read_runs(run_batch("--embedded", batch={"jobs": jobs}).document))
    assert [row.reason for row in rows] == [None] * 5
    trips = [[parse_duration(trip["rtt"]).total_seconds() for trip in row.result["roundtrips"]] for row in rows[:2]]
    sent = [packet["src-ts"] for packet in rows[2].result["raw-packets"]]
    received = [packet["dst-ts"] for packet in rows[2].result["raw-packets"]]
    delays = [(b - a) / 2**32 for a, b in zip(sent, received)]
    rates = [interval["summary"]["throughput-bits"] for interval in rows[3].result["intervals"]]

    for row, of_run in zip(rows, trips):
        assert row.metrics["rtt-p95"] == pytest.approx(quantiles(of_run, n=20, method="inclusive")[-1])
        assert row.metrics["rtt-jitter"] == pytest.approx(fmean(abs(b - a) for a, b in zip(of_run, of_run[1:])))
    assert rows[2].metrics["latency-jitter"] == pytest.approx(fmean(abs(b - a) for a, b in zip(delays, delays[1:])))
    assert rows[3].metrics["throughput-variation"] == pytest.approx(pstdev(rates) / fmean(rates))
    assert (rows[4].metrics["hops"], rows[4].metrics["paths"]) == (1, 1)


def test_what_the_metrics_mean():
    """Without an output, and without reading anything; as wide as the terminal."""
    status, text, stderr = report("--metrics", given=b"not an output")
    narrow = report("--metrics", COLUMNS="60")[1]

    assert (status, stderr) == (0, "")
    assert "  retransmits                   lower   TCP segments sent again\n" in text
    assert max(map(len, narrow.splitlines())) <= 60


def test_metrics_have_no_format():
    """Reports have; the environment may set one for these."""
    status, stdout, stderr = report("--metrics", "--format", "csv")

    assert (status, stdout) == (2, "")
    assert "--format cannot be combined with --metrics" in stderr


def test_the_metrics_of_what_is_no_output(tmp_path):
    """An old file stays."""
    path = tmp_path / "metrics.txt"
    path.write_text("old")

    assert report("--metrics", "-", "-o", str(path), given=b"[]")[0] == 1
    assert path.read_text() == "old"


def test_the_example_program_reads_outputs(tmp_path):
    """It names what was slow, lost or failed, and writes a file that csv reads back; an error is one line."""
    slow = run({"succeeded": True, "roundtrips": [{"seq": n, "rtt": f"PT0.0{n}S"} for n in range(1, 8)]})
    saved, made = tmp_path / "saved.json", tmp_path / "runs.csv"
    saved.write_text(json.dumps(output(reported_job(result(run()), result(failed_run("Timeout")), result(slow)))))
    program = [sys.executable, str(EXAMPLES / "read_runs.py"), str(made)]
    options = {"capture_output": True, "text": True, "timeout": TIME_LIMIT, "env": environment()}
    done = subprocess.run([*program, str(saved), str(saved)], check=False, **options)
    wrong = subprocess.run([*program, os.devnull], check=False, **options)
    before = saved.read_text()
    misused = subprocess.run([*program[:2], str(saved), str(saved)], check=False, **options)
    rows = list(csv.DictReader(io.StringIO(made.read_text())))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == 2 * (
        "rtt/0: 25.0% of the packets to 192.0.2.1 were lost\n"
        "rtt/1: Timeout\n"
        "rtt/2: 95 % of the round trips took up to 67.0 ms\n"
    )
    assert [row["rtt-max"] for row in rows] == 2 * ["0.0005", "", "0.07"]
    assert (wrong.returncode, wrong.stderr) == (1, f"{os.devnull}: the input is empty\n")
    assert (misused.returncode, saved.read_text()) == (1, before)
    assert misused.stderr.startswith("usage: ")
