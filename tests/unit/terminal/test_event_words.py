"""Tests of the words of events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.events import BatchEnded, Interrupted, LimitChanged, RequestHeldUp, Stopping, TaskLeft
from pscheduler_batch.terminal.event_words import STOP_AT_ONCE, countdown_words, describe_event, state_now
from pscheduler_batch.text import REASON_CUT_AT
from tests.support.clock import after
from tests.support.events import BatchEvents, shown

BATCH = BatchEvents({"iterations": 2, "parallel": True, "backoff": "PT5S"}, {"enabled": False})
HOST = "ps.example.net"
TIME = "2026-03-01T12:00"
ITERATION = BATCH.iteration()


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (BATCH.begin()[0], "2 iterations in 1 job"),
        (BATCH.begin()[1], "a: 2 iterations in parallel, submitted PT5S apart"),
        (BATCH.move(1, 0, "waiting", start=5), f"a/1: waiting until {TIME}:05+00:00"),
        (BATCH.move(1, 0, "asking"), "a/1: asking ps.example.net for participants"),
        (BATCH.move(1, 0, "posting"), "a/1: posting to ps.example.net"),
        (BATCH.move(1, 0, "posted"), "a/1: posted to ps.example.net"),
        (BATCH.move(1, 0, "posted", start=7), f"a/1: posted to ps.example.net, to start at {TIME}:07+00:00"),
        (
            BATCH.move(1, 0, "pending", start=7, end=9),
            f"a/1: pending on ps.example.net, {TIME}:07.0+00:00 to {TIME}:09.0+00:00",
        ),
        (
            BATCH.move(1, 0, "running", start=7, end=7.25),
            f"a/1: running on ps.example.net, {TIME}:07.0+00:00 to {TIME}:07.2+00:00",
        ),
        (
            BATCH.move(1, 0, "pending", start=7.5, end=17.5),
            f"a/1: pending on ps.example.net, {TIME}:07+00:00 to {TIME}:17+00:00",
        ),
        (BATCH.move(1, 0, "running"), "a/1: running on ps.example.net"),
        (BATCH.move(1, 0, "fetching"), "a/1: fetching the results from ps.example.net"),
        (BATCH.end(1, 9), "a/1: succeeded"),
        (BATCH.end(1, 9, failure="403: forbidden\n  by limits"), "a/1: failed: 403: forbidden by limits"),
        (BATCH.end_job(0, 9), "a: the job ended"),
        (
            LimitChanged(after(1), HOST, submitting=True, limit=4, most=8, growing=True),
            "ps.example.net: at most 4 concurrent submissions",
        ),
        (
            LimitChanged(
                after(1),
                HOST,
                submitting=False,
                limit=3,
                most=8,
                growing=False,
                reason="answers took 3.1 s instead of 1.0 s",
            ),
            "ps.example.net: slow (answers took 3.1 s instead of 1.0 s); at most 3 other concurrent requests",
        ),
        (
            LimitChanged(
                after(1), HOST, submitting=True, limit=2, most=8, growing=False, reason="answered 503", overload=True
            ),
            "ps.example.net: overloaded (answered 503); at most 2 concurrent submissions",
        ),
        (BATCH.move(1, 0, "canceling"), "a/1: canceling its task on ps.example.net"),
        (
            BATCH.move(1, 0, "unanswered", end=30),
            f"a/1: waiting for an answer from ps.example.net to cancel its task, until {TIME}:30+00:00",
        ),
        (Interrupted(after(1), "interrupted by SIGINT"), f"interrupted by SIGINT; {STOP_AT_ONCE}"),
        (TaskLeft(after(1), ITERATION, "ps.example.net", "it may\ngo on"), "a/0: it may go on"),
        (
            Stopping(after(1), ((ITERATION, "ps1"), (ITERATION, "ps1")), (), 0, after(30.5)),
            "waiting up to 30 s for answers to 2 submissions, to cancel their tasks: a/0, a/0 on ps1",
        ),
        (
            Stopping(
                after(1), ((ITERATION, None),), ((ITERATION, "ps1"),) * 5 + ((ITERATION, "ps2"),) * 3, 1, after(0)
            ),
            (
                "waiting for the answer to 1 submission, to cancel its task: a/0; canceling 8 tasks: "
                "a/0, a/0, a/0, a/0, a/0 on ps1, a/0 on ps2 and 2 more; canceled 1 task"
            ),
        ),
        (Stopping(after(1), (), (), 6, after(30)), "canceled 6 tasks"),
        (BatchEnded(after(9), succeeded=True), "the batch ended"),
        (BatchEnded(after(9), succeeded=False, error="it is\nover"), "the batch ended: it is over"),
    ],
)
def test_every_event_is_described_in_one_line(event, line):
    """The label first, then what has happened."""

    assert describe_event(event) == line


def test_a_late_task_is_reported_with_its_end():
    """By how much (ADR 10)."""
    ended = BATCH.end(1, 9)
    late = replace(ended, result=replace(ended.result, late=timedelta(seconds=2.25)))

    assert describe_event(late) == "a/1: succeeded, posted 2.2 s late"


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([{"time": "PT0.0042S"}], "succeeded: 4.2 ms"),
        ([{"time": "PT0.1S"}, {"time": "PT0.2S"}], "succeeded: 2 runs, the last 200 ms"),
        ([{"time": "soon"}], "succeeded"),
        ([{}], "succeeded"),
    ],
)
def test_a_success_has_its_headline(results, words):
    """So that the figures can be seen as they arrive; without any, nothing is added."""
    events = BatchEvents({"task": {"test": {"type": "dns", "spec": {"query": "www.example.net", "record": "a"}}}})
    ended = events.end(0, 9)
    (one,) = ended.result.runs
    runs = [replace(one, run=replace(one.run, result_merged={"succeeded": True, **result})) for result in results]
    ended = replace(ended, result=replace(ended.result, runs=tuple(runs)))

    assert describe_event(ended) == f"a/0: {words}"


@pytest.mark.parametrize("hostile", ["\x1b]0;title\x07", "\u202etxet", "\r\x1b[2J", "\x9b31m", "x" * 10_000])
def test_hostile_words_stay_in_one_line(hostile):
    """In labels, states, hosts and reasons: no control characters, and limited lengths."""
    batch = BatchEvents({"label": hostile})
    events = [
        *batch.begin(),
        batch.move(0, 0, hostile),
        replace(batch.move(0, 0, "posting"), host=hostile),
        batch.end(0, 1, failure=hostile),
        batch.end_job(0, 1),
        BatchEnded(after(1), succeeded=False, error=hostile),
    ]
    lines = [describe_event(event) for event in events]

    assert all(line.isprintable() for line in lines)
    assert all(len(line) < 2 * REASON_CUT_AT for line in lines)


def test_the_secrets_of_a_task_are_never_shown():
    """Even if a server quotes them (ADR 18)."""
    moved = replace(BATCH.move(0, 0, "said abc-secret"), host="abc-secret:8443")

    assert describe_event(shown(moved)) == "a/0: said (hidden) on (hidden):8443"


@pytest.mark.parametrize(
    ("state", "times", "at", "words"),
    [
        ("waiting", {"start": 65}, 0, "posted in 1:05"),
        ("waiting", {"start": 65}, 70, ""),
        ("posted", {"start": 5}, 0, "starts in 0:05"),
        ("posted", {"start": 5, "end": 9}, 6, "ends in 0:03"),
        ("posted", {"end": 9}, 6, "ends in 0:03"),
        ("posted", {"end": 9}, 9, "due"),
        ("posted", {}, 0, ""),
        ("pending", {"start": 5, "end": 9}, 0, "ends in 0:09"),
        ("running", {"start": 5, "end": 9.4}, 9, "ends in 0:01"),
        ("running", {"start": 5, "end": 9}, 9, "due"),
        ("overdue", {"start": 5, "end": 9}, 20, "due"),
        ("running", {"start": 5}, 9, ""),
        ("finished", {"start": 5, "end": 9}, 0, ""),
        ("fetching", {"start": 5, "end": 9}, 0, ""),
    ],
)
def test_a_count_down_goes_to_what_comes_next(state, times, at, words):
    """The posting, the start, or the end of the run; nothing where it is unknown."""

    assert countdown_words(BATCH.move(0, 0, state, **times), after(at)) == words


@pytest.mark.parametrize(
    ("reason", "times", "words"),
    [
        (
            "Connection reset",
            {"again": after(5), "until": after(295)},
            "Connection reset; retry in 5.0 s, for at most 4 min 55 s",
        ),
        ("answered 503", {"again": after(0.25)}, "answered 503; retry in 0.2 s"),
        (None, {}, "recovered"),
    ],
)
def test_a_retry_says_why_and_when_and_how_long_that_goes_on(reason, times, words):
    """It shows whether the request is still being retried."""
    held_up = RequestHeldUp(after(0), "ps.example.net", "fetching the result as text/html", reason, **times)

    assert describe_event(held_up) == f"ps.example.net: fetching the result as text/html: {words}"


def test_a_count_down_may_be_short():
    """For a terminal of twenty columns."""

    assert countdown_words(BATCH.move(0, 0, "running", end=9), after(0), briefly=True) == "0:09"


@pytest.mark.parametrize(
    ("state", "at", "words"),
    [("pending", 4, "pending"), ("pending", 5, "running"), ("on-deck", 6, "running"), ("overdue", 6, "overdue")],
)
def test_a_run_that_has_not_begun_is_running_when_it_should(state, at, words):
    """As it is not polled before its end (ADR 20)."""

    assert state_now(BATCH.move(0, 0, state, start=5, end=9), after(at)) == words
