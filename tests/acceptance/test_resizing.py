"""The live view in a terminal that breaks its lines anew when its size changes, as most do."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from tests.support.commands import TIME_LIMIT, environment, job, task

BEFORE = [str(number) for number in range(1, 31)]

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux here")


class Tmux:
    """A terminal of tmux in which a command runs; a context manager."""

    def __init__(self, socket: str) -> None:
        self._tmux = ("tmux", "-S", socket, "-f", "/dev/null")

    def __enter__(self) -> Tmux:  # noqa: PYI034 - not made for subclasses
        """Do nothing more."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""
        self("kill-server")

    def __call__(self, *command: str) -> str:
        """Do something, and give what tmux says."""
        done = subprocess.run(
            [*self._tmux, *command],
            capture_output=True,
            text=True,
            env={**environment(), "CI": "", "LC_ALL": "C.UTF-8"},
            timeout=TIME_LIMIT,
            check=False,
        )
        return done.stdout

    def shown(self) -> str:
        """Return all lines, with those that have left the screen."""
        return self("capture-pane", "-p", "-S", "-")

    def until(self, word: str) -> None:
        """Wait until something is shown."""
        end = time.monotonic() + TIME_LIMIT
        while word not in self.shown():
            assert time.monotonic() < end, self.shown()
            time.sleep(0.05)


@pytest.mark.parametrize(("iterations", "narrow", "said"), [(12, 42, "running  ends"), (4, 30, "/0 running")])
def test_no_line_of_the_view_is_left_behind(there, tmp_path, iterations, narrow, said):
    """Neither when the terminal becomes narrower, nor when it becomes wide again."""
    many = job("x" * 40, iterations=iterations, parallel=True, sync_start=False, task=task("idle", duration="PT1H"))
    path = tmp_path / "batch.json"
    path.write_text(json.dumps({"jobs": [many]}))
    command = [sys.executable, "-m", "pscheduler_batch", "--no-summary", *there, "-o", "/dev/null", str(path)]
    line = f"trap : INT; seq {len(BEFORE)}; {shlex.join(command)}; echo THE END; sleep {TIME_LIMIT}"
    with Tmux(str(tmp_path / "tmux")) as tmux:
        tmux("new-session", "-d", "-x", "80", "-y", "24", line)
        for width, shown in ((80, "running  127"), (narrow, said), (100, "running  127")):
            tmux("resize-window", "-x", str(width), "-y", "24")
            tmux.until(shown)
        tmux("send-keys", "C-c")
        tmux.until("THE END")
        lines = tmux.shown().split("\n")

    assert [line for line in lines if line.strip() and "pscheduler batch: " not in line] == [*BEFORE, "THE END"]


def test_control_z_leaves_the_terminal_to_the_shell(there, tmp_path):
    """And the view comes back with the batch."""
    path = tmp_path / "batch.json"
    long = job("long", iterations=8, parallel=True, sync_start=False, task=task("idle", duration="PT1H"))
    path.write_text(json.dumps({"jobs": [long]}))
    command = shlex.join(
        [sys.executable, "-m", "pscheduler_batch", "--no-summary", *there, "-o", "/dev/null", str(path)]
    )
    with Tmux(str(tmp_path / "tmux")) as tmux:
        tmux("new-session", "-d", "-x", "200", "-y", "24", "env PS1='ready> ' bash --norc --noprofile")
        tmux.until("ready>")
        tmux("send-keys", command, "Enter")
        tmux.until("long/7  running")
        tmux("send-keys", "C-z")
        tmux.until("Stopped")
        stopped = tmux.shown()
        tmux("send-keys", "fg", "Enter")
        tmux.until("long/7  running")
        tmux("send-keys", "C-c")
        tmux.until("interrupted by SIGINT")
        tmux("send-keys", "echo THE END", "Enter")
        tmux.until("\nTHE END")
        ended = tmux.shown()

    assert "running" not in stopped
    assert "running" not in ended
