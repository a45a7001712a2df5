"""
A watchdog over the scripts of ``--check``: they run in a forked process, which is killed if one never ends (ADR 36).

jq blocks the interpreter while it runs, so a script that never ends would make this process unresponsive. The work is
done in a copy of the process, which takes a millisecond and imports nothing again. The copy notes in shared memory
which script it runs, and this process watches the note.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import time
import warnings
from dataclasses import dataclass
from datetime import timedelta
from struct import Struct
from typing import Any, Callable, Dict, List, Optional, Union

from pscheduler_batch.model import Batch
from pscheduler_batch.transforms.child_process import (
    PARENTS_SIGNALS,
    be_expendable,
    crash_words,
    describe_bug,
    exit_words,
    tie_to_the_parent,
    time_limit_words,
)
from pscheduler_batch.transforms.confinement import Confinement, confine_process
from pscheduler_batch.transforms.pipeline import SkippedError
from pscheduler_batch.transforms.script import ScriptError

# Seconds between two looks at the note. If a look is later than three times that, this process was stopped or had to
# wait for the processor, which must not count as time of the script.
_LOOK = 0.05
_LATE = 3 * _LOOK

# The fraction of the machine's memory that a script may use; until the next look it may use a few percent more.
_PART = 2

# The number of notes so far, and the numbers of the transform, the job and the iteration.
_NOTE = Struct("=qqqq")
_NONE = -1

Work = Callable[[], Dict[str, Any]]


@dataclass(frozen=True)
class Running:
    """
    A script that is being compiled or run.

    Attributes:
        count: The number of notes until then, which tells it apart from other runs.
        where: The JSON pointer of the transform.
        job: The number of the job; -1 while scripts are compiled.
        iteration: The number of the iteration; -1 if it is not for one.
    """

    count: int
    where: str
    job: int
    iteration: int


class ScriptNote:
    """
    Names the script that is running, in memory shared by two processes; create it before the fork.

    For the process that runs scripts it is a :class:`~pscheduler_batch.transforms.pipeline.Guard`, which also prevents
    scripts that had to be stopped from running again. A note takes a microsecond and outlives the process that made it.
    """

    def __init__(self, batch: Batch) -> None:
        """
        Allocate the memory.

        Args:
            batch: The batch whose scripts are to be run.
        """
        self._wheres = [transform.where for transform in batch.scripts]
        self._numbers = {where: number for number, where in enumerate(self._wheres)}
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._count = 0
        self._ended: Dict[str, Running] = {}
        self._reasons: Dict[str, str] = {}
        self._note(_NONE, _NONE, _NONE)

    def close(self) -> None:
        """Free the memory."""
        self._memory.close()

    def begin(self, where: str, job: int, iteration: int) -> None:
        """
        Note that a script is about to be compiled or run; the arguments are those of a guard.

        Raises:
            ScriptError: The script was stopped here before.
            SkippedError: The script was stopped at an earlier iteration.
        """
        ended = self._ended.get(where)
        if ended is not None and (job, iteration) >= (ended.job, ended.iteration):
            if (job, iteration) > (ended.job, ended.iteration):
                raise SkippedError(where)
            raise ScriptError(self._reasons[where])
        self._note(self._numbers[where], job, iteration)

    def end(self) -> None:
        """Note that no script is running."""
        self._note(_NONE, _NONE, _NONE)

    def _note(self, transform: int, job: int, iteration: int) -> None:
        self._count += 1
        _NOTE.pack_into(self._memory, 0, self._count, transform, job, iteration)

    def running(self) -> Optional[Running]:
        """Return the script that is running, if any."""
        count, transform, job, iteration = _NOTE.unpack_from(self._memory, 0)
        return None if transform == _NONE else Running(count, self._wheres[transform], job, iteration)

    def mark_ended(self, running: Running, reason: str) -> None:
        """
        Prevent a script from being run again, from this iteration on.

        Args:
            running: The script when it had to be stopped.
            reason: The error to report for it.
        """
        self._ended[running.where] = running
        self._reasons[running.where] = reason
        self.end()


# All scripts of the batch, where none of them is known to be the cause.
_ALL = Running(0, "/", _NONE, _NONE)


class ScriptEndedError(Exception):
    """
    A script had to be stopped, or ended its process; the text is the error to report.

    Attributes:
        running: The script.
    """

    def __init__(self, reason: str, running: Running) -> None:
        self.running = running
        super().__init__(reason)


class NoProcessError(Exception):
    """The system does not allow another process."""


def run_watched(
    work: Work,
    note: ScriptNote,
    limit: timedelta,
    most_memory: Optional[int] = None,
    *,
    confinement: Optional[Confinement] = None,
) -> Dict[str, Any]:
    """
    Do work that runs scripts in a forked process.

    Args:
        work: Returns a value that can be written as JSON, and uses the note as its guard. It is called in the other
            process, so it changes nothing in this one.
        note: The note of the script that is running.
        limit: The time limit of a script.
        most_memory: The memory limit of a script in bytes; by default half of the machine's memory. Only systems that
            report the memory of a process, such as Linux, enforce it.
        confinement: Limits for the whole work instead of each script, which the system enforces as well; the work must
            confine its scripts itself.

    Raises:
        ScriptEndedError: A script exceeded a limit or crashed its process.
        NoProcessError: Processes cannot be forked here.
        RuntimeError: There is a bug in the work.
    """
    if not hasattr(os, "fork"):
        raise NoProcessError
    child = _Child(work, confinement)
    memory = _memory_for_a_script() if most_memory is None else most_memory
    try:
        reply = child.wait(_Watch(note, limit, memory) if confinement is None else _WholeWatch(note, confinement))
        exit_code = child.exit_code()
    finally:
        child.kill()
    running = note.running()
    try:
        answer: Dict[str, Any] = json.loads(reply)
    except ValueError:
        if running is None:
            message = f"the process that ran the scripts ended without a reply ({exit_words(exit_code)})"
            raise RuntimeError(message) from None
        raise ScriptEndedError(
            crash_words(exit_code, confinement.memory_words if confinement else ""), running
        ) from None
    if "exhausted" in answer and confinement is not None:
        raise ScriptEndedError(f"the scripts need more than {confinement.memory_words} of memory, the limit", _ALL)
    if "bug" in answer:
        raise RuntimeError(answer["bug"])
    value: Dict[str, Any] = answer["value"]
    return value


class _Watch:
    """Measures how long the current script has been running, and how much memory it has allocated since."""

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
            ScriptEndedError: The script exceeds a limit.
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
            raise ScriptEndedError(time_limit_words(self._limit, state), running)
        if _memory_of(pid) - self._memory > self._most_memory:
            used = f"{self._most_memory / (1 << 20):,.0f} MiB"
            raise ScriptEndedError(f"the script was still {state} when it used {used} of memory, the limit", running)


class _WholeWatch:
    """Measures how long the whole work has taken."""

    def __init__(self, note: ScriptNote, confinement: Confinement) -> None:
        self._note = note
        self._limit = confinement.time.total_seconds()
        self._took = 0.0
        self._looked = time.monotonic()

    def look(self, pid: int) -> None:  # noqa: ARG002 - as of the other watch
        """
        Look at the clock.

        Raises:
            ScriptEndedError: The work exceeds the limit.
        """
        now = time.monotonic()
        self._took += min(now - self._looked, _LATE)
        self._looked = now
        if self._took > self._limit:
            reason = f"the scripts of the batch take more than {self._limit:g} s together, the limit"
            raise ScriptEndedError(reason, self._note.running() or _ALL)


class _Child:
    """The forked process, as seen from its parent."""

    def __init__(self, work: Work, confinement: Optional[Confinement]) -> None:
        self._exit_code: Optional[int] = None
        self._replies, replies = os.pipe()
        far_end, self._lifeline = os.pipe()
        try:
            # Newer Pythons warn that locks of threads may stay locked in the copy; it uses none of them.
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
            _be_the_child(work, replies, far_end, confinement)
        os.close(replies)
        os.close(far_end)

    def wait(self, watch: Union[_Watch, _WholeWatch]) -> bytes:
        """Read the reply to its end."""
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        received: List[bytes] = []
        while True:
            if poll.poll(_LOOK * 1000):
                part = os.read(self._replies, 1 << 20)
                if not part:
                    return b"".join(received)
                received.append(part)
            else:
                watch.look(self._pid)

    def exit_code(self) -> int:
        """Wait until the process has ended."""
        if self._exit_code is None:
            self._exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._exit_code

    def kill(self) -> None:
        """Kill the process unless it has ended, and free everything that belongs to it."""
        if self._exit_code is None:
            os.kill(self._pid, signal.SIGKILL)
            self.exit_code()
        os.close(self._replies)
        os.close(self._lifeline)


def _memory_of(pid: int) -> int:
    """Return the memory of a process in bytes; 0 if the system does not report it."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (IndexError, OSError, ValueError):
        return 0


def _memory_for_a_script() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _PART


def _be_the_child(work: Work, replies: int, lifeline: int, confinement: Optional[Confinement]) -> None:
    """Do the work, send the reply and end without any clean-up, which is the business of the parent."""
    try:
        for number in PARENTS_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        be_expendable()
        if tie_to_the_parent(lifeline):
            _silence()
            if confinement is not None:
                confine_process(confinement.memory)
            answer = _answer(work)
            with os.fdopen(replies, "wb") as pipe:
                pipe.write(answer)
    finally:
        os._exit(0)


def _silence() -> None:
    """Discard what jq itself may print; standard output and standard error belong to the parent."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _answer(work: Work) -> bytes:
    try:
        return json.dumps({"value": work()}).encode()
    except MemoryError:
        return b'{"exhausted": true, "bug": "MemoryError"}'
    except BaseException as error:  # noqa: BLE001 - a bug, which the parent reports
        return json.dumps({"bug": describe_bug(error)}).encode()
