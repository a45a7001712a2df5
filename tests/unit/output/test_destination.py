"""Tests of where the output document goes (ADR 18)."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from pscheduler_batch.errors import BatchError
from pscheduler_batch.output.destination import Destination, OutputError
from pscheduler_batch.output.document import pieces_of

DOCUMENT = {"jobs": [], "é": 2**70}
PROGRAM = """
import sys
from pscheduler_batch.output.destination import Destination, OutputError
try:
    with Destination(sys.argv[1] or None) as destination:
        destination.write(lambda: ['{"jobs": ["', *["x" * 100_000] * 2, '"]}'])
except OutputError as error:
    sys.exit(str(error))
"""


def write(path: Path) -> None:
    """Write the document to a file."""
    with Destination(str(path)) as destination:
        destination.write(partial(pieces_of, DOCUMENT))


def run_program(path: str, **options) -> subprocess.CompletedProcess[str]:
    """Write a long document in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, path]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **options)


def mode_of(path: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_without_a_file_the_document_is_on_the_standard_output(capfdbinary):
    """And nothing else is."""
    with Destination(None) as destination:
        destination.write(partial(pieces_of, DOCUMENT))

    assert json.loads(capfdbinary.readouterr().out) == DOCUMENT


def test_a_document_is_ascii_and_ends_its_line(tmp_path):
    """So that any terminal and any program can read it."""
    write(tmp_path / "out.json")
    data = (tmp_path / "out.json").read_bytes()

    assert data.isascii()
    assert data.endswith(b"}\n")


def test_a_file_takes_the_place_of_the_old_one_in_one_step(tmp_path):
    """A reader that has the old file open can read it to its end."""
    path = tmp_path / "out.json"
    path.write_text("old")
    with path.open() as old, Destination(str(path)) as destination:
        destination.write(partial(pieces_of, DOCUMENT))

        assert old.read() == "old"
    assert json.loads(path.read_text()) == DOCUMENT
    assert os.listdir(tmp_path) == ["out.json"]


def test_the_old_file_is_there_until_the_document_is_complete(tmp_path):
    """A batch may take days."""
    path = tmp_path / "out.json"
    path.write_text("old")
    with Destination(str(path)):
        assert path.read_text() == "old"


def test_a_new_file_is_only_for_the_user(tmp_path):
    """Tasks can hold secrets."""
    write(tmp_path / "out.json")

    assert mode_of(tmp_path / "out.json") == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o640])
def test_an_old_file_keeps_its_permissions(tmp_path, mode):
    """Whatever the user has set."""
    path = tmp_path / "out.json"
    path.write_text("old")
    path.chmod(mode)
    write(path)

    assert mode_of(path) == mode


@pytest.mark.parametrize("old", [None, "old"])
def test_an_exception_leaves_all_as_it_was(tmp_path, old):
    """No file is made, and none is left over."""
    path = tmp_path / "out.json"
    if old is not None:
        path.write_text(old)
    before = os.listdir(tmp_path)

    with pytest.raises(KeyError), Destination(str(path)):
        raise KeyError
    assert os.listdir(tmp_path) == before
    assert old is None or path.read_text() == old


def test_a_folder_that_is_not_there_is_found_at_the_beginning(tmp_path):
    """Before anything is sent."""

    with pytest.raises(OutputError, match=r"^cannot write .*/none/out\.json: No such file"):
        Destination(str(tmp_path / "none" / "out.json")).__enter__()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_found_at_the_beginning(tmp_path):
    """Before anything is sent."""
    tmp_path.chmod(0o500)

    with pytest.raises(OutputError, match="Permission denied"):
        Destination(str(tmp_path / "out.json")).__enter__()


def test_a_folder_is_no_file(tmp_path):
    """It could not be replaced."""

    with pytest.raises(OutputError, match="it is a directory"):
        Destination(str(tmp_path)).__enter__()


def test_a_file_name_is_made_printable(tmp_path):
    """A name may hold whatever a terminal obeys."""
    path = tmp_path / "a\n\x1b[2J"
    path.mkdir()
    with pytest.raises(OutputError) as caught, Destination(str(path)):
        pass

    assert str(caught.value) == f"cannot write {tmp_path}/a\\u000a\\u001b[2J: it is a directory"


