"""
Work with scripts in a forked process, which can be ended while one of them runs (ADR 36).

jq holds the interpreter for as long as it runs, so a script without an end would keep this process from noticing
anything. The work is done in a copy of this process instead, which costs a millisecond and imports nothing anew, and
this one watches the note that says which script is being run.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import warnings
from contextlib import suppress
from datetime import timedelta
from typing import Any, Callable, Dict, List, Optional

from pscheduler_batch.transforms.jq_child import PARENTS_SIGNALS, be_expendable, describe_bug, tie_to_the_parent
from pscheduler_batch.transforms.running_script import Running, ScriptNote

# How often the note is looked at, in seconds. If a look comes later than three times that, it was not the script that
# took the time: this process was stopped, or had to wait for the processor.
_LOOK = 0.05
_LATE = 3 * _LOOK

# The part of the machine's memory that a script may take; what it takes until the next look is some hundredths more.
_PART = 2

Work = Callable[[], Dict[str, Any]]


class ScriptEndedError(Exception):
    """
    The work came to no end because of a script; the text says what happened to that.

    Attributes:
        running: The script.
    """

    def __init__(self, reason: str, running: Running) -> None:
        self.running = running
        super().__init__(reason)


class NoProcessError(Exception):
    """There is no way to do the work in another process."""


def run_watched(work: Work, note: ScriptNote, limit: timedelta, most_memory: Optional[int] = None) -> Dict[str, Any]:
    """
    Do something that runs scripts.

    Args:
        work: Makes a value that can be written as JSON; it uses the note as its guard. It is called in the other
            process, so nothing that it changes is changed here.
        note: Says which script is being run.
        limit: How long any script may take.
        most_memory: How many bytes any script may take; half of what the machine has, if nothing is said. Only where
            the system tells what a process has, as Linux does.

    Raises:
        ScriptEndedError: A script took longer, or more, or brought its process down.
        NoProcessError: Processes cannot be forked here.
        RuntimeError: There is a bug in what was to be done.
    """
    if not hasattr(os, "fork"):
        raise NoProcessError
    child = _Child(work)
    try:
        reply = child.wait(_Watch(note, limit, _memory_for_a_script() if most_memory is None else most_memory))
        status = child.gone()
    finally:
        child.kill()
    running = note.running()
    try:
        answer: Dict[str, Any] = json.loads(reply)
    except ValueError:
        if running is None:
            message = f"the process that ran the scripts ended without a reply ({_way_it_died(status)})"
            raise RuntimeError(message) from None
        raise ScriptEndedError(f"jq crashed while running the script ({_way_it_died(status)})", running) from None
    if "bug" in answer:
        raise RuntimeError(answer["bug"])
    value: Dict[str, Any] = answer["value"]
    return value


class _Watch:
    """Knows for how long the script has been running that is being run, and how much memory it has taken since."""

    def __init__(self, note: ScriptNote, limit: timedelta, most_memory: int) -> None:
        self._note = note
        self._limit = limit.total_seconds()
        self._most_memory = most_memory
        self._memory = 0
        self._count = 0
        self._took = 0.0
        self._looked = time.monotonic()

    def look(self, pid: int) -> None:
        """
        Look at the note.

        Args:
            pid: The process that runs the script.

        Raises:
            ScriptEndedError: The script has been running for too long, or has taken too much memory.
        """
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        running = self._note.running()
        if running is None or running.count != self._count:
            self._count = 0 if running is None else running.count
            self._took = 0.0
            self._memory = _memory_of(pid)
            return
        self._took += min(passed, _LATE)
        state = "being compiled" if running.job < 0 else "running"
        if self._took > self._limit:
            raise ScriptEndedError(f"the script was still {state} after {self._limit:g} s, the limit", running)
        if _memory_of(pid) - self._memory > self._most_memory:
            taken = f"{self._most_memory / (1 << 20):,.0f} MiB"
            raise ScriptEndedError(f"the script was still {state} when it used {taken} of memory, the limit", running)


class _Child:
    """The other process, seen from this one."""

    def __init__(self, work: Work) -> None:
        """
        Start it.

        Raises:
            NoProcessError: The system does not let us.
        """
        self._status: Optional[int] = None
        self._replies, replies = os.pipe()
        far_end, self._lifeline = os.pipe()
        try:
            # Newer Pythons warn of threads, whose locks might be held for ever in the copy; it uses none of theirs.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pid = os.fork()
        except OSError as error:
            for descriptor in (self._replies, replies, far_end, self._lifeline):
                os.close(descriptor)
            raise NoProcessError from error
        if not self._pid:
            os.close(self._replies)
            os.close(self._lifeline)
            _be_the_child(work, replies, far_end)
        os.close(replies)
        os.close(far_end)

    def wait(self, watch: _Watch) -> bytes:
        """Wait for all that it says."""
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        said: List[bytes] = []
        while True:
            if poll.poll(_LOOK * 1000):
                part = os.read(self._replies, 1 << 20)
                if not part:
                    return b"".join(said)
                said.append(part)
            else:
                watch.look(self._pid)

    def gone(self) -> int:
        """Wait until it is gone, once it has nothing more to say; say how it ended, as the system does."""
        if self._status is None:
            self._status = os.waitpid(self._pid, 0)[1]
        return self._status

    def kill(self) -> None:
        """Kill it, if it is not gone, and leave nothing of it."""
        if self._status is None:
            os.kill(self._pid, signal.SIGKILL)
            self.gone()
        os.close(self._replies)
        os.close(self._lifeline)


def _memory_of(pid: int) -> int:
    """Say how many bytes of memory a process has; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (IndexError, OSError, ValueError):
        return 0


def _memory_for_a_script() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _PART


def _be_the_child(work: Work, replies: int, lifeline: int) -> None:
    """Do the work, say what came of it, and end, whatever happens; nothing of the other process is cleaned up here."""
    try:
        for number in PARENTS_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        be_expendable()
        if tie_to_the_parent(lifeline):
            _silence()
            answer = _answer(work)
            with os.fdopen(replies, "wb") as pipe:
                pipe.write(answer)
    finally:
        os._exit(0)


def _silence() -> None:
    """Let nothing through that jq may write by itself; what is written there is for people."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _answer(work: Work) -> bytes:
    try:
        return json.dumps({"value": work()}).encode()
    except BaseException as error:  # noqa: BLE001 - a bug, which is to be seen where the parent is
        return json.dumps({"bug": describe_bug(error)}).encode()


def _way_it_died(status: int) -> str:
    if not os.WIFSIGNALED(status):
        return f"exit status {os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return "SIGKILL, which the system sends when memory runs out"
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
