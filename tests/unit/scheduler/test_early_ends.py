"""Runs that end before their announced end, on the embedded server in virtual time: when that is noticed."""

from __future__ import annotations

import asyncio
import re
from typing import Dict, List

import pytest

from pscheduler_batch.embedded.test import Outcome
from pscheduler_batch.embedded.tests.idle import IdleTest
from pscheduler_batch.events import POSTED, IterationMoved
from pscheduler_batch.run_states import FINAL_STATES
from tests.support.embedded_bench import DAWN
from tests.support.virtual_runs import EMBEDDED, REAL, idle_task, run, unknown_task

LOOK = re.compile("^GET /tasks/ID/runs/(first|ID)$")


class FailingIdleTest(IdleTest):
    """A test of known length that fails after two seconds."""

    async def measure(self, spec):
        """Fail."""
        await asyncio.sleep(2)
        yield Outcome({"succeeded": False}, errors="it failed")


def failing_task(duration="PT1M", ends="PT2S"):
    """Make a task of a test of unknown length, which fails early."""
    task = unknown_task(duration)
    task["test"]["spec"].update(ends=ends, fail="it failed")
    return task


def let_idle_fail(state):
    """Make the runs of idle tests fail."""
    state.tests["idle"] = FailingIdleTest()


class Noticed:
    """
    When the end of each run was noticed.

    Attributes:
        ends: The seconds, by the number of the iteration.
    """

    def __init__(self) -> None:
        self.ends: Dict[int, float] = {}

    def watch(self, event):
        """Take an event."""
        if isinstance(event, IterationMoved) and event.run is not None and event.run.state in FINAL_STATES:
            self.ends.setdefault(event.iteration.number, (event.at - DAWN).total_seconds())


def looks_of(runs) -> List[float]:
    """Return the times of the looks: plain requests for runs."""
    return sorted(at for what, query, at, _ in runs.asked if LOOK.match(what) and query in {"", "wait=0"})


def test_a_failure_of_an_unknown_test_is_noticed_soon():
    """It was announced to take a minute."""
    noticed = Noticed()
    runs = run([failing_task()], pace=EMBEDDED, watch=noticed.watch)

    assert noticed.ends[0] <= 12
    assert runs.results[0].runs[0].run.state == "failed"


@pytest.mark.parametrize("start", [None, 20])
def test_a_failure_of_a_test_of_known_length_is_noticed_soon(start):
    """It is only requested with its result when it can be over, but looked at before."""
    noticed = Noticed()
    run([idle_task("PT1M")], pace=EMBEDDED, start=start, prepare=let_idle_fail, watch=noticed.watch)

    assert noticed.ends[0] - (start or 0) <= 12


@pytest.mark.parametrize(("pace", "seconds"), [(EMBEDDED, 40), (REAL, 48)], ids=["embedded", "real"])
@pytest.mark.parametrize("task", [failing_task(), idle_task("PT1M")], ids=["unknown", "known"])
def test_three_failures_in_a_row_do_not_take_three_minutes(pace, seconds, task):
    """A server of a real pace takes nine seconds from a request for participants to the start."""
    runs = run([task] * 3, pace=pace, serially=True, prepare=let_idle_fail)

    assert runs.seconds <= seconds


@pytest.mark.parametrize("pace", [EMBEDDED, REAL], ids=["embedded", "real"])
@pytest.mark.parametrize("task", [unknown_task("PT1M"), idle_task("PT1M")], ids=["unknown", "known"])
def test_a_run_of_a_minute_is_looked_at_six_times_at_most(pace, task):
    """If it ends on time."""
    runs = run([task], pace=pace)

    assert runs.results[0].runs[0].succeeded
    assert len(looks_of(runs)) <= 6


@pytest.mark.parametrize("ends", ["PT2S", "PT33S", "PT5M", "PT9M50S"])
def test_an_end_within_ten_minutes_is_noticed_within_some_seconds(ends):
    """Whenever it is."""
    noticed = Noticed()
    task = failing_task("PT10M", ends)
    runs = run([task], pace=EMBEDDED, watch=noticed.watch)
    end = (runs.results[0].runs[0].run.end_time - DAWN).total_seconds()

    assert 0 <= noticed.ends[0] - end <= 12


