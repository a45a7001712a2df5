from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.errors import SchedulerError
from pscheduler_batch.journal.history import record_result, restore_result
from pscheduler_batch.model import Failure, Iteration, IterationResult, RunResult
from pscheduler_batch.output.document import render_result
from pscheduler_batch.scheduler.api import run_of

ITERATION = Iteration(1, 2, "rtt/2", timedelta(0), {"test": {"type": "rtt", "spec": {}}})
HREF = "https://ps.example.net/pscheduler/tasks/1"
FAILURE = Failure("no", "fetching", HREF)


def make_run(state="finished", merged=None, **formats):
    """Make a run with a field unknown to us."""
    document = {
        "href": f"{HREF}/runs/2",
        "result-href": f"{HREF}/runs/2/result",
        "state": state,
        "start-time": "2026-03-01T12:00:00.5+01:00",
        "end-time": None,
        "result-merged": merged,
        "unknown": {"ü": [1, 2.5, None]},
    }
    return RunResult(run_of(document, doing="", url=HREF), formats, {"text/html": FAILURE})


RESULTS = {
    "nothing": IterationResult(ITERATION),
    "never posted": IterationResult(ITERATION, failure=FAILURE),
    "late": IterationResult(ITERATION, HREF, late=timedelta(seconds=2, microseconds=123457)),
    "without a result": IterationResult(ITERATION, HREF, (make_run("nonstart"),), FAILURE),
    "whole": IterationResult(ITERATION, HREF, (make_run(merged={"succeeded": True}, **{"text/plain": "all\nwell"}),)),
    "several": IterationResult(
        ITERATION,
        HREF,
        tuple(make_run(merged={"n": n, "x": 0.1 + n}) for n in range(3)),
        lead_run=make_run("canceled").run,
    ),
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_a_result_comes_back_as_it_was(result):
    """Through JSON, and so does its rendering for the output."""
    restored = restore_result(ITERATION, json.loads(json.dumps(record_result(result))))

    assert restored == result
    assert render_result(restored) == render_result(result)


def test_the_task_is_not_in_the_record():
    """It is recorded when it is about to be posted."""

    assert "spec" not in json.dumps(record_result(RESULTS["whole"]))


def test_a_run_that_is_none_is_an_error():
    """The record was changed."""
    record = record_result(RESULTS["whole"])
    record["runs"][0]["document"] = []

    with pytest.raises(SchedulerError, match="reading the journal"):
        restore_result(ITERATION, record)


def test_a_record_of_an_older_version_has_no_lead_run():
    """It is resumed all the same."""
    record = record_result(RESULTS["several"])
    del record["lead_run"]

    assert restore_result(ITERATION, record) == replace(RESULTS["several"], lead_run=None)


def test_a_lead_run_that_is_not_a_run_is_an_error():
    """The record was changed."""
    record = {**record_result(RESULTS["several"]), "lead_run": {"state": "finished"}}

    with pytest.raises(SchedulerError, match="reading the journal"):
        restore_result(ITERATION, record)
