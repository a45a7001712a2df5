"""What a journal recovers after a crash, and which journals are refused."""

from __future__ import annotations

import copy
import json
import os
import pickle
from dataclasses import replace
from datetime import timedelta

import pytest

from pscheduler_batch.journal.history import IterationHistory, JournalError
from pscheduler_batch.journal.identity import identity_of
from pscheduler_batch.journal.journal import FileJournal
from pscheduler_batch.model import Iteration
from tests.support.journals import (
    HREF,
    IDENTITY,
    LATER,
    LEAD,
    NOON,
    begin,
    close_all,
    contents,
    failed,
    iteration,
    resume,
    write_history,
)


def known(journal):
    """Return everything that a resumed journal knows."""
    histories = [journal.history_of(iteration(number)) for number in range(3)]
    results = [journal.result_of(iteration(number)) for number in range(3)]
    return histories, results, [journal.goes_on_after(number) for number in range(2)]


def test_what_was_noted_is_known_after_a_resume(path):
    """With its secrets; what was canceled is as if it had never been."""
    write_history(path)
    journal = resume(path)
    histories, results, goes_on = known(journal)
    posted = IterationHistory(iteration(0).task, LEAD, "m0", NOON, HREF, f"{HREF}/runs/1", timedelta(seconds=1.5))

    assert replace(histories[0], result=None, check=None) == posted
    assert results == [failed(iteration(0), "used swordfish0"), None, None]
    assert replace(results[0], late=None) == results[0]
    assert histories[1] == IterationHistory()
    assert (histories[2].task, histories[2].task_href, histories[2].canceling) == (iteration(2).task, None, True)
    assert journal.start_of_batch(LATER) == NOON
    assert journal.start_of_job(1, 1, LATER) == NOON + timedelta(seconds=5)
    assert goes_on == [True, False]
    assert journal.end_of_batch(LATER) == NOON + timedelta(seconds=9)


def test_a_host_that_is_a_secret_is_known_after_a_resume(path):
    """A transform may have taken it from a name that begins with an underscore."""
    hidden = replace(iteration(0), task={"_host": "a.example"})
    journal = begin(path)
    journal.note_posting(hidden, "a.example", None)
    journal.note_posted(hidden, "https://a.example/t", None)
    journal.note_run(hidden, "https://a.example/t/runs/1")
    journal.close()
    history = resume(path).history_of(hidden)

    assert b"a.example" not in contents(path)
    assert (history.lead, history.task_href) == ("a.example", "https://a.example/t")
    assert history.run_href == "https://a.example/t/runs/1"


@pytest.mark.parametrize("seed", [None, 0, 7])
def test_a_seed_is_known_after_a_resume(tmp_path, seed):
    """That of the first try counts, unless a crash left nothing of it."""
    path = tmp_path / "journal"
    FileJournal.begin(str(path), IDENTITY, lambda: NOON, seed).close()
    journal = FileJournal.resume(str(path), IDENTITY, lambda: LATER, 8)
    known = journal.seed
    journal.close()
    path.write_bytes(path.read_bytes()[:-1])
    journal = FileJournal.resume(str(path), IDENTITY, lambda: LATER, 9)
    journal.close()

    assert (known, journal.seed) == (seed, 9)


def test_no_secret_is_in_a_journal(path):
    """Neither in a task nor in messages about it (ADR 18)."""
    write_history(path)

    assert b"swordfish" not in contents(path)
    assert len(contents(path).splitlines()) == 14


def test_a_journal_cut_at_any_byte_is_what_it_was_before_the_torn_line(path, monkeypatch):
    """Never an error, never another history; and what is recorded then is read when the batch is resumed again."""
    monkeypatch.setattr(os, "fdatasync", lambda _: None)
    write_history(path)
    whole = contents(path)
    ends = [number for number, byte in enumerate(whole, 1) if byte == ord("\n")]
    expected = {}
    for cut in range(len(whole) + 1):
        with open(path, "wb") as stream:
            stream.write(whole[:cut])
        journal = resume(path)
        complete = max((end for end in ends if end <= cut), default=0)
        found = expected.setdefault(complete, copy.deepcopy(journal._history))

        assert journal._history == found, cut
        journal.start_of_job(7, 3, NOON)
        journal.close()
        assert contents(path).startswith(whole[:complete])
        again = resume(path)
        assert again._history == replace(
            found, job_starts={**found.job_starts, 7: NOON}, job_iterations={**found.job_iterations, 7: 3}
        )
        assert cut not in ends or len(known(again)) == 3
        again.close()
    assert len(expected) == len(ends) + 1


