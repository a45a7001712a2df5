"""Tests of the distributions of delays and rates, against an independent computation."""

from __future__ import annotations

from statistics import quantiles

import pytest

from pscheduler_batch.report.drawings.curves import Plot
from pscheduler_batch.report.drawings.distributions import Boxes, Shares, distributions_of
from tests.support.measured_jobs import buckets_of, mean_of, path_of, rates_of, runs_of, trips_of
from tests.support.output_documents import failed_run, result


def drawn(*results):
    """Return the distribution that is drawn of a job with such iterations."""
    ((test, runs),) = runs_of(*results).by_test().items()
    return distributions_of(runs, test)


def percentiles(values):
    """Return those of a box, as the standard library computes them."""
    twentieths = quantiles(values, n=20, method="inclusive")
    return [min(values), *(twentieths[share // 5 - 1] for share in (5, 25, 50, 75, 95)), max(values)]


def some(seed, count=7):
    """Make some delays in milliseconds."""
    return [1 + (7919 * seed + 104_729 * number) % 8000 / 1000 for number in range(1, count + 1)]


def test_each_run_has_a_box():
    """With the extremes and five percentiles."""
    boxes, shown = drawn(*(trips_of(*some(seed)) for seed in range(6)))

    assert isinstance(boxes, Boxes)
    assert (boxes.title, boxes.unit, boxes.places, shown) == ("Round trip", "ms", tuple("012345"), ("rtt",))
    for seed, box in enumerate(boxes.boxes):
        assert box == pytest.approx(percentiles(some(seed)), abs=1e-4)
    assert boxes.end == max(max(some(seed)) for seed in range(6))
    assert boxes.caption.startswith("by iteration. Box: half of the packets; line: median; whiskers: 5 % and 95 %")


def test_each_value_of_a_sweep_has_a_box():
    """Of the samples of all its runs."""
    boxes, _ = drawn(*(trips_of(*some(seed), length=length) for seed, length in enumerate((9, 1, 9))))

    assert (boxes.axis, boxes.places) == ("length", ("1", "9"))
    assert boxes.boxes[1] == pytest.approx(percentiles([*some(0), *some(2)]), abs=1e-4)


def test_the_rates_of_intervals_have_boxes():
    """Of throughput, where there are more than four runs or something varies."""
    runs = [rates_of(*(1000 * value for value in some(seed))) for seed in range(5)]
    boxes, shown = drawn(*runs)

    assert (boxes.title, boxes.unit) == ("Throughput of intervals", "Gb/s")
    assert shown == ("throughput", "receiver-throughput")
    assert drawn(*runs[:4]) == (None, ())


@pytest.mark.parametrize(
    "results",
    [
        [trips_of(1, 2, 3, 4)] * 6,
        [trips_of(1, 2, 3, 4, 5), *[trips_of(1)] * 5],
        [mean_of(1)] * 6,
        [path_of("ab")] * 6,
        [trips_of(*range(1, 9), a=a, b=b) for a in (1, 2) for b in (1, 2)],
    ],
)
def test_what_has_no_boxes(results):
    """Few packets, only one run with enough, no packets, tests without them; and what has a matrix."""

    assert drawn(*results) == (None, ())


def test_a_far_outlier_does_not_flatten_the_boxes():
    """It is drawn at the edge, as the caption says."""
    ordinary = [trips_of(*some(seed)) for seed in range(6)]
    boxes, _ = drawn(*ordinary, trips_of(*[1.0] * 100, 900))

    assert boxes.boxes[-1][-1] == 900
    assert boxes.end < 15
    assert boxes.caption.endswith("triangles: beyond the axis")


def test_many_runs_share_boxes():
    """Each of the packets of neighbors."""
    boxes, _ = drawn(*(trips_of(*some(seed)) for seed in range(121)))

    assert (len(boxes.boxes), boxes.places[0]) == (41, "0 to 2")
    assert boxes.boxes[0] == pytest.approx(percentiles([*some(0), *some(1), *some(2)]), abs=1e-4)


def test_few_runs_have_cumulative_curves():
    """A point says which share of the packets took at most so long."""
    plot, shown = drawn(*(trips_of(*some(seed, 300)) for seed in range(3)))

    assert isinstance(plot, Plot)
    assert (plot.axis, plot.unit, shown) == ("Round trip in ms", "%", ("rtt",))
    for seed, line in enumerate(plot.lines):
        assert line.title == f"run {seed}"
        assert len(line.values) <= 201
        for place, value in list(zip(line.places, line.values))[20:-20:20]:
            assert place == pytest.approx(
                quantiles(some(seed, 300), n=200, method="inclusive")[round(2 * value) - 1], abs=1e-3
            )


def test_results_of_latency_are_shares_over_time():
    """Each column has all of its packets."""
    failed = result(failed_run(), kind="latency")
    shares, shown = drawn(buckets_of({"1": 3, "2": 1}, second=5), failed, buckets_of({"2": 2}, second=7))

    assert isinstance(shares, Shares)
    assert (shares.unit, shares.places, shown) == ("ms", ("12:00:05", "12:00:00", "12:00:07"), ("latency",))
    assert shares.edges == (0.5, 1.5, 2.5)
    assert shares.cells == ((0, 0, 0.75), (0, 1, 0.25), (2, 1, 1.0))


def test_the_rows_of_shares_fit_the_buckets():
    """No row lies between two buckets; what is slower than nearly all is in the top row."""
    shares, _ = drawn(*(buckets_of({str(n): 10 for n in range(100, 140)} | {"5000": 1}) for _ in "ab"))
    sums = [sum(share for column, _, share in shares.cells if column == each) for each in (0, 1)]

    assert len(shares.edges) <= 21
    assert shares.edges[0] == 99.5
    assert shares.edges[-1] < 150
    assert {round(b - a, 6) for a, b in zip(shares.edges, shares.edges[1:])} == {2}
    assert sums == pytest.approx([1, 1], abs=0.01)
    assert shares.caption.endswith("slower ones are in the top row")


def test_many_results_share_columns():
    """The share is that of the packets of all of them."""
    shares, _ = drawn(*(buckets_of({"1": 1} if n % 3 else {"2": 1}) for n in range(360)))

    assert len(shares.places) == 120
    assert shares.cells[:2] == ((0, 0, 0.6667), (0, 1, 0.3333))
    assert "up to 3 results" in shares.caption


def test_one_bucket_is_one_row():
    """Though its range is nothing."""
    shares, _ = drawn(buckets_of({"4": 9}), buckets_of({"4": 9}))

    assert (len(shares.edges), shares.cells) == (2, ((0, 0, 1.0), (1, 0, 1.0)))
    assert shares.edges[0] < 4 < shares.edges[1]


def test_negative_latencies_have_rows():
    """Clocks that differ make them."""
    shares, _ = drawn(buckets_of({"-2": 1, "-1": 1}), buckets_of({"0": 1}))

    assert shares.edges == (-2.5, -1.5, -0.5, 0.5)


def test_a_single_latency_has_a_curve():
    """One column would show nothing."""
    plot, _ = drawn(buckets_of({str(n): 1 for n in range(1, 31)}))

    assert isinstance(plot, Plot)
    assert plot.axis == "One-way latency in ms"
