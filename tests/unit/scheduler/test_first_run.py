"""Finding the first run, with the embedded server in virtual time: when it is looked for, and what that costs."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.faults.actions import TEXT, answering
from pscheduler_batch.embedded.faults.rules import Rule
from pscheduler_batch.events import POSTED
from pscheduler_batch.model import Iteration
from tests.support.embedded_bench import DAWN
from tests.support.virtual_runs import EMBEDDED, REAL, REAL_LATE, idle_task, run, unknown_task
from tests.support.wire import submit_all

BGM = {"test": {"type": "idlebgm", "spec": {"duration": "PT20S", "interval": "PT5S"}}, "schedule": {}}


def good(runs):
    """Return whether each iteration has a result in all its formats that the server has."""
    return all(result.failure is None and result.runs[0].succeeded for result in runs.results)


@pytest.mark.parametrize("pace", [EMBEDDED, REAL, REAL_LATE], ids=["embedded", "soon", "late"])
@pytest.mark.parametrize(("serially", "start"), [(True, None), (False, None), (False, 20)])
def test_a_run_of_known_length_costs_four_requests(pace, serially, start):
    """The POST, the first run with its result, and the two formats that are not in it."""
    runs = run([idle_task()] * 4, pace=pace, serially=serially, start=start)

    assert good(runs)
    assert runs.each == 4


def test_every_run_but_the_first_of_an_unknown_test_costs_four():
    """The first one says how long it takes."""
    runs = run([unknown_task()] * 4, pace=REAL, serially=True)

    assert good(runs)
    assert runs.each == (5 + 3 * 4) / 4


@pytest.mark.parametrize("start", [None, 20])
def test_a_server_that_does_not_wait_for_the_result_of_the_first_run_costs_one_more(start):
    """It answers with the unfinished run, and that is waited for as any other."""
    runs = run([idle_task()], pace=REAL, start=start, plain_first=True)

    assert good(runs)
    assert runs.each == 5


@pytest.mark.parametrize(
    ("pace", "seconds"), [(EMBEDDED, 2.4), (REAL, 12.5)], ids=["on the embedded server", "on a real one"]
)
def test_looking_late_makes_no_run_slower(pace, seconds):
    """It is waited for no longer than until it has its result: begin, two seconds, and the merging."""
    runs = run([idle_task()] * 4, pace=pace, serially=True)

    assert runs.seconds / 4 < seconds


def test_a_run_is_looked_for_when_its_synchronized_start_and_its_length_are_over():
    """No request slot is held before (ADR 20)."""
    runs = run([idle_task("PT40S")] * 3, pace=REAL, start=20)
    due = [(at, took) for query, at, took in runs.looks() if "wait-merged" in query]

    assert [at for at, _ in due] == [pytest.approx(60, abs=0.01)] * 3
    assert max(took for _, took in due) < 3


def test_a_run_without_a_synchronized_start_is_looked_for_after_its_length():
    """And after the time until the first one began, which the server has shown; that counts up to four seconds."""
    runs = run([idle_task("PT30S")] * 2, pace=REAL_LATE, serially=True)
    first, second = [at for query, at, _ in runs.looks() if "wait-merged" in query]
    posted = [at + took for what, _, at, took in runs.asked if what == "POST /tasks"]

    assert first - posted[0] == pytest.approx(30)
    assert 34 <= second - posted[1] < 36


@pytest.mark.parametrize("task", [idle_task("PT61S"), unknown_task(), BGM], ids=["long", "unknown", "several results"])
def test_other_runs_are_looked_for_at_once_and_not_waited_for(task):
    """What goes wrong with them is seen early, and no slot is held until their end (ADR 20)."""
    runs = run([task], pace=REAL, start=20)

    assert runs.results[0].failure is None
    assert [(query, at) for query, at, _ in runs.looks()] == [("wait=9", pytest.approx(20))]


def test_a_run_that_the_scheduler_makes_late_needs_no_second_question():
    """The server is busy with it for eleven seconds, and is asked to wait for eighteen."""
    runs = run([unknown_task()], pace=REAL_LATE)

    assert [took for *_, took in runs.looks()] == [pytest.approx(11)]


def test_a_run_that_is_not_there_in_time_is_looked_for_without_its_result():
    """One that is so late is not due soon."""
    runs = run([idle_task()], pace=replace(REAL, scheduling=25))

    assert good(runs)
    assert [query for query, *_ in runs.looks()] == ["wait-merged=true&wait=9", "wait=9"]


@pytest.mark.parametrize("status", [400, 500, 504])
def test_a_server_that_refuses_to_wait_for_the_result_is_asked_without(status):
    """The task goes on; a server that knows no such question has a run all the same."""

    async def answer(app, scope, receive, send):
        # A web server cuts what takes it too long.
        await asyncio.sleep(10 if status == 504 else 0)
        await answering(status, "no", TEXT)(app, scope, receive, send)

    def refuse(state):
        state.faults.add(Rule(re.compile(r"/runs/first\?wait-merged"), answer))

    runs = run([idle_task()], pace=REAL, prepare=refuse)

    assert good(runs)


def test_after_a_run_that_was_denied_the_next_one_is_looked_for_at_once(wire):
    """Where limits deny them, no slot is held until the end of each, and the failure is noticed sooner."""
    server = wire("nonstart")
    iterations = [Iteration(0, number, f"idle/{number}", timedelta(0), idle_task()) for number in range(3)]

    results = submit_all(server, iterations, serially=True)

    assert [result.runs[0].run.state for result in results] == ["nonstart"] * 3
    assert [asked.partition("first?")[2] for asked in server.asked if "first?" in asked] == [
        "wait-merged=true&wait=9",
        "wait=9",
        "wait=9",
    ]


def test_a_task_that_was_too_late_for_its_start_is_looked_for_after_its_length():
    """It begins some seconds after the POST, as if it had no start."""
    runs = run([idle_task()], pace=REAL, start=1)
    (posted,) = [at + took for what, _, at, took in runs.asked if what == "POST /tasks"]

    assert good(runs)
    assert runs.results[0].late is not None
    assert runs.looks()[0][1] - posted == pytest.approx(2)


def test_the_end_that_is_foreseen_is_in_the_event_of_a_synchronized_start():
    """So that those who watch can count down."""
    events = []
    run([idle_task()], pace=REAL, start=20, watch=events.append)
    (posted,) = [event for event in events if event.state == POSTED]

    assert (posted.start - DAWN, posted.end - DAWN) == (timedelta(seconds=20), timedelta(seconds=22))


def test_without_a_synchronized_start_the_earliest_end_is_told():
    """When the run will begin is the server's affair, but it takes its time from the POST on at least."""
    events = []
    run([idle_task(), unknown_task()], pace=REAL, watch=events.append)
    posted = [event for event in events if event.state == POSTED]

    assert [event.end and event.end - event.at for event in posted] == [timedelta(seconds=2), None]


def test_what_becomes_of_a_run_is_told_though_it_is_over():
    """The line for debugging says where it is, when it ran, and how it ended."""
    runs = run([idle_task()], pace=REAL, start=20)
    (line,) = [line for line in runs.told if "scheduled as" in line]

    assert line.startswith(f"x/0: scheduled as {runs.results[0].task_href}/runs/")
    assert line.endswith(", 2026-03-01 06:00:20+00:00 to 2026-03-01 06:00:23+00:00, finished")
