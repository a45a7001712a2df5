from __future__ import annotations

import json
import re
import threading
from datetime import timedelta

import pytest

from pscheduler_batch.embedded.api.submission import accept_task
from pscheduler_batch.embedded.pace import Pace
from tests.support.embedded_bench import RUN_KEYS, Bench, at, nap_task, seconds_of


def test_a_run_whose_measurement_takes_too_long_is_overdue_and_may_still_finish(bench, monkeypatch):
    """It is overdue 33 seconds after its announced end (f-overdue-timeline)."""
    monkeypatch.setattr(bench.state.tests["nap"], "duration", lambda spec: timedelta(seconds=10), raising=False)
    href = bench.first_run(bench.post(nap_task("PT60S")))["href"]
    bench.wait(4 + 10 + 32)
    assert bench.get(href).json()["state"] == "running"
    bench.wait(2)
    assert bench.get(href).json()["state"] == "overdue"

    assert bench.get(href, wait_merged="true", wait=60).json()["state"] == "finished"


def test_a_start_in_the_past_is_as_soon_as_possible(bench):
    """It is accepted and runs after the usual preparation (recording c25)."""
    run = bench.first_run(bench.post(nap_task(schedule={"start": "2020-01-01T00:00:00Z"})))

    assert seconds_of(run["start-time"]) - seconds_of(run["added"]) == pytest.approx(4)


def test_repeated_runs_each_appear_in_their_time(bench):
    """Every repetition is a run, no more than ``max-runs`` (recordings e30 to e38)."""
    start = at(60)
    href = bench.post(nap_task("PT2S", schedule={"start": start, "repeat": "PT20S", "max-runs": 3}))
    bench.first_run(href)
    assert len(bench.get(f"{href}/runs").json()) == 1
    bench.wait(200)
    runs = [bench.get(run).json() for run in bench.get(f"{href}/runs").json()]

    assert [run["start-time"] for run in runs] == [at(60), at(80), at(100)]
    assert {run["state"] for run in runs} == {"finished"}
    assert bench.get(href, detail="true").json()["detail"]["runs-started"] == 3


def test_repetition_ends_in_time_and_with_the_task(bench):
    """No run starts after ``until``, and a cancelled task makes no more."""
    until = bench.post(nap_task("PT2S", schedule={"start": at(60), "repeat": "PT20S", "until": at(85)}))
    endless = bench.post(nap_task("PT2S", schedule={"start": at(60), "repeat": "PT20S"}))
    bench.wait(110)
    bench.delete(endless)
    bench.wait(100)

    assert len(bench.get(f"{until}/runs").json()) == 2
    assert len(bench.get(f"{endless}/runs").json()) == 3


def test_exclusive_runs_do_not_meet(bench):
    """A second one is moved if its slip allows it, else it never starts and says why (recording f-nonstart)."""
    first = bench.first_run(bench.post(nap_task(kind="nap-alone")))
    moved = bench.first_run(bench.post(nap_task(kind="nap-alone", schedule={"slip": "PT1M"})))
    refused = bench.first_run(bench.post(nap_task(kind="nap-alone")))
    beside = bench.first_run(bench.post(nap_task()))

    assert moved["start-time"] == first["end-time"]
    assert (refused["state"], refused["state-display"]) == ("nonstart", "Non-Starter")
    assert re.match("No time is free for this exclusive test between ", refused["errors"])
    assert refused["participant-data"] is refused["participant-data-full"] is None
    assert list(refused) == RUN_KEYS
    assert beside["state"] == "pending"


def test_a_random_slip_moves_the_start_inside_the_slip(bench):
    """Here chance always says half of it."""
    run = bench.first_run(bench.post(nap_task(schedule={"start": at(60), "slip": "PT30S", "sliprand": True})))

    assert run["start-time"] == at(75)


def test_a_cancelled_exclusive_run_gives_its_time_back(bench):
    """The next one can have it."""
    task = bench.post(nap_task("PT1H", kind="nap-alone"))
    bench.first_run(task)
    bench.delete(task)

    assert bench.first_run(bench.post(nap_task(kind="nap-alone")))["state"] == "pending"


def test_a_thousand_tasks_at_once_need_no_threads_of_their_own(bench):
    """One event loop carries them all to their ends."""

    async def post_all():
        body = json.dumps(nap_task("PT1H")).encode()
        for _ in range(1000):
            task = await accept_task(bench.state, body, "", requester="127.0.0.1", server="127.0.0.1")
            bench.scheduler.submit(task)

    bench.loop.run_until_complete(post_all())
    threads = threading.active_count()
    bench.wait(600)
    assert {run.state for task in bench.state.tasks.values() for run in task.runs} == {"running"}
    assert threading.active_count() == threads < 50
    bench.wait(3600)

    assert [run.state for task in bench.state.tasks.values() for run in task.runs] == ["finished"] * 1000


def test_the_real_pace_has_whole_seconds():
    """Runs start at whole seconds, and no time has a fraction (recording e08)."""
    bench = Bench(pace=Pace.real())
    bench.wait(0.3)
    run = bench.finished_run(bench.post(nap_task("PT1.7S")))
    bench.close()

    assert "." not in run["start-time"] + run["end-time"] + run["added"] + run["duration"]


def test_the_default_pace_is_quick():
    """People wait less than half a second for all but the measurement itself."""
    assert Pace().scheduling + Pace().setup + Pace().cleanup < 0.5
