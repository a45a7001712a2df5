"""Tests of the note about iterations that were submitted again (ADR 71)."""

from __future__ import annotations

from dataclasses import replace

from pscheduler_batch.events import AttemptEnded, IterationEnded
from pscheduler_batch.model import Failure, IterationResult
from pscheduler_batch.terminal.event_words import describe_event
from pscheduler_batch.terminal.summary_notes import RetryNotes
from tests.support.clock import after
from tests.support.events import BatchEvents
from tests.support.submitter import lose, succeed

BATCH = BatchEvents({"iterations": 3})


def attempt(number, attempt):
    """Return an iteration in one of its attempts."""
    return replace(BATCH.iteration(number), attempt=attempt)


def notes_of(*events):
    """Watch events, and return the notes."""
    notes = RetryNotes()
    for event in events:
        notes.watch(event)
    return notes.notes()


def test_iterations_count_once_whatever_their_attempts():
    """Those that succeeded in the end are counted as well."""
    ended = IterationEnded(after(9), succeed(attempt(0, 3)), succeeded=True)
    lost = IterationEnded(after(9), IterationResult(attempt(1, 2)), succeeded=False)
    at_once = IterationEnded(after(9), succeed(attempt(2, 1)), succeeded=True)
    attempts = [AttemptEnded(after(1), lose(attempt(*numbers))) for numbers in ((0, 1), (0, 2), (1, 1))]

    assert notes_of(*attempts, ended, lost, at_once) == [
        "note: 2 iterations were submitted again; 1 succeeded in the end"
    ]
    assert notes_of(attempts[0], ended) == ["note: 1 iteration was submitted again; 1 succeeded in the end"]
    assert notes_of(at_once) == []


def test_an_attempt_that_was_not_made_does_not_count():
    """The batch was interrupted, or stopped by another failure; what was canceled had been submitted."""
    first, second = (AttemptEnded(after(1), lose(attempt(number, 1))) for number in (0, 1))
    failure = Failure("not submitted again, because a/1 failed", "running the iteration", "")
    left = IterationEnded(after(9), IterationResult(attempt(0, 2), failure=failure), succeeded=False)
    canceled = IterationEnded(
        after(9), IterationResult(attempt(1, 2), "https://ps/t", failure=failure), succeeded=False
    )

    assert notes_of(first, left) == []
    assert notes_of(first, second, left, canceled) == ["note: 1 iteration was submitted again; 0 succeeded in the end"]


def test_a_log_has_the_reason_of_each_attempt():
    """Not only that of the last one."""
    line = describe_event(AttemptEnded(after(1), lose(attempt(0, 2)), "no answer"))

    assert line == "a/0: attempt 2 failed: no answer; it will be submitted again"
