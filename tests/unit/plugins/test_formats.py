"""Specs and results of the test ``batch`` for people."""

from __future__ import annotations

import pytest

from pscheduler_batch.plugins.methods import MethodError
from tests.support.methods import called

FORMATS = ("text/plain", "text/html")
HOSTILE = "<script>alert(1)</script>\x1b[2J"


def result_of(*runs, label="mesh", **pairs):
    """Return the result of a batch with one job, an rtt test with so many runs."""
    task = {"test": {"type": "rtt", "spec": {"dest": "ps2.example.net"}}}
    results = [{"task": task, "runs": [run]} for run in runs]
    batch = {"start": "2026-03-01T12:00:00Z", "end": "2026-03-01T12:01:00Z"}
    document = {"jobs": [{"label": label, "results": results}], "batch": batch}
    return {"succeeded": True, "schema": 1, "batch": document, **pairs}


GOOD = {"application/json": {"succeeded": True, "min": "PT0.01S", "mean": "PT0.02S", "max": "PT0.03S", "loss": 0.0}}
BAD = {"application/json": {"succeeded": False, "error": f"no route {HOSTILE}"}}


@pytest.mark.parametrize("form", FORMATS)
def test_a_result_is_the_summary_of_the_batch(form):
    """It has the numbers of each run, and the totals."""
    text = called("test/batch/result-format", {"spec": {}, "result": result_of(GOOD, GOOD)}, form)

    assert "mesh/0" in text
    assert "mesh/1" in text
    assert "20" in text
    assert "2 runs: 2 succeeded, 0 failed; 1 min" in text


@pytest.mark.parametrize("form", FORMATS)
def test_a_failed_result_has_what_was_obtained_and_why_it_failed(form):
    """The reasons are those of the runs, and what the tool says."""
    result = result_of(GOOD, BAD, succeeded=False, error="1 of 2 runs failed", diags="mesh/1: no route")
    text = called("test/batch/result-format", {"spec": {}, "result": result}, form)

    assert "1 succeeded, 1 failed" in text
    assert "mesh/1: no route" in text
    assert "1 of 2 runs failed" in text


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"succeeded": False, "error": "Tool failed: killed", "diags": "x"}, "Tool failed: killed"),
        ({"succeeded": False, "batch": {"jobs": "what"}}, "there is no result"),
        ({"succeeded": True, "batch": None}, "there is no result"),
        ({}, "there is no result"),
        (None, "there is no result"),
        ([1], "there is no result"),
    ],
)
def test_a_result_without_a_batch_is_shown_as_well(form, result, words):
    """PScheduler itself makes such results, for example when it has killed the tool."""

    assert words in called("test/batch/result-format", {"spec": {}, "result": result}, form)


def test_nothing_in_a_result_becomes_markup_or_a_terminal_escape():
    """Labels and servers may say anything."""
    value = {"spec": {}, "result": result_of(BAD, label=HOSTILE, succeeded=False, error=HOSTILE)}
    html, text = (called("test/batch/result-format", value, form) for form in ("text/html", "text/plain"))

    assert "<script" not in html
    assert "\x1b" not in html + text


def test_a_large_batch_has_a_line_for_each_job():
    """Pages of pScheduler and its clients show all of it."""
    value = {"spec": {}, "result": result_of(*[GOOD] * 200)}
    html = called("test/batch/result-format", value, "text/html")

    assert html.count("<tr>") == 2
    assert "200" in html


@pytest.mark.parametrize("form", FORMATS)
def test_a_spec_is_shown_with_its_jobs_and_pairs(form):
    """Of the batch itself, the labels of its jobs are enough."""
    spec = {"batch": {"jobs": [{"label": "mesh"}, {}, {"label": HOSTILE}]}, "duration": "PT1M", "host": "<ps>"}
    text = called("test/batch/spec-format", spec, form)

    assert "3 jobs: mesh, job-1" in text
    assert "PT1M" in text
    assert "\x1b" not in text
    assert ("<ps>" in text) == (form == "text/plain")
    assert "mesh.json" in called("test/batch/spec-format", {"batch-url": "mesh.json"}, form)


@pytest.mark.parametrize("method", ["spec-format", "result-format"])
def test_another_format_is_an_error(method):
    """PScheduler asks for no other."""
    with pytest.raises(MethodError, match="unsupported MIME type 'text/csv'"):
        called(f"test/batch/{method}", {}, "text/csv")
