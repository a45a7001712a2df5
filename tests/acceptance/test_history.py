"""The ``batch-report`` command with many outputs."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task
from tests.support.histories import daily

USUAL = (0.4, 0.5, 0.6, 0.45, 0.55, 0.5)
BERLIN = {"TZ": "Europe/Berlin"}


def report(*arguments, given=b"", **changes):
    """Run the command; return its status and what it wrote to its two outputs."""
    done = subprocess.run(
        [sys.executable, "-c", "from pscheduler_commands import batch_report; batch_report()", *map(str, arguments)],
        input=given,
        capture_output=True,
        env=environment(BETA="", **changes),
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def results(tmp_path):
    """A directory with an output of each of seven days, the last of which is slow."""
    directory = tmp_path / "results"
    directory.mkdir()
    for name, document in daily(*USUAL, 4.2).items():
        (directory / name).write_text(json.dumps(document))
    return directory


def days_in(text):
    """Return the days that a history in CSV has."""
    return sorted({line["start"][:10] for line in csv.DictReader(io.StringIO(text))})


def test_a_directory_makes_a_page(results, tmp_path):
    """It is written atomically, and needs nothing else."""
    page = tmp_path / "history.html"

    assert report(results, "-o", page) == (0, "", "")
    assert "<h1>Last runs: 1 of 1 unusual</h1>" in page.read_text()


@pytest.mark.parametrize(
    ("name", "beginning"),
    [("h.csv", "label,test,"), ("h.json", "{\n"), ("h.txt", "Mean round trip"), ("h", "<!doctype html>")],
)
def test_the_ending_of_the_file_says_the_format(results, tmp_path, name, beginning):
    """As for a report, HTML is for names without one."""
    assert report(results, "-o", tmp_path / name) == (0, "", "")
    assert (tmp_path / name).read_text().startswith(beginning)


def test_files_directories_and_the_standard_input(results):
    """In any order; a file that is given twice counts once."""
    first, second, *_ = sorted(results.iterdir())
    given = second.read_bytes()

    assert len(days_in(report(results, "--format", "csv")[1])) == 7
    assert days_in(report(first, "-", "--format", "csv", given=given)[1]) == ["2026-11-01", "2026-11-02"]
    text = report(first, first, results, "--format", "text")[1]
    assert "\n7 runs in 7 outputs, 0 failed; " in text


def test_one_file_is_a_report_unless_a_period_is_given(results):
    """A directory with one file is a history."""
    first, *others = sorted(results.iterdir())
    for other in others:
        other.unlink()

    assert report(first, "--format", "text")[1].startswith("iteration ")
    assert report(first, "--format", "text", PSCHEDULER_BATCH_REPORT_SINCE="7d")[1].startswith("iteration ")
    assert report(first, "--format", "csv", "--since", "2026-11-01")[1].startswith("label,test,")
    assert report(results, "--format", "csv")[1].startswith("label,test,")
    # Such as that of a variable of a script that is not set.
    assert "Invalid value for '--since': it is empty" in report(first, "--since", "")[2].replace("\n", " ")


def test_a_period(results):
    """Days are local days, and a day belongs to the period that ends with it."""
    chosen = ("--since", "2026-11-02", "--until", "2026-11-04", "--format", "csv")

    assert days_in(report(results, *chosen, **BERLIN)[1]) == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert days_in(report(results, *chosen[:3], "2026-11-04 13:00", *chosen[4:], **BERLIN)[1]) == [
        "2026-11-02",
        "2026-11-03",
    ]
    assert days_in(report(results, *chosen[:3], "2026-11-04 12:30Z", *chosen[4:], **BERLIN)[1])[-1] == "2026-11-04"
    assert len(days_in(report(results, "--format", "csv", PSCHEDULER_BATCH_REPORT_SINCE="2026-11-06")[1])) == 2


def test_the_zone_of_the_user_makes_the_days(results):
    """Noon in UTC is the next day on the other side of the world."""
    assert days_in(report(results, "--format", "csv", TZ="Pacific/Auckland")[1])[0] == "2026-11-02"


def test_no_run_in_the_period(results, tmp_path):
    """The page says so, which is no error."""
    page = tmp_path / "h.html"

    assert report(results, "--until", "2020-01-01", "-o", page) == (0, "", "")
    assert "<h1>No runs in this period</h1>" in page.read_text()


def test_old_files_are_not_read(results):
    """The page says how many; they may even be unreadable."""
    old = results / "old.json"
    old.write_text("{")
    then = (datetime.now(timezone.utc) - timedelta(days=9)).timestamp()
    os.utime(old, (then, then))
    status, text, stderr = report(results, "--since", "7d", "--format", "text")

    assert (status, stderr) == (0, "")
    assert text.startswith("1 file not read: last changed before the period (old.json)\n")


def test_what_is_not_an_output_is_passed_over(results):
    """In a directory, with one line for each reason; the page says the same."""
    (results / "batch.json").write_text('{"jobs": [{"task": {}}]}')
    (results / "other.json").write_text("[]")
    (results / "running.json").write_text("")
    (results / "half.json").write_text(json.dumps(daily(1)["out000.json"])[:-40])
    status, text, stderr = report(results, "--format", "text")
    notes = [
        "2 files left out: not the output of a batch (batch.json, other.json)",
        "1 file left out: incomplete (half.json)",
        "1 file left out: empty (running.json)",
    ]

    assert status == 0
    assert stderr.splitlines() == [f"pscheduler batch-report: warning: {note}" for note in notes]
    assert all(f"\n{note}\n" in text for note in notes)
    assert "\n7 runs in 7 outputs" in text


def test_without_a_single_output_there_is_no_history(tmp_path):
    """A page that a cron job keeps is not replaced by an empty one; the warnings say why."""
    (tmp_path / "other.json").write_text("[]")
    (tmp_path / "half.json").write_text('{"jobs": [')
    page = tmp_path / "page.html"
    page.write_text("old")
    status, stdout, stderr = report(tmp_path, "-o", page)

    assert (status, stdout, page.read_text()) == (1, "", "old")
    assert stderr.splitlines() == [
        "pscheduler batch-report: warning: 1 file left out: incomplete (half.json)",
        "pscheduler batch-report: warning: 1 file left out: not the output of a batch (other.json)",
        "pscheduler batch-report: error: none of the files is an output of a batch that can be read",
    ]


def test_an_output_is_not_replaced_by_its_history(results):
    """Its results would be lost."""
    files = sorted(results.iterdir())
    before = files[0].read_bytes()
    status, _, stderr = report(*files, "--format", "json", "-o", files[0])

    assert (status, files[0].read_bytes()) == (1, before)
    assert f"{files[0]} is read, so nothing else is written to it; choose a different file" in stderr


def test_a_file_that_was_named_must_be_an_output(results):
    """Unless it is incomplete, as a pattern of the shell may find one that is being written."""
    other, half = results / "other.json", results / "half.json"
    other.write_text("[]")
    half.write_text('{"jobs": [')
    expected = "expected the output of a batch, which is a JSON object, but found an array"

    assert report(results, other, "--format", "text") == (
        1,
        "",
        f"pscheduler batch-report: error: {other}: {expected}\n",
    )
    other.unlink()
    assert report(results, half, "--format", "text")[0] == 0
    assert report(results, results / "none.json") == (
        1,
        "",
        f"pscheduler batch-report: error: cannot read {results}/none.json: No such file or directory\n",
    )


def test_a_batch_that_ended_early_is_named(results):
    """Its runs count."""
    (*_, document) = daily(*[1] * 8).values()
    document["batch"].update(error="interrupted", start="2026-11-08T12:00:00.5Z")
    (results / "early.json").write_text(json.dumps(document))
    status, text, stderr = report(results, "--format", "text")

    assert (status, stderr) == (0, "")
    assert "\n1 file of a batch that ended early (early.json)\n8 runs in 8 outputs" in text


def test_what_was_interrupted_did_not_fail_if_the_batch_was_resumed(results):
    """The output of the resumed batch, which started when the batch did, says what came out."""
    (*_, document) = daily(*[1] * 8).values()
    document["batch"]["start"] = "2026-11-08T12:00:00.5Z"
    (results / "resumed.json").write_text(json.dumps(document))
    document["batch"]["error"] = "interrupted by SIGINT"
    document["jobs"][0]["results"] = [{"task": {}, "runs": [], "succeeded": False, "error": "interrupted by SIGINT"}]
    (results / "a-interrupted.json").write_text(json.dumps(document))
    status, text, stderr = report(results, "--format", "text")

    assert (status, stderr) == (0, "")
    assert "\n1 file left out: interrupted, and the batch was resumed (a-interrupted.json)\n8 runs in 8 outputs" in text
    assert ", 0 failed" in text


def test_expectations_over_the_period(results):
    """The exit status is 4 if one is not met; the outputs' own ones do not count."""
    status, text, stderr = report(results, "--format", "text", "--expect", "rtt: max(rtt-mean) < 1 ms")
    kept = report(results, "--format", "text", "--expect", "max(rtt-mean) < 1 ms", "--until", "2026-11-06")
    wrong = report(results, "--expect", "rrt: loss = 0")

    assert (status, stderr) == (4, "")
    assert "expectation NOT met: rtt: max(rtt-mean) < 1 ms: 4.2 ms in 7 runs" in text
    assert kept[0] == 0
    assert wrong[0] == 2
    assert "--expect:1:1: error: " in wrong[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "soon"], "Invalid value for '--since': \"soon\" is not a time; use 7d, 36h, 2w, P7D, yesterday,"),
        (
            ["--until", "11/12/2026"],
            "Invalid value for '--until': \"11/12/2026\" can be read in several ways; write the",
        ),
        (["--since", "2026-11-20 - 2026-11-25"], "Invalid value for '--since': \"2026-11-20 - 2026-11-25\" is not a"),
        (["--since", "0001-01-01 00:00Z"], "Invalid value for '--since': \"0001-01-01 00:00Z\" is not a time"),
        (["--since", "2999-01-01"], "--since is not before now"),
        (["--since", "now"], "--since is not before now"),
        (["--since", "1d", "--until", "2d"], "--since is not before --until"),
        (["--format", "junit"], "--format junit is not available for a history; choose html, text, csv or json"),
        (["--metrics"], "--metrics requires a single file"),
        (["-", "-"], "the standard input can be read once"),
    ],
)
def test_wrong_usage(results, arguments, message):
    """As everywhere, exit status 2."""
    status, stdout, stderr = report(results, *arguments)

    assert (status, stdout) == (2, "")
    assert f"Error: {message}" in " ".join(stderr.split())


