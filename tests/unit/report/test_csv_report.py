"""Tests of the report for spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest

from pscheduler_batch.report.csv_report import COLUMNS, CsvReport
from pscheduler_batch.report.document_rows import report_of
from tests.support.output_documents import END, HOSTILE, START, failed_run, job, output, result, run, several


def text_of(document):
    """Write the report on a document."""
    return "".join(CsvReport().render(report_of(document)))


def lines_of(document):
    """Read the report on a document back, as a dictionary for each line."""
    return list(csv.DictReader(io.StringIO(text_of(document), newline="")))


def test_the_columns_that_are_always_there():
    """In this order, whatever the batch was."""

    assert text_of(output()) == (
        "job,iteration,run,label,test,lead,destination,state,succeeded,planned,start,end,duration (s),late (s),"
        "headline,reason\r\n"
    )


def test_a_line_for_every_run():
    """With the metrics in full and in base units, which are in the names of the columns."""
    (line,) = lines_of(output(job(result(run()), label="first")))

    assert {name: line[name] for name in (*COLUMNS, "rtt-mean (s)", "loss (ratio)", "sent")} == {
        "job": "0",
        "iteration": "0",
        "run": "0",
        "label": "first",
        "test": "rtt",
        "lead": "ps.example.net",
        "destination": "192.0.2.1",
        "state": "finished",
        "succeeded": "true",
        "planned": "",
        "start": START,
        "end": END,
        "duration (s)": "185",
        "late (s)": "",
        "headline": "0.3/0.4/0.5 ms, loss 25 %",
        "reason": "",
        "rtt-mean (s)": "0.0004",
        "loss (ratio)": "0.25",
        "sent": "4",
    }


def test_different_tests_have_their_own_columns():
    """The cells of the others are empty."""
    dns = result(run({"succeeded": True, "time": "PT0.0042S"}), kind="dns")
    first, second = lines_of(output(job(result(run()), dns)))

    assert (first["rtt-mean (s)"], first["dns-time (s)"]) == ("0.0004", "")
    assert (second["rtt-mean (s)"], second["dns-time (s)"]) == ("", "0.0042")


def test_what_varies_has_columns():
    """Text as it is, everything else as in JSON."""
    values = [5, 0.5, True, None, "x"]
    lines = lines_of(output(job(*(result(run(), count=value) for value in values))))

    assert [line["/test/spec/count"] for line in lines] == ["5", "0.5", "true", "null", "x"]


def test_failures_have_a_line_too():
    """With the reason, in one line; without a run, its number is empty."""
    first, second = lines_of(output(job(result(failed_run("no\nanswer")), result(error="forbidden"))))

    assert (first["run"], first["succeeded"], first["state"], first["reason"]) == ("0", "false", "failed", "no answer")
    assert (second["run"], second["headline"], second["reason"]) == ("", "failed", "forbidden")


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "  =1", "\uff1d1"])
def test_no_cell_is_a_formula(label):
    """A spreadsheet would evaluate it, which can leak data."""
    document = output(job(result(failed_run(label), dest=label), result(run(), dest="x"), label=label))
    line = lines_of(document)[0]

    assert {line[name][0] for name in ("label", "destination", "reason", "/test/spec/dest")} == {"'"}


def test_negative_numbers_are_numbers():
    """The difference of clocks may be one."""
    (line,) = lines_of(output(job(result(run({"succeeded": True, "difference": "-PT1S"}), kind="clock"))))

    assert line["clock-difference (s)"] == "-1"


def test_a_hostile_label_stays_in_its_cell():
    """Quotes, commas and line ends do not break the lines."""
    document = output(job(result(run()), label=f'a",\r\n"b{HOSTILE}'), job(result(run())))
    text = text_of(document)

    assert text.count("\r\n") == text.count("\n") == 3
    assert lines_of(document)[0]["label"].startswith('a", "b')


def test_several_results_have_the_times_of_their_lead_run_and_their_own():
    """The column with their own comes after those that are always there."""
    document = output(job(several(10, 20, start=4, end=44), result(run())))
    names = text_of(document).partition("\r\n")[0].split(",")
    lines = lines_of(document)

    assert names[: len(COLUMNS) + 1] == [*COLUMNS, "result-time"]
    assert [line["start"][11:19] for line in lines] == ["12:00:04", "12:00:04", "12:00:00"]
    assert [line["duration (s)"] for line in lines] == ["40", "40", "185"]
    assert [line["result-time"][11:19] for line in lines] == ["12:00:10", "12:00:20", ""]
