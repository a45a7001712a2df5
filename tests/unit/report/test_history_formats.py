"""Histories as text, CSV, JSON and HTML."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import zlib
from html.parser import HTMLParser

import pytest

from pscheduler_batch.metrics.expectations import read_expectations
from pscheduler_batch.report.history import Period
from pscheduler_batch.report.history_formats import render_history
from pscheduler_batch.report.history_page import MOST_SERIES, render_page
from tests.support.histories import DAY, FIRST, daily, failed_at, history_of, rtt, run_at
from tests.support.output_documents import HOSTILE, job, output, result

USUAL = (0.4, 0.5, 0.6, 0.45, 0.55, 0.5)
SLOW = daily(*USUAL, None, 4.2)
HOSTILE_OUTPUTS = {
    f"{number}{HOSTILE[:40]}": output(
        job(
            result(run_at(FIRST + number * DAY, rtt(1)), dest=HOSTILE, length=HOSTILE),
            result(failed_at(FIRST + number * DAY, HOSTILE), dest=HOSTILE, length="=1+1"),
            label=HOSTILE,
        )
    )
    for number in range(7)
}


def lines_of(history):
    """Read a history in CSV."""
    return list(csv.DictReader(io.StringIO(render_history("csv", history))))


def test_the_text():
    """What is unusual comes first, then a table of the last values beside the usual ones, then failures."""
    text = render_history("text", history_of(SLOW, notes=["1 file left out: empty (a.json)"]))
    lines = text.splitlines()

    assert lines[0].startswith('Mean round trip of "rtt" was 4.2 ms in the last run; it is usually 0.425 to')
    assert "rtt (rtt, 8 runs, 1 failed, last 2026-11-08 12:00:00 +00:00):" in lines
    assert re.search(r"^  rtt-mean +4\.2 ms +0\.425 to 0\.575 ms +0\.5 ms +unusually high$", text, re.MULTILINE)
    assert re.search(r"^  loss +0 % +0 % +0 % +usual$", text, re.MULTILINE)
    assert "1 run failed, the last on 2026-11-07 12:00:00 +00:00: Timeout" in lines
    assert "1 file left out: empty (a.json)" in lines
    assert text.endswith("8 runs in 8 outputs, 1 failed; 2026-11-01 12:00:00 +00:00 to 2026-11-08 12:00:00\n+00:00\n")


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_the_text_fits_a_terminal(width):
    """Headings alone may be longer."""
    text = render_history("text", history_of({**SLOW, **HOSTILE_OUTPUTS}), width)

    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_text_begins_with_some_sentences():
    """If everything is unusual, the table says so."""
    every = {
        str(day): output(
            *(job(result(run_at(FIRST + day * DAY, rtt(50 if day == 8 else 1))), label=f"job {n}") for n in range(20))
        )
        for day in range(9)
    }
    text = render_history("text", history_of(every), 200)

    assert text.count("in the last run; it is usually 1 ms.") == 12
    assert "\nAnd 8 more, marked below.\n\n" in text


def test_csv_has_a_line_for_each_metric_and_day():
    """Numbers are in base units; a day on which nothing was measured has a line of its own."""
    lines = lines_of(history_of(SLOW))
    means = [line for line in lines if line["metric"] == "rtt-mean"]

    assert list(lines[0]) == [
        *("label", "test", "destination", "metric", "unit", "bucket", "start"),
        *("runs", "failed", "measured", "median", "p10", "p90"),
    ]
    assert [line["median"] for line in means] == [
        "0.0004",
        "0.0005",
        "0.0006",
        "0.00045",
        "0.00055",
        "0.0005",
        "0.0042",
    ]
    assert means[0]["start"] == "2026-11-01T00:00:00+00:00"
    assert {line["bucket"] for line in lines} == {"day"}
    assert [(line["start"][:10], line["runs"], line["failed"]) for line in lines if not line["metric"]] == [
        ("2026-11-07", "1", "1")
    ]


def test_json_has_the_same_and_more():
    """The last run, what is usual, and the sentences."""
    document = json.loads(render_history("json", history_of(SLOW)))
    (series,) = document["series"]
    mean = next(each for each in series["metrics"] if each["metric"] == "rtt-mean")

    assert (document["bucket"], document["runs"], document["failed"]) == ("day", 8, 1)
    assert (mean["last"], mean["usual"]["measured"], mean["verdict"]) == (0.0042, 6, "unusually high")
    assert [each["start"][:10] for each in mean["buckets"]] == [f"2026-11-0{day}" for day in (1, 2, 3, 4, 5, 6, 8)]
    assert series["buckets"][6] == {"start": "2026-11-07T00:00:00+00:00", "runs": 1, "failed": 1}
    assert series["last"]["output"] == "out007.json"
    assert document["failures"][0]["reason"] == "Timeout"
    assert len(document["unusual"]) == 1


@pytest.mark.parametrize("form", ["text", "csv", "json", "html"])
def test_an_empty_history_is_written(form):
    """It says that there were no runs."""
    written = render_history(form, history_of(SLOW, Period(FIRST + 90 * DAY)))

    assert (
        written == ""
        if form == "csv"
        else re.search(r"0 runs in 0 outputs|\"runs\": 0|No runs in this period", written)
    )


class _Elements(HTMLParser):
    """The names of elements and their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def drawings_of(page):
    """Return the data of the plots of a page."""
    packed = re.search(r'<script type="text/plain" id="drawings">(.*?)</script>', page)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def test_the_page_says_what_is_unusual_first():
    """Each sentence leads to its series, which is unfolded."""
    page = render_page(history_of(SLOW))

    assert "<h1>Last runs: 1 of 1 unusual</h1>" in page
    assert page.index("was 4.2 ms in the last run") < page.index("Runs and failures") < page.index("<details")
    assert '<a href="#s0">Show</a>' in page
    assert '<details class="card series" open>' in page
    assert "8 more metrics" not in page


