"""How a run is waited for; the clock is virtual."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import List, Tuple

import pytest

from pscheduler_batch.errors import UnfinishedError
from pscheduler_batch.model import Run
from pscheduler_batch.scheduler.waiting import Looks, RunWaiter, WaitLimits
from tests.support.clock import NOON, VirtualClock, after

RUN = Run(
    "https://ps.example.net/r",
    "pending",
    NOON,
    NOON + timedelta(seconds=10),
    "https://ps.example.net/r/result",
    None,
    {},
)
DONE = replace(RUN, state="finished", result_merged={"succeeded": True})


class Waiting:
    """Waits for a run that a server describes in one way after another, the last one for ever."""

    def __init__(self, *runs) -> None:
        self.clock = VirtualClock()
        self.reads: List[Tuple[float, int]] = []
        self.seen: List[str] = []
        self.offset = timedelta(0)
        self._runs = list(runs)

    async def read(self, url, wait, within=None):
        """Read the run; the URL says the same as the wait."""
        assert url == (f"{RUN.href}?wait-merged=true&wait={wait}" if wait else RUN.href)
        self.reads.append((self.clock.seconds, wait))
        run = self._runs.pop(0) if len(self._runs) > 1 else self._runs[0]
        if run is None or run.result_merged is None:
            self.clock.tick(wait)
        return run, self.offset

    def until_done(self, run=RUN, patience=None):
        """Wait."""
        clock, limits = self.clock.clock, patience or WaitLimits()
        waiter = RunWaiter(self.read, clock, limits, lambda run: self.seen.append(run.state), Looks(clock, limits))
        return asyncio.run(waiter.until_done(run, self.offset))


def test_a_run_that_is_done_costs_nothing():
    """Neither a request nor a moment."""
    waiting = Waiting(DONE)

    assert waiting.until_done(DONE) is DONE
    assert (waiting.reads, waiting.clock.slept) == ([], [])


def test_a_run_is_first_asked_for_when_it_is_due():
    """Then the server may wait with its answer."""
    waiting = Waiting(DONE)

    waiting.until_done()

    assert waiting.reads == [(10.0, 2)]


def test_the_server_waits_less_and_less_often_for_a_run_that_does_not_end():
    """After two long polls it is only looked at every five seconds."""
    waiting = Waiting(*[RUN] * 4, DONE)

    waiting.until_done()

    assert waiting.reads == [(10.0, 2), (12.0, 5), (22.0, 0), (27.0, 0), (32.0, 0)]


def test_an_answer_that_was_cut_changes_nothing():
    """The run is still what it was."""
    waiting = Waiting(None, None, DONE)

    assert waiting.until_done() is DONE


@pytest.mark.parametrize("hours", [-5, 5])
def test_the_servers_clock_counts(hours):
    """A run's times are the server's."""
    waiting = Waiting(DONE)
    waiting.offset = timedelta(hours=hours)

    waiting.until_done(replace(RUN, end_time=RUN.end_time + waiting.offset))

    assert waiting.reads == [(10.0, 2)]


def test_a_run_that_starts_much_later_is_looked_at_every_ten_minutes():
    """It may be canceled, or its start may move."""
    far = replace(RUN, start_time=after(1500), end_time=after(1560))
    waiting = Waiting(far, replace(far, state="canceled"))

    assert waiting.until_done(far).state == "canceled"
    assert waiting.reads == [(600.0, 0), (1200.0, 0)]


@pytest.mark.parametrize(("start", "seconds"), [(0, 10), (25, 35)])
def test_a_run_is_first_looked_at_soon_after_its_start(start, seconds):
    """What cannot work fails at once."""
    run = replace(RUN, start_time=after(start), end_time=after(start + 60))
    waiting = Waiting(replace(run, state="failed"))

    waiting.until_done(run)

    assert waiting.reads == [(seconds, 0)]


@pytest.mark.parametrize("length", [1, 4, 11, 12])
def test_a_short_run_that_starts_later_is_requested_when_it_is_due(length):
    """And not before."""
    run = replace(RUN, start_time=after(100), end_time=after(100 + length))
    waiting = Waiting(DONE)

    waiting.until_done(run)

    assert waiting.reads == [(100 + length, 2)]


@pytest.mark.parametrize(
    ("length", "looks", "pause"),
    [(12, 0, 12), (24, 1, 12), (60, 5, 12), (75, 6, 12), (600, 50, 12), (3600, 10, 360), (86400, 144, 600)],
)
def test_the_looks_at_a_run_are_few_and_spread_evenly(length, looks, pause):
    """No look comes right before the end."""
    run = replace(RUN, end_time=after(length))
    waiting = Waiting(*[run] * looks, DONE)
    waiting.until_done(run)
    times = [0.0, *(at for at, _ in waiting.reads)]
    pauses = [later - earlier for earlier, later in zip(times, times[1:])]

    assert [wait for _, wait in waiting.reads] == [0] * looks + [2]
    assert waiting.reads[-1][0] == pytest.approx(length)
    assert max(pauses) <= pause + 0.001
    assert min(pauses) >= 8


@pytest.mark.parametrize("hours", [-5, 0, 5])
def test_an_early_end_is_noticed_whatever_the_clock_of_the_server(hours):
    """The looks depend on the time that is left."""
    waiting = Waiting(replace(RUN, state="failed"))
    waiting.offset = timedelta(hours=hours)
    run = replace(RUN, start_time=NOON + waiting.offset, end_time=after(60) + waiting.offset)

    assert waiting.until_done(run).state == "failed"
    assert waiting.reads == [(10, 0)]


def test_a_look_that_fails_changes_nothing():
    """The run is looked at again, and read when it is due."""
    run = replace(RUN, end_time=after(60))
    waiting = Waiting(*[None] * 5, DONE)

    assert waiting.until_done(run) is DONE
    assert [wait for _, wait in waiting.reads] == [0] * 5 + [2]


def test_an_end_that_moves_is_waited_for():
    """Even if the wait is longer than the patience would be."""
    later = replace(RUN, end_time=NOON + timedelta(hours=1))
    waiting = Waiting(later, *[later] * 10, DONE)

    waiting.until_done()

    assert (3600.0, 2) in [(round(at, 3), wait) for at, wait in waiting.reads]


def test_every_new_state_is_told_once():
    """Not every look."""
    waiting = Waiting(RUN, *[replace(RUN, state="running")] * 2, replace(RUN, state="cleanup"), DONE)

    waiting.until_done()

    assert waiting.seen == ["running", "cleanup", "finished"]


@pytest.mark.parametrize("state", ["running", "overdue", "cleanup"])
def test_patience_ends_five_minutes_after_the_announced_end(state):
    """The error says what it was waiting for."""
    waiting = Waiting(replace(RUN, state=state))

    with pytest.raises(UnfinishedError, match=f'is still "{state}" 300 seconds after its announced end'):
        waiting.until_done()

    assert 310 <= waiting.clock.seconds < 320


def test_a_cleanup_with_a_merged_result_is_not_done():
    """It is about to change."""
    waiting = Waiting(replace(DONE, state="cleanup"), DONE)

    assert waiting.until_done() is DONE


@pytest.mark.parametrize("years", [-8000, 8000])
def test_a_clock_that_no_calendar_reaches_is_no_bug(years):
    """The run is looked at now and then, or given up, as with any other clock."""
    waiting = Waiting(DONE)
    waiting.offset = timedelta(days=365 * years)
    patience = WaitLimits(result=timedelta(days=4_000_000))

    assert waiting.until_done(patience=patience) is DONE
