"""Tests of the summary at the end of a batch."""

from __future__ import annotations

import io
import os
import re

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.summary import MANY, print_summary, summary_of
from tests.support.output_documents import (
    HOSTILE,
    broken,
    failed_run,
    job,
    judged,
    kept,
    output,
    result,
    run,
    several,
    shuffled,
    skipped,
)

MIXED = output(job(result(run()), result(failed_run("Timeout"))), job(label="off"))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Return True."""
        return True


def printed(of, *, stream=None, environ=None, **options):
    """Print a summary and give it."""
    stream = io.StringIO() if stream is None else stream
    print_summary(of, stream=stream, environ=environ or {}, **options)
    return stream.getvalue()


def test_a_small_batch_has_a_line_for_every_run():
    """Then why some failed, then how many did."""

    assert printed(MIXED, width=80) == (
        "iteration  lead → destination     state     result                      duration\n"
        "rtt/0      ps.examp… → 192.0.2.1  finished  0.3/0.4/0.5 ms, loss 25 %  3 min 5 s\n"
        "rtt/1      ps.examp… → 192.0.2.1  failed                               3 min 5 s\n"
        "rtt/1: Timeout\n"
        "2 runs: 1 succeeded, 1 failed; 3 min 5 s; not run: off\n"
    )


def test_notes_stand_before_the_totals():
    """With the characters of the reader."""
    lines = printed(MIXED, width=80, notes=["note: pß.example.net was slow"], environ={"LC_ALL": "C"}).splitlines()

    assert lines[-3:-1] == ["rtt/1: Timeout", "note: p\\xdf.example.net was slow"]


def test_nothing_is_cut_in_a_file_or_a_pipe():
    """Unless a width is given."""
    label, host = "label-" * 15, "host-" * 20
    document = output(job(result(run(), dest=host), label=label))
    whole = printed(document)
    cut = printed(document, environ={"COLUMNS": "70"})

    assert f"{label}/0  ps.example.net → {host}  finished  0.3/0.4/0.5 ms, loss 25 %  3 min 5 s\n" in whole
    assert max(map(len, cut.splitlines())) <= 70


def test_no_line_of_a_file_is_endless():
    """Nor is one of a batch without runs shorter than it has to be."""
    document = output(job(result(run()), label="x" * 5000), job(label="off"))

    assert max(map(len, printed(document).splitlines())) < 1000
    assert printed(output(job(label="off"))) == "no runs; 3 min 5 s; not run: off\n"


def test_an_account_has_the_same_summary_as_its_document():
    """An existing report is used as it is."""

    assert printed(report_of(MIXED)) == printed(MIXED)


def test_a_terminal_of_twenty_columns():
    """What matters most fits, and nothing breaks out; the reason is wrapped."""
    document = output(job(result(run()), result(failed_run("no answer within 5 seconds")), label="round-trips"))

    assert printed(document, width=20) == (
        "iteration   state\n"
        "round-t…/0  finished\n"
        "round-t…/1  failed\n"
        "round-trips/1: no\n"
        "answer within 5\n"
        "seconds\n"
        "2 runs: 1 succeeded,\n"
        "1 failed; 3 min 5 s\n"
    )


@pytest.mark.parametrize("width", [-5, 0, 1, 7, 10**9])
def test_any_width_will_do(width):
    """A terminal may say anything."""

    assert "Timeout" in printed(MIXED, width=width).replace("\n", "")


def test_a_large_batch_has_a_line_for_every_job():
    """With the range of the metrics of its runs, and the reasons that several runs have in common once."""
    times = [run({"succeeded": True, "mean": f"PT0.00{n:02}S", "loss": 0.0}) for n in range(10, 100)]
    failed = [result(failed_run("Timeout")) for _ in range(10)]
    document = output(job(*map(result, times), *failed, label="many"), job(result(run()), label="one"))

    assert printed(document, width=100) == (
        "job   runs  failed  results\n"
        "many   100      10  mean round trip 1 ms to 9.9 ms, loss 0 %\n"
        "one      1       0  min/mean/max 0.3/0.4/0.5 ms, loss 25 %\n"
        "many/90, many/91, many/92, many/93 and 6 more: Timeout\n"
        "101 runs: 91 succeeded, 10 failed; 3 min 5 s\n"
    )


def test_a_huge_batch_shows_the_jobs_that_failed():
    """And no more lines than can be read, however many jobs and reasons there are."""
    jobs = [job(result(run()), label=f"good-{n}") for n in range(1000)]
    jobs[700] = job(result(failed_run("Timeout")), label="bad")
    jobs += [job(result(failed_run(f"reason {n}")), label=f"late-{n}") for n in range(30)]
    lines = printed(output(*jobs), width=60).splitlines()

    assert lines[1].startswith("good-0 ")
    assert lines[1 + MANY - 30 - 1].startswith("bad ")
    assert lines[1 + MANY] == "and 980 more jobs"
    assert lines[-2] == "and 11 more reasons"
    assert len(lines) < MANY + 30


def test_a_stream_that_is_closed_is_no_error():
    """Python has None for it."""
    print_summary(MIXED, stream=None, environ={})

    assert printed(MIXED)


def test_a_stream_that_cannot_be_written_to_is_no_error():
    """There is no place left to say so, and the results are more important."""

    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    assert printed(MIXED, stream=Gone()) == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stream_without_all_characters(encoding):
    """Arrows and dots have others that stand for them; a letter that is not there is written as its escape."""
    data = io.BytesIO()
    stream = io.TextIOWrapper(data, encoding=encoding)
    print_summary(output(job(result(run()), label="Ωmega" * 20)), stream=stream, environ={}, width=75)
    text = data.getvalue().decode(encoding)

    assert "-> 192.0.2.1" in text
    assert re.search(r"^\\u03a9.*\.\.\./0 ", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 75


def test_columns_stand_below_each_other_without_all_characters():
    """Replacements are as wide as they are, and count so."""
    document = output(job(result(run()), label="a"), job(result(run(), dest="日本"), label="ü"))
    lines = printed(document, stream=None, environ={"LC_ALL": "C"}).splitlines()[:3]

    assert lines[2].startswith(r"\xfc/0 ")
    assert all(line.isascii() for line in lines)
    assert len({line.index(word) for line, word in zip(lines, ("state", "finished", "finished"))}) == 1


@pytest.mark.parametrize(
    ("columns", "width"), [("30", 30), ("0", 80), ("-5", 80), ("x", 80), ("", 80), ("²", 80), ("9" * 5000, 1000)]
)
def test_the_environment_says_the_width(columns, width):
    """Where it says something that can be; else there is the terminal, and 80 where there is none."""
    document = output(job(result(failed_run("x" * 3000))))

    assert max(map(len, printed(document, environ={"COLUMNS": columns}).splitlines())) == width


def test_the_terminal_says_the_width():
    """As wide as it is."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb") as reader:
        os.set_blocking(reader.fileno(), False)
        print_summary(MIXED, stream=stream, environ={"TERM": "xterm"})
        text = reader.read().decode()

    assert "\x1b[" in text
    assert "rtt/1" in text


