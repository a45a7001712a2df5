"""Tests of keeping the rows of a report on disk (ADR 57)."""

from __future__ import annotations

import gc
import os
from dataclasses import replace
from os import urandom

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.formats import FORMATS
from pscheduler_batch.report.rendering import render_report
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run, skipped

DOCUMENT = output(
    job(result(run(), length=1), result(failed_run(), run(), length=2), label="a"),
    job(label="empty"),
    job(result(run({"succeeded": True, "x": [HOSTILE] * 1000}), length=3), result(error="no", length=3), label="b"),
)


def test_rows_can_be_read_repeatedly_and_by_turns():
    """They can be counted, too, as a whole and those that failed."""
    report = report_of(DOCUMENT)
    pairs = list(zip(report.rows, report.rows))

    assert [row.label for row, _ in pairs] == ["a/0", "a/1", "a/1", "b/0", "b/1"]
    assert all(one == other for one, other in pairs)
    assert len(report.rows) == 5
    assert ([row.label for row in report.failed], len(report.failed)) == (["a/1", "b/1"], 2)
    assert next(iter(report.failed)) in report.rows


def test_what_was_skipped_has_not_failed():
    """Nor has it succeeded, and neither has its batch; a run whose state has that name is a run."""
    report = report_of(
        output(job(result(failed_run()), skipped(), result(run({"succeeded": False}, state="skipped"))), job(skipped()))
    )
    alone = report_of(output(job(skipped())))

    assert [row.label for row in report.failed] == ["rtt/0", "rtt/2"]
    assert [row.label for row in report.skipped] == ["rtt/1", "rtt/0"]
    assert (len(report.failed), len(report.skipped)) == (2, 2)
    in_memory = replace(report, rows=tuple(report.rows))
    assert (len(in_memory.failed), len(in_memory.skipped)) == (2, 2)
    assert (len(alone.failed), alone.succeeded, next(iter(alone.rows)).succeeded) == (0, False, False)


def test_what_a_job_varies_is_that_of_all_its_tasks():
    """Although the first row is stored before the others are known."""

    assert [dict(row.varied) for row in report_of(DOCUMENT).rows] == [
        {"/test/spec/length": 1},
        {"/test/spec/length": 2},
        {"/test/spec/length": 2},
        {},
        {},
    ]


def test_rows_say_how_many_their_iteration_has():
    """So that formats number runs only where there are several."""

    assert [row.runs for row in report_of(DOCUMENT).rows] == [1, 2, 2, 1, 0]


def test_many_rows_are_in_one_file_without_a_name(tmp_path, monkeypatch):
    """It is gone with the report."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    report = report_of(output(*(job(result(run({"succeeded": True, "x": urandom(200_000).hex()}))) for _ in range(6))))
    during = len(os.listdir("/proc/self/fd"))
    listed = os.listdir(tmp_path)
    assert len(list(report.rows)) == 6
    del report
    gc.collect()

    assert (during, len(os.listdir("/proc/self/fd")), listed) == (before + 1, before, [])


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_formats_say_whether_they_need_results(form):
    """A report without results is the same in a format that does not need them."""
    reports = [report_of(DOCUMENT, results=results) for results in (True, False)]
    whole, brief = (b"".join(render_report(form, report)) for report in reports)

    assert (whole == brief) == (not FORMATS[form].results)
