"""Tests of events as JSON (docs/events.md)."""

from __future__ import annotations

import json
import re
import typing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pscheduler_batch.events import (
    AttemptEnded,
    BatchEnded,
    Event,
    Interrupted,
    IterationEnded,
    LimitChanged,
    RequestHeldUp,
    RetriesBegan,
    Stopping,
    TaskLeft,
)
from pscheduler_batch.model import Failure, IterationResult, RunResult
from pscheduler_batch.output.document import error_of
from pscheduler_batch.output.event_lines import event_line
from tests.support.clock import after
from tests.support.events import BatchEvents, make_run, shown

DOCUMENT = Path(__file__).parents[3] / "docs" / "events.md"
BATCH = BatchEvents({"iterations": 2})
ITERATION = BATCH.iteration()
# Events that have the pairs of another one, and perhaps more.
SAME = {"attempt-ended": "iteration-ended", "retries-began": "job-began"}
EVENTS = [
    *BATCH.begin(),
    BATCH.move(0, 1, "waiting", start=2),
    IterationEnded(after(2), IterationResult(ITERATION, "https://ps.example.net/t"), succeeded=False),
    AttemptEnded(after(2), IterationResult(ITERATION, "https://ps.example.net/t")),
    RetriesBegan(after(2), BATCH.plan.jobs[0], 2, after(12)),
    BATCH.end_job(0, 3),
    RequestHeldUp(after(3), "ps.example.net", "posting the task", "Connection refused", after(4), after(9)),
    LimitChanged(
        after(3), "ps.example.net", submitting=True, limit=2, most=8, growing=False, reason="slow", overload=True
    ),
    Interrupted(after(4), "interrupted by SIGINT"),
    Stopping(after(4), ((ITERATION, "ps.example.net"),), (), 1, after(9)),
    TaskLeft(after(5), ITERATION, None, "its task may still run on"),
    BatchEnded(after(6), succeeded=False, error="interrupted by SIGINT"),
]


def read(event: object) -> dict:
    """Write an event, and read it back as JSON without NaN."""
    line = event_line(event)
    assert line.isascii()
    assert "\n" not in line
    return json.loads(line, parse_constant=pytest.fail)


def test_every_event_has_a_line_that_the_document_describes():
    """With its name in the table, and each of its pairs in backticks in the same row or above the table."""
    text = DOCUMENT.read_text(encoding="utf-8")
    common, _, table = text.partition("| event |")
    rows = dict(re.findall(r"^\| `([a-z-]+)` (.*)$", table, re.MULTILINE))

    assert {type(event) for event in EVENTS} == set(typing.get_args(Event))
    assert set(rows) == {read(event)["event"] for event in EVENTS}
    for event in EVENTS:
        pairs = read(event)
        assert list(pairs)[:2] == ["event", "at"]
        for name in pairs:
            assert f"`{name}`" in common + rows[pairs["event"]] + rows.get(SAME.get(pairs["event"]), ""), name


def test_the_first_event_has_the_version_and_the_jobs():
    """So that a reader knows what is to come."""
    pairs = read(EVENTS[0])

    assert pairs["version"] == 1
    assert pairs["jobs"] == [{"job": 0, "label": "a", "enabled": True, "iterations": 2}]


def test_a_result_is_in_it_by_its_runs_and_its_error():
    """Neither the task nor the results are, nor secrets, even if a server quotes them."""
    run = RunResult(make_run("failed", "key abc-secret is bad"), {})
    result = IterationResult(
        ITERATION,
        "https://ps.example.net/t",
        (run,),
        Failure("abc-secret refused", "posting the task", ""),
        timedelta(seconds=1.5),
    )
    pairs = read(shown(IterationEnded(after(2), result, succeeded=False, error=error_of(result))))

    assert pairs == {
        "event": "iteration-ended",
        "at": after(2).isoformat(),
        "job": 0,
        "iteration": 0,
        "label": "a/0",
        "attempt": 1,
        "succeeded": False,
        "skipped": False,
        "task": "https://ps.example.net/t",
        "runs": [
            {"href": "https://ps.example.net/r", "state": "failed", "start": None, "end": None, "succeeded": False}
        ],
        "late": 1.5,
        "error": "(hidden) refused; key (hidden) is bad",
    }


def test_a_state_that_quotes_a_secret_is_redacted():
    """Servers may send any text as the state of a run."""
    moved = replace(BATCH.move(0, 1, "pending"), state="\x1b[2J abc-secret")

    assert read(shown(moved))["state"] == "\x1b[2J (hidden)"
