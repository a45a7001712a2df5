"""Tests of keeping results out of memory (ADR 42)."""

from __future__ import annotations

import gc
import json
import os
import stat
import tempfile
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from pscheduler_batch.model import Failure, Iteration, IterationResult, Run, RunResult
from pscheduler_batch.output.document import render_result
from pscheduler_batch.output.record_store import KeepingError, open_unnamed
from pscheduler_batch.output.result_store import ResultStore

NO_SPACE = "/dev/full"
needs_full_disk = pytest.mark.skipif(not os.path.exists(NO_SPACE), reason="there is no /dev/full here")


def make_result(number=0, job=0, text="é\n" * 2000):
    """Make the result of an iteration."""
    merged = {"succeeded": True, "number": number}
    run = Run("https://ps/r", "finished", None, None, "https://ps/r/result", merged, {})
    formats = {"application/json": merged, "text/plain": text}
    iteration = Iteration(job, number, f"a/{number}", timedelta(0), {"test": {}})
    return IterationResult(iteration, "https://ps/t", (RunResult(run, formats),))


def make_failure(number=0, message="refused"):
    """Make the result of an iteration that failed."""
    return IterationResult(make_result(number).iteration, failure=Failure(message, "posting", ""))


def keep_all(kept, results):
    """Keep results, the failed ones as such."""
    for result in results:
        kept.keep(result, succeeded=result.failure is None)


def read(kept, job=0):
    """Read the results of a job."""
    return [json.loads(text) for text in kept.of_job(job)]


class Files:
    """Makes files, and remembers them."""

    def __init__(self):
        self.made = []

    def open(self):
        """Make a file; its descriptor is not the one that the store keeps."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the fixture closes it
        self.made.append(file)
        return os.fdopen(os.dup(file.fileno()), "w+b")

    def close(self):
        """Leave nothing open."""
        for file in self.made:
            file.close()


@pytest.fixture
def files():
    """Files that can be looked into."""
    files = Files()
    yield files
    files.close()


@pytest.mark.parametrize("most_bytes", [0, 50, 10**6])
def test_results_are_given_as_they_will_be_in_the_output(most_bytes):
    """In the order of iterations, as often as they are wanted, in memory or not."""
    results = [make_result(number) for number in (2, 0, 1)]
    kept = ResultStore([].append, most_bytes=most_bytes)
    keep_all(kept, results)

    assert read(kept) == read(kept) == [render_result(results[place]) for place in (1, 2, 0)]
    assert {job: list(texts) for job, texts in kept.texts().items()} == {0: list(kept.of_job(0))}


def test_results_are_indented_as_the_output_is():
    """Then they can be copied into it."""
    kept = ResultStore([].append)
    kept.keep(make_result(), succeeded=True)

    assert list(kept.of_job(0)) == [json.dumps(render_result(make_result()), indent=2)]


def test_a_few_results_need_no_file(files):
    """Most batches are small."""
    keep_all(ResultStore([].append, open_file=files.open), [make_result(number) for number in range(100)])

    assert files.made == []


def test_what_is_too_much_for_memory_is_in_one_file(files):
    """Compressed."""
    kept = ResultStore([].append, most_bytes=500, open_file=files.open)
    keep_all(kept, [make_result(number) for number in range(100)])
    (file,) = files.made
    length = sum(map(len, kept.of_job(0)))

    assert length / 100 < os.fstat(file.fileno()).st_size < length / 10
    assert [result["runs"][0]["application/json"]["number"] for result in read(kept)] == list(range(100))


def test_the_file_is_for_nobody_else():
    """It has no name, and secrets may be in it."""
    with open_unnamed() as file:
        status = os.fstat(file.fileno())

    assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 0)


def test_the_file_is_where_the_user_wants_temporary_files(tmp_path, monkeypatch):
    """A file without a name belongs to the file system of its folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with open_unnamed() as file:
        where = os.readlink(f"/proc/self/fd/{file.fileno()}")

    assert where.startswith(f"{tmp_path}/")


def test_there_may_be_no_place_for_large_files(tmp_path, monkeypatch):
    """Then any other one will do."""
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr("pscheduler_batch.output.record_store.LARGE_FILES", str(tmp_path / "none"))
    with open_unnamed() as file:
        assert file.writable()


