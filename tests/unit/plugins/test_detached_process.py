"""A process that outlives the one that pScheduler kills: with real processes, which is what it is about."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import wait_for

# The work reports its process, waits for the life line, and reports that it has been cut.
PROGRAM = """
import os, sys
from pathlib import Path
from pscheduler_batch.plugins.detached_process import DetachedError, reply_of_detached

def work(lifeline):
    path = Path(sys.argv[1])
    path.write_text(str(os.getpid()))
    os.read(lifeline, 1)
    path.with_suffix(".cut").write_text("cut")
    if sys.argv[2] == "bug":
        raise ValueError("a bug")
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), 9)
    return "reply \\u00fc" * 100_000

try:
    reply = reply_of_detached(work)
    sys.stdout.write(f"{reply[:7]} {len(reply)}")
except DetachedError as error:
    sys.exit(str(error))
"""


class Started:
    """The program, started and at work."""

    def __init__(self, folder: Path, what: str = "") -> None:
        self.file = folder / "work"
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(self.file), what],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        )
        wait_for(lambda: self.file.exists() and self.file.read_text() != "")
        self.worker = int(self.file.read_text())

    def is_cut(self) -> bool:
        """Return whether the work has seen the end of the life line."""
        return self.file.with_suffix(".cut").exists()

    def has_ended(self) -> bool:
        """Return whether the worker is gone."""
        try:
            os.kill(self.worker, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{self.worker}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state == "Z"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_work_early_and_its_reply_still_comes(tmp_path, number):
    """So does the output of a batch that was canceled."""
    started = Started(tmp_path)
    started.process.send_signal(number)
    output, _ = started.process.communicate(timeout=60)

    assert (started.process.returncode, output.decode()) == (0, "reply ü 700000")


def test_the_work_outlives_a_kill_and_is_told_of_it(tmp_path):
    """PScheduler kills the process and its descendants; the worker is none of them, and can clean up."""
    started = Started(tmp_path)
    children = Path(f"/proc/{started.process.pid}/task/{started.process.pid}/children")
    wait_for(lambda: not children.read_text().split())
    assert os.getpgid(started.worker) != os.getpgid(started.process.pid)
    started.process.kill()
    # The pipes are closed, although the worker may still be at work.
    started.process.communicate(timeout=60)
    wait_for(started.is_cut)

    wait_for(started.has_ended)


@pytest.mark.parametrize(("what", "shown"), [("bug", b"ValueError: a bug"), ("killed", b"ended without a result")])
def test_a_worker_that_dies_has_no_reply(tmp_path, what, shown):
    """Its traceback is that of the method."""
    started = Started(tmp_path, what)
    started.process.terminate()
    output, errors = started.process.communicate(timeout=60)

    assert (started.process.returncode, output) == (1, b"")
    assert shown in errors
