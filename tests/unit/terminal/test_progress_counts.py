"""Tests of how far a batch has got, and of how long the rest may take."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Optional

import pytest

from pscheduler_batch.events import AttemptEnded, RetriesBegan
from pscheduler_batch.terminal.progress_counts import ProgressCounts, ProgressSnapshot
from tests.support.clock import after
from tests.support.events import BatchEvents
from tests.support.submitter import lose


def glance(*events: Any, at: float = 0, lines: int = 10) -> ProgressSnapshot:
    """Return the progress after some events."""
    tally = ProgressCounts()
    for event in events:
        tally.note(event)
    return tally.snapshot(after(at), lines)


def left(*events: Any, at: float) -> Optional[float]:
    """Return how many seconds the job may still take after some events."""
    span = glance(*events, at=at).left
    return None if span is None else span.total_seconds()


SERIAL = BatchEvents({"iterations": 4})


def test_an_iteration_that_is_submitted_again_is_still_to_be_done():
    """It counts when its last attempt has ended, and the job has those left that are submitted again."""
    batch = BatchEvents({"iterations": 2})
    plan = batch.plan.jobs[0]
    again = replace(plan, iterations=plan.iterations[:1])
    first = [*batch.begin(), batch.move(0, 0, "posting"), AttemptEnded(after(4), lose(batch.iteration(0)))]
    second = [batch.move(1, 4, "posting"), batch.end(1, 8), RetriesBegan(after(8), again, 2, after(9))]
    before, between = glance(*first), glance(*first, *second)
    whole = glance(*first, *second, batch.move(0, 9, "posting"), batch.end(0, 13))

    assert (before.finished, before.failed, before.lines) == (0, 0, ())
    assert (between.finished, between.failed, left(*first, *second, at=8)) == (1, 0, None)
    assert (whole.finished, whole.failed, whole.left) == (2, 0, timedelta(0))


PARALLEL = BatchEvents({"iterations": 4, "parallel": True, "sync-start": False})


class TestCounts:
    """What is done and what is not."""

    def test_iterations_are_counted_by_what_became_of_them(self):
        """Of enabled jobs only."""
        batch = BatchEvents({"iterations": 3}, {"enabled": False, "iterations": 9}, {"iterations": 2})
        found = glance(*batch.begin(), batch.end(0, 1), batch.end(1, 2, failure="no"))

        assert (found.total, found.finished, found.failed) == (5, 1, 1)

    def test_jobs_are_counted_without_those_that_are_disabled(self):
        """The place is that among those that are run."""
        batch = BatchEvents({}, {"enabled": False}, {})
        found = [glance(*batch.begin(job)) for job in (0, 2)]

        assert [(item.job_place, item.jobs, item.job.label, item.is_last) for item in found] == [
            *[(1, 2, "a", False)],
            (2, 2, "c", True),
        ]

    def test_between_two_jobs_there_is_none(self):
        """Such as while a continue-if is asked."""
        found = glance(*SERIAL.begin(), SERIAL.end_job(0, 9))

        assert (found.job, found.left) == (None, None)

    def test_before_anything_has_happened_there_is_nothing(self):
        """And that is not an error."""
        found = glance(at=3)

        assert (found.total, found.lines, found.others, found.began) == (0, (), (), after(3))


class TestLines:
    """Which iterations have a line."""

    def test_an_iteration_has_its_last_state_until_it_ends(self):
        """One line for each."""
        events = [*PARALLEL.begin(), PARALLEL.move(0, 1, "posting"), PARALLEL.move(0, 2, "running")]

        assert [moved.state for moved in glance(*events).lines] == ["running"]
        assert glance(*events, PARALLEL.end(0, 3)).lines == ()

    def test_lines_keep_their_places(self):
        """Whatever happens to those beside them."""
        begun = [PARALLEL.move(number, 1, "posting") for number in range(4)]
        found = glance(*PARALLEL.begin(), *begun, PARALLEL.move(1, 2, "running"), PARALLEL.end(0, 3))

        assert [moved.iteration.number for moved in found.lines] == [1, 2, 3]

    def test_those_that_only_wait_come_last(self):
        """They are the least interesting."""
        waiting = [PARALLEL.move(number, 0, "waiting", start=9) for number in range(3)]
        found = glance(*PARALLEL.begin(), *waiting, PARALLEL.move(2, 1, "posting"))

        assert [moved.iteration.number for moved in found.lines] == [2, 0, 1]

    def test_the_rest_is_summed_up_by_state(self):
        """The most frequent one first."""
        states = ["running", "pending", "running", "running"]
        moves = [PARALLEL.move(number, 1, state) for number, state in enumerate(states)]
        found = glance(*PARALLEL.begin(), *moves, lines=1)

        assert found.others == (("running", 2), ("pending", 1))

    def test_no_lines_is_no_error(self):
        """On a screen that has no room for any."""
        found = glance(*PARALLEL.begin(), PARALLEL.move(0, 1, "running"), lines=-1)

        assert (found.lines, found.others) == ((), (("running", 1),))

    def test_states_without_iterations_are_dropped(self):
        """A server may make up any number of them."""
        tally = ProgressCounts()
        for number in range(100):
            tally.note(PARALLEL.move(0, number, f"state {number}"))

        assert tally.snapshot(after(0), 0).others == (("state 99", 1),)


class TestLeftOfSerialJobs:
    """One after another: what is done says how long the others take."""

    def test_there_is_no_estimate_without_data(self):
        """The end of the first one says nothing of the others, which may be of any length."""

        assert left(*SERIAL.begin(), SERIAL.move(0, 0, "running", end=7), at=2) is None

    def test_the_others_take_as_long_as_those_that_are_done(self):
        """On the average, with what is left of the one under way."""
        done = [SERIAL.move(0, 0, "posting"), SERIAL.end(0, 10), SERIAL.move(1, 10, "posting"), SERIAL.end(1, 30)]

        assert left(*SERIAL.begin(), *done, SERIAL.move(2, 30, "posting"), at=35) == 10 + 15
        assert left(*SERIAL.begin(), *done, SERIAL.move(2, 30, "running", end=38), at=35) == 3 + 15

    def test_the_time_in_which_results_are_fetched_beside_the_next_one_counts_once(self):
        """The first takes 14 seconds, but the second begins after 10."""
        events = [SERIAL.move(0, 0, "posting"), SERIAL.move(0, 10, "fetching"), SERIAL.move(1, 10, "posting")]

        assert left(*SERIAL.begin(), *events, at=13) == 7 + 2 * 10
        assert left(*SERIAL.begin(), *events, SERIAL.end(0, 14), at=15) == 5 + 2 * 10

    def test_one_that_takes_longer_than_the_others_is_due_at_any_moment(self):
        """Never less than nothing."""
        events = [SERIAL.move(0, 0, "posting"), SERIAL.end(0, 10), SERIAL.move(1, 10, "posting")]

        assert left(*SERIAL.begin(), *events, at=100) == 20

    def test_the_last_one_needs_no_others(self):
        """Its end says it all."""
        batch = BatchEvents({})

        assert left(*batch.begin(), batch.move(0, 0, "running", end=7), at=2) == 5

    def test_what_an_earlier_try_did_says_nothing(self):
        """It took no time now."""

        assert left(*SERIAL.begin(), SERIAL.end(0, 0), SERIAL.end(1, 0), SERIAL.move(2, 0, "posting"), at=2) is None


class TestLeftOfParallelJobs:
    """Side by side: the latest end, or the pace."""

    def test_the_latest_end_counts_where_all_are_known(self):
        """Those that have ended have none any more."""
        moves = [PARALLEL.move(number, 1, "pending", end=10 * (number + 1)) for number in range(4)]

        assert left(*PARALLEL.begin(), *moves, at=5) == 35
        assert left(*PARALLEL.begin(), *moves, PARALLEL.end(3, 5), at=5) == 25

    def test_an_end_that_moves_is_followed(self):
        """Both ways."""
        moves = [PARALLEL.move(number, 1, "pending", end=10) for number in range(4)]

        assert left(*PARALLEL.begin(), *moves, PARALLEL.move(0, 2, "pending", end=60), at=5) == 55
        assert left(*PARALLEL.begin(), *moves, *[PARALLEL.move(n, 2, "pending", end=8) for n in range(4)], at=5) == 3

    def test_they_come_out_at_the_pace_at_which_they_went_in(self):
        """Submitted 10 seconds apart, each takes 5: the fourth is done after 35."""
        first = [PARALLEL.move(0, 0, "posting"), PARALLEL.end(0, 5)]
        second = [PARALLEL.move(1, 10, "posting"), PARALLEL.end(1, 15)]

        assert left(*PARALLEL.begin(), *first, *second, at=25) == 20

    def test_there_is_no_estimate_before_one_is_done_while_an_end_is_unknown(self):
        """Such as that of a background test."""
        moves = [PARALLEL.move(0, 0, "running"), *[PARALLEL.move(n, 0, "running", end=9) for n in (1, 2, 3)]]

        assert left(*PARALLEL.begin(), *moves, at=1) is None

    def test_a_run_that_is_overdue_is_due_at_any_moment(self):
        """Never less than nothing."""
        moves = [PARALLEL.move(number, 1, "overdue", end=10) for number in range(4)]

        assert left(*PARALLEL.begin(), *moves, at=50) == 0

    def test_when_all_are_done_nothing_is_left(self):
        """Whatever was expected."""
        ends = [PARALLEL.end(number, 5) for number in range(4)]

        assert left(*PARALLEL.begin(), PARALLEL.move(0, 1, "pending", end=99), *ends, at=5) == 0


@pytest.mark.parametrize("parallel", [True, False])
def test_an_estimate_comes_true(parallel):
    """Of ten iterations of 6 seconds, once two of them are done."""
    batch = BatchEvents({"iterations": 10, "parallel": parallel, "sync-start": False})
    apart = 2 if parallel else 6
    events = [event for n in (0, 1) for event in (batch.move(n, n * apart, "posting"), batch.end(n, n * apart + 6))]
    now, end = apart + 6, 9 * apart + 6
    span = glance(*batch.begin(), *sorted(events, key=lambda event: event.at), at=now).left

    assert timedelta(seconds=0.5 * (end - now)) <= span <= timedelta(seconds=2 * (end - now))
