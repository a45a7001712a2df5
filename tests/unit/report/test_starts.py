"""Tests of how far runs started from their planned start."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pscheduler_batch.report.starts import delay_of, skew_words
from tests.support.measured_jobs import NOON as PLANNED
from tests.support.measured_jobs import at, rows_of
from tests.support.output_documents import several


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

    assert [delay_of(row) for row in rows[:3]] == [timedelta(seconds=1), None, None]
    assert "1 s apart" in skew_words(rows)


def test_several_results_started_when_their_lead_run_did():
    """Not when the first result was made."""
    made = [several(10, 20, start=start) for start in (0, 2)]
    for each in made:
        each["task"]["schedule"]["start"] = PLANNED
    rows = rows_of(*made, parallel=True)

    assert skew_words(rows) == (
        "The 2 iterations started 0 s to 2 s after the planned start; the first and the last start were 2 s apart."
    )