@pytest.mark.parametrize("ends", ["PT2S", "PT20M", "PT59M"])
def test_an_end_within_an_hour_is_noticed_within_a_tenth_of_it(ends):
    """At ten looks and not more."""
    noticed = Noticed()
    runs = run([failing_task("PT1H", ends)], pace=EMBEDDED, watch=noticed.watch)
    end = (runs.results[0].runs[0].run.end_time - DAWN).total_seconds()

    assert 0 <= noticed.ends[0] - end <= 361
    assert len(looks_of(runs)) <= 12


@pytest.mark.parametrize("task", [unknown_task("PT1M"), idle_task("PT1M")], ids=["unknown", "known"])
def test_the_looks_at_many_runs_of_a_host_are_two_seconds_apart(task):
    """However many there are; a long poll for the first run is not a look."""
    runs = run([task] * 100, pace=EMBEDDED)
    times = looks_of(runs)

    assert all(result.runs[0].succeeded for result in runs.results)
    assert 20 <= len(times) <= 30
    assert min(later - earlier for earlier, later in zip(times, times[1:])) >= 1.99


@pytest.mark.parametrize("task", [failing_task(), idle_task("PT1M")], ids=["unknown", "known"])
def test_of_many_early_ends_all_are_noticed(task):
    """Every two seconds one; those that have no turn before the announced end are noticed then."""
    noticed = Noticed()
    runs = run([task] * 100, pace=EMBEDDED, prepare=let_idle_fail, watch=noticed.watch)
    ends = sorted(noticed.ends.values())
    early = [end for end in ends if end < 58]

    assert len(ends) == 100
    assert ends[0] <= 12
    assert ends[-1] < 66
    assert len(early) >= 20
    assert [later - earlier for earlier, later in zip(early, early[1:])] == pytest.approx([2] * (len(early) - 1))
    assert {result.runs[0].run.state for result in runs.results} == {"failed"}


@pytest.mark.parametrize("task", [unknown_task("PT1M"), idle_task("PT1M")], ids=["unknown", "known"])
@pytest.mark.parametrize("state", ["canceled", "preempted"])
def test_a_run_that_others_end_is_noticed(task, state):
    """While it is running."""
    noticed = Noticed()
    servers = []

    def end_it():
        for posted in servers[0].tasks.values():
            posted.runs[0].worker.cancel()
            posted.runs[0].state = state

    def watch(event):
        noticed.watch(event)
        if isinstance(event, IterationMoved) and event.state == POSTED:
            asyncio.get_running_loop().call_later(15, end_it)

    runs = run([task], pace=EMBEDDED, watch=watch, prepare=servers.append)

    assert runs.results[0].runs[0].run.state == state
    assert 15 <= noticed.ends[0] <= 30


@pytest.mark.parametrize("task", [unknown_task("PT1M"), idle_task("PT1M")], ids=["unknown", "known"])
def test_a_run_that_is_gone_is_noticed(task):
    """The task was canceled before the run started, which removes the run."""
    servers = []

    def end_it():
        for posted in servers[0].tasks.values():
            posted.enabled = False
            posted.runs[0].worker.cancel()
            posted.runs.clear()

    def watch(event):
        if isinstance(event, IterationMoved) and event.state == POSTED:
            asyncio.get_running_loop().call_later(12, end_it)

    runs = run([task], pace=EMBEDDED, watch=watch, prepare=servers.append)

    assert "cancel" in str(runs.results[0].failure)
    assert runs.seconds <= 45


@pytest.mark.parametrize("task", [unknown_task("PT1M"), idle_task("PT1M")], ids=["unknown", "known"])
@pytest.mark.parametrize(
    "break_it",
    [
        lambda faults, where, **which: faults.refuse(where, 503, "overloaded", **which),
        lambda faults, where, **which: faults.refuse(where, 500, "Internal Server Error", **which),
        lambda faults, where, **which: faults.refuse(where, 200, "not JSON", **which),
        lambda faults, where, **which: faults.hang(where, **which),
    ],
    ids=["503", "500", "nonsense", "hangs"],
)
def test_looks_that_fail_do_no_harm(task, break_it):
    """The result is there as soon as it would be without them, and no look is retried."""
    broken = re.compile("/runs/([0-9a-f-]{36}$|first[?]wait=0)")
    runs = run([task], pace=EMBEDDED, prepare=lambda state: break_it(state.faults, broken))

    assert runs.results[0].failure is None
    assert runs.results[0].runs[0].succeeded
    assert runs.seconds < 64
    assert len(looks_of(runs)) <= 6
