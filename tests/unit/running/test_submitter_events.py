"""The events of an iteration, against servers made of files (tests/replies)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, List

import pytest

from pscheduler_batch.events import IterationMoved, LimitChanged
from pscheduler_batch.model import Iteration
from pscheduler_batch.running.submitter import BrokenDownError
from tests.support.clock import NOON
from tests.support.wire import CASES, HOST, IDLE, submit_all


def moves(server, *, start=None) -> List[IterationMoved]:
    """Run one iteration and return its events."""
    events: List[Any] = []
    iteration = Iteration(0, 0, "idle/0", timedelta(0), IDLE)
    submit_all(server, [iteration], start=start, watch=events.append)
    return events


def seconds(time: datetime) -> float:
    """Return the seconds from the start to a time."""
    return (time - NOON).total_seconds()


def test_an_iteration_goes_through_its_states(wire):
    """From asking the assist to fetching, on the host that runs its task."""
    found = moves(wire())

    assert [event.state for event in found] == ["asking", "posting", "posted", "pending", "finished", "fetching"]
    assert {event.host for event in found} == {HOST}
    assert [event.run is not None for event in found] == [False] * 3 + [True] * 3


def test_events_are_dated_by_the_clock_that_is_given(wire):
    """They come when it happens, not when it is over."""
    found = moves(wire())

    assert [event.at for event in found] == sorted(event.at for event in found)
    assert found[0].at < found[3].at < found[5].at


def test_the_times_of_the_run_are_there_for_a_count_down(wire):
    """As soon as it is known."""
    pending = moves(wire())[3]

    assert (seconds(pending.start), seconds(pending.end)) == (5, 9)


@pytest.mark.parametrize("case", ["server-two-hours-ahead", "server-two-hours-behind"])
def test_times_are_by_the_clock_of_this_machine(wire, case):
    """However wrong the server's clock is."""
    pending = moves(wire(case))[3]

    assert 0 < seconds(pending.end) < 30


def test_an_end_that_moves_is_an_event(wire):
    """Although the state is the same, as a countdown is based on it."""
    found = [event for event in moves(wire("end-moves-later")) if event.state == "pending"]

    assert [seconds(event.end) for event in found] == [9, 69]


def test_a_run_without_times_has_no_count_down(wire):
    """Its end is not known."""
    (pending,) = [event for event in moves(wire("run-without-times")) if event.state == "pending"]

    assert (pending.start, pending.end) == (None, None)


def test_a_synchronized_start_is_told_with_the_posting(wire):
    """The iteration waits for it then."""
    start = NOON + timedelta(seconds=15)

    assert [event.start for event in moves(wire(), start=start) if event.state == "posted"] == [start]


def test_times_at_the_ends_of_the_calendar_do_no_harm(wire):
    """A time beyond our calendar is treated as unknown; the measurement goes on."""
    server = wire("server-two-hours-ahead")
    run = {"start-time": "0001-01-01T00:00:00+00:00", "end-time": "2026-03-01T14:00:09+00:00"}
    server.changed["GET /tasks/5f1c/runs/first"] = [{"run": run, "takes": 1}]
    found = moves(server)

    assert [event.start for event in found if event.state == "pending"] == [None]
    assert found[-1].state == "fetching"


@pytest.mark.parametrize("case", CASES)
def test_a_watch_changes_nothing(wire, case):
    """The result is the same with and without a callback."""
    iteration = Iteration(0, 0, "idle/0", timedelta(0), IDLE)
    results = [submit_all(wire(case), [iteration], **options) for options in ({}, {"watch": lambda _: None})]

    assert results[0] == results[1]


def test_a_watch_that_breaks_down_takes_nothing_along_that_was_obtained(wire):
    """Like any other bug: its task can be canceled, and its run is known."""

    def watch(event: Any) -> None:
        if isinstance(event, IterationMoved) and event.state == "pending":
            raise ZeroDivisionError

    iteration = Iteration(0, 0, "idle/0", timedelta(0), IDLE)
    with pytest.raises(BrokenDownError) as broken:
        submit_all(wire(), [iteration], watch=watch)

    assert isinstance(broken.value.__cause__, ZeroDivisionError)
    assert broken.value.submitted
    assert (broken.value.result.task_href or "").endswith("/tasks/5f1c")
    assert [found.run.state for found in broken.value.result.runs] == ["pending"]


def limits(server, iterations: int) -> List[LimitChanged]:
    """Run iterations at the same time and return the changes of limits that are due to an overload."""
    events: List[Any] = []
    submit_all(
        server,
        [Iteration(0, number, f"idle/{number}", timedelta(0), IDLE) for number in range(iterations)],
        watch=events.append,
    )
    return [event for event in events if isinstance(event, LimitChanged) and event.overload]


def test_a_run_that_the_server_had_no_time_for_is_a_sign_of_overload(wire):
    """Fewer tasks are submitted then, and fewer results fetched, once for all runs that fail together (ADR 49)."""
    found = limits(wire("failed-to-merge"), 3)

    assert [(event.submitting, event.limit, event.reason) for event in found] == [
        (True, 2, "a run failed because a process took too long"),
        (False, 1, "a run failed because a process took too long"),
    ]


@pytest.mark.parametrize("case", ["failed-with-error-of-the-result", "failed-at-the-second-participant", "single"])
def test_a_run_that_failed_for_another_reason_is_none(wire, case):
    """A test may fail on an idle server, too."""
    assert limits(wire(case), 3) == []
