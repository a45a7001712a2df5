"""Tests of what the plots of a report show."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.plots import (
    delay_of,
    overview_of,
    plots_of,
    run_names,
    skew_words,
    time_line_of,
    varied_number,
)
from tests.support.output_documents import RTT, failed_run, job, output, result, run, several

PLANNED = "2026-03-01T12:00:00Z"


def at(second, *, planned=None, late=None, runs=1):
    """Make an iteration whose runs start so many seconds after noon, a second apart, and take ten."""
    made = result(
        *(
            run(
                RTT,
                start_time=f"2026-03-01T12:00:{second + n:06.3f}Z",
                end_time=f"2026-03-01T12:00:{second + n + 10:06.3f}Z",
            )
            for n in range(runs)
        )
    )
    if planned is not None:
        made["task"]["schedule"]["start"] = planned
    return made if late is None else {**made, "late": late}


def rows_of(*results, **pairs):
    """Return the rows of a job with such iterations."""
    return report_of(output(job(*results, **pairs))).rows


def with_mean(milliseconds, **spec):
    """Make an iteration that measured such a mean."""
    return result(run({**RTT, "mean": f"PT{milliseconds / 1000}S"}), **spec)


def test_runs_are_named_by_iteration():
    """And by their own number where an iteration has several."""

    assert run_names(rows_of(at(0), at(1))) == ("0", "1")
    assert run_names(rows_of(at(0), at(1, runs=2), result(error="no"))) == ("0.0", "1.0", "1.1", "2")


def test_a_time_line_has_a_bar_for_every_run():
    """In seconds since the first of all starts."""
    line = time_line_of(rows_of(at(5), at(7.5)))

    assert [(bar.lane, bar.start, bar.end) for bar in line.bars] == [(0, 0, 10), (1, 2.5, 12.5)]
    assert (line.lanes, line.origin, line.step, line.end) == (("0", "1"), "12:00:05", 2, 14)
    assert line.bars[1].note == "run 1 (finished): 12:00:07.5 to 12:00:17.5, 10 s"


def test_a_time_line_shows_planned_starts():
    """A run that began later than planned begins right of the mark."""
    line = time_line_of(rows_of(at(1.5, planned=PLANNED), at(0.25, planned=PLANNED), parallel=True))

    assert line.planned == ((0, 0), (1, 0))
    assert [bar.start for bar in line.bars] == [1.5, 0.25]


def test_runs_without_times_have_no_bar():
    """Their lane stays, so that it is seen that they are missing."""
    line = time_line_of(rows_of(at(0), result(error="no route")))

    assert (len(line.bars), line.lanes) == (1, ("0", "1"))
    assert time_line_of(rows_of(result(error="no route"))) is None


def test_a_run_that_ended_before_it_began_is_a_point():
    """Clocks of servers may be set while they measure."""
    strange = result(run(RTT, start_time="2026-03-01T12:00:09Z", end_time="2026-03-01T12:00:01Z"))

    assert [(bar.start, bar.end) for bar in time_line_of(rows_of(strange)).bars] == [(0, 0)]


def test_failed_runs_have_their_own_color():
    """They have a colour of their own."""
    line = time_line_of(rows_of(at(0), result(failed_run())))

    assert [bar.succeeded for bar in line.bars] == [True, False]


def test_the_overview_has_a_lane_for_every_job():
    """With all the runs of the job in it."""
    account = report_of(output(job(at(0), at(20), label="a"), job(at(40), label="b")))
    line = overview_of((account.rows[:2], account.rows[2:]))

    assert line.lanes == ("a", "b")
    assert [(bar.lane, bar.start) for bar in line.bars] == [(0, 0), (0, 20), (1, 40)]


def test_metrics_of_one_unit_are_in_one_plot():
    """The round trips together, the loss on its own."""
    plots = plots_of(rows_of(with_mean(0.4), with_mean(0.5)))

    assert [(plot.title, plot.unit, [line.title for line in plot.lines]) for plot in plots] == [
        ("Round trip", "ms", ["Shortest", "Mean", "Longest"]),
        ("Loss", "%", ["Loss"]),
    ]
    assert plots[0].lines[1].values == (0.4, 0.5)


def test_tests_have_plots_of_their_own():
    """A share of packets says nothing beside the variation of a rate, nor one host's answer beside another test's."""
    intervals = [{"summary": {"throughput-bits": rate}} for rate in (1e9, 3e9)]
    throughput = {"intervals": intervals, "summary": {"summary": {"sent": 4, "lost": 1}}}
    kinds = {"throughput": throughput, "dns": {"time": "PT0.1S"}, "http": {"time": "PT0.2S"}}
    rows = rows_of(
        *(result(run({"succeeded": True, **found}), kind=kind) for kind, found in kinds.items() for _ in "12")
    )

    assert [plot.title for plot in plots_of(rows)] == [
        "Variation of throughput",
        "Loss",
        "DNS response time",
        "HTTP response time",
    ]


def test_a_failed_run_is_a_gap():
    """It has a place, and no point."""
    (plot, _) = plots_of(rows_of(with_mean(0.4), result(failed_run()), with_mean(0.6)))

    assert (plot.places, plot.lines[1].values) == (("0", "1", "2"), (0.4, None, 0.6))


def test_one_point_is_no_plot():
    """There is nothing to see in it that the table does not say."""

    assert plots_of(rows_of(with_mean(0.4), result(failed_run()))) == ()


def test_metrics_are_plotted_over_the_number_that_varied():
    """In the order of that number; what stays the same is plotted once."""
    plots = plots_of(rows_of(with_mean(0.6, length=512), with_mean(0.4, length=64), with_mean(0.5, length=128)))

    assert [(plot.title, plot.axis) for plot in plots] == [
        ("Round trip", "iteration"),
        ("Round trip", "length"),
        ("Loss", "iteration"),
    ]
    assert plots[1].places == (64, 128, 512)
    assert plots[1].lines[1].values == (0.4, 0.5, 0.6)


@pytest.mark.parametrize(
    "specs",
    [
        ({"length": 1, "count": 1}, {"length": 2, "count": 2}),
        ({"dest": "a"}, {"dest": "b"}),
        ({"length": 1}, {}),
        ({"length": 10**400}, {"length": 1}),
        ({"flag": True}, {"flag": False}),
    ],
)
def test_only_one_number_that_varies_is_plotted_over(specs):
    """With two it is unclear which one counts; texts, truth values and incomplete numbers are not an axis."""

    assert varied_number(rows_of(*(with_mean(0.4, **spec) for spec in specs))) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((0, 0), "The 2 iterations started exactly as planned."),
        (
            (0.25, 2),
            (
                "The 2 iterations started 250 ms to 2 s after the planned start; "
                "the first and the last start were 1.75 s apart."
            ),
        ),
        ((1.5,), "The run started 1.5 s after the planned start."),
    ],
)
def test_the_skew_is_given_in_numbers(seconds, words):
    """How late after the plan, and how far apart."""

    assert skew_words(rows_of(*(at(second, planned=PLANNED) for second in seconds), parallel=True)) == words


def test_late_submissions_are_counted():
    """A task that could only be posted after its start was posted all the same (ADR 10)."""
    rows = rows_of(at(3, planned=PLANNED, late="PT2.5S"), at(0, planned=PLANNED), parallel=True)

    assert skew_words(rows).endswith("1 task was submitted after the planned start, by up to 2.5 s.")


def test_without_a_plan_there_is_no_skew():
    """A serial job has no start to be late for."""

    assert skew_words(rows_of(at(3), at(4))) is None


def test_the_delay_of_an_iteration_is_that_of_its_first_run():
    """The other results of a background test are meant to come later."""
    rows = rows_of(at(1, planned=PLANNED, runs=3), at(2, planned=PLANNED, runs=3), parallel=True)
    plot = plots_of(rows)[-1]

    assert [delay_of(row) for row in rows[:3]] == [timedelta(seconds=1), None, None]
    assert (plot.unit, plot.places, plot.lines[0].values) == ("s", ("0.0", "1.0"), (1, 2))
    assert "1 s apart" in skew_words(rows)


def test_starts_that_kept_to_the_plan_need_no_plot():
    """A sentence says that they did."""
    rows = rows_of(at(0, planned=PLANNED), at(0, planned=PLANNED), parallel=True)

    assert "Delay after planned start" not in [plot.title for plot in plots_of(rows)]


def test_several_results_are_one_bar_with_a_mark_for_each():
    """The bar is that of the lead run."""
    line = time_line_of(rows_of(several(10, 20, start=1), several(12, 22, 41, start=2), at(3)))

    assert line.lanes == ("0", "1", "2.0")
    assert [(bar.lane, bar.start, bar.end) for bar in line.bars] == [(0, 0, 39), (1, 1, 39), (2, 2, 12)]
    assert line.results == ((0, 9), (0, 19), (1, 11), (1, 21), (1, 40))
    assert line.bars[0].note == "run 0 (finished, 2 results): 12:00:01 to 12:00:40, 39 s"


def test_several_results_are_one_bar_in_the_overview():
    """In the lane of their job."""
    rows = report_of(output(job(several(10, 20)), job(several(30, start=20), at(3)))).rows
    line = overview_of((rows[:2], rows[2:]))

    assert [(bar.lane, bar.start, bar.end) for bar in line.bars] == [(0, 0, 40), (1, 20, 40), (1, 3, 13)]
    assert line.bars[1].note == "rtt, run 0 (finished, 1 result): 12:00:20 to 12:00:40, 20 s"


def test_the_bar_of_several_results_shows_that_one_failed():
    """And the state of the lead run."""
    failed = several(10, 20, state="canceled")
    failed["runs"][1]["application/json"] = {"succeeded": False}
    (bar,) = time_line_of(rows_of(failed)).bars

    assert (bar.succeeded, bar.note.partition(":")[0]) == (False, "run 0 (canceled, 2 results)")


def test_a_result_made_before_the_first_start_is_drawn_there():
    """Clocks of servers may be set while they measure."""
    assert time_line_of(rows_of(several(10, 20, start=15))).results == ((0, 0), (0, 5))


def test_several_results_started_when_their_lead_run_did():
    """Not when the first result was made."""
    made = [several(10, 20, start=start) for start in (0, 2)]
    for each in made:
        each["task"]["schedule"]["start"] = PLANNED
    rows = rows_of(*made, parallel=True)

    assert skew_words(rows) == (
        "The 2 iterations started 0 s to 2 s after the planned start; the first and the last start were 2 s apart."
    )
    assert plots_of(rows)[-1].lines[0].values == (0, 2)
