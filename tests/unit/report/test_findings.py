"""Tests of the sentences that say what came out of a job."""

from __future__ import annotations

import statistics

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.findings import findings_of, trend_words
from pscheduler_batch.report.job_runs import job_runs_of
from tests.support.load_documents import load, pings
from tests.support.measured_jobs import at, buckets_of, mean_of, path_of, rates_of, trips_of
from tests.support.output_documents import HOSTILE, failed_run, job, output, result, run, skipped


def found(*results):
    """Return what came out of a job with such iterations."""
    report = report_of(output(job(*results)))
    return findings_of(job_runs_of(report.rows), report.jobs)


def failing(*reasons, succeeded=0):
    """Make a job in which runs failed."""
    return [
        *(result(failed_run(reason)) for reason in reasons),
        *(result(run({"succeeded": True})) for _ in range(succeeded)),
    ]


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        (failing("no route"), "The run failed: no route."),
        (failing("no route.", succeeded=2), "1 of 3 runs failed, run 0: no route."),
        (failing("x" * 200), f"The run failed: {'x' * 119}…"),
        (failing("no route", "no route", succeeded=1), "2 of 3 runs failed for the same reason: no route."),
        (failing("no route", "no route"), "Both runs failed for the same reason: no route."),
        (
            failing("a", "b", "b", succeeded=1),
            "3 of 4 runs failed for 2 different reasons; the most frequent, 2 times: b.",
        ),
        (failing("a", "b"), "Both runs failed for 2 different reasons; one of them: a."),
        ([*failing("a"), skipped(), skipped()], "1 of 3 runs failed, run 0: a."),
        ([*failing(succeeded=1), skipped()], "1 of 2 runs was skipped: not submitted, because rtt/0 failed."),
        ([skipped(), skipped()], "Both runs were skipped: not submitted, because rtt/0 failed."),
        ([skipped()], "The run was skipped: not submitted, because rtt/0 failed."),
    ],
)
def test_failures_come_first(results, sentence):
    """With the reason that most of them have."""

    assert found(*results)[0] == sentence


def test_what_measures_nothing_says_nothing():
    """That all runs succeeded stands above."""

    assert found(*failing(succeeded=3)) == ()


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([trips_of(1, 2, 4.2)], "Round trips took 1/2.4/4.2 ms (min/mean/max); no loss."),
        (
            [trips_of(1, 2), trips_of(3, 6)],
            "Round trips took 1/3/6 ms (min/mean/max) over 2 runs; no loss.",
        ),
        ([trips_of(1, 2, lost=2)], "Round trips took 1/1.5/2 ms (min/mean/max); 50 % of packets lost."),
        (
            [trips_of(1, 2, lost=2), trips_of(1, 2, lost=2)],
            "Round trips took 1/1.5/2 ms (min/mean/max) over 2 runs; 50 % of packets lost in every run.",
        ),
        ([buckets_of({"1": 1, "3": 1})], "One-way latency was 1/2/3 ms (min/mean/max); no loss."),
        ([rates_of(9400, 9400)], "Throughput was 9.4 Gb/s."),
        ([rates_of(9400, 9400, retransmits=(0, 0))], "Throughput was 9.4 Gb/s; no retransmits."),
        (
            [rates_of(9400, 9400, retransmits=(1, 0)), rates_of(9000, 9000, retransmits=(4, 7))],
            "Throughput was 9 to 9.4 Gb/s, mean 9.2 Gb/s, over 2 runs; 12 retransmits.",
        ),
        ([rates_of(900, 900), rates_of(1100, 1100)], "Throughput was 900 Mb/s to 1.1 Gb/s, mean 1 Gb/s, over 2 runs."),
        ([path_of("abc")], "The path has 3 hops."),
        ([path_of("abc"), path_of("abc")], "The path was the same in both runs, 3 hops."),
        ([path_of("abc"), path_of("abd"), path_of("abd")], "2 different paths; they differ from hop 3."),
        (
            [result(run({"succeeded": True, "mtu": 1500}), kind="mtu") for _ in range(3)],
            "MTU was 1500 bytes in all 3 runs.",
        ),
        (
            [result(run({"succeeded": True, "time": f"PT0.0{n}S"}), kind="dns") for n in (1, 2)],
            "DNS response time was 10 to 20 ms, mean 15 ms, over 2 runs.",
        ),
    ],
)
def test_what_equal_runs_measured(results, sentence):
    """In numbers with their names and units."""

    assert found(*results) == (sentence,)


