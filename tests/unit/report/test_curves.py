"""Tests of the curves of metrics."""

from __future__ import annotations

import pytest

from pscheduler_batch.report.drawings.curves import curves_of
from tests.support.measured_jobs import mean_of, rates_of, runs_of, trips_of
from tests.support.output_documents import failed_run, result, run


def curves(*results, left_out=()):
    """Return the curves of a job with such iterations."""
    return list(curves_of(runs_of(*results), left_out))


def test_metrics_of_one_unit_are_in_one_plot():
    """The loss, which never changed, needs none."""
    (plot,) = curves(mean_of(0.4), mean_of(0.5))

    assert (plot.title, plot.unit, plot.axis, plot.caption) == ("Round trip", "ms", "iteration", "by iteration")
    assert [line.title for line in plot.lines] == ["Shortest", "Mean", "Longest"]
    assert (plot.places, plot.lines[1].values, plot.from_zero) == (("0", "1"), (0.4, 0.5), True)


def test_tests_have_plots_of_their_own():
    """A share of packets says nothing beside the variation of a rate."""
    losing = [{"summary": {"summary": {"throughput-bits": 1e9, "sent": 4, "lost": lost}}} for lost in (1, 2)]
    plots = curves(*(result(run({"succeeded": True, **found}), kind="throughput") for found in losing))

    assert [(plot.title, plot.unit) for plot in plots] == [("Loss", "%")]


def test_a_failed_run_is_a_gap():
    """It has a place, and no point."""
    (plot,) = curves(mean_of(0.4), result(failed_run()), mean_of(0.6))

    assert (plot.places, plot.lines[1].values) == (("0", "1", "2"), (0.4, None, 0.6))


@pytest.mark.parametrize("results", [[mean_of(0.4), result(failed_run())], [mean_of(0.4), mean_of(0.4)], []])
def test_what_cannot_be_seen_is_not_drawn(results):
    """A single point, and what never changes."""

    assert not results or curves(*results) == []


def test_metrics_are_plotted_over_the_number_that_varied():
    """In the order of that number, and only over it; the median of several runs."""
    (plot,) = curves(*(mean_of(ms, length=n) for ms, n in ((0.6, 512), (0.4, 64), (0.5, 128), (0.1, 64), (0.9, 64))))

    assert (plot.axis, plot.caption) == ("length", "by length, up to 3 runs together")
    assert (plot.places, plot.linear, plot.bars) == ((64, 128, 512), True, False)
    assert plot.lines[1].values == (0.4, 0.5, 0.6)


def test_names_have_bars():
    """A line from one to the next would mean nothing."""
    (plot,) = curves(mean_of(0.6, dest="b"), mean_of(0.4, dest="a"))

    assert (plot.places, plot.linear, plot.bars) == (("b", "a"), False, True)


def test_two_things_that_vary_have_no_curves():
    """They have a matrix."""

    assert curves(*(mean_of(a + b, a=a, b=b) for a in (1, 2) for b in (1, 2))) == []


def test_what_other_drawings_show_is_left_out():
    """By the beginning of its name."""
    retransmits = [rates_of(1, 2, retransmits=[n, 0]) for n in (1, 3)]

    assert [plot.title for plot in curves(*retransmits, left_out=("throughput",))] == ["Retransmits"]
    assert curves(trips_of(1, 2), trips_of(3, 4), left_out=("rtt",)) == []


def test_counts_have_no_unit():
    """Their ticks are whole numbers."""
    (plot,) = curves(*(rates_of(1, 1, retransmits=[n, 0]) for n in (1, 3)))

    assert (plot.title, plot.unit, plot.lines[0].values) == ("Retransmits", "", (1, 3))


def test_rates_have_one_prefix():
    """That of the largest one; their axis begins at 0."""
    (plot,) = curves(rates_of(15200, 15200), rates_of(900, 900))

    assert (plot.unit, plot.lines[0].values, plot.from_zero) == ("Gb/s", (15.2, 0.9), True)


def test_the_difference_of_clocks_has_no_zero():
    """Its changes could not be seen beside it."""
    (plot,) = curves(*(result(run({"succeeded": True, "difference": f"PT0.5{n}S"}), kind="clock") for n in (1, 2)))

    assert (plot.title, plot.from_zero) == ("Clock difference", False)


def test_many_runs_share_points():
    """However many there are; the median of each few."""
    (plot,) = curves(*(mean_of((n + 1) / 2) for n in range(1001)))

    assert (len(plot.places), plot.places[0], plot.caption) == (334, "0 to 2", "by iteration, up to 3 runs together")
    assert plot.lines[1].values[:2] == (1, 2.5)


def test_the_loss_of_many_runs_is_their_mean():
    """The median of a few losses is nothing."""
    (plot,) = curves(*(trips_of(1, 1, lost=2 * (n % 4 == 0)) for n in range(1200)), left_out=("rtt",))

    assert (plot.title, len(plot.places)) == ("Loss", 400)
    assert plot.lines[0].values[:2] == pytest.approx((100 / 6, 100 / 6))
