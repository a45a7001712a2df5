"""Work with scripts in another process, and what becomes of scripts that do not come to an end (ADR 36)."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from pscheduler_batch.input.loader import load_batch
from pscheduler_batch.transforms.watchdog import ScriptEndedError, ScriptNote, run_watched

OWN = "/jobs/0/task-transform"
LONG = timedelta(minutes=1)


@pytest.fixture
def note():
    """A note for a batch with one script."""
    batch = load_batch({"jobs": [{"task": {}, "task-transform": {"script": "."}}]})
    with closing(ScriptNote(batch)) as made:
        yield made


def children():
    """Return the children of this process, including those that have ended but were not waited for."""
    threads = Path("/proc/self/task").iterdir()
    return {child for thread in threads for child in (thread / "children").read_text().split()}


def descriptors():
    """Count the files that are open."""
    return len(os.listdir("/dev/fd"))


def test_the_work_is_done_in_another_process(note):
    """And what it gives comes back, however long it is."""
    reply = run_watched(lambda: {"pid": os.getpid(), "long": "x" * 1_000_000}, note, LONG)

    assert reply["pid"] != os.getpid()
    assert len(reply["long"]) == 1_000_000


def test_nothing_of_the_process_is_left(note):
    """No file and no zombie, whatever became of the work."""
    before = descriptors(), children()
    run_watched(lambda: {"a": 1}, note, LONG)
    with pytest.raises(ScriptEndedError):
        run_watched(lambda: die(note), note, LONG)

    assert (descriptors(), children()) == before


def die(note):
    """Crash in the middle of a script."""
    # Else it tells the tests' own standard error.
    faulthandler.disable()
    note.begin(OWN, 0, 2)
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def hang(note):
    """Run a script without an end."""
    note.begin(OWN, 0, 2)
    threading.Event().wait()
    return {}


def test_a_script_without_an_end_is_ended(note):
    """And named."""
    before = children()
    with pytest.raises(ScriptEndedError, match=r"^the script was still running after 0\.2 s, the limit$") as caught:
        run_watched(lambda: hang(note), note, timedelta(seconds=0.2))

    assert (caught.value.running.where, caught.value.running.iteration) == (OWN, 2)
    assert children() == before


def swell(note):
    """Run a script that takes more and more memory."""
    note.begin(OWN, 0, 2)
    taken = []
    while True:
        taken.append(b"x" * (1 << 20))
        # No faster, or the limit is noticed late on a busy machine.
        threading.Event().wait(0.001)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not say what a process has")
def test_a_script_that_takes_the_memory_of_the_machine_is_ended(note):
    """And named, long before its time is up."""
    before = children()
    words = r"^the script was still running when it used 64 MiB of memory, the limit$"
    with pytest.raises(ScriptEndedError, match=words) as caught:
        run_watched(lambda: swell(note), note, LONG, most_memory=64 << 20)

    assert (caught.value.running.where, caught.value.running.iteration) == (OWN, 2)
    assert children() == before


def test_memory_that_was_taken_before_is_not_the_script_s(note):
    """Such as that of the tasks of many iterations."""
    taken = []

    def work():
        taken.append(b"x" * (32 << 20))
        return hang(note)

    with pytest.raises(ScriptEndedError, match=r"^the script was still running after 0\.2 s"):
        run_watched(work, note, timedelta(seconds=0.2), most_memory=16 << 20)


def test_a_script_that_brings_jq_down_is_named(note):
    """With the signal."""
    with pytest.raises(ScriptEndedError, match=r"^jq crashed while running the script \(SIGSEGV\)$") as caught:
        run_watched(lambda: die(note), note, LONG)

    assert (caught.value.running.where, caught.value.running.iteration) == (OWN, 2)


def test_many_scripts_that_take_long_together_are_not_ended(note):
    """The limit is that of each."""

    def work():
        for iteration in range(8):
            note.begin(OWN, 0, iteration)
            threading.Event().wait(0.1)
            note.end()
        return {"done": True}

    assert run_watched(work, note, timedelta(seconds=0.6)) == {"done": True}


def test_what_takes_long_and_is_no_script_is_not_ended(note):
    """There is no limit for it."""

    def work():
        threading.Event().wait(0.4)
        return {"done": True}

    assert run_watched(work, note, timedelta(seconds=0.1)) == {"done": True}


def test_a_bug_is_seen_with_its_place_and_without_what_it_says(note):
    """What it says may be a secret."""

    def work():
        message = "swordfish"
        raise ValueError(message)

    with pytest.raises(RuntimeError, match=r"in work\n") as caught:
        run_watched(work, note, LONG)

    assert "ValueError" in str(caught.value)
    assert "swordfish" not in str(caught.value).replace('message = "swordfish"', "")


def test_a_process_that_dies_while_no_script_runs_is_a_bug(note):
    """It is not blamed on a script."""
    with pytest.raises(RuntimeError, match="SIGKILL"):
        run_watched(lambda: {"never": os.kill(os.getpid(), signal.SIGKILL)}, note, LONG)


def test_threads_do_no_harm(note):
    """A program that checks batches may have any number of them."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        reply = run_watched(lambda: {"threads": threading.active_count()}, note, LONG)
    finally:
        done.set()
        thread.join()

    assert reply == {"threads": 1}


def test_what_the_work_prints_is_not_seen(note, capfd):
    """The standard output is for the document."""
    run_watched(lambda: {"written": os.write(1, b"swordfish") + os.write(2, b"swordfish")}, note, LONG)

    assert capfd.readouterr() == ("", "")
