"""Tests of the table of runs in a page."""

from __future__ import annotations

from dataclasses import replace

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.html_table import columns_of, same_of
from tests.support.output_documents import RTT, failed_run, job, output, result, run, several

FAST = {"succeeded": True, "summary": {"summary": {"throughput-bits": 9.41e9}}}


def rows_of(*results, **pairs):
    """Return the rows of a job with such iterations."""
    return list(report_of(output(job(*results, **pairs))).rows)


def cells_of(rows, title):
    """Return the column with such a title, as text, unit and what it is sorted by."""
    (column,) = (column for column in columns_of(rows) if column.title == title)
    return [(cell.text, cell.unit, cell.order) for cell in map(column.cell, rows)]


def test_the_columns_of_a_sweep():
    """What varied, what was measured, and when."""
    rows = rows_of(result(run(), length=1), result(run(), length=2))
    measured = ["Shortest round trip", "Mean round trip", "Longest round trip", "Loss"]

    assert [column.title for column in columns_of(rows)] == ["length", *measured, "Start", "Duration"]


def test_numbers_are_shown_with_their_unit_and_sorted_as_they_are():
    """9.41 Gb/s comes after 99 Mb/s."""
    rows = rows_of(result(run(FAST), kind="throughput"), result(failed_run(), kind="throughput"))

    assert cells_of(rows, "Throughput") == [("9.41", "Gb/s", "9410000000.0"), ("\u2013", "", "")]


def test_without_metrics_the_headline_is_shown():
    """A test that is not known says only that it succeeded."""
    rows = rows_of(result(run({"succeeded": True}), kind="strange"))

    assert cells_of(rows, "Result") == [("succeeded", "", "succeeded")]


def test_hosts_have_columns_where_they_differ():
    """Otherwise they are shown once."""
    rows = rows_of(result(run(href="https://a.example/pscheduler/tasks/t/runs/r")), result(run()))

    assert (same_of(rows, "destination"), same_of(rows, "lead")) == ("192.0.2.1", None)
    assert [text for text, _, _ in cells_of(rows, "Lead")] == ["a.example", "ps.example.net"]


def test_what_varied_is_not_shown_twice():
    """Where the transform varied the destination, that is the column for it."""
    titles = [column.title for column in columns_of(rows_of(result(run(), dest="a"), result(run(), dest="b")))]

    assert "dest" in titles
    assert "Destination" not in titles


def test_names_that_occur_twice_are_whole_pointers():
    """A schedule's duration is not a test's."""
    rows = rows_of(result(run()), result(run()))
    rows = [replace(row, varied={"/a/size": n, "/b/size": "x"}) for n, row in enumerate(rows)]
    columns = columns_of(rows)

    assert [(column.title, column.numeric) for column in columns[:2]] == [("/a/size", True), ("/b/size", False)]


def test_delays_have_a_column_where_a_start_was_planned():
    """In words, and sorted as seconds."""
    planned = result(run(RTT, start_time="2026-03-01T12:00:01.5Z"))
    planned["task"]["schedule"]["start"] = "2026-03-01T12:00:00Z"

    assert cells_of(rows_of(planned, parallel=True), "After plan") == [("1.5 s", "", "1.5")]


def test_several_results_have_a_column_with_their_times():
    """Start and duration are those of the lead run."""
    rows = rows_of(several(10, 20), result(run()))

    assert [text for text, _, _ in cells_of(rows, "Start")] == ["12:00:00"] * 3
    assert [text for text, _, _ in cells_of(rows, "Duration")] == ["40 s", "40 s", "3 min 5 s"]
    assert [text for text, _, _ in cells_of(rows, "Result at")] == ["12:00:10", "12:00:20", "\u2013"]


def test_times_of_several_days_have_the_day():
    """A batch that runs past midnight would otherwise seem to go back in time."""
    evening, night = result(run(start_time="2026-03-01T23:59:50Z")), result(run(start_time="2026-03-02T00:00:05Z"))
    shown = [text for text, _, _ in cells_of(rows_of(evening, night, result(error="no lead")), "Start")]

    assert shown == ["2026-03-01 23:59:50", "2026-03-02 00:00:05", "\u2013"]
    assert [text for text, _, _ in cells_of(rows_of(night, night), "Start")] == ["00:00:05"] * 2
