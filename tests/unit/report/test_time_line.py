"""Tests of the time lines of runs."""

from __future__ import annotations

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.drawings.time_line import job_spans_of, overview_of, time_line_of
from pscheduler_batch.report.job_runs import job_runs_of
from tests.support.measured_jobs import NOON as PLANNED
from tests.support.measured_jobs import at, runs_of
from tests.support.output_documents import RTT, failed_run, job, output, result, run, several, skipped


def overview(*jobs):
    """Lay out the runs of some jobs."""
    rows = report_of(output(*jobs)).rows
    return overview_of([job_spans_of(job_runs_of([row for row in rows if row.job == n])) for n in range(len(jobs))])


def test_a_time_line_has_a_bar_for_every_run():
    """In seconds since the first of all starts."""
    line = time_line_of(runs_of(at(5), at(7.5)))

    assert [(bar.lane, bar.start, bar.end) for bar in line.bars] == [(0, 0, 10), (1, 2.5, 12.5)]
    assert (line.lanes, line.origin, line.step, line.end) == (("0", "1"), "12:00:05", 2, 14)
    assert line.bars[1].note == "run 1 (finished): 12:00:07.5 to 12:00:17.5, 10 s"


def test_a_time_line_shows_planned_starts():
    """A run that began later than planned begins right of the mark."""
    line = time_line_of(runs_of(at(1.5, planned=PLANNED), at(0.25, planned=PLANNED), parallel=True))

    assert line.planned == ((0, 0), (1, 0))
    assert [bar.start for bar in line.bars] == [1.5, 0.25]


def test_runs_without_times_have_no_bar():
    """Their lane stays, so that it is seen that they are missing."""
    line = time_line_of(runs_of(at(0), result(error="no route")))

    assert (len(line.bars), line.lanes) == (1, ("0", "1"))
    assert time_line_of(runs_of(result(error="no route"))) is None


def test_what_was_skipped_has_no_lane():
    """It has no times, and has not failed."""
    line = time_line_of(runs_of(at(0), skipped(), skipped()))
    several_jobs = overview(job(at(0), skipped()), job(skipped()))

    assert (line.lanes, len(line.bars)) == (("0",), 1)
    assert [(bar.lane, bar.succeeded) for bar in several_jobs.bars] == [(0, True)]
    assert time_line_of(runs_of(skipped())) is None


def test_a_run_that_ended_before_it_began_is_a_point():
    """Clocks of servers may be set while they measure."""
    strange = result(run(RTT, start_time="2026-03-01T12:00:09Z", end_time="2026-03-01T12:00:01Z"))

    assert [(bar.start, bar.end) for bar in time_line_of(runs_of(strange)).bars] == [(0, 0)]


def test_failed_runs_are_marked():
    """As others are not."""
    line = time_line_of(runs_of(at(0), result(failed_run())))

    assert [bar.succeeded for bar in line.bars] == [True, False]


def test_the_overview_has_a_lane_for_every_job():
    """With all the runs of the job in it."""
    line = overview(job(at(0), at(20), label="a"), job(at(40), label="b"))

    assert line.lanes == ("a", "b")
    assert [(bar.lane, bar.start) for bar in line.bars] == [(0, 0), (0, 20), (1, 40)]


def test_several_results_are_one_bar_with_a_mark_for_each():
    """The bar is that of the lead run."""
    line = time_line_of(runs_of(several(10, 20, start=1), several(12, 22, 41, start=2), at(3)))

    assert line.lanes == ("0", "1", "2.0")
    assert [(bar.lane, bar.start, bar.end) for bar in line.bars] == [(0, 0, 39), (1, 1, 39), (2, 2, 12)]
    assert line.results == ((0, 9), (0, 19), (1, 11), (1, 21), (1, 40))
    assert line.bars[0].note == "run 0 (finished, 2 results): 12:00:01 to 12:00:40, 39 s"


def test_several_results_are_one_bar_in_the_overview():
    """In the lane of their job."""
    line = overview(job(several(10, 20)), job(several(30, start=20), at(3)))

    assert [(bar.lane, bar.start, bar.end) for bar in line.bars] == [(0, 0, 40), (1, 20, 40), (1, 3, 13)]
    assert line.bars[1].note == "rtt, run 0 (finished, 1 result): 12:00:20 to 12:00:40, 20 s"


def test_the_bar_of_several_results_shows_that_one_failed():
    """And the state of the lead run."""
    failed = several(10, 20, state="canceled")
    failed["runs"][1]["application/json"] = {"succeeded": False}
    (bar,) = time_line_of(runs_of(failed)).bars

    assert (bar.succeeded, bar.note.partition(":")[0]) == (False, "run 0 (canceled, 2 results)")


def test_a_result_made_before_the_first_start_is_drawn_there():
    """Clocks of servers may be set while they measure."""
    assert time_line_of(runs_of(several(10, 20, start=15))).results == ((0, 0), (0, 5))


def test_what_did_not_run_is_marked_in_its_lane():
    """At its planned start, or at the left edge, which the caption explains."""
    unplanned = time_line_of(runs_of(at(5), result(error="no route")))
    rejected = result(error="no route")
    rejected["task"]["schedule"]["start"] = "2026-03-01T12:00:07Z"
    planned = time_line_of(runs_of(at(5, planned=PLANNED), rejected, parallel=True))

    assert unplanned.unrun == ((1, 0, "run 1 (failed): did not run"),)
    assert unplanned.caption == "✗ at the left edge: did not run"
    assert (planned.unrun, planned.caption) == (((1, 7, "run 1 (failed): did not run"),), "")


def test_neighbors_share_a_bar_where_there_are_many():
    """From the first start to the last end; one that failed is seen."""
    iterations = [at(n, length=2) for n in range(1100)]
    iterations[4] = result(failed_run(start_time="2026-03-01T12:00:04Z", end_time="2026-03-01T12:00:05Z"))
    line = time_line_of(runs_of(*iterations))

    assert (len(line.bars), line.caption) == (367, "each bar: up to 3 runs")
    assert line.lanes[:2] == ("0 to 2", "3 to 5")
    assert (line.bars[0].start, line.bars[0].end, line.bars[0].succeeded) == (0, 4, True)
    assert line.bars[1].note == "run 3 to 5 (3 runs, 1 failed): 12:00:03 to 12:00:07, 4 s"
    assert not line.bars[1].succeeded


def test_the_overview_of_large_jobs_is_small():
    """However many runs they have."""
    line = overview(*(job(*(at(n) for n in range(500)), label=label) for label in "ab"))

    assert len(line.bars) == 2 * 56
    assert line.caption == "each bar: up to 9 runs"
