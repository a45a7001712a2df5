"""
A watchdog over the scripts of ``--check``: they run in a forked process, which is killed if one never ends (ADR 36).

The whole work is one request to that process, as a request for each script would take a quarter more time. The process
notes in shared memory which script it runs, and this process watches the note.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from datetime import timedelta
from struct import Struct
from typing import Any, Callable, Dict, Optional

from pscheduler_batch.model import Batch
from pscheduler_batch.transforms.confinement import Confinement
from pscheduler_batch.transforms.pipeline import SkippedError
from pscheduler_batch.transforms.script import ScriptError
from pscheduler_batch.transforms.script_process import (
    Look,
    NoProcessError,
    ProcessEndedError,
    ScriptProcess,
    forked,
    time_limit,
    time_limit_words,
)

__all__ = ["NoProcessError", "Running", "ScriptEndedError", "ScriptNote", "run_watched"]

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
    process = ScriptProcess(forked(lambda _request, _text: work()), confinement)
    try:
        look: Look
        if confinement is None:
            look = _Watch(process.pid, note, limit, _memory_for_a_script() if most_memory is None else most_memory).look
        else:
            seconds = confinement.time.total_seconds()
            look = time_limit(seconds, f"the scripts of the batch take more than {seconds:g} s together, the limit")
        reply: Dict[str, Any] = process.ask(look=look)
    except ProcessEndedError as error:
        running = note.running()
        if running is None and (error.status or confinement is None):
            reason = f"the process that ran the scripts ended without a reply ({error.status or error})"
            raise RuntimeError(reason) from error
        raise ScriptEndedError(str(error), running or _ALL) from error
    finally:
        process.end()
    return reply


class _Watch:
    """Measures how long the current script has been running, and how much memory it has allocated since."""

    def __init__(self, pid: int, note: ScriptNote, limit: timedelta, most_memory: int) -> None:
        self._pid = pid
        self._note = note
        self._limit = limit.total_seconds()
        self._most_memory = most_memory
        self._memory = 0
        self._count = 0
        self._took = 0.0

    def look(self, passed: float) -> None:
        """
        Look at the note.

        Args:
            passed: The seconds since the last look.

        Raises:
            ScriptEndedError: The script exceeds a limit.
        """
        running = self._note.running()
        if running is None or running.count != self._count:
            self._count = 0 if running is None else running.count
            self._took = 0.0
            self._memory = _memory_of(self._pid)
            return
        self._took += passed
        state = "being compiled" if running.job < 0 else "running"
        if self._took > self._limit:
            raise ScriptEndedError(time_limit_words(self._limit, state), running)
        if _memory_of(self._pid) - self._memory > self._most_memory:
            used = f"{self._most_memory / (1 << 20):,.0f} MiB"
            raise ScriptEndedError(f"the script was still {state} when it used {used} of memory, the limit", running)


def _memory_of(pid: int) -> int:
    """Return the memory of a process in bytes; 0 if the system does not report it."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as pages:
            return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (IndexError, OSError, ValueError):
        return 0


def _memory_for_a_script() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _PART
