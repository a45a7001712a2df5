"""Journals as files: locking, permissions, and full disks."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
from contextlib import contextmanager

import pytest

from pscheduler_batch.journal.history import IterationHistory, JournalError
from pscheduler_batch.journal.interface import Journal
from pscheduler_batch.journal.journal import DOING
from pscheduler_batch.journal.lock import LockError
from pscheduler_batch.model import IterationResult, RunResult
from pscheduler_batch.scheduler.api import run_of
from tests.support.journals import HREF, LATER, LEAD, NOON, begin, contents, failed, iteration, resume, write_history


def test_a_new_journal_is_its_owners_alone(path):
    """It holds the results of measurements."""
    begin(path)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_a_journal_is_not_begun_in_a_file_with_something_in_it(path):
    """The message says what to do, and the file stays as it is."""
    write_history(path)
    before = contents(path)
    with pytest.raises(JournalError, match="is not empty; resume it with --resume"):
        begin(path)

    assert contents(path) == before


def test_a_journal_may_be_begun_in_an_empty_file(path):
    """Such as one created for it."""
    open(path, "wb").close()
    begin(path).close()

    assert resume(path).start_of_batch(LATER) == NOON


@pytest.mark.parametrize("opening", [begin, resume])
@pytest.mark.parametrize("name", ["", "missing/journal", "."])
def test_a_journal_that_cannot_be_opened_is_an_error(tmp_path, opening, name):
    """A directory, a directory that does not exist, no name at all."""

    with pytest.raises(LockError, match="cannot open the journal"):
        opening(str(tmp_path / name) if name else "")


@pytest.mark.parametrize("opening", [begin, resume])
def test_a_device_is_no_place_for_a_journal(opening, path):
    """What is written there cannot be read again."""
    os.mkfifo(path)
    for place in (path, "/dev/null"):
        with pytest.raises(LockError, match="it is not a regular file"):
            opening(place)


def test_a_missing_journal_cannot_be_resumed(path):
    """Nor is it created."""
    with pytest.raises(LockError, match="No such file"):
        resume(path)

    assert not os.path.exists(path)


@pytest.mark.parametrize("opening", [begin, resume])
def test_two_never_use_one_journal_at_a_time(path, opening):
    """The second one is refused until the first one is done."""
    first = begin(path)
    with pytest.raises(LockError, match="in use by another process"):
        opening(path)
    first.close()

    resume(path).close()


def test_each_event_is_on_the_disk_before_the_step_it_allows(path, monkeypatch):
    """One line, one synchronization, and by then the line is complete."""
    synchronized = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synchronized.append(contents(path)))
    write_history(path)
    lines = contents(path).splitlines(keepends=True)

    assert synchronized == [b"".join(lines[:count]) for count in range(1, len(lines) + 1)]


@contextmanager
def full_disk(path):
    """Limit the size of files to slightly more than that of the journal; the limit stands for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path) + 20, before[1]))
    try:
        yield
    finally:
        # Not left to the end of the test, as pytest may write files too.
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_cannot_be_noted_must_not_be_posted(path):
    """A partly written line is removed, and the error is kept to be reported."""
    journal = begin(path)
    before = contents(path)
    with full_disk(path), pytest.raises(JournalError, match=r"cannot write the journal .*: File too large"):
        journal.note_posting(iteration(), LEAD, "m")

    assert contents(path) == before
    assert "File too large" in str(journal.error)


def test_what_was_done_goes_on_without_a_note(path):
    """It can be found out again, and later steps are journaled when there is room."""
    journal = begin(path)
    journal.note_posting(iteration(), LEAD, "m")
    with full_disk(path):
        journal.note_posted(iteration(), HREF, None)
        journal.note_canceling(iteration())
        journal.note_canceled(iteration())
        journal.note_result(failed(iteration()))
    journal.note_posting(iteration(1), LEAD, "m1")
    journal.close()
    resumed = resume(path)

    assert journal.error is not None
    assert resumed.history_of(iteration()).task_href is None
    assert resumed.history_of(iteration(1)).mark == "m1"


def test_a_batch_whose_journal_has_gaps_is_not_noted_as_ended(path):
    """A resumed batch asks the servers for what is missing."""
    journal = begin(path)
    with full_disk(path):
        journal.note_result(failed(iteration()))

    assert journal.end_of_batch(LATER) == LATER
    assert len(contents(path).splitlines()) == 1


def test_a_journal_that_cannot_be_begun_is_left_empty(path):
    """So that the same command works when there is room."""
    open(path, "wb").close()
    with full_disk(path), pytest.raises(JournalError, match="File too large"):
        begin(path)

    assert contents(path) == b""


def test_nothing_is_written_behind_half_a_line(path, monkeypatch):
    """If it could not be removed, the next line would be lost with it."""
    journal = begin(path)
    before = contents(path)
    monkeypatch.setattr(os, "fdatasync", _refuse)
    monkeypatch.setattr(journal, "_drop_behind", _refuse)
    with pytest.raises(JournalError, match="Input/output error"):
        journal.note_posting(iteration(), LEAD, "m")
    half = contents(path)
    monkeypatch.undo()
    with pytest.raises(JournalError, match="could not be removed"):
        journal.note_posting(iteration(1), LEAD, "m1")

    assert half.startswith(before)
    assert contents(path) in {before, half}


def _refuse(_):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_was_not_run_because_of_the_journal_is_no_result(path):
    """A resumed batch runs it."""
    journal = begin(path)
    journal.note_result(failed(iteration(), doing=DOING))
    journal.close()

    assert resume(path).result_of(iteration()) is None


def test_a_result_nested_too_deeply_is_not_noted(path):
    """It can be fetched again, at no cost."""
    document = {"href": HREF, "state": "finished", "result-href": HREF, "result": nested(5000)}
    run = RunResult(run_of(document, doing="", url=HREF), {})
    journal = begin(path)
    journal.note_result(IterationResult(iteration(), HREF, (run,)))
    journal.close()

    assert resume(path).result_of(iteration()) is None


def test_a_task_nested_too_deeply_is_an_error_and_no_bug(path):
    """It cannot be journaled, and so is not posted."""
    with pytest.raises(JournalError, match="the task of a/0 is nested too deeply"):
        begin(path).note_posting(iteration(reference=nested(5000)), LEAD, "m")

    assert len(contents(path).splitlines()) == 1


def nested(depth):
    """Make deeply nested arrays."""
    inner = []
    for _ in range(depth):
        inner = [inner]
    return inner


def test_a_batch_without_a_journal_knows_nothing():
    """Everything is done as if for the first time."""
    journal = Journal()
    journal.note_posting(iteration(), LEAD, "m")
    journal.note_result(failed(iteration()))

    assert journal.start_of_batch(LATER) == journal.start_of_job(0, 1, LATER) == journal.end_of_batch(LATER) == LATER
    assert journal.history_of(iteration()) == IterationHistory()
    assert (journal.result_of(iteration()), journal.goes_on_after(0), journal.error) == (None, None, None)
