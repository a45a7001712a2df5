"""Tests of the report for databases and data frames."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.jsonl_report import JsonlReport
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run, several


def text_of(document):
    """Write the report on a document."""
    return "".join(JsonlReport().render(report_of(document)))


def objects_of(document):
    """Read the report on a document back, as a reader that allows nothing beyond JSON does."""
    return [json.loads(line, parse_constant=pytest.fail) for line in text_of(document).splitlines()]


def test_an_object_for_every_run():
    """Flat, with the metrics by name and in base units, what varies, and times that a database recognizes."""
    document = output(job(result(run(), length=64), result(failed_run("Timeout"), length=128), label="first"))
    first, second = objects_of(document)

    assert first == {
        "source": "",
        "job": 0,
        "iteration": 0,
        "run": 0,
        "label": "first",
        "test": "rtt",
        "lead": "ps.example.net",
        "destination": "192.0.2.1",
        "state": "finished",
        "succeeded": True,
        "planned": None,
        "start": "2026-03-01T12:00:00+00:00",
        "end": "2026-03-01T12:03:05+00:00",
        "duration": 185.0,
        "late": None,
        "headline": "0.3/0.4/0.5 ms, loss 25 %",
        "reason": None,
        "result-time": None,
        "rtt-min": 0.0003,
        "rtt-mean": 0.0004,
        "rtt-max": 0.0005,
        "sent": 4.0,
        "lost": 1.0,
        "loss": 0.25,
        "/test/spec/length": 64,
    }
    assert (second["succeeded"], second["reason"], second["/test/spec/length"]) == (False, "Timeout", 128)
    assert "loss" not in second


def test_the_objects_are_the_rows():
    """Of several results and of iterations without a run as well; only times become text."""
    report = report_of(output(job(several(10, 20), result(error="forbidden")), job(result(run()))))
    rows = [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.as_dict().items()}
        for row in report.rows
    ]

    assert list(map(json.loads, JsonlReport().render(report))) == rows
    assert len(rows) == 4


def test_a_batch_without_runs_is_no_line():
    """As a loader of many files expects it."""
    assert text_of(output(job())) == ""


def test_hostile_text_stays_in_its_value():
    """The line is ASCII, so that no terminal obeys it, and holds no unpaired surrogate, which readers refuse."""
    document = output(job(result(failed_run(f"é{HOSTILE}")), label='"}\n{"x": "\u2028'))
    text = text_of(document)
    (line,) = objects_of(document)

    assert (text.count("\n"), text.isascii(), text.isprintable()) == (1, True, False)
    assert text[:-1].isprintable()
    assert line["label"] == '"}\n{"x": "\u2028'
    assert line["reason"] == f"é{HOSTILE}".replace("\ud800", "?").strip()


@pytest.mark.parametrize(("given", "written"), [(1e999, None), (float("nan"), None), (2**70, 2**70), ("é", "é")])
def test_numbers_that_json_does_not_have_are_null(given, written):
    """Python's JSON would write a word for them that others refuse; whole numbers keep all digits."""
    first, second = objects_of(output(job(result(run(), x=given), result(run(), x=0.1))))

    assert (first["/test/spec/x"], second["/test/spec/x"]) == (written, 0.1)
