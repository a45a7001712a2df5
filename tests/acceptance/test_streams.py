"""Results and events as they come, from the real command (ADR 72)."""

from __future__ import annotations

import json
import signal

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.jsonl_report import JsonlReport
from tests.support.commands import job, run_batch, task, wait_for
from tests.support.running_command import RunningCommand

SWEEP = job(
    "sweep",
    iterations=2,
    task={**task(data=0), "reference": {"_secret": "swordfish"}},
    task_transform={"script": ".test.spec.data = $iteration"},
)
LONG = job("long", task=task("idle", duration="PT1H"))


def objects(path):
    """Read the lines of a file; a line is whole as soon as it is there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_lines_of_runs_are_those_of_the_report(there, tmp_path):
    """With what the job varies, in the order in which runs end, and a line for an iteration without a run."""
    path = tmp_path / "runs.jsonl"
    failing = job("failing", task=task("unknown"))
    ended = run_batch(*there, "--stream", str(path), batch={"jobs": [SWEEP, failing]})

    assert ended.status == 3
    assert path.read_text() == "".join(JsonlReport().render(report_of(ended.document)))
    assert [each["/test/spec/data"] for each in objects(path)[:2]] == [0, 1]
    assert len(objects(path)) == 3
    assert "swordfish" not in path.read_text()


def test_lines_can_be_read_while_the_batch_runs(there, tmp_path):
    """The name may contain the time; the events tell what is under way, and how it ended."""
    runs, events = tmp_path / "100%.jsonl", tmp_path / "events.jsonl"
    options = "--stream", str(tmp_path / "100%%.jsonl"), "--events", str(events)
    with RunningCommand(*there, *options, batch={"jobs": [SWEEP, LONG]}) as running:
        # On a slow machine, it runs before it is first seen.
        wait_for(lambda: any(each.get("run") and each["label"] == "long/0" for each in objects(events)))
        assert [each["succeeded"] for each in objects(runs)] == [True, True]
        running.signal(signal.SIGINT)
        ended = running.end()

    assert ended.status == 130
    names = [each["event"] for each in objects(events)]
    assert (names[0], names[-1]) == ("batch-began", "batch-ended")
    assert names.count("iteration-ended") == len(objects(runs)) == 3
    assert "swordfish" not in events.read_text()


def test_a_resumed_batch_writes_the_runs_of_earlier_tries_again(there, tmp_path):
    """So that the file has each run once."""
    path, journal = tmp_path / "runs.jsonl", str(tmp_path / "journal")
    batch = {"jobs": [SWEEP]}
    first = run_batch(*there, "--stream", str(path), "--journal", journal, batch=batch)
    before = objects(path)
    again = run_batch(*there, "--stream", str(path), "--resume", journal, batch=batch)

    assert (first.status, again.status) == (0, 0)
    assert objects(path) == before
    assert len(before) == 2


def test_a_batch_that_cannot_be_read_leaves_the_file(there, tmp_path):
    """As with the output."""
    path = tmp_path / "runs.jsonl"
    path.write_text("of yesterday\n")
    ended = run_batch(*there, "--stream", str(path), batch={"jobs": [{}]})

    assert ended.status == 1
    assert path.read_text() == "of yesterday\n"


def test_a_stream_that_cannot_be_written_costs_no_results(there):
    """There is a warning at once, and exit status 1."""
    ended = run_batch(*there, "--stream", "/dev/full", batch={"jobs": [SWEEP]})

    assert ended.status == 1
    assert [len(each["runs"]) for each in ended.results[0]] == [1, 1]
    assert "warning: cannot write the stream to /dev/full: No space left on device" in ended.stderr
    assert ended.stderr.splitlines()[-1].endswith("it is incomplete")


def test_the_standard_error_takes_one_of_them(there):
    """With -q there is nothing else on it."""
    ended = run_batch(*there, "-q", "--stream", "-", batch={"jobs": [SWEEP]})
    both = run_batch(*there, "--stream", "-", "--events", "-", batch={"jobs": [SWEEP]})

    assert [json.loads(line)["label"] for line in ended.stderr.splitlines()] == ["sweep", "sweep"]
    assert both.status == 2
    assert "--stream and --events cannot both be the standard error" in both.stderr
