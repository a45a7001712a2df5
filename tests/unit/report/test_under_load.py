"""Tests of the drawing of latency under load."""

from __future__ import annotations

from statistics import median

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.drawings.under_load import under_load_of
from tests.support.load_documents import about, latencies, load, pings
from tests.support.output_documents import failed_run, job, output, result, run

PATH = ("a.example.net", "b.example.net")


def panels(*jobs, of=0):
    """Return the drawings of a job."""
    report = report_of(output(*jobs))
    rows = [row for row in report.rows if row.job == of]
    return under_load_of(rows, [each for each in report.jobs if each.job == of])


def only_panel(*results):
    """Return the only drawing of a job with these results."""
    (panel,) = panels(job(*results))
    return panel


def marks_of(panel, state):
    """Return the marks of packets in a state."""
    return [mark for group in panel.groups if group.state == state for mark in group.marks]


def test_pings_and_a_load_on_one_time_axis():
    """Both from the start of the first, with delays in the unit that reads best."""
    trips = [1.0] * 5 + [20.0] * 10 + [2.0] * 5
    panel = only_panel(pings(0.3, 19.3, *PATH, milliseconds=trips), load(5.25, 15.35, *PATH))

    assert (panel.title, panel.caption, panel.unit) == ("Round trip under load", "", "ms")
    assert (panel.origin, panel.end) == ("12:00:00.3", 19)
    assert [(each.title, each.state, each.median, len(each.marks)) for each in panel.groups] == [
        ("idle, median 1 ms", "idle", 1, 9),
        ("under load, median 20 ms", "loaded", 20, 9),
        ("near the start or end of the load", "uncertain", None, 2),
    ]
    assert marks_of(panel, "idle")[:2] == [(0, 1, 1, 1), (1, 1, 1, 1)]
    assert panel.highest == pytest.approx(22)
    # Ten seconds of traffic in a run of 10.1 are in its middle.
    assert panel.rates == ((0, 0), (5, 5e9), (15, 0))


def test_rates_of_loads_at_the_same_time_add_up():
    """Those of other jobs as well, of which only the mean is known."""
    jobs = (
        job(pings(0.5, 19.5, *PATH, milliseconds=[1] * 20), load(2.5, 12.5, *PATH), load(7.5, 17.5, *PATH)),
        job(load(15.5, 25.5, *PATH)),
    )
    (panel,) = panels(*jobs)

    assert list(panel.rates[1:]) == [(2, 5e9), (7, 1e10), (12, 5e9), (15, 1e10), (17, 5e9), (25, 0)]
    assert panels(*jobs, of=1) == ()


def test_the_results_of_a_streaming_latency_test():
    """Each is a median with the smallest and the largest delay, in the middle of the time that it is about."""
    streaming = latencies(*PATH, made={1.5: 1, 2.5: 2, 3.5: 3, 4.5: 4, 5.5: 5, 6.5: 6})
    for each in streaming["runs"]:
        each["application/json"]["histogram-latency"] = {"1": 3, "4": 4, "9": 3}
    panel = only_panel(streaming, load(1.9, 6.1, *PATH, seconds=4.0))

    assert panel.title == "Latency under load"
    assert panel.caption == "medians, with lines from the smallest to the largest delay"
    assert marks_of(panel, "loaded") == [(2.5, 1, 4, 9), (3.5, 1, 4, 9), (4.5, 1, 4, 9)]
    assert marks_of(panel, "idle") == [(0.5, 1, 4, 9)]
    assert marks_of(panel, "uncertain") == [(1.5, 1, 4, 9), (5.5, 1, 4, 9)]


def test_a_delay_that_is_much_longer_than_others():
    """It is drawn at the edge, and named, so that the others are not pressed together."""
    trips = [1.0] * 29 + [500.0]
    panel = only_panel(pings(0.25, 29.25, *PATH, milliseconds=trips), load(5.25, 15.25, *PATH))

    assert panel.highest == 3
    assert panel.caption == "delays above 3 ms, up to 500 ms, at the edge"
    assert marks_of(panel, "idle")[-1].high == 500


def test_latencies_below_zero():
    """Clocks that differ make them; the scale has room for what is above zero."""
    streaming = latencies(*PATH, made={1.5: -3, 2.5: -2, 3.5: -1})

    assert only_panel(streaming, load(1.9, 4.1, *PATH, seconds=2.0)).highest == 0


