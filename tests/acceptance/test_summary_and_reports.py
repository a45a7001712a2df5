"""What a batch leaves behind for people: the summary on the standard error, and reports (the real command)."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_metrics

from tests.support.commands import job, run_batch, task
from tests.support.terminal import Terminal

REPORTS = (
    "report.html",
    "report.csv",
    "report.xml",
    "report.txt",
    "report.md",
    "report.jsonl",
    "report.prom",
)
SHOWN = {"PSCHEDULER_BATCH_NO_SUMMARY": ""}
GOOD = {"jobs": [job("idle", task=task("idle", duration="PT0.1S"), iterations=2)]}
MIXED = {"jobs": [job("good"), job("bad", task=task("noop", fail=1.0))]}
SECRET = {"jobs": [job("hidden", task={**task(), "reference": {"_key": "swordfish"}})]}


def test_where_there_is_no_terminal_nothing_is_said_of_what_went_well(there):
    """So cron has nothing to send."""
    ended = run_batch(*there, batch=GOOD, **SHOWN)

    assert (ended.status, ended.stderr) == (0, "")


def test_a_failure_is_summed_up(there):
    """With its reason, after everything else."""
    ended = run_batch(*there, batch=MIXED, **SHOWN)
    lines = ended.stderr.splitlines()

    assert ended.status == 3
    assert lines[0].split() == ["iteration", "lead", "→", "destination", "state", "result", "duration"]
    assert [line.split()[0] for line in lines[1:3]] == ["good/0", "bad/0"]
    assert lines[-1].startswith("2 runs: 1 succeeded, 1 failed; ")
    assert json.loads(ended.stdout)["jobs"][1]["results"][0]["error"] in ended.stderr


@pytest.mark.parametrize("options", [["-q"], ["--no-summary"]])
def test_a_summary_can_be_left_out(there, options):
    """The exit status says it all."""
    ended = run_batch(*there, *options, batch=MIXED, **SHOWN)

    assert (ended.status, ended.stderr) == (3, "")


def test_with_lines_for_events_there_is_a_summary_too(there):
    """Nothing has to be looked up in the document."""
    ended = run_batch(*there, "-v", batch=GOOD, **SHOWN)

    assert ended.stderr.splitlines()[-1].startswith("2 runs: 2 succeeded, 0 failed; ")


def test_a_terminal_has_a_summary(there, tmp_path):
    """Below whatever was shown before."""
    with Terminal(*there, batch=GOOD, folder=tmp_path, **SHOWN) as terminal:
        ended = terminal.end()

    assert ended.status == 0
    assert "idle/1" in terminal.plain
    assert "2 runs: 2 succeeded, 0 failed; " in terminal.plain


def test_reports_of_every_form(there, tmp_path):
    """By the endings of their names, all of one batch, which is on the standard output as ever."""
    options = [option for name in REPORTS for option in ("--report", str(tmp_path / name))]
    ended = run_batch(*there, *options, batch=MIXED)
    html, comma, xml, text, markdown, lines, metrics = (
        (tmp_path / name).read_text(encoding="utf-8") for name in REPORTS
    )

    assert ended.status == 3
    assert [len(results) for results in ended.results] == [1, 1]
    assert html.lower().startswith("<!doctype html>")
    assert [row["label"] for row in csv.DictReader(io.StringIO(comma))] == ["good", "bad"]
    assert ET.fromstring(xml).attrib["failures"] == "1"  # noqa: S314 - it is our own
    assert text.splitlines()[-1].startswith("2 runs: 1 succeeded, 1 failed; ")
    assert markdown.startswith("## Batch: 1 of 2 runs failed\n\n2 runs: 1 succeeded, 1 failed; ")
    assert [json.loads(line)["label"] for line in lines.splitlines()] == ["good", "bad"]
    values = {sample.name: sample.value for family in read_metrics(metrics) for sample in family.samples}
    assert (values["pscheduler_batch_runs"], values["pscheduler_batch_failed_runs"]) == (2, 1)
    assert 'pscheduler_batch_runs{batch="report"} 2\n' in metrics


def test_a_form_can_be_named(there, tmp_path):
    """For a file whose name does not say it; the time can be in the name."""
    ended = run_batch(*there, "--report", str(tmp_path / "%Y"), "--format", "csv", batch=GOOD)
    (report,) = tmp_path.iterdir()

    assert ended.status == 0
    assert abs(int(report.name) - datetime.now().astimezone().year) <= 1
    assert report.read_text(encoding="utf-8").startswith("job,iteration,run,label,test,")


def test_a_page_names_the_batch(there, tmp_path):
    """By the name of its file."""
    batch, page = tmp_path / "mesh.json", tmp_path / "page.html"
    batch.write_text(json.dumps(GOOD), encoding="utf-8")
    ended = run_batch(*there, "--report", str(page), str(batch))

    assert ended.status == 0
    assert '<bdi class="file">mesh.json</bdi>' in page.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_is_known_at_once(pscheduler, there):
    """Before anything is submitted."""
    before = len(pscheduler.state.tasks)
    ended = run_batch(*there, "--report", "/nowhere/report.html", batch=GOOD)

    assert (ended.status, ended.stdout) == (1, "")
    assert "cannot write /nowhere/report.html: /nowhere does not exist; create it first" in ended.stderr
    assert len(pscheduler.state.tasks) == before


def test_a_name_that_does_not_say_the_form_is_refused_at_once(pscheduler, there, tmp_path):
    """Before anything is submitted."""
    before = len(pscheduler.state.tasks)
    ended = run_batch(*there, "--report", str(tmp_path / "report.pdf"), batch=GOOD)

    assert (ended.status, ended.stdout) == (1, "")
    assert "report.pdf: use the ending .html, " in ended.stderr
    assert len(pscheduler.state.tasks) == before


def test_a_report_never_takes_the_place_of_the_results(pscheduler, there, tmp_path):
    """Nor that of another report; it is said before anything is submitted."""
    before = len(pscheduler.state.tasks)
    path = str(tmp_path / "out.html")
    ended = [
        run_batch(*there, option, path, "--report", path, batch=GOOD) for option in ("-o", "--report", "--journal")
    ]

    assert {(each.status, each.stdout) for each in ended} == {(1, "")}
    assert {each.stderr for each in ended} == {
        f"pscheduler batch: error: two options name the same file, {path}; choose different files\n"
    }
    assert len(pscheduler.state.tasks) == before


def test_a_report_that_cannot_be_written_in_the_end_costs_nothing_else(there):
    """The results are printed, and the other report is written."""
    ended = run_batch(*there, "--report", "/dev/full", "--format", "text", batch=GOOD)

    assert ended.status == 1
    assert [len(results) for results in ended.results] == [2]
    assert ended.stderr == "pscheduler batch: error: cannot write /dev/full: No space left on device\n"


def test_secrets_are_in_no_report(there, tmp_path):
    """Nor in the summary, nor in the lines of events."""
    options = [option for name in REPORTS for option in ("--report", str(tmp_path / name))]
    ended = run_batch(*there, "-v", *options, batch=SECRET, **SHOWN)

    assert "swordfish" in ended.stdout
    assert "swordfish" not in ended.stderr
    assert [name for name in REPORTS if b"swordfish" in Path(tmp_path, name).read_bytes()] == []
