"""Parts of a batch with the real command."""

from __future__ import annotations

import json

import pytest

from tests.support.commands import run_batch

BATCH = {
    "jobs": [
        {"label": "right", "task": {"test": {"type": "idle", "spec": {"duration": "PT0.1S"}}}},
        {
            "label": "half",
            "iterations": 4,
            "task": {"test": {"type": "noop", "spec": {}}},
            "task-transform": {"script": "if $iteration % 2 == 1 then .test.spec.fail = 1 else . end"},
        },
    ]
}


@pytest.fixture
def earlier(tmp_path):
    """The output of a batch of which two iterations failed."""
    file = tmp_path / "earlier.json"
    assert run_batch("--embedded", "-o", str(file), batch=BATCH).status == 3
    return file


def test_some_jobs_are_run():
    """The summary names the others."""
    ended = run_batch("--embedded", "-v", "--job", "r*", batch=BATCH, PSCHEDULER_BATCH_NO_SUMMARY="")

    assert ended.status == 0
    assert [len(results) for results in ended.results] == [1, 0]
    assert "not run: half" in ended.stderr
    assert {**ended.document, "batch": None, "jobs": None} == {"jobs": None, "batch": None}


def test_what_failed_is_run_again(earlier, tmp_path):
    """The output has the iterations that failed, with their numbers, and so has that of a third time."""
    again = tmp_path / "again.json"
    fixed = json.loads(json.dumps(BATCH).replace("% 2 == 1", "== 3"))

    ended = run_batch("--embedded", "--only-failed", str(earlier), "-o", str(again), batch=fixed)
    assert ended.status == 3
    document = json.loads(again.read_text())
    assert [[result["iteration"] for result in job["results"]] for job in document["jobs"]] == [[], [1, 3]]
    specs = [result["task"]["test"]["spec"] for result in document["jobs"][1]["results"]]
    assert specs == [{}, {"fail": 1}]

    third = run_batch("--dry-run", "--only-failed", str(again), batch=BATCH)
    assert [[result["iteration"] for result in results] for results in third.results] == [[], [3]]
    difference = run_batch("--dry-run", "--diff", "--only-failed", str(again), batch=BATCH)
    assert "  iteration 3:\n    + /test/spec/fail: 1" in difference.stdout


def test_the_earlier_output_is_kept(earlier):
    """A part does not replace the whole."""
    before = earlier.read_bytes()

    ended = run_batch("--embedded", "--only-failed", str(earlier), "-o", str(earlier), batch=BATCH)

    assert (ended.status, earlier.read_bytes()) == (1, before)
    assert "is read, so nothing else is written to it" in ended.stderr


@pytest.mark.parametrize("option", ["--data", "--expect-file", "--only-failed", "--set-file"])
def test_what_is_read_is_not_written(earlier, tmp_path, option):
    """Neither by a report nor by the output; the batch itself is safe from a report, too."""
    path = tmp_path / "read"
    path.write_text(earlier.read_text() if option == "--only-failed" else "" if option == "--expect-file" else "{}")
    before = path.read_bytes()

    for written in (["--report", str(path), "--format", "csv"], ["-o", str(path)]):
        given = f"note={path}" if option == "--set-file" else str(path)
        ended = run_batch("--embedded", option, given, *written, batch=BATCH)
        assert (ended.status, path.read_bytes()) == (1, before)
        assert f"{path} is read, so nothing else is written to it" in ended.stderr


def test_a_batch_is_not_replaced_by_its_report(tmp_path):
    """Its output may replace it, which has everything of it."""
    path = tmp_path / "batch.json"
    path.write_text(json.dumps(BATCH))
    ended = run_batch("--embedded", "--report", str(path), "--format", "csv", str(path))

    assert (ended.status, json.loads(path.read_text())) == (1, BATCH)
    assert f"{path} is read, so nothing else is written to it" in ended.stderr


def test_reports_have_the_numbers_of_iterations(earlier, tmp_path):
    """They are those of the whole job."""
    report = tmp_path / "report.jsonl"

    run_batch("--embedded", "--only-failed", str(earlier), "--report", str(report), batch=BATCH)

    assert [json.loads(line)["iteration"] for line in report.read_text().splitlines()] == [1, 3]


def test_the_plan_and_the_check_have_the_same_part(earlier):
    """What is left out is named."""
    assert (
        "2 jobs (1 of them left out), 2 iterations: no errors"
        in run_batch("--check", "--only-failed", str(earlier), batch=BATCH).stdout
    )
    plan = run_batch("--plan", "--only-failed", str(earlier), batch=BATCH).stdout
    assert "right: left out" in plan
    assert "half/3" in plan
    assert "after /1" in plan
    assert "half/2" not in plan


def test_nothing_failed(tmp_path):
    """Nothing is run, with a note, and that is a success."""
    file = tmp_path / "earlier.json"
    run_batch("--embedded", "--job", "right", "-o", str(file), batch=BATCH)

    ended = run_batch("--embedded", "--only-failed", str(file), batch=BATCH)

    assert ended.status == 0
    assert ended.stderr == f"pscheduler batch: note: no iteration failed in {file}, so nothing is run\n"
    assert ended.results == [[], []]


def test_an_expectation_about_jobs_that_are_left_out_is_not_judged():
    """One file of expectations serves all parts of a batch."""
    options = ("--expect", "half: loss < 1 %", "--expect", "right: idle-time < 10 s")

    ended = run_batch("--embedded", "--job", "right", *options, batch=BATCH)

    assert ended.status == 0
    assert [each["job"] for each in ended.document["batch"]["expectations"]] == ["right"]


def test_a_batch_is_not_resumed_with_another_selection(tmp_path):
    """The journal is about the part that was begun."""
    journal = str(tmp_path / "journal")
    assert run_batch("--embedded", "--journal", journal, "--job", "right", batch=BATCH).status == 0

    ended = run_batch("--resume", journal, "--lead", "127.0.0.1:9", batch=BATCH)

    assert ended.status == 1
    assert "journal" in ended.stderr
