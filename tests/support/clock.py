"""The clock of all tests: time passes only when something waits for it, and that takes no real time."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import List, Optional, Tuple

from pscheduler_batch.clock import Clock

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
# So many iterations of the event loop are enough for everything else to come to a standstill.
ROUNDS = 50


def after(seconds: float) -> datetime:
    """Return the time so many seconds after noon, when every virtual clock starts."""
    return NOON + timedelta(seconds=seconds)


class VirtualClock:
    """
    A clock that wakes its sleepers in order of time, each as soon as nothing else can go on.

    Attributes:
        seconds: How many seconds have passed.
        slept: How long each sleep was, in seconds, without :meth:`pass_by`.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: List[float] = []
        self._sleepers: List[Tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._round: Optional[asyncio.Handle] = None

    @property
    def clock(self) -> Clock:
        """The clock for the code under test."""
        return Clock(self.now, self.sleep)

    def now(self) -> datetime:
        """Return the time."""
        return after(self.seconds)

    def tick(self, seconds: float) -> None:
        """Let time pass while nothing waits."""
        self.seconds = round(self.seconds + seconds, 6)

    async def sleep(self, seconds: float) -> None:
        """Sleep, and record for how long."""
        self.slept.append(round(seconds, 3))
        await self.pass_by(seconds)

    async def pass_by(self, seconds: float) -> None:
        """Wait until so many seconds have passed."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (round(self.seconds + seconds, 6), next(self._numbers), woken))
        if self._round is not None:
            self._round.cancel()
        self._round = loop.call_soon(self._advance, ROUNDS)
        await woken

    def _advance(self, rounds: int) -> None:
        while not rounds and self._sleepers:
            at, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():  # It is done if its sleeper was cancelled.
                self.seconds = max(self.seconds, at)
                woken.set_result(None)
                rounds = ROUNDS + 1
        if rounds:
            self._round = asyncio.get_running_loop().call_soon(self._advance, rounds - 1)
