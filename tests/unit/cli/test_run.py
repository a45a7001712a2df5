"""Running a batch for the command."""

from __future__ import annotations

import json

import click
import pytest

from pscheduler_batch.cli.batch import batch as command
from pscheduler_batch.cli.modes import run
from pscheduler_batch.cli.modes.run import _show_bugs
from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.output import console
from pscheduler_batch.planning.planner import plan_batch
from pscheduler_batch.transforms.pipeline import Transforms

SECRET = "correct horse"


def test_the_traceback_of_a_bug_has_no_secrets_of_tasks(capsys):
    """Not even those that only a transform has put there; Python quotes what it stumbles over (ADR 18)."""
    script = f'.test.spec._key = "{SECRET}"'
    job = {"task": {"test": {"type": "idle", "spec": {}}}, "label": "a", "task-transform": {"script": script}}
    batch = load_batch({"jobs": [job]})
    with pytest.raises(KeyError) as raised:
        {}[SECRET]
    _show_bugs([raised.value], plan_batch(batch, Transforms(batch)))
    shown = capsys.readouterr().err

    assert shown.endswith("KeyError: '(hidden)'\n")
    assert "test_run.py" in shown
    assert SECRET not in shown


def test_the_traceback_of_a_bug_outside_the_iterations_has_no_secrets_either(tmp_path, capsys, monkeypatch):
    """Such as one in a report; the results were written before."""

    def report_of_texts(*_: object, **__: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(run, "report_of_texts", report_of_texts)
    file = tmp_path / "batch.json"
    file.write_text(json.dumps({"jobs": [{"task": {"test": {"type": "idle", "spec": {}}, "_key": SECRET}}]}))
    options = "--embedded", "--report", str(tmp_path / "report.txt"), "-o", str(tmp_path / "output.json")

    assert command.main([*options, str(file)], standalone_mode=False) == 1
    assert capsys.readouterr().err.endswith("KeyError: '(hidden)'\n")
    assert "results" in json.loads((tmp_path / "output.json").read_text())["jobs"][0]


def test_a_bug_that_hits_many_iterations_is_shown_once(capsys):
    """Thousands of the same would hide everything else."""
    bugs = []
    for divisor in (0, 0, 0, None):
        with pytest.raises((ZeroDivisionError, TypeError)) as raised:
            _ = 1 / divisor
        bugs.append(raised.value)
    _show_bugs(bugs, plan_batch(load_batch({"jobs": []}), Transforms(load_batch({"jobs": []}))))
    shown = capsys.readouterr().err

    assert shown.count("Traceback") == 2
    assert shown.count("\nThis happened 3 times.\n") == 1


@pytest.mark.parametrize(
    ("options", "warned"),
    [([], 0), (["-q"], 0), (["-v"], 1), (["--debug"], 1), (["--check"], 1), (["--plan"], 1), (["--dry-run"], 1)],
)
def test_warnings_about_the_file_are_not_printed_by_a_plain_run(tmp_path, capsys, monkeypatch, options, warned):
    """With cron, they would be mailed after every run; checks, previews and verbose runs print them."""
    monkeypatch.setattr(run, "_run", lambda *_: 0)
    file = tmp_path / "batch.json"
    task = {"test": {"type": "noop", "spec": {}}}
    file.write_text(json.dumps({"jobs": [{"task": [task], "iterations": 3}]}))

    assert command.main(["--embedded", *options, str(file)], standalone_mode=False) == 0
    assert capsys.readouterr().err.count(": warning: /jobs/0/iterations: 3 is ignored") == warned


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A directory with a batch that is right and one that is wrong, and nothing else."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").write_text('{"jobs": [{"task": {"test": {"type": "noop", "spec": {}}}}]}')
    (tmp_path / "bad").write_text('{"jobs": 5}')
    return tmp_path