@pytest.mark.parametrize(
    ("environ", "colors"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colors_are_for_terminals_that_have_them(environ, colors):
    """And for users who want them."""

    assert ("\x1b[" in printed(MIXED, stream=Terminal(), environ=environ)) is colors
    assert "\x1b[" not in printed(MIXED, environ=environ)
    assert "\x1b[" in printed(MIXED, environ=environ, color=True)


@pytest.mark.parametrize("width", [1, 20, 80, 500])
def test_nothing_that_a_server_or_a_label_says_reaches_the_terminal(width):
    """No escape, no mark that turns the direction of writing, and no markup of ours either."""
    hostile = f"[bold]{HOSTILE}[/bold]:smile:"
    document = output(
        job(result(run(state=hostile, href=f"https://{hostile}/"), dest=hostile), label=hostile),
        job(result(failed_run(hostile), error=hostile), label=hostile),
        job(label=hostile),
    )
    text = summary_of(report_of(document), width=width)

    assert not set(text) & {"\x1b", "\x00", "\u202e", "\ud800", "\x07"}
    assert "[bold]" in text.replace("\n", "")


def test_several_results_took_as_long_as_their_lead_run():
    """They themselves start and end when they are made."""
    lines = printed(output(job(several(10, 20, start=5)))).splitlines()

    assert [line.split()[-2:] for line in lines[1:3]] == [["35", "s"]] * 2


JUDGED = judged(kept("loss < 30 %"), broken(), broken("rtt*: loss = 0"))


def test_expectations_stand_before_the_totals():
    """Those that were not met come first."""

    assert printed(JUDGED, width=80).splitlines()[2:] == [
        "expectation NOT met: rtt: loss = 0: 25 % in 1 run",
        "expectation NOT met: rtt*: loss = 0: rtt: 25 % in 1 run",
        "expectation met: loss < 30 %: rtt: 25 % in 1 run",
        "1 run: 1 succeeded, 0 failed; 2 of 3 expectations not met; 3 min 5 s",
    ]


def test_expectations_have_the_colors_of_runs():
    """Green and red."""
    text = printed(JUDGED, width=80, color=True)

    assert "\x1b[1;31mexpectation NOT met: \x1b[0mrtt: loss = 0: 25 % in 1 run\n" in text
    assert "\x1b[32mexpectation met: \x1b[0mloss < 30 %: rtt: 25 % in 1 run\n" in text


def test_not_all_of_many_expectations_are_shown():
    """The totals count them all."""
    document = judged(*(kept(f"rtt: sent != {number}") for number in range(1000)), broken())
    lines = printed(document, width=80).splitlines()

    assert len(lines) < 30
    assert lines[2] == "expectation NOT met: rtt: loss = 0: 25 % in 1 run"
    assert lines[-2:] == [
        "and 981 more expectations",
        "1 run: 1 succeeded, 0 failed; 1 of 1,001 expectations not met; 3 min 5 s",
    ]


def test_hostile_expectations_stay_words():
    """An output may come from anywhere."""
    hostile = broken(HOSTILE, job=HOSTILE, found=HOSTILE)

    assert "\x1b" not in printed(judged(hostile))


def test_what_was_skipped_has_its_reason_after_the_failures():
    """It is not red, as it has not failed."""
    document = shuffled(output(job(result(failed_run("Timeout")), skipped(), skipped())))
    lines = printed(document, width=80).splitlines()
    colored = printed(document, color=True)

    assert lines[-3:] == [
        "rtt/0: Timeout",
        "rtt/1, rtt/2: not submitted, because rtt/0 failed",
        "3 runs: 0 succeeded, 1 failed, 2 skipped; 3 min 5 s; random order (seed 7)",
    ]
    assert [line for line in colored.splitlines() if re.search(r"\x1b\[[0-9;]*m *skipped", line)] == []
    assert re.search(r"\x1b\[[0-9;]*m *failed", colored)
