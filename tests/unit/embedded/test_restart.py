from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.pace import Pace
from tests.support.embedded_bench import DAWN, PACE, Bench, nap_task


def interrupt(bench, seconds):
    """Let the server be away for so many seconds."""
    bench.loop.run_until_complete(bench.scheduler.close())
    bench.wait(seconds)

    async def resume():
        bench.scheduler.resume()

    bench.loop.run_until_complete(resume())


def state_of(bench, href):
    """Read the state of a run."""
    return bench.get(href).json()["state"]


def test_a_run_that_is_still_to_come_is_carried_out(bench):
    """As if nothing had happened."""
    run = bench.first_run(bench.post(nap_task(schedule={"start": "PT60S"})))
    interrupt(bench, 20)

    assert bench.get(run["href"], wait_merged="true", wait=200).json()["state"] == "finished"
    assert bench.get(run["href"]).json()["start-time"] == run["start-time"]


def test_a_run_whose_measurement_has_not_begun_is_carried_out(bench):
    """It is "running" some seconds before its start already, and does not go back to an earlier state."""
    run = bench.first_run(bench.post(nap_task()))
    bench.wait(2)
    interrupt(bench, 1)
    assert state_of(bench, run["href"]) == "running"
    over = bench.get(run["href"], wait_merged="true", wait=200).json()

    assert (over["state"], over["start-time"]) == ("finished", run["start-time"])
    assert bench.get(run["task-href"], detail="true").json()["detail"]["runs-started"] == 1


def test_a_task_without_runs_gets_its_first(bench):
    """The scheduler had not looked at it yet."""
    task = bench.post(nap_task())
    interrupt(bench, 20)

    assert bench.finished_run(task)["state"] == "finished"
    assert len(bench.get(f"{task}/runs").json()) == 1


@pytest.mark.parametrize(("wait", "state"), [(0, "missed"), (6, "overdue")])
def test_a_run_that_could_not_be_carried_out_ends_as_recorded(bench, wait, state):
    """33 seconds after its end, missed where it never began and overdue where it did (timelines of group f)."""
    run = bench.first_run(bench.post(nap_task("PT10S")))
    bench.wait(wait)
    before = state_of(bench, run["href"])
    interrupt(bench, 8)
    bench.wait(4 + 11 + 32 - 8 - wait)
    assert state_of(bench, run["href"]) == before != state
    bench.wait(2)

    assert state_of(bench, run["href"]) == state


def test_how_soon_the_server_gives_up_can_be_set():
    """So that no request waits for it."""
    bench = Bench(pace=replace(PACE, giving_up=1))
    run = bench.first_run(bench.post(nap_task("PT10S")))
    interrupt(bench, 4 + 11 + 2)
    bench.wait(0)
    state = state_of(bench, run["href"])
    bench.close()

    assert state == "missed"
    assert Pace().giving_up == 33


def test_what_is_over_or_cancelled_stays_so(bench):
    """A result is not measured twice, and a cancelled task makes no runs."""
    over, cancelled, early = (bench.post(nap_task("PT1S")) for _ in range(3))
    bench.delete(early)
    run = bench.finished_run(over)
    bench.delete(cancelled)
    kept = bench.get(f"{cancelled}/runs").json()
    interrupt(bench, 1)
    bench.wait(100)

    assert bench.get(run["href"]).json() == run
    assert bench.get(f"{cancelled}/runs").json() == kept
    assert bench.get(f"{early}/runs").json() == []


def test_repetitions_go_on(bench):
    """A run whose time fell into the interruption is missed, and no more are made than were wanted."""
    schedule = {"start": (DAWN + timedelta(seconds=60)).isoformat(), "repeat": "PT20S", "max-runs": 4}
    task = bench.post(nap_task("PT2S", schedule=schedule))
    bench.wait(90)
    interrupt(bench, 25)
    bench.wait(200)
    runs = [bench.get(run).json() for run in bench.get(f"{task}/runs").json()]

    assert [(run["start-time"][14:19], run["state"]) for run in runs] == [
        ("01:00", "finished"),
        ("01:20", "finished"),
        ("01:40", "missed"),
        ("02:00", "finished"),
    ]


def test_repetitions_that_were_not_scheduled_yet_start_later(bench):
    """Those whose time fell into the interruption are left out."""
    task = bench.post(nap_task("PT2S", schedule={"repeat": "PT18H", "max-runs": 3}))
    bench.wait(60)
    assert len(bench.get(f"{task}/runs").json()) == 2
    interrupt(bench, 48 * 3600)
    bench.wait(60)
    starts = [bench.get(run).json()["start-time"][8:13] for run in bench.get(f"{task}/runs").json()]

    assert starts == ["01T06", "02T00", "03T12"]


def test_exclusive_times_are_taken_again(bench):
    """Another exclusive run cannot have the time of one from before."""
    bench.first_run(bench.post(nap_task("PT10S", kind="nap-alone", schedule={"start": "PT60S"})))
    interrupt(bench, 1)

    assert bench.first_run(bench.post(nap_task(kind="nap-alone", schedule={"start": "PT57S"})))["state"] == "nonstart"


def test_tasks_can_be_counted_from_outside(bench):
    """Those that are not cancelled, and those with a mark."""
    one, two = (bench.post(nap_task(reference={"who": "me", "run": number})) for number in (1, 2))
    bench.post(nap_task())
    bench.delete(one)

    assert next(task.id for task in bench.state.enabled_tasks()) == two.rpartition("/")[2]
    assert len(bench.state.enabled_tasks()) == 2
    assert [len(bench.state.tasks_marked(mark)) for mark in ({"who": "me"}, {"run": 2}, {"run": 3})] == [2, 1, 0]


def test_answers_take_their_time_at_the_real_pace():
    """Half a second for the participants, and some seconds for a task (recordings b10 and c01)."""
    bench = Bench(pace=Pace.real())
    bench.get("tests/nap/participants", spec='{"duration": "PT1S"}')
    asking = bench.elapsed
    bench.request("POST", "tasks", json=nap_task())
    posting = bench.elapsed
    bench.close()

    assert asking == pytest.approx(0.5)
    assert 2 <= posting <= 5
