"""The note of the script that is being run, and how it keeps one from being run again."""

from __future__ import annotations

from contextlib import closing

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.transforms.pipeline import SkippedError
from pscheduler_batch.transforms.script import ScriptError
from pscheduler_batch.transforms.watchdog import Running, ScriptNote

OWN = "/jobs/1/task-transform"


@pytest.fixture
def note():
    """A note for a batch with scripts of all kinds."""
    script = {"script": "."}
    jobs = [
        {"task": {}, "enabled": False, "task-transform": script},
        {"task": {}, "task-transform": script, "continue-if": script, "iterations": script},
    ]
    batch = load_batch({"schema": 3, "global": {"transform-pre": script, "transform-post": script}, "jobs": jobs})
    with closing(ScriptNote(batch)) as made:
        yield made


def test_it_says_what_is_being_run(note):
    """Until it is done."""
    assert note.running() is None
    note.begin(OWN, 1, 7)
    running = note.running()
    note.end()

    assert (running.where, running.job, running.iteration) == (OWN, 1, 7)
    assert note.running() is None


def test_the_same_script_a_second_time_is_told_apart(note):
    """By the count."""
    note.begin(OWN, 1, 7)
    first = note.running()
    note.end()
    note.begin(OWN, 1, 7)

    assert note.running() != first


def test_what_was_ended_fails_there_and_is_skipped_afterwards(note):
    """What came before it is run again, as others may depend on it."""
    note.mark_ended(Running(1, OWN, 1, 3), "no end")
    note.begin(OWN, -1, -1)
    note.begin(OWN, 1, 2)
    with pytest.raises(ScriptError, match=r"^no end$"):
        note.begin(OWN, 1, 3)
    with pytest.raises(SkippedError):
        note.begin(OWN, 1, 4)
    with pytest.raises(SkippedError):
        note.begin(OWN, 2, 0)
    note.begin("/jobs/1/continue-if", 1, 4)

    assert note.running().where == "/jobs/1/continue-if"
