"""
What a process that runs scripts leaves for the one that watches it: which script is being run.

The note lies in memory that both share. It costs a microsecond per script, and it is there whatever becomes of the
process that wrote it.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from struct import Struct
from typing import Dict, Optional, Sequence

from pscheduler_batch.model import Batch
from pscheduler_batch.transforms.pipeline import SkippedError, scripts_of
from pscheduler_batch.transforms.script import ScriptError

# How many notes there were, and the numbers of the transform, of the job and of the iteration.
_NOTE = Struct("=qqqq")
_NONE = -1


@dataclass(frozen=True)
class Running:
    """
    A script that is being compiled or run.

    Attributes:
        count: How many scripts were begun or done until then, by which it can be told from others.
        where: The JSON pointer of the transform.
        job: The number of the job; -1 while scripts are compiled.
        iteration: The number of the iteration; -1 where it is for none.
    """

    count: int
    where: str
    job: int
    iteration: int


class ScriptNote:
    """
    The note, for both sides; it is made before the processes part.

    For the one that runs scripts it is a :class:`~pscheduler_batch.transforms.pipeline.Guard`, which keeps it
    from running
    those again that had to be ended.
    """

    def __init__(self, batch: Batch) -> None:
        """
        Make the memory.

        Args:
            batch: Whose scripts are to be run.
        """
        self._wheres = [transform.where for transform in scripts_of(batch)]
        self._numbers = {where: number for number, where in enumerate(self._wheres)}
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._count = 0
        self._ended: Dict[str, Running] = {}
        self._reasons: Dict[str, str] = {}
        self._note(_NONE, _NONE, _NONE)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()

    def begin(self, where: str, job: int, iteration: int) -> None:
        """
        Note that a script is about to be compiled or run; the arguments are those of a guard.

        Raises:
            ScriptError: It was ended here before.
            SkippedError: It was ended before.
        """
        ended = self._ended.get(where)
        if ended is not None and (job, iteration) >= (ended.job, ended.iteration):
            if (job, iteration) > (ended.job, ended.iteration):
                raise SkippedError(where)
            raise ScriptError(self._reasons[where])
        self._note(self._numbers[where], job, iteration)

    def end(self) -> None:
        """Note that no script is being run."""
        self._note(_NONE, _NONE, _NONE)

    def _note(self, transform: int, job: int, iteration: int) -> None:
        self._count += 1
        _NOTE.pack_into(self._memory, 0, self._count, transform, job, iteration)

    def running(self) -> Optional[Running]:
        """Say which script is being run."""
        count, transform, job, iteration = _NOTE.unpack_from(self._memory, 0)
        return None if transform == _NONE else Running(count, self._wheres[transform], job, iteration)

    def mark_ended(self, running: Running, reason: str) -> None:
        """
        Keep a script from being run again, from this time on.

        Args:
            running: What was being run when it had to be ended.
            reason: What is to be said of it.
        """
        self._ended[running.where] = running
        self._reasons[running.where] = reason
        self.end()

    @property
    def ended(self) -> Sequence[str]:
        """The JSON pointers of the scripts that had to be ended."""
        return tuple(self._ended)
