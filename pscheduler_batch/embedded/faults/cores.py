"""The processor cores of a small server, which its concurrent requests and runs share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import List, Optional

# What a server reports about a process that it killed, after the step that failed (recordings o10 and o11).
TOO_LONG = "Process took too long to run."

_ROUNDING = 1e-6  # seconds; more than rounding errors of sums of times, and than a timer may be early


@dataclass(eq=False)
class _Work:
    """
    Work under way.

    Attributes:
        processes: The number of its processes.
        end: What each process must have been given until it ends, on the scale of :attr:`Cores._given`.
        done: Receives whether it finished in time.
    """

    processes: int
    end: float
    done: asyncio.Future[bool]


class Cores:
    """
    Cores that are shared fairly: each of n processes gets the n-th part of all cores, at most one core.

    Times are computed, and no processor time is used. Use it on the server's event loop only.

    Args:
        count: The number of cores.
    """

    def __init__(self, count: float) -> None:
        self.count = count
        self._under_way: List[_Work] = []
        self._given = 0.0  # seconds of one core that a process would have been given since the beginning
        self._since = 0.0  # the time of the event loop up to which that is computed
        self._timer: Optional[asyncio.TimerHandle] = None

    @property
    def processes(self) -> int:
        """The number of processes under way."""
        return sum(work.processes for work in self._under_way)

    async def work(self, seconds: float, *, limit: float, processes: int = 1) -> bool:
        """
        Do some work, and return whether it was finished, not killed because it took too long.

        Args:
            seconds: The work, in seconds of one core.
            limit: The time after which it is killed, in seconds.
            processes: The number of processes that it is divided among.
        """
        loop = asyncio.get_running_loop()
        self._catch_up(loop)
        work = _Work(processes, self._given + seconds / processes, loop.create_future())
        killing = loop.call_later(limit, _end, work, False)  # noqa: FBT003 - an argument of _end
        self._under_way.append(work)
        self._set_timer(loop)
        try:
            return await work.done
        finally:
            killing.cancel()
            self._catch_up(loop)
            self._under_way.remove(work)
            self._set_timer(loop)

    @property
    def _speed(self) -> float:
        """The seconds of one core that each process is given in a second."""
        return min(1.0, self.count / (self.processes or 1))

    def _catch_up(self, loop: asyncio.AbstractEventLoop) -> None:
        """Account for the processor time since the last call."""
        now = loop.time()
        if self._under_way:
            self._given += (now - self._since) * self._speed
        self._since = now

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake up when the next work is done."""
        if self._timer is not None:
            self._timer.cancel()
        ends = [work.end for work in self._under_way if not work.done.done()]
        if ends:
            self._timer = loop.call_later(max(0.0, min(ends) - self._given) / self._speed, self._end_work, loop)

    def _end_work(self, loop: asyncio.AbstractEventLoop) -> None:
        self._catch_up(loop)
        for work in self._under_way:
            if work.end <= self._given + _ROUNDING:
                _end(work, True)  # noqa: FBT003 - an argument of _end
        self._set_timer(loop)


def _end(work: _Work, in_time: bool) -> None:  # noqa: FBT001 - called by a timer
    if not work.done.done():
        work.done.set_result(in_time)
