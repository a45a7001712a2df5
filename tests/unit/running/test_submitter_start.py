"""Synchronized starts, as the submitter handles them (ADR 10 and 20)."""

from __future__ import annotations

from datetime import timedelta

from pscheduler_batch.output.document import render_result
from tests.support.clock import NOON
from tests.support.wire import submit


def test_a_task_posted_after_its_synchronized_start_says_by_how_much(wire):
    """It is posted nevertheless (ADR 10); participants and POST take 3.5 seconds here."""
    result = submit(wire(), start=NOON + timedelta(seconds=1))

    assert render_result(result)["late"] == "PT2.5S"
    assert result.runs[0].succeeded


def test_a_task_posted_in_time_does_not_say_that_it_is_late(wire):
    """There is nothing to report then."""
    result = submit(wire(), start=NOON + timedelta(seconds=15))

    assert "late" not in render_result(result)


def test_nothing_is_asked_between_the_post_and_a_synchronized_start(wire):
    """The other iterations need the request slots to be posted in time (ADR 20)."""
    server = wire()

    submit(server, start=NOON + timedelta(seconds=15))

    assert [seconds >= 15 for seconds in server.seconds] == [False, False, True, True, True, True]


def test_a_synchronized_start_is_waited_for_by_the_clock_of_the_server(wire):
    """By its clock, one that is two hours ahead has started long ago."""
    server = wire("server-two-hours-ahead")

    submit(server, start=NOON + timedelta(seconds=15))

    assert server.seconds[2] < 15