def test_the_plots_have_gaps():
    """A day without a value is empty, and is not joined; axes of delays begin at 0."""
    runs, failed, *plots = drawings_of(render_page(history_of(SLOW)))

    assert runs["places"] == [f"Nov {day}" for day in range(1, 9)]
    assert (runs["counts"], failed["counts"]) == ([1] * 8, [0, 0, 0, 0, 0, 0, 1, 0])
    assert plots[0]["middle"] == [0.4, 0.5, 0.6, 0.45, 0.55, 0.5, None, 4.2]
    assert plots[0]["from_zero"]
    assert (plots[0]["last"], plots[0]["last_place"], plots[0]["mark"]) == (4.2, 7, "series-5")
    assert plots[0]["usual"] == [0.425, 0.575]


def test_what_never_varies_is_a_sentence():
    """It has no plot."""
    page = render_page(history_of(SLOW))

    assert "The same in all runs: loss 0 %." in page
    assert "<figcaption>Loss</figcaption>" not in page


def test_the_same_history_gives_the_same_page():
    """To the byte."""
    assert render_page(history_of(SLOW)) == render_page(history_of(SLOW))


def test_only_unusual_series_are_unfolded_where_there_are_many():
    """The others are one click away."""
    days = {
        str(number): output(
            *(
                job(result(run_at(FIRST + number * DAY, rtt(9 if (number, n) == (7, 17) else 1))), label=f"job{n}")
                for n in range(20)
            )
        )
        for number in range(8)
    }
    page = render_page(history_of(days))

    assert page.count('<details class="card series">') == 19
    assert page.count('<details class="card series" open>') == 1


def test_a_job_that_does_not_run_any_more():
    """Its summary says since when, also where it is folded."""
    new = {f"new{name}": made for name, made in daily(*[1] * 9, label="new").items()}
    page = render_page(history_of({**daily(1, 1, 1, label="old"), **new}))
    summaries = dict(re.findall(r"<summary><h2><bdi>(old|new)</bdi>(.*?)</summary>", page))

    assert '<span class="count">last run 2026-11-03 12:00:00 +00:00</span>' in summaries["old"]
    assert "last run" not in summaries["new"]


def test_a_thousand_jobs():
    """The page is limited, and says so; what is unusual is in it."""

    def slowness(day, number):
        return number + 1 + day / 100 + (99 if (day, number) == (7, 900) else 0)

    days = {
        str(day): output(
            *(job(result(run_at(FIRST + day * DAY, rtt(slowness(day, n)))), label=f"job{n}") for n in range(1000))
        )
        for day in range(8)
    }
    history = history_of(days)
    page = render_page(history, most_points=4000)

    assert page.count('<details class="card series"') == MOST_SERIES
    assert "<bdi>job900</bdi>" in page
    assert "<h2>800 more</h2>" in page
    assert "Not drawn, because the page is limited:" in page
    assert len(page) < 2_000_000
    assert sum(len(each["middle"]) for each in drawings_of(page)[2:]) <= 4000
    assert len(lines_of(history)) > 8000


def test_expectations_are_in_all_formats_for_people():
    """With what was found over all runs."""
    expectations = read_expectations(["rtt-mean < 1 ms"], source="--expect")
    history = history_of(SLOW, expectations=expectations)

    assert "expectation NOT met: rtt-mean < 1 ms: rtt: worst 4.2 ms in out007.json: rtt/0;" in render_history(
        "text", history, 200
    )
    assert "✗ not met" in render_page(history)
    assert json.loads(render_history("json", history))["expectations"][0]["met"] is False


def test_hostile_text_is_harmless():
    """In a page it becomes no element, in a spreadsheet no formula, in JSON no unpaired surrogate."""
    history = history_of(HOSTILE_OUTPUTS)
    elements = _Elements(render_page(history)).found
    lines = lines_of(history)

    assert not any(tag == "b" for tag, _ in elements)
    assert [tag for tag, _ in elements].count("script") == 4
    assert not any(name.startswith("on") for _, attributes in elements for name in attributes)
    assert {line["/test/spec/length"][:2] for line in lines} == {"'=", "\\u"}
    assert json.loads(render_history("json", history))["series"]