def test_json_is_for_histories(results):
    """A report of one output has another format for programs."""
    status, _, stderr = report(results / "out000.json", "--format", "json")

    assert status == 2
    assert "--format json requires a history: several files, a directory, --since or --until" in " ".join(
        stderr.split()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}/none"], "cannot read {0}/none: No such file or directory"),
        (["{0}"], "{0} has no outputs of batches (*.json)"),
        (
            ["{0}", "-o", "{0}/h.md"],
            "cannot tell the format of the history from the name {0}/h.md: use the ending .txt",
        ),
    ],
)
def test_what_cannot_be_read_or_written(tmp_path, arguments, message):
    """In the words of the operating system where it has some."""
    status, stdout, stderr = report(*(argument.format(tmp_path) for argument in arguments))

    assert (status, stdout) == (1, "")
    assert stderr.startswith(f"pscheduler batch-report: error: {message.format(tmp_path)}")


def test_the_history_of_real_batches(tmp_path):
    """What the embedded server measured, in two batches."""
    rtt = task("rtt", dest="127.0.0.1", count=4, interval="PT0.05S", timeout="PT2S")
    for name in ("a.json", "b.json"):
        ended = run_batch(
            "--embedded", "-o", str(tmp_path / name), batch={"jobs": [job("rtt", task=rtt, iterations=2)]}
        )
        assert (ended.status, ended.stderr) == (0, "")
    status, text, stderr = report(tmp_path, "--since", "1h", "--format", "text")

    assert (status, stderr) == (0, "")
    assert "rtt (rtt, 4 runs, last " in text
    assert "\n4 runs in 2 outputs, 0 failed; " in text
