"""Tests of throughput over time."""

from __future__ import annotations

from pscheduler_batch.report.drawings.over_time import throughput_over_time
from tests.support.measured_jobs import mean_of, rates_of, runs_of


def over_time(*results):
    """Return the plot of a job with such iterations."""
    return throughput_over_time(runs_of(*results))


def test_a_run_has_its_sum_and_its_streams():
    """In the middle of each interval."""
    plot = over_time(rates_of(1000, 3000, streams=(0.25, 0.75)))

    assert (plot.unit, plot.caption) == ("Gb/s", "sum of the streams, and each of them")
    assert [(line.title, line.values, line.places, line.faint) for line in plot.lines] == [
        ("sum", (1, 3), (0.5, 1.5), False),
        ("stream 1", (0.25, 0.75), (0.5, 1.5), True),
        ("stream 2", (0.75, 2.25), (0.5, 1.5), True),
    ]


def test_retransmits_are_marked():
    """In the sum, which they are counted in."""
    plot = over_time(rates_of(5, 6, 7, streams=(0.5, 0.5), retransmits=(0, 3, 0)))

    assert [line.marked for line in plot.lines] == [(1,), (), ()]
    assert plot.caption.endswith("; dots: intervals with retransmits")


def test_several_runs_have_a_line_each():
    """Named by the value of a sweep, or by their number."""
    sweep = over_time(*(rates_of(n, n, parallel=n, streams=(0.5, 0.5)) for n in (2, 1)))
    repeated = over_time(rates_of(1, 1), mean_of(1), rates_of(2, 2))

    assert [line.title for line in sweep.lines] == ["parallel 2", "parallel 1"]
    assert [line.title for line in repeated.lines] == ["run 0", "run 2"]


def test_of_many_runs_three_are_drawn():
    """The slowest, the middle and the fastest."""
    plot = over_time(*(rates_of(100 + n, 100 + n) for n in range(21)))

    assert [line.title for line in plot.lines] == ["run 0", "run 10", "run 20"]
    assert plot.caption == "the slowest, the middle and the fastest of 21 runs"


def test_long_runs_are_thinned():
    """Neighboring intervals share a point, with the mean of their rates; a mark stays."""
    plot = over_time(rates_of(*range(1, 7002), retransmits=[0] * 7000 + [1]))
    (line,) = plot.lines

    assert len(line.values) == 2334
    assert (line.places[0], line.values[0]) == (1.5, 0.002)
    assert line.marked == (2333,)


def test_what_has_no_intervals_is_not_drawn():
    """One says nothing about time."""

    assert over_time(rates_of(5), mean_of(1)) is None