def test_a_failed_beginning_leaves_nothing_behind(tmp_path, monkeypatch):
    """Some file systems have no permissions."""
    path = tmp_path / "out.json"
    path.write_text("old")

    def refuse(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchmod", refuse)

    with pytest.raises(OutputError, match="Operation not permitted"):
        Destination(str(path)).__enter__()
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_stays_one(tmp_path, exists):
    """The file that it leads to is replaced, or made."""
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    write(link)

    assert link.is_symlink()
    assert json.loads(target.read_text()) == DOCUMENT


def test_a_pipe_is_written_to(tmp_path):
    """It is no file that could be replaced."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write(path)
    reader.join(timeout=10)

    assert json.loads(read[0]) == DOCUMENT
    assert path.is_fifo()


def test_a_device_is_written_to():
    """It is no file that could be replaced."""
    write(Path(os.devnull))

    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_pipe_without_a_name_is_written_to():
    """/dev/stdout leads to one that has no path of its own."""
    done = run_program("/dev/stdout", stdout=subprocess.PIPE)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["jobs"][0]) == 200_000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_that_takes_neither_is_said_of_both():
    """So that the user does not look for the file."""
    with open("/dev/full", "wb") as full:
        done = run_program("/dev/full", stdout=full)

    assert [line.rpartition("Error: ")[2] for line in done.stderr.splitlines()[-2:]] == [
        "cannot write /dev/full: No space left on device",
        "cannot write the results to the standard output: No space left on device",
    ]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_full_disk_does_not_cost_the_results(capfdbinary):
    """They are on the standard output instead, and the message says so."""
    with pytest.raises(OutputError) as caught:
        write(Path("/dev/full"))

    assert str(caught.value) == (
        "cannot write /dev/full: No space left on device; the results were written to the standard output instead"
    )
    assert json.loads(capfdbinary.readouterr().out) == DOCUMENT


def test_a_signal_while_it_is_tried_out_leaves_no_file(tmp_path):
    """It ends the process when the file is gone."""
    signaled = """
import os, signal
make = os.fdopen
os.fdopen = lambda *how: (os.kill(os.getpid(), signal.SIGTERM), make(*how))[1]
"""
    done = subprocess.run([sys.executable, "-c", signaled + PROGRAM, tmp_path / "out.json"], check=False)

    assert (done.returncode, os.listdir(tmp_path)) == (-signal.SIGTERM, [])


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path, monkeypatch, capfdbinary):
    """And nothing else."""
    path = tmp_path / "out.json"
    path.write_text("old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError):
        write(path)

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.json"]
    assert json.loads(capfdbinary.readouterr().out) == DOCUMENT


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_disk_that_fills_up_half_way_costs_nothing(capfdbinary):
    """The standard output has the document from its beginning, though it is not held in memory."""
    document = {"jobs": ["x" * 200_000]}
    with pytest.raises(OutputError), Destination("/dev/full") as destination:
        destination.write(partial(pieces_of, document))

    assert json.loads(capfdbinary.readouterr().out) == document


def test_what_cannot_be_made_leaves_the_old_file(tmp_path, capfdbinary):
    """Results are read back while the file is written, and that may fail."""
    path = tmp_path / "out.json"
    path.write_text("old")

    def pieces():
        yield "{"
        raise BatchError("cannot read the results")

    with pytest.raises(BatchError, match=r"^cannot read the results$"), Destination(str(path)) as destination:
        destination.write(pieces)

    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.json"]
    assert capfdbinary.readouterr().out == b""


def test_a_folder_that_cannot_be_synchronized_is_no_failure(tmp_path, monkeypatch):
    """The file is in its place then."""
    real = os.open

    def refuse(path, *arguments, **options):
        if path == str(tmp_path.resolve()):
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    write(tmp_path / "out.json")

    assert json.loads((tmp_path / "out.json").read_text()) == DOCUMENT


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_standard_output_that_is_full_is_one_message():
    """Python adds nothing of its own when it exits."""
    with open("/dev/full", "wb") as full:
        done = run_program("", stdout=full)

    assert done.returncode == 1
    assert done.stderr == "cannot write the results to the standard output: No space left on device\n"


def test_a_reader_that_has_gone_is_one_message():
    """As with "| head"."""
    reading, writing = os.pipe()
    os.close(reading)
    done = run_program("", stdout=writing)
    os.close(writing)

    assert done.returncode == 1
    assert done.stderr == "cannot write the results to the standard output: Broken pipe\n"


def test_a_standard_output_that_is_closed_is_one_message():
    """As with ">&-"."""
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" "" >&-', sys.executable, PROGRAM], stderr=subprocess.PIPE, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, "cannot write the results to the standard output: it is closed\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_signal_takes_nothing_of_what_is_being_written(unbuffered):
    """Not even where Python buffers nothing, as in many containers."""
    reading, writing = os.pipe()
    signaled = f"import signal; signal.signal(signal.SIGTERM, lambda *_: None)\n{PROGRAM}"
    with subprocess.Popen(
        [sys.executable, "-c", signaled, ""], stdout=writing, env={**os.environ, "PYTHONUNBUFFERED": unbuffered}
    ) as process:
        os.close(writing)
        # It is in the middle of a write, which waits for the reader, when there is something to read.
        select.select([reading], [], [])
        process.terminate()
        with open(reading, "rb") as stream:
            document = json.loads(stream.read())

    assert (process.returncode, len(document["jobs"][0])) == (0, 200_000)


def test_a_slow_reader_of_a_pipe_that_does_not_wait_gets_everything():
    """A process that shares the pipe has set this mode, and finds it unchanged afterwards."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, ""], stdout=writing) as process:
        select.select([reading], [], [])
        os.set_blocking(reading, True)
        with open(reading, "rb") as stream:
            first = stream.read(1)
            threading.Thread(target=lambda: (process.wait(), os.close(writing))).start()
            document = json.loads(first + stream.read())

    assert (process.returncode, len(document["jobs"][0])) == (0, 200_000)


def test_a_report_takes_the_place_of_the_old_one(tmp_path):
    """As a document does, byte for byte."""
    path = tmp_path / "report.html"
    path.write_text("old")
    with Destination(str(path), holds="report") as destination:
        destination.write_bytes(["é".encode()])

    assert path.read_bytes() == "é".encode()
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_report_that_cannot_be_written_is_nowhere_else(capfdbinary):
    """The results are on the standard output already, or a report can be made again."""
    with pytest.raises(OutputError) as caught, Destination("/dev/full", holds="report") as destination:
        destination.write_bytes([b"re", b"port"])

    assert str(caught.value) == "cannot write /dev/full: No space left on device"
    assert capfdbinary.readouterr().out == b""
