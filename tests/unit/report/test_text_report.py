"""Tests of the report as text, and of the table of runs that it shares with the summary."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.run_table import row_columns, totals_line
from pscheduler_batch.report.text_report import TextReport
from pscheduler_batch.terminal.table import render_lines, table_lines
from tests.support.output_documents import HOSTILE, RTT, broken, failed_run, job, judged, kept, output, result, run


def text_of(document, width=120):
    """Write the report on a document."""
    return "".join(TextReport(width).render(report_of(document)))


def test_the_report_as_text():
    """Every run, why some failed, and how many did."""
    document = output(
        job(result(run()), result(failed_run("Timeout")), result(error="posting the task: no"), label="first"),
        job(result(run(), run()), label="second"),
        job(label="off"),
    )
    document["batch"]["error"] = "continue-if failed"

    assert text_of(document) == (
        "iteration       lead → destination          state     result                      duration\n"
        "first/0         ps.example.net → 192.0.2.1  finished  0.3/0.4/0.5 ms, loss 25 %  3 min 5 s\n"
        "first/1         ps.example.net → 192.0.2.1  failed                               3 min 5 s\n"
        "first/2         → 192.0.2.1                 failed\n"
        "second/0 run 0  ps.example.net → 192.0.2.1  finished  0.3/0.4/0.5 ms, loss 25 %  3 min 5 s\n"
        "second/0 run 1  ps.example.net → 192.0.2.1  finished  0.3/0.4/0.5 ms, loss 25 %  3 min 5 s\n"
        "\n"
        "second, all 2 runs: min/mean/max 0.3/0.4/0.5 ms, loss 25 %\n"
        "\n"
        "first/1: Timeout\n"
        "first/2: posting the task: no\n"
        "\n"
        "continue-if failed\n"
        "\n"
        "5 runs: 3 succeeded, 2 failed; 3 min 5 s; not run: off; the batch ended early\n"
    )


def test_a_late_start_is_shown():
    """A run that missed its synchronized start may say little about the others."""
    document = output(job({**result(run()), "late": "PT2.5S"}))

    assert "0.3/0.4/0.5 ms, loss 25 %, 2.5 s late" in text_of(document)


def test_the_number_of_an_iteration_is_never_cut():
    """The label is."""
    document = output(job(result(run()), result(run()), label="a-label-that-has-no-end" * 5))
    lines = text_of(document, 40).splitlines()

    assert [line.split()[0] for line in lines[1:3]] == ["a-label-…/0", "a-label-…/1"]


def test_a_terminal_of_eighty_columns_shows_a_whole_headline_beside_a_long_label():
    """A loss that is cut off could be any."""
    measured = {**RTT, "min": "PT0.0123S", "mean": "PT0.0145S", "max": "PT0.0167S", "sent": 200}
    document = output(job(result(run(measured)), label="to-the-other-end-of-the-world"))

    assert " 12.3/14.5/16.7 ms, loss 0.5 % " in text_of(document, 80)


@pytest.mark.parametrize(
    ("lead", "size", "shown"),
    [
        ("127.0.0.1:40123", 27, "127.0.0.1:40123 → 192.0.2.1"),
        ("127.0.0.1:40123", 26, "127.0.0.1 → 192.0.2.1"),
        ("127.0.0.1:40123", 20, "127.0.0… → 192.0.2.1"),
        ("127.0.0.1:40123", 17, "→ 192.0.2.1"),
        ("127.0.0.1:40123", 10, "→ 192.0.2…"),
        ("[2001:db8::1]:443", 28, "[2001:db8::1] → 192.0.2.1"),
        ("2001:db8::1:2:4430", 29, "2001:db8::1:2:44… → 192.0.2.1"),
        ("ps1", 15, "ps1 → 192.0.2.1"),
        ("ps1", 14, "→ 192.0.2.1"),
    ],
)
def test_the_destination_is_cut_last(lead, size, shown):
    """And of the lead, the port goes first; a piece of a few characters says nothing."""
    document = output(job(result(run())))
    (row,) = report_of(document).rows
    path = row_columns([replace(row, lead=lead)])[1]
    written = render_lines(table_lines([path], size), size)

    assert written.splitlines()[1] == shown


@pytest.mark.parametrize("width", [1, 2, 3, 10, 20, 33, 80, 300])
def test_hostile_texts_fit_too(width):
    """Wide characters and those that have no width, and what a terminal would obey."""
    wide = "漢字" * 30 + "e\u0301" * 30
    document = output(job(result(run(state=wide), dest=HOSTILE), label=wide), job(result(error=HOSTILE), label=HOSTILE))

    lines = text_of(document, width).splitlines()
    assert max(len(line) for line in lines) <= width * 3
    assert not set("\x1b\x00\u202e") & set("".join(lines))


@pytest.mark.parametrize(
    ("document", "line"),
    [
        (output(), "no runs; 3 min 5 s"),
        (output(job(result(run()))), "1 run: 1 succeeded, 0 failed; 3 min 5 s"),
        (output(job(*[result(run())] * 1200), batch={}), "1,200 runs: 1,200 succeeded, 0 failed"),
        (output(*(job(label=f"j{n}") for n in range(9)), batch={}), "no runs; not run: j0, j1, j2, j3 and 5 more"),
        (
            output(job(result(error="no")), batch={"error": "x"}),
            "1 run: 0 succeeded, 1 failed; the batch ended early",
        ),
    ],
)
def test_totals(document, line):
    """In one line."""

    assert totals_line(report_of(document)) == line


def test_rows_of_one_run_do_not_number_it():
    """Runs are numbered only where an iteration has several."""
    columns = row_columns(report_of(output(job(result(run()), result(run(), run())))).rows)

    assert [cell.text + cell.end for cell in columns[0].cells] == ["rtt/0", "rtt/1 run 0", "rtt/1 run 1"]


def test_expectations_have_a_paragraph():
    """All of them, however many."""
    text = text_of(judged(*(kept(f"rtt: sent != {number}") for number in range(100)), broken()))
    lines = text.splitlines()

    assert lines[3] == "expectation NOT met: rtt: loss = 0: 25 % in 1 run"
    assert lines[4] == "expectation met: rtt: sent != 0: 25 % in 1 run"
    assert len(lines) == 3 + 101 + 2