@pytest.mark.parametrize("torn", [b"\0" * 5000, b'{"event":"posting"' + b"\0" * 4000 + b'"}\n', b'{"event":"res\xff'])
def test_a_line_with_holes_is_dropped(path, torn):
    """A disk may have received some pages of the last line and not others."""
    write_history(path)
    whole = contents(path)
    with open(path, "ab") as stream:
        stream.write(torn)
    resume(path).close()

    assert contents(path) == whole


@pytest.mark.parametrize("first", [b"", b"{", b'{"event":"batch","at":"2026', b"\0\0\0"])
def test_a_journal_that_a_crash_left_before_its_first_line_is_begun(path, first):
    """Nothing had been done yet."""
    with open(path, "wb") as stream:
        stream.write(first)
    journal = resume(path)

    assert journal.start_of_batch(NOON) == LATER
    assert json.loads(contents(path))["identity"] == IDENTITY


@pytest.mark.parametrize(
    "content",
    [
        b'{"jobs": []}',
        b'{\n  "jobs": []\n}\n',
        b"some notes",
        b"some notes\n",
        b"[]\n",
        b'{"event":"job","job":0}\n',
        b"\n\n",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path, content):
    """Such as the batch itself, named by mistake."""
    with open(path, "wb") as stream:
        stream.write(content)
    with pytest.raises(JournalError, match=r"not (a|the) journal"):
        resume(path)

    assert contents(path) == content


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON",
        b"[1]",
        b'{"event":"sleep","job":0,"iteration":0}',
        b'{"event":"posting"}',
        b'{"event":"job","job":[],"iterations":1,"start":"2026-03-01T12:00:00Z"}',
        b'{"event":"job","job":0,"iterations":1,"start":7}',
        b'{"event":"job","job":0,"iterations":1,"start":"yesterday"}',
        b'{"event":"posted","job":0,"iteration":0,"href":"x","late":1e300}',
        b'{"no-event":1}',
    ],
)
def test_a_damaged_journal_is_refused(path, line):
    """A crash tears the last line only, so this is another damage. The message says where."""
    write_history(path)
    lines = contents(path).splitlines()
    lines[2:2] = [line]
    with open(path, "wb") as stream:
        stream.write(b"\n".join([*lines, b""]))

    with pytest.raises(JournalError, match=r"damaged.* line 3 "):
        resume(path)


@pytest.mark.parametrize("record", [{}, [], 7, {"href": HREF, "runs": [{}], "failure": None, "late": None}])
def test_a_damaged_result_is_an_error_and_no_bug(path, record):
    """The message says which iteration."""
    journal = begin(path)
    journal._note("result", job=0, iteration=0, result=record, check=None)
    journal.close()

    with pytest.raises(JournalError, match="damaged: its entries for a/0"):
        resume(path).result_of(iteration())


def test_a_journal_of_another_batch_is_refused(path):
    """With what differs; the file stays as it is, including its torn line."""
    write_history(path)
    with open(path, "ab") as stream:
        stream.write(b'{"event":"po')
    before = contents(path)
    other = identity_of({"jobs": [1]}, {"--lead": "other"}, {})
    with pytest.raises(JournalError, match=r'differ in /jobs/0 and --lead \(it was "ps.example.net"\); resume it with'):
        resume(path, other)

    assert contents(path) == before


def test_a_journal_of_another_version_is_refused(path):
    """Its lines may mean something else."""
    write_history(path)
    changed = contents(path).replace(b'"version":2', b'"version":1', 1)
    with open(path, "wb") as stream:
        stream.write(changed)

    with pytest.raises(JournalError, match="version 1; this program reads version 2"):
        resume(path)


