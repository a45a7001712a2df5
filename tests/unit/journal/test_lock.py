"""Locks: for one process at a time, released with it, and never at the cost of a file's content."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys

import pytest

from pscheduler_batch.journal.lock import BusyError, Lock, LockError
from tests.support.clock import NOON

# Takes a lock, says so, and waits to be ended.
HOLDER = """
import sys
from pscheduler_batch.journal.lock import Lock
with Lock(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    """Where a lock file can be."""
    return str(tmp_path / "batch.lock")


@pytest.fixture
def holder(path):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"locked\n"
        yield process
        process.kill()


def lock_at(path):
    """Make a lock whose clock stands at noon."""
    return Lock(path, now=lambda: NOON)


def contents(path):
    """Read a file."""
    with open(path, "rb") as stream:
        return stream.read()


def test_a_lock_file_is_its_owners_alone_and_stays(path):
    """It is created if missing, says who holds it, and is empty after the release."""
    with lock_at(path):
        during = contents(path)

    assert during == f"{os.getpid()} 2026-03-01T12:00:00+00:00\n".encode()
    assert contents(path) == b""
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_two_never_have_a_lock_at_a_time(path):
    """The message of the second one says who holds it since when; the first one keeps it."""
    with lock_at(path), pytest.raises(BusyError) as busy, lock_at(path):
        pytest.fail("it is locked")

    assert str(busy.value) == (
        f"another batch is still running: process {os.getpid()} has had the lock file {path} "
        "since 2026-03-01T12:00:00+00:00"
    )
    assert (busy.value.path, busy.value.holder, busy.value.since) == (path, os.getpid(), NOON)


def test_a_lock_can_be_taken_again(path):
    """By the same process, after its release."""
    with lock_at(path):
        pass
    with lock_at(path):
        again = contents(path)

    assert again


def test_another_process_is_named(path, holder):
    """By its number and its own clock."""
    with pytest.raises(BusyError) as busy, Lock(path):
        pytest.fail("it is locked")

    assert busy.value.holder == holder.pid
    assert busy.value.since is not None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lock_ends_with_its_holder(path, holder, number):
    """Its note stays behind and locks nothing."""
    holder.send_signal(number)
    holder.wait()
    left = contents(path)
    with lock_at(path):
        during = contents(path)

    assert left.startswith(f"{holder.pid} ".encode())
    assert during.startswith(f"{os.getpid()} ".encode())


def test_a_child_that_was_forked_does_not_keep_the_lock(path):
    """The child has the file open as well, but the lock was released."""
    reading, writing = os.pipe()
    with Lock(path):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    try:
        with Lock(path):
            taken = True
    finally:
        os.close(writing)
        os.close(reading)
        os.waitpid(child, 0)

    assert taken


@pytest.mark.parametrize("text", [b'{"jobs": []}\n', b"12345\n", b"\xff\x00", b"1 2026-03-01T12:00:00+00:00\nmore\n"])
def test_a_file_with_something_in_it_keeps_it(path, text):
    """The wrong file may have been named, or another program locks it as well."""
    with open(path, "wb") as stream:
        stream.write(text)
    with lock_at(path), pytest.raises(BusyError, match="another process has had the lock file") as busy, lock_at(path):
        pytest.fail("it is locked")

    assert contents(path) == text
    assert (busy.value.holder, busy.value.since) == (None, None)


@pytest.mark.parametrize(
    "note",
    [
        b"4294967296 2026-03-01T12:00:00+00:00\n",
        b"9999999999 2026-03-01T12:00:00+00:00\n",
        b"1 2026-99-99T12:00:00+00:00\n",
    ],
)
def test_a_note_that_cannot_be_true_is_not_believed(path, note):
    """Such as that of a process which no longer exists, while another program has locked the file."""
    with open(path, "wb") as stream:
        stream.write(note)
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match=r"another process has had the lock file .*batch\.lock$"), Lock(path):
            pytest.fail("it is locked")

    assert contents(path) == note


def test_a_full_disk_keeps_nobody_from_locking(path):
    """Only the note is missing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with Lock(path), pytest.raises(BusyError, match="another process has had the lock file"), Lock(path):
            pytest.fail("it is locked")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert contents(path) == b""


@pytest.mark.parametrize("name", ["missing/batch.lock", "."])
def test_a_lock_file_that_cannot_be_opened_is_an_error(tmp_path, name):
    """A directory, or a file in a directory that does not exist."""
    with pytest.raises(LockError, match="cannot open the lock file") as error, Lock(str(tmp_path / name)):
        pytest.fail("there is nothing to lock")

    assert not isinstance(error.value, BusyError)


def test_a_file_name_is_made_printable(tmp_path):
    """A name may hold whatever a terminal obeys."""
    with pytest.raises(LockError) as caught, Lock(str(tmp_path / "a\n\x1b[2J" / "lock")):
        pass

    assert str(caught.value).isprintable()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/null", path)])
def test_a_device_is_no_lock_file(path, make):
    """Nor does it wait for one."""
    make(path)

    with pytest.raises(LockError, match="as the lock file: it is not a regular file"), Lock(path):
        pytest.fail("there is nothing to lock")


def test_a_lock_that_was_never_taken_can_be_left(path):
    """Nothing is created, and nothing fails."""
    Lock(path).__exit__(None, None, None)

    assert not os.path.exists(path)
