"""Values from outside, in each mode of the real command, and from Python."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch import BatchProcessor
from tests.support.commands import job, run_batch, task

BATCH = {
    "schema": 3,
    "global": {"data": {"naps": [{"time": "PT0.1S"}], "note": "a"}},
    "jobs": [
        {
            "label": "naps",
            "iterations": {"script": "$global.naps | length"},
            "task": {"test": {"type": "idle", "spec": {}}, "reference": {}},
            "task-transform": {
                "script": ".test.spec.duration = $global.naps[$iteration].time "
                "| .reference = { note: $global.note, _key: $global._token }"
            },
        }
    ],
}


@pytest.fixture
def files(tmp_path):
    """A file with data, and one with a value."""
    (tmp_path / "data.json").write_text(json.dumps({"naps": [{"time": "PT0.1S"}, {"time": "PT0.2S"}]}))
    (tmp_path / "note.txt").write_text("from a file\n")
    return tmp_path


def test_values_reach_every_script_and_the_output(files):
    """The output records them, and has the data of the batch as it was."""
    ended = run_batch(
        "--embedded",
        *("--data", str(files / "data.json"), "--set", "naps[1].time=PT0.3S"),
        *("--set-file", f"note={files / 'note.txt'}", "--set-env", "_token=TOKEN"),
        batch=BATCH,
        TOKEN="123",
    )

    assert (ended.status, ended.stderr) == (0, "")
    document = ended.document
    assert document["global"] == BATCH["global"]
    assert document["batch"]["data"] == {
        "naps": [{"time": "PT0.1S"}, {"time": "PT0.2S"}],
        "naps[1].time": "PT0.3S",
        "note": "from a file",
        "_token": "(hidden)",
    }
    tasks = [result["task"] for result in ended.results[0]]
    assert [task["test"]["spec"]["duration"] for task in tasks] == ["PT0.1S", "PT0.3S"]
    assert [(task["reference"]["note"], task["reference"]["_key"]) for task in tasks] == [("from a file", "123")] * 2


@pytest.mark.parametrize("mode", ["--check", "--plan", "--dry-run", "--embedded"])
def test_each_mode_warns_of_an_unused_name(mode):
    """A misspelt name does not measure something else in silence, except with --quiet."""
    ended = run_batch(mode, "--set", "ntoe=b", batch=BATCH)

    assert ended.status == 0
    assert 'no script uses "ntoe", which is set by --set; did you mean "note"?' in ended.stderr
    assert "ntoe" not in run_batch(mode, "--quiet", "--set", "ntoe=b", batch=BATCH).stderr


@pytest.mark.parametrize("mode", ["--check", "--plan", "--dry-run", "--embedded"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "naps[7].time=1"), "--set:1:1: error: global.data.naps has no [7]: it has 1 element\n"),
        (("--set", "note"), '--set:1:5: error: expected NAME=VALUE, with a NAME such as "count" or "hosts[0].name"\n'),
        (("--set-env", "a=NO_SUCH"), '--set-env:1:3: error: the environment variable "NO_SUCH" is not set\n'),
        (("--data", "{data}", "--data", "{data}"), "--data:2:1: error: this file is given twice\n"),
        (("--data", "{note}"), "{note}:1:1: error: not JSON"),
        (
            ("--set-file", "note={data}", "--set", "note=1"),
            "--set-file:1:1: error: note is set twice, first by --set number 1\n",
        ),
    ],
)
def test_wrong_values_are_wrong_usage(mode, options, message, files):
    """The status is 2, and the message has the option and the place in it."""
    places = {"data": str(files / "data.json"), "note": str(files / "note.txt")}

    ended = run_batch(mode, *(each.format(**places) for each in options), batch=BATCH)

    assert (ended.status, ended.stdout) == (2, "")
    assert ended.stderr.startswith(message.format(**places))


def test_a_batch_is_not_resumed_with_other_values(tmp_path):
    """What was set is a part of what the journal records; a secret is not."""
    journal = str(tmp_path / "journal")
    begun = run_batch("--embedded", "--journal", journal, "--set", "note=b", "--set", "_token=1", batch=BATCH)
    assert begun.status == 0

    for options in ((), ("--set", "note=c", "--set", "_token=1")):
        ended = run_batch("--resume", journal, "--lead", "127.0.0.1:9", *options, batch=BATCH)
        assert ended.status == 1
        assert "journal" in ended.stderr


def test_from_python():
    """An object is merged over the data."""
    document = BatchProcessor(BATCH, data={"naps": [{"time": "PT1S"}], "_token": "x"})(dry_run=True)

    (result,) = document["jobs"][0]["results"]
    assert result["task"]["test"]["spec"]["duration"] == "PT1S"
    with pytest.raises(ValueError, match=r"data: At /: found \[1\], expected an object"):
        BatchProcessor(BATCH, data=[1])


def test_a_secret_from_outside_is_shown_nowhere(tmp_path):
    """Wherever a transform puts it, although the output does not have it under its name."""
    names = ("report.html", "report.txt", "report.csv", "report.jsonl", "report.xml", "runs", "events")
    reports = [option for name in names[:-2] for option in ("--report", str(tmp_path / name))]
    lines = "--stream", str(tmp_path / "runs"), "--events", str(tmp_path / "events")
    copying = {"script": ".test.spec.dest = $global._host"}
    rtt = job("rtt", task=task("rtt", count=1), task_transform=copying)
    options = "--embedded", "-v", "--set-env", "_host=HOST", *reports, *lines
    ended = run_batch(*options, batch={"jobs": [rtt]}, HOST="127.0.0.17", PSCHEDULER_BATCH_NO_SUMMARY="")

    assert ended.results[0][0]["task"]["test"]["spec"]["dest"] == "127.0.0.17"
    assert "(hidden)" in ended.stderr
    assert "127.0.0.17" not in ended.stderr
    assert [name for name in names if "127.0.0.17" in (tmp_path / name).read_text()] == []
