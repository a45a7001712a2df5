"""Tests of files that get one line at a time (ADR 72)."""

from __future__ import annotations

import os
import resource
import signal
import stat
from contextlib import contextmanager

import pytest

from pscheduler_batch.output.destination import OutputError
from pscheduler_batch.output.line_file import LineFile


@pytest.fixture
def printed():
    """The lines on the standard error."""
    return []


@pytest.fixture
def warned():
    """The warnings."""
    return []


@pytest.fixture
def line_file(printed, warned):
    """Make a file of a path."""
    return lambda path: LineFile(str(path), holds="stream", print_line=printed.append, warn=warned.append)


@contextmanager
def most_bytes(count):
    """Let no file grow beyond a number of bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_each_line_is_there_at_once(line_file, tmp_path):
    """A new file can be read by its owner only."""
    path = tmp_path / "runs.jsonl"
    with line_file(path) as file:
        file.begin()
        file.write('{"n": 1}')
        assert path.read_text() == '{"n": 1}\n'
        file.write('{"n": 2}')
        assert path.read_text() == '{"n": 1}\n{"n": 2}\n'

    assert file.error is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_old_content_stays_until_the_batch_starts(line_file, tmp_path):
    """An error in the batch costs nothing; a file that exists keeps its permissions."""
    path = tmp_path / "runs.jsonl"
    path.write_text("of yesterday, and longer\n")
    path.chmod(0o644)
    with line_file(path) as file:
        assert path.read_text() == "of yesterday, and longer\n"
        file.begin()
        file.write("{}")

    assert path.read_text() == "{}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_place_that_cannot_be_written_is_an_error_at_once(line_file, tmp_path):
    """Before anything is submitted."""
    with pytest.raises(OutputError, match=r"cannot write the stream to .*: Is a directory"), line_file(tmp_path):
        pass


def test_a_full_disk_leaves_the_lines_before_it(line_file, tmp_path, warned):
    """No half of a line; there is one warning, and an error at the end."""
    path = tmp_path / "runs.jsonl"
    with line_file(path) as file, most_bytes(20):
        file.begin()
        for number in range(10):
            file.write(f'{{"n": {number}}}')

    assert path.read_text() == '{"n": 0}\n{"n": 1}\n'
    assert warned == [f"cannot write the stream to {path}: File too large; nothing more is written to it"]
    assert str(file.error) == f"cannot write the stream to {path}: File too large; it is incomplete"


def test_a_pipe_that_loses_its_reader_is_the_same(line_file, tmp_path, warned):
    """Python ignores SIGPIPE."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with line_file(path) as file:
        file.begin()
        file.write("{}")
        assert os.read(reader, 100) == b"{}\n"
        os.close(reader)
        file.write("{}")
        file.write("{}")

    assert len(warned) == 1
    assert "Broken pipe" in str(file.error)


def test_the_standard_error_is_written_by_the_progress(line_file, printed):
    """A live view must not be disturbed."""
    with line_file("-") as file:
        file.begin()
        file.write("{}")

    assert printed == ["{}"]


def test_a_pipe_without_a_reader(line_file, tmp_path):
    """Waiting for one could not be interrupted."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    with pytest.raises(OutputError, match="nothing reads this pipe"), line_file(path):
        pass
