"""Tests of the metrics as a table of text."""

from __future__ import annotations

import pytest

from pscheduler_batch.metrics.table import METRICS
from pscheduler_batch.metrics.units import BITS, BYTES, COUNT, RATIO, SECONDS
from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.metrics_table import describe_metrics, job_metrics
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run

TRACE = {"succeeded": True, "paths": [[{"ip": "192.0.2.1"}]]}


def metrics_of(document, width=None):
    """Write the metrics of a document."""
    return job_metrics(report_of(document).jobs, width)


@pytest.mark.parametrize("width", [None, 80])
def test_every_metric_is_described(width):
    """In full on a terminal of 80 columns and in a file; below the tests that have it."""
    text = describe_metrics(width)
    lines = text.splitlines()

    assert max(map(len, lines)) <= 80
    assert "…" not in text
    for metric in METRICS.values():
        (line,) = [line for line in lines if line.split()[:1] == [metric.name]]
        assert line.split("  ")[-1].strip() == metric.meaning
        assert metric.unit in line
    assert text.startswith(
        "  metric                 unit   better  meaning\n"
        "rtt:\n"
        "  rtt-min                s      lower   shortest round-trip time\n"
    )


def test_the_table_names_everything_once():
    """Names are fit for columns; units are base units."""
    assert all(name == name.lower() and " " not in name for name in METRICS)
    assert {metric.unit for metric in METRICS.values()} == {SECONDS, BITS, RATIO, BYTES, COUNT}
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


@pytest.mark.parametrize("width", [1, 10, 40, 60])
def test_any_width_will_do(width):
    """What is less important is left out; the names of metrics are the last to be cut."""
    lines = describe_metrics(width).splitlines()

    assert max(len(line) for line in lines if line.startswith("  ")) <= max(width, 21)
    assert ("rtt-min" in lines[2]) is (width > 1)


def test_the_metrics_of_jobs():
    """Over all runs of each, in the unit that reads best; one that measured nothing is left out."""
    document = output(
        job(result(run()), result(run()), result(failed_run()), label="first"),
        job(result(failed_run()), label="fails"),
        job(result(run(TRACE), kind="trace"), result(run()), label="two"),
    )

    assert metrics_of(document) == (
        "  metric     value  meaning\n"
        "first (rtt, all 2 runs):\n"
        "  rtt-min   0.3 ms  shortest round-trip time\n"
        "  rtt-mean  0.4 ms  mean round-trip time\n"
        "  rtt-max   0.5 ms  longest round-trip time\n"
        "  sent           8  packets sent\n"
        "  lost           2  packets that did not arrive\n"
        "  loss        25 %  share of packets that did not arrive\n"
        "two (trace, 1 run):\n"
        "  hops           1  hops of the longest path\n"
        "  paths          1  different paths; silent hops match any\n"
        "two (rtt, 1 run):\n"
        "  rtt-min   0.3 ms  shortest round-trip time\n"
        "  rtt-mean  0.4 ms  mean round-trip time\n"
        "  rtt-max   0.5 ms  longest round-trip time\n"
        "  sent           4  packets sent\n"
        "  lost           1  packets that did not arrive\n"
        "  loss        25 %  share of packets that did not arrive\n"
    )


def test_nothing_was_measured():
    """A sentence says so."""
    assert metrics_of(output(job(result(failed_run())))) == "no run measured anything\n"


def test_a_hostile_label_stays_in_its_line():
    """Without control sequences."""
    text = metrics_of(output(job(result(run()), label=HOSTILE)), 80)

    assert "\x1b" not in text
    assert len(text.splitlines()) == 8