@pytest.mark.parametrize("option", ["--check", "--plan"])
@pytest.mark.parametrize("order", [("good", "bad"), ("bad", "good", "good"), ("good", "missing"), ("good", "good")])
@pytest.mark.usefixtures("folder")
def test_several_files_get_a_verdict_each_and_the_worst_status(capsys, option, order):
    """An error in one does not keep the others from being checked."""
    status = command.main([option, *order], standalone_mode=False)
    shown = capsys.readouterr()

    assert status == (0 if set(order) == {"good"} else 1)
    assert sum(line.startswith("good: ") or line == "good:" for line in shown.out.splitlines()) == order.count("good")
    assert shown.err.count("bad:1:10: error: /jobs: ") == order.count("bad")
    assert shown.err.count("missing") == order.count("missing")


def test_several_files_cannot_be_run():
    """A batch is one file."""
    with pytest.raises(click.UsageError, match="several files require --check, --check-server or --plan"):
        command.main(["--embedded", "a.json", "b.json"], standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--data", "-"], "the batch or --data"),
        (["-", "--set-file", "note=-"], "the batch or --set-file"),
        (["--only-failed", "-"], "the batch or --only-failed"),
        (["--expect-file", "-"], "the batch or --expect-file"),
        (["good", "--data", "-", "--expect-file", "-"], "--data or --expect-file"),
        (["--check", "-", "good", "-"], "the batch"),
        (["--check", "good", "good", "--expect-file", "-"], "--expect-file"),
    ],
)
def test_the_standard_input_is_not_read_twice(arguments, names):
    """The second time it is empty: an expectation or a value would be missing without a word."""
    with pytest.raises(click.UsageError, match=f"can only be read once; give a file for {names}$"):
        command.main(["--embedded", *arguments] if "--check" not in arguments else arguments, standalone_mode=False)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(("file", "status"), [("good", 0), ("bad", 1), ("missing", 1)])
def test_the_result_of_a_check_goes_to_a_file(folder, capsys, form, file, status):
    """Instead of to the standard output and the standard error; only what keeps a file from being read stays there."""
    (folder / "result").write_text("old")
    command.main(["--check", "--format", form, file], standalone_mode=False)
    usual = capsys.readouterr()
    got = command.main(["--check", "--format", form, "-o", "result", file], standalone_mode=False)
    shown = capsys.readouterr()
    unread = file == "missing" and form == "text"

    assert got == status
    assert (folder / "result").read_text() == ("old" if unread else usual.err + usual.out)
    assert (shown.out, shown.err) == ("", usual.err if unread else "")


@pytest.mark.parametrize(
    "arguments",
    [["large"], ["--data", "large", "good"], ["--set-file", "x=large", "good"], ["--expect-file", "large", "good"]],
)
def test_no_file_may_be_larger_than_the_limit(folder, capsys, monkeypatch, arguments):
    """Neither the batch nor what options add to it; the man page has the limit."""
    (folder / "large").write_text("1" * 1000)
    monkeypatch.setattr(console, "LARGEST_INPUT", 999)

    assert command.main(["--embedded", *arguments], standalone_mode=False) == 1
    assert "cannot read large: it is larger than " in capsys.readouterr().err


def test_the_result_of_a_check_does_not_replace_the_batch(folder, capsys):
    """Under no name of it."""
    (folder / "link").symlink_to("good")
    before = (folder / "good").read_text()

    assert command.main(["--check", "-o", "link", "good"], standalone_mode=False) == 1
    assert "cannot write link: it is the batch to check; choose another file" in capsys.readouterr().err
    assert (folder / "good").read_text() == before


def test_the_file_for_results_of_the_environment_is_not_for_checks(folder, monkeypatch):
    """They would replace the results of the last run."""
    monkeypatch.setenv("PSCHEDULER_BATCH_OUTPUT", "results")

    assert command.main(["--check", "good"], auto_envvar_prefix="PSCHEDULER_BATCH", standalone_mode=False) == 0
    assert not (folder / "results").exists()


@pytest.mark.usefixtures("folder")
def test_the_results_of_several_checks_do_not_fit_into_a_file():
    """Each would replace the one before."""
    with pytest.raises(click.UsageError, match="--output takes the result of one file"):
        command.main(["--check", "-o", "result", "good", "bad"], standalone_mode=False)