def test_a_load_whose_start_is_not_known_well():
    """The traffic is in the middle of its run, and a reader is told how far off that can be."""
    panel = only_panel(pings(0.25, 29.25, *PATH, milliseconds=[1] * 30), load(5.25, 19.25, *PATH))

    assert panel.caption == "the time of the load is uncertain by ±2 s"
    assert next(at for at, rate in panel.rates if rate) == 7


def test_very_many_packets_are_drawn_together():
    """A few hundred marks of equal spans of time have the smallest, the median and the largest delay of each."""
    trips = [number % 100 + 1.0 for number in range(20_000)]
    panel = only_panel(
        pings(0.25, 2000.15, *PATH, milliseconds=trips, interval=0.1), load(500.25, 1500.25, *PATH, seconds=1000)
    )
    marks = marks_of(panel, "loaded")

    assert 190 < sum(len(group.marks) for group in panel.groups) < 210
    assert [mark.time for mark in marks] == sorted(mark.time for mark in marks)
    assert marks[5] == pytest.approx((555, 1, median(range(1, 101)), 100), abs=6)
    assert panel.rates == ((0, 0), (500, 5e9), (1500, 0))


def test_rates_that_change_very_often_are_means():
    """Over time, so that short intervals count less than long ones."""
    busy = load(0.25, 1000.25, *PATH, seconds=1000)
    intervals = busy["runs"][0]["application/json"]["intervals"]
    for second, interval in enumerate(intervals):
        interval["summary"]["throughput-bits"] = 2e9 if second % 5 else 7e9
    panel = only_panel(pings(0.5, 2.5, *PATH, milliseconds=[1, 2, 3]), busy)

    assert len(panel.rates) == 201
    assert {rate for _, rate in panel.rates[:-1]} == {3e9}
    assert panel.rates[-1] == (1000, 0)


def test_very_many_runs_have_a_mark_and_a_rate_each():
    """Spans of equal length would hold now one run, now two of them."""
    results = []
    for n in range(100):
        results.append(pings(n * 20 + 0.5, n * 20 + 10.6, *PATH, milliseconds=[1.0] * 3 + [9.0] * 8))
        results.append(load(n * 20 + 3.1, n * 20 + 13.2, *PATH))
        for second, interval in enumerate(results[-1]["runs"][0]["application/json"]["intervals"]):
            interval["summary"]["throughput-bits"] = (second + 1) * 1e9
    panel = only_panel(*results)

    assert len(panel.rates) == 201
    assert {rate for _, rate in panel.rates} == {0, 5e9}
    assert [(len(group.marks), {mark[1:] for mark in group.marks}) for group in panel.groups] == [
        (100, {(1, 1, 1)}),
        (100, {(9, 9, 9)}),
    ]


@pytest.mark.parametrize(
    "results",
    [
        [pings(0.5, 2.5, *PATH, milliseconds=[1, 2, 3])],
        [load(0.5, 10.5, *PATH)],
        [pings(0.5, 2.5, *PATH, milliseconds=[1, 2, 3]), load(5.5, 15.5, *PATH)],
        [pings(5.5, 7.5, *PATH, milliseconds=[1, 2, 3]), load(0.5, 15.5, "x.example.net")],
        [pings(5.5, 7.5, *PATH, milliseconds=[]), load(0.5, 15.5, *PATH)],
        [pings(None, None, *PATH, milliseconds=[1]), load(0.5, 15.5, *PATH)],
        [
            pings(5.5, 7.5, *PATH, milliseconds=[1]),
            result(failed_run(**about(0.5, 15.5, *PATH)), kind="throughput", dest=None),
        ],
    ],
)
def test_nothing_to_draw(results):
    """Without a load, without packets, or without a rate."""
    assert panels(job(*results)) == ()


@pytest.mark.parametrize("count", [10**15, 10**6])
def test_results_that_are_about_an_absurdly_long_time(count):
    """They are not drawn, as nothing is known of when their packets were sent."""
    streaming = latencies(*PATH, made={1.5: 1, 2.5: 2})
    streaming["task"]["test"]["spec"]["packet-count"] = count

    assert panels(job(streaming, load(0.5, 10.5, *PATH))) == ()


def test_the_edge_of_the_calendar():
    """It has no zone, and still gives a page."""
    moments = ("0001-01-01T00:00:00.5+00:00", "0001-01-01T00:00:10.5+00:00")
    measured = {"succeeded": True, "histogram-latency": {"1": 1}}
    early = result(run(measured, **about(*moments, *PATH)), kind="latency", dest=None)
    panel = only_panel(early, load(*moments, *PATH))

    assert panel.end == 10