def test_the_file_is_gone_with_the_results(files):
    """Nothing has to be closed."""
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    kept = ResultStore([].append, most_bytes=0)
    kept.keep(make_result(), succeeded=True)
    during = len(os.listdir("/proc/self/fd"))
    del kept
    gc.collect()

    assert (during, len(os.listdir("/proc/self/fd"))) == (before + 1, before)


def test_a_later_result_takes_the_place_of_an_earlier_one():
    """What became of a task that was cut short is known at the end."""
    kept = ResultStore([].append, most_bytes=0)
    keep_all(kept, [make_result(0), make_failure(1, "cut short"), make_failure(1, "cut short; it was canceled")])

    assert [result.get("error") for result in read(kept)] == [None, "cut short; it was canceled"]


@needs_full_disk
def test_a_full_disk_costs_nothing():
    """The results stay in memory, and that is said once."""
    told = []
    kept = ResultStore(told.append, most_bytes=300, open_file=partial(open, NO_SPACE, "r+b", buffering=0))
    results = [make_result(number) for number in range(10)]
    keep_all(kept, results)

    assert read(kept) == [render_result(result) for result in results]
    assert told == ["cannot store results on disk (No space left on device); keeping them in memory, compressed"]


def test_a_disk_that_fills_up_keeps_what_it_has(files, monkeypatch):
    """What did not fit is in memory, whole; what did fit is read from the disk."""
    told = []
    write = os.pwrite
    room = [600]

    def write_a_little(number, data, offset):
        if not room[0]:
            raise OSError(28, "No space left on device")
        written = write(number, data[: min(100, room[0])], offset)
        room[0] -= written
        return written

    monkeypatch.setattr(os, "pwrite", write_a_little)
    kept = ResultStore(told.append, most_bytes=0, open_file=files.open)
    results = [make_result(number) for number in range(10)]
    keep_all(kept, results)

    assert read(kept) == [render_result(result) for result in results]
    assert len(told) == 1


def test_no_file_at_all_costs_nothing():
    """As where every folder is read-only."""
    told = []

    def refuse():
        raise OSError(30, "Read-only file system")

    kept = ResultStore(told.append, most_bytes=0, open_file=refuse)
    keep_all(kept, [make_result(0), make_result(1)])

    assert len(read(kept)) == 2
    assert told == ["cannot store results on disk (Read-only file system); keeping them in memory, compressed"]


def test_a_disk_that_gives_nothing_back_is_an_error(files):
    """With words, as the program itself is right."""
    kept = ResultStore([].append, most_bytes=0, open_file=files.open)
    kept.keep(make_result(), succeeded=True)
    files.made[0].truncate(10)

    with pytest.raises(KeepingError, match=r"^cannot read the results stored on disk: the file has become"):
        read(kept)


def test_jobs_are_told_apart():
    """And given in their order, whichever was first."""
    kept = ResultStore([].append)
    keep_all(kept, [make_result(job=3), make_result(job=1)])

    assert (kept.jobs, len(read(kept, 1)), read(kept, 2)) == ((1, 3), 1, [])


def test_all_succeeded_if_each_did():
    """None of none failed."""
    kept = ResultStore([].append)
    alone = kept.succeeded
    kept.keep(make_result(0), succeeded=True)
    good = kept.succeeded
    kept.keep(make_failure(1), succeeded=False)

    assert (alone, good, kept.succeeded) == (True, True, False)


def test_the_last_attempt_has_those_before_it():
    """In their order; an attempt that is kept again replaces itself."""
    kept = ResultStore(pytest.fail)
    for attempt, text in ((1, "first"), (2, "second"), (2, "second again"), (3, "third")):
        result = make_failure(message=text)
        kept.keep(replace(result, iteration=replace(result.iteration, attempt=attempt)), succeeded=attempt == 3)
    keep_all(kept, [make_result(1)])

    last, other = read(kept)
    assert last == {
        **render_result(make_failure(message="third")),
        "attempts": [render_result(make_failure(message=text)) for text in ("first", "second again")],
    }
    assert "attempts" not in other
    assert kept.succeeded


def test_attempts_are_indented_like_the_document():
    """So that the output is what the json module writes."""
    kept = ResultStore(pytest.fail)
    for attempt in (1, 2):
        result = make_failure()
        kept.keep(replace(result, iteration=replace(result.iteration, attempt=attempt)), succeeded=False)

    assert list(kept.of_job(0)) == [json.dumps(read(kept)[0], indent=2)]