def test_many_packets_have_a_percentile():
    """That of all packets of all runs."""
    values = list(range(1, 41))
    expected = round(statistics.quantiles(values, n=20, method="inclusive")[-1])

    assert found(trips_of(*values[:20]), trips_of(*values[20:])) == (
        f"Round trips took 1/20.5/40 ms (min/mean/max) over 2 runs, 95 % of packets at most {expected} ms; no loss.",
    )


def test_loss_that_differs_is_a_sentence():
    """It names how many runs, and the worst."""
    runs = [trips_of(1, 2, 3, 4), trips_of(1, 2, 3, lost=1), trips_of(1, 1, lost=2), trips_of(1, 2, 3, 4)]

    assert found(*runs)[1] == "18.8 % of packets lost, in 2 of 4 runs; the most in run 2 (50 %)."


def test_loss_of_a_single_run_is_all_of_it():
    """There is no "most" of one."""

    assert found(trips_of(1, 2), trips_of(1, 2, 3, lost=3))[1] == "37.5 % of packets lost, all of them in run 1 (50 %)."


@pytest.mark.parametrize(
    ("means", "sentence"),
    [
        (
            [3, 3.1, 3.2, 3.3, 25],
            "Run 4 stands out with a mean round trip of 25 ms; half of the runs had 3.1 to 3.3 ms.",
        ),
        (
            [3, 3.1, 3.2, 3.3, 3.1, 3.2, 3.1, 25, 40],
            "Runs 8 and 7 stand out with a mean round trip of 25 to 40 ms; half of the runs had 3.1 to 3.3 ms.",
        ),
        (
            [3] * 30 + [9, 10, 11, 12, 13],
            "Runs 34, 33, 32 and 2 more stand out with a mean round trip of 9 to 13 ms; half of the runs had 3 ms.",
        ),
        ([3, 3, 3, 3, 0.1], "Run 4 stands out with a mean round trip of 0.1 ms; half of the runs had 3 ms."),
    ],
)
def test_runs_that_stand_out_are_named(means, sentence):
    """Those far outside of what half of all runs had."""

    assert found(*map(mean_of, means))[1] == sentence


@pytest.mark.parametrize("means", [[3, 3, 3, 25], [3, 3, 3, 3, 3.2], [1, 2, 3, 4, 9], [5] * 6])
def test_runs_that_do_not_stand_out(means):
    """Few runs, a small difference, and a wide range."""

    assert len(found(*map(mean_of, means))) == 1


def sweep(*rates):
    """Return what came out of a sweep over the number of streams."""
    return found(*(rates_of(rate, rate, parallel=2**n) for n, rate in enumerate(rates)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1, 2, 4], "grows from 1 at x 1 to 4 at x 3"),
        ([1, 2, 4, 4], "grows from 1 at x 1 to 4 at x 3, then stays the same"),
        ([1, 2, 3.9, 4, 3.95], "grows from 1 at x 1 to 3.9 at x 3, then stays within 3 %"),
        ([4, 2, 1], "falls from 4 at x 1 to 1 at x 3"),
        ([4, 1, 1.1], "falls from 4 at x 1 to 1 at x 2, then stays within 10 %"),
        ([1, 4, 2], "grows from 1 at x 1 to 4 at x 2, then falls to 2 at x 3"),
        ([3, 1, 2], "falls from 3 at x 1 to 1 at x 2, then grows to 2 at x 3"),
        ([3, 1, 4, 2], "varies between 1 at x 2 and 4 at x 3, in no order"),
        ([-3, -2], "grows from -3 at x 1 to -2 at x 2"),
    ],
)
def test_trends(values, words):
    """Small steps back do not end one."""
    labels = [str(n + 1) for n in range(len(values))]

    assert trend_words(values, labels, "x", "{:g}".format) == words


def test_a_sweep_over_a_number_is_a_trend():
    """Of the medians at each value."""

    assert sweep(2400, 4700, 9400, 9300) == (
        "Throughput grows from 2.4 Gb/s at parallel 1 to 9.4 Gb/s at parallel 4, then stays within 2 %.",
    )


