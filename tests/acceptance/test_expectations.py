"""Expectations: ``--expect`` and ``--expect-file`` of the real commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.commands import TIME_LIMIT, environment, job, run_batch, task

EXAMPLES = Path(__file__).parents[2] / "examples"
SHOWN = {"PSCHEDULER_BATCH_NO_SUMMARY": ""}
NAP = job("nap", task=task("idle", duration="PT0.1S"), iterations=2)
GOOD = {"jobs": [NAP, job("off", enabled=False)]}
MIXED = {"jobs": [NAP, job("bad", task=task("noop", fail=1.0))]}


def report(*arguments, given=b"", **changes):
    """Run ``batch-report``; return its status and what it wrote to its two outputs."""
    done = subprocess.run(
        [sys.executable, "-c", "from pscheduler_commands import batch_report; batch_report()", *arguments],
        input=given,
        capture_output=True,
        env=environment(**changes),
        timeout=TIME_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_batch_that_meets_its_expectations_says_nothing_and_succeeds(there):
    """The output has what was found."""
    ended = run_batch(*there, "--expect", "nap: idle-time >= 90 ms", batch=GOOD, **SHOWN)
    (judged,) = ended.document["batch"]["expectations"]

    assert (ended.status, ended.stderr) == (0, "")
    assert (judged["met"], judged["job"], judged["metric"], judged["unit"]) == (True, "nap", "idle-time", "s")
    assert judged["value"] >= 0.09


def test_an_expectation_that_is_not_met_has_a_status_of_its_own(there, tmp_path):
    """The summary and each report say which one, and what was measured instead."""
    names = ["report.html", "report.xml", "report.txt"]
    options = [option for name in names for option in ("--report", str(tmp_path / name))]
    expect = ["--expect", "n*: max(idle-time) < 50 ms", "--expect", "idle-time > 0"]
    ended = run_batch(*there, *options, *expect, batch=GOOD, **SHOWN)
    html, xml, text = ((tmp_path / name).read_text(encoding="utf-8") for name in names)
    lines = ended.stderr.splitlines()

    assert ended.status == 4
    assert lines[-3].startswith("expectation NOT met: n*: max(idle-time) < 50 ms: nap: 1")
    assert lines[-2].startswith("expectation met: idle-time > 0: nap: worst 1")
    assert lines[-1].startswith("2 runs: 2 succeeded, 0 failed; 1 of 2 expectations not met; ")
    assert "\nexpectation NOT met: n*: max(idle-time) < 50 ms: nap: 1" in text
    assert "Both runs succeeded, 1 of 2 expectations not met</h1>" in html
    failures = ET.fromstring(xml).findall("testsuite[@name='expectations']/testcase/failure/..")  # noqa: S314 - our own
    assert [(case.get("classname"), case.get("name")) for case in failures] == [("nap", "n*: max(idle-time) < 50 ms")]


@pytest.mark.parametrize(
    ("batch", "options", "status"),
    [
        (MIXED, ["--expect", "idle-time > 1 h"], 2),
        (MIXED, ["--expect", "idle-time > 9 s"], 3),
        (MIXED, ["--expect", "idle-time > 0"], 3),
        (MIXED, ["--expect", "idle-time > 9 s", "--exit-zero"], 0),
        (GOOD, ["--expect", "idle-time > 9 s", "--exit-zero"], 0),
        (GOOD, ["-q", "--expect", "idle-time > 9 s"], 4),
    ],
)
def test_the_exit_status(there, batch, options, status):
    """A failed run counts more than an expectation."""
    ended = run_batch(*there, *options, batch=batch)

    assert (ended.status, bool(ended.stdout), bool(ended.stderr)) == (status, status != 2, status == 2)


@pytest.mark.parametrize("mode", [[], ["--check"], ["--plan"], ["--dry-run"]])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("nap: idle-tim < 1 s", '2:6: error: unknown metric "idle-tim"; did you mean "idle-time"?'),
        ("nap: idle-time < 1 %", '2:20: error: the unit "%" does not suit idle-time, which is a time; use s, ms or us'),
        ("nip: idle-time < 1 s", '2:1: error: no job matches "nip"; did you mean "nap"?'),
        ("nap: loss = 0", "2:6: error: no matching job has loss, "),
    ],
)
def test_a_wrong_expectation_is_found_before_anything_is_sent(pscheduler, there, tmp_path, mode, text, place):
    """With its place: the number of the option and the column, or the line of the file."""
    before = len(pscheduler.state.tasks)
    path = tmp_path / "promises"
    path.write_text(f"# of our provider\n{text}\n")
    # Nothing is asked of a server, so that the other modes do not need the options about hosts.
    hosts = [] if mode else there
    given = run_batch(*hosts, *mode, "--expect", "idle-time > 0", "--expect", text, batch=GOOD)
    read = run_batch(*hosts, *mode, "--expect-file", str(path), batch=GOOD)

    assert (given.status, read.status) == (2, 2)
    assert given.stderr.startswith(f"--expect:{place}")
    assert read.stderr.startswith(f"{path}:{place}")
    assert f"\n    {text}\n    " in given.stderr
    assert given.stdout == ""
    assert len(pscheduler.state.tasks) == before


def test_right_expectations_pass_the_check_of_a_batch():
    """With the tests that its transforms make."""
    script = 'if $iteration == 1 then .test.type = "idle" | .test.spec = {"duration": "PT1S"} else . end'
    batch = {"jobs": [job("made", iterations=2, task_transform={"script": script})]}
    ended = run_batch("--check", "--expect", "made: idle-time > 0", batch=batch)

    assert (ended.status, ended.stderr) == (0, "")


def test_wrong_expectations_are_part_of_a_check_for_programs():
    """They get an answer in JSON in any case."""
    unknown = run_batch("--check", "--format", "json", "--expect", "nip: idle-time < 1 s", batch=GOOD)
    misspelt = run_batch("--check", "--format", "json", "--expect", "idle-time", batch={"jobs": 5})

    assert (unknown.status, unknown.stderr) == (2, "")
    assert [problem["message"] for problem in json.loads(unknown.stdout)["problems"]] == [
        'no job matches "nip"; did you mean "nap"?'
    ]
    assert (misspelt.status, misspelt.stderr) == (2, "")
    assert [problem["file"] for problem in json.loads(misspelt.stdout)["problems"]][1:] == ["--expect"]


def test_errors_in_the_batch_come_first():
    """As long as there are any, jobs may be missing that an expectation is about."""
    ended = run_batch("--check", "--expect", "nap: idle-time > 0", batch={"jobs": [{**NAP, "iteration": 3}]})

    assert ended.status == 1
    assert "no job" not in ended.stderr


@pytest.mark.parametrize("data", [b"loss = 0\n\xff\n", None])
def test_a_file_that_cannot_be_read_is_an_error(there, tmp_path, data):
    """It names the file."""
    path = tmp_path / "promises"
    if data is not None:
        path.write_bytes(data)
    ended = run_batch(*there, "--expect-file", str(path), batch=GOOD)

    assert (ended.status, ended.stdout) == (1 if data is None else 2, "")
    assert str(path) in ended.stderr


def test_expectations_from_the_environment(there):
    """One on each line."""
    ended = run_batch(*there, batch=GOOD, PSCHEDULER_BATCH_EXPECT="nap: idle-time > 0\n\nidle-time > 9 s\n")

    assert ended.status == 4
    assert [judged["met"] for judged in ended.document["batch"]["expectations"]] == [True, False]


def test_a_job_that_was_not_reached_does_not_meet_its_expectation(there):
    """Although the batch succeeded."""
    batch = {"schema": 2, "jobs": [{**NAP, "continue-if": {"script": "false"}}, {**NAP, "label": "later"}]}
    ended = run_batch(*there, "--expect", "later: idle-time > 0", batch=batch, **SHOWN)

    assert ended.status == 4
    assert "expectation NOT met: later: idle-time > 0: no data: the job was not run\n" in ended.stderr


def test_a_resumed_batch_is_judged_over_all_its_runs(there, tmp_path):
    """Expectations may be others than before, as they are not part of the batch."""
    journal = str(tmp_path / "journal")
    run_batch(*there, "--journal", journal, "--expect", "idle-time > 0", batch=GOOD)
    ended = run_batch(*there, "--resume", journal, "--expect", "nap: max(idle-time) < 50 ms", batch=GOOD)
    (judged,) = ended.document["batch"]["expectations"]

    assert ended.status == 4
    assert judged["found"].endswith(" in 2 runs")


def test_reports_of_a_saved_output(there, tmp_path):
    """Expectations are shown as they were judged, and others can be added."""
    ended = run_batch(*there, "--expect", "max(idle-time) < 50 ms", batch=GOOD)
    saved = tmp_path / "saved.json"
    saved.write_text(ended.stdout)
    status, shown, _ = report("--format", "text", str(saved))
    added = report("--format", "text", "--expect", "nap: idle-time > 0", str(saved))
    wrong = report("--format", "csv", "--expect", "nap: idle-time > 0 %", "--expect", "x: loss = 0", str(saved))

    assert (status, shown.count("expectation NOT met: max(idle-time) < 50 ms: nap: 1")) == (0, 1)
    assert (added[0], added[2]) == (4, "")
    assert "expectation met: nap: idle-time > 0: worst 1" in added[1]
    assert "; 1 of 2 expectations not met; " in added[1]
    # Errors in the text come before those about jobs. Zero suits every unit of the kind, but no other.
    assert wrong[0] == 2
    assert wrong[2].startswith('--expect:1:20: error: the unit "%" does not suit idle-time, which is a time; ')
    assert report("--metrics", "--expect", "loss = 0", str(saved))[0] == 2
    assert report("--metrics", str(saved), PSCHEDULER_BATCH_REPORT_EXPECT="loss = 0")[0] == 0


def test_the_example():
    """Two of its expectations are met, and one is not, on purpose."""
    batch = str(EXAMPLES / "expectations.json")
    ended = run_batch("--embedded", "--expect-file", str(EXAMPLES / "expectations.txt"), batch)
    judged = {each["expectation"]: each["met"] for each in json.loads(ended.stdout)["batch"]["expectations"]}

    assert ended.status == 4
    assert judged == {"rtt*: p95(rtt) < 100 ms": True, "loss <= 1 %": True, "nap: idle-time < 100 ms": False}