def test_other_secrets_than_before_are_an_error(path):
    """Such as secrets that a script makes of the time; no wrong values are restored."""
    write_history(path)
    other = replace(iteration(), task={**iteration().task, "_key": "other"})

    with pytest.raises(JournalError, match="the secrets of a/0 have changed"):
        resume(path).history_of(other)


def test_a_job_that_has_become_another_is_refused(tmp_path):
    """Scripts need not return the same twice, and new results are not mixed with earlier ones."""
    path = tmp_path / "journal"
    journal = FileJournal.begin(str(path), IDENTITY, lambda: NOON)
    journal.start_of_job(0, 3, NOON)
    journal.close()
    journal = FileJournal.resume(str(path), IDENTITY, lambda: LATER)

    with pytest.raises(JournalError, match=r"job 0 had 3 iterations .* now make 4; it cannot be resumed"):
        journal.start_of_job(0, 4, LATER)
    journal.close()


def test_where_a_run_was_seen_is_known_to_the_next_try(tmp_path):
    """So that it is not waited for again."""
    path = tmp_path / "journal"
    iteration = Iteration(0, 0, "a/0", timedelta(0), {"test": {}})
    journal = FileJournal.begin(str(path), IDENTITY, lambda: NOON)
    journal.note_posting(iteration, "ps.example.net", "m1")
    journal.note_posted(iteration, "https://ps.example.net/t", None)
    journal.note_run(iteration, "https://ps.example.net/t/runs/1")
    journal.close()
    journal = FileJournal.resume(str(path), IDENTITY, lambda: LATER)

    assert journal.history_of(iteration).run_href == "https://ps.example.net/t/runs/1"
    journal.close()


def test_results_are_read_when_they_are_wanted(path):
    """All results together may be too large for memory, so a history has only their places."""
    journal = begin(path)
    for number in range(20):
        journal.note_posting(iteration(number), LEAD, f"m{number}")
        journal.note_result(failed(iteration(number), "x" * 100_000 + str(number)))
    journal.close()
    journal = resume(path)
    found = [journal.result_of(iteration(number)).failure.message[100_000:] for number in (3, 19, 3, 0)]

    assert len(pickle.dumps(journal._history)) < 5000
    assert found == ["3", "19", "3", "0"]


def test_what_is_noted_comes_behind_what_was_read_again(path):
    """Reading a line does not change the position for writing."""
    write_history(path)
    whole = contents(path)
    journal = resume(path)
    journal.result_of(iteration(0))
    journal.note_posting(iteration(5), LEAD, "m5")
    journal.close()

    assert contents(path).startswith(whole)
    assert resume(path).history_of(iteration(5)).mark == "m5"


def test_a_journal_that_was_changed_since_it_was_read_is_an_error_and_no_bug(path):
    """Not every program respects locks."""
    write_history(path)
    journal = resume(path)
    os.truncate(path, 300)

    with pytest.raises(JournalError, match="damaged: its entries for a/0"):
        journal.result_of(iteration(0))


def test_attempts_have_a_history_each(path):
    """Each has its task and its result, and the start of the later one is kept."""
    first, second = iteration(0), replace(iteration(0), attempt=2)
    lost = replace(failed(first), failure=replace(failed(first).failure, may_pass=True))
    journal = begin(path)
    journal.start_of_job(0, 1, NOON)
    journal.note_posting(first, LEAD, "m1")
    journal.note_result(lost)
    assert journal.start_of_job(0, 1, LATER, 2) == LATER
    journal.note_posting(second, LEAD, "m2")
    journal.close()
    resumed = resume(path)

    assert resumed.start_of_job(0, 1, LATER) == NOON
    assert resumed.start_of_job(0, 1, LATER + timedelta(hours=1), 2) == LATER
    assert (resumed.history_of(first).mark, resumed.result_of(first)) == ("m1", lost)
    assert (resumed.history_of(second).mark, resumed.result_of(second)) == ("m2", None)
    assert b"swordfish" not in contents(path)
    resumed.note_canceled(second)
    assert resume_again(path).history_of(second) == IterationHistory()


def resume_again(path):
    """Resume a journal that is open."""
    close_all()
    return resume(path)