def test_a_sweep_that_changes_nothing():
    """Values that differ by little are the same."""

    assert sweep(9400, 9300, 9350) == (
        "Throughput differs by at most 2 % between 3 values of parallel, 9.3 to 9.4 Gb/s.",
    )
    assert sweep(9400, 9400) == ("Throughput is 9.4 Gb/s for both values of parallel.",)


def test_names_are_compared_by_their_extremes():
    """And so are combinations of two values."""
    names = found(
        *(rates_of(rate, rate, congestion=name) for name, rate in (("reno", 3e3), ("bbr", 9e3), ("cubic", 7e3)))
    )
    grid = found(*(mean_of(a * b, length=a, count=b) for a in (1, 2) for b in (1, 3)))

    assert names == ("Throughput is highest with congestion bbr (9 Gb/s) and lowest with congestion reno (3 Gb/s).",)
    assert grid[0] == (
        "Mean round trip is highest with length 2, count 3 (6 ms) and lowest with length 1, count 1 (1 ms); "
        "25 % of packets lost in every run."
    )


def test_the_worst_pair_of_a_mesh_is_named():
    """Beside the median of all, and the pair with the most loss."""
    times = {"ab": 1, "ba": 2, "ac": 2, "ca": 2, "bc": 2, "cb": 9}
    mesh = [trips_of(ms, ms, lost=2 * (pair == "ca"), source=pair[0], dest=pair[1]) for pair, ms in times.items()]
    rates = [rates_of(rate, rate, source=pair[0], dest=pair[1]) for pair, rate in (("ab", 9000), ("ba", 800))]

    assert found(*mesh) == (
        "Slowest pair: c → b, median round trip 9 ms; the median of 6 pairs is 2 ms.",
        "14.3 % of packets lost, all of them from c → a (50 %).",
    )
    assert found(*rates) == ("Slowest pair: b → a, throughput 800 Mb/s; the median of 2 pairs is 4.9 Gb/s.",)


def test_equal_pairs_of_a_mesh():
    """None of them is the slowest."""
    mesh = [mean_of(5, source=a, dest=b) for a, b in ("ab", "ba")]

    assert found(*mesh)[0].startswith("Mean round trip is 5 ms for both pairs")


def test_each_test_of_a_job_has_its_sentence():
    """In the order of the runs."""

    assert found(trips_of(1, 3), rates_of(5, 5), at(0)["runs"] and path_of("ab")) == (
        "Round trips took 1/2/3 ms (min/mean/max); no loss.",
        "Throughput was 5 Mb/s.",
        "The path has 2 hops.",
    )


def test_latency_under_load_is_a_sentence():
    """With the difference."""
    busy = rates_of(*[1000] * 10)
    busy["runs"][0]["run"].update({"start-time": "2026-03-01T12:00:10Z", "end-time": "2026-03-01T12:00:21Z"})
    pings = trips_of(*[1] * 10, *[5] * 10, *[1] * 10)
    pings["runs"][0]["run"].update({"start-time": "2026-03-01T12:00:00Z", "end-time": "2026-03-01T12:00:30Z"})

    assert any(
        sentence.startswith("Round trip median 1 ms idle, 5 ms under load (+4 ms)") for sentence in found(pings, busy)
    )


def test_hostile_words_are_short():
    """Reasons, hosts and values come from elsewhere."""
    sentences = [
        *found(result(failed_run(HOSTILE)), result(run())),
        *found(*(mean_of(n, **{HOSTILE: f"{n}{HOSTILE}"}) for n in (1, 2))),
        *found(*(mean_of(n, source=a, dest=b) for n, (a, b) in enumerate(((HOSTILE, "b"), ("b", HOSTILE)), 1))),
    ]

    assert all(len(sentence) < 500 and sentence.isprintable() for sentence in sentences)


def test_latency_under_load_comes_first():
    """It is what a throughput test beside pings is for; only failures are before it."""
    path = ("a.example.net", "b.example.net")
    beside = [pings(3.5, 5.6, *path, milliseconds=[7, 8, 9]), load(0.5, 10.6, *path)]

    assert found(*beside)[0] == "Round trip median 8 ms under load, p95 8.9 ms under load."
    assert found(*beside, *failing("no route"))[1] == "Round trip median 8 ms under load, p95 8.9 ms under load."
