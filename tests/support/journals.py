"""Journals for tests."""

from __future__ import annotations

from datetime import timedelta

from pscheduler_batch.journal.identity import identity_of
from pscheduler_batch.journal.journal import FileJournal
from pscheduler_batch.model import Failure, Iteration, IterationResult
from tests.support.clock import NOON

LATER = NOON + timedelta(hours=1)
LEAD = "ps.example.net"
IDENTITY = identity_of({"jobs": []}, {"--lead": LEAD}, {})
HREF = "https://ps.example.net/pscheduler/tasks/1"


OPENED = []


def iteration(number=0, **pairs):
    """Make an iteration whose task has a secret."""
    task = {"test": {"type": "noop", "spec": {}}, "_key": f"swordfish{number}", **pairs}
    return Iteration(0, number, f"a/{number}", timedelta(0), task)


def failed(item, message="no", doing="posting the task"):
    """Make a result."""
    return IterationResult(item, HREF, failure=Failure(message, doing, HREF))


def begin(path):
    """Begin a journal."""
    OPENED.append(FileJournal.begin(path, IDENTITY, lambda: NOON))
    return OPENED[-1]


def resume(path, identity=IDENTITY):
    """Go on with a journal, an hour later."""
    OPENED.append(FileJournal.resume(path, identity, lambda: LATER))
    return OPENED[-1]


def contents(path):
    """Read all of a file."""
    with open(path, "rb") as stream:
        return stream.read()


def write_history(path):
    """Write a journal with an event of each kind."""
    journal = begin(path)
    journal.start_of_job(0, 2, NOON)
    for number in range(3):
        journal.note_posting(iteration(number), LEAD, f"m{number}")
    journal.note_posted(iteration(0), HREF, timedelta(seconds=1.5))
    journal.note_run(iteration(0), f"{HREF}/runs/1")
    journal.note_posted(iteration(1), HREF, None)
    journal.note_result(failed(iteration(0), "used swordfish0"))
    journal.note_canceling(iteration(1))
    journal.note_canceled(iteration(1))
    journal.start_of_job(1, 1, NOON + timedelta(seconds=5))
    journal.note_canceling(iteration(2))
    journal.end_of_batch(NOON + timedelta(seconds=9))
    journal.close()


def close_all():
    """Close what was opened."""
    while OPENED:
        OPENED.pop().close()
