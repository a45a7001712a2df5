"""Tests of what is drawn for a job."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pscheduler_batch.report.document_rows import report_of
from pscheduler_batch.report.drawings.choice import drawings_of, drawn_samples
from pscheduler_batch.report.drawings.under_load import under_load_of
from pscheduler_batch.report.job_runs import job_runs_of
from tests.support.load_documents import load, pings
from tests.support.measured_jobs import at, buckets_of, mean_of, path_of, rates_of, runs_of, trips_of
from tests.support.output_documents import job, output, result, several

PACKETS = tuple(range(1, 30))


@pytest.mark.parametrize(
    ("results", "titles"),
    [
        ([trips_of(*PACKETS)], ["Round trip"]),
        ([trips_of(*PACKETS, lost=n) for n in range(6)], ["Round trip", "Loss", "Timeline of runs"]),
        ([mean_of(n, length=n) for n in (1, 2)], ["Round trip", "Timeline of runs"]),
        ([rates_of(1, 2, 3)], ["Throughput over time"]),
        (
            [rates_of(*PACKETS, parallel=n, retransmits=[n] * 29) for n in (1, 2)],
            ["Throughput over time", "Throughput of intervals", "Retransmits", "Timeline of runs"],
        ),
        ([buckets_of({"1": n}) for n in (1, 2)], ["One-way latency", "Timeline of runs"]),
        ([path_of("abc"), path_of("ab")], ["Timeline of runs"]),
        ([at(0), at(20)], ["Timeline of runs"]),
        ([at(0)], []),
        ([several(10, 20)], []),
    ],
)
def test_each_test_has_the_figures_that_suit_it(results, titles):
    """And no more: what never changes is not drawn, nor a time line of one run."""

    assert [figure.title for figure in drawings_of(runs_of(*results)).figures] == titles


def test_a_mesh_has_matrices_and_no_curves():
    """A line from one pair to the next would mean nothing."""
    drawings = drawings_of(
        runs_of(*(trips_of(n, n, n, n, n, source=a, dest=b) for n, (a, b) in enumerate(("ab", "ba"), 1)))
    )

    assert [matrix.title for matrix in drawings.matrices] == ["Median round trip"]
    assert [figure.title for figure in drawings.figures] == ["Timeline of runs"]


def test_each_test_of_a_job_is_drawn():
    """Where its tasks have several."""
    drawings = drawings_of(runs_of(path_of("ab"), path_of("ac"), trips_of(*PACKETS), rates_of(1, 2)))

    assert [figure.title for figure in drawings.figures] == ["Round trip", "Throughput over time", "Timeline of runs"]
    assert [len(table.paths) for table in drawings.paths] == [2]


def test_an_iteration_without_a_task_is_a_gap():
    """Its test is not known."""
    lost = {**result(error="the transform failed"), "task": {}}
    (boxes, _) = drawings_of(runs_of(lost, *(trips_of(*range(1, 9)) for _ in range(5)))).figures

    assert (boxes.title, boxes.boxes[0], boxes.places) == ("Round trip", None, tuple("012345"))


LOADED = [pings(0, 60, milliseconds=[1] * 20 + [9] * 10 + [1] * 30), load(20, 31)]
STREAMS = {"streams": (0.5, 0.5)}


@pytest.mark.parametrize(
    ("results", "packets", "streams"),
    [
        ([trips_of(*PACKETS)] * 2, False, False),
        (LOADED, True, False),
        ([buckets_of({"1": 2, "2.5": 3}, second=n) for n in (1, 2)], False, False),
        ([rates_of(1, 2, 3, **STREAMS)], False, True),
        ([rates_of(n, n + 1, 3, **STREAMS) for n in range(13)], False, False),
        ([path_of("abc"), path_of("ab")], False, False),
    ],
)
def test_what_is_not_drawn_need_not_be_in_memory(results, packets, streams):
    """The drawings are the same without it."""
    report = report_of(output(job(*results)))
    rows = list(report.rows)
    brief = [replace(row, samples=drawn_samples(row.samples, report.jobs)) for row in rows]

    assert drawings_of(job_runs_of(brief)) == drawings_of(job_runs_of(rows))
    assert under_load_of(brief, report.jobs) == under_load_of(rows, report.jobs)
    assert any(row.samples.packets for row in brief) == packets
    assert any(interval.streams for row in brief for interval in row.samples.intervals) == streams
