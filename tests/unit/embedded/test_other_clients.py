"""Programs other than ours: the requests of pScheduler's own commands, in their order."""

from __future__ import annotations

import json

import pytest

from pscheduler_batch.embedded.tests.idle import IdleTest
from tests.support.embedded_bench import nap_task


@pytest.fixture
def offering(bench):
    """The server with a test that has options."""
    bench.state.tests["idle"] = IdleTest()
    return bench


def test_a_task_is_made_of_arguments_and_watched(offering):
    """From the options of the command line to the result as text, as ``task`` and ``watch`` do it."""
    spec = offering.get("tests/idle/spec", args=json.dumps(["--duration", "PT3S"])).json()
    participants = offering.get("tests/idle/participants", spec=json.dumps(spec)).json()["participants"]
    task = offering.post({"test": {"type": "idle", "spec": spec}, "schedule": {"slip": "PT5M"}})
    detail = offering.get(task, detail="1").json()["detail"]
    assert offering.get(f"{task}/runs/first").status_code == 200
    run = offering.get(detail["first-run-href"], wait=0).json()["href"]
    done = offering.get(run, wait_merged="True").json()

    assert participants == [None]
    assert done["result-merged"]["succeeded"] is True
    assert offering.get(f"{task}/cli").json() == ["idle", "--duration", "PT3S"]
    assert offering.get(done["result-href"], format="text/plain").text.startswith("Duration ... PT3S\n")
    assert offering.get(detail["next-run-href"], wait=0).status_code == 404


def test_every_run_of_a_repeated_task_is_watched(bench):
    """``watch`` asks for the next run without waiting, and stops where there is none."""
    task = bench.post(nap_task("PT2S", schedule={"repeat": "PT10S", "max-runs": 3}))
    watched = [bench.get(f"{task}/runs/first").json()["href"]]
    while bench.get(watched[-1], wait_merged="True").json()["state"] == "finished":
        bench.wait(1)
        following = bench.get(f"{task}/runs/next", wait=0)
        if following.status_code == 404:
            break
        watched.append(following.json()["href"])

    assert watched == bench.get(f"{task}/runs").json()
    assert len(watched) == 3
