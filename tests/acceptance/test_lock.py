"""Batches that are never run side by side, and outputs with the time in their names."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat

import pytest

from tests.support.commands import job, run_batch

BATCH = {"jobs": [job()]}


@pytest.fixture
def lock(tmp_path):
    """The file of a lock that is free."""
    return tmp_path / "lock"


@pytest.fixture
def held(lock):
    """The same, while another process has it."""
    with lock.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield lock


def test_a_batch_with_a_lock_is_run(lock, there):
    """The file is its owner's alone, and stays empty."""
    done = run_batch("--lock", str(lock), *there, batch=BATCH)

    assert (done.status, done.stderr) == (0, "")
    assert done.results[0][0]["runs"]
    assert lock.read_bytes() == b""
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600


@pytest.mark.parametrize("option", ["-o", "--journal", "--events"])
def test_a_lock_is_not_written(lock, there, option):
    """An output replaces its file, and a journal has a lock of its own."""
    done = run_batch("--lock", str(lock), option, str(lock), *there, batch=BATCH)

    assert (done.status, done.stdout) == (1, "")
    assert "two options name the same file" in done.stderr


@pytest.mark.parametrize("asked", [(), ("--if-locked", "fail")])
def test_a_batch_that_is_locked_out_fails(held, there, pscheduler, asked):
    """It says so, sends nothing, and leaves what is there."""
    output = held.parent / "out.json"
    output.write_text("before", encoding="utf-8")
    done = run_batch("--lock", str(held), *asked, "-o", str(output), *there, batch=BATCH)

    assert (done.status, done.stdout) == (1, "")
    assert done.stderr == (
        f"pscheduler batch: error: another batch is still running: another process has had the lock file {held}\n"
    )
    assert output.read_text(encoding="utf-8") == "before"
    assert list(pscheduler.state.requests) == []


def test_a_batch_that_is_locked_out_can_be_skipped(held, there, pscheduler):
    """Without a word."""
    done = run_batch("--lock", str(held), "--if-locked", "skip", *there, batch=BATCH)

    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    assert list(pscheduler.state.requests) == []


def test_a_site_can_lock_all_its_batches(held, there):
    """By variables."""
    done = run_batch(*there, batch=BATCH, PSCHEDULER_BATCH_LOCK=str(held), PSCHEDULER_BATCH_IF_LOCKED="skip")

    assert (done.status, done.stdout, done.stderr) == (0, "", "")


def test_looking_at_a_batch_needs_no_lock(held):
    """Not even where a variable asks for one."""
    done = run_batch("--dry-run", batch=BATCH, PSCHEDULER_BATCH_LOCK=str(held))

    assert done.status == 0
    assert done.document["jobs"]


def test_a_lock_that_cannot_be_is_an_error(tmp_path, there):
    """It is told, and is no traceback."""
    done = run_batch("--lock", str(tmp_path / "missing" / "lock"), "--if-locked", "skip", *there, batch=BATCH)

    assert (done.status, done.stdout) == (1, "")
    assert re.fullmatch(
        r"pscheduler batch: error: cannot open the lock file .*: No such file or directory\n", done.stderr
    )


def test_an_output_has_the_time_in_its_name(tmp_path, there):
    """Of the command, in the time zone of the machine."""
    pattern = tmp_path / "100%%-%Y%m%dT%H%M%S%z.json"
    done = run_batch("-o", str(pattern), *there, batch=BATCH, TZ="XYZ-05:30")
    (output,) = tmp_path.iterdir()

    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    assert re.fullmatch(r"100%-\d{8}T\d{6}\+0530\.json", output.name)
    assert json.loads(output.read_text(encoding="utf-8"))["jobs"][0]["results"][0]["runs"]


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--output", "%Y/out.json", "does not exist; create it first"),
        ("--journal", "out-%Q", "%Q is not a date or time directive; write %% for a percent sign"),
        ("--report", "out.csv%", "ends with a single %; write %% for a percent sign"),
    ],
)
def test_a_name_that_cannot_be_is_an_error(option, name, message, tmp_path, there, pscheduler):
    """Before anything is sent or made."""
    done = run_batch(option, str(tmp_path / name), *there, batch=BATCH)

    assert done.status in {1, 2}
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(pscheduler.state.requests) == []
    assert os.listdir(tmp_path) == []
