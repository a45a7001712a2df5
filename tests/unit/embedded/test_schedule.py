"""The runs of all tasks: ``/schedule``, ``/monitor``, and how far ahead they are made."""

from __future__ import annotations

import pytest

from pscheduler_batch.embedded.scheduling.scheduler import MOST_AHEAD
from tests.support.embedded_bench import at, nap_task


def starts(runs):
    """Return the starts of some described runs."""
    return [run["start-time"] for run in runs]


def repeat(bench, **schedule):
    """Post a task that is repeated, and wait until its runs are scheduled."""
    task = bench.post(nap_task("PT2S", schedule={key.replace("_", "-"): value for key, value in schedule.items()}))
    bench.wait(10)
    return task


def test_repeated_runs_are_scheduled_ahead(bench):
    """All of them are there a moment after the POST, in order (recordings n36 to n39)."""
    bounded = repeat(bench, start=at(60), repeat="PT20S", max_runs=3)
    until = repeat(bench, start=at(60), repeat="PT20S", until=at(105))
    runs = [[bench.get(run).json() for run in bench.get(f"{task}/runs").json()] for task in (bounded, until)]

    assert [starts(each) for each in runs] == [[at(60), at(80), at(100)]] * 2
    assert {run["state"] for each in runs for run in each} == {"pending"}


def test_runs_are_scheduled_a_day_ahead_at_most(bench):
    """As far as ``/schedule-horizon`` says (recording n25)."""
    task = repeat(bench, start=at(60), repeat="PT11H")

    assert bench.get("schedule-horizon").json() == "P1D"
    assert len(bench.get(f"{task}/runs").json()) == 3
    bench.wait(10 * 3600)
    assert len(bench.get(f"{task}/runs").json()) == 4


def test_an_endless_task_has_a_limited_number_of_runs_ahead(bench):
    """It goes on when they have started."""
    task = repeat(bench, start=at(1000), repeat="PT30S")
    bench.wait(900)
    assert len(bench.get(f"{task}/runs").json()) == MOST_AHEAD
    bench.wait(200)

    assert len(bench.get(f"{task}/runs").json()) == MOST_AHEAD + 4
    assert len(bench.get(f"{task}/runs", upcoming="true").json()) in {MOST_AHEAD, MOST_AHEAD + 1}


def test_all_runs_ahead_end_with_the_task(bench):
    """Nothing of a cancelled task remains in the schedule."""
    task = repeat(bench, start=at(60), repeat="PT20S", max_runs=5)
    bench.delete(task)

    assert bench.get("schedule").json() == []


def test_the_results_of_a_repeated_task_stay_in_order(bench):
    """Those of a test with several results come before the runs that were scheduled ahead."""
    task = bench.post(nap_task("PT20S", kind="naps", schedule={"repeat": "PT60S", "max-runs": 2}))
    bench.wait(40)
    runs = [bench.get(run).json() for run in bench.get(f"{task}/runs").json()]

    assert starts(runs) == sorted(starts(runs))
    assert [run["state"] for run in runs] == ["finished"] * 5 + ["pending"]


def test_the_schedule_has_the_runs_that_overlap_a_time(bench):
    """In order of time, of all tasks or of one (recordings n33 to n35)."""
    one = repeat(bench, start=at(60), repeat="PT20S", max_runs=3)
    repeat(bench, start=at(70), max_runs=1)

    assert starts(bench.get("schedule").json()) == [at(60), at(70), at(80), at(100)]
    # A run takes three seconds.
    assert starts(bench.get("schedule", start=at(62), end=at(80)).json()) == [at(60), at(70)]
    assert starts(bench.get("schedule", start=at(63), end=at(81)).json()) == [at(70), at(80)]
    assert starts(bench.get("schedule", task=one.rpartition("/")[2].upper(), start=at(75)).json()) == [at(80), at(100)]
    assert bench.get("schedule", task="00000000-0000-4000-8000-000000000000").json() == []


def test_the_schedule_tells_no_secrets(bench):
    """Everybody may see it."""
    bench.post(nap_task(_key="hush", reference={"_password": "hush"}))
    bench.wait(5)

    for page in ("schedule", "monitor"):
        reply = bench.get(page)
        assert reply.json()[0]["task"]["reference"] == {"_password": None}
        assert "hush" not in reply.text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"start": "yesterday"}, "Invalid start or end time\n"),
        ({"end": ""}, "Invalid start or end time\n"),
        ({"task": "nap"}, "Invalid task UUID\n"),
        ({"format": "png"}, "Invalid format 'png'\n"),
    ],
)
def test_a_wrong_question_about_the_schedule_is_refused(bench, query, text):
    """There is no picture of it."""
    reply = bench.get("schedule", **query)

    assert (reply.status_code, reply.text) == (400, text)


def test_the_monitor_has_what_is_near_the_present(bench):
    """As many runs before and after the present as asked for, each said to be past, present or future."""
    repeat(bench, start=at(60), repeat="PT20S", max_runs=7)
    bench.wait(91)
    near = bench.get("monitor", window="2").json()

    assert [(run["ppf"], run["start-time"]) for run in near] == [
        *((-1, at(60)), (-1, at(80))),
        (0, at(100)),
        *((1, at(120)), (1, at(140))),
    ]
    assert len(bench.get("monitor").json()) == 7
    assert bench.get("monitor", window="0").status_code == 400
    assert bench.get("monitor", window="many").status_code == 500


def test_the_status_tells_what_was_done(bench):
    """Nothing is overdue, and the last run that was scheduled and the last that finished are named (n24)."""
    before = bench.get("status").json()
    bench.finished_run(bench.post(nap_task("PT2S")))
    after = bench.get("status").json()

    assert before["runs"] == {"last-finished": None, "last-scheduled": None}
    assert after["runs"] == {"last-finished": at(9), "last-scheduled": at(1)}
    assert {service["overdue"] for service in after["services"].values()} == {None}
